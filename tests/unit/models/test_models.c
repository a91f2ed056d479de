/*
 * test_models.c - loading: spellings of configurations that mean the same, and every way a
 * configuration or a checkpoint can be wrong. What families compute is golden/test_models.c.
 */
#include "tests/support/test.h"

#include "engine/engine.h"
#include "tests/support/tiny_checkpoint.h"

static const char qwen3_folder[] = "tests/fixtures/models/qwen3_tied";
static const char gemma3_folder[] = "tests/fixtures/models/gemma3";

static void assert_refused(const char *folder, const char *changes, karma_status want,
                           const char *message) {
    struct buf text = {0};
    const char *path = copy_fixture_model(folder, "refused", config_with(folder, changes, &text));
    struct loaded l;
    const karma_status st = loaded_try(&l, path, 1);
    if (st != want) print_message("for %s\n", changes);
    assert_status(st, want);
    assert_message_contains(message);
    loaded_release(&l);
    buf_release(&text);
}

static void broken_configurations_are_refused(void **state) {
    (void)state;
    const struct {
        const char *changes;
        karma_status want;
        const char *message;
    } cases[] = {
        {"{\"hidden_size\": null}", KARMA_E_MISSING, "hidden_size"},
        {"{\"hidden_size\": \"38\"}", KARMA_E_TYPE, "hidden_size"},
        {"{\"hidden_size\": 38.5}", KARMA_E_TYPE, "hidden_size"},
        {"{\"hidden_size\": 0}", KARMA_E_RANGE, "hidden_size"},
        {"{\"hidden_size\": 36}", KARMA_E_SHAPE, "expected [97, 36], found [97, 38]"},
        {"{\"intermediate_size\": -3}", KARMA_E_RANGE, "intermediate_size"},
        {"{\"num_hidden_layers\": 2147483648}", KARMA_E_RANGE, "num_hidden_layers"},
        {"{\"num_hidden_layers\": 4, \"layer_types\": null}", KARMA_E_MISSING,
         "11 tensors are missing"},
        {"{\"num_hidden_layers\": 2, \"layer_types\": null}", KARMA_E_UNEXPECTED,
         "11 tensors of no use"},
        {"{\"num_attention_heads\": 0}", KARMA_E_RANGE, "num_attention_heads"},
        {"{\"num_attention_heads\": 5}", KARMA_E_SHAPE, "num_key_value_heads"},
        {"{\"num_attention_heads\": 8}", KARMA_E_SHAPE, "q_proj"},
        {"{\"head_dim\": 9}", KARMA_E_RANGE, "even"},
        {"{\"vocab_size\": 98}", KARMA_E_SHAPE, "embed_tokens"},
        {"{\"max_position_embeddings\": 0}", KARMA_E_RANGE, "max_position_embeddings"},
        {"{\"rms_norm_eps\": 0}", KARMA_E_RANGE, "rms_norm_eps"},
        {"{\"hidden_act\": \"gelu\"}", KARMA_E_UNSUPPORTED, "gelu"},
        {"{\"attention_bias\": true}", KARMA_E_MISSING, "q_proj.bias"},
        {"{\"tie_word_embeddings\": false}", KARMA_E_MISSING, "lm_head.weight"},
        {"{\"partial_rotary_factor\": 0.5}", KARMA_E_UNSUPPORTED, "partial_rotary_factor"},
        {"{\"rope_parameters\": {\"rope_theta\": -1}}", KARMA_E_RANGE, "rope_theta"},
        {"{\"rope_scaling\": {\"type\": \"longrope\"}}", KARMA_E_UNSUPPORTED, "longrope"},
        {"{\"rope_scaling\": {\"type\": \"linear\"}}", KARMA_E_RANGE, "factor"},
        {"{\"rope_scaling\": 4}", KARMA_E_TYPE, "rope_scaling"},
        {"{\"layer_types\": [\"full_attention\"]}", KARMA_E_SHAPE, "layer_types"},
        {"{\"layer_types\": [\"full_attention\", \"full_attention\", \"odd\"]}",
         KARMA_E_UNSUPPORTED, "layer_types[2]"},
        {"{\"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\"]}",
         KARMA_E_MISSING, "sliding_window"},
        {"{\"layer_types\": 3}", KARMA_E_TYPE, "layer_types"},
        {"{\"architectures\": [\"Qwen9ForCausalLM\"]}", KARMA_E_UNSUPPORTED, "Qwen3ForCausalLM"},
        {"{\"architectures\": null}", KARMA_E_UNSUPPORTED, "no architecture is named"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(qwen3_folder, cases[i].changes, cases[i].want, cases[i].message);
    }
    assert_refused(gemma3_folder, "{\"hidden_activation\": \"silu\"}", KARMA_E_UNSUPPORTED, "silu");
    assert_refused(gemma3_folder, "{\"query_pre_attn_scalar\": 0}", KARMA_E_RANGE,
                   "query_pre_attn_scalar");
    assert_refused(gemma3_folder, "{\"sliding_window\": 0}", KARMA_E_RANGE, "sliding_window");
}

/* Logits of the last of a few tokens. */
static float *last_logits(const char *path, int64_t *vocab_size) {
    struct loaded l;
    loaded_open(&l, path, 1);
    struct sequence *s;
    const int32_t ids[] = {3, 17, 90, 5, 42, 42, 8, 61, 5, 77, 20, 13, 9, 11};
    const float *last;
    assert_ok(sequence_create(l.model, 64, &s));
    assert_ok(sequence_feed(s, ids, sizeof(ids) / sizeof(ids[0]), NULL, &last));
    *vocab_size = l.model->info.vocab_size;
    float *copy = mem_alloc((size_t)*vocab_size * sizeof(float));
    memcpy(copy, last, (size_t)*vocab_size * sizeof(float));
    sequence_destroy(s);
    loaded_release(&l);
    return copy;
}

static void assert_same_model(const char *folder, const char *changes, bool same) {
    struct buf text = {0};
    int64_t n, n_want;
    float *want = last_logits(folder, &n_want);
    const char *path = copy_fixture_model(folder, "spelled", config_with(folder, changes, &text));
    float *got = last_logits(path, &n);
    assert_int_equal(n, n_want);
    if ((memcmp(got, want, (size_t)n * sizeof(float)) == 0) != same) fail_msg("%s", changes);
    mem_free(got);
    mem_free(want);
    buf_release(&text);
}

static void old_and_new_spellings_mean_the_same(void **state) {
    (void)state;
    assert_same_model(qwen3_folder,
                      "{\"rope_parameters\": null, \"rope_theta\": 1000000, \"hidden_size\": 38.0}",
                      true);
    assert_same_model(qwen3_folder, "{\"rope_parameters\": null}", false); /* theta 10000 then */
    assert_same_model(qwen3_folder, "{\"layer_types\": null, \"sliding_window\": 4}", true);
    assert_same_model(gemma3_folder,
                      "{\"rope_parameters\": null, \"layer_types\": null, "
                      "\"_sliding_window_pattern\": null, \"sliding_window_pattern\": 6, "
                      "\"rope_theta\": 1000000.0, \"rope_local_base_freq\": 10000.0, "
                      "\"rope_scaling\": {\"factor\": 8.0, \"type\": \"linear\"}}",
                      true);
    /* What a sparse configuration leaves out is the class's. */
    assert_same_model(gemma3_folder,
                      "{\"rope_parameters\": null, \"layer_types\": null, \"rms_norm_eps\": null, "
                      "\"hidden_activation\": null, \"tie_word_embeddings\": null, "
                      "\"rope_scaling\": {\"factor\": 8.0, \"rope_type\": \"linear\"}}",
                      true);
    assert_same_model(gemma3_folder, "{\"attn_logit_softcapping\": 2.0}", true);
    assert_same_model(gemma3_folder, "{\"final_logit_softcapping\": 2.0}", false);
    assert_same_model(gemma3_folder, "{\"sliding_window\": 4}", false);
}

static void a_nested_text_config_is_read(void **state) {
    (void)state;
    struct buf text = {0}, nested = {0};
    int64_t n;
    config_with(qwen3_folder, "{\"architectures\": null}", &text);
    assert_ok(buf_printf(&nested,
                         "{\"architectures\": [\"Qwen3ForCausalLM\"], \"text_config\": %s}",
                         buf_str(&text)));
    const char *path = copy_fixture_model(qwen3_folder, "nested", buf_str(&nested));
    float *want = last_logits(qwen3_folder, &n), *got = last_logits(path, &n);
    assert_memory_equal(got, want, (size_t)n * sizeof(float));
    mem_free(got);
    mem_free(want);
    buf_release(&text);
    buf_release(&nested);
}

static struct tiny_shape small(const char *family, enum dtype dtype) {
    return (struct tiny_shape){.family = family,
                               .vocab_size = 96,
                               .hidden_size = 32,
                               .intermediate_size = 32,
                               .layers = 2,
                               .heads = 4,
                               .kv_heads = 2,
                               .head_dim = 8,
                               .sliding_window = 8,
                               .dtype = dtype,
                               .seed = 1};
}

static void assert_tensors_refused(struct tiny_shape s, karma_status want, const char *message) {
    struct loaded l;
    const karma_status st = loaded_try(&l, tiny_checkpoint_write("tensors", &s), 1);
    assert_status(st, want);
    if (want < 0) assert_message_contains(message);
    loaded_release(&l);
}

static void missing_misshapen_and_left_over_tensors_are_named(void **state) {
    (void)state;
    struct tiny_shape s = small("qwen3", DTYPE_F32);
    s.without = "model.layers.1.mlp.up_proj.weight";
    assert_tensors_refused(s, KARMA_E_MISSING, "1 tensor is missing: model.layers.1.mlp.up_proj");
    s = small("qwen3", DTYPE_F32);
    s.without = "model.embed_tokens.weight";
    assert_tensors_refused(s, KARMA_E_MISSING, "embed_tokens.weight");
    s = small("gemma3", DTYPE_BF16);
    s.misshapen = "model.layers.0.self_attn.k_proj.weight";
    assert_tensors_refused(s, KARMA_E_SHAPE, "k_proj.weight: expected [16, 32], found [17, 32]");
    s = small("llama", DTYPE_F32);
    s.misshapen = "model.norm.weight";
    assert_tensors_refused(s, KARMA_E_SHAPE, "model.norm.weight: expected [32], found [33]");
    s = small("llama", DTYPE_F32);
    s.extra = "model.layers.0.self_attn.q_norm.weight";
    assert_tensors_refused(s, KARMA_E_UNEXPECTED, "model.layers.0.self_attn.q_norm.weight");
    s.extra = "vision_tower.patch.weight"; /* known to be left alone in a multimodal one only */
    assert_tensors_refused(s, KARMA_E_UNEXPECTED, "vision_tower.patch.weight");
    s.extra = "lm_head.weight"; /* tied, and stored all the same */
    assert_tensors_refused(s, KARMA_OK, "");
    s.extra = "model.layers.0.self_attn.rotary_emb.inv_freq";
    assert_tensors_refused(s, KARMA_OK, "");
    s.extra = "other.embed_tokens.weight";
    assert_tensors_refused(s, KARMA_E_DUPLICATE, "embed_tokens.weight");
}

static void broken_gguf_metadata_is_refused(void **state) {
    (void)state;
    const struct {
        const char *key;
        uint32_t value;
        karma_status want;
    } cases[] = {
        {"block_count", 0, KARMA_E_RANGE},
        {"block_count", 1u << 31, KARMA_E_RANGE},
        {"block_count", 3, KARMA_E_MISSING},
        {"block_count", 1, KARMA_E_UNEXPECTED},
        {"context_length", 0, KARMA_E_RANGE},
        {"embedding_length", 64, KARMA_E_SHAPE},
        {"attention.head_count", 0, KARMA_E_RANGE},
        {"attention.head_count", 3, KARMA_E_SHAPE},
        {"attention.head_count_kv", 0, KARMA_E_RANGE},
        {"attention.key_length", 0, KARMA_E_RANGE},
        {"attention.value_length", 16, KARMA_E_UNSUPPORTED},
        {"rope.dimension_count", 10, KARMA_E_RANGE},
        {"rope.dimension_count", 7, KARMA_E_RANGE},
        {"expert_count", 8, KARMA_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tiny_shape s = small("llama", DTYPE_Q8_0);
        s.sliding_window = 0;
        s.wrong_key = cases[i].key;
        s.wrong_value = cases[i].value;
        struct loaded l;
        const karma_status st = loaded_try(&l, tiny_checkpoint_write("gguf_keys", &s), 1);
        if (st != cases[i].want) print_message("for %s %u\n", cases[i].key, cases[i].value);
        assert_status(st, cases[i].want);
        loaded_release(&l);
    }
    struct tiny_shape s = small("gemma3", DTYPE_Q8_0);
    s.misshapen = "token_embd.weight"; /* one row more is a larger vocabulary */
    assert_tensors_refused(s, KARMA_OK, "");
    s.misshapen = NULL;
    s.without = "blk.1.post_ffw_norm.weight";
    assert_tensors_refused(s, KARMA_E_MISSING, "blk.1.post_ffw_norm.weight");
}

static karma_status load_once(void *ctx) {
    struct loaded l;
    const karma_status st = loaded_try(&l, ctx, 1);
    loaded_release(&l);
    return st;
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    const char *paths[] = {"tests/fixtures/models/gemma3_bf16",
                           "tests/fixtures/models/llama_gguf_f32/model.gguf"};
    for (int i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s", paths[i]);
        assert_true(for_each_failing_allocation(load_once, path) > 20);
    }
}

static void a_hundred_models_in_a_row_leave_nothing(void **state) {
    (void)state;
    char path[] = "tests/fixtures/models/mistral";
    assert_ok(load_once(path));
    const size_t blocks = mem_live_blocks(), bytes = mem_live_bytes();
    for (int i = 0; i < 100; i++)
        assert_ok(load_once(path));
    assert_int_equal(mem_live_blocks(), blocks);
    assert_int_equal(mem_live_bytes(), bytes);
}

static void info_counts_what_was_bound(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, qwen3_folder, 1);
    const struct model_info *i = &l.model->info;
    assert_int_equal(i->n_layers, 3);
    assert_int_equal(i->head_dim, 10);
    assert_int_equal(i->widest, 97);
    /* embedding once, although it is the head too */
    const int64_t layer = 2 * 60 * 38 + 2 * 20 * 38 + 3 * 54 * 38 + 2 * 38 + 2 * 10;
    assert_int_equal(i->n_parameters, 97 * 38 + 38 + 3 * layer);
    assert_int_equal(i->weight_bytes, (size_t)i->n_parameters * 4);
    assert_true(i->private_bytes < 4096); /* matrices are views */
    /* a token meets the head, norms are no products, of the embedding it looks up a row */
    assert_int_equal(i->token_parameters, 97 * 38 + 3 * (layer - 2 * 38 - 2 * 10));
    assert_int_equal(i->token_bytes, (size_t)i->token_parameters * 4);
    loaded_release(&l);
}

/* What has no head, or sees both sides, encodes; the message says so where text is wanted. */
static void encoders_do_not_generate(void **state) {
    (void)state;
    const struct {
        const char *folder, *changes;
    } cases[] = {
        {qwen3_folder, "{\"architectures\": [\"Qwen3Model\"]}"},
        {gemma3_folder, "{\"architectures\": [\"Gemma3TextModel\"]}"},
        {gemma3_folder, "{\"use_bidirectional_attention\": true}"},
        {"tests/fixtures/models/llama3",
         "{\"architectures\": [\"LlamaModel\"]}"}, /* lm_head is left */
        {"tests/fixtures/models/mistral", "{\"architectures\": [\"MistralModel\"]}"},
        {"tests/fixtures/encoders/bert", "{}"},
        {"tests/fixtures/encoders/qwen3_embedding", "{}"}, /* untied, no lm_head, no prefix */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text = {0};
        struct loaded l;
        struct sequence *s;
        struct engine *e;
        const karma_engine_options options = {
            .struct_size = sizeof(options), .max_sequences = 1, .max_rows = 16};
        const char *config = config_with(cases[i].folder, cases[i].changes, &text);
        loaded_open(&l, copy_fixture_model(cases[i].folder, "encodes", config), 1);
        assert_int_equal(l.model->info.can, FAMILY_ENCODE);
        assert_status(sequence_create(l.model, 8, &s), KARMA_E_UNSUPPORTED);
        assert_status(engine_create(l.model, NULL, &options, &e), KARMA_E_UNSUPPORTED);
        assert_message_contains("does not generate");
        loaded_release(&l);
        buf_release(&text);
    }
}

static void yarn_widens_the_context_to_what_it_stretches(void **state) {
    (void)state;
    static const struct {
        const char *changes;
        int32_t want;
    } cases[] = {
        {"{\"rope_parameters\": null, \"rope_theta\": 1e6, \"rope_scaling\": {\"rope_type\": "
         "\"yarn\", "
         "\"factor\": 4.0, \"original_max_position_embeddings\": 128}}",
         512},
        {"{\"rope_parameters\": null, \"rope_theta\": 1e6, \"rope_scaling\": {\"rope_type\": "
         "\"yarn\", "
         "\"factor\": 4.0, \"original_max_position_embeddings\": 16}}",
         256},
        {"{\"rope_parameters\": null, \"rope_theta\": 1e6, \"rope_scaling\": {\"rope_type\": "
         "\"linear\", \"factor\": 4.0}}",
         256},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text = {0};
        struct loaded l;
        loaded_open(&l,
                    copy_fixture_model(qwen3_folder, "wide",
                                       config_with(qwen3_folder, cases[i].changes, &text)),
                    1);
        assert_int_equal(l.model->info.max_position_embeddings, cases[i].want);
        loaded_release(&l);
        buf_release(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(broken_configurations_are_refused),
        test_case(old_and_new_spellings_mean_the_same),
        test_case(a_nested_text_config_is_read),
        test_case(missing_misshapen_and_left_over_tensors_are_named),
        test_case(broken_gguf_metadata_is_refused),
        test_case(every_failing_allocation_is_reported),
        test_case(a_hundred_models_in_a_row_leave_nothing),
        test_case(info_counts_what_was_bound),
        test_case(encoders_do_not_generate),
        test_case(yarn_widens_the_context_to_what_it_stretches),
    };
    return run_group("models/models", tests);
}
