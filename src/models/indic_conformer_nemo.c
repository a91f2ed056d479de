/*
 * indic_conformer_nemo.c - what a .nemo archive says beside the weights, in the form of the
 * published folder: pieces of each language from the vocabulary of its SentencePiece model, masks
 * of the CTC head's columns, constants of decoding. Languages follow each other in the head in the
 * order the configuration lists them; the blank is last.
 */
#include <string.h>

#include "formats/nemo.h"
#include "models/indic_conformer.h"
#include "models/models.h"

enum { MAX_LANGUAGES = 1000, MAX_PIECES = 1 << 20 };

static const struct json *get_path(const struct json *j, const char *const *keys) {
    for (; j && *keys; keys++)
        j = json_get(j, *keys);
    return j;
}

static const struct named_tensor *find_tensor(const struct model_tables *t, const char *name) {
    for (size_t i = 0; i < t->n_tensors; i++)
        if (strcmp(t->tensors[i].name, name) == 0) return &t->tensors[i];
    return NULL;
}

/* Lines "piece\tscore", as SentencePiece writes them, the unknown piece first. */
static karma_status read_pieces(struct arena *a, const struct nemo *n, const char *file,
                                struct json **out) {
    const char *text;
    size_t size;
    karma_status st = nemo_file(n, file, &text, &size);
    struct json *list = json_new_array(a);
    if (st == KARMA_OK && !list) st = KARMA_E_NOMEM;
    for (size_t at = 0; st == KARMA_OK && at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t line = end ? (size_t)(end - text) - at : size - at;
        const char *tab = memchr(text + at, '\t', line);
        if (json_count(list) == MAX_PIECES)
            return status_fail(KARMA_E_LIMIT, "%s: more than %d pieces", status_quotez(file),
                               MAX_PIECES);
        const size_t len = tab ? (size_t)(tab - text) - at : line;
        if (line) st = json_push(a, list, json_new_stringn(a, text + at, len));
        at += line + 1;
    }
    *out = list;
    return st;
}

static karma_status read_vocabulary(struct arena *a, const struct nemo *n,
                                    const struct json *languages, struct json *vocab) {
    const size_t count = json_count(languages);
    if (!json_is_object(languages) || count == 0 || count > MAX_LANGUAGES)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "model_config.yaml: tokenizer.langs: expected the tokenizers of some "
                           "languages, found %s",
                           json_type_name(languages));
    size_t pieces = 0;
    for (size_t i = 0; i < count; i++) {
        const struct json_member *l = &languages->u.object.members[i];
        const char *file = json_str(json_get(l->value, "spe_tokenizer_vocab"), NULL);
        struct json *list = NULL;
        karma_status st = file ? read_pieces(a, n, file, &list)
                               : status_fail(KARMA_E_MISSING, "spe_tokenizer_vocab is not given");
        if (st == KARMA_OK && i > 0 && json_count(list) != pieces)
            st = status_fail(KARMA_E_UNSUPPORTED, "%zu pieces, other languages have %zu",
                             json_count(list), pieces);
        if (st == KARMA_OK) pieces = json_count(list);
        if (st == KARMA_OK) st = json_set(a, vocab, l->key, list);
        if (st < 0) return status_prefix(st, "tokenizer.langs.%s", status_quotez(l->key));
    }
    return pieces ? KARMA_OK : status_fail(KARMA_E_SHAPE, "the vocabularies are empty");
}

static karma_status make_masks(struct arena *a, const struct json *vocab, size_t pieces,
                               struct json *masks) {
    const size_t count = json_count(vocab), columns = count * pieces + 1;
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        struct json *list = json_new_array(a);
        if (!list) return KARMA_E_NOMEM;
        for (size_t c = 0; st == KARMA_OK && c < columns; c++)
            st = json_push(a, list, json_new_bool(a, c / pieces == i || c == columns - 1));
        if (st == KARMA_OK) st = json_set(a, masks, vocab->u.object.members[i].key, list);
    }
    return st;
}

static karma_status check_heads(const struct model_tables *t, size_t columns) {
    const struct named_tensor *head = find_tensor(t, "ctc_decoder.decoder_layers.0.weight");
    if (!find_tensor(t, "encoder.pre_encode.out.weight"))
        return status_fail(KARMA_E_UNSUPPORTED, "its weights are not those of a Conformer");
    if (!head || (head->n_dims > 0 && (size_t)head->dims[0] == columns)) return KARMA_OK;
    return status_fail(KARMA_E_SHAPE, "the CTC head has %lld rows, the vocabularies ask for %zu",
                       head->n_dims > 0 ? (long long)head->dims[0] : 0, columns);
}

static karma_status make_config(struct arena *a, const struct json *yaml, size_t pieces,
                                struct model_tables *out) {
    static const char *const stride_path[] = {"preprocessor", "window_stride", NULL};
    static const char *const factor_path[] = {"encoder", "subsampling_factor", NULL};
    static const char *const most_path[] = {"decoding", "greedy", "max_symbols", NULL};
    const struct json *stride = get_path(yaml, stride_path), *most = get_path(yaml, most_path);
    const struct json *factor = get_path(yaml, factor_path);
    const struct named_tensor *embed = find_tensor(out, "decoder.prediction.embed.weight");
    struct json *config = json_new_object(a);
    const double hop_s = stride && stride->type == JSON_REAL ? stride->u.real : 0.01;
    const int64_t frames = factor && factor->type == JSON_INT ? factor->u.integer : 8;
    if (!config) return KARMA_E_NOMEM;
    karma_status st = json_set(a, config, "BLANK_ID", json_new_int(a, (int64_t)pieces));
    if (st == KARMA_OK && embed && embed->n_dims == 2)
        st = json_set(a, config, "SOS", json_new_int(a, embed->dims[0] - 1));
    if (st == KARMA_OK)
        st = json_set(a, config, "RNNT_MAX_SYMBOLS",
                      most && most->type == JSON_INT ? most : json_new_int(a, 10));
    if (st == KARMA_OK)
        st = json_set(a, config, "FRAME_DURATION_MS", json_new_real(a, hop_s * (double)frames));
    out->config = config;
    return st;
}

karma_status model_tables_of_nemo(struct arena *a, const struct nemo *n, struct model_tables *out) {
    static const char *const languages_path[] = {"tokenizer", "langs", NULL};
    const struct json *yaml = nemo_config(n);
    struct json *vocab = json_new_object(a), *masks = json_new_object(a);
    *out = (struct model_tables){.architecture = "IndicConformerASR"};
    if (!vocab || !masks) return KARMA_E_NOMEM;
    out->tensors = nemo_tensors(n, &out->n_tensors);
    karma_status st = read_vocabulary(a, n, get_path(yaml, languages_path), vocab);
    if (st < 0) return st;
    const size_t pieces = json_count(vocab->u.object.members[0].value);
    st = check_heads(out, pieces * json_count(vocab) + 1);
    if (st == KARMA_OK) st = make_masks(a, vocab, pieces, masks);
    if (st == KARMA_OK) st = make_config(a, yaml, pieces, out);
    out->files[out->n_files++] = (struct model_table){"vocab.json", vocab};
    out->files[out->n_files++] = (struct model_table){"language_masks.json", masks};
    return st;
}
