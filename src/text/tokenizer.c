/*
 * tokenizer.c - the pipeline: added tokens cut out of the raw text, each gap normalised, further
 * added tokens cut out, each gap pre-tokenised, each piece merged, the template's ids around it.
 */
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/tokenizer_impl.h"

/* ---- token lists ---- */

void tokens_release(struct tokens *t) {
    mem_free(t->ids);
    memset(t, 0, sizeof(*t));
}

int32_t *tokens_reserve(struct tokens *t, size_t more) {
    size_t need, bytes;
    if (__builtin_add_overflow(t->count, more, &need)) need = SIZE_MAX;
    if (need > t->cap || !t->ids) {
        size_t cap = t->cap < SIZE_MAX / 2 && t->cap * 2 > need ? t->cap * 2 : need;
        if (cap < 64) cap = 64;
        if (__builtin_mul_overflow(cap, sizeof(*t->ids), &bytes)) bytes = SIZE_MAX;
        int32_t *ids = mem_realloc(t->ids, bytes);
        if (!ids) return NULL;
        t->ids = ids;
        t->cap = cap;
    }
    return t->ids + t->count;
}

karma_status tokens_push(struct tokens *t, int32_t id) {
    if (t->count == t->cap && !tokens_reserve(t, 1)) return KARMA_E_NOMEM;
    t->ids[t->count++] = id;
    return KARMA_OK;
}

/* ---- building ---- */

struct tokenizer *tokenizer_new(void) {
    struct tokenizer *t = mem_calloc(1, sizeof(*t));
    if (!t) return NULL;
    t->bpe.vocab = t->wordpiece.vocab = t->unigram.vocab = &t->vocab;
    t->bpe.unk = t->wordpiece.unk = t->unigram.unk = -1;
    t->wordpiece.prefix = "##";
    t->wordpiece.prefix_len = 2;
    t->wordpiece.max_chars = WORDPIECE_MAX_CHARS;
    return t;
}

karma_status tokenizer_add_token(struct tokenizer *t, const struct added_entry *e) {
    struct added_token token = {.single_word = e->single_word,
                                .lstrip = e->lstrip,
                                .rstrip = e->rstrip,
                                .special = e->special,
                                .len = e->len};
    int32_t known = vocab_find(&t->vocab, e->content, e->len);
    karma_status st = KARMA_OK;
    if (known >= 0 && known != e->id)
        return status_fail(KARMA_E_DUPLICATE, "added token '%s' has id %lld, the vocabulary has %d",
                           status_quote(e->content, e->len), (long long)e->id, known);
    if (known < 0) st = vocab_add(&t->vocab, e->id, e->content, e->len);
    if (st < 0) return st;
    token.id = (int32_t)e->id;
    t->vocab.flags[token.id] |= (uint8_t)(VOCAB_ADDED | (e->special ? VOCAB_SPECIAL : 0));
    const char *text = e->content;
    struct buf scratch[2] = {{0}};
    if (e->normalized) {
        st = normalize(&t->normalizer, e->content, e->len, scratch, &text, &token.len);
    }
    if (st == KARMA_OK) {
        token.text = arena_strndup(&t->arena, text, token.len);
        st = token.text ? added_set_add(e->normalized ? &t->normalized : &t->raw, &token)
                        : KARMA_E_NOMEM;
    }
    buf_release(&scratch[0]);
    buf_release(&scratch[1]);
    return st;
}

karma_status tokenizer_finish(struct tokenizer *t) {
    /* "first" asks where a piece began in the original text, which normalizers do not record: it is
     * known for the whole of a gap as long as none may drop what the gap begins with. */
    for (int i = 0; i < t->pretokenizer.n_steps && t->normalizer.n_steps > 0; i++)
        if (t->pretokenizer.steps[i].kind == PRETOKEN_METASPACE &&
            t->pretokenizer.steps[i].prepend == PREPEND_FIRST &&
            (i > 0 || normalizer_may_drop_first(&t->normalizer)))
            return status_fail(KARMA_E_UNSUPPORTED,
                               "Metaspace's prepend_scheme 'first' behind other steps and a "
                               "normalizer, or one that drops characters");
    karma_status st = added_set_finish(&t->raw);
    if (st == KARMA_OK) st = added_set_finish(&t->normalized);
    if (st == KARMA_OK && t->vocab.byte_level && t->model != MODEL_BPE)
        st = status_fail(KARMA_E_UNSUPPORTED, "ByteLevel with a model other than BPE");
    if (st < 0) return st;
    switch (t->model) {
    case MODEL_BPE:
        return bpe_finish(&t->bpe);
    case MODEL_WORDPIECE:
        return wordpiece_finish(&t->wordpiece);
    case MODEL_UNIGRAM:
        return unigram_finish(&t->unigram);
    case MODEL_WORDLEVEL:
        break;
    }
    return KARMA_OK;
}

void tokenizer_destroy(struct tokenizer *t) {
    if (!t) return;
    bpe_release(&t->bpe);
    wordpiece_release(&t->wordpiece);
    unigram_release(&t->unigram);
    vocab_release(&t->vocab);
    added_set_release(&t->raw);
    added_set_release(&t->normalized);
    arena_release(&t->arena);
    mem_free(t);
}

/* ---- looking up ---- */

int32_t tokenizer_vocab_size(const struct tokenizer *t) {
    return t->vocab.n_ids;
}

int32_t tokenizer_find(const struct tokenizer *t, const char *text, size_t len) {
    if (!utf8_valid(text, len, NULL)) return -1;
    const struct added_token *token = added_set_find(&t->raw, text, len);
    if (!token) token = added_set_find(&t->normalized, text, len);
    return token ? token->id : vocab_find(&t->vocab, text, len);
}

const char *tokenizer_token(const struct tokenizer *t, int32_t id, size_t *len) {
    if (vocab_has(&t->vocab, id)) return vocab_spelled(&t->vocab, id, len);
    *len = 0;
    return NULL;
}

bool tokenizer_is_special(const struct tokenizer *t, int32_t id) {
    return vocab_has(&t->vocab, id) && t->vocab.flags[id] & VOCAB_SPECIAL;
}

/* ---- encoding ---- */

struct encoding {
    const struct tokenizer *t;
    struct tokens *out;
    struct bpe_scratch bpe;
    struct unigram_scratch unigram;
    struct buf normal[2];
    struct added_limits limits;
    bool limited; /* there are plain spans */
    size_t n_special;
};

static karma_status take_word(const struct tokenizer *t, const char *word, size_t len,
                              struct tokens *out) {
    int32_t id = vocab_find_raw(&t->vocab, word, len);
    if (id < 0) id = t->wordpiece.unk;
    if (id < 0)
        return status_fail(KARMA_E_MISSING, "a word is unknown and the vocabulary has no token "
                                            "for that");
    return tokens_push(out, id);
}

/* Models other than BPE may spell a special token from plain text, where it is in their vocabulary.
 * With plain spans it becomes unknown, or nothing where there is no such token. */
static void hide_special(struct encoding *e, size_t from) {
    const struct tokenizer *t = e->t;
    const int32_t unk = t->model == MODEL_UNIGRAM ? t->unigram.unk : t->wordpiece.unk;
    size_t to = from;
    for (size_t i = from; i < e->out->count; i++) {
        int32_t id = e->out->ids[i];
        if (id != unk && tokenizer_is_special(t, id)) id = unk;
        if (id >= 0) e->out->ids[to++] = id;
    }
    e->out->count = to;
}

static karma_status encode_piece(struct encoding *e, const char *piece, size_t len) {
    switch (e->t->model) {
    case MODEL_BPE:
        return bpe_encode(&e->t->bpe, &e->bpe, piece, len, e->out);
    case MODEL_WORDPIECE:
        return wordpiece_encode(&e->t->wordpiece, piece, len, e->out);
    case MODEL_UNIGRAM:
        return unigram_encode(&e->t->unigram, &e->unigram, piece, len, e->out);
    case MODEL_WORDLEVEL:
        break;
    }
    return take_word(e->t, piece, len, e->out);
}

static karma_status take_piece(void *self, const char *piece, size_t len) {
    struct encoding *e = self;
    const size_t before = e->out->count;
    karma_status st = encode_piece(e, piece, len);
    if (st == KARMA_OK && e->limited && !e->limits.count_only && e->t->model != MODEL_BPE)
        hide_special(e, before);
    return st;
}

static karma_status take_text(struct encoding *e, const char *text, size_t len, bool at_start) {
    if (len == 0) return KARMA_OK;
    struct pretoken_sink sink = {.take = take_piece, .self = e};
    return pretokenize(&e->t->pretokenizer, text, len, at_start, &sink);
}

/* Does raw[at .. at + len) touch a plain span? */
static bool any_plain(const struct encoding *e, size_t at, size_t len) {
    for (size_t i = 0; i < e->limits.n_plain; i++) {
        const struct text_span *p = &e->limits.plain[i];
        if (p->begin < at + len && p->end > at && p->begin < p->end) return true;
    }
    return false;
}

/* Normalise a gap, raw[at ..], and cut the normalised added tokens out of it. Where normalising
 * changes a gap that touches a plain span, no special token is recognised in it. */
static karma_status take_gap(struct encoding *e, const char *raw, size_t at, size_t len) {
    const char *text;
    size_t text_len;
    karma_status st = normalize(&e->t->normalizer, raw + at, len, e->normal, &text, &text_len);
    if (st < 0 || text_len == 0) return st;
    if (e->t->normalized.count == 0) return take_text(e, text, text_len, at == 0);
    struct added_limits limits = e->limits;
    limits.base = at;
    if (e->limited && (text_len != len || memcmp(text, raw + at, len) != 0)) {
        limits.all_plain = any_plain(e, at, len);
        limits.n_plain = 0;
    }
    struct added_search s = {.set = &e->t->normalized,
                             .text = text,
                             .len = text_len,
                             .limits = e->limited ? &limits : NULL};
    const struct added_token *token;
    size_t last = 0, begin, end;
    while (st == KARMA_OK && added_search_next(&s, &token, &begin, &end)) {
        if (last < begin) st = take_text(e, text + last, begin - last, at == 0 && last == 0);
        if (st == KARMA_OK) st = tokens_push(e->out, token->id);
        last = end;
    }
    e->n_special += s.n_special;
    if (st == KARMA_OK && last < text_len)
        st = take_text(e, text + last, text_len - last, at == 0 && last == 0);
    return st;
}

static karma_status encode_text(struct encoding *e, const char *text, size_t len) {
    struct added_search s = {
        .set = &e->t->raw, .text = text, .len = len, .limits = e->limited ? &e->limits : NULL};
    const struct added_token *token;
    size_t last = 0, begin, end;
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && added_search_next(&s, &token, &begin, &end)) {
        if (last < begin) st = take_gap(e, text, last, begin - last);
        if (st == KARMA_OK) st = tokens_push(e->out, token->id);
        last = end;
    }
    e->n_special += s.n_special;
    if (st == KARMA_OK && last < len) st = take_gap(e, text, last, len - last);
    return st;
}

/* Copy text with U+FFFD for what is not UTF-8; spans move along (a border inside a character goes
 * to its end). */
static karma_status mend(const char *text, size_t len, struct text_span *spans, size_t n,
                         struct buf *out) {
    size_t border = 0; /* borders in rising order: begin and end of each span */
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK;) {
        for (; border < 2 * n; border++) {
            size_t *at = border % 2 ? &spans[border / 2].end : &spans[border / 2].begin;
            if (*at > i && i < len) break;
            *at = out->len;
        }
        if (i >= len) break;
        uint32_t cp;
        int bad = 1, bytes = utf8_decode(text + i, len - i, &cp, &bad);
        st = bytes ? buf_append(out, text + i, (size_t)bytes) : buf_puts(out, "\xEF\xBF\xBD");
        i += (size_t)(bytes ? bytes : bad);
    }
    return st;
}

karma_status tokenizer_encode(const struct tokenizer *t, const char *text, size_t len,
                              const struct encode_options *options, struct tokens *out,
                              size_t *n_special_in_plain) {
    struct encoding e = {.t = t, .out = out};
    struct buf mended = {0};
    struct text_span *spans = NULL;
    karma_status st = KARMA_OK;
    size_t before = out->count;
    if (n_special_in_plain) *n_special_in_plain = 0;
    if (len > INT32_MAX) return status_fail(KARMA_E_LIMIT, "a text of more than 2 GiB");
    if (options && options->n_plain_spans > 0) {
        e.limited = true;
        e.limits.plain = options->plain_spans;
        e.limits.n_plain = options->n_plain_spans;
        e.limits.count_only = options->count_only;
    }
    if (!utf8_valid(text, len, NULL)) {
        size_t n = e.limits.n_plain;
        spans = mem_calloc(n + 1, sizeof(*spans));
        if (!spans) return KARMA_E_NOMEM;
        if (n > 0) memcpy(spans, e.limits.plain, n * sizeof(*spans));
        e.limits.plain = spans;
        st = mend(text, len, spans, n, &mended);
        text = buf_str(&mended);
        len = mended.len;
    }
    bool special = options && options->add_special_tokens;
    for (int i = 0; st == KARMA_OK && special && i < t->n_before; i++)
        st = tokens_push(out, t->before[i]);
    if (st == KARMA_OK) st = encode_text(&e, text, len);
    for (int i = 0; st == KARMA_OK && special && i < t->n_after; i++)
        st = tokens_push(out, t->after[i]);
    if (st < 0)
        out->count = before;
    else if (n_special_in_plain)
        *n_special_in_plain = e.n_special;
    bpe_scratch_release(&t->bpe, &e.bpe);
    unigram_scratch_release(&e.unigram);
    buf_release(&e.normal[0]);
    buf_release(&e.normal[1]);
    buf_release(&mended);
    mem_free(spans);
    return st;
}

int32_t tokenizer_special_count(const struct tokenizer *t) {
    return t->n_before + t->n_after;
}

karma_status tokenizer_encode_truncated(const struct tokenizer *t, const char *text, size_t len,
                                        size_t max_length, bool from_left, struct tokens *out,
                                        bool *cut) {
    const struct encode_options options = {.add_special_tokens = true};
    const size_t before = out->count, around = (size_t)tokenizer_special_count(t);
    if (cut) *cut = false;
    if (max_length < around)
        return status_fail(KARMA_E_LIMIT, "max_length %zu, and %zu special tokens", max_length,
                           around);
    karma_status st = tokenizer_encode(t, text, len, &options, out, NULL);
    if (st < 0 || out->count - before <= max_length) return st;
    const size_t excess = out->count - before - max_length;
    int32_t *ids = out->ids + before, *from = ids + t->n_before;
    if (!from_left) from += max_length - around;
    memmove(from, from + excess, (size_t)(out->ids + out->count - (from + excess)) * sizeof(*ids));
    out->count -= excess;
    if (cut) *cut = true;
    return KARMA_OK;
}

/* ---- decoding ---- */

karma_status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t count,
                              bool skip_special_tokens, struct buf *out) {
    return decoder_decode(&t->decoder, &t->vocab, ids, count, skip_special_tokens, out);
}

karma_status detokenizer_push(struct detokenizer *d, const struct tokenizer *t, int32_t id,
                              bool skip_special_tokens, struct buf *out) {
    return decoder_push(&t->decoder, &t->vocab, d, id, skip_special_tokens, out);
}
