/*
 * head.c - logits of chosen rows of x: all of the vocabulary, or a few ids of it. A chosen logit
 * is the product with a view of one row, so its bits are those that the whole head gives.
 */
#include "tensor/cpu/cpu.h"

static struct linear_args product_of(const struct head_args *h) {
    return (struct linear_args){
        .x = h->x,
        .m = h->n,
        .k = h->k,
        .ldx = h->ldx,
        .norm = h->norm,
        .norm_eps = h->norm_eps,
    };
}

/* As many ids at once as a product has weights. */
static void chosen(struct stream *stream, const struct head_args *h) {
    struct linear_args a = product_of(h);
    struct tensor rows[sizeof(a.w) / sizeof(a.w[0])];
    const int64_t most = sizeof(rows) / sizeof(rows[0]);
    for (int64_t i = 0; i < h->n_ids; i += most) {
        a.n_weights = (int)(h->n_ids - i < most ? h->n_ids - i : most);
        for (int w = 0; w < a.n_weights; w++) {
            stream->be->ops->weight_rows(stream->be, h->w, h->ids[i + w], 1, &rows[w]);
            a.w[w] = &rows[w];
            a.y[w] = h->logits + i + w;
            a.ldy[w] = h->ld_logits;
        }
        cpu_product(stream, &a, h->row_index, h->softcap);
    }
}

void cpu_head(struct stream *stream, const struct head_args *h) {
    if (h->ids) {
        chosen(stream, h);
        return;
    }
    struct linear_args a = product_of(h);
    a.n_weights = 1;
    a.w[0] = h->w;
    a.y[0] = h->logits;
    a.ldy[0] = h->ld_logits;
    cpu_product(stream, &a, h->row_index, h->softcap);
}
