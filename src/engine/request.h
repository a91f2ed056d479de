/*
 * request.h - one generation: its prompt, options, what came out so far. All its memory is taken
 * when it is made; growing text is the one exception, and it fails the request, not the engine.
 */
#ifndef ENGINE_REQUEST_H
#define ENGINE_REQUEST_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "engine/draft.h"
#include "engine/prompt.h"
#include "karma/engine.h"
#include "nn/sampler.h"
#include "text/tokenizer.h"

enum { REQUEST_MAX_TOP = 20 };

/* A continuation that is weighed (engine/branches.h). */
enum { BRANCH_NOWHERE = -2, BRANCH_AT_HOME = -1 };
struct branch {
    const int32_t *tokens;
    int32_t n_tokens;
    double sum;           /* of the log-probabilities so far */
    int32_t n_filled;     /* of its tokens: their keys and values are in the cache */
    int32_t place;        /* a lane from 0; the request's own blocks; or none yet */
    int32_t n_scheduled;  /* rows of the step under way */
    int32_t first_logits; /* its first row of logits in that step */
};

struct request {
    struct request *next;
    struct arena memory;

    const char *key; /* NULL if none was given */
    struct sampler_options sampling;
    int32_t *stop_tokens;
    size_t n_stop_tokens;
    const char **stop; /* NULL-terminated; NULL: none */
    size_t longest_stop;
    int32_t n_top_logprobs; /* -1: none wanted */
    bool wants_prompt_logprobs;
    karma_thought thought; /* n_end 0: no bound */
    int32_t *candidates;   /* [n_candidates] compared instead of generating */
    int32_t n_candidates;
    float *candidate_logits, *candidate_logprobs; /* [n_candidates] */
    struct branch *branches;                      /* [n_branches] weighed instead of generating */
    int32_t n_branches;
    double *branch_sums; /* [n_branches] */
    float *branch_logprobs;
    int32_t *branch_lengths;
    bool (*enough)(void *user, const char *text, size_t len);
    bool decided; /* by enough */
    karma_done_fn done;
    karma_text_fn text_fn;
    void *user;

    int32_t *tokens; /* [n_limit]: prompt, then answer */
    int32_t n_prompt, n_tokens, n_limit;
    struct prompt_span *spans; /* pictures in the prompt, each with a reference */
    size_t n_spans;
    int32_t *contents; /* [n_limit] what the cache knows the tokens by; NULL: their ids */
    int32_t n_contents;
    struct rng rng;
    bool in_thought;
    int32_t n_thought; /* tokens of thoughts so far */
    size_t n_forced;   /* ids of thought.end written since it was begun; 0: not begun */
    struct detokenizer detokenizer;
    struct buf text;
    size_t text_sent;              /* bytes handed to text_fn */
    karma_token_logprob *logprobs; /* [n_limit - n_prompt] */
    float *prompt_logprobs;        /* [n_prompt] */

    /* Where it runs; the engine's. */
    int32_t slot;
    int32_t *blocks; /* its block table, in the engine's arena */
    int32_t n_blocks;
    int32_t n_filled;     /* tokens whose keys and values are in the cache */
    int32_t n_found;      /* leading blocks that came from the cache, ready or under way */
    int32_t n_registered; /* leading blocks that others can find */
    uint64_t chain;       /* identity of the last of those */
    int32_t n_copied;     /* tokens at the beginning of block n_found, copied */
    int32_t n_cached;     /* prompt tokens taken over */
    int32_t n_scheduled;  /* rows of the step under way */
    struct draft draft;   /* what the answer may say next; its rows are the last of those */
    int32_t first_logits; /* its first row of logits in that step */

    bool ended;
    karma_finish_reason reason;
    karma_status status;
    char error[512]; /* when status < 0 */
};

/* vocab_size and n_ctx bound what it may ask for. tokenizer NULL: no text. Statuses as
 * karma_engine_submit(). */
karma_status request_create(const char *key, const struct engine_prompt *prompt,
                            const karma_generate_options *options, int64_t vocab_size,
                            int32_t n_ctx, const struct tokenizer *tokenizer, struct request **out);
/* The picture that stands at a position of the prompt; NULL: a token does. */
const struct prompt_span *request_span(const struct request *r, int32_t pos);
/* [n_tokens] what the cache knows its tokens by. */
const int32_t *request_contents(struct request *r);
/* Are all logits of that position wanted: for the next token, or to score the prompt's? */
bool request_wants_logits(const struct request *r, int32_t pos);
void request_destroy(struct request *r);

/* Take what a row of logits says: the next token after the last one. Ends the request when it has
 * to end, also by an error. */
void request_accept(struct request *r, const float *logits, struct sampler *sampler,
                    const struct tokenizer *tokenizer);
/* Take what candidate_logits say: the token is one of the candidates, and the request ends. */
void request_choose(struct request *r, const struct tokenizer *tokenizer);
/* These tokens are the answer, and the request ends. */
void request_end_with(struct request *r, const int32_t *tokens, int32_t n,
                      const struct tokenizer *tokenizer);
/* The log-probability of prompt token `at` from the logits before it; of those in the place of a
 * picture there is none, and 0 stands for it. */
void request_score_prompt(struct request *r, int32_t at, const float *logits, int64_t vocab_size);
/* End with a failure; the message is this thread's. */
void request_fail(struct request *r, karma_status st);
/* Hand over the output (only once). */
void request_report(struct request *r, const struct tokenizer *tokenizer);

#endif
