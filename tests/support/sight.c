/* sight.c - see sight.h. */
#include "tests/support/sight.h"

#include <math.h>

#include "tests/support/test.h"

const struct vision_info *sight_info(const struct loaded *l) {
    assert_true(l->model->info.can & FAMILY_SEE);
    return l->model->family->vision->info(l->model->self);
}

size_t sight_floats(const struct loaded *l) {
    return (size_t)sight_info(l)->tokens_per_image * (size_t)sight_info(l)->hidden_size;
}

bool sight_look(const struct loaded *l, const float *pixels, float *rows,
                bool (*cancelled)(void *user), void *user) {
    const struct vision_ops *ops = l->model->family->vision;
    struct vision_need need;
    struct stream *s;
    ops->need(l->model->self, &need);
    float *scratch = l->be->ops->alloc(l->be, need.scratch_floats * sizeof(float));
    assert_non_null(scratch);
    assert_ok(l->be->ops->stream_create(l->be, &need.stream, &s));
    const bool done = ops->encode(l->model->self, pixels, rows, scratch, cancelled, user, s);
    l->be->ops->stream_destroy(s);
    l->be->ops->free(l->be, scratch);
    return done;
}

float *sight_see(const struct loaded *l, const float *pixels, int n) {
    const size_t size = (size_t)sight_info(l)->image_size, floats = sight_floats(l);
    float *rows = mem_alloc((size_t)n * floats * sizeof(float));
    assert_non_null(rows);
    for (int i = 0; i < n; i++) {
        assert_true(sight_look(l, pixels + (size_t)i * 3 * size * size, rows + (size_t)i * floats,
                               NULL, NULL));
    }
    return rows;
}

const float *sight_golden(struct golden *g, const char *name, int64_t *count) {
    const float *v = golden_values(g, name, count);
    if (!v) fail_msg("golden.safetensors has no %s", name);
    return v;
}

double sight_largest(const float *x, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}
