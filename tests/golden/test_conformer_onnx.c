/*
 * test_conformer_onnx.c - recognisers exported as graphs by PyTorch from NeMo's own encoder
 * (tools/fixtures/make_conformer.py), in the forms that are about: every tensor is found under its
 * name and holds the bits that went in, and what the model computes is what NeMo computed; also
 * after karma_convert().
 */
#include <math.h>

#include "base/file.h"
#include "formats/gzip.h"
#include "formats/safetensors.h"
#include "karma/convert.h"
#include "tensor/quant.h"
#include "tests/support/speech_rig.h"
#include "tests/support/test.h"

#define FIXTURES "tests/fixtures/conformer/"
enum { FRAMES = 83, MAX_FLOATS = 4096 };

/* ---- names ---- */

static bool ends_with(const char *name, const char *ending) {
    const size_t len = strlen(name), n = strlen(ending);
    return len >= n && strcmp(name + len - n, ending) == 0;
}

/* The values a tensor was exported with, stored as PyTorch stores them. */
static void expected_values(const char *name, const struct named_tensor *t, bool equal_norms,
                            float *out) {
    int64_t dims[TENSOR_MAX_DIMS], n = 1;
    const bool lively = (strncmp(name, "decoder.", 8) == 0 && !strstr(name, ".bias")) ||
                        strcmp(name, "joint.pred.weight") == 0;
    for (int i = 0; i < t->n_dims; i++) {
        dims[i] = t->dims[i];
        n *= dims[i];
    }
    named_weight(name, t->n_dims, dims, lively ? 4 : 1, out);
    if (ends_with(name, "embed.weight"))
        memset(out + n - dims[1], 0, (size_t)dims[1] * sizeof(float));
    if (strcmp(name, "ctc_decoder.decoder_layers.0.bias") == 0) out[n - 1] += 0.5f;
    if (strncmp(name, "joint.joint_net.", 16) == 0 && ends_with(name, ".bias")) out[n - 1] += 1;
    if (equal_norms && strstr(name, ".norm_"))
        for (int64_t i = 0; i < n; i++)
            out[i] = ends_with(name, "weight") ? 1 : 0;
}

/* ONNX has the gates in the order i o f g, PyTorch i f g o: rows of want as ONNX stores them. */
static void to_onnx_gates(float *want, int64_t n) {
    static const int from[4] = {0, 3, 1, 2};
    float copy[MAX_FLOATS];
    memcpy(copy, want, (size_t)n * sizeof(float));
    for (int g = 0; g < 4; g++)
        memcpy(want + g * n / 4, copy + from[g] * n / 4, (size_t)(n / 4) * sizeof(float));
}

/* w' = w g, b' = (b - mean) g + beta of the batch norm that the exporter folded in. */
static void fold(const char *name, int64_t d, int64_t per_row, float *want) {
    char full[256];
    float gamma[64], beta[64], mean[64], var[64], *const parts[] = {gamma, beta, mean, var};
    static const char *const endings[] = {"weight", "bias", "running_mean", "running_var"};
    const int stem = (int)(strstr(name, "depthwise_conv") - name);
    assert_true(d <= 64);
    for (int i = 0; i < 4; i++) {
        snprintf(full, sizeof(full), "%.*sbatch_norm.%s", stem, name, endings[i]);
        named_weight(full, 1, &d, 1, parts[i]);
    }
    for (int64_t i = 0; i < d * per_row; i++) {
        const int64_t c = i / per_row;
        const double g = (double)gamma[c] / sqrt((double)var[c] + 1e-5);
        want[i] = ends_with(name, "bias")
                      ? (float)(((double)want[i] - (double)mean[c]) * g + (double)beta[c])
                      : (float)((double)want[i] * g);
    }
}

static void check_tensor(const struct checkpoint *ck, const struct named_tensor *t,
                         bool equal_norms) {
    float want[MAX_FLOATS], stored[MAX_FLOATS], got[MAX_FLOATS];
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= t->dims[i];
    assert_true(n <= MAX_FLOATS && t->nbytes == (size_t)n * sizeof(float));
    expected_values(t->name, t, equal_norms, want);
    memcpy(stored, t->data, t->nbytes);
    memcpy(got, stored, t->nbytes);
    for (int64_t i = 0; t->turned && i < t->dims[0]; i++)
        for (int64_t k = 0; k < t->dims[1]; k++)
            got[i * t->dims[1] + k] = stored[k * t->dims[0] + i];
    assert_true(t->onnx_gates == (strstr(t->name, "dec_rnn") != NULL));
    if (t->onnx_gates) to_onnx_gates(want, n);
    if (strstr(t->name, "depthwise_conv") &&
        !checkpoint_find(ck, "encoder.layers.0.conv.batch_norm.weight")) {
        fold(t->name, t->dims[0], n / t->dims[0], want);
        assert_close(got, want, (size_t)n, 1e-6);
        return;
    }
    if (memcmp(got, want, t->nbytes) != 0) fail_msg("%s: other values", t->name);
}

static void check_names(const char *folder, int64_t n_tensors, bool equal_norms) {
    struct checkpoint *ck;
    assert_ok(checkpoint_open(folder, &ck));
    assert_ok(model_name_tensors(ck));
    for (int64_t i = 0; i < checkpoint_tensor_count(ck); i++)
        check_tensor(ck, checkpoint_tensor(ck, i), equal_norms);
    assert_int_equal(checkpoint_tensor_count(ck), n_tensors);
    checkpoint_close(ck);
}

/* Of a layer: 5 norms, 4 + 4 products with biases, positions, two biases of theirs, 3 convolutions
 * with biases. */
enum { OF_LAYER = 10 + 16 + 1 + 2 + 6, OF_JOINT = 4 + 6, OF_NORM = 4 };

static void every_tensor_is_found_in_a_graph_as_exported(void **state) {
    (void)state;
    check_names(FIXTURES "inline", 12 + 2 * OF_LAYER + 2 + 1 + 8 + OF_JOINT, false);
}

static void every_tensor_is_found_among_blobs_with_batch_norms_left(void **state) {
    (void)state;
    check_names(FIXTURES "blobs", 12 + OF_LAYER + OF_NORM + 2 + 1 + 8 + OF_JOINT, false);
}

static void tensors_that_are_alike_are_found_through_their_aliases(void **state) {
    (void)state;
    check_names(FIXTURES "data", 12 + 2 * OF_LAYER + 2 + 1 + 8 + OF_JOINT, true);
}

static void every_tensor_is_found_in_a_graph_with_full_convolutions(void **state) {
    (void)state;
    check_names(FIXTURES "striding", 6 + OF_LAYER + 2 + 1 + 4 + OF_JOINT, false);
}

/* ---- figures ---- */

struct golden {
    struct file_map map;
    struct arena a;
    struct named_tensor *tensors;
    int64_t n;
};

static void golden_open(struct golden *g, const char *path) {
    *g = (struct golden){0};
    assert_ok(file_map_open(path, &g->map));
    assert_ok(safetensors_parse(&g->a, g->map.data, g->map.size, "golden", &g->tensors, &g->n));
}

static void golden_close(struct golden *g) {
    arena_release(&g->a);
    file_map_close(&g->map);
}

/* Aligned values of a tensor in g's arena. */
static const void *golden_find(struct golden *g, const char *name, int64_t *count) {
    for (int64_t i = 0; i < g->n; i++) {
        const struct named_tensor *t = &g->tensors[i];
        if (strcmp(t->name, name) != 0) continue;
        *count = (int64_t)(t->nbytes / 4);
        return t->nbytes ? arena_dup(&g->a, t->data, t->nbytes) : "";
    }
    fail_msg("golden: no %s", name);
    return NULL;
}

static void check_tokens(struct golden *g, const char *kind, const char *code, const int32_t *ids,
                         size_t count) {
    char name[64];
    int64_t n;
    snprintf(name, sizeof(name), "%s_tokens.%s", kind, code);
    const int32_t *want = golden_find(g, name, &n);
    assert_int_equal(count, n);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ids[i], want[i]);
}

static void check_language(struct speech_rig *r, struct golden *g, int32_t language,
                           int64_t steps) {
    const int32_t n = r->info->n_tokens, blank = r->info->blank;
    const char *code = r->info->languages[language].code;
    char name[64];
    int64_t count;
    snprintf(name, sizeof(name), "ctc.%s", code);
    const float *want = golden_find(g, name, &count);
    float *scores = speech_rig_ctc(r, language, r->hidden, steps);
    assert_int_equal(count, steps * n);
    assert_close(scores, want, (size_t)count, 2e-5);
    int32_t ids[256], last = blank;
    size_t n_ids = 0;
    for (int64_t t = 0; t < steps; t++) {
        int32_t best = 0;
        for (int32_t k = 1; k < n; k++)
            if (scores[t * n + k] > scores[t * n + best]) best = k;
        if (best != blank && best != last) ids[n_ids++] = best;
        last = best;
    }
    check_tokens(g, "ctc", code, ids, n_ids);
    free(scores);
    struct heard h = {0};
    speech_rig_transduce(r, language, r->hidden, steps, &h);
    assert_true(h.count <= 256);
    for (size_t i = 0; i < h.count; i++)
        ids[i] = h.tokens[i].id;
    check_tokens(g, "rnnt", code, ids, h.count);
    heard_release(&h);
}

static void check_figures(const char *folder, const char *figures, int factor) {
    struct speech_rig r;
    struct golden g;
    const int64_t steps = (FRAMES + factor - 1) / factor;
    const int64_t frame_start[] = {0, FRAMES}, step_start[] = {0, steps};
    char last[32];
    int64_t count;
    golden_open(&g, figures);
    speech_rig_open(&r, folder, 2, steps, FRAMES);
    assert_int_equal(r.info->subsampling, factor);
    assert_int_equal(r.info->n_languages, 3);
    float *mel = speech_rig_mel("mel", FRAMES);
    speech_rig_encode(&r, 1, frame_start, step_start, mel);
    snprintf(last, sizeof(last), "layer.%d", (int)r.model->info.n_layers - 1);
    const float *want = golden_find(&g, last, &count);
    assert_int_equal(count, steps * r.info->hidden_size);
    assert_close(r.hidden, want, (size_t)count, 1e-5);
    for (int32_t i = 0; i < r.info->n_languages; i++)
        check_language(&r, &g, i, steps);
    free(mel);
    speech_rig_close(&r);
    golden_close(&g);
}

static void a_graph_as_exported_computes_what_the_reference_does(void **state) {
    (void)state;
    check_figures(FIXTURES "inline", FIXTURES "golden_two.safetensors", 8);
}

static void blobs_compute_what_the_reference_does(void **state) {
    (void)state;
    check_figures(FIXTURES "blobs", FIXTURES "golden_one.safetensors", 8);
}

static void one_file_of_data_computes_what_the_reference_does(void **state) {
    (void)state;
    check_figures(FIXTURES "data", FIXTURES "golden_equal.safetensors", 8);
}

static void full_convolutions_compute_what_the_reference_does(void **state) {
    (void)state;
    check_figures(FIXTURES "striding", FIXTURES "golden_striding.safetensors", 4);
}

/* ---- what is another graph ---- */

/* A copy of a fixture in the test's folder. */
static void copy_model(const char *from, const char *to) {
    static const char *const parts[] = {"", "/assets"};
    struct arena a = {0};
    for (size_t p = 0; p < 2; p++) {
        const char *const *names;
        size_t n;
        assert_ok(file_list(&a, arena_printf(&a, "%s%s", from, parts[p]), &names, &n));
        for (size_t i = 0; i < n; i++) {
            const char *source = arena_printf(&a, "%s%s/%s", from, parts[p], names[i]);
            struct buf b = {0};
            if (file_kind(source) != FILE_KIND_REGULAR) continue;
            assert_ok(file_read(source, 1 << 24, &b));
            write_file(arena_printf(&a, "%s%s/%s", to, parts[p], names[i]), buf_str(&b), b.len);
            buf_release(&b);
        }
    }
    arena_release(&a);
}

/* In the encoder's graph of a copy of "inline": every `from` becomes `to` of the same length; with
 * swap also the other way round. */
static void change_graph(const char *from, const char *to, bool swap) {
    struct buf b = {0};
    const size_t len = strlen(from);
    size_t changed = 0;
    copy_model(FIXTURES "inline", "changed");
    assert_ok(file_read(test_path("changed/assets/encoder.onnx"), 1 << 24, &b));
    for (size_t i = 0; i + len <= b.len; i++) {
        if (memcmp(b.data + i, from, len) == 0) {
            memcpy(b.data + i, to, len);
        } else if (swap && memcmp(b.data + i, to, len) == 0) {
            memcpy(b.data + i, from, len);
        } else {
            continue;
        }
        i += len - 1;
        changed++;
    }
    assert_true(changed > 0);
    write_file("changed/assets/encoder.onnx", b.data, b.len);
    buf_release(&b);
}

static void assert_no_names(karma_status want, const char *text) {
    struct checkpoint *ck;
    karma_status st = checkpoint_open(test_path("changed"), &ck);
    if (st == KARMA_OK) st = model_name_tensors(ck);
    assert_status(st, want);
    assert_message_contains("encoder.onnx");
    assert_message_contains(text);
    checkpoint_close(ck);
}

static void a_graph_with_an_unknown_node_is_refused(void **state) {
    (void)state;
    change_graph("\x22\x07Softmax", "\x22\x07Softmux", false);
    assert_no_names(KARMA_E_UNSUPPORTED, "operation Softmux");
    change_graph("\x22\x06MatMul", "\x22\x06MatMux", false);
    assert_no_names(KARMA_E_UNSUPPORTED, "operation MatMux");
}

static void a_graph_in_another_order_is_refused(void **state) {
    (void)state;
    change_graph("layers.0.", "layers.1.", true);
    assert_no_names(KARMA_E_UNSUPPORTED, "stands in another order");
    change_graph("feed_forward1.linear", "feed_forward2.linear", true);
    assert_no_names(KARMA_E_UNSUPPORTED, "stands in another order");
}

static void a_graph_without_names_is_refused(void **state) {
    (void)state;
    change_graph("layers.", "tensor.", false);
    assert_no_names(KARMA_E_UNSUPPORTED, "lost their names");
}

static void another_scale_or_table_is_refused(void **state) {
    (void)state;
    static const float values[2] = {4, 5};
    char from[8] = {0x0a + 0x40, 4}, to[8] = {0x0a + 0x40, 4}; /* raw_data of four bytes */
    memcpy(from + 2, &values[0], 4);
    memcpy(to + 2, &values[1], 4);
    struct buf b = {0};
    copy_model(FIXTURES "inline", "changed");
    assert_ok(file_read(test_path("changed/assets/encoder.onnx"), 1 << 24, &b));
    size_t changed = 0;
    for (size_t i = 0; i + 6 <= b.len; i++)
        if (memcmp(b.data + i, from, 6) == 0) {
            memcpy(b.data + i, to, 6);
            changed++;
        }
    assert_true(changed > 0);
    write_file("changed/assets/encoder.onnx", b.data, b.len);
    assert_no_names(KARMA_E_UNSUPPORTED, "expected a scale of 4");
    copy_model(FIXTURES "blobs", "changed");
    assert_ok(file_read(test_path("changed/assets/Constant_4_attr__value"), 1 << 24, &b));
    b.data[3] = 0x3f; /* of the first value */
    write_file("changed/assets/Constant_4_attr__value", b.data, b.len);
    assert_no_names(KARMA_E_UNSUPPORTED, "another table of positions");
    write_file("changed/assets/Constant_4_attr__value", b.data, b.len - 4);
    assert_no_names(KARMA_E_SHAPE, "8124 bytes, its shape takes 8128");
    buf_release(&b);
}

/* ---- converted ---- */

static const char *convert(const char *model, const char *to, const char *dtype) {
    karma_convert_options options = karma_convert_defaults();
    options.dtype = dtype;
    assert_ok(karma_convert(model, test_path(to), &options));
    return test_path(to);
}

static void converted_graphs_compute_what_the_reference_does(void **state) {
    (void)state;
    check_figures(convert(FIXTURES "inline", "c/inline", NULL), FIXTURES "golden_two.safetensors",
                  8);
    check_figures(convert(FIXTURES "blobs", "c/blobs", NULL), FIXTURES "golden_one.safetensors", 8);
    check_figures(convert(FIXTURES "data", "c/data", "f32"), FIXTURES "golden_equal.safetensors",
                  8);
    check_figures(convert(FIXTURES "striding", "c/striding", NULL),
                  FIXTURES "golden_striding.safetensors", 4);
    /* Once converted, it can be converted again. */
    check_figures(convert(test_path("c/inline"), "c/again", NULL),
                  FIXTURES "golden_two.safetensors", 8);
}

static void a_converted_archive_computes_what_the_reference_does(void **state) {
    (void)state;
    check_figures(convert(FIXTURES "tiny.nemo", "c/nemo", NULL), FIXTURES "golden_one.safetensors",
                  8);
    /* The archive unpacked, and cut. */
    struct buf packed = {0}, plain = {0};
    assert_ok(file_read(FIXTURES "tiny.nemo", 1 << 20, &packed));
    assert_ok(gzip_unpack((const unsigned char *)packed.data, packed.len, 1 << 24, &plain));
    check_figures(convert(write_file("plain.nemo", plain.data, plain.len), "c/plain", NULL),
                  FIXTURES "golden_one.safetensors", 8);
    for (size_t len = 0; len < plain.len - 12000; len += 1999) {
        const char *cut = write_file("cut.nemo", plain.data, len);
        assert_true(karma_convert(cut, test_path("c/cut"), NULL) < 0);
        assert_false(file_exists(test_path("c/cut/model.safetensors")));
    }
    buf_release(&packed);
    buf_release(&plain);
}

static void only_products_change_their_element_type(void **state) {
    (void)state;
    struct checkpoint *ck;
    assert_ok(checkpoint_open(convert(FIXTURES "inline", "c/bf16", "bf16"), &ck));
    static const struct {
        const char *name;
        enum dtype dtype;
    } want[] = {
        {"encoder.layers.1.feed_forward1.linear1.weight", DTYPE_BF16},
        {"encoder.layers.1.conv.pointwise_conv1.weight", DTYPE_BF16},
        {"encoder.layers.1.conv.depthwise_conv.weight", DTYPE_F32},
        {"encoder.layers.1.self_attn.pos_bias_u", DTYPE_F32},
        {"encoder.layers.1.norm_out.weight", DTYPE_F32},
        {"encoder.pre_encode.conv.0.weight", DTYPE_F32},
        {"ctc_decoder.decoder_layers.0.weight", DTYPE_BF16},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        const struct named_tensor *t = checkpoint_find(ck, want[i].name);
        assert_non_null(t);
        assert_int_equal(t->dtype, want[i].dtype);
    }
    checkpoint_close(ck);
}

static void what_cannot_be_converted_is_refused(void **state) {
    (void)state;
    karma_convert_options options = karma_convert_defaults();
    convert(FIXTURES "inline", "c/there", NULL);
    assert_status(karma_convert(FIXTURES "inline", test_path("c/there"), NULL), KARMA_E_USAGE);
    assert_message_contains("is there already");
    options.dtype = "int3";
    assert_status(karma_convert(FIXTURES "inline", test_path("c/x"), &options), KARMA_E_USAGE);
    assert_message_contains("expected f32, f16 or bf16, found int3");
    options.struct_size--;
    assert_status(karma_convert(FIXTURES "inline", test_path("c/x"), &options), KARMA_E_ABI);
    struct checkpoint *ck;
    assert_status(checkpoint_open(FIXTURES "tiny.nemo", &ck), KARMA_E_UNSUPPORTED);
    assert_message_contains("karma convert");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(every_tensor_is_found_in_a_graph_as_exported),
        test_case(every_tensor_is_found_among_blobs_with_batch_norms_left),
        test_case(tensors_that_are_alike_are_found_through_their_aliases),
        test_case(every_tensor_is_found_in_a_graph_with_full_convolutions),
        test_case(a_graph_as_exported_computes_what_the_reference_does),
        test_case(blobs_compute_what_the_reference_does),
        test_case(one_file_of_data_computes_what_the_reference_does),
        test_case(full_convolutions_compute_what_the_reference_does),
        test_case(a_graph_with_an_unknown_node_is_refused),
        test_case(a_graph_in_another_order_is_refused),
        test_case(a_graph_without_names_is_refused),
        test_case(another_scale_or_table_is_refused),
        test_case(converted_graphs_compute_what_the_reference_does),
        test_case(a_converted_archive_computes_what_the_reference_does),
        test_case(only_products_change_their_element_type),
        test_case(what_cannot_be_converted_is_refused),
    };
    return run_group("golden/conformer_onnx", tests);
}
