/*
 * answers.h - gets an answer for every selected sample of a data set: from the store where it has
 * one, else from the model. Joined by sample key, never by position.
 */
#ifndef EVAL_ANSWERS_H
#define EVAL_ANSWERS_H

#include "base/map.h"
#include "eval/plan.h"
#include "eval/store.h"
#include "karma/model.h"

enum answer_state {
    ANSWER_NONE, /* not run: the run was cancelled before */
    ANSWER_READY /* answered, or failed with a reason */
};

struct sample_slot {
    unsigned char store_key[STORE_KEY_BYTES];
    enum answer_state state;
    bool wanted; /* this run must ask the model */
    bool asked;  /* handed to the model */
    struct answer answer;
};

struct answers {
    struct arena arena;        /* what the slots point to */
    struct sample_slot *slots; /* [n], in the data set's order */
    size_t n;
    struct map by_key; /* sample key -> index */
    size_t n_cached, n_failed, n_ready, n_damaged;
    /* Of what this run asked the model: tokens of prompts, of these found in the cache of another
     * prompt, and of answers; answers that were ended because they were decided. */
    size_t n_prompt_tokens, n_shared_tokens, n_tokens, n_stopped;
};

struct answers_run {
    karma_model *model;
    const char *identity; /* of the model, JSON */
    struct store *store;
    bool refresh, keep_failed;
    const karma_eval_events *events; /* may be NULL */
    karma_eval_progress progress;    /* data set fields filled in by the caller */
    uint64_t started_ns;
};

/* Look up, then run. KARMA_E_CANCELLED when the caller asked to stop: what is ready is in *out.
 * Release *out in every case. */
karma_status answers_collect(struct answers_run *run, struct plan_dataset *d, struct answers *out);
void answers_release(struct answers *a);

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

#endif
