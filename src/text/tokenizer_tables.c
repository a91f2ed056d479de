/*
 * tokenizer_tables.c - a tokenizer from the arrays of a container. A GGUF file does not record the
 * whole pipeline; what it leaves out is taken from the published tokenizers that these arrays come
 * from, so that ids equal theirs. Merges whose parts are not tokens are skipped with a warning.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/tokenizer_impl.h"
#include "text/unicode.h"

#define METASPACE "\xE2\x96\x81" /* U+2581 */

enum token_type { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER, TYPE_UNUSED, TYPE_BYTE };
enum { MAX_SPLIT_BYTES = 1024 }; /* of a piece whose splits are looked up one by one */

static int type_of(const struct tokenizer_tables *in, int32_t id) {
    return in->token_types ? in->token_types[id] : TYPE_NORMAL;
}

static bool is_added(int type) {
    return type == TYPE_UNKNOWN || type == TYPE_CONTROL || type == TYPE_USER;
}

static karma_status check(const struct tokenizer_tables *in) {
    if (in->n_tokens <= 0 || in->n_tokens > VOCAB_MAX_IDS)
        return status_fail(KARMA_E_RANGE, "%d tokens, expected 1..%d", in->n_tokens, VOCAB_MAX_IDS);
    const int32_t ids[] = {in->bos, in->eos, in->unk};
    static const char *const names[] = {"bos", "eos", "unknown"};
    for (int i = 0; i < 3; i++)
        if (ids[i] < -1 || ids[i] >= in->n_tokens)
            return status_fail(KARMA_E_RANGE, "%s token id %d, expected below %d", names[i], ids[i],
                               in->n_tokens);
    if ((in->add_bos && in->bos < 0) || (in->add_eos && in->eos < 0))
        return status_fail(KARMA_E_MISSING, "add_%s without the token's id",
                           in->add_bos && in->bos < 0 ? "bos" : "eos");
    for (int32_t id = 0; id < in->n_tokens; id++) {
        int type = type_of(in, id);
        if (type < TYPE_NORMAL || type > TYPE_BYTE)
            return status_fail(KARMA_E_RANGE, "token %d: type %d, expected 1..6", id, type);
        if (!utf8_valid(in->tokens[id], in->token_lens[id], NULL))
            return status_fail(KARMA_E_ENCODING, "token %d is not UTF-8", id);
    }
    return KARMA_OK;
}

/* ---- byte-level ---- */

karma_status tokenizer_known_pre(struct tokenizer *t, const char *pre) {
    static const struct pretoken_step gpt2 = {.kind = PRETOKEN_GPT2};
    static const struct pretoken_step words = {.kind = PRETOKEN_WORDS, .max_digits = 1};
    static const struct pretoken_step words3 = {.kind = PRETOKEN_WORDS, .max_digits = 3};
    static const struct pretoken_step digits = {.kind = PRETOKEN_DIGITS, .individual = true};
    if (strcmp(pre, "qwen2") == 0) return pretokenizer_add(&t->pretokenizer, words);
    if (strcmp(pre, "gpt-2") == 0) return pretokenizer_add(&t->pretokenizer, gpt2);
    if (strcmp(pre, "llama-bpe") == 0) {
        t->bpe.ignore_merges = true;
        return pretokenizer_add(&t->pretokenizer, words3);
    }
    if (strcmp(pre, "smollm") == 0) {
        karma_status st = pretokenizer_add(&t->pretokenizer, digits);
        return st < 0 ? st : pretokenizer_add(&t->pretokenizer, gpt2);
    }
    return status_fail(KARMA_E_UNSUPPORTED, "pre-tokenizer '%s' is not known", status_quotez(pre));
}

static karma_status read_merges(struct tokenizer *t, const struct tokenizer_tables *in) {
    int64_t n_bad = 0;
    for (int64_t i = 0; i < in->n_merges; i++) {
        const char *text = in->merges[i];
        size_t len = in->merge_lens[i];
        /* A part may begin with a space: the separator is looked for from the second byte. */
        const char *space = len > 2 ? memchr(text + 1, ' ', len - 2) : NULL;
        if (space && utf8_valid(text, len, NULL)) {
            size_t left = (size_t)(space - text);
            const struct vocab_text parts[] = {{text, left}, {space + 1, len - left - 1}};
            size_t done;
            karma_status st = bpe_add_merges(&t->bpe, parts, 1, &done);
            if (st == KARMA_OK) continue;
            if (st != KARMA_E_MISSING) return status_prefix(st, "merge %lld", (long long)i);
        }
        n_bad++;
    }
    if (n_bad > 0)
        log_warn("tokenizer: %lld of %lld merges name no tokens and are left out", (long long)n_bad,
                 (long long)in->n_merges);
    return KARMA_OK;
}

static karma_status byte_level(struct tokenizer *t, const struct tokenizer_tables *in) {
    t->vocab.byte_level = t->decoder.byte_level = true;
    if (!in->pre) return status_fail(KARMA_E_MISSING, "no pre-tokenizer name");
    karma_status st = tokenizer_known_pre(t, in->pre);
    if (st == KARMA_OK && in->nfc)
        st = normalizer_add(&t->normalizer, (struct normalizer_step){.kind = NORMALIZE_NFC});
    for (int32_t id = 0; st == KARMA_OK && id < in->n_tokens; id++) {
        int type = type_of(in, id);
        if (type == TYPE_UNUSED || is_added(type) || in->token_lens[id] == 0) continue;
        st = vocab_add(&t->vocab, id, in->tokens[id], in->token_lens[id]);
    }
    if (st == KARMA_OK) st = vocab_index(&t->vocab, VOCAB_LOWEST_ID);
    return st < 0 ? st : read_merges(t, in);
}

/* ---- SentencePiece's BPE ---- */

/* A piece as the vocabulary of the published tokenizer.json has it. The converter writes U+2581 of
 * user-defined pieces as spaces; turn them back. Lent from the arena or the input. */
static const char *piece_text(struct tokenizer *t, const struct tokenizer_tables *in, int32_t id,
                              size_t *len) {
    const char *text = in->tokens[id];
    size_t spaces = 0, to = 0;
    *len = in->token_lens[id];
    if (type_of(in, id) != TYPE_USER) return text;
    for (size_t i = 0; i < *len; i++)
        spaces += text[i] == ' ';
    if (spaces == 0) return text;
    char *out = arena_alloc(&t->arena, *len + 2 * spaces + 1);
    for (size_t i = 0; out && i < *len; i++) {
        size_t n = text[i] == ' ' ? 3 : 1;
        memcpy(out + to, text[i] == ' ' ? METASPACE : text + i, n);
        to += n;
    }
    *len = to;
    return out;
}

struct ranked {
    float score;
    int32_t id;
};

static int by_score(const void *x, const void *y) {
    const struct ranked *a = x, *b = y;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

struct split {
    int32_t left, right, product, left_chars, right_chars, order;
};

static int by_length(const void *x, const void *y) {
    const struct split *a = x, *b = y;
    if (a->left_chars != b->left_chars) return a->left_chars > b->left_chars ? -1 : 1;
    if (a->right_chars != b->right_chars) return a->right_chars > b->right_chars ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

struct splits {
    struct split *items;
    size_t count, cap;
};

/* All ways to put the piece together from two others, longest left part first. */
static karma_status add_splits(const struct vocab *v, int32_t id, struct splits *out) {
    size_t len;
    const char *text = vocab_raw(v, id, &len), *p = text + len;
    int32_t right_chars = 0, chars = 0;
    int n;
    if (len > MAX_SPLIT_BYTES)
        return status_fail(KARMA_E_LIMIT, "token %d: %zu bytes, the most is %d", id, len,
                           MAX_SPLIT_BYTES);
    for (const char *q = text; q < text + len; q += n, chars++)
        (void)unicode_at(q, &n);
    for (;;) {
        (void)unicode_before(text, p, &n);
        p -= n;
        if (p == text) return KARMA_OK;
        right_chars++;
        size_t left_len = (size_t)(p - text);
        int32_t left = vocab_find_raw(v, text, left_len);
        int32_t right = left < 0 ? -1 : vocab_find_raw(v, p, len - left_len);
        if (right < 0) continue;
        if (out->count == out->cap) {
            size_t cap = out->cap ? out->cap * 2 : 256;
            struct split *items = mem_realloc(out->items, cap * sizeof(*items));
            if (!items) return KARMA_E_NOMEM;
            out->items = items;
            out->cap = cap;
        }
        out->items[out->count] = (struct split){.left = left,
                                                .right = right,
                                                .product = id,
                                                .left_chars = chars - right_chars,
                                                .right_chars = right_chars,
                                                .order = (int32_t)out->count};
        out->count++;
    }
}

/* The published list of merges, made again: every split of every piece, by score, and for equal
 * scores (all user-defined pieces have 0, whatever the container says) by the left part's length,
 * then the right part's. This is the order in which transformers' converter writes it. */
static karma_status merges_from_scores(struct tokenizer *t, const struct tokenizer_tables *in) {
    const struct vocab *v = &t->vocab;
    struct splits group = {0};
    int32_t n = 0;
    struct ranked *ranked = mem_calloc((size_t)in->n_tokens, sizeof(*ranked));
    if (!ranked) return KARMA_E_NOMEM;
    for (int32_t id = 0; id < in->n_tokens; id++) {
        if (!vocab_has(v, id)) continue;
        size_t len;
        const char *text = vocab_raw(v, id, &len);
        if (vocab_find_raw(v, text, len) != id) continue; /* the text has a lower id already */
        ranked[n++] = (struct ranked){is_added(type_of(in, id)) ? 0.0f : in->scores[id], id};
    }
    qsort(ranked, (size_t)n, sizeof(*ranked), by_score);
    karma_status st = KARMA_OK;
    for (int32_t i = 0; st == KARMA_OK && i < n;) {
        int32_t first = i;
        group.count = 0;
        for (; st == KARMA_OK && i < n && ranked[i].score == ranked[first].score; i++)
            st = add_splits(v, ranked[i].id, &group);
        if (i - first > 1 && group.count > 1)
            qsort(group.items, group.count, sizeof(*group.items), by_length);
        for (size_t k = 0; st == KARMA_OK && k < group.count; k++)
            st = bpe_push_merge(&t->bpe, group.items[k].left, group.items[k].right,
                                group.items[k].product);
    }
    mem_free(ranked);
    mem_free(group.items);
    return st;
}

static karma_status sentencepiece(struct tokenizer *t, const struct tokenizer_tables *in) {
    struct decoder *d = &t->decoder;
    struct normalizer_step space = {
        .kind = NORMALIZE_REPLACE, .from = " ", .from_len = 1, .to = METASPACE, .to_len = 3};
    struct normalizer_step prefix = {.kind = NORMALIZE_PREPEND, .to = METASPACE, .to_len = 3};
    karma_status st = KARMA_OK;
    if (!in->scores) return status_fail(KARMA_E_MISSING, "no scores");
    for (int32_t id = 0; id < in->n_tokens; id++)
        if (in->scores[id] != in->scores[id])
            return status_fail(KARMA_E_NONFINITE, "score of token %d is not a number", id);
    if (in->add_space_prefix) st = normalizer_add(&t->normalizer, prefix);
    if (st == KARMA_OK) st = normalizer_add(&t->normalizer, space);
    d->byte_fallback = d->fused = true;
    d->replace[d->n_replace++] = (struct decoder_replace){METASPACE, " ", 3, 1};
    if (in->add_space_prefix) {
        d->strip[0] = ' ';
        d->strip_len = 1;
    }
    t->bpe.byte_fallback = t->bpe.fuse_unk = true;
    t->bpe.unk = in->unk;
    for (int32_t id = 0; st == KARMA_OK && id < in->n_tokens; id++) {
        if (type_of(in, id) == TYPE_UNUSED || in->token_lens[id] == 0) continue;
        size_t len;
        const char *text = piece_text(t, in, id, &len);
        st = text ? vocab_add(&t->vocab, id, text, len) : KARMA_E_NOMEM;
    }
    if (st == KARMA_OK) st = vocab_index(&t->vocab, VOCAB_LOWEST_ID);
    return st < 0 ? st : merges_from_scores(t, in);
}

/* ---- WordPiece ---- */

static bool begins_word(const char *text, size_t len) {
    return len >= 3 && memcmp(text, METASPACE, 3) == 0;
}

/* A piece as the published vocabulary has it. The converter puts U+2581 before what begins a word
 * and takes "##" off what continues one; it leaves alone control tokens and, in older files,
 * whatever stands in brackets. Lent from the arena or the input. */
static const char *wordpiece_text(struct tokenizer *t, const struct tokenizer_tables *in,
                                  int32_t id, size_t *len) {
    const char *text = in->tokens[id];
    const int type = type_of(in, id);
    *len = in->token_lens[id];
    if (type == TYPE_CONTROL || type == TYPE_UNKNOWN) return text;
    if (begins_word(text, *len)) {
        *len -= 3;
        return text + 3;
    }
    if (*len > 2 && text[0] == '[' && text[*len - 1] == ']') return text;
    const size_t prefix = t->wordpiece.prefix_len;
    char *out = arena_alloc(&t->arena, prefix + *len + 1);
    if (!out) return NULL;
    memcpy(out, t->wordpiece.prefix, prefix);
    memcpy(out + prefix, text, *len);
    *len += prefix;
    return out;
}

/* Most files do not say whether a vocabulary is cased. One that is has the whole alphabet in
 * capitals, which lower-cased text would never meet. */
static bool is_cased(const struct vocab *v) {
    for (char c = 'A'; c <= 'Z'; c++)
        if (vocab_find(v, &c, 1) < 0) return false;
    return true;
}

static karma_status wordpiece(struct tokenizer *t, const struct tokenizer_tables *in) {
    static const char unknown[] = "[UNK]";
    karma_status st = KARMA_OK;
    t->model = MODEL_WORDPIECE;
    for (int32_t id = 0; st == KARMA_OK && id < in->n_tokens; id++) {
        size_t len;
        if (type_of(in, id) == TYPE_UNUSED) continue;
        const char *text = wordpiece_text(t, in, id, &len);
        if (!text) return KARMA_E_NOMEM;
        if (len > 0) st = vocab_add(&t->vocab, id, text, len);
    }
    if (st == KARMA_OK) st = vocab_index(&t->vocab, VOCAB_HIGHEST_ID);
    if (st < 0) return st;
    const bool lower = in->lowercase ? in->lowercase == FLAG_YES : !is_cased(&t->vocab);
    const bool accents = in->strip_accents ? in->strip_accents == FLAG_YES : lower;
    if (!lower && !in->lowercase)
        log_note("tokenizer: the vocabulary has capitals: text keeps its case");
    st = normalizer_add_bert(&t->normalizer, true, true, accents, lower);
    if (st == KARMA_OK) st = pretokenizer_add_bert(&t->pretokenizer);
    t->decoder.wordpiece = t->decoder.cleanup = true;
    t->decoder.prefix = t->wordpiece.prefix;
    t->decoder.prefix_len = t->wordpiece.prefix_len;
    t->wordpiece.unk = in->unk >= 0 ? in->unk : vocab_find(&t->vocab, unknown, strlen(unknown));
    return st;
}

/* ---- all ---- */

/* A token as text spells it. */
static const char *added_text(struct tokenizer *t, const struct tokenizer_tables *in, int32_t id,
                              size_t *len) {
    if (t->model == MODEL_WORDPIECE) return wordpiece_text(t, in, id, len);
    if (!t->vocab.byte_level) return piece_text(t, in, id, len);
    *len = in->token_lens[id];
    return in->tokens[id];
}

static karma_status add_added(struct tokenizer *t, const struct tokenizer_tables *in) {
    karma_status st = KARMA_OK;
    for (int32_t id = 0; st == KARMA_OK && id < in->n_tokens; id++) {
        int type = type_of(in, id);
        struct added_entry e = {.id = id, .special = type != TYPE_USER};
        if (!is_added(type) || in->token_lens[id] == 0) continue;
        e.content = added_text(t, in, id, &e.len);
        if (!e.content) return KARMA_E_NOMEM;
        if (e.len == 0) continue;
        int32_t known = vocab_find(&t->vocab, e.content, e.len);
        if (known < 0 || known == id) st = tokenizer_add_token(t, &e);
    }
    return st;
}

/* A special id outside the tokens that were taken decodes to nothing and must not be asked for. */
static karma_status add_template(struct tokenizer *t, const struct tokenizer_tables *in) {
    if ((in->add_bos && !vocab_has(&t->vocab, in->bos)) ||
        (in->add_eos && !vocab_has(&t->vocab, in->eos)))
        return status_fail(KARMA_E_RANGE, "the bos or eos id names an unused token");
    if (in->add_bos) t->before[t->n_before++] = in->bos;
    if (in->add_eos) t->after[t->n_after++] = in->eos;
    return KARMA_OK;
}

karma_status tokenizer_from_tables(const struct tokenizer_tables *in, struct tokenizer **out) {
    *out = NULL;
    struct tokenizer *t = tokenizer_new();
    if (!t) return KARMA_E_NOMEM;
    karma_status st = check(in);
    if (st == KARMA_OK) {
        if (in->model && strcmp(in->model, "gpt2") == 0)
            st = byte_level(t, in);
        else if (in->model && strcmp(in->model, "llama") == 0)
            st = sentencepiece(t, in);
        else if (in->model && strcmp(in->model, "bert") == 0)
            st = wordpiece(t, in);
        else
            st = status_fail(KARMA_E_UNSUPPORTED, "model '%s' is not supported",
                             status_quotez(in->model));
    }
    if (st == KARMA_OK) st = add_added(t, in);
    if (st == KARMA_OK) st = add_template(t, in);
    if (st == KARMA_OK) st = tokenizer_finish(t);
    if (st < 0) {
        tokenizer_destroy(t);
        return status_prefix(st, "tokenizer");
    }
    *out = t;
    return KARMA_OK;
}
