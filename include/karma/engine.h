/*
 * engine.h - many generations over one loaded model at once. Requests are admitted, filled and
 * retired continuously; prompts with equal beginnings share their cache. A request's tokens and
 * log-probabilities do not depend on what runs beside it. One thread at a time per engine.
 */
#ifndef KARMA_ENGINE_H
#define KARMA_ENGINE_H

#include "karma/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scheduler, cache and scratch over one model. */
typedef struct karma_engine karma_engine;

/* A bound for the thought that a model writes before its answer: when it has max_tokens, the ids in
 * end are written in the model's place, and it goes on with the answer. */
typedef struct karma_thought {
    int32_t max_tokens;   /* >= 0, without the marks around it */
    int32_t begin, close; /* ids of these marks */
    bool begun;           /* the prompt ends inside a thought */
    const int32_t *end;   /* [n_end], close among them */
    size_t n_end;         /* at least 1 */
} karma_thought;

/* What may stand behind a prompt. */
typedef struct karma_continuation {
    const int32_t *tokens; /* [n_tokens] */
    size_t n_tokens;       /* at least 1 */
} karma_continuation;

/* How to continue a prompt. Get one from karma_generate_defaults(): zero is no good default. */
typedef struct karma_generate_options {
    uint32_t struct_size;
    int32_t max_tokens;         /* new tokens at most, >= 1 */
    bool do_sample;             /* false: greedy, the fields up to min_p are without effect */
    double temperature;         /* > 0 */
    int32_t top_k;              /* 0: off */
    double top_p;               /* 1: off */
    double min_p;               /* 0: off */
    double repetition_penalty;  /* 1: off */
    uint64_t seed;              /* of all random draws */
    const char *stream_key;     /* with seed: this request's random stream; NULL: "" */
    const char *const *stop;    /* strings that end it (not part of the text); NULL-terminated */
    const int32_t *stop_tokens; /* [n_stop_tokens]; the token is part of tokens, not of text */
    size_t n_stop_tokens;       /* how many those are */
    int32_t n_top_logprobs; /* -1: no log-probabilities; 0: of the chosen token; up to 20 more */
    bool prompt_logprobs;   /* of each prompt token given those before it */
    const karma_thought *thought; /* NULL: thoughts have no bound of their own */
    /* [n_candidates], different ids: nothing is generated, the candidates for the one token behind
     * the prompt are compared by their logits, and the highest, of equal ones the first, is the
     * token. What is said above of new tokens is without effect; n_top_logprobs is E_USAGE. */
    const int32_t *candidates;
    size_t n_candidates; /* up to KARMA_MAX_CANDIDATES; 0: none, generate */
    /* May be NULL. Asked when there is new text, with all of the answer that no stop string can
     * take back; user is that of the submission. true: the answer ends here (KARMA_OUTPUT_DECIDED).
     */
    bool (*enough)(void *user, const char *text, size_t len);
    /* [n_continuations] of any length: nothing is generated. The prompt is computed once, and of
     * each continuation the log-probabilities of its ids behind the prompt, those that
     * prompt_logprobs has of the same ids in one prompt, are summed. The ids of the likeliest, of
     * equal ones the first, are the tokens. As with candidates; not together with them (E_USAGE).
     * E_LIMIT: the prompt and the longest do not fit n_ctx. */
    const karma_continuation *continuations;
    size_t n_continuations; /* up to KARMA_MAX_CANDIDATES; 0: none */
} karma_generate_options;
enum { KARMA_MAX_CANDIDATES = 64 };
/* The model's own: its generation_config.json over the reference's defaults, its end tokens. */
KARMA_API karma_generate_options karma_generate_defaults(const karma_model *m);

/* How much an engine may do at once. Get one from karma_engine_defaults(). */
typedef struct karma_engine_options {
    uint32_t struct_size;
    int32_t max_sequences; /* at once, 1..1024 */
    int32_t max_rows;      /* of one step: chunk of prompts and one a sequence */
    int32_t n_ctx;         /* longest sequence, prompt and answer; 0: the model's, at most 8192 */
    int64_t max_memory_mb; /* ceiling for weights, cache and scratch; 0: 90 % of the machine's */
    bool share_prefixes;   /* equal beginnings of prompts are computed once */
    /* Few answers at once: their own prompts and texts give guesses at what comes next, which a
     * step checks along with the next token. Fewer steps, the same tokens and log-probabilities. */
    bool speculate;
} karma_engine_options;
/* 8 sequences, the model's context, prefixes shared, speculation. */
KARMA_API karma_engine_options karma_engine_defaults(void);

/* Reserve cache and scratch (one arena; nothing is allocated per token later). E_LIMIT: the plan
 * exceeds the ceiling; the message has the sum and the largest n_ctx that fits. The model must
 * outlive the engine. */
KARMA_API karma_status karma_engine_create(karma_model *m, const karma_engine_options *options,
                                           karma_engine **out);
KARMA_API void karma_engine_destroy(karma_engine *e); /* requests under way are dropped */

/* Called once when a request ends, from within step(); output is lent for the call. */
typedef void (*karma_done_fn)(void *user, const karma_output *output);
/* Called with each new piece of text, whole characters only. */
typedef void (*karma_text_fn)(void *user, const char *text, size_t len);

/* Queue a prompt of ids; everything is copied. key comes back in the output. E_LIMIT: the prompt
 * does not fit n_ctx (the message has both numbers); E_RANGE: an id outside the vocabulary. */
KARMA_API karma_status karma_engine_submit(karma_engine *e, const char *key, const int32_t *tokens,
                                           size_t n_tokens, const karma_generate_options *options,
                                           karma_done_fn done, karma_text_fn text, void *user);
/* One step of the whole batch. *active: requests not ended yet. */
KARMA_API karma_status karma_engine_step(karma_engine *e, size_t *active);
/* End all requests now; their outputs say CANCELLED. */
KARMA_API void karma_engine_cancel(karma_engine *e);

/* Counts since the engine was made. */
typedef struct karma_engine_stats {
    uint64_t steps, rows; /* steps of the whole batch, and rows in them */
    /* Of prompts; of these taken from the cache; of answers. */
    uint64_t prompt_tokens, cached_tokens, generated_tokens;
    uint64_t drafted_tokens, accepted_tokens;      /* guesses checked; those that came true */
    uint64_t shared_attention, unshared_attention; /* block reads that served several / one */
    size_t kv_bytes, scratch_bytes;                /* reserved for the cache; for one step */
} karma_engine_stats;
/* What it has done so far. */
KARMA_API void karma_engine_get_stats(const karma_engine *e, karma_engine_stats *out);

/* Text to ids and back with the model's tokenizer. *ids: karma_free() it. */
KARMA_API karma_status karma_tokenize(const karma_model *m, const char *text, size_t len,
                                      bool add_special_tokens, int32_t **ids, size_t *count);
KARMA_API karma_status karma_detokenize(const karma_model *m, const int32_t *ids, size_t count,
                                        bool skip_special_tokens, char **text);
/* Render messages with the model's chat template (generation prompt added) and tokenize them.
 * variables_json: {"enable_thinking": false, ...} or NULL. safe: control-token text inside the
 * messages is plain text; else it is what it spells, as the reference does. */
KARMA_API karma_status karma_apply_chat_template(const karma_model *m,
                                                 const karma_message *messages, size_t n_messages,
                                                 const char *variables_json, bool safe, char **text,
                                                 int32_t **ids, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
