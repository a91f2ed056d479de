/* draft.c - see draft.h. */
#include "engine/draft.h"

#include <stdbool.h>

/* What a step of that many rows takes beside one of a single row, about as measured (doc/speed.md):
 * 3 rows cost as much as 4, 5 as much as 8, and in DRAFT_CHEAP all wait for the same weights. */
static const float step_costs[][DRAFT_STEP_ROWS + 1] = {
    [DRAFT_DEAR] = {0, 1, 1.1f, 1.35f, 1.4f, 2.0f, 2.05f, 2.1f, 2.15f},
    [DRAFT_CHEAP] = {0, 1, 1.02f, 1.06f, 1.08f, 1.2f, 1.21f, 1.22f, 1.23f},
};

/* Of texts that small models wrote, by the length of the match; where a request begins. */
static const float usual_rate[] = {0.3f, 0.5f, 0.75f};
static const float LEARNING = 1.0f / 16; /* weight of the newest guess */

void draft_init(struct draft *d) {
    *d = (struct draft){0};
    for (int i = 0; i <= DRAFT_MOST_MATCH - DRAFT_LEAST_MATCH; i++)
        d->rate[i] = usual_rate[i];
}

/* Tokens before tokens[end] and tokens[n] that are the same, up to DRAFT_MOST_MATCH. */
static int32_t match_at(const int32_t *tokens, int32_t end, int32_t n) {
    int32_t same = 0;
    while (same < DRAFT_MOST_MATCH && same < end && tokens[end - 1 - same] == tokens[n - 1 - same])
        same++;
    return same;
}

void draft_find(struct draft *d, const int32_t *tokens, int32_t n, int64_t vocab_size,
                int32_t most) {
    int32_t next = 0; /* what follows the match */
    d->n = d->n_rows = d->n_match = 0;
    for (int32_t end = n - 1; end > d->n_match && d->n_match < DRAFT_MOST_MATCH; end--) {
        if (tokens[end - 1] != tokens[n - 1]) continue;
        const int32_t same = match_at(tokens, end, n);
        if (same < DRAFT_LEAST_MATCH || same <= d->n_match) continue;
        d->n_match = same;
        next = end;
    }
    if (d->n_match == 0) return;
    for (int32_t at = next; d->n < most && d->n < DRAFT_MAX; at++) {
        const int32_t id = at < n ? tokens[at] : d->tokens[at - n]; /* a text that repeats itself */
        if (id < 0 || id >= vocab_size) break;
        d->tokens[d->n++] = id;
    }
}

static float rate_of(const struct draft *d) {
    return d->rate[d->n_match - DRAFT_LEAST_MATCH];
}

/* Rows are given one by one to the guess that is likeliest to come true; those are kept with which
 * the step says the most tokens in its time. */
void draft_share_rows(struct draft *const *drafts, int32_t n, int32_t max_rows,
                      enum draft_rows cost) {
    const float *step_cost = step_costs[cost];
    float chance[DRAFT_STEP_ROWS];
    int32_t given[DRAFT_STEP_ROWS] = {0};
    if (max_rows > DRAFT_STEP_ROWS) max_rows = DRAFT_STEP_ROWS;
    if (n >= max_rows) return;
    for (int32_t i = 0; i < n; i++)
        chance[i] = drafts[i]->n > 0 ? rate_of(drafts[i]) : 0;
    float said = (float)n, best = said / step_cost[n];
    for (int32_t rows = n + 1; rows <= max_rows; rows++) {
        int32_t likeliest = 0;
        for (int32_t i = 1; i < n; i++)
            if (chance[i] > chance[likeliest]) likeliest = i;
        struct draft *d = drafts[likeliest];
        if (chance[likeliest] <= 0) return;
        said += chance[likeliest];
        given[likeliest]++;
        chance[likeliest] = given[likeliest] < d->n ? chance[likeliest] * rate_of(d) : 0;
        if (said / step_cost[rows] <= best) continue;
        best = said / step_cost[rows];
        for (int32_t i = 0; i < n; i++)
            drafts[i]->n_rows = given[i];
    }
}

void draft_learn(struct draft *d, const int32_t *said, int32_t n) {
    for (int32_t i = 0; i < n && i < d->n; i++) {
        float *rate = &d->rate[d->n_match - DRAFT_LEAST_MATCH];
        const bool true_one = said[i] == d->tokens[i];
        *rate += ((true_one ? 1.0f : 0.0f) - *rate) * LEARNING;
        if (!true_one) return;
    }
}
