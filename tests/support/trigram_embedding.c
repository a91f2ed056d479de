/* trigram_embedding.c - see trigram_embedding.h. */
#include "tests/support/trigram_embedding.h"

#include <string.h>

enum { DIM = 512 };

static size_t embedded;

static karma_status load(karma_model *m) {
    (void)m;
    return KARMA_OK;
}

static int64_t dim(const karma_model *m, const karma_embed_options *options) {
    (void)m;
    (void)options;
    return DIM;
}

static karma_status embed(karma_model *m, const char *const *texts, size_t n,
                          const karma_embed_options *options, float *out) {
    (void)m;
    (void)options;
    memset(out, 0, n * DIM * sizeof(*out));
    for (size_t i = 0; i < n; i++) {
        const unsigned char *t = (const unsigned char *)texts[i];
        for (size_t k = 0; t[k] && t[k + 1] && t[k + 2]; k++) {
            const unsigned mixed = t[k] * 7919u + t[k + 1] * 104729u + t[k + 2] * 1299709u;
            out[i * DIM + (mixed >> 4) % DIM] += 1;
        }
    }
    embedded += n;
    return KARMA_OK;
}

karma_status trigram_register(void) {
    static karma_model_class class;
    const karma_model_class *base;
    if (karma_is_registered("trigrams")) return KARMA_OK;
    karma_status st = karma_find_model_class("EmbeddingModel", &base);
    if (st < 0) return st;
    class = (karma_model_class){
        .abi_version = KARMA_CLASS_ABI,
        .struct_size = sizeof(karma_model_class),
        .name = "TrigramEmbedding",
        .base = base,
        .help = "counts runs of three bytes",
        .load = load,
        .embed = embed,
        .embedding_dim = dim,
    };
    st = karma_register_model_class(&class);
    const karma_model_meta meta = {
        .name = "trigrams", .loader_class = "TrigramEmbedding", .model_type = KARMA_EMBEDDING};
    return st < 0 ? st : karma_register_model_meta(&meta);
}

size_t trigram_embedded(void) {
    return embedded;
}
