/* cutter.c - see cutter.h. */
#include "engine/cutter.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { PORTION = 16384 }; /* samples taken beyond what a cut needs to know */

struct cutter {
    struct cutter_config config;
    int64_t piece, search, frame, half_overlap; /* samples */
    float *samples;                             /* of the recording, from `begin` on */
    size_t count, cap;
    int64_t begin; /* of the next piece */
    int64_t from;  /* what it is trusted from */
    size_t taken;  /* samples to forget at the next call: those of the piece lent */
    bool ended, done;
};

struct cutter_config cutter_defaults(void) {
    return (struct cutter_config){.sample_rate = 16000,
                                  .piece_s = 25,
                                  .search_s = 5,
                                  .frame_s = 0.025,
                                  .overlap_s = 2,
                                  .quiet_db = 20};
}

karma_status cutter_create(const struct cutter_config *config, struct cutter **out) {
    const double rate = config->sample_rate;
    *out = NULL;
    const struct cutter c = {
        .config = *config,
        .piece = (int64_t)(config->piece_s * rate),
        .search = (int64_t)(config->search_s * rate),
        .frame = (int64_t)(config->frame_s * rate),
        .half_overlap = (int64_t)(config->overlap_s * rate / 2),
    };
    if (c.frame < 1 || c.half_overlap < 0 || c.search < c.half_overlap + 2 * c.frame ||
        c.piece < c.search + 2 * c.half_overlap + c.frame)
        return status_fail(KARMA_E_RANGE,
                           "pieces of %g s cannot be cut in their last %g s with an overlap of "
                           "%g s",
                           config->piece_s, config->search_s, config->overlap_s);
    struct cutter *made = mem_alloc(sizeof(*made));
    if (!made) return KARMA_E_NOMEM;
    *made = c;
    *out = made;
    return KARMA_OK;
}

void cutter_destroy(struct cutter *c) {
    if (!c) return;
    mem_free(c->samples);
    mem_free(c);
}

void cutter_reset(struct cutter *c) {
    c->count = c->taken = 0;
    c->begin = c->from = 0;
    c->ended = c->done = false;
}

/* Samples that tell where a piece ends: more than it could have if it were the last but one. */
static size_t needed(const struct cutter *c) {
    return (size_t)(c->piece + c->search) + 1;
}

size_t cutter_room(const struct cutter *c) {
    if (c->config.whole) return PORTION;
    const size_t held = c->count - c->taken;
    return held < needed(c) ? needed(c) - held : PORTION;
}

static void forget_taken(struct cutter *c) {
    if (c->taken == 0) return;
    memmove(c->samples, c->samples + c->taken, (c->count - c->taken) * sizeof(*c->samples));
    c->count -= c->taken;
    c->taken = 0;
}

karma_status cutter_push(struct cutter *c, const float *samples, size_t n) {
    if (c->done) cutter_reset(c);
    forget_taken(c);
    if (n > c->cap - c->count) {
        size_t cap = c->cap ? c->cap : PORTION;
        while (cap - c->count < n) {
            if (cap > SIZE_MAX / 2 / sizeof(*samples))
                return status_fail(KARMA_E_LIMIT, "the recording is too long");
            cap *= 2;
        }
        float *more = mem_realloc(c->samples, cap * sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        c->samples = more;
        c->cap = cap;
    }
    if (n) memcpy(c->samples + c->count, samples, n * sizeof(*samples));
    c->count += n;
    return KARMA_OK;
}

void cutter_end(struct cutter *c) {
    c->ended = true;
}

static double energy(const float *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum / (double)n;
}

/* The middle of the quietest frame that lies in [begin, end), at steps of half a frame; the first
 * of equals. */
static int64_t quietest(const struct cutter *c, int64_t begin, int64_t end, double *power) {
    const int64_t step = c->frame > 1 ? c->frame / 2 : 1;
    int64_t best = begin;
    *power = INFINITY;
    for (int64_t at = begin; at + c->frame <= end; at += step) {
        const double p = energy(c->samples + at, c->frame);
        if (p >= *power) continue;
        *power = p;
        best = at;
    }
    return best + c->frame / 2;
}

/* The piece of the samples held, of which there are more than one piece may have. */
static struct piece cut(struct cutter *c) {
    const int64_t held = (int64_t)c->count;
    int64_t window = c->piece;
    if (held - window < c->search) window = held - c->search; /* leave no crumb */
    double power;
    int64_t at = quietest(c, window - c->search, window, &power);
    const double loud = energy(c->samples, window) * pow(10, -c->config.quiet_db / 10);
    struct piece p = {.begin = c->begin, .from = c->from};
    int64_t over = 0;
    if (power > loud) { /* through speech, or through noise that has no pause */
        at = quietest(c, window - c->search, window - c->half_overlap, &power);
        over = c->half_overlap;
    }
    p.end = c->begin + at + over;
    p.to = c->begin + at;
    c->taken = (size_t)(at - over);
    c->begin += at - over;
    c->from = p.to;
    return p;
}

karma_status cutter_next(struct cutter *c, struct piece *out) {
    forget_taken(c);
    const bool fits = c->config.whole || c->count < needed(c);
    if (c->done || (fits && !c->ended)) return KARMA_DONE;
    /* What is left after a first cut must fit a piece; only a whole recording may be longer. */
    const bool rest =
        c->config.whole || c->count <= (size_t)c->piece || (c->begin == 0 && c->count < needed(c));
    if (!rest) {
        *out = cut(c);
    } else {
        *out = (struct piece){.begin = c->begin,
                              .end = c->begin + (int64_t)c->count,
                              .from = c->from,
                              .to = INT64_MAX,
                              .last = true};
        c->taken = c->count;
        c->done = true;
    }
    out->samples = c->samples;
    return KARMA_OK;
}
