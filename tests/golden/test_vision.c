/*
 * test_vision.c - pictures to rows and prompts with pictures against transformers, stage by stage
 * (tools/fixtures/make_vision.py), and against numbers that follow from a formula.
 */
#include "tests/support/test.h"

#include <math.h>

#include "base/buf.h"
#include "engine/engine.h"
#include "engine/runtime.h"
#include "nn/tap.h"
#include "tests/support/model_files.h"
#include "tests/support/sight.h"

static const char bf16_folder[] = "tests/fixtures/models/gemma3_see_bf16";
static const char *const folders[] = {"tests/fixtures/models/gemma3_see", bf16_folder,
                                      "tests/fixtures/models/gemma3_see_gguf",
                                      "tests/fixtures/models/gemma3_see_large"};
enum { N_FOLDERS = sizeof(folders) / sizeof(folders[0]) };

static void rows_equal_the_reference(void **state) {
    (void)state;
    for (int f = 0; f < N_FOLDERS; f++) {
        struct golden g;
        struct loaded l;
        int64_t n, n_pixels;
        golden_open(&g, folders[f]);
        const float *want = sight_golden(&g, "features", &n);
        const float *pixels = sight_golden(&g, "pixel_values", &n_pixels);
        float *plain = NULL;
        for (enum cpu_isa isa = CPU_ISA_REF; isa < CPU_ISA_COUNT; isa++) {
            if (!cpu_isa_present(isa)) continue;
            for (int threads = 1; threads <= 3; threads += 2) {
                loaded_open_on(&l, folders[f], isa, threads);
                float *got = sight_see(&l, pixels, 2);
                assert_int_equal(n, 2 * (int64_t)sight_floats(&l));
                /* avx512bf16 rounds activations: its own definition, and its own test below. */
                if (isa != CPU_ISA_AVX512BF16) {
                    assert_close(got, want, (size_t)n, sight_bound * sight_largest(want, n));
                    if (plain) assert_memory_equal(got, plain, (size_t)n * sizeof(float));
                }
                mem_free(plain);
                plain = got;
                if (isa == CPU_ISA_AVX512BF16 && threads == 1) {
                    struct loaded two;
                    loaded_open_on(&two, folders[f], isa, 2);
                    float *other = sight_see(&two, pixels, 2);
                    assert_memory_equal(got, other, (size_t)n * sizeof(float));
                    mem_free(other);
                    loaded_release(&two);
                }
                loaded_release(&l);
            }
        }
        mem_free(plain);
        golden_release(&g);
    }
}

static void bf16_products_are_nearer_than_the_reference_in_bf16(void **state) {
    (void)state;
    struct golden g;
    struct loaded l;
    int64_t n, n_error, n_pixels;
    if (!cpu_isa_present(CPU_ISA_AVX512BF16)) skip_because("the processor has no AVX-512 BF16");
    golden_open(&g, bf16_folder);
    const float *want = sight_golden(&g, "features", &n), *theirs;
    const float *pixels = sight_golden(&g, "pixel_values", &n_pixels);
    theirs = sight_golden(&g, "features_bf16_error", &n_error);
    loaded_open_on(&l, bf16_folder, CPU_ISA_AVX512BF16, 2);
    float *got = sight_see(&l, pixels, 2);
    double worst = 0, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = fabs((double)got[i] - (double)want[i]);
        worst = fmax(worst, d);
        sum += d * d;
    }
    const double rms = sqrt(sum / (double)n);
    print_message("features in bf16: max-abs %.2e (reference %.2e), rms %.2e (reference %.2e)\n",
                  worst, (double)theirs[0], rms, (double)theirs[1]);
    assert_true(worst <= (double)theirs[0]);
    assert_true(rms <= (double)theirs[1]);
    mem_free(got);
    loaded_release(&l);
    golden_release(&g);
}

#ifdef __SANITIZE_ADDRESS__
struct look {
    struct golden *g;
    int picture;
    int seen;
};

static void look_at_stage(void *user, const char *name, int32_t layer, const float *got,
                          int64_t rows, int64_t cols) {
    struct look *look = user;
    char full[64];
    int64_t n;
    if (strncmp(name, "vision.", 7) != 0) return;
    if (layer < 0)
        snprintf(full, sizeof(full), "%s", name);
    else
        snprintf(full, sizeof(full), "%s.%d", name, layer);
    const float *want = sight_golden(look->g, full, &n);
    assert_int_equal(n, 2 * rows * cols);
    want += look->picture * rows * cols;
    double worst = 0;
    for (int64_t i = 0; i < rows * cols; i++)
        worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
    if (worst > sight_bound * sight_largest(want, rows * cols))
        print_message("%s: max-abs %.2e\n", full, worst);
    assert_close(got, want, (size_t)(rows * cols), sight_bound * sight_largest(want, rows * cols));
    look->seen++;
}
#endif

static void stages_equal_the_reference(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    for (int f = 0; f < N_FOLDERS; f++) {
        struct golden g;
        struct loaded l;
        int64_t n, n_layers = 0, n_values;
        char name[64];
        golden_open(&g, folders[f]);
        for (;; n_layers++) {
            snprintf(name, sizeof(name), "vision.layer.%d", (int)n_layers);
            if (!golden_values(&g, name, &n_values)) break;
        }
        const float *pixels = sight_golden(&g, "pixel_values", &n);
        loaded_open_on(&l, folders[f], CPU_ISA_REF, 2);
        const size_t floats = sight_floats(&l);
        float *rows = mem_alloc(floats * sizeof(float));
        for (int i = 0; i < 2; i++) {
            struct look look = {.g = &g, .picture = i};
            tap = (struct tap){.fn = look_at_stage, .user = &look};
            assert_true(sight_look(&l, pixels + i * n / 2, rows, NULL, NULL));
            tap = (struct tap){0};
            assert_int_equal(look.seen, n_layers + 3);
        }
        mem_free(rows);
        loaded_release(&l);
        golden_release(&g);
    }
#else
    skip_because("taps exist under AddressSanitizer only");
#endif
}

/* Logits of a whole prompt in one step: what a picture's rows see and where they stand is given
 * here as the engine gives it. */
static float *prompt_logits(const struct loaded *l, const int32_t *ids, int32_t n,
                            const int32_t *spans, int64_t n_spans, const float *rows) {
    const struct model *m = l->model;
    const int32_t tokens = sight_info(l)->tokens_per_image;
    const struct runtime_limits limits = {
        .n_ctx = n, .max_sequences = 1, .max_rows = n, .max_head_rows = n};
    struct runtime rt = {0};
    assert_ok(runtime_create(m, &limits, &rt));
    struct batch_row *r = mem_calloc((size_t)n, sizeof(*r));
    int32_t *table = mem_calloc((size_t)n, sizeof(*table));
    int32_t *wanted = mem_calloc((size_t)n, sizeof(*wanted));
    float *logits = mem_calloc((size_t)n, (size_t)m->info.vocab_size * sizeof(*logits));
    float *device = l->be->ops->alloc(l->be, 8 * sight_floats(l) * sizeof(float));
    for (int32_t i = 0; i < n; i++) {
        r[i] = (struct batch_row){.pos = i, .token = ids[i], .visible_end = i + 1};
        wanted[i] = i;
        table[i] = i;
    }
    for (int32_t s = 0; s < n_spans; s++) {
        l->be->ops->upload(l->be, device + (size_t)s * sight_floats(l),
                           rows + (size_t)spans[2 * s + 1] * sight_floats(l),
                           sight_floats(l) * sizeof(float));
        for (int32_t j = 0; j < tokens; j++) {
            struct batch_row *row = &r[spans[2 * s] + j];
            row->token = -1;
            row->embedding = s * tokens + j;
            row->visible_end = spans[2 * s] + tokens;
        }
    }
    const int32_t *const tables[] = {table};
    const struct batch batch = {.n_rows = n,
                                .rows = r,
                                .block_tables = tables,
                                .kv = &rt.kv,
                                .embeddings = device,
                                .logit_rows = wanted,
                                .n_logits = n,
                                .logits = logits,
                                .scratch = rt.scratch};
    m->family->forward(m->self, &batch, rt.stream);
    l->be->ops->finish(rt.stream);
    l->be->ops->free(l->be, device);
    mem_free(r);
    mem_free(table);
    mem_free(wanted);
    runtime_release(&rt);
    return logits;
}

/* The reference keeps to the window inside a picture as well: gemma3_see has one shorter than its
 * pictures. */
static void prompts_with_pictures_equal_the_reference(void **state) {
    (void)state;
    for (int f = 0; f < N_FOLDERS; f++) {
        struct golden g;
        struct loaded l;
        int64_t n_pixels;
        golden_open(&g, folders[f]);
        loaded_open_on(&l, folders[f], best_f32_isa(), 2);
        const float *pixels = sight_golden(&g, "pixel_values", &n_pixels);
        float *rows = sight_see(&l, pixels, 2);
        for (int p = 0; p < 3; p++) {
            char name[32];
            int64_t n, n_spans, n_logits;
            snprintf(name, sizeof(name), p ? "ids.%d" : "ids", p);
            const int32_t *ids = (const int32_t *)(const void *)sight_golden(&g, name, &n);
            snprintf(name, sizeof(name), p ? "spans.%d" : "spans", p);
            const int32_t *spans = (const int32_t *)(const void *)sight_golden(&g, name, &n_spans);
            snprintf(name, sizeof(name), p ? "logits.%d" : "logits", p);
            const float *want = sight_golden(&g, name, &n_logits);
            float *got = prompt_logits(&l, ids, (int32_t)n, spans, n_spans / 2, rows);
            assert_int_equal(n_logits, n * l.model->info.vocab_size);
            double worst = 0;
            for (int64_t i = 0; i < n_logits; i++)
                worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
            print_message("%-40s prompt %d: max-abs of logits %.2e\n", folders[f], p, worst);
            /* A text model in blocks has activations of 16 bits: found 5.8e-4 at most. */
            const double bound = strstr(folders[f], "_gguf") ? 2e-3 : 1e-4;
            assert_close(got, want, (size_t)n_logits, bound);
            mem_free(got);
        }
        mem_free(rows);
        loaded_release(&l);
        golden_release(&g);
    }
}

/* ---- the same through the engine ---- */

struct spoken {
    karma_status status;
    size_t n;
    int32_t tokens[64];
};

static void keep_spoken(void *user, const karma_output *o) {
    struct spoken *s = user;
    s->status = o->status;
    s->n = o->n_tokens < 64 ? o->n_tokens : 64;
    memcpy(s->tokens, o->tokens, s->n * sizeof(*o->tokens));
}

/* Greedy answers to a fixture's three prompts, asked at once. */
static void answers_equal_the_reference(void **state) {
    (void)state;
    for (int f = 0; f < N_FOLDERS; f++) {
        struct golden g;
        struct loaded l;
        struct engine *e;
        struct spoken said[3] = {0};
        struct image_rows *pictures[2];
        int64_t n, n_greedy[3];
        const int32_t *greedy[3];
        const karma_engine_options o = {.struct_size = sizeof(o),
                                        .max_sequences = 3,
                                        .max_rows = 16,
                                        .n_ctx = 128,
                                        .share_prefixes = true};
        golden_open(&g, folders[f]);
        loaded_open_on(&l, folders[f], best_f32_isa(), 2);
        const int64_t count = sight_info(&l)->tokens_per_image, width = l.model->info.hidden_size;
        float *rows = sight_see(&l, sight_golden(&g, "pixel_values", &n), 2);
        for (int i = 0; i < 2; i++) {
            assert_ok(image_rows_create((int32_t)count, width, &pictures[i]));
            memset(pictures[i]->digest, i, sizeof(pictures[i]->digest));
            memcpy(pictures[i]->data, rows + i * count * width,
                   (size_t)(count * width) * sizeof(*rows));
        }
        assert_ok(engine_create(l.model, NULL, &o, &e));
        for (int p = 0; p < 3; p++) {
            struct prompt_span spans[8];
            struct engine_prompt prompt = {.spans = spans};
            char name[32];
            snprintf(name, sizeof(name), p ? "greedy.%d" : "greedy", p);
            greedy[p] = (const int32_t *)(const void *)sight_golden(&g, name, &n_greedy[p]);
            snprintf(name, sizeof(name), p ? "spans.%d" : "spans", p);
            const int32_t *at = (const int32_t *)(const void *)sight_golden(&g, name, &n);
            for (; prompt.n_spans < (size_t)n / 2; prompt.n_spans++, at += 2)
                spans[prompt.n_spans] =
                    (struct prompt_span){.begin = (size_t)at[0], .rows = pictures[at[1]]};
            snprintf(name, sizeof(name), p ? "ids.%d" : "ids", p);
            prompt.tokens = (const int32_t *)(const void *)sight_golden(&g, name, &n);
            prompt.n_tokens = (size_t)n;
            const karma_generate_options generate = {.struct_size = sizeof(generate),
                                                     .max_tokens = (int32_t)n_greedy[p],
                                                     .repetition_penalty = 1,
                                                     .n_top_logprobs = -1};
            assert_ok(
                engine_submit_prompt(e, NULL, &prompt, &generate, keep_spoken, NULL, &said[p]));
        }
        for (size_t active = 1; active;)
            assert_ok(engine_step(e, &active));
        for (int p = 0; p < 3; p++) {
            assert_int_equal(said[p].status, KARMA_OK);
            assert_int_equal(said[p].n, n_greedy[p]);
            assert_memory_equal(said[p].tokens, greedy[p], said[p].n * sizeof(*greedy[p]));
        }
        engine_destroy(e);
        image_rows_unref(pictures[0]);
        image_rows_unref(pictures[1]);
        mem_free(rows);
        loaded_release(&l);
        golden_release(&g);
    }
}

/* ---- the same numbers by a formula: no program of others had a hand in them ---- */

enum kind { EMBEDDING, LINEAR, PROJECTION, GAIN, LAYER_GAIN, BIAS, PIXELS };

static uint64_t name_seed(const char *name) {
    uint64_t s = 0xcbf29ce484222325u;
    for (; *name; name++)
        s = (s ^ (unsigned char)*name) * 0x100000001b3u;
    return s;
}

static float formula(const char *name, uint64_t i, enum kind kind, int64_t fan_in) {
    uint64_t z = name_seed(name) + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    const double r = 2 * ((double)(z >> 40) / 16777216) - 1;
    switch (kind) {
    case EMBEDDING:
        return (float)(0.5 * r);
    case LINEAR:
    case PROJECTION:
        return (float)(r * sqrt(3.0 / (double)fan_in));
    case GAIN:
        return (float)(0.25 * r);
    case LAYER_GAIN:
        return (float)(1 + 0.25 * r);
    case BIAS:
        return (float)(0.1 * r);
    default:
        return (float)r;
    }
}

struct formula_file {
    struct buf header, data;
};

/* dims: "[a,b]"; n values of them in all. */
__attribute__((format(printf, 6, 7))) static void put(struct formula_file *f, const char *dims,
                                                      int64_t n, enum kind kind, int64_t fan_in,
                                                      const char *form, ...) {
    char name[128];
    va_list args;
    va_start(args, form);
    vsnprintf(name, sizeof(name), form, args);
    va_end(args);
    assert_ok(buf_printf(&f->header,
                         "%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                         f->header.len ? "," : "{", name, dims, f->data.len,
                         f->data.len + (size_t)n * sizeof(float)));
    for (int64_t i = 0; i < n; i++) {
        const float v = formula(name, (uint64_t)i, kind, fan_in);
        put_bytes(&f->data, &v, sizeof(v));
    }
}

static void put_text(struct formula_file *f) {
    enum { V = 101, H = 40, I = 96, LAYERS = 7, Q = 48, KV = 24, HD = 12 };
    static const char pre[] = "language_model.model.";
    put(f, "[101,40]", V * H, EMBEDDING, 0, "%sembed_tokens.weight", pre);
    put(f, "[40]", H, GAIN, 0, "%snorm.weight", pre);
    for (int i = 0; i < LAYERS; i++) {
        static const char *const norms[] = {"input_layernorm", "post_attention_layernorm",
                                            "pre_feedforward_layernorm",
                                            "post_feedforward_layernorm"};
        for (int k = 0; k < 4; k++)
            put(f, "[40]", H, GAIN, 0, "%slayers.%d.%s.weight", pre, i, norms[k]);
        put(f, "[48,40]", Q * H, LINEAR, H, "%slayers.%d.self_attn.q_proj.weight", pre, i);
        put(f, "[24,40]", KV * H, LINEAR, H, "%slayers.%d.self_attn.k_proj.weight", pre, i);
        put(f, "[24,40]", KV * H, LINEAR, H, "%slayers.%d.self_attn.v_proj.weight", pre, i);
        put(f, "[40,48]", H * Q, LINEAR, Q, "%slayers.%d.self_attn.o_proj.weight", pre, i);
        put(f, "[12]", HD, GAIN, 0, "%slayers.%d.self_attn.q_norm.weight", pre, i);
        put(f, "[12]", HD, GAIN, 0, "%slayers.%d.self_attn.k_norm.weight", pre, i);
        put(f, "[96,40]", I * H, LINEAR, H, "%slayers.%d.mlp.gate_proj.weight", pre, i);
        put(f, "[96,40]", I * H, LINEAR, H, "%slayers.%d.mlp.up_proj.weight", pre, i);
        put(f, "[40,96]", H * I, LINEAR, I, "%slayers.%d.mlp.down_proj.weight", pre, i);
    }
}

static void put_norm(struct formula_file *f, const char *pre, const char *name) {
    put(f, "[24]", 24, LAYER_GAIN, 0, "%s%s.weight", pre, name);
    put(f, "[24]", 24, BIAS, 0, "%s%s.bias", pre, name);
}

static void put_tower(struct formula_file *f) {
    enum { D = 24, M = 40, PATCH = 3 * 7 * 7, LAYERS = 2 };
    static const char pre[] = "vision_tower.vision_model.";
    put(f, "[24,3,7,7]", D * PATCH, LINEAR, PATCH, "%sembeddings.patch_embedding.weight", pre);
    put(f, "[24]", D, BIAS, 0, "%sembeddings.patch_embedding.bias", pre);
    put(f, "[16,24]", 16 * D, EMBEDDING, 0, "%sembeddings.position_embedding.weight", pre);
    for (int i = 0; i < LAYERS; i++) {
        static const char *const parts[] = {"q_proj", "k_proj", "v_proj", "out_proj"};
        char name[64];
        for (int k = 1; k <= 2; k++) {
            snprintf(name, sizeof(name), "encoder.layers.%d.layer_norm%d", i, k);
            put_norm(f, pre, name);
        }
        for (int k = 0; k < 4; k++) {
            put(f, "[24,24]", D * D, LINEAR, D, "%sencoder.layers.%d.self_attn.%s.weight", pre, i,
                parts[k]);
            put(f, "[24]", D, BIAS, 0, "%sencoder.layers.%d.self_attn.%s.bias", pre, i, parts[k]);
        }
        put(f, "[40,24]", M * D, LINEAR, D, "%sencoder.layers.%d.mlp.fc1.weight", pre, i);
        put(f, "[40]", M, BIAS, 0, "%sencoder.layers.%d.mlp.fc1.bias", pre, i);
        put(f, "[24,40]", D * M, LINEAR, M, "%sencoder.layers.%d.mlp.fc2.weight", pre, i);
        put(f, "[24]", D, BIAS, 0, "%sencoder.layers.%d.mlp.fc2.bias", pre, i);
    }
    put_norm(f, pre, "post_layernorm");
    put(f, "[24,40]", D * 40, PROJECTION, D, "multi_modal_projector.mm_input_projection_weight");
    put(f, "[24]", D, GAIN, 0, "multi_modal_projector.mm_soft_emb_norm.weight");
}

static const char *formula_checkpoint(void) {
    static const char config[] =
        "{\"architectures\": [\"Gemma3ForConditionalGeneration\"], \"mm_tokens_per_image\": 4, "
        "\"boi_token_index\": 97, \"eoi_token_index\": 98, \"image_token_index\": 99, "
        "\"text_config\": {\"vocab_size\": 101, \"hidden_size\": 40, \"intermediate_size\": 96, "
        "\"num_hidden_layers\": 7, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, "
        "\"head_dim\": 12, \"query_pre_attn_scalar\": 20, \"sliding_window\": 3, "
        "\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8.0}}, "
        "\"vision_config\": {\"hidden_size\": 24, \"intermediate_size\": 40, "
        "\"num_hidden_layers\": 2, \"num_attention_heads\": 3, \"patch_size\": 7, "
        "\"image_size\": 28}}";
    struct formula_file f = {0};
    struct buf file = {0};
    put_text(&f);
    put_tower(&f);
    assert_ok(buf_puts(&f.header, "}"));
    put_u64(&file, f.header.len);
    put_bytes(&file, f.header.data, f.header.len);
    put_bytes(&file, f.data.data, f.data.len);
    write_text("formula/config.json", config);
    write_file("formula/model.safetensors", file.data, file.len);
    buf_release(&f.header);
    buf_release(&f.data);
    buf_release(&file);
    return test_path("formula");
}

#ifdef __SANITIZE_ADDRESS__
/* The tower's output for the first picture, tokens 0 and 15. */
static void look_at_output(void *user, const char *name, int32_t layer, const float *got,
                           int64_t rows, int64_t cols) {
    static const float first[] = {0.5572824f, -0.4701886f, -0.4061283f, 0.4237474f};
    static const float last[] = {-0.0521646f, 0.3426924f, 0.1244504f, 0.0449316f};
    int *pictures = user;
    (void)layer;
    if (strcmp(name, "vision.post_norm") != 0 || (*pictures)++ > 0) return;
    assert_int_equal(rows, 16);
    assert_close(got, first, 4, 2e-6);
    assert_close(got + 15 * cols, last, 4, 2e-6);
}
#endif

static void the_formula_gives_the_numbers_it_gave_elsewhere(void **state) {
    (void)state;
    static const float row0[] = {0.9016580f, -1.1017535f, -1.5818139f, 0.0738019f};
    static const float row3[] = {0.4345778f, -0.0378253f, -0.8344285f, -0.0889600f};
    enum { H = 40, PIXELS_N = 3 * 28 * 28 };
    static float pixels[2][PIXELS_N];
    struct loaded l;
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < PIXELS_N; i++)
            pixels[p][i] = formula(p ? "pixel_values.1" : "pixel_values.0", (uint64_t)i, PIXELS, 0);
    loaded_open_on(&l, formula_checkpoint(), best_f32_isa(), 2);
#ifdef __SANITIZE_ADDRESS__
    int pictures = 0;
    tap = (struct tap){.fn = look_at_output, .user = &pictures};
#endif
    float *rows = sight_see(&l, pixels[0], 2);
#ifdef __SANITIZE_ADDRESS__
    tap = (struct tap){0};
    assert_int_equal(pictures, 2);
#endif
    assert_close(rows, row0, 4, 5e-6);
    assert_close(rows + (4 + 3) * H, row3, 4, 5e-6);
    mem_free(rows);
    loaded_release(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(rows_equal_the_reference),
        test_case(bf16_products_are_nearer_than_the_reference_in_bf16),
        test_case(stages_equal_the_reference),
        test_case(prompts_with_pictures_equal_the_reference),
        test_case(answers_equal_the_reference),
        test_case(the_formula_gives_the_numbers_it_gave_elsewhere),
    };
    return run_group("golden/vision", tests);
}
