/* tiny_checkpoint.c - see tiny_checkpoint.h. */
#include "tests/support/tiny_checkpoint.h"

#include <math.h>

#include "base/json.h"
#include "base/random.h"
#include "tensor/cpu/cpu.h"
#include "tests/support/model_files.h"
#include "tests/support/test.h"

karma_status loaded_try(struct loaded *l, const char *path, int threads) {
    *l = (struct loaded){0};
    karma_status st = checkpoint_open(path, &l->ck);
    if (st == KARMA_OK) st = backend_create("cpu", threads, &l->be);
    if (st == KARMA_OK) st = model_load(l->ck, l->be, &l->model);
    return st;
}

void loaded_open(struct loaded *l, const char *path, int threads) {
    assert_ok(loaded_try(l, path, threads));
}

void loaded_open_as(struct loaded *l, const char *path, enum cpu_isa isa, int threads,
                    enum backend_weights weights) {
    *l = (struct loaded){0};
    assert_ok(checkpoint_open(path, &l->ck));
    assert_ok(cpu_backend_create(isa, threads, &l->be));
    l->be->weights = weights;
    assert_ok(model_load(l->ck, l->be, &l->model));
}

enum cpu_isa best_f32_isa(void) {
    enum cpu_isa isa;
    assert_ok(cpu_isa_choose(&isa));
    return isa == CPU_ISA_AVX512BF16 ? CPU_ISA_AVX512 : isa;
}

void loaded_open_on(struct loaded *l, const char *path, enum cpu_isa isa, int threads) {
    loaded_open_as(l, path, isa, threads, WEIGHTS_STORED);
}

void loaded_release(struct loaded *l) {
    model_unload(l->model);
    backend_destroy(l->be);
    checkpoint_close(l->ck);
    *l = (struct loaded){0};
}

static const struct named_tensor *golden_find(const struct golden *g, const char *name) {
    for (int64_t i = 0; i < g->n_tensors; i++) {
        if (strcmp(g->tensors[i].name, name) == 0) return &g->tensors[i];
    }
    return NULL;
}

static void *golden_copy(struct golden *g, const char *name, const struct named_tensor **t) {
    *t = golden_find(g, name);
    if (!*t) return NULL;
    void *copy = arena_dup(&g->a, (*t)->data, (*t)->nbytes);
    assert_non_null(copy);
    return copy;
}

const float *golden_values(struct golden *g, const char *name, int64_t *count) {
    const struct named_tensor *t;
    const float *values = golden_copy(g, name, &t);
    *count = t ? (int64_t)(t->nbytes / sizeof(float)) : 0;
    return values;
}

void golden_open(struct golden *g, const char *folder) {
    *g = (struct golden){0};
    const char *path = file_join(&g->a, folder, "golden.safetensors");
    assert_non_null(path);
    assert_ok(file_map_open(path, &g->map));
    assert_ok(safetensors_parse(&g->a, g->map.data, g->map.size, "golden.safetensors", &g->tensors,
                                &g->n_tensors));
    const struct named_tensor *t;
    g->ids = golden_copy(g, "ids", &t);
    assert_non_null(g->ids);
    g->n = t->dims[0];
    g->greedy = golden_copy(g, "greedy", &t);
    assert_non_null(g->greedy);
    g->n_greedy = t->dims[0];
    g->logits = golden_copy(g, "logits", &t);
    assert_non_null(g->logits);
    g->vocab_size = t->dims[1];
}

void golden_release(struct golden *g) {
    arena_release(&g->a);
    file_map_close(&g->map);
}

/* --- random checkpoints -------------------------------------------------------------------- */

enum { MAX_TENSORS = 256, Q8_BLOCK = 32 };

struct tiny_tensor {
    char name[96];
    int64_t rows, cols; /* rows 0: a vector */
    bool gain;
    enum dtype dtype;
};

struct tiny {
    const struct tiny_shape *shape;
    bool gguf, counting;
    struct tiny_tensor tensors[MAX_TENSORS];
    int count;
};

static void add(struct tiny *t, int layer, const char *hf, const char *gguf, int64_t rows,
                int64_t cols) {
    assert_true(t->count < MAX_TENSORS);
    struct tiny_tensor *e = &t->tensors[t->count];
    if (t->gguf && layer < 0)
        snprintf(e->name, sizeof(e->name), "%s.weight", gguf);
    else if (t->gguf)
        snprintf(e->name, sizeof(e->name), "blk.%d.%s.weight", layer, gguf);
    else if (layer < 0)
        snprintf(e->name, sizeof(e->name), "model.%s.weight", hf);
    else
        snprintf(e->name, sizeof(e->name), "model.layers.%d.%s.weight", layer, hf);
    const struct tiny_shape *s = t->shape;
    if (s->without && strcmp(s->without, e->name) == 0) return;
    const bool wrong = s->misshapen && strcmp(s->misshapen, e->name) == 0;
    t->count++;
    e->rows = rows ? rows + wrong : 0;
    e->cols = rows ? cols : cols + wrong;
    e->gain = rows == 0;
    e->dtype = t->gguf && rows == 0 ? DTYPE_F32 : t->shape->dtype;
}

static void list_tensors(struct tiny *t) {
    if (t->shape->extra) {
        struct tiny_tensor *e = &t->tensors[t->count++];
        *e = (struct tiny_tensor){.cols = 4, .gain = true, .dtype = DTYPE_F32};
        snprintf(e->name, sizeof(e->name), "%s", t->shape->extra);
    }
    const struct tiny_shape *s = t->shape;
    const bool gemma = strcmp(s->family, "gemma3") == 0, llama = strcmp(s->family, "llama") == 0;
    const int64_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    add(t, -1, "embed_tokens", "token_embd", s->vocab_size, s->hidden_size);
    add(t, -1, "norm", "output_norm", 0, s->hidden_size);
    for (int i = 0; i < s->layers; i++) {
        add(t, i, "input_layernorm", "attn_norm", 0, s->hidden_size);
        add(t, i, "self_attn.q_proj", "attn_q", q, s->hidden_size);
        add(t, i, "self_attn.k_proj", "attn_k", kv, s->hidden_size);
        add(t, i, "self_attn.v_proj", "attn_v", kv, s->hidden_size);
        add(t, i, "self_attn.o_proj", "attn_output", s->hidden_size, q);
        if (!llama) add(t, i, "self_attn.q_norm", "attn_q_norm", 0, s->head_dim);
        if (!llama) add(t, i, "self_attn.k_norm", "attn_k_norm", 0, s->head_dim);
        add(t, i, "mlp.gate_proj", "ffn_gate", s->intermediate_size, s->hidden_size);
        add(t, i, "mlp.up_proj", "ffn_up", s->intermediate_size, s->hidden_size);
        add(t, i, "mlp.down_proj", "ffn_down", s->hidden_size, s->intermediate_size);
        if (gemma) {
            add(t, i, "post_attention_layernorm", "post_attention_norm", 0, s->hidden_size);
            add(t, i, "pre_feedforward_layernorm", "ffn_norm", 0, s->hidden_size);
            add(t, i, "post_feedforward_layernorm", "post_ffw_norm", 0, s->hidden_size);
        } else {
            add(t, i, "post_attention_layernorm", "ffn_norm", 0, s->hidden_size);
        }
    }
}

/* Element i of the model that counts. */
static float counting_value(const struct tiny_tensor *e, int64_t i) {
    if (e->gain) return 1;
    if (strstr(e->name, "o_proj") || strstr(e->name, "down_proj")) return 0;
    const int64_t row = i / e->cols, col = i % e->cols;
    if (strstr(e->name, "lm_head")) return row == (col + 1) % e->rows ? 1 : 0;
    return strstr(e->name, "embed_tokens") && row == col ? 1 : 0;
}

static float random_value(struct rng *r, const struct tiny_tensor *e, bool gemma_hf) {
    const float u = (float)(2 * rng_uniform(r) - 1);
    if (e->gain) return (gemma_hf ? 0.0f : 1.0f) + 0.25f * u;
    return u * sqrtf(3.0f / (float)e->cols);
}

static void put_tensor(struct buf *b, struct rng *r, const struct tiny *t,
                       const struct tiny_tensor *e) {
    const int64_t n = (e->rows ? e->rows : 1) * e->cols;
    const bool gemma_hf = !t->gguf && strcmp(t->shape->family, "gemma3") == 0;
    const bool nan = t->shape->nan_in && strcmp(t->shape->nan_in, e->name) == 0;
    float block[Q8_BLOCK];
    for (int64_t i = 0; i < n; i++) {
        float v = t->counting ? counting_value(e, i) : random_value(r, e, gemma_hf);
        if (nan && i == 0) v = NAN;
        if (e->dtype == DTYPE_F32) {
            put_bytes(b, &v, sizeof(v));
        } else if (e->dtype == DTYPE_BF16) {
            const uint16_t h = f32_to_bf16(v);
            put_bytes(b, &h, sizeof(h));
        } else {
            block[i % Q8_BLOCK] = v;
            if (i % Q8_BLOCK != Q8_BLOCK - 1) continue;
            float max = 0;
            for (int j = 0; j < Q8_BLOCK; j++)
                max = fmaxf(max, fabsf(block[j]));
            const float d = max / 127;
            const uint16_t scale = f32_to_f16(d);
            put_bytes(b, &scale, sizeof(scale));
            for (int j = 0; j < Q8_BLOCK; j++) {
                const int8_t q = (int8_t)(d > 0 ? lroundf(block[j] / d) : 0);
                put_bytes(b, &q, 1);
            }
        }
    }
}

static uint64_t tensor_bytes(const struct tiny_tensor *e) {
    uint64_t bytes = 0;
    assert_true(dtype_bytes(e->dtype, (uint64_t)((e->rows ? e->rows : 1) * e->cols), &bytes));
    return bytes;
}

static const char *write_hf(const char *name, struct tiny *t) {
    const struct tiny_shape *s = t->shape;
    const bool gemma = strcmp(s->family, "gemma3") == 0;
    struct buf config = {0}, header = {0}, file = {0};
    const char *architecture = gemma                             ? "Gemma3ForCausalLM"
                               : strcmp(s->family, "llama") == 0 ? "LlamaForCausalLM"
                                                                 : "Qwen3ForCausalLM";
    assert_ok(buf_printf(
        &config,
        "{\"architectures\": [\"%s\"], \"vocab_size\": %d, \"hidden_size\": %d, "
        "\"intermediate_size\": %d, \"num_hidden_layers\": %d, \"num_attention_heads\": %d, "
        "\"num_key_value_heads\": %d, \"head_dim\": %d, \"max_position_embeddings\": 4096, "
        "\"tie_word_embeddings\": %s, \"query_pre_attn_scalar\": %d, "
        "\"rope_theta\": 10000.0, \"sliding_window\": %d",
        architecture, s->vocab_size, s->hidden_size, s->intermediate_size, s->layers, s->heads,
        s->kv_heads, s->head_dim, t->counting ? "false" : "true", s->head_dim,
        s->sliding_window > 0 ? s->sliding_window : 4096));
    if (gemma) {
        assert_ok(buf_puts(&config, ", \"layer_types\": ["));
        for (int i = 0; i < s->layers; i++) {
            assert_ok(buf_printf(&config, "%s\"%s_attention\"", i ? ", " : "",
                                 i == 0 && s->sliding_window > 0 ? "sliding" : "full"));
        }
        assert_ok(buf_puts(&config, "]"));
    }
    if (s->more_config) assert_ok(buf_puts(&config, s->more_config));
    assert_ok(buf_puts(&config, "}\n"));

    uint64_t at = 0;
    for (int i = 0; i < t->count; i++) {
        const struct tiny_tensor *e = &t->tensors[i];
        const uint64_t bytes = tensor_bytes(e);
        assert_ok(buf_printf(&header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "{",
                             e->name, dtype_name(e->dtype)));
        if (e->rows) assert_ok(buf_printf(&header, "%lld,", (long long)e->rows));
        assert_ok(buf_printf(&header, "%lld],\"data_offsets\":[%llu,%llu]}", (long long)e->cols,
                             (unsigned long long)at, (unsigned long long)(at + bytes)));
        at += bytes;
    }
    assert_ok(buf_puts(&header, "}"));
    put_u64(&file, header.len);
    put_bytes(&file, header.data, header.len);
    struct rng r;
    rng_init(&r, s->seed, s->family, strlen(s->family));
    for (int i = 0; i < t->count; i++)
        put_tensor(&file, &r, t, &t->tensors[i]);
    char path[128];
    snprintf(path, sizeof(path), "%s/config.json", name);
    write_file(path, config.data, config.len);
    snprintf(path, sizeof(path), "%s/model.safetensors", name);
    write_file(path, file.data, file.len);
    buf_release(&config);
    buf_release(&header);
    buf_release(&file);
    return test_path(name);
}

enum { GGUF_F32_KEY = 6, GGUF_F32_TENSOR = 0, GGUF_Q8_0_TENSOR = 8 };

static void put_key_f32(struct buf *b, const char *key, float v) {
    put_gguf_key(b, key, GGUF_F32_KEY);
    put_bytes(b, &v, sizeof(v));
}

static const char *write_gguf(const char *name, struct tiny *t) {
    const struct tiny_shape *s = t->shape;
    const struct {
        const char *name;
        int value;
    } keys[] = {
        {"block_count", s->layers},
        {"context_length", 4096},
        {"embedding_length", s->hidden_size},
        {"feed_forward_length", s->intermediate_size},
        {"attention.head_count", s->heads},
        {"attention.head_count_kv", s->kv_heads},
        {"attention.key_length", s->head_dim},
        {"attention.value_length", s->head_dim},
        {"attention.sliding_window", s->sliding_window},
    };
    const size_t n_keys = sizeof(keys) / sizeof(keys[0]);
    bool known = !s->wrong_key;
    for (size_t i = 0; i < n_keys; i++)
        known |= !known && strcmp(s->wrong_key, keys[i].name) == 0;
    struct buf file = {0};
    put_gguf_head(&file, 3, (uint64_t)t->count, n_keys + 3 + !known);
    put_gguf_key_string(&file, "general.architecture", s->family);
    char key[96];
    for (size_t i = 0; i < n_keys; i++) {
        snprintf(key, sizeof(key), "%s.%s", s->family, keys[i].name);
        const bool wrong = s->wrong_key && strcmp(s->wrong_key, keys[i].name) == 0;
        put_gguf_key_u32(&file, key, wrong ? s->wrong_value : (uint32_t)keys[i].value);
    }
    if (!known) {
        snprintf(key, sizeof(key), "%s.%s", s->family, s->wrong_key);
        put_gguf_key_u32(&file, key, s->wrong_value);
    }
    snprintf(key, sizeof(key), "%s.attention.layer_norm_rms_epsilon", s->family);
    put_key_f32(&file, key, 1e-6f);
    snprintf(key, sizeof(key), "%s.rope.freq_base", s->family);
    put_key_f32(&file, key, 10000);
    uint64_t at = 0;
    for (int i = 0; i < t->count; i++) {
        const struct tiny_tensor *e = &t->tensors[i];
        const uint64_t dims[2] = {(uint64_t)e->cols, (uint64_t)e->rows};
        put_gguf_tensor(&file, e->name, e->rows ? 2 : 1, dims,
                        e->rows ? GGUF_Q8_0_TENSOR : GGUF_F32_TENSOR, at);
        at += (tensor_bytes(e) + 31) / 32 * 32;
    }
    put_padding(&file, 32);
    struct rng r;
    rng_init(&r, s->seed, s->family, strlen(s->family));
    for (int i = 0; i < t->count; i++) {
        put_tensor(&file, &r, t, &t->tensors[i]);
        put_padding(&file, 32);
    }
    char path[128];
    snprintf(path, sizeof(path), "%s.gguf", name);
    const char *written = write_file(path, file.data, file.len);
    buf_release(&file);
    return written;
}

const char *tiny_checkpoint_write(const char *name, const struct tiny_shape *shape) {
    struct tiny *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->shape = shape;
    t->gguf = shape->dtype == DTYPE_Q8_0;
    list_tensors(t);
    const char *path = t->gguf ? write_gguf(name, t) : write_hf(name, t);
    free(t);
    return path;
}

const char *counting_checkpoint_write(const char *name, int vocab_size) {
    const struct tiny_shape shape = {.family = "llama",
                                     .vocab_size = vocab_size,
                                     .hidden_size = vocab_size,
                                     .intermediate_size = 4,
                                     .layers = 1,
                                     .heads = 2,
                                     .kv_heads = 1,
                                     .head_dim = 4,
                                     .dtype = DTYPE_F32};
    struct tiny *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->shape = &shape;
    t->counting = true;
    list_tensors(t);
    add(t, -1, "lm_head", "output", vocab_size, vocab_size);
    const char *path = write_hf(name, t);
    free(t);
    return path;
}

const char *config_with(const char *folder, const char *changes, struct buf *out) {
    struct arena a = {0};
    char path[256];
    snprintf(path, sizeof(path), "%s/config.json", folder);
    const struct json *base, *over;
    assert_ok(json_parse_file(&a, path, 0, 0, &base));
    assert_ok(json_parse(&a, changes, strlen(changes), 0, &over));
    struct json *merged = json_new_object(&a);
    for (size_t i = 0; i < base->u.object.count; i++) {
        const struct json_member *m = &base->u.object.members[i];
        const struct json *changed = json_get(over, m->key);
        if (!changed) assert_ok(json_set(&a, merged, m->key, m->value));
    }
    for (size_t i = 0; i < over->u.object.count; i++) {
        const struct json_member *m = &over->u.object.members[i];
        if (!json_is_null(m->value)) assert_ok(json_set(&a, merged, m->key, m->value));
    }
    assert_ok(json_write(out, merged, 0, JSON_PYTHON));
    arena_release(&a);
    return buf_str(out);
}

const char *copy_fixture_model(const char *folder, const char *name, const char *config_text) {
    static const char *const files[] = {"config.json", "model.safetensors"};
    for (int i = 0; i < 2; i++) {
        char from[256], to[256];
        snprintf(from, sizeof(from), "%s/%s", folder, files[i]);
        snprintf(to, sizeof(to), "%s/%s", name, files[i]);
        size_t len;
        const char *data = read_fixture(from, &len);
        if (i == 0 && config_text)
            write_text(to, config_text);
        else
            write_file(to, data, len);
    }
    return test_path(name);
}
