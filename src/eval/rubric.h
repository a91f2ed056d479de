/*
 * rubric.h - the judge of a run: a second model that says of answers whether they meet criteria,
 * for metrics that need one. A verdict is an answer of that model like any other: it is kept in the
 * store under a key of the judge's identity and of what it was asked, so that no question is asked
 * twice. What becomes of verdicts is the metrics' affair.
 */
#ifndef EVAL_RUBRIC_H
#define EVAL_RUBRIC_H

#include "eval/answers.h"
#include "eval/judge.h"

struct rubric {
    karma_model *model; /* owned; NULL: the run has no judge */
    char *identity;     /* JSON, owned */
    struct store *store;
    bool chooses; /* it compares yes and no; else it writes one of them */
};

/* The model that judge names, not loaded. E_NOTFOUND, E_USAGE: as of any model. */
karma_status rubric_open(const karma_eval_options *o, struct rubric *r);
/* Its identity; a judge that may fall back on another is loaded for that. */
karma_status rubric_settle(struct rubric *r, struct store *store);
void rubric_close(struct rubric *r);

struct rubric_account {
    size_t n, n_cached,
        n_failed; /* different questions; of these in the store; without a verdict */
    size_t n_ready;
    size_t n_prompt_tokens, n_shared_tokens; /* of what this run asked */
};

/* Ask what the store lacks about the answers to d; run->model is not looked at. before_loading:
 * called when something is to be asked. E_CANCELLED as answers_collect(). */
karma_status rubric_collect(struct rubric *r, struct answers_run *run, struct plan_dataset *d,
                            const struct answers *answers, void (*before_loading)(void *),
                            void *user, struct rubric_account *out);

/* The verdicts on a sample that was read (judge_read), for judge_score() and the log: j->verdicts
 * and what goes with them, in a. KARMA_DONE: some question was not asked (the run was cancelled).
 * *failed < 0: some question has no verdict; *why in a. */
karma_status rubric_read(const struct rubric *r, struct arena *a, struct plan_dataset *d,
                         struct judged *j, karma_status *failed, const char **why);

/* How many questions there are about one answer to each sample of d. */
karma_status rubric_count(struct plan_dataset *d, size_t *n);

#endif
