/*
 * answers.h - gets an answer for every selected sample of a data set: from the store where it has
 * one, else from the model. Joined by sample key, never by position. Answers are not kept in
 * memory: a set of any size takes that of its keys.
 */
#ifndef EVAL_ANSWERS_H
#define EVAL_ANSWERS_H

#include "base/map.h"
#include "eval/import.h"
#include "eval/plan.h"
#include "eval/store.h"
#include "karma/model.h"

enum answer_state {
    ANSWER_NONE,    /* not run: the run was cancelled before */
    ANSWER_READY,   /* answered, or failed with a reason */
    ANSWER_EXCLUDED /* no answer was made elsewhere, and the user does not count such samples */
};

/* What is kept of a sample while its set is run: the answer lies in the store. 37 bytes. */
struct sample_slot {
    unsigned char store_key[STORE_KEY_BYTES];
    unsigned char state;     /* enum answer_state */
    bool wanted;             /* this run must ask the model */
    bool asked;              /* handed to the model */
    unsigned char suspected; /* enum suspicion */
};

struct answers {
    struct arena arena;        /* of slots and order */
    struct sample_slot *slots; /* [n_ways][n], in the data set's order; the headline's way first */
    size_t n, n_ways;
    struct map by_key; /* what the model knows an asking by -> slot */
    struct store *store;
    struct import *import; /* where the answers lie instead of the store; NULL: they do not */
    struct plan_dataset *d;
    size_t n_cached, n_failed, n_ready, n_damaged; /* of all ways */
    size_t n_samples_cached;                       /* those of which nothing was asked */
    /* Of what this run asked the model: tokens of prompts, of these found in the cache of another
     * prompt, and of answers; answers that were ended because they were decided. */
    size_t n_prompt_tokens, n_shared_tokens, n_tokens, n_stopped;
};

struct answers_run {
    karma_model *model;
    const char *identity; /* of the model, JSON */
    struct store *store;
    bool refresh, keep_failed;
    const bool *only; /* [n]: the samples to be answered, n_only of them; NULL: all */
    size_t n_only;
    const karma_eval_events *events; /* may be NULL */
    karma_eval_progress progress;    /* data set fields filled in by the caller */
    uint64_t started_ns;
    struct in_flight *flight; /* answers_collect() opens and closes it */
};

/* Look up, then run. KARMA_E_CANCELLED when the caller asked to stop: what is ready is in *out.
 * Release *out in every case. */
karma_status answers_collect(struct answers_run *run, struct plan_dataset *d, struct answers *out);
/* The same of answers made elsewhere; samples without one fail, or are excluded. */
karma_status answers_import(struct import *im, enum import_missing missing, struct plan_dataset *d,
                            struct answers *out);
/* The answer to sample i, which must be ready, read from the store into arena. Not the one that
 * this run got where the store has a better one: results are a function of what is stored. */
karma_status answers_get(const struct answers *a, size_t i, struct arena *arena,
                         struct answer *out);
/* The same of the data set's way w (ways[w]). */
karma_status answers_get_way(const struct answers *a, size_t w, size_t i, struct arena *arena,
                             struct answer *out);
void answers_release(struct answers *a);
/* What an output says, lent as that is. */
struct answer answers_of_output(const karma_output *o);

/* SHA-256 of what the model is asked with sample i: all of it that a model sees, whatever the model
 * is and whatever the sample's key. */
karma_status answers_prompt_digest(struct plan_dataset *d, size_t i, unsigned char out[32]);
/* SHA-256 of an answer's raw output. */
void answers_raw_digest(const struct answer *answer, unsigned char out[32]);

/* What an answer that ends when it is decided depends on beside its sample. */
struct stop_rule {
    const char *name; /* of the extraction */
    const char *const *labels, *const *texts;
    size_t n;
};
/* The key a sample's answer is stored under: SHA-256 over the model's identity and all of the
 * sample that a model sees, candidates included. References are no part of it: mending one
 * recomputes nothing. stop: NULL, but where answers end when they are decided. */
void answers_store_key(const char *identity, const karma_sample *sample,
                       const struct stop_rule *stop, unsigned char out[STORE_KEY_BYTES]);

/* Sample i as the model is to see it in that way, but for the reference, and what stops its answer.
 * Lent until the next call on the data set. */
karma_status answers_sample(struct plan_dataset *d, enum way way, size_t i, karma_sample *out,
                            struct stop_rule *stop);

#endif
