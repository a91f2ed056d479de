/*
 * scoring.h (internal) - what score.c and score_result.c share: the account of a data set while its
 * samples are scored.
 */
#ifndef EVAL_SCORING_H
#define EVAL_SCORING_H

#include "eval/judge.h"
#include "eval/rotations.h"
#include "eval/sample_log.h"
#include "eval/score.h"
#include "eval/slices.h"

enum { MAX_FAILED_SHOWN = 1000, MAX_PARTS = 32 };

struct tally {
    size_t outcomes[OUTCOME_COUNT];
    size_t cut, thought_cut, prompt_truncated, special_in_text, decided;
    size_t short_ranking; /* shorter than the metrics look, though there are more documents */
    size_t failed_by_code[KARMA_STATUS_ORDER_COUNT];
};

/* Of a metric whose sample scores are shares: what the readable answers sum up to. */
struct readable {
    double sum;
    bool share; /* so far */
};

/* The whole set, or those of its samples that have an answer type. */
struct part {
    const char *type; /* NULL: the whole */
    struct plan_metric *metrics;
    struct readable *readable; /* [n_metrics] */
    size_t n_metrics;
    size_t n_scored, n_failed, n_not_run;
    size_t n_unreadable; /* of the scored: without an answer, or cut */
};

struct scoring {
    struct arena *arena;
    struct arena scratch; /* of one sample */
    struct plan_dataset *d;
    const struct answers *answers;
    struct tally tally;
    struct part whole, parts[MAX_PARTS];
    size_t n_parts;
    struct buf failed_at;          /* size_t: the indices of those that failed */
    struct json *failed, *samples; /* samples NULL: no content wanted */
    struct slices *slices;         /* owned */
    struct scored_way *ways;       /* of several readings */
    size_t n_ways;
    struct rotations *rotations; /* of the headline; NULL: questions are not asked in all orders */
    const struct score_outputs *outputs;
    struct score *out;
};

/* The part of that type, a new one if need be; type NULL: none. */
karma_status scoring_part(struct scoring *s, const char *type, struct part **out);

/* Metrics of its own for a part that is all zero but for its type. */
karma_status scoring_open_part(struct scoring *s, struct part *p, const char *type);
void scoring_close_part(struct part *p);
/* A sample of it was scored. */
void scoring_count(struct part *p, const struct judged *j, const double *scores);
/* Member "metrics", and what goes with it. */
karma_status scoring_put_metrics(struct scoring *s, const struct part *p, struct json *to);

/* --- ways (score_ways.c) ---------------------------------------------------------------------- */

/* One reading of one way of asking. */
struct scored_way {
    enum reading reading;
    size_t way; /* of the data set's */
    struct part part;
    struct rotations *rotations; /* NULL: none */
};
karma_status score_ways_begin(struct scoring *s);
/* Behind the headline of a sample that was run: its other readings, and j->logprobs. */
karma_status score_ways_add(struct scoring *s, struct judged *j);
/* Members "answer_by", "answer_lead", ..., "answer_ways" and "position_bias". */
karma_status score_ways_put(struct scoring *s, struct json *result);
void score_ways_end(struct scoring *s);

/* The object that goes into the results. */
karma_status score_result(struct scoring *s);

#endif
