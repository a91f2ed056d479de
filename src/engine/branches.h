/*
 * branches.h - continuations of a prompt that are weighed instead of generating: the prompt is
 * computed once, and the continuations are branches behind it, side by side in a step as far as
 * there is room. What one comes to depends on its own ids and the prompt alone.
 *
 * The first branch under way uses the blocks of the request itself. Each of the others has a lane:
 * a block table that names the prompt's full blocks, a copy of its part-filled one, and blocks of
 * its own behind it. Where lanes or blocks run out, branches wait for each other.
 */
#ifndef ENGINE_BRANCHES_H
#define ENGINE_BRANCHES_H

#include "engine/request.h"
#include "engine/runtime.h"
#include "nn/kv_cache.h"

enum { BRANCH_LANES = 16 }; /* of an engine: more would only make its steps longer */

/* The engine's; all lent but what is below them. */
struct lanes {
    struct runtime *rt;
    struct kv_cache *cache;
    int32_t **tables; /* [BRANCH_LANES] block tables */
    int32_t first;    /* the first one's number as a sequence of a batch */
    bool used[BRANCH_LANES];
};

/* Room that a step has. */
struct step_room {
    struct batch_row *rows;
    int32_t *logit_rows;
    int32_t max_rows, max_head_rows;
};

/* The prompt's last logits: the first id of every branch. Those of one id are done; the request
 * ends when all are, or by an error. */
void branches_begin(struct request *r, const float *logits, int64_t vocab_size,
                    const struct tokenizer *tokenizer);
/* The next rows of r's branches into the batch, behind the whole prompt. */
void branches_schedule(struct lanes *l, struct request *r, struct batch *batch,
                       const struct step_room *room);
/* What the step's logits say of them. Ends the request as branches_begin() does. */
void branches_take(struct lanes *l, struct request *r, const float *logits, int64_t vocab_size,
                   const struct tokenizer *tokenizer);
/* Give back all lanes of a request that ends early. */
void branches_leave(struct lanes *l, struct request *r);

#endif
