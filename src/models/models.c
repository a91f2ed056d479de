/* models.c - the list of families, and loading through it. */
#include "models/models.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

extern const struct family_ops family_qwen3;
extern const struct family_ops family_gemma3;
extern const struct family_ops family_llama;
extern const struct family_ops family_bert;
extern const struct family_ops family_indic_conformer;

static const struct family_ops *const families[] = {
    &family_qwen3, &family_gemma3, &family_llama, &family_bert, &family_indic_conformer, NULL,
};

karma_status model_family_find(const char *architecture, const struct family_ops **out) {
    *out = NULL;
    for (int f = 0; families[f]; f++) {
        for (int a = 0; families[f]->architectures[a]; a++) {
            if (strcmp(families[f]->architectures[a], architecture) != 0) continue;
            *out = families[f];
            return KARMA_OK;
        }
    }
    struct buf known = {0};
    karma_status st = KARMA_OK;
    for (int f = 0; families[f] && st == KARMA_OK; f++) {
        for (int a = 0; families[f]->architectures[a] && st == KARMA_OK; a++) {
            st = buf_printf(&known, "%s%s", known.len ? ", " : "", families[f]->architectures[a]);
        }
    }
    st = architecture[0]
             ? status_fail(KARMA_E_UNSUPPORTED, "architecture %s is not one of: %s",
                           status_quotez(architecture), buf_str(&known))
             : status_fail(
                   KARMA_E_UNSUPPORTED,
                   "no architecture is named (config.json: architectures); expected one of: %s",
                   buf_str(&known));
    buf_release(&known);
    return st;
}

karma_status model_name_tensors(struct checkpoint *ck) {
    const struct family_ops *family;
    if (checkpoint_container(ck) != CONTAINER_ONNX) return KARMA_OK;
    if (model_family_find(checkpoint_architecture(ck), &family) < 0) return KARMA_OK;
    if (!family->name_tensors) return KARMA_OK;
    return status_prefix(family->name_tensors(ck), "%s", checkpoint_path(ck));
}

static enum dtype cache_dtype(const struct backend *be, const struct model_info *info) {
    const bool rounds = !info->has_wide_products && be->ops->caches(be, DTYPE_BF16);
    if (be->cache == CACHE_AUTO) return rounds ? DTYPE_BF16 : DTYPE_F32;
    if (be->cache == CACHE_INT8) return DTYPE_I8;
    return be->cache == CACHE_BF16 ? DTYPE_BF16 : DTYPE_F32;
}

karma_status model_load(const struct checkpoint *ck, struct backend *be, struct model **out) {
    *out = NULL;
    const struct family_ops *family;
    karma_status st = model_family_find(checkpoint_architecture(ck), &family);
    if (st < 0) return status_prefix(st, "%s", checkpoint_path(ck));
    struct model *m = mem_calloc(1, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    m->family = family;
    m->be = be;
    m->self = mem_calloc(1, family->model_size);
    if (!m->self) {
        mem_free(m);
        return KARMA_E_NOMEM;
    }
    st = family->load(m->self, ck, be, &m->info);
    if (st < 0) {
        model_unload(m);
        return status_prefix(st, "%s", checkpoint_path(ck));
    }
    m->info.can &= family->can;
    m->info.cache_dtype = cache_dtype(be, &m->info);
    *out = m;
    return KARMA_OK;
}

void model_unload(struct model *m) {
    if (!m) return;
    m->family->unload(m->self, m->be);
    mem_free(m->self);
    mem_free(m);
}
