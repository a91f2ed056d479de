/*
 * decoder.c - a whole text is decided as the reference decides it; a stream gives out characters as
 * soon as they are complete. They differ in one case only: a run of byte tokens that is not valid
 * UTF-8 becomes U+FFFD as a whole in the first, its valid characters survive in the second.
 */
#include "text/decoder.h"

#include <string.h>

#include "base/utf8.h"
#include "text/bpe.h"

#define REPLACEMENT "\xEF\xBF\xBD"

/* memmem() without its preparations for what is as short as a token. */
static const char *find_text(const char *text, size_t len, const char *what, size_t what_len) {
    if (len > 64 || what_len == 0) return memmem(text, len, what, what_len);
    for (size_t i = 0; i + what_len <= len; i++)
        if (text[i] == *what && memcmp(text + i, what, what_len) == 0) return text + i;
    return NULL;
}

/* Append text with every `from` replaced by `to`. */
static karma_status append_replaced(struct buf *out, const char *text, size_t len,
                                    const struct decoder_replace *r, const char *to,
                                    size_t to_len) {
    karma_status st = KARMA_OK;
    for (const char *p = text, *end = text + len; st == KARMA_OK && p < end;) {
        const char *hit = find_text(p, (size_t)(end - p), r->from, r->from_len);
        const char *stop = hit ? hit : end;
        st = buf_append(out, p, (size_t)(stop - p));
        if (st == KARMA_OK && hit) st = buf_append(out, to, to_len);
        p = hit ? hit + r->from_len : end;
    }
    return st;
}

/* What the reference tidies up after WordPiece, in its order. */
#define TIDY(from, to)                                                                             \
    { from, to, sizeof(from) - 1, sizeof(to) - 1 }
static const struct decoder_replace tidy[] = {
    TIDY(" .", "."),   TIDY(" ?", "?"),     TIDY(" !", "!"),     TIDY(" ,", ","),
    TIDY(" ' ", "'"),  TIDY(" n't", "n't"), TIDY(" 'm", "'m"),   TIDY(" do not", " don't"),
    TIDY(" 's", "'s"), TIDY(" 've", "'ve"), TIDY(" 're", "'re"),
};

/* A token after one that came before: without its prefix, or behind a space. */
static karma_status join(const struct decoder *d, bool first, struct buf work[2], const char **text,
                         size_t *len) {
    karma_status st = KARMA_OK;
    int into = 0;
    if (!first && d->wordpiece && *len >= d->prefix_len &&
        memcmp(*text, d->prefix, d->prefix_len) == 0) {
        *text += d->prefix_len;
        *len -= d->prefix_len;
    } else if (!first) {
        buf_clear(&work[0]);
        st = buf_putc(&work[0], ' ');
        if (st == KARMA_OK) st = buf_append(&work[0], *text, *len);
        *text = buf_str(&work[0]);
        *len = work[0].len;
        into = 1;
    }
    for (size_t i = 0; st == KARMA_OK && d->cleanup && i < sizeof(tidy) / sizeof(*tidy); i++) {
        if (!find_text(*text, *len, tidy[i].from, tidy[i].from_len)) continue;
        buf_clear(&work[into]);
        st = append_replaced(&work[into], *text, *len, &tidy[i], tidy[i].to, tidy[i].to_len);
        *text = buf_str(&work[into]);
        *len = work[into].len;
        into = !into;
    }
    return st;
}

/* A token's text after the per-token steps: *text may move to one of the buffers. */
static karma_status transform(const struct decoder *d, bool first, struct buf work[2],
                              const char **text, size_t *len) {
    if (d->spaced || d->wordpiece) return join(d, first, work, text, len);
    for (int i = 0; i < d->n_replace; i++) {
        const struct decoder_replace *r = &d->replace[i];
        if (!find_text(*text, *len, r->from, r->from_len)) continue;
        struct buf *b = &work[i & 1];
        buf_clear(b);
        bool drop = d->metaspace && d->metaspace_drop_first && first;
        karma_status st = append_replaced(b, *text, *len, r, r->to, drop ? 0 : r->to_len);
        if (st < 0) return st;
        *text = buf_str(b);
        *len = b->len;
    }
    return KARMA_OK;
}

/* A finished run of byte tokens: text if all of it is, else U+FFFD for each byte. */
static karma_status flush_run(struct buf *run, struct buf *out) {
    karma_status st = KARMA_OK;
    if (utf8_valid(run->data, run->len, NULL)) {
        st = buf_append(out, run->data, run->len);
    } else {
        for (size_t i = 0; st == KARMA_OK && i < run->len; i++)
            st = buf_puts(out, REPLACEMENT);
    }
    buf_clear(run);
    return st;
}

static karma_status decode_bytes(const struct vocab *v, const int32_t *ids, size_t count,
                                 bool skip_special, struct buf *out) {
    struct buf bytes = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        if (!vocab_has(v, ids[i]) || (skip_special && v->flags[ids[i]] & VOCAB_SPECIAL)) continue;
        size_t len;
        const char *raw = vocab_raw(v, ids[i], &len);
        st = buf_append(&bytes, raw, len);
    }
    if (st == KARMA_OK) st = utf8_append_lossy(out, buf_str(&bytes), bytes.len);
    buf_release(&bytes);
    return st;
}

karma_status decoder_decode(const struct decoder *d, const struct vocab *v, const int32_t *ids,
                            size_t count, bool skip_special, struct buf *out) {
    if (d->byte_level) return decode_bytes(v, ids, count, skip_special, out);
    struct buf run = {0}, work[2] = {{0}}, whole = {0};
    karma_status st = KARMA_OK;
    bool first = true;
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        if (!vocab_has(v, ids[i]) || (skip_special && v->flags[ids[i]] & VOCAB_SPECIAL)) continue;
        size_t len;
        const char *text = vocab_spelled(v, ids[i], &len);
        st = transform(d, first, work, &text, &len);
        first = false;
        int byte = d->byte_fallback && st == KARMA_OK ? bpe_fallback_byte(text, len) : -1;
        if (byte >= 0) {
            st = buf_putc(&run, (char)byte);
            continue;
        }
        if (st == KARMA_OK && run.len > 0) st = flush_run(&run, &whole);
        if (st == KARMA_OK) st = buf_append(&whole, text, len);
    }
    if (st == KARMA_OK && run.len > 0) st = flush_run(&run, &whole);
    size_t from = 0;
    if (d->strip_len > 0 && whole.len >= d->strip_len &&
        memcmp(whole.data, d->strip, d->strip_len) == 0)
        from = d->strip_len;
    if (st == KARMA_OK) st = buf_append(out, buf_str(&whole) + from, whole.len - from);
    buf_release(&run);
    buf_release(&work[0]);
    buf_release(&work[1]);
    buf_release(&whole);
    return st;
}

/* ---- streams ---- */

/* Whole characters of the pending bytes followed by text; the tail that may still become one is
 * kept pending. */
static karma_status push_bytes(struct detokenizer *s, const char *text, size_t len,
                               struct buf *out) {
    char all[sizeof(s->pending) + VOCAB_MAX_TEXT];
    size_t n = (size_t)s->n_pending;
    memcpy(all, s->pending, n);
    memcpy(all + n, text, len);
    n += len;
    size_t tail = utf8_incomplete_tail(all, n);
    karma_status st = utf8_append_lossy(out, all, n - tail);
    if (st < 0) return st;
    memcpy(s->pending, all + n - tail, tail);
    s->n_pending = (int)tail;
    return KARMA_OK;
}

/* Give out what of the pending byte tokens is decided: whole characters, and U+FFFD for each byte
 * of what can no longer become one. */
static karma_status settle_run(struct detokenizer *s, bool ended, struct buf *out) {
    const char *p = (const char *)s->pending;
    size_t left = (size_t)s->n_pending;
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && left > 0 && (ended || utf8_incomplete_tail(p, left) < left)) {
        uint32_t cp;
        int bad = 1, n = utf8_decode(p, left, &cp, &bad);
        if (n > 0) st = buf_append(out, p, (size_t)n);
        for (int i = 0; n == 0 && st == KARMA_OK && i < bad; i++)
            st = buf_puts(out, REPLACEMENT);
        p += n > 0 ? n : bad;
        left -= (size_t)(n > 0 ? n : bad);
    }
    memmove(s->pending, p, left);
    s->n_pending = (int)left;
    return st;
}

static karma_status push_text(const struct decoder *d, struct detokenizer *s, const char *text,
                              size_t len, struct buf *out) {
    if (d->strip_len > 0 && !s->started && len >= d->strip_len &&
        memcmp(text, d->strip, d->strip_len) == 0) {
        text += d->strip_len;
        len -= d->strip_len;
        s->started = true;
    }
    if (len > 0) s->started = true;
    return buf_append(out, text, len);
}

karma_status decoder_push(const struct decoder *d, const struct vocab *v, struct detokenizer *s,
                          int32_t id, bool skip_special, struct buf *out) {
    if (!vocab_has(v, id) || (skip_special && v->flags[id] & VOCAB_SPECIAL)) return KARMA_OK;
    size_t len;
    if (d->byte_level) {
        const char *raw = vocab_raw(v, id, &len);
        return push_bytes(s, raw, len, out);
    }
    struct buf work[2] = {{0}};
    const char *text = vocab_spelled(v, id, &len);
    karma_status st = transform(d, !s->started, work, &text, &len);
    if (d->metaspace || d->spaced || d->wordpiece) s->started = true;
    int byte = d->byte_fallback && st == KARMA_OK ? bpe_fallback_byte(text, len) : -1;
    if (byte >= 0) {
        struct buf chars = {0};
        s->per_byte = true;
        s->pending[s->n_pending++] = (unsigned char)byte;
        st = settle_run(s, false, &chars);
        if (st == KARMA_OK) st = push_text(d, s, buf_str(&chars), chars.len, out);
        buf_release(&chars);
    } else if (st == KARMA_OK) {
        st = settle_run(s, true, out);
        if (st == KARMA_OK) st = push_text(d, s, text, len, out);
    }
    buf_release(&work[0]);
    buf_release(&work[1]);
    return st;
}

karma_status detokenizer_end(struct detokenizer *s, struct buf *out) {
    if (s->per_byte) return settle_run(s, true, out);
    karma_status st = utf8_append_lossy(out, (const char *)s->pending, (size_t)s->n_pending);
    s->n_pending = 0;
    return st;
}
