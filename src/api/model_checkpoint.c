/*
 * model_checkpoint.c - the base class's load: from a place to mapped weights, a backend, a family's
 * views and what stands beside the weights.
 */
#include <string.h>

#include "api/api.h"
#include "api/sentence_transformers.h"

const struct named_tensor *model_largest_tensor(const struct checkpoint *ck) {
    const struct named_tensor *largest = NULL;
    for (int64_t i = 0; i < checkpoint_tensor_count(ck); i++) {
        const struct named_tensor *t = checkpoint_tensor(ck, i);
        if (!largest || t->nbytes > largest->nbytes) largest = t;
    }
    return largest;
}

enum backend_weights model_weights(const karma_model *m) {
    const bool int8 = strcmp(model_arg_str(m, "dtype", "auto"), "int8") == 0;
    return int8 ? WEIGHTS_INT8 : WEIGHTS_STORED;
}

/* A second rounding of blocks would cost accuracy and save next to nothing. */
static karma_status check_int8(const struct checkpoint *ck) {
    for (int64_t i = 0; i < checkpoint_tensor_count(ck); i++) {
        const struct named_tensor *t = checkpoint_tensor(ck, i);
        if (!dtype_is_weight(t->dtype) || dtype_block_elems(t->dtype) == 1) continue;
        return status_fail(KARMA_E_UNSUPPORTED,
                           "dtype: int8 is made of F32, F16 or BF16, and tensor %s is quantised "
                           "already (%s); leave dtype out to compute it as it is stored",
                           status_quotez(t->name), t->dtype_name);
    }
    return KARMA_OK;
}

/* But for int8, weights are computed as they lie in the file, so a wish for another type cannot be
 * met. */
static karma_status check_dtype(const karma_model *m) {
    const char *wanted = model_arg_str(m, "dtype", "auto");
    const struct named_tensor *t = model_largest_tensor(m->ck);
    if (model_weights(m) == WEIGHTS_INT8) return check_int8(m->ck);
    if (!t || strcmp(wanted, "auto") == 0 || strcmp(wanted, "float32") == 0) return KARMA_OK;
    enum dtype dtype = strcmp(wanted, "bfloat16") == 0 ? DTYPE_BF16 : DTYPE_F16;
    if (t->dtype == dtype) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "dtype: the checkpoint holds %s, and weights are computed as they are "
                       "stored (expected auto, float32 or int8, found %s)",
                       t->dtype_name, wanted);
}

karma_status model_choose_cache(const karma_model *m, struct backend *be) {
    const char *wanted = model_arg_str(m, "kv_cache_dtype", "auto");
    if (strcmp(wanted, "f32") == 0) be->cache = CACHE_F32;
    if (strcmp(wanted, "int8") == 0) be->cache = CACHE_INT8;
    if (strcmp(wanted, "bf16") != 0) return KARMA_OK;
    be->cache = CACHE_BF16;
    if (be->ops->caches(be, DTYPE_BF16)) return KARMA_OK;
    return status_fail(KARMA_E_USAGE,
                       "kv_cache_dtype: bf16 needs the instruction set avx512bf16 (expected auto, "
                       "f32 or int8 on %s, %s)",
                       be->ops->name, be->ops->describe(be));
}

karma_status model_locate(struct arena *a, const char *name, const char *revision,
                          const char **path) {
    karma_status st = checkpoint_locate(a, name, revision, path);
    return st < 0 ? st : sentence_transformers_place(a, *path, path);
}

karma_status model_load_weights(karma_model *m) {
    if (m->ck) return KARMA_OK;
    int threads = (int)model_arg_int(m, "threads", 0);
    karma_status st = model_locate(&m->loaded_arena, m->plan.path, m->plan.revision, &m->path);
    if (st == KARMA_OK) st = checkpoint_open(m->path, &m->ck);
    if (st == KARMA_OK) st = vision_attach(m, m->ck);
    if (st == KARMA_OK) st = model_name_tensors(m->ck);
    if (st == KARMA_OK) st = check_dtype(m);
    if (st == KARMA_OK) st = backend_create(model_arg_str(m, "device", "auto"), threads, &m->be);
    if (st == KARMA_OK) m->be->weights = model_weights(m);
    if (st == KARMA_OK) st = model_choose_cache(m, m->be);
    /* A copy in eight bits lets go of what it has read. */
    if (st == KARMA_OK && m->be->weights == WEIGHTS_STORED) st = checkpoint_read_ahead(m->ck);
    if (st == KARMA_OK) st = model_load(m->ck, m->be, &m->model);
    return st;
}

karma_status model_load_checkpoint(karma_model *m) {
    if (m->ck) return KARMA_OK;
    karma_status st = model_load_weights(m);
    if (st == KARMA_OK) st = model_check_memory(m);
    if (st == KARMA_OK) st = text_assets_load(m->ck, m->model->info.vocab_size, &m->text);
    if (st == KARMA_OK) st = vision_load(m);
    return st;
}

void model_unload_checkpoint(karma_model *m) {
    vision_unload(m);
    text_assets_release(&m->text);
    model_unload(m->model);
    backend_destroy(m->be);
    checkpoint_close(m->ck);
    arena_release(&m->loaded_arena);
    m->model = NULL;
    m->be = NULL;
    m->ck = NULL;
    m->path = NULL;
}
