/*
 * tokenizer_vocab_files.c - tokenizers from the files that came before tokenizer.json: vocab.txt of
 * WordPiece, vocab.json with merges.txt of byte-level BPE. What the files do not say is what the
 * reference's classes of these names build around them.
 */
#include <string.h>

#include "base/utf8.h"
#include "text/tokenizer_reader.h"
#include "text/unicode.h"

/* ---- special tokens ---- */

/* In the order in which the reference gives ids to those that the vocabulary lacks. */
enum { BOS, EOS, UNK, SEP, PAD, CLS, MASK, N_NAMES };
static const char *const names[N_NAMES] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                           "pad_token", "cls_token", "mask_token"};

/* What a class takes for those that tokenizer_config.json does not name; NULL: none. */
struct defaults {
    const char *names[N_NAMES];
};

static karma_status entry_flags(const struct json *tree, struct added_entry *e) {
    karma_status st = json_field_bool(tree, "lstrip", false, &e->lstrip);
    if (st == KARMA_OK) st = json_field_bool(tree, "rstrip", false, &e->rstrip);
    if (st == KARMA_OK) st = json_field_bool(tree, "single_word", false, &e->single_word);
    return st < 0 ? st : json_field_bool(tree, "normalized", false, &e->normalized);
}

/* A token under the id it has, or the next free one. Done already: nothing happens. */
static karma_status add_token(struct tokenizer *t, struct added_entry *e) {
    int32_t known = vocab_find(&t->vocab, e->content, e->len);
    for (int32_t id = 0; known < 0 && id < t->vocab.n_ids; id++) { /* added, but not indexed */
        size_t len;
        if (!vocab_has(&t->vocab, id) || !(t->vocab.flags[id] & VOCAB_ADDED)) continue;
        const char *text = vocab_spelled(&t->vocab, id, &len);
        if (len == e->len && memcmp(text, e->content, len) == 0) known = id;
    }
    if (known >= 0 && t->vocab.flags[known] & VOCAB_ADDED) return KARMA_OK;
    e->id = known >= 0 ? known : t->vocab.n_ids;
    return tokenizer_add_token(t, e);
}

/* {"900": {"content": "<s>", "special": true, ...}, ...} */
static karma_status add_listed(struct tokenizer *t, const struct json *config) {
    const struct json *list = json_get(config, "added_tokens_decoder");
    for (size_t i = 0; json_is_object(list) && i < json_count(list); i++) {
        const struct json *tree = list->u.object.members[i].value;
        struct added_entry e = {.id = 0};
        const char *key = list->u.object.members[i].key;
        for (const char *p = key; ascii_is_digit(*p) && e.id <= VOCAB_MAX_IDS; p++)
            e.id = e.id * 10 + (*p - '0');
        karma_status st = json_need_str(tree, "content", &e.content);
        if (st == KARMA_OK) st = json_field_bool(tree, "special", false, &e.special);
        if (st == KARMA_OK) st = entry_flags(tree, &e);
        if (st == KARMA_OK) {
            e.content = arena_strdup(&t->arena, e.content);
            if (!e.content) return KARMA_E_NOMEM;
            e.len = strlen(e.content);
            st = tokenizer_add_token(t, &e);
        }
        if (st < 0) return status_prefix(st, "added_tokens_decoder: %s", status_quotez(key));
    }
    return KARMA_OK;
}

static karma_status add_special(struct tokenizer *t, const struct json *value,
                                const char *content) {
    struct added_entry e = {.special = true};
    if (json_is_object(value)) {
        karma_status st = json_need_str(value, "content", &content);
        if (st == KARMA_OK) st = entry_flags(value, &e);
        if (st < 0) return st;
    } else if (value) {
        content = json_str(value, NULL); /* null: the class has none */
    }
    if (!content) return KARMA_OK;
    e.content = arena_strdup(&t->arena, content);
    if (!e.content) return KARMA_E_NOMEM;
    e.len = strlen(content);
    return add_token(t, &e);
}

static karma_status add_specials(struct tokenizer *t, const struct json *config,
                                 const struct defaults *d) {
    static const char *const lists[] = {"additional_special_tokens", "extra_special_tokens"};
    karma_status st = add_listed(t, config);
    for (int i = 0; st == KARMA_OK && i < N_NAMES; i++)
        st = status_prefix(add_special(t, json_get(config, names[i]), d->names[i]), "%s", names[i]);
    for (int i = 0; i < 2; i++) {
        const struct json *list = json_get(config, lists[i]);
        for (size_t k = 0; st == KARMA_OK && json_is_array(list) && k < json_count(list); k++)
            st = status_prefix(add_special(t, json_at(list, k), NULL), "%s", lists[i]);
    }
    return st;
}

/* The id of a special token, in the template around a text. */
static karma_status add_around(struct tokenizer *t, const struct json *config,
                               const struct defaults *d, int name, bool after) {
    const struct json *value = json_get(config, names[name]);
    if (json_is_object(value)) value = json_get(value, "content");
    const char *text = value ? json_str(value, NULL) : d->names[name];
    const int32_t id = text ? tokenizer_find(t, text, strlen(text)) : -1;
    if (id < 0)
        return status_fail(KARMA_E_MISSING, "%s '%s' is not in the vocabulary", names[name],
                           status_quotez(text ? text : ""));
    if (after)
        t->after[t->n_after++] = id;
    else
        t->before[t->n_before++] = id;
    return KARMA_OK;
}

static karma_status finish(karma_status st, struct tokenizer *t, const char *name,
                           struct tokenizer **out) {
    if (st < 0) {
        tokenizer_destroy(t);
        return status_prefix(st, "%s", name);
    }
    *out = t;
    return KARMA_OK;
}

/* ---- vocab.txt ---- */

/* The next line without what ends it; NULL: no more. */
static const char *next_line(const char **p, const char *end, size_t *len) {
    if (*p == end) return NULL;
    const char *line = *p, *stop = memchr(line, '\n', (size_t)(end - line));
    *p = stop ? stop + 1 : end;
    *len = (size_t)((stop ? stop : end) - line);
    return line;
}

static karma_status read_vocab_txt(struct tokenizer *t, const char *data, size_t len) {
    size_t n, bad;
    const char *p = data, *line;
    if (!utf8_valid(data, len, &bad))
        return status_fail(KARMA_E_ENCODING, "no UTF-8 at byte %zu", bad);
    for (int64_t id = 0; (line = next_line(&p, data + len, &n)); id++) {
        int bytes;
        while (n > 0 && (unicode_get(unicode_before(line, line + n, &bytes)) & UNICODE_CLASS) ==
                            UNICODE_SPACE)
            n -= (size_t)bytes;
        karma_status st = n > 0 ? vocab_add(&t->vocab, id, line, n) : KARMA_OK;
        if (st < 0) return status_prefix(st, "line %lld", (long long)id + 1);
    }
    if (t->vocab.n_ids == 0) return status_fail(KARMA_E_MISSING, "no tokens");
    return vocab_index(&t->vocab, VOCAB_HIGHEST_ID);
}

static karma_status bert_pipeline(struct tokenizer *t, const struct json *config) {
    bool lower, ideographs, accents;
    karma_status st = json_field_bool(config, "do_lower_case", true, &lower);
    if (st == KARMA_OK) st = json_field_bool(config, "tokenize_chinese_chars", true, &ideographs);
    if (st == KARMA_OK) st = json_field_bool(config, "strip_accents", lower, &accents);
    if (st < 0) return status_prefix(st, "tokenizer_config.json");
    st = normalizer_add_bert(&t->normalizer, true, ideographs, accents, lower);
    if (st == KARMA_OK) st = pretokenizer_add_bert(&t->pretokenizer);
    t->decoder.wordpiece = t->decoder.cleanup = true;
    t->decoder.prefix = t->wordpiece.prefix;
    t->decoder.prefix_len = t->wordpiece.prefix_len;
    return st;
}

karma_status tokenizer_from_vocab_txt(const char *data, size_t len, const struct json *config,
                                      const char *name, struct tokenizer **out) {
    static const struct defaults bert = {
        {[UNK] = "[UNK]", [SEP] = "[SEP]", [PAD] = "[PAD]", [CLS] = "[CLS]", [MASK] = "[MASK]"}};
    *out = NULL;
    struct tokenizer *t = tokenizer_new();
    if (!t) return KARMA_E_NOMEM;
    t->model = MODEL_WORDPIECE;
    karma_status st = read_vocab_txt(t, data, len);
    if (st == KARMA_OK) st = bert_pipeline(t, config);
    if (st == KARMA_OK) st = add_specials(t, config, &bert);
    if (st == KARMA_OK) {
        const struct json *value = json_get(config, names[UNK]);
        if (json_is_object(value)) value = json_get(value, "content");
        const char *unk = json_str(value, bert.names[UNK]);
        t->wordpiece.unk = vocab_find(&t->vocab, unk, strlen(unk));
        st = tokenizer_finish(t);
    }
    if (st == KARMA_OK) st = add_around(t, config, &bert, CLS, false);
    if (st == KARMA_OK) st = add_around(t, config, &bert, SEP, true);
    return finish(st, t, name, out);
}

/* ---- vocab.json and merges.txt ---- */

static karma_status read_vocab_json(struct tokenizer *t, const char *data, size_t len) {
    struct json_pull j;
    enum json_event ev;
    json_pull_init(&j, data, len);
    karma_status st = json_pull_next(&j, &ev);
    if (st == KARMA_OK && ev != JSON_EV_OBJECT_BEGIN) st = reader_wrong_type("an object");
    if (st == KARMA_OK) st = reader_vocab_map(t, &j);
    if (st == KARMA_OK) st = json_pull_next(&j, &ev); /* nothing may follow */
    json_pull_release(&j);
    return status_prefix(st, "vocab.json");
}

static karma_status read_merges_txt(struct bpe *b, const char *data, size_t len) {
    struct vocab_text parts[2 * BPE_BATCH];
    const char *p = data, *end = data + len, *line;
    size_t n, n_parts = 0, done, bad;
    long long line_no = 0, first = 1; /* of the line being read, of the first in the batch */
    karma_status st = KARMA_OK;
    if (!utf8_valid(data, len, &bad))
        return status_fail(KARMA_E_ENCODING, "merges.txt: no UTF-8 at byte %zu", bad);
    do {
        line = next_line(&p, end, &n);
        line_no++;
        if (line && n > 0 && line[n - 1] == '\r') n--;
        if (line && n > 0 && !(n >= 8 && memcmp(line, "#version", 8) == 0)) {
            const char *space = memchr(line, ' ', n);
            const size_t left = space ? (size_t)(space - line) : 0;
            if (left == 0 || left + 1 == n || memchr(space + 1, ' ', n - left - 1))
                return status_fail(KARMA_E_SYNTAX,
                                   "merges.txt: line %lld: not two parts with a space between",
                                   line_no);
            parts[n_parts++] = (struct vocab_text){line, left};
            parts[n_parts++] = (struct vocab_text){space + 1, n - left - 1};
        }
        if (n_parts == 2 * BPE_BATCH || (!line && n_parts > 0)) {
            st = bpe_add_merges(b, parts, n_parts / 2, &done);
            if (st < 0)
                return status_prefix(st, "merges.txt: in lines %lld to %lld", first, line_no);
            n_parts = 0;
            first = line_no + 1;
        }
    } while (line);
    return KARMA_OK;
}

static karma_status bpe_pipeline(struct tokenizer *t, const char *pre, const struct json *config) {
    bool prefix;
    karma_status st = json_field_bool(config, "add_prefix_space", false, &prefix);
    if (st == KARMA_OK && strcmp(pre, "qwen2") == 0)
        st = normalizer_add(&t->normalizer, (struct normalizer_step){.kind = NORMALIZE_NFC});
    if (st == KARMA_OK && prefix && strcmp(pre, "gpt-2") != 0) {
        return status_fail(KARMA_E_UNSUPPORTED, "add_prefix_space with pre-tokenizer '%s'",
                           status_quotez(pre));
    }
    if (st == KARMA_OK && prefix)
        st = pretokenizer_add(&t->pretokenizer,
                              (struct pretoken_step){.kind = PRETOKEN_PREFIX_SPACE});
    return st < 0 ? st : tokenizer_known_pre(t, pre);
}

static const char *pre_of_class(const char *class) {
    static const struct {
        const char *class, *pre;
    } known[] = {{"Qwen2Tokenizer", "qwen2"},   {"Qwen2TokenizerFast", "qwen2"},
                 {"GPT2Tokenizer", "gpt-2"},    {"GPT2TokenizerFast", "gpt-2"},
                 {"RobertaTokenizer", "gpt-2"}, {"RobertaTokenizerFast", "gpt-2"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].class, class) == 0) return known[i].pre;
    return NULL;
}

/* RoBERTa always puts its two tokens around a text; others only a bos, when asked to. */
static karma_status bpe_template(struct tokenizer *t, const struct json *config,
                                 const struct defaults *d, bool roberta) {
    bool bos, eos;
    karma_status st = json_field_bool(config, "add_bos_token", false, &bos);
    if (st == KARMA_OK) st = json_field_bool(config, "add_eos_token", false, &eos);
    if (st == KARMA_OK && (roberta || bos))
        st = add_around(t, config, d, roberta ? CLS : BOS, false);
    if (st == KARMA_OK && (roberta || eos))
        st = add_around(t, config, d, roberta ? SEP : EOS, true);
    return st;
}

karma_status tokenizer_from_vocab_merges(const char *vocab, size_t vocab_len, const char *merges,
                                         size_t merges_len, const char *pre,
                                         const struct json *config, struct tokenizer **out) {
    static const char end[] = "<|endoftext|>";
    static const struct defaults qwen = {{[EOS] = end, [UNK] = end, [PAD] = end}};
    static const struct defaults gpt2 = {{[BOS] = end, [EOS] = end, [UNK] = end}};
    static const struct defaults fairseq = {{[BOS] = "<s>",
                                             [EOS] = "</s>",
                                             [UNK] = "<unk>",
                                             [SEP] = "</s>",
                                             [PAD] = "<pad>",
                                             [CLS] = "<s>",
                                             [MASK] = "<mask>"}};
    static const struct defaults none = {{NULL}};
    const char *class = json_str(json_get(config, "tokenizer_class"), "");
    const bool roberta = strncmp(class, "RobertaTokenizer", 16) == 0;
    *out = NULL;
    if (!pre) pre = pre_of_class(class);
    if (!pre)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "vocab.json and merges.txt: tokenizer_class '%s' is not known",
                           status_quotez(class));
    const struct defaults *d = roberta                     ? &fairseq
                               : strcmp(pre, "qwen2") == 0 ? &qwen
                               : strcmp(pre, "gpt-2") == 0 ? &gpt2
                                                           : &none;
    struct tokenizer *t = tokenizer_new();
    if (!t) return KARMA_E_NOMEM;
    t->vocab.byte_level = t->decoder.byte_level = true;
    karma_status st = bpe_pipeline(t, pre, config);
    if (st == KARMA_OK) st = read_vocab_json(t, vocab, vocab_len);
    if (st == KARMA_OK) st = read_merges_txt(&t->bpe, merges, merges_len);
    if (st == KARMA_OK) st = add_specials(t, config, d);
    if (st == KARMA_OK) st = tokenizer_finish(t);
    if (st == KARMA_OK) st = bpe_template(t, config, d, roberta);
    return finish(st, t, "vocab.json and merges.txt", out);
}
