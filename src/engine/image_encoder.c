/*
 * image_encoder.c - see image_encoder.h. What is kept stands in a list from the oldest to the
 * newest use; a picture costs seconds, so the list is searched from end to end.
 */
#include "engine/image_encoder.h"

#include <math.h>
#include <string.h>

#include "base/float_env.h"
#include "base/mem.h"
#include "base/size.h"
#include "engine/runtime.h"
#include "models/vision.h"

enum { MAX_KEPT = 1 << 16 };

struct image_encoder {
    const struct model *model;      /* lent */
    const struct vision_ops *ops;   /* of its family */
    const struct vision_info *info; /* lent by the model */
    struct stream *stream;
    float *scratch;           /* device */
    struct image_rows **kept; /* [max_kept], one reference each, the longest unused first */
    size_t n_kept, max_kept;
    struct image_encoder_stats stats;
    size_t bytes;
};

/* ---- what it takes ---- */

struct plan {
    struct vision_need need;
    size_t max_kept;
    uint64_t weights, scratch, cache, sum; /* bytes; UINT64_MAX where no number fits */
};

static karma_status make_plan(const struct model *m, const struct image_encoder_options *o,
                              struct plan *p) {
    *p = (struct plan){.weights = size_sum(m->info.weight_bytes, m->info.private_bytes)};
    if (!(m->info.can & FAMILY_SEE)) {
        return status_fail(KARMA_E_UNSUPPORTED, "this checkpoint of the family %s sees nothing",
                           m->family->name);
    }
    const struct vision_info *info = m->family->vision->info(m->self);
    m->family->vision->need(m->self, &p->need);
    uint64_t picture = size_product((uint64_t)info->tokens_per_image, (uint64_t)info->hidden_size);
    picture = size_sum(size_product(picture, sizeof(float)),
                       sizeof(struct image_rows) + sizeof(struct image_rows *));
    const uint64_t fits = o->cache_bytes / picture;
    p->max_kept = fits < MAX_KEPT ? (size_t)fits : MAX_KEPT;
    p->cache = size_product(picture, p->max_kept);
    p->scratch = size_sum(size_product(p->need.scratch_floats, sizeof(float)),
                          m->be->ops->stream_bytes(m->be, &p->need.stream));
    p->sum = size_sum(size_sum(p->weights, p->scratch), p->cache);
    const uint64_t ceiling = o->ceiling_bytes ? o->ceiling_bytes : runtime_ceiling(m->be);
    if (p->sum <= ceiling) return KARMA_OK;
    const unsigned long long mib = 1 << 20;
    return status_fail(KARMA_E_LIMIT,
                       "memory: %llu MiB needed (weights %llu, scratch for a picture of %d x %d "
                       "%llu, cache of pictures %llu), %llu allowed",
                       (unsigned long long)p->sum / mib, (unsigned long long)p->weights / mib,
                       info->image_size, info->image_size, (unsigned long long)p->scratch / mib,
                       (unsigned long long)p->cache / mib, (unsigned long long)ceiling / mib);
}

karma_status image_encoder_measure(const struct model *model,
                                   const struct image_encoder_options *options, size_t *bytes) {
    struct plan p;
    karma_status st = make_plan(model, options, &p);
    *bytes = (size_t)size_sum(p.scratch, p.cache);
    return st;
}

/* ---- life ---- */

static karma_status reserve(struct image_encoder *e, const struct plan *p) {
    struct backend *be = e->model->be;
    e->scratch = be->ops->alloc(be, p->need.scratch_floats * sizeof(float));
    if (!e->scratch) return KARMA_E_NOMEM;
    if (p->max_kept > 0) {
        e->kept = mem_calloc(p->max_kept, sizeof(*e->kept));
        if (!e->kept) return KARMA_E_NOMEM;
    }
    e->max_kept = p->max_kept;
    e->bytes = (size_t)(p->scratch + p->cache);
    return be->ops->stream_create(be, &p->need.stream, &e->stream);
}

karma_status image_encoder_create(const struct model *model,
                                  const struct image_encoder_options *options,
                                  struct image_encoder **out) {
    struct plan p;
    *out = NULL;
    karma_status st = make_plan(model, options, &p);
    if (st < 0) return st;
    struct image_encoder *e = mem_calloc(1, sizeof(*e));
    if (!e) return KARMA_E_NOMEM;
    e->model = model;
    e->ops = model->family->vision;
    e->info = e->ops->info(model->self);
    st = reserve(e, &p);
    if (st < 0) {
        image_encoder_destroy(e);
        return st;
    }
    *out = e;
    return KARMA_OK;
}

void image_encoder_destroy(struct image_encoder *e) {
    if (!e) return;
    struct backend *be = e->model->be;
    for (size_t i = 0; i < e->n_kept; i++)
        image_rows_unref(e->kept[i]);
    mem_free(e->kept);
    if (e->stream) be->ops->stream_destroy(e->stream);
    be->ops->free(be, e->scratch);
    mem_free(e);
}

size_t image_encoder_bytes(const struct image_encoder *e) {
    return e->bytes;
}

void image_encoder_get_stats(const struct image_encoder *e, struct image_encoder_stats *out) {
    *out = e->stats;
}

/* ---- what is kept ---- */

/* Entry i becomes the newest. */
static void use(struct image_encoder *e, size_t i) {
    struct image_rows *rows = e->kept[i];
    memmove(e->kept + i, e->kept + i + 1, (e->n_kept - i - 1) * sizeof(*e->kept));
    e->kept[e->n_kept - 1] = rows;
}

static struct image_rows *find(struct image_encoder *e, const unsigned char digest[32]) {
    for (size_t i = e->n_kept; i-- > 0;) {
        struct image_rows *rows = e->kept[i];
        if (memcmp(rows->digest, digest, sizeof(rows->digest)) != 0) continue;
        use(e, i);
        return rows;
    }
    return NULL;
}

static void keep(struct image_encoder *e, struct image_rows *rows) {
    if (e->max_kept == 0 || find(e, rows->digest)) return;
    if (e->n_kept == e->max_kept) {
        image_rows_unref(e->kept[0]);
        use(e, 0);
        e->n_kept--;
    }
    e->kept[e->n_kept++] = image_rows_ref(rows);
}

struct image_rows *image_encoder_find(struct image_encoder *e, const unsigned char digest[32]) {
    struct image_rows *rows = find(e, digest);
    if (!rows) return NULL;
    e->stats.found++;
    return image_rows_ref(rows);
}

/* ---- work ---- */

static karma_status check_numbers(const struct image_rows *rows) {
    const int64_t n = rows->count * rows->width;
    for (int64_t i = 0; i < n; i++) {
        if (isfinite(rows->data[i])) continue;
        return status_fail(KARMA_E_NONFINITE,
                           "the picture's row %lld has an element %lld that is not a finite number",
                           (long long)(i / rows->width), (long long)(i % rows->width));
    }
    return KARMA_OK;
}

karma_status image_encoder_run(struct image_encoder *e, const float *pixel_values,
                               const unsigned char digest[32], bool (*cancelled)(void *user),
                               void *user, struct image_rows **out) {
    struct image_rows *rows;
    fenv_t before;
    *out = NULL;
    karma_status st = image_rows_create(e->info->tokens_per_image, e->info->hidden_size, &rows);
    if (st < 0) return st;
    memcpy(rows->digest, digest, sizeof(rows->digest));
    float_env_enter(&before);
    const bool done = e->ops->encode(e->model->self, pixel_values, rows->data, e->scratch,
                                     cancelled, user, e->stream);
    float_env_leave(&before);
    st = done ? check_numbers(rows) : status_fail(KARMA_E_CANCELLED, "cancelled");
    if (st < 0) {
        image_rows_unref(rows);
        return st;
    }
    e->stats.encoded++;
    keep(e, rows);
    *out = rows;
    return KARMA_OK;
}
