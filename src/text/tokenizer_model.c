/*
 * tokenizer_model.c - the model of a tokenizer.json: BPE, WordPiece, Unigram or WordLevel. Members
 * come in any order, so what depends on the kind is settled when all are read. Options that change
 * the result and that we do not have must be off.
 */
#include <string.h>

#include "base/utf8.h"
#include "text/list_lane.h"
#include "text/tokenizer_reader.h"

struct model {
    struct reader *r;
    struct tokenizer *t;
    const char *type, *unk, *prefix, *suffix; /* in the tokenizer's arena */
    size_t type_len, unk_len, prefix_len, suffix_len;
    int64_t unk_id; /* -1: none */
    bool byte_fallback, has_max_chars;
    bool vocab_seen, scored; /* scored: the vocabulary is Unigram's, a list with scores */
    struct slice merges;
    bool merges_read;
};

/* ---- vocabulary ---- */

/* Members behind the one that the stream has just given, by the fast lane. */
static karma_status vocab_lane(struct vocab *v, struct json_pull *j, struct lane_gap gaps[2]) {
    karma_status st = KARMA_OK;
    for (const char *p = j->p, *end = j->end; st == KARMA_OK; j->p = p) {
        int64_t id;
        const char *text = lane_cross(p, end, &gaps[0], ",\"");
        const char *quote = text ? lane_string(text, end) : NULL;
        p = quote ? lane_cross(quote, end, &gaps[1], "\": ") : NULL;
        if (p) p = lane_number(p, end, &id);
        if (!p || !utf8_valid(text, (size_t)(quote - text), NULL)) break;
        st = vocab_add(v, id, text, (size_t)(quote - text));
    }
    return st;
}

/* {"token": id, ...} */
karma_status reader_vocab_map(struct tokenizer *t, struct json_pull *j) {
    enum json_event ev;
    char copy[VOCAB_MAX_TEXT + 1];
    struct lane_gap gaps[2] = {{0}};
    karma_status st;
    for (;;) {
        st = json_pull_next(j, &ev);
        if (st < 0 || ev == JSON_EV_OBJECT_END) break;
        const char *text = j->text;
        size_t len = j->len;
        if (text == j->scratch.data && len <= VOCAB_MAX_TEXT) text = memcpy(copy, text, len);
        st = json_pull_next(j, &ev);
        if (st < 0) break;
        if (ev != JSON_EV_INT)
            return status_fail(KARMA_E_TYPE, "token '%s': expected an integer id",
                               status_quote(text, len));
        st = vocab_add(&t->vocab, j->integer, text, len);
        if (st == KARMA_OK) st = vocab_lane(&t->vocab, j, gaps);
        if (st < 0) break;
    }
    return st < 0 ? st : vocab_index(&t->vocab, VOCAB_REFUSE);
}

/* ["token", score] */
static karma_status read_scored(struct model *m, struct json_pull *j, int64_t id) {
    struct tokenizer *t = m->t;
    enum json_event ev;
    double score;
    karma_status st = json_pull_next(j, &ev);
    if (st == KARMA_OK && ev != JSON_EV_STRING) st = reader_wrong_type("a token and its score");
    if (st < 0) return st;
    if (j->len > 0) st = vocab_add(&t->vocab, id, j->text, j->len); /* nothing encodes to "" */
    if (st < 0) return st;
    const size_t begin = json_pull_offset(j);
    st = json_pull_next(j, &ev);
    if (st == KARMA_OK && ev != JSON_EV_REAL && ev != JSON_EV_INT && ev != JSON_EV_UINT)
        st = reader_wrong_type("a token and its score");
    if (st < 0) return st;
    if (!unigram_parse_score(m->r->data + begin, m->r->len - begin, &score))
        return status_fail(KARMA_E_NONFINITE, "the score is too large");
    st = unigram_push_score(&t->unigram, score);
    if (st == KARMA_OK) st = json_pull_next(j, &ev);
    if (st == KARMA_OK && ev != JSON_EV_ARRAY_END) st = reader_wrong_type("a token and its score");
    return st;
}

static karma_status read_list(struct model *m, struct json_pull *j) {
    for (int64_t id = 0;; id++) {
        enum json_event ev;
        karma_status st = json_pull_next(j, &ev);
        if (st < 0) return st;
        if (ev == JSON_EV_ARRAY_END) break;
        st = ev == JSON_EV_ARRAY_BEGIN ? read_scored(m, j, id)
                                       : reader_wrong_type("an array of a token and its score");
        if (st < 0) return status_prefix(st, "[%lld]", (long long)id);
    }
    return vocab_index(&m->t->vocab, VOCAB_HIGHEST_ID);
}

static karma_status read_vocab(struct model *m, struct json_pull *j) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_OBJECT_BEGIN && ev != JSON_EV_ARRAY_BEGIN)
        return reader_wrong_type("an object or an array");
    m->scored = ev == JSON_EV_ARRAY_BEGIN;
    m->vocab_seen = true;
    return m->scored ? read_list(m, j) : reader_vocab_map(m->t, j);
}

/* ---- merges ---- */

/* Merges on their way into the table, looked up together. Texts point into the file; those with
 * escapes, which the stream unescapes in a buffer of its own, are copied. */
struct merge_batch {
    struct vocab_text parts[2 * BPE_BATCH];
    size_t n_parts;
    size_t first; /* index of its first merge in the list */
    struct arena copies;
};

static karma_status batch_flush(struct bpe *b, struct merge_batch *m) {
    size_t done;
    karma_status st = bpe_add_merges(b, m->parts, m->n_parts / 2, &done);
    if (st < 0) return status_prefix(st, "[%zu]", m->first + done);
    m->first += done;
    m->n_parts = 0;
    arena_reset(&m->copies);
    return KARMA_OK;
}

static karma_status batch_add(struct merge_batch *m, const struct json_pull *j, const char *text,
                              size_t len) {
    if (j->text == j->scratch.data) {
        text = arena_strndup(&m->copies, text, len);
        if (!text) return KARMA_E_NOMEM;
    }
    m->parts[m->n_parts++] = (struct vocab_text){text, len};
    return KARMA_OK;
}

/* The line that old lists of merges begin with. */
static bool is_version(const char *text, size_t len) {
    return len >= 8 && memcmp(text, "#version", 8) == 0;
}

/* The end of the merge behind p, whose parts it gives, or NULL. */
static const char *lane_merge(const char *p, const char *end, bool pairs, struct lane_gap gaps[3],
                              struct vocab_text parts[2]) {
    const char *left = lane_cross(p, end, &gaps[0], pairs ? ",[\"" : ",\"");
    const char *quote = left ? lane_string(left, end) : NULL;
    if (!quote) return NULL;
    const char *stop = quote, *right;
    if (pairs) {
        right = lane_cross(quote, end, &gaps[1], "\",\"");
        quote = right ? lane_string(right, end) : NULL;
        p = quote ? lane_cross(quote, end, &gaps[2], "\"]") : NULL;
    } else {
        if (is_version(left, (size_t)(quote - left))) return NULL;
        stop = memchr(left, ' ', (size_t)(quote - left));
        right = stop ? stop + 1 : NULL;
        p = stop && !memchr(right, ' ', (size_t)(quote - right)) ? quote + 1 : NULL;
    }
    if (!p || stop == left || right == quote) return NULL;
    parts[0] = (struct vocab_text){left, (size_t)(stop - left)};
    parts[1] = (struct vocab_text){right, (size_t)(quote - right)};
    return p;
}

/* Whole batches of merges by the fast lane. A part that is in the vocabulary is valid UTF-8; a
 * batch with another is left to the stream, which says what is wrong. */
static karma_status merges_lane(struct bpe *b, struct json_pull *j, bool pairs,
                                struct lane_gap gaps[3], size_t *n_read) {
    struct vocab_text parts[2 * BPE_BATCH];
    for (size_t n = BPE_BATCH, done; n == BPE_BATCH; *n_read += n) {
        const char *p = j->p, *next;
        for (n = 0; n < BPE_BATCH; n++, p = next) {
            next = lane_merge(p, j->end, pairs, gaps, &parts[2 * n]);
            if (!next) break;
        }
        const uint32_t before = b->n_merges;
        if (n == 0) break;
        karma_status st = bpe_add_merges(b, parts, n, &done);
        if (st == KARMA_E_MISSING) {
            b->n_merges = before;
            break;
        }
        if (st < 0) return status_prefix(st, "[%zu]", *n_read + done);
        j->p = p;
    }
    return KARMA_OK;
}

/* "left right", one space between; a part is never empty. */
static karma_status merge_from_string(struct merge_batch *m, const struct json_pull *j) {
    const char *space = memchr(j->text, ' ', j->len);
    size_t left = space ? (size_t)(space - j->text) : 0;
    if (!space || left == 0 || left + 1 == j->len || memchr(space + 1, ' ', j->len - left - 1))
        return status_fail(KARMA_E_SYNTAX, "'%s' is not two parts with a space between",
                           status_quote(j->text, j->len));
    karma_status st = batch_add(m, j, j->text, left);
    return st < 0 ? st : batch_add(m, j, space + 1, j->len - left - 1);
}

static karma_status merge_from_pair(struct merge_batch *m, struct json_pull *j) {
    static const enum json_event wanted[] = {JSON_EV_STRING, JSON_EV_STRING, JSON_EV_ARRAY_END};
    for (int i = 0; i < 3; i++) {
        enum json_event ev;
        karma_status st = json_pull_next(j, &ev);
        if (st == KARMA_OK && ev != wanted[i]) st = reader_wrong_type("an array of two strings");
        if (st == KARMA_OK && ev == JSON_EV_STRING) st = batch_add(m, j, j->text, j->len);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status read_merges(struct model *model, struct json_pull *j) {
    struct bpe *b = &model->t->bpe;
    struct merge_batch m = {.n_parts = 0};
    struct lane_gap gaps[3] = {{0}};
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st == KARMA_OK && ev != JSON_EV_ARRAY_BEGIN) st = reader_wrong_type("an array");
    while (st == KARMA_OK) {
        st = json_pull_next(j, &ev);
        if (st < 0 || ev == JSON_EV_ARRAY_END) break;
        const bool pairs = ev == JSON_EV_ARRAY_BEGIN;
        if (pairs)
            st = merge_from_pair(&m, j);
        else if (ev != JSON_EV_STRING)
            st = reader_wrong_type("a string or an array of two strings");
        else if (is_version(j->text, j->len))
            m.first++;
        else
            st = merge_from_string(&m, j);
        if (st < 0)
            st = status_prefix(st, "[%zu]", m.first + m.n_parts / 2);
        else if (m.n_parts == 2 * BPE_BATCH)
            st = batch_flush(b, &m);
        if (st == KARMA_OK && m.n_parts == 0) st = merges_lane(b, j, pairs, gaps, &m.first);
    }
    if (st == KARMA_OK && m.n_parts > 0) st = batch_flush(b, &m);
    arena_release(&m.copies);
    model->merges_read = true;
    return st;
}

/* ---- members ---- */

static karma_status need_no_dropout(struct json_pull *j) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0 || ev == JSON_EV_NULL) return st;
    if ((ev == JSON_EV_INT && j->integer == 0) || (ev == JSON_EV_REAL && !(j->real > 0)))
        return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED, "random merges are not supported");
}

static karma_status read_member(struct model *m, struct json_pull *j) {
    struct reader *r = m->r;
    struct tokenizer *t = m->t;
    struct slice ignored;
    if (reader_key_is(j, "type")) return reader_take_string(r, j, &m->type, &m->type_len);
    if (reader_key_is(j, "vocab")) {
        if (m->vocab_seen) return status_fail(KARMA_E_DUPLICATE, "given twice");
        return read_vocab(m, j);
    }
    if (reader_key_is(j, "merges")) {
        if (m->merges.seen || m->merges_read) return status_fail(KARMA_E_DUPLICATE, "given twice");
        return m->vocab_seen ? read_merges(m, j) : reader_take_slice(j, &m->merges);
    }
    if (reader_key_is(j, "fuse_unk")) return reader_take_bool(j, &t->bpe.fuse_unk);
    if (reader_key_is(j, "byte_fallback")) return reader_take_bool(j, &m->byte_fallback);
    if (reader_key_is(j, "ignore_merges")) return reader_take_bool(j, &t->bpe.ignore_merges);
    if (reader_key_is(j, "unk_token")) return reader_take_string(r, j, &m->unk, &m->unk_len);
    if (reader_key_is(j, "unk_id")) return reader_take_int(j, &m->unk_id);
    if (reader_key_is(j, "dropout")) return need_no_dropout(j);
    if (reader_key_is(j, "continuing_subword_prefix"))
        return reader_take_string(r, j, &m->prefix, &m->prefix_len);
    if (reader_key_is(j, "end_of_word_suffix"))
        return reader_take_string(r, j, &m->suffix, &m->suffix_len);
    if (reader_key_is(j, "max_input_chars_per_word")) {
        m->has_max_chars = true;
        return reader_take_int(j, &t->wordpiece.max_chars);
    }
    return reader_take_slice(j, &ignored);
}

/* ---- what each kind needs ---- */

static karma_status kind_of(const struct model *m, enum model_kind *out) {
    static const struct {
        const char *type;
        enum model_kind kind;
    } kinds[] = {{"BPE", MODEL_BPE},
                 {"WordPiece", MODEL_WORDPIECE},
                 {"Unigram", MODEL_UNIGRAM},
                 {"WordLevel", MODEL_WORDLEVEL}};
    if (!m->type) { /* older files do not say: their members do */
        *out = m->scored ? MODEL_UNIGRAM : m->has_max_chars ? MODEL_WORDPIECE : MODEL_BPE;
        return KARMA_OK;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(m->type, kinds[i].type) != 0) continue;
        *out = kinds[i].kind;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_UNSUPPORTED, "model '%s' is not supported",
                       status_quote(m->type, m->type_len));
}

static karma_status finish_bpe(struct model *m) {
    const struct {
        const char *name, *text;
        size_t len;
    } off[] = {{"continuing_subword_prefix", m->prefix, m->prefix_len},
               {"end_of_word_suffix", m->suffix, m->suffix_len}};
    for (int i = 0; i < 2; i++)
        if (off[i].len > 0)
            return status_fail(KARMA_E_UNSUPPORTED, "%s: '%s' is not supported", off[i].name,
                               status_quote(off[i].text, off[i].len));
    if (m->merges.seen && !m->merges_read) {
        struct json_pull sub;
        reader_open_slice(m->r, &m->merges, &sub);
        karma_status st = status_prefix(read_merges(m, &sub), "merges");
        json_pull_release(&sub);
        if (st < 0) return st;
    }
    if (!m->merges_read) return status_fail(KARMA_E_MISSING, "no merges");
    m->t->bpe.byte_fallback = m->byte_fallback;
    if (m->unk_len == 0) return KARMA_OK;
    m->t->bpe.unk = vocab_find(&m->t->vocab, m->unk, m->unk_len);
    if (m->t->bpe.unk >= 0) return KARMA_OK;
    return status_fail(KARMA_E_MISSING, "unk_token '%s' is not in the vocabulary",
                       status_quote(m->unk, m->unk_len));
}

/* Without the unknown token in the vocabulary only a text that needs it fails, as in the
 * reference. */
static karma_status finish_words(struct model *m) {
    struct wordpiece *w = &m->t->wordpiece;
    if (m->prefix) {
        w->prefix = m->prefix;
        w->prefix_len = m->prefix_len;
    }
    const char *unk = m->unk ? m->unk : m->t->model == MODEL_WORDPIECE ? "[UNK]" : "<unk>";
    w->unk = vocab_find(&m->t->vocab, unk, m->unk ? m->unk_len : strlen(unk));
    if (w->max_chars < 0)
        return status_fail(KARMA_E_RANGE, "max_input_chars_per_word %lld", (long long)w->max_chars);
    return KARMA_OK;
}

static karma_status finish_unigram(struct model *m) {
    struct unigram *u = &m->t->unigram;
    if (m->unk_id < -1 || m->unk_id >= u->n_scores)
        return status_fail(KARMA_E_RANGE, "unk_id %lld, expected below %d", (long long)m->unk_id,
                           u->n_scores);
    u->unk = (int32_t)m->unk_id;
    u->byte_fallback = m->byte_fallback;
    return KARMA_OK;
}

karma_status reader_model(struct reader *r, struct json_pull *j) {
    struct model m = {.r = r, .t = r->t, .unk_id = -1};
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0) return st;
    if (ev != JSON_EV_OBJECT_BEGIN) return reader_wrong_type("an object");
    while (st == KARMA_OK) {
        st = json_pull_next(j, &ev);
        if (st < 0 || ev == JSON_EV_OBJECT_END) break;
        char key[40];
        size_t len = j->len < sizeof(key) ? j->len : sizeof(key) - 1;
        memcpy(key, j->text, len);
        st = read_member(&m, j);
        st = status_prefix(st, "%s", status_quote(key, len)); /* quoted after what it quotes */
    }
    if (st == KARMA_OK) st = kind_of(&m, &r->t->model);
    if (st < 0) return st;
    if (!m.vocab_seen) return status_fail(KARMA_E_MISSING, "no vocab");
    if (m.scored != (r->t->model == MODEL_UNIGRAM))
        return status_fail(KARMA_E_TYPE, "vocab: expected %s",
                           m.scored ? "an object" : "an array of tokens with scores");
    if (r->t->model == MODEL_BPE) return finish_bpe(&m);
    return r->t->model == MODEL_UNIGRAM ? finish_unigram(&m) : finish_words(&m);
}
