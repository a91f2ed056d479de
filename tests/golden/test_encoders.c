/*
 * test_encoders.c - encoders against transformers: tiny checkpoints with the hidden states of every
 * layer that the reference gives in f32 (tools/fixtures/make_encoders.py), and against numbers that
 * two evaluations in f64 gave for weights made by a formula. Prints the errors it finds.
 */
#include "tests/support/test.h"

#include <math.h>

#include "nn/tap.h"
#include "tests/support/encoders.h"

/* Relative to the largest magnitude: f32 both, sums in another order. */
static const double bound = 1e-5;

static const char *const cases[] = {
    "bert",          "bert_pretraining", "bert_bf16",      "xlmr",      "roberta_mlm",   "embgemma",
    "embgemma_bf16", "qwen3_embedding",  "qwen3_prefixed", "spec_bert", "spec_embgemma",
};

#define for_each_case(name)                                                                        \
    for (size_t case_i = 0; case_i < sizeof(cases) / sizeof(cases[0]); case_i++)                   \
        for (const char *name = cases[case_i]; name; name = NULL)

struct distance {
    double max_abs, rms, largest; /* largest: magnitude of what is wanted */
};

static struct distance distance(const float *got, const float *want, int64_t n) {
    struct distance d = {0};
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double e = fabs((double)got[i] - (double)want[i]), size = fabs((double)want[i]);
        if (!(e <= d.max_abs)) d.max_abs = e; /* NaN too */
        if (size > d.largest) d.largest = size;
        sum += e * e;
    }
    d.rms = sqrt(sum / (double)n);
    return d;
}

static struct encoder_options fitted(const struct model *m, const struct encoder_golden *g) {
    struct encoder_options o = {.max_rows = 97};
    for (size_t i = 0; i < g->n_texts; i++)
        if (g->texts[i].count > o.max_length) o.max_length = g->texts[i].count;
    assert_true(o.max_length <= m->info.max_position_embeddings);
    return o;
}

static void hidden_states_equal_the_reference(void **state) {
    (void)state;
    for_each_case(name) {
        struct encoder_golden g;
        struct loaded l;
        encoder_golden_open(&g, name);
        loaded_open_on(&l, g.path, best_f32_isa(), 2);
        const struct encoder_options o = fitted(l.model, &g);
        int64_t n;
        const float *want = encoder_golden_values(&g, "last", &n);
        assert_non_null(want);
        assert_int_equal(n, g.n_rows * l.model->info.hidden_size);
        float *got = encode_with(l.model, &o, g.texts, g.n_texts);
        const struct distance d = distance(got, want, n);
        print_message("%-18s max-abs error %.2e, relative %.2e\n", name, d.max_abs,
                      d.max_abs / d.largest);
        assert_true(d.max_abs <= bound * d.largest);
        mem_free(got);
        loaded_release(&l);
        encoder_golden_release(&g);
    }
}

static void mean_of(const float *rows, int64_t n, int64_t hidden, double *out) {
    for (int64_t d = 0; d < hidden; d++) {
        out[d] = 0;
        for (int64_t i = 0; i < n; i++)
            out[d] += (double)rows[i * hidden + d] / (double)n;
    }
}

static double length_of(const double *v, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += v[i] * v[i];
    return sqrt(sum);
}

static void check_four(const double *got, double scale, const double want[4]) {
    for (int i = 0; i < 4; i++)
        assert_true(fabs(got[i] * scale - want[i]) <= 5e-6); /* f32 sums beside f64 ones */
}

static void pool_spec(const char *name, double mean[64], double first[64]) {
    struct encoder_golden g;
    struct loaded l;
    encoder_golden_open(&g, name);
    loaded_open(&l, g.path, 1);
    const int64_t hidden = l.model->info.hidden_size;
    const struct encoder_options o = fitted(l.model, &g);
    assert_true(hidden <= 64);
    float *rows = encode_with(l.model, &o, g.texts, g.n_texts);
    mean_of(rows, g.n_rows, hidden, mean);
    mean_of(rows, 1, hidden, first);
    mem_free(rows);
    loaded_release(&l);
    encoder_golden_release(&g);
}

static void weights_by_formula_give_the_numbers_of_f64(void **state) {
    (void)state;
    double mean[64], first[64];
    pool_spec("spec_bert", mean, first);
    check_four(first, 1, (const double[]){0.9056736, -0.4645817, 0.1223448, -1.6556058});
    check_four(mean, 1, (const double[]){0.0973520, 0.2493663, 0.0131523, -1.4086124});
    check_four(mean, 1 / length_of(mean, 36),
               (const double[]){0.0180642, 0.0462712, 0.0024405, -0.2613754});
    check_four(first, 1 / length_of(first, 36),
               (const double[]){0.1408239, -0.0722382, 0.0190235, -0.2574314});
    pool_spec("spec_embgemma", mean, first);
    check_four(mean, 1, (const double[]){0.1036043, -0.4548311, 0.6214555, -0.0883283});
    assert_true(fabs(length_of(mean, 40) - 2.698127) <= 5e-6);
}

/* Activations rounded to bf16 before they meet a bf16 weight: nearer to the truth than the
 * reference is when it computes in bf16, at the worst component and over all. */
static void bf16_products_err_less_than_the_reference_in_bf16(void **state) {
    (void)state;
    if (!cpu_isa_present(CPU_ISA_AVX512BF16)) skip_because("this processor has no avx512bf16");
    int n_checked = 0;
    for_each_case(name) {
        struct encoder_golden g;
        struct loaded l;
        int64_t n;
        encoder_golden_open(&g, name);
        const float *reference = encoder_golden_values(&g, "bf16_error", &n); /* max-abs, rms */
        if (reference) {
            const float *want = encoder_golden_values(&g, "last", &n);
            loaded_open_on(&l, g.path, CPU_ISA_AVX512BF16, 2);
            const struct encoder_options o = fitted(l.model, &g);
            float *got = encode_with(l.model, &o, g.texts, g.n_texts);
            const struct distance d = distance(got, want, n);
            print_message("%-18s max-abs error %.2e, reference in bf16 %.2e; rms %.2e, %.2e\n",
                          name, d.max_abs, (double)reference[0], d.rms, (double)reference[1]);
            assert_true(d.max_abs <= (double)reference[0] && d.rms <= (double)reference[1]);
            assert_true(d.max_abs > 1e-4); /* the set was used */
            n_checked++;
            mem_free(got);
            loaded_release(&l);
        }
        encoder_golden_release(&g);
    }
    assert_int_equal(n_checked, 3);
}

#ifdef __SANITIZE_ADDRESS__ /* taps exist there alone */
struct look {
    struct encoder_golden *g;
    int seen;
    double worst; /* relative */
};

static void look_at_layer(void *user, const char *name, int32_t layer, const float *values,
                          int64_t rows, int64_t cols) {
    struct look *look = user;
    (void)name;
    char key[32] = "embedding";
    if (layer >= 0) snprintf(key, sizeof(key), "layer.%d", layer);
    int64_t count;
    const float *want = encoder_golden_values(look->g, key, &count);
    if (!want) return;
    assert_int_equal(count, rows * cols);
    const struct distance d = distance(values, want, count);
    if (!(d.max_abs / d.largest <= look->worst)) look->worst = d.max_abs / d.largest;
    look->seen++;
}

static void every_layer_equals_the_reference(void **state) {
    (void)state;
    for_each_case(name) {
        struct encoder_golden g;
        struct loaded l;
        encoder_golden_open(&g, name);
        loaded_open_on(&l, g.path, best_f32_isa(), 2);
        struct encoder_options o = fitted(l.model, &g);
        o.max_rows = (int32_t)g.n_rows; /* all in one step */
        struct encoder *e;
        struct look look = {.g = &g};
        assert_ok(encoder_create(l.model, &o, &e));
        tap = (struct tap){look_at_layer, &look};
        mem_free(encode_texts(e, g.texts, g.n_texts, l.model->info.hidden_size));
        tap = (struct tap){0};
        print_message("%-18s relative error of %d tensors at most %.2e\n", name, look.seen,
                      look.worst);
        assert_true(look.seen >= l.model->info.n_layers);
        assert_true(look.worst <= bound);
        encoder_destroy(e);
        loaded_release(&l);
        encoder_golden_release(&g);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(hidden_states_equal_the_reference),
        test_case(weights_by_formula_give_the_numbers_of_f64),
        test_case(bf16_products_err_less_than_the_reference_in_bf16),
#ifdef __SANITIZE_ADDRESS__
        test_case(every_layer_equals_the_reference),
#endif
    };
    return run_group("golden/encoders", tests);
}
