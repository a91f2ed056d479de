/* encoders.c - see encoders.h. */
#include "tests/support/encoders.h"

#include "tests/support/test.h"

const void *encoder_golden_values(struct encoder_golden *g, const char *name, int64_t *count) {
    for (int64_t i = 0; i < g->n_tensors; i++) {
        const struct named_tensor *t = &g->tensors[i];
        if (strcmp(t->name, name) != 0) continue;
        *count = (int64_t)(t->nbytes / sizeof(float));
        const void *copy = arena_dup(&g->a, t->data, t->nbytes);
        assert_non_null(copy);
        return copy;
    }
    return NULL;
}

void encoder_golden_open(struct encoder_golden *g, const char *name) {
    *g = (struct encoder_golden){0};
    snprintf(g->path, sizeof(g->path), "tests/fixtures/encoders/%s", name);
    const char *path = file_join(&g->a, g->path, "golden.safetensors");
    assert_non_null(path);
    assert_ok(file_map_open(path, &g->map));
    assert_ok(safetensors_parse(&g->a, g->map.data, g->map.size, path, &g->tensors, &g->n_tensors));
    int64_t n;
    const int32_t *ids = encoder_golden_values(g, "ids", &g->n_rows);
    const int32_t *lengths = encoder_golden_values(g, "lengths", &n);
    assert_non_null(ids);
    assert_non_null(lengths);
    assert_true(n <= ENCODER_MAX_TEXTS);
    for (int64_t i = 0; i < n; i++) {
        g->texts[g->n_texts++] = (struct encoder_text){.ids = ids, .count = lengths[i]};
        ids += lengths[i];
    }
}

void encoder_golden_release(struct encoder_golden *g) {
    arena_release(&g->a);
    file_map_close(&g->map);
}

struct collected {
    const struct encoder_text *texts;
    size_t n;
    int64_t hidden;
    float *rows;
    unsigned char *seen;
};

static karma_status collect(void *user, size_t i, const float *hidden) {
    struct collected *c = user;
    assert_true(i < c->n && !c->seen[i]);
    c->seen[i] = 1;
    int64_t before = 0;
    for (size_t t = 0; t < i; t++)
        before += c->texts[t].count;
    memcpy(c->rows + before * c->hidden, hidden,
           (size_t)(c->texts[i].count * c->hidden) * sizeof(float));
    return KARMA_OK;
}

float *encode_texts(struct encoder *e, const struct encoder_text *texts, size_t n, int64_t hidden) {
    struct collected c = {.texts = texts, .n = n, .hidden = hidden};
    int64_t rows = 0;
    for (size_t i = 0; i < n; i++)
        rows += texts[i].count;
    c.rows = mem_calloc((size_t)(rows * hidden), sizeof(float));
    c.seen = mem_calloc(n, 1);
    assert_non_null(c.rows);
    assert_non_null(c.seen);
    assert_ok(encoder_run(e, texts, n, NULL, collect, &c));
    for (size_t i = 0; i < n; i++)
        assert_true(c.seen[i]);
    mem_free(c.seen);
    return c.rows;
}

float *encode_with(const struct model *model, const struct encoder_options *options,
                   const struct encoder_text *texts, size_t n) {
    struct encoder *e;
    assert_ok(encoder_create(model, options, &e));
    float *rows = encode_texts(e, texts, n, model->info.hidden_size);
    encoder_destroy(e);
    return rows;
}
