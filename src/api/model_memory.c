/*
 * model_memory.c - what a model takes, told before it is taken: weights as the checkpoint's header
 * has them, what we make of our own, cache and scratch of a run with the model's arguments, by the
 * same code that reserves them. The estimate binds the checkpoint's tensors as views and computes
 * nothing; a tokenizer is estimated by the size of its vocabulary.
 */
#include <stdatomic.h>
#include <string.h>

#include "api/api.h"
#include "api/sentence_transformers.h"
#include "base/float_env.h"
#include "engine/encoder.h"
#include "engine/engine.h"

/* ---- counting ---- */

static void note_peak(karma_model *m) {
    const int64_t weights = m->model ? (int64_t)m->model->info.weight_bytes : 0;
    const int64_t now = weights + m->own_bytes + m->cache_bytes;
    int64_t peak = m->peak_bytes;
    while (now > peak && !atomic_compare_exchange_weak(&m->peak_bytes, &peak, now))
        continue;
}

void model_count_cache(karma_model *m, int64_t more) {
    m->cache_bytes += more;
    note_peak(m);
}

void model_count_own(karma_model *m, int64_t more) {
    m->own_bytes += more;
    note_peak(m);
}

/* ---- the estimate ---- */

enum { TEXT_TOKENS = 256 }; /* what an encoder makes room for before it sees a longer text */

static bool embeds(const karma_model *m) {
    return class_holder(m->plan.cls, SLOT_EMBED)->embed != NULL;
}

/* What a run would reserve. Where it cannot have that under the ceiling: what it would like to. */
static karma_status engine_part(const karma_model *m, const struct model *model, int64_t *out) {
    struct engine_size size = {0};
    karma_engine_options options;
    int64_t images;
    karma_status st = vision_measure(m, model, &images);
    if (st == KARMA_OK) st = generate_engine_room(m, model, &options);
    if (st == KARMA_E_LIMIT) options.max_memory_mb = INT64_MAX >> 21;
    if (st < 0 && st != KARMA_E_LIMIT) return st;
    if (options.n_ctx > model->info.max_position_embeddings)
        options.n_ctx = model->info.max_position_embeddings; /* the run will refuse it */
    st = engine_measure(model, &options, &size);
    if (st == KARMA_E_LIMIT) {
        options.max_memory_mb = INT64_MAX >> 21;
        st = engine_measure(model, &options, &size);
    }
    *out = (int64_t)(size.cache_bytes + size.scratch_bytes) + images;
    return st;
}

static karma_status encoder_part(const karma_model *m, const struct model *model, int64_t *out) {
    size_t bytes;
    struct encoder_options options = {
        .max_length = TEXT_TOKENS,
        .ceiling_bytes = (size_t)model_arg_int(m, "max_memory_mb", 0) << 20,
    };
    if (options.max_length > model->info.max_position_embeddings)
        options.max_length = model->info.max_position_embeddings;
    karma_status st = encoder_measure(model, &options, &bytes);
    *out = (int64_t)bytes;
    return st == KARMA_E_LIMIT ? KARMA_OK : st;
}

static karma_status run_size(const karma_model *m, const struct model *model, int64_t *out) {
    *out = 0;
    if (embeds(m)) return encoder_part(m, model, out);
    if (model->info.can & FAMILY_TRANSCRIBE) return speech_size(m, model, out);
    return model->info.can & FAMILY_GENERATE ? engine_part(m, model, out) : KARMA_OK;
}

karma_status model_check_memory(const karma_model *m) {
    struct engine_size size;
    karma_engine_options options;
    if (!(m->model->info.can & FAMILY_GENERATE)) return KARMA_OK;
    karma_status st = generate_engine_room(m, m->model, &options);
    if (st < 0) return status_prefix(st, "%s", status_quote_path(m->plan.name));
    if (options.n_ctx > m->model->info.max_position_embeddings)
        return KARMA_OK; /* a mistake of the arguments, and the run's to tell */
    return status_prefix(engine_measure(m->model, &options, &size), "%s",
                         status_quote_path(m->plan.name));
}

/* A tokenizer's tables: 100 to 130 bytes an entry in those of qwen3, gemma3 and llama3, and what
 * even the smallest has, its cache of words among it. */
enum { TOKENIZER_ENTRY_BYTES = 110, TOKENIZER_LEAST_BYTES = 448 << 10 };

static int64_t tokenizer_size(const struct model *model) {
    return model->info.vocab_size * TOKENIZER_ENTRY_BYTES + TOKENIZER_LEAST_BYTES;
}

static int64_t ceiling_of(const karma_model *m, const struct model *model) {
    const int64_t mb = model_arg_int(m, "max_memory_mb", 0);
    return mb ? mb << 20 : (int64_t)engine_ceiling(model);
}

static karma_status estimate(const karma_model *m, karma_memory *out) {
    struct arena a = {0};
    struct checkpoint *ck = NULL;
    struct backend *be = NULL;
    struct model *model = NULL;
    const char *path;
    const size_t before = mem_live_bytes();
    karma_status st = model_locate(&a, m->plan.path, m->plan.revision, &path);
    if (st == KARMA_OK) st = checkpoint_open(path, &ck);
    if (st == KARMA_OK) st = vision_attach(m, ck);
    if (st == KARMA_OK) st = model_name_tensors(ck);
    if (st == KARMA_OK)
        st = backend_create(model_arg_str(m, "device", "auto"), (int)model_arg_int(m, "threads", 0),
                            &be);
    if (st == KARMA_OK && model_weights(m) == WEIGHTS_INT8) be->weights = WEIGHTS_INT8_SIZE;
    if (st == KARMA_OK) st = model_choose_cache(m, be);
    if (st == KARMA_OK) st = model_load(ck, be, &model);
    if (st == KARMA_OK) {
        const size_t now = mem_live_bytes();
        out->weights = (int64_t)model->info.weight_bytes;
        out->own = (now > before ? (int64_t)(now - before) : 0) + tokenizer_size(model);
        out->ceiling = ceiling_of(m, model);
        st = run_size(m, model, &out->cache);
    }
    model_unload(model);
    backend_destroy(be);
    checkpoint_close(ck);
    arena_release(&a);
    return st;
}

/* What is known without opening anything. */
static karma_status measured(const karma_model *m, karma_memory *out) {
    const int64_t beside = (int64_t)embedding_bytes(m);
    *out = (karma_memory){.struct_size = sizeof(*out), .peak = m->peak_bytes};
    if (!m->loaded) return KARMA_OK;
    out->own = m->own_bytes;
    out->current = m->own_bytes + m->cache_bytes + beside;
    karma_status st = KARMA_OK;
    if (m->model) {
        out->weights = (int64_t)m->model->info.weight_bytes;
        out->current += out->weights;
        out->ceiling = ceiling_of(m, m->model);
        st = run_size(m, m->model, &out->cache);
    }
    if (out->cache < beside) out->cache = beside; /* a longer text, a corpus */
    if (out->peak < out->current) out->peak = out->current;
    return st;
}

karma_status karma_model_memory(karma_model *m, karma_memory *out) {
    if (out->struct_size != sizeof(*out))
        return status_fail(KARMA_E_ABI, "karma_memory: expected %zu bytes, found %u", sizeof(*out),
                           out->struct_size);
    fenv_t before;
    float_env_enter(&before);
    karma_status st = measured(m, out);
    if (st == KARMA_OK && !m->loaded) st = estimate(m, out);
    float_env_leave(&before);
    out->estimate = out->weights + out->own + out->cache;
    return st;
}

karma_status model_memory_json(struct arena *a, const karma_model *m, struct json **out) {
    karma_memory now;
    *out = json_new_object(a);
    if (!*out) return KARMA_E_NOMEM;
    karma_status st = measured(m, &now);
    const struct {
        const char *key;
        int64_t bytes;
    } parts[] = {
        {"weights", now.weights}, {"own", now.own},
        {"cache", now.cache},     {"estimate", now.weights + now.own + now.cache},
        {"current", now.current}, {"peak", now.peak},
        {"ceiling", now.ceiling},
    };
    for (size_t i = 0; st == KARMA_OK && i < sizeof(parts) / sizeof(parts[0]); i++) {
        const bool known =
            m->loaded || strcmp(parts[i].key, "current") == 0 || strcmp(parts[i].key, "peak") == 0;
        if (known) st = json_set(a, *out, parts[i].key, json_new_int(a, parts[i].bytes));
    }
    return st;
}
