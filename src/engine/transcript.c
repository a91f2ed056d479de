/* transcript.c - see transcript.h. */
#include "engine/transcript.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

static const char mark[] = "\xe2\x96\x81"; /* U+2581: a word begins */
enum { MARK_BYTES = sizeof(mark) - 1 };

void transcript_begin(struct transcript *t, const struct transcript_config *config) {
    transcript_release(t);
    t->config = *config;
}

void transcript_release(struct transcript *t) {
    buf_release(&t->text);
    buf_release(&t->unit_text);
    mem_free(t->units);
    heard_release(&t->held);
    *t = (struct transcript){0};
}

/* ---- text ---- */

static bool begins_word(const char *piece) {
    return strstr(piece, mark) != NULL;
}

/* The piece with `with` in place of each mark. */
static karma_status append_piece(struct buf *b, const char *piece, const char *with) {
    karma_status st = KARMA_OK;
    for (const char *at; st == KARMA_OK && (at = strstr(piece, mark)) != NULL;
         piece = at + MARK_BYTES) {
        st = buf_append(b, piece, (size_t)(at - piece));
        if (st == KARMA_OK) st = buf_puts(b, with);
    }
    return st < 0 ? st : buf_puts(b, piece);
}

static void strip_end(struct buf *b) {
    while (b->len > 0 && b->data[b->len - 1] == ' ')
        b->data[--b->len] = '\0';
}

static karma_status append_text(struct transcript *t, const char *piece) {
    const size_t before = t->text.len;
    karma_status st = append_piece(&t->text, piece, " ");
    /* What begins a text or follows a pause has no blanks of its own before it. */
    if (st == KARMA_OK && !t->in_word && t->text.len > before) {
        const size_t blanks = strspn(t->text.data + before, " ");
        memmove(t->text.data + before, t->text.data + before + blanks,
                t->text.len - before - blanks + 1);
        t->text.len -= blanks;
    }
    return st;
}

/* ---- units ---- */

static karma_status new_unit(struct transcript *t, double begin_s) {
    if (t->n_units == t->cap_units) {
        const size_t cap = t->cap_units ? t->cap_units * 2 : 64;
        struct transcript_unit_heard *more = mem_realloc(t->units, cap * sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        t->units = more;
        t->cap_units = cap;
    }
    t->units[t->n_units++] = (struct transcript_unit_heard){
        .begin_byte = t->unit_text.len, .end_byte = t->unit_text.len, .begin_s = begin_s};
    return KARMA_OK;
}

static karma_status append_unit(struct transcript *t, const char *piece, double begin_s,
                                double end_s, double logprob) {
    const bool tokens = t->config.unit == TRANSCRIPT_TOKENS;
    karma_status st = KARMA_OK;
    if (tokens || t->n_units == 0 || !t->in_word || begins_word(piece)) {
        /* A mark by itself and what follows it are one word: its beginning is the mark's. */
        struct transcript_unit_heard *last = t->n_units ? &t->units[t->n_units - 1] : NULL;
        const bool is_bare = !tokens && t->in_word && last && last->begin_byte == last->end_byte;
        if (is_bare)
            *last = (struct transcript_unit_heard){
                .begin_byte = last->begin_byte, .end_byte = last->end_byte, .begin_s = begin_s};
        else
            st = new_unit(t, begin_s);
    }
    if (st == KARMA_OK) st = append_piece(&t->unit_text, piece, tokens ? mark : "");
    if (st < 0) return st;
    struct transcript_unit_heard *u = &t->units[t->n_units - 1];
    u->end_byte = t->unit_text.len;
    u->end_s = end_s;
    u->logprob += (logprob - u->logprob) / ++u->n_tokens;
    return KARMA_OK;
}

/* ---- pieces ---- */

static double seconds_of(const struct transcript *t, const struct piece *p, int32_t step) {
    const double end = (double)p->end / t->config.sample_rate;
    const double at = (double)p->begin / t->config.sample_rate + step * t->config.step_s;
    return at < end ? at : end;
}

static double middle_of(const struct transcript *t, const struct piece *p,
                        const struct heard_token *h) {
    return (seconds_of(t, p, h->begin) + seconds_of(t, p, h->end)) / 2;
}

/* The tokens of the held piece in [held_from_s, to_s). */
static karma_status commit(struct transcript *t, double to_s) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < t->held.count; i++) {
        const struct heard_token *h = &t->held.tokens[i];
        const double middle = middle_of(t, &t->held_piece, h);
        const char *piece = t->held_language->pieces[h->id];
        if (middle < t->held_from_s || middle >= to_s) continue;
        if (t->config.drop_unknown && strcmp(piece, "<unk>") == 0) continue;
        st = append_text(t, piece);
        if (st == KARMA_OK && t->config.keep_units)
            st = append_unit(t, piece, seconds_of(t, &t->held_piece, h->begin),
                             seconds_of(t, &t->held_piece, h->end), (double)h->logprob);
        t->in_word = true;
        t->n_tokens++;
        t->logprob += (double)h->logprob;
    }
    return st;
}

/* How far `at` lies from the nearest token that either piece hears. */
static double clearance(const struct transcript *t, const struct piece *p, const struct heard *h,
                        double at) {
    double least = INFINITY;
    for (size_t i = 0; i < h->count; i++) {
        const double away = fabs(middle_of(t, p, &h->tokens[i]) - at);
        if (away < least) least = away;
    }
    return least;
}

/*
 * Where two overlapping pieces meet. Both hear the same token, but up to a step apart, so the place
 * must have none of either near by: the clearest of the middle half of the overlap, the nearest to
 * the cut among those that are as clear as a step and a half.
 */
static double meeting(const struct transcript *t, const struct piece *next,
                      const struct heard *heard) {
    const double rate = t->config.sample_rate, cut = (double)next->from / rate;
    const double reach = (double)(t->held_piece.end - next->begin) / rate / 4;
    const double enough = 1.5 * t->config.step_s, stride = t->config.step_s / 4;
    double best = cut, clearest = -1;
    for (double away = 0; away <= reach && clearest < enough; away += stride) {
        for (int side = -1; side <= 1; side += 2) {
            const double at = cut + side * away;
            const double held = clearance(t, &t->held_piece, &t->held, at);
            const double other = clearance(t, next, heard, at);
            const double clear = held < other ? held : other;
            if (clear <= clearest || clearest >= enough) continue;
            clearest = clear;
            best = at;
        }
    }
    return best;
}

static karma_status new_run(struct transcript *t) {
    strip_end(&t->text);
    t->in_word = false;
    return t->text.len ? buf_putc(&t->text, ' ') : KARMA_OK;
}

karma_status transcript_add(struct transcript *t, const struct piece *piece,
                            const struct speech_language *language, struct heard *heard) {
    karma_status st = KARMA_OK;
    double from = -INFINITY;
    if (t->has_held) {
        const bool overlaps = piece->begin < t->held_piece.end;
        if (overlaps) from = meeting(t, piece, heard);
        st = commit(t, overlaps ? from : INFINITY);
        if (st == KARMA_OK && !overlaps) st = new_run(t);
    }
    if (st < 0) return st;
    heard_release(&t->held);
    t->held = *heard;
    *heard = (struct heard){0};
    t->held_piece = *piece;
    t->held_piece.samples = NULL;
    t->held_language = language;
    t->held_from_s = from;
    t->has_held = true;
    return KARMA_OK;
}

/* Words of marks alone have no text. */
static void drop_empty_units(struct transcript *t) {
    size_t kept = 0;
    for (size_t i = 0; i < t->n_units; i++)
        if (t->units[i].begin_byte < t->units[i].end_byte) t->units[kept++] = t->units[i];
    t->n_units = kept;
}

karma_status transcript_end(struct transcript *t) {
    karma_status st = t->has_held ? commit(t, INFINITY) : KARMA_OK;
    heard_release(&t->held);
    t->has_held = false;
    strip_end(&t->text);
    drop_empty_units(t);
    return st;
}
