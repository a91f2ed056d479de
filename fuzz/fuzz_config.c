/*
 * fuzz_config.c - any JSON as a config.json, any GGUF as a model's metadata. What is accepted has
 * sizes that divide as a model needs them to, readable layer kinds, and finite frequencies.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "models/config.h"

static void check(bool holds) {
    if (!holds) abort();
}

static void check_config(const struct decoder_config *c) {
    check(c->hidden_size > 0 && c->intermediate_size > 0 && c->num_hidden_layers > 0);
    check(c->num_attention_heads > 0 && c->num_key_value_heads > 0);
    check(c->num_attention_heads % c->num_key_value_heads == 0);
    check(c->head_dim > 0 && c->rotary_dim > 0 && c->rotary_dim <= c->head_dim);
    check(c->rotary_dim % 2 == 0 && c->max_position_embeddings > 0 && c->rms_norm_eps > 0);
}

static void check_rope(struct arena *a, const struct rope_spec *spec, int32_t rotary_dim) {
    float *inv_freq = arena_calloc(a, (size_t)rotary_dim / 2, sizeof(float)), factor;
    check(inv_freq != NULL);
    if (rope_frequencies(spec, rotary_dim, inv_freq, &factor) < 0) return;
    for (int32_t i = 0; i < rotary_dim / 2; i++)
        check(isfinite(inv_freq[i]));
}

static void try_json(struct arena *a, const uint8_t *data, size_t size) {
    const struct json *root;
    if (json_parse(a, (const char *)data, size, 0, &root) < 0) return;
    const struct json *j = config_text(root);
    struct decoder_config c = {.max_position_embeddings = 2048, .rms_norm_eps = 1e-6};
    if (config_read_hf(a, j, &c) < 0) return;
    check_config(&c);
    c.sliding_window = 5;
    if (config_layer_types(j, &c) == KARMA_OK) check(config_check_window(&c) == KARMA_OK);
    struct rope_spec rope;
    if (config_rope_hf(config_rope_object(j, "full_attention"), 10000, &c, &rope) < 0) return;
    check_rope(a, &rope, c.rotary_dim);
}

static void try_gguf(struct arena *a, const uint8_t *data, size_t size) {
    struct gguf *g;
    if (gguf_parse(data, size, "fuzz.gguf", &g) < 0) return;
    struct decoder_config c = {0};
    struct rope_spec rope;
    if (config_read_gguf(a, g, "llama", &c) == KARMA_OK) {
        check_config(&c);
        if (config_rope_gguf(g, "llama", &c, &rope) == KARMA_OK) {
            check_rope(a, &rope, c.rotary_dim);
        }
    }
    gguf_destroy(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0)
        try_gguf(&a, data, size);
    else
        try_json(&a, data, size);
    arena_release(&a);
    return 0;
}
