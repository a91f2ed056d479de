/* config.c - see config.h. */
#include "models/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Beyond any model there is, and small enough that products of two fit 64 bits. */
enum { MAX_WIDTH = 1 << 22, MAX_LAYERS = 4096, MAX_HEADS = 4096, MAX_HEAD_DIM = 4096 };

const struct json *config_text(const struct json *config) {
    const struct json *text = json_get(config, "text_config");
    return json_is_object(text) ? text : config;
}

static karma_status size_field(const struct json *j, const char *key, int64_t max,
                               int64_t otherwise, int64_t *out) {
    return otherwise > 0 ? json_field_int(j, key, 1, max, otherwise, out)
                         : json_need_int(j, key, 1, max, out);
}

/* What both containers have to satisfy. */
static karma_status check_sizes(struct arena *a, struct decoder_config *c) {
    if (c->num_attention_heads % c->num_key_value_heads != 0) {
        return status_fail(KARMA_E_SHAPE,
                           "num_attention_heads %d is no multiple of num_key_value_heads %d",
                           c->num_attention_heads, c->num_key_value_heads);
    }
    if (c->head_dim == 0) {
        if (c->hidden_size % c->num_attention_heads != 0) {
            return status_fail(KARMA_E_SHAPE,
                               "hidden_size %lld is no multiple of num_attention_heads %d",
                               (long long)c->hidden_size, c->num_attention_heads);
        }
        const int64_t head_dim = c->hidden_size / c->num_attention_heads;
        if (head_dim > MAX_HEAD_DIM) return status_fail(KARMA_E_RANGE, "head_dim: too large");
        c->head_dim = (int32_t)head_dim;
    }
    if (c->rotary_dim == 0) c->rotary_dim = c->head_dim;
    if (c->rotary_dim > c->head_dim || c->rotary_dim % 2 != 0) {
        return status_fail(KARMA_E_RANGE,
                           "rotary dimension %d: expected an even number up to head_dim %d",
                           c->rotary_dim, c->head_dim);
    }
    if (!(c->rms_norm_eps > 0) || !isfinite(c->rms_norm_eps)) {
        return status_fail(KARMA_E_RANGE, "rms_norm_eps: must be a positive number");
    }
    c->slides = arena_calloc(a, (size_t)c->num_hidden_layers, sizeof(*c->slides));
    return c->slides ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status config_read_hf(struct arena *a, const struct json *j, struct decoder_config *c) {
    int64_t layers = c->num_hidden_layers, heads = c->num_attention_heads, kv_heads, head_dim,
            positions;
    karma_status st = size_field(j, "vocab_size", CONFIG_MAX_VOCAB, c->vocab_size, &c->vocab_size);
    if (st == KARMA_OK) {
        st = size_field(j, "hidden_size", MAX_WIDTH, c->hidden_size, &c->hidden_size);
    }
    if (st == KARMA_OK) {
        st = size_field(j, "intermediate_size", MAX_WIDTH, c->intermediate_size,
                        &c->intermediate_size);
    }
    if (st == KARMA_OK) st = size_field(j, "num_hidden_layers", MAX_LAYERS, layers, &layers);
    if (st == KARMA_OK) st = size_field(j, "num_attention_heads", MAX_HEADS, heads, &heads);
    if (st < 0) return st;

    /* Absent is the class's default, null is as many as query heads. */
    const bool as_heads = json_get(j, "num_key_value_heads") || c->num_key_value_heads == 0;
    st = json_field_int(j, "num_key_value_heads", 1, MAX_HEADS,
                        as_heads ? heads : c->num_key_value_heads, &kv_heads);
    if (st == KARMA_OK) {
        st = json_field_int(j, "head_dim", 1, MAX_HEAD_DIM, c->head_dim, &head_dim);
    }
    if (st == KARMA_OK) {
        st = json_field_int(j, "max_position_embeddings", 1, CONFIG_MAX_POSITIONS,
                            c->max_position_embeddings, &positions);
    }
    if (st == KARMA_OK) st = json_field_real(j, "rms_norm_eps", c->rms_norm_eps, &c->rms_norm_eps);
    if (st == KARMA_OK) {
        st = json_field_bool(j, "tie_word_embeddings", c->tie_word_embeddings,
                             &c->tie_word_embeddings);
    }
    if (st == KARMA_OK) {
        st = json_field_bool(j, "attention_bias", c->attention_bias, &c->attention_bias);
    }
    if (st < 0) return st;
    c->num_hidden_layers = (int32_t)layers;
    c->num_attention_heads = (int32_t)heads;
    c->num_key_value_heads = (int32_t)kv_heads;
    c->head_dim = (int32_t)head_dim;
    c->max_position_embeddings = (int32_t)positions;

    double partial = 1;
    st = json_field_real(j, "partial_rotary_factor", 1, &partial);
    if (st == KARMA_OK && partial != 1) {
        st = status_fail(KARMA_E_UNSUPPORTED, "partial_rotary_factor %g: only 1 is known", partial);
    }
    return st == KARMA_OK ? check_sizes(a, c) : st;
}

const char *config_key(char buffer[CONFIG_KEY_BYTES], const char *arch, const char *name) {
    snprintf(buffer, CONFIG_KEY_BYTES, "%s.%s", arch, name);
    return buffer;
}

/* A count stored once, or once a layer with the same value everywhere. otherwise 0: required. */
static karma_status gguf_count(const struct gguf *g, const char *arch, const char *name,
                               int64_t max, int64_t otherwise, int64_t *out) {
    char buffer[CONFIG_KEY_BYTES];
    const char *key = config_key(buffer, arch, name);
    const struct gguf_value *v = gguf_find(g, key);
    if (v && v->type == GGUF_ARRAY && v->count > 0 && v->item_type != GGUF_STRING &&
        v->item_type != GGUF_ARRAY) {
        *out = gguf_array_int(v, 0);
        for (uint64_t i = 1; i < v->count; i++) {
            if (gguf_array_int(v, i) == *out) continue;
            return status_fail(KARMA_E_UNSUPPORTED, "%s: differs from layer to layer", key);
        }
        if (*out >= 1 && *out <= max) return KARMA_OK;
        return status_fail(KARMA_E_RANGE, "%s: expected 1 to %lld, found %lld", key, (long long)max,
                           (long long)*out);
    }
    return otherwise > 0 ? gguf_int(g, key, 1, max, otherwise, out)
                         : gguf_need_int(g, key, 1, max, out);
}

karma_status config_read_gguf(struct arena *a, const struct gguf *g, const char *arch,
                              struct decoder_config *c) {
    int64_t layers = 0, heads = 0, kv_heads = 0, key_length = 0, value_length = 0, rotary = 0,
            positions = 0, experts = 0, window = 0;
    char key[CONFIG_KEY_BYTES];
    karma_status st = gguf_count(g, arch, "embedding_length", MAX_WIDTH, 0, &c->hidden_size);
    if (st == KARMA_OK) {
        st = gguf_count(g, arch, "feed_forward_length", MAX_WIDTH, 0, &c->intermediate_size);
    }
    if (st == KARMA_OK) st = gguf_count(g, arch, "block_count", MAX_LAYERS, 0, &layers);
    if (st == KARMA_OK)
        st = gguf_count(g, arch, "context_length", CONFIG_MAX_POSITIONS, 0, &positions);
    if (st == KARMA_OK) {
        st = gguf_count(g, arch, "attention.head_count", MAX_HEADS, 0, &heads);
    }
    if (st == KARMA_OK) {
        st = gguf_count(g, arch, "attention.head_count_kv", MAX_HEADS, heads, &kv_heads);
    }
    if (st == KARMA_OK) {
        st = gguf_int(g, config_key(key, arch, "attention.key_length"), 1, MAX_HEAD_DIM, 0,
                      &key_length);
    }
    if (st == KARMA_OK) {
        st = gguf_int(g, config_key(key, arch, "attention.value_length"), 1, MAX_HEAD_DIM,
                      key_length, &value_length);
    }
    if (st == KARMA_OK) {
        st =
            gguf_int(g, config_key(key, arch, "rope.dimension_count"), 1, MAX_HEAD_DIM, 0, &rotary);
    }
    if (st == KARMA_OK) {
        st = gguf_int(g, config_key(key, arch, "expert_count"), 0, MAX_HEADS, 0, &experts);
    }
    if (st == KARMA_OK) {
        st = gguf_int(g, config_key(key, arch, "attention.sliding_window"), 0, CONFIG_MAX_POSITIONS,
                      0, &window);
    }
    if (st == KARMA_OK) {
        c->rms_norm_eps = NAN;
        st = gguf_real(g, config_key(key, arch, "attention.layer_norm_rms_epsilon"),
                       c->rms_norm_eps, &c->rms_norm_eps);
    }
    if (st < 0) return st;
    if (!gguf_find(g, key)) return status_fail(KARMA_E_MISSING, "%s is missing", key);
    if (experts > 0) {
        return status_fail(KARMA_E_UNSUPPORTED, "%s: mixtures of experts are not known",
                           config_key(key, arch, "expert_count"));
    }
    if (value_length != key_length) {
        return status_fail(KARMA_E_UNSUPPORTED, "%s %lld differs from key_length %lld",
                           config_key(key, arch, "attention.value_length"), (long long)value_length,
                           (long long)key_length);
    }
    c->num_hidden_layers = (int32_t)layers;
    c->num_attention_heads = (int32_t)heads;
    c->num_key_value_heads = (int32_t)kv_heads;
    c->head_dim = (int32_t)key_length;
    c->rotary_dim = (int32_t)rotary;
    c->max_position_embeddings = (int32_t)positions;
    c->sliding_window = (int32_t)window;
    return check_sizes(a, c);
}

karma_status config_layer_types(const struct json *j, struct decoder_config *c) {
    const struct json *types = json_get(j, "layer_types");
    if (json_is_null(types)) return KARMA_OK;
    if (!json_is_array(types)) {
        return status_fail(KARMA_E_TYPE, "layer_types: expected an array, found %s",
                           json_type_name(types));
    }
    if (json_count(types) != (size_t)c->num_hidden_layers) {
        return status_fail(KARMA_E_SHAPE, "layer_types: expected %d entries, found %zu",
                           c->num_hidden_layers, json_count(types));
    }
    for (int32_t i = 0; i < c->num_hidden_layers; i++) {
        const char *type = json_str(json_at(types, (size_t)i), "");
        c->slides[i] = strcmp(type, "sliding_attention") == 0;
        if (!c->slides[i] && strcmp(type, "full_attention") != 0) {
            return status_fail(KARMA_E_UNSUPPORTED, "layer_types[%d]: %s is not known", i,
                               status_quotez(type));
        }
    }
    return KARMA_OK;
}

karma_status config_check_window(struct decoder_config *c) {
    bool any = false;
    for (int32_t i = 0; i < c->num_hidden_layers; i++)
        any |= c->slides[i];
    if (any && c->sliding_window <= 0) {
        return status_fail(KARMA_E_MISSING, "sliding_window: the model has sliding layers");
    }
    if (!any) c->sliding_window = 0;
    return KARMA_OK;
}

karma_status config_want(const struct json *j, const char *key, const char *want) {
    const char *found;
    karma_status st = json_field_str(j, key, want, &found);
    if (st == KARMA_OK && strcmp(found, want) != 0) {
        st = status_fail(KARMA_E_UNSUPPORTED, "%s: expected %s, found %s", key, want,
                         status_quotez(found));
    }
    return st;
}

const struct json *config_rope_object(const struct json *j, const char *layer_type) {
    const struct json *rope = json_get(j, "rope_scaling");
    if (json_is_null(rope) || (json_is_object(rope) && json_count(rope) == 0)) {
        rope = json_get(j, "rope_parameters");
    }
    const struct json *nested = json_get(rope, layer_type);
    return json_is_object(nested) ? nested : rope;
}

static karma_status rope_type_find(const char *name, const char *key, enum rope_type *out) {
    static const struct {
        const char *name;
        enum rope_type type;
    } known[] = {{"default", ROPE_DEFAULT}, {"none", ROPE_DEFAULT}, {"linear", ROPE_LINEAR},
                 {"dynamic", ROPE_DYNAMIC}, {"yarn", ROPE_YARN},    {"llama3", ROPE_LLAMA3}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) != 0) continue;
        *out = known[i].type;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_UNSUPPORTED,
                       "%s: %s is not one of default, linear, dynamic, yarn, llama3", key,
                       status_quotez(name));
}

/* YaRN's factor on cos and sin where two scales are given instead (DeepSeek's spelling). */
static double yarn_factor_of_scales(double factor, double mscale, double mscale_all_dim) {
    if (factor <= 1) return 1;
    return (0.1 * mscale * log(factor) + 1) / (0.1 * mscale_all_dim * log(factor) + 1);
}

karma_status config_rope_hf(const struct json *rope, double theta, const struct decoder_config *c,
                            struct rope_spec *out) {
    *out = (struct rope_spec){.beta_fast = 32, .beta_slow = 1, .truncate = 1};
    if (!json_is_null(rope) && !json_is_object(rope)) {
        return status_fail(KARMA_E_TYPE, "rope_scaling: expected an object, found %s",
                           json_type_name(rope));
    }
    const char *type;
    double mscale = 0, mscale_all_dim = 0, partial = 1;
    bool truncate = true;
    karma_status st = json_field_str(rope, "type", "default", &type);
    if (st == KARMA_OK) st = json_field_str(rope, "rope_type", type, &type);
    if (st == KARMA_OK) st = rope_type_find(type, "rope_type", &out->type);
    if (st == KARMA_OK) st = json_field_real(rope, "rope_theta", theta, &out->theta);
    if (st == KARMA_OK) st = json_field_real(rope, "factor", 0, &out->factor);
    if (st == KARMA_OK) {
        st = json_field_real(rope, "original_max_position_embeddings", c->max_position_embeddings,
                             &out->original_max_position_embeddings);
    }
    if (st == KARMA_OK) st = json_field_real(rope, "attention_factor", 0, &out->attention_factor);
    if (st == KARMA_OK) st = json_field_real(rope, "beta_fast", 32, &out->beta_fast);
    if (st == KARMA_OK) st = json_field_real(rope, "beta_slow", 1, &out->beta_slow);
    if (st == KARMA_OK) st = json_field_bool(rope, "truncate", true, &truncate);
    if (st == KARMA_OK) st = json_field_real(rope, "low_freq_factor", 0, &out->low_freq_factor);
    if (st == KARMA_OK) st = json_field_real(rope, "high_freq_factor", 0, &out->high_freq_factor);
    if (st == KARMA_OK) st = json_field_real(rope, "mscale", 0, &mscale);
    if (st == KARMA_OK) st = json_field_real(rope, "mscale_all_dim", 0, &mscale_all_dim);
    if (st == KARMA_OK) st = json_field_real(rope, "partial_rotary_factor", 1, &partial);
    if (st < 0) return st;
    if (partial != 1) {
        return status_fail(KARMA_E_UNSUPPORTED, "partial_rotary_factor %g: only 1 is known",
                           partial);
    }
    out->truncate = truncate;
    if (out->type != ROPE_YARN) return KARMA_OK;
    const double original = out->original_max_position_embeddings;
    if (out->factor == 0 && original > 0) out->factor = c->max_position_embeddings / original;
    if (out->beta_fast == 0) out->beta_fast = 32;
    if (out->beta_slow == 0) out->beta_slow = 1;
    if (out->attention_factor == 0 && mscale != 0 && mscale_all_dim != 0) {
        out->attention_factor = yarn_factor_of_scales(out->factor, mscale, mscale_all_dim);
    }
    return KARMA_OK;
}

karma_status config_rope_gguf(const struct gguf *g, const char *arch,
                              const struct decoder_config *c, struct rope_spec *out) {
    *out = (struct rope_spec){.beta_fast = 32, .beta_slow = 1, .truncate = 1};
    char key[CONFIG_KEY_BYTES];
    const char *type;
    size_t type_len;
    double old_scale = 1, attn_factor = 1;
    int64_t original = 0;
    karma_status st = gguf_real(g, config_key(key, arch, "rope.freq_base"), 10000, &out->theta);
    if (st == KARMA_OK) {
        st = gguf_string(g, config_key(key, arch, "rope.scaling.type"), &type, &type_len);
    }
    if (st < 0) return st;
    char name[32] = "none";
    if (type) {
        if (type_len >= sizeof(name)) {
            return status_fail(KARMA_E_UNSUPPORTED, "%s: %s is not known", key,
                               status_quote(type, type_len));
        }
        memcpy(name, type, type_len);
        name[type_len] = '\0';
    }
    st = rope_type_find(name, key, &out->type);
    if (st == KARMA_OK) {
        st = gguf_real(g, config_key(key, arch, "rope.scale_linear"), 1, &old_scale);
    }
    if (st == KARMA_OK) {
        st = gguf_real(g, config_key(key, arch, "rope.scaling.factor"), old_scale, &out->factor);
    }
    if (st == KARMA_OK) {
        st = gguf_int(g, config_key(key, arch, "rope.scaling.original_context_length"), 1,
                      CONFIG_MAX_POSITIONS, c->max_position_embeddings, &original);
    }
    if (st == KARMA_OK) {
        st = gguf_real(g, config_key(key, arch, "rope.scaling.attn_factor"), 1, &attn_factor);
    }
    if (st == KARMA_OK) {
        st =
            gguf_real(g, config_key(key, arch, "rope.scaling.yarn_beta_fast"), 32, &out->beta_fast);
    }
    if (st == KARMA_OK) {
        st = gguf_real(g, config_key(key, arch, "rope.scaling.yarn_beta_slow"), 1, &out->beta_slow);
    }
    if (st < 0) return st;
    out->original_max_position_embeddings = (double)original;
    if (!type && old_scale != 1) out->type = ROPE_LINEAR;
    if (out->type == ROPE_YARN && attn_factor != 1) {
        out->attention_factor = attn_factor * (out->factor > 1 ? 0.1 * log(out->factor) + 1 : 1);
    }
    return KARMA_OK;
}
