/* test_embedding_head.c - pooling, dense layers and normalisation on numbers worked out by hand. */
#include "tests/support/test.h"

#include <math.h>

#include "api/embedding_head.h"
#include "tests/support/model_files.h"

/* Three tokens of two components. */
static const float hidden[] = {1, -2, 3, 4, 5, 0};

static struct backend *backend(void) {
    struct backend *be;
    assert_ok(backend_create("cpu", 1, &be));
    return be;
}

static void pool_as(karma_pooling mode, int64_t skip, float out[2]) {
    struct sentence_transformers s;
    struct embedding_head *h;
    struct backend *be = backend();
    sentence_transformers_plain(&s);
    s.modules[0].u.pooling.modes[0] = mode;
    assert_ok(embedding_head_open(be, "", &s, 2, &h));
    assert_int_equal(embedding_head_dim(h), 2);
    embedding_head_pool(h, hidden, 3, skip, out);
    embedding_head_close(h);
    backend_destroy(be);
}

static void pools_by_each_formula(void **state) {
    (void)state;
    static const struct {
        karma_pooling mode;
        int64_t skip;
        double want[2];
    } cases[] = {
        {KARMA_POOL_CLS, 0, {1, -2}},
        {KARMA_POOL_MAX, 0, {5, 4}},
        {KARMA_POOL_MEAN, 0, {3, 2.0 / 3}},
        {KARMA_POOL_MEAN_SQRT_LEN, 0, {5.196152422706632, 1.1547005383792515}},
        {KARMA_POOL_WEIGHTED_MEAN, 0, {22.0 / 6, 1}},
        {KARMA_POOL_LAST_TOKEN, 0, {5, 0}},
        /* A prompt of one token does not count, and weights go by the place in the whole text. */
        {KARMA_POOL_CLS, 1, {3, 4}},
        {KARMA_POOL_MAX, 1, {5, 4}},
        {KARMA_POOL_MEAN, 1, {4, 2}},
        {KARMA_POOL_MEAN_SQRT_LEN, 1, {5.656854249492381, 2.8284271247461903}},
        {KARMA_POOL_WEIGHTED_MEAN, 1, {21.0 / 5, 8.0 / 5}},
        {KARMA_POOL_LAST_TOKEN, 1, {5, 0}},
        /* Nothing is left but the prompt. */
        {KARMA_POOL_CLS, 3, {1, -2}},
        {KARMA_POOL_MEAN, 3, {0, 0}},
        {KARMA_POOL_WEIGHTED_MEAN, 4, {0, 0}},
        {KARMA_POOL_LAST_TOKEN, 3, {0, 0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        float got[2];
        const float want[2] = {(float)cases[i].want[0], (float)cases[i].want[1]};
        pool_as(cases[i].mode, cases[i].skip, got);
        assert_close(got, want, 2, 1e-6);
    }
}

static void normalizes_and_leaves_nothing_as_nothing(void **state) {
    (void)state;
    float v[] = {3, 4}, zero[] = {0, 0}, tiny[] = {1e-20f, 0};
    const float want[] = {0.6f, 0.8f}, of_tiny[] = {1e-8f, 0};
    embedding_normalize(v, 2);
    embedding_normalize(zero, 2);
    embedding_normalize(tiny, 2); /* its length counts as 1e-12 */
    assert_close(v, want, 2, 1e-7);
    assert_true(zero[0] == 0 && zero[1] == 0);
    assert_close(tiny, of_tiny, 2, 1e-14);
}

/* ---- dense layers ---- */

/* A file of f32 tensors 0.5, 1, 1.5, ... in the order of the header. */
static void write_weights(const char *path, const char *header, int n) {
    struct buf b = {0};
    put_u64(&b, strlen(header));
    put_bytes(&b, header, strlen(header));
    for (int i = 0; i < n; i++) {
        const float v = 0.5f * (float)(i + 1);
        put_bytes(&b, &v, sizeof(v));
    }
    write_file(path, b.data, b.len);
    buf_release(&b);
}

#define WEIGHT_2X2 "\"linear.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
#define BIAS_2     "\"linear.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]}"

static void one_dense(struct sentence_transformers *s, struct st_dense dense) {
    sentence_transformers_plain(s);
    s->modules[1] = (struct st_module){.kind = ST_DENSE, .path = "d", .u.dense = dense};
    s->n_modules = 2;
}

/* Vectors {1, 2} and {-1, 0.5} through one layer. */
static void run_dense(const char *folder, struct st_dense dense, bool keep_length,
                      float got[2][2]) {
    struct sentence_transformers s;
    struct embedding_head *h;
    struct backend *be = backend();
    one_dense(&s, dense);
    s.modules[2] = (struct st_module){.kind = ST_NORMALIZE, .path = ""};
    s.n_modules = 3;
    assert_ok(embedding_head_open(be, test_path(folder), &s, 2, &h));
    assert_int_equal(embedding_head_stride(h), 2);
    float rows[] = {1, 2, -1, 0.5f};
    embedding_head_run(h, rows, 2, keep_length);
    memcpy(got, rows, sizeof(rows));
    embedding_head_close(h);
    backend_destroy(be);
}

static void computes_a_dense_layer(void **state) {
    (void)state;
    float got[2][2];
    struct st_dense dense = {.in_features = 2, .out_features = 2, .bias = true};
    write_weights("dense/d/model.safetensors", "{" WEIGHT_2X2 "," BIAS_2 "}", 6);
    /* weight {{0.5, 1}, {1.5, 2}}, bias {2.5, 3} */
    run_dense("dense", dense, true, got);
    assert_close(got[0], ((const float[]){5, 8.5f}), 2, 1e-6);
    assert_close(got[1], ((const float[]){2.5f, 2.5f}), 2, 1e-6);
    dense.use_residual = true;
    run_dense("dense", dense, true, got);
    assert_close(got[0], ((const float[]){6, 10.5f}), 2, 1e-6);
    dense.use_residual = false;
    dense.activation = ACT_TANH;
    run_dense("dense", dense, true, got);
    assert_close(got[1], ((const float[]){0.98661430f, 0.98661430f}), 2, 1e-6);
    run_dense("dense", dense, false, got);
    assert_close(got[1], ((const float[]){0.70710678f, 0.70710678f}), 2, 1e-6);
}

static void refuses_weights_that_are_not_the_layers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        int n;
        struct st_dense dense;
        karma_status st;
        const char *message;
    } cases[] = {
        {"{" WEIGHT_2X2 "}", 4, {2, 2, true, false, ACT_NONE}, KARMA_E_MISSING, "linear.bias"},
        {"{" WEIGHT_2X2 "," BIAS_2 "}",
         6,
         {2, 2, false, false, ACT_NONE},
         KARMA_E_UNEXPECTED,
         "linear.bias"},
        {"{" WEIGHT_2X2 "}", 4, {2, 3, false, false, ACT_NONE}, KARMA_E_SHAPE, "[3, 2]"},
        {"{\"linear.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}",
         3,
         {2, 2, true, false, ACT_NONE},
         KARMA_E_SHAPE,
         "linear.bias: expected [2]"},
        {"{\"linear.weight\":{\"dtype\":\"I64\",\"shape\":[2,1],\"data_offsets\":[0,16]}}",
         4,
         {1, 2, false, false, ACT_NONE},
         KARMA_E_DTYPE,
         "linear.weight"},
        {"{}", 0, {2, 2, false, false, ACT_NONE}, KARMA_E_MISSING, "linear.weight"},
        {"{" WEIGHT_2X2 "}", 4, {3, 2, false, false, ACT_NONE}, KARMA_E_SHAPE, "in_features"},
    };
    struct backend *be = backend();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sentence_transformers s;
        struct embedding_head *h;
        char name[64];
        snprintf(name, sizeof(name), "bad%zu/d/model.safetensors", i);
        write_weights(name, cases[i].header, cases[i].n);
        snprintf(name, sizeof(name), "bad%zu", i);
        one_dense(&s, cases[i].dense);
        const int64_t hidden_size = cases[i].dense.in_features == 1 ? 1 : 2;
        assert_status(embedding_head_open(be, test_path(name), &s, hidden_size, &h), cases[i].st);
        assert_message_contains(cases[i].message);
        assert_null(h);
    }
    backend_destroy(be);
}

static void says_what_to_do_with_a_pickle(void **state) {
    (void)state;
    struct sentence_transformers s;
    struct embedding_head *h;
    struct backend *be = backend();
    one_dense(&s, (struct st_dense){.in_features = 2, .out_features = 2});
    write_text("none/d/config.json", "{}");
    assert_status(embedding_head_open(be, test_path("none"), &s, 2, &h), KARMA_E_MISSING);
    assert_message_contains("d/model.safetensors");
    write_text("none/d/pytorch_model.bin", "x");
    assert_status(embedding_head_open(be, test_path("none"), &s, 2, &h), KARMA_E_UNSUPPORTED);
    assert_message_contains("safetensors");
    backend_destroy(be);
}

static void refuses_a_pooling_of_another_size(void **state) {
    (void)state;
    struct sentence_transformers s;
    struct embedding_head *h;
    struct backend *be = backend();
    sentence_transformers_plain(&s);
    s.modules[0].u.pooling.dimension = 3;
    assert_status(embedding_head_open(be, "", &s, 2, &h), KARMA_E_SHAPE);
    backend_destroy(be);
}

static karma_status open_attempt(void *ctx) {
    struct embedding_head *h;
    struct backend *be = NULL;
    karma_status st = backend_create("cpu", 1, &be);
    if (st == KARMA_OK) st = embedding_head_open(be, test_path("again"), ctx, 2, &h);
    if (st == KARMA_OK) {
        float rows[] = {1, 2};
        embedding_head_run(h, rows, 1, false);
        embedding_head_close(h);
    }
    backend_destroy(be);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    struct sentence_transformers s;
    write_weights("again/d/model.safetensors", "{" WEIGHT_2X2 "," BIAS_2 "}", 6);
    one_dense(&s, (struct st_dense){.in_features = 2, .out_features = 2, .bias = true});
    assert_true(for_each_failing_allocation(open_attempt, &s) > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(pools_by_each_formula),
        test_case(normalizes_and_leaves_nothing_as_nothing),
        test_case(computes_a_dense_layer),
        test_case(refuses_weights_that_are_not_the_layers),
        test_case(says_what_to_do_with_a_pickle),
        test_case(refuses_a_pooling_of_another_size),
        test_case(survives_every_failing_allocation),
    };
    return run_group("api/embedding_head", tests);
}
