/*
 * candidates.c - see candidates.h. How a letter is cut into tokens depends on what stands before
 * it: " C" and "C" are two tokens, and a tokenizer may make one of "(C". So a candidate is what a
 * text has more when the candidate is put behind it, and that must be one token, or, of texts that
 * are weighed as a whole, at least one. lm-evaluation-harness cuts context and continuation
 * together and parts the ids in the same way (TemplateLM._encode_pair).
 */
#include "api/candidates.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

/* The last of text, whole characters. */
static const char *tail_of(const char *text, size_t *len) {
    const char *end = text + *len;
    const char *p = *len > CANDIDATES_TAIL ? end - CANDIDATES_TAIL : text;
    while (p < end && ((unsigned char)*p & 0xC0) == 0x80)
        p++;
    *len = (size_t)(end - p);
    return p;
}

static bool is_kept(const struct candidates *c, const char *tail, size_t len,
                    const karma_sample *sample) {
    if (!c->tail || len != c->tail_len || memcmp(c->tail, tail, len) != 0) return false;
    if (c->count != sample->n_candidates || c->whole != sample->candidate_texts) return false;
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->texts[i], sample->candidates[i]) != 0) return false;
    return true;
}

static karma_status keep(struct candidates *c, const char *tail, size_t len,
                         const karma_sample *sample) {
    arena_reset(&c->arena);
    c->tail = NULL;
    c->count = sample->n_candidates;
    c->whole = sample->candidate_texts;
    c->texts = arena_calloc(&c->arena, c->count, sizeof(*c->texts));
    if (!c->texts) return KARMA_E_NOMEM;
    for (size_t i = 0; i < c->count; i++)
        if (!(c->texts[i] = arena_strdup(&c->arena, sample->candidates[i]))) return KARMA_E_NOMEM;
    c->tail_len = len;
    c->tail = arena_strndup(&c->arena, tail, len);
    return c->tail ? KARMA_OK : KARMA_E_NOMEM;
}

/* Does an answer begin with a blank here? After a word or a mark it does; not after a line's end,
 * an opening bracket or a control token. */
static bool wants_blank(const struct tokenizer *t, const char *tail, size_t len,
                        const struct tokens *ids) {
    if (len == 0 || ids->count == 0) return false;
    return !strchr(" \t\r\n([{\"'", tail[len - 1]) &&
           !tokenizer_is_special(t, ids->ids[ids->count - 1]);
}

/* All of them in one form; *which: the first that is no single token, or count. */
static karma_status try_form(struct candidates *c, const struct tokenizer *t, const char *tail,
                             size_t len, const char *blank, const struct tokens *before,
                             size_t *which) {
    const struct encode_options plain = {0};
    struct buf text = {0};
    struct tokens ids = {0};
    karma_status st = KARMA_OK;
    for (*which = 0; *which < c->count; ++*which) {
        ids.count = 0;
        buf_clear(&text);
        st = buf_append(&text, tail, len);
        if (st == KARMA_OK) st = buf_printf(&text, "%s%s", blank, c->texts[*which]);
        if (st == KARMA_OK) st = tokenizer_encode(t, buf_str(&text), text.len, &plain, &ids, NULL);
        if (st < 0 || ids.count != before->count + 1) break;
        if (before->count && memcmp(ids.ids, before->ids, before->count * sizeof(*ids.ids)) != 0)
            break;
        c->ids[*which] = ids.ids[before->count];
    }
    tokens_release(&ids);
    buf_release(&text);
    return st;
}

/* All tokens of candidate i behind the tail. text, ids: of the caller, for reuse. */
static karma_status find_whole(struct candidates *c, size_t i, const struct tokenizer *t,
                               const char *tail, size_t len, const char *blank,
                               const struct tokens *before, struct buf *text, struct tokens *ids) {
    const struct encode_options plain = {0};
    size_t from = before->count;
    ids->count = 0;
    buf_clear(text);
    if (c->texts[i][0] == ' ') blank = "";
    karma_status st = buf_append(text, tail, len);
    if (st == KARMA_OK) st = buf_printf(text, "%s%s", blank, c->texts[i]);
    if (st == KARMA_OK) st = tokenizer_encode(t, buf_str(text), text->len, &plain, ids, NULL);
    if (st == KARMA_OK && (ids->count <= from || (from && memcmp(ids->ids, before->ids,
                                                                 from * sizeof(*ids->ids)) != 0))) {
        from = ids->count = 0;
        st = tokenizer_encode(t, buf_str(text) + len, text->len - len, &plain, ids, NULL);
    }
    if (st == KARMA_OK && ids->count == from)
        st = status_fail(KARMA_E_UNSUPPORTED, "candidate %zu of %zu is no token of the model's",
                         i + 1, c->count);
    if (st < 0) return st;
    const size_t n = ids->count - from;
    int32_t *own = arena_dup(&c->arena, ids->ids + from, n * sizeof(*own));
    c->continuations[i] = (karma_continuation){own, n};
    return own ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status find_all_whole(struct candidates *c, const struct tokenizer *t,
                                   const char *tail, size_t len) {
    const struct encode_options plain = {0};
    struct tokens before = {0}, ids = {0};
    struct buf text = {0};
    karma_status st = tokenizer_encode(t, tail, len, &plain, &before, NULL);
    const char *blank = st == KARMA_OK && wants_blank(t, tail, len, &before) ? " " : "";
    for (size_t i = 0; i < c->count && st == KARMA_OK; i++)
        st = find_whole(c, i, t, tail, len, blank, &before, &text, &ids);
    buf_release(&text);
    tokens_release(&ids);
    tokens_release(&before);
    return st;
}

static karma_status find(struct candidates *c, const struct tokenizer *t, const char *tail,
                         size_t len) {
    const struct encode_options plain = {0};
    struct tokens before = {0};
    size_t failed = 0, ignored;
    karma_status st = tokenizer_encode(t, tail, len, &plain, &before, NULL);
    if (st == KARMA_OK) {
        const bool blank = wants_blank(t, tail, len, &before);
        st = try_form(c, t, tail, len, blank ? " " : "", &before, &failed);
        if (st == KARMA_OK && failed < c->count) {
            st = try_form(c, t, tail, len, blank ? "" : " ", &before, &ignored);
            if (ignored == c->count) failed = ignored;
        }
    }
    tokens_release(&before);
    if (st < 0 || failed == c->count) return st;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "candidate %zu of %zu is no single token behind the prompt, so their logits "
                       "cannot be compared",
                       failed + 1, c->count);
}

static karma_status check(const karma_sample *sample) {
    if (sample->n_candidates > KARMA_MAX_CANDIDATES)
        return status_fail(KARMA_E_RANGE, "candidates: expected up to %d, found %zu",
                           KARMA_MAX_CANDIDATES, sample->n_candidates);
    if (!sample->candidates)
        return status_fail(KARMA_E_MISSING, "%zu candidates, and none are there",
                           sample->n_candidates);
    for (size_t i = 0; i < sample->n_candidates; i++) {
        const char *text = sample->candidates[i];
        size_t bad;
        if (!text || !*text)
            return status_fail(KARMA_E_MISSING, "candidate %zu of %zu has no text", i + 1,
                               sample->n_candidates);
        if (!utf8_valid(text, strlen(text), &bad))
            return status_fail(KARMA_E_ENCODING, "candidate %zu is not valid UTF-8 at byte %zu",
                               i + 1, bad);
    }
    return KARMA_OK;
}

karma_status candidates_find(struct candidates *c, const struct tokenizer *t, const char *text,
                             size_t len, const karma_sample *sample) {
    const char *tail = tail_of(text, &len);
    karma_status st = check(sample);
    if (st < 0 || is_kept(c, tail, len, sample)) return st;
    st = keep(c, tail, len, sample);
    if (st == KARMA_OK) st = c->whole ? find_all_whole(c, t, tail, len) : find(c, t, tail, len);
    if (st < 0) c->tail = NULL;
    return st;
}

void candidates_release(struct candidates *c) {
    arena_release(&c->arena);
    *c = (struct candidates){0};
}

/* {"A": -0.1, ...} */
static karma_status by_name(struct arena *a, const karma_output *o, const char *const *texts,
                            struct json *all) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < o->n_candidates && st == KARMA_OK; i++)
        st = json_set(a, all, texts[i], json_new_real(a, (double)o->candidate_logprobs[i]));
    return st;
}

static karma_status in_order(struct arena *a, const karma_output *o, struct json *all) {
    struct json *sums = json_new_array(a), *tokens = json_new_array(a), *bytes = json_new_array(a);
    karma_status st = sums && tokens && bytes ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < o->n_candidates && st == KARMA_OK; i++) {
        st = json_push(a, sums, json_new_real(a, o->candidate_sums[i]));
        if (st == KARMA_OK) st = json_push(a, tokens, json_new_int(a, o->candidate_tokens[i]));
        if (st == KARMA_OK) st = json_push(a, bytes, json_new_int(a, o->candidate_bytes[i]));
    }
    if (st == KARMA_OK) st = json_set(a, all, "sums", sums);
    if (st == KARMA_OK) st = json_set(a, all, "tokens", tokens);
    return st == KARMA_OK ? json_set(a, all, "bytes", bytes) : st;
}

static karma_status measure_texts(struct arena *a, karma_output *o, const char *const *texts) {
    int32_t *bytes = arena_calloc(a, o->n_candidates, sizeof(*bytes));
    if (!bytes) return KARMA_E_NOMEM;
    for (size_t i = 0; i < o->n_candidates; i++)
        bytes[i] = (int32_t)strlen(texts[i]);
    o->candidate_bytes = bytes;
    return KARMA_OK;
}

static size_t likeliest(const karma_output *o) {
    size_t best = 0;
    for (size_t i = 1; i < o->n_candidates; i++) {
        const bool more = o->candidate_sums ? o->candidate_sums[i] > o->candidate_sums[best]
                                            : o->candidate_logits[i] > o->candidate_logits[best];
        if (more) best = i;
    }
    return best;
}

karma_status candidates_answer(struct output_box *box, const char *const *texts) {
    karma_output *o = &box->out;
    struct arena *a = &box->arena;
    struct json *all = json_new_object(a);
    struct buf raw = {0};
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK && o->candidate_sums) st = measure_texts(a, o, texts);
    if (st == KARMA_OK) st = o->candidate_sums ? in_order(a, o, all) : by_name(a, o, texts, all);
    if (st == KARMA_OK) st = json_write(&raw, all, 0, JSON_COMPACT);
    o->text = arena_strdup(a, texts[likeliest(o)]);
    o->raw_text = st == KARMA_OK ? arena_strndup(a, buf_str(&raw), raw.len) : NULL;
    buf_release(&raw);
    return st < 0 || (o->text && o->raw_text) ? st : KARMA_E_NOMEM;
}
