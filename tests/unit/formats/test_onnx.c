/* test_onnx.c - graphs put together field by field, right and wrong ones. */
#include "formats/onnx.h"

#include "base/buf.h"
#include "tests/support/test.h"

/* ---- a writer of the wire format ---- */

static void varint(struct buf *b, uint64_t v) {
    for (; v >= 0x80; v >>= 7)
        buf_putc(b, (char)(0x80 | (v & 0x7f)));
    buf_putc(b, (char)v);
}

static void number(struct buf *b, int field, uint64_t v) {
    varint(b, (uint64_t)field << 3);
    varint(b, v);
}

static void bytes(struct buf *b, int field, const void *data, size_t len) {
    varint(b, (uint64_t)field << 3 | 2);
    varint(b, len);
    if (len) buf_append(b, data, len);
}

static void string(struct buf *b, int field, const char *s) {
    bytes(b, field, s, strlen(s));
}

/* Takes and releases the inside. */
static void message(struct buf *b, int field, struct buf *inside) {
    bytes(b, field, buf_str(inside), inside->len);
    buf_release(inside);
}

enum { F32 = 1, I64 = 7, F16 = 10 };

static struct buf tensor(const char *name, int type, int n_dims, const int64_t *dims) {
    struct buf t = {0};
    for (int i = 0; i < n_dims; i++)
        number(&t, 1, (uint64_t)dims[i]);
    number(&t, 2, (uint64_t)type);
    string(&t, 8, name);
    return t;
}

static struct buf raw_tensor(const char *name, int64_t rows, int64_t cols, const float *values) {
    const int64_t dims[] = {rows, cols};
    struct buf t = tensor(name, F32, 2, dims);
    bytes(&t, 9, values, (size_t)(rows * cols) * sizeof(float));
    return t;
}

static void external(struct buf *t, const char *key, const char *value) {
    struct buf e = {0};
    string(&e, 1, key);
    string(&e, 2, value);
    message(t, 13, &e);
}

static struct buf external_tensor(const char *name, const char *location, const char *offset,
                                  const char *length) {
    const int64_t dims[] = {2, 2};
    struct buf t = tensor(name, F32, 2, dims);
    number(&t, 14, 1);
    if (location) external(&t, "location", location);
    if (offset) external(&t, "offset", offset);
    if (length) external(&t, "length", length);
    return t;
}

/* A model around a graph, which it takes. */
static struct buf model(struct buf *graph) {
    struct buf m = {0}, opset = {0};
    number(&m, 1, 8);
    string(&m, 2, "test");
    number(&opset, 2, 16);
    message(&m, 8, &opset);
    message(&m, 7, graph);
    return m;
}

static struct buf model_of_tensor(struct buf *t) {
    struct buf g = {0};
    message(&g, 5, t);
    return model(&g);
}

static karma_status parse(struct buf *m, const char *folder, struct onnx **out) {
    karma_status st = onnx_parse(buf_str(m), m->len, "model.onnx", folder, out);
    if (st < 0) {
        assert_null(*out);
        assert_message_contains("model.onnx");
    }
    return st;
}

/* The model must be refused. */
static void refuses(struct buf *m, const char *folder, karma_status expected, const char *says) {
    struct onnx *o;
    assert_status(parse(m, folder, &o), expected);
    assert_message_contains(says);
    buf_release(m);
}

/* ---- tests ---- */

static const float four[] = {1, 2, 3, 4};

static void reads_nodes_tensors_and_names(void **state) {
    (void)state;
    struct buf g = {0}, n = {0}, a = {0}, t = raw_tensor("w", 2, 2, four), v = {0};
    string(&n, 1, "x");
    string(&n, 1, "w");
    string(&n, 1, "");
    string(&n, 2, "y");
    string(&n, 3, "/layers.0/MatMul");
    string(&n, 4, "MatMul");
    string(&a, 1, "axes");
    number(&a, 20, ONNX_INTS);
    bytes(&a, 8, "\x01\x02", 2); /* packed ... */
    number(&a, 8, (uint64_t)-1); /* ... and one by one */
    message(&n, 5, &a);
    string(&a, 1, "epsilon");
    number(&a, 20, ONNX_FLOAT);
    varint(&a, 2 << 3 | 5);
    buf_append(&a, &four[1], 4);
    message(&n, 5, &a);
    number(&n, 99, 5); /* a field nobody knows */
    message(&g, 1, &n);
    message(&g, 5, &t);
    string(&v, 1, "x");
    message(&g, 11, &v);
    string(&v, 1, "w");
    message(&g, 11, &v); /* old files list initializers as inputs */
    string(&v, 1, "y");
    message(&g, 12, &v);
    struct buf m = model(&g);
    struct onnx *o;
    assert_ok(parse(&m, NULL, &o));
    assert_int_equal(onnx_ir_version(o), 8);
    assert_int_equal(onnx_opset(o), 16);
    assert_int_equal(onnx_node_count(o), 1);
    const struct onnx_node *node = onnx_node(o, 0);
    assert_string_equal(node->op_type, "MatMul");
    assert_string_equal(node->name, "/layers.0/MatMul");
    assert_int_equal(node->n_inputs, 3);
    assert_string_equal(node->inputs[1], "w");
    assert_string_equal(node->inputs[2], "");
    assert_string_equal(node->outputs[0], "y");
    const struct onnx_attribute *axes = onnx_attribute(node, "axes");
    assert_int_equal(axes->count, 3);
    assert_int_equal(axes->ints[1], 2);
    assert_int_equal(axes->ints[2], -1);
    assert_true(onnx_attribute(node, "epsilon")->f == 2);
    assert_null(onnx_attribute(node, "alpha"));
    const struct named_tensor *w = onnx_find(o, "w");
    assert_int_equal(w->n_dims, 2);
    assert_int_equal(w->dims[0], 2);
    assert_memory_equal(w->data, four, sizeof(four));
    assert_null(onnx_find(o, "x"));
    assert_int_equal(onnx_input_count(o), 1);
    assert_string_equal(onnx_input(o, 0), "x");
    assert_string_equal(onnx_output(o, 0), "y");
    onnx_close(o);
    buf_release(&m);
}

static void an_operation_of_another_domain_is_another_one(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "MatMul"}, {"ai.onnx", "MatMul"}, {"com.example", "com.example.MatMul"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf g = {0}, n = {0};
        struct onnx *o;
        string(&n, 7, cases[i][0]);
        string(&n, 4, "MatMul");
        message(&g, 1, &n);
        struct buf m = model(&g);
        assert_ok(parse(&m, NULL, &o));
        assert_string_equal(onnx_node(o, 0)->op_type, cases[i][1]);
        onnx_close(o);
        buf_release(&m);
    }
}

static void reads_values_in_typed_lists(void **state) {
    (void)state;
    const int64_t dims[] = {3};
    struct buf g = {0}, f = tensor("f", F32, 1, dims), i = tensor("i", I64, 1, dims),
               h = tensor("h", F16, 1, dims), s = tensor("s", F32, 0, dims);
    bytes(&f, 4, four, 12);
    number(&i, 7, 5);
    number(&i, 7, (uint64_t)-6);
    number(&i, 7, 7);
    bytes(&h, 5, "\x80\x78\x00\x80\x80\x02", 6); /* 0x3c00, 0, 0x8000 as varints */
    bytes(&s, 4, &four[3], 4);
    message(&g, 5, &f);
    message(&g, 5, &i);
    message(&g, 5, &h);
    message(&g, 5, &s);
    struct buf m = model(&g);
    struct onnx *o;
    assert_ok(parse(&m, NULL, &o));
    assert_memory_equal(onnx_find(o, "f")->data, four, 12);
    const int64_t *ints = onnx_find(o, "i")->data;
    assert_int_equal(ints[1], -6);
    const uint16_t halves[] = {0x3c00, 0, 0x8000};
    assert_memory_equal(onnx_find(o, "h")->data, halves, 6);
    assert_int_equal(onnx_find(o, "s")->n_dims, 0);
    assert_memory_equal(onnx_find(o, "s")->data, &four[3], 4);
    onnx_close(o);
    buf_release(&m);
}

static void reads_data_in_files_beside_it(void **state) {
    (void)state;
    float file[8] = {9, 9, 1, 2, 3, 4, 9, 9};
    write_file("onnx/blob", four, sizeof(four));
    write_file("onnx/sub/all.data", file, sizeof(file));
    struct buf g = {0}, a = external_tensor("a", "blob", NULL, NULL),
               b = external_tensor("b", "sub/all.data", "8", "16");
    message(&g, 5, &a);
    message(&g, 5, &b);
    struct buf m = model(&g);
    struct onnx *o;
    size_t n;
    const char *path = write_file("onnx/model.onnx", m.data, m.len);
    assert_ok(onnx_open(path, &o));
    assert_memory_equal(onnx_find(o, "a")->data, four, sizeof(four));
    assert_memory_equal(onnx_find(o, "b")->data, four, sizeof(four));
    const char *const *files = onnx_data_files(o, &n);
    assert_int_equal(n, 2);
    assert_string_equal(files[0], "blob");
    assert_string_equal(files[1], "sub/all.data");
    onnx_close(o);
    buf_release(&m);
}

static void keeps_external_data_inside_the_folder(void **state) {
    (void)state;
    static const char *const bad[] = {"../secret", "/etc/passwd", "a/../../secret",
                                      "",          "a//b",        "."};
    write_file("onnx2/in/x", "", 0);
    write_file("onnx2/secret", four, sizeof(four));
    const char *folder = test_path("onnx2/in");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf t = external_tensor("a", bad[i], NULL, NULL), m = model_of_tensor(&t);
        refuses(&m, folder, KARMA_E_PATH, "tensor a");
    }
    char command[4096];
    snprintf(command, sizeof(command), "ln -sf ../secret %s/link", folder);
    assert_int_equal(system(command), 0);
    struct buf t = external_tensor("a", "link", NULL, NULL), m = model_of_tensor(&t);
    refuses(&m, folder, KARMA_E_PATH, "leads out");
    t = external_tensor("a", "x", NULL, NULL);
    m = model_of_tensor(&t);
    refuses(&m, NULL, KARMA_E_PATH, "no folder");
}

/* models--x/snapshots/REV/assets/blob -> ../../../blobs/HASH, as the hub's client lays it out. */
static void follows_links_into_the_repository_s_blobs(void **state) {
    (void)state;
    write_file("hub/models--a--b/blobs/1234", four, sizeof(four));
    write_file("hub/models--a--c/blobs/1234", four, sizeof(four));
    write_file("hub/models--a--b/snapshots/r/assets/x", "", 0);
    const char *folder = test_path("hub/models--a--b/snapshots/r/assets");
    char command[8192];
    snprintf(command, sizeof(command),
             "ln -sf ../../../blobs/1234 %s/good && ln -sf ../../../../models--a--c/blobs/1234 "
             "%s/bad",
             folder, folder);
    assert_int_equal(system(command), 0);
    struct onnx *o;
    struct buf t = external_tensor("a", "good", NULL, NULL), m = model_of_tensor(&t);
    assert_ok(parse(&m, folder, &o));
    assert_memory_equal(onnx_find(o, "a")->data, four, sizeof(four));
    onnx_close(o);
    buf_release(&m);
    t = external_tensor("a", "bad", NULL, NULL);
    m = model_of_tensor(&t);
    refuses(&m, folder, KARMA_E_PATH, "leads out");
}

static void refuses_external_data_that_does_not_fit(void **state) {
    (void)state;
    static const struct {
        const char *location, *offset, *length;
        karma_status status;
        const char *says;
    } cases[] = {
        {"short", NULL, NULL, KARMA_E_SHAPE, "15 bytes"},
        {"whole", "4", NULL, KARMA_E_SHAPE, "12 bytes"},
        {"whole", "4", "16", KARMA_E_TRUNCATED, "ends at byte 16"},
        {"whole", "18446744073709551615", "16", KARMA_E_TRUNCATED, "ends at"},
        {"whole", "0", "15", KARMA_E_SHAPE, "15 bytes"},
        {"whole", "x", NULL, KARMA_E_SYNTAX, "offset"},
        {"whole", "99999999999999999999", NULL, KARMA_E_SYNTAX, "offset"},
        {"nowhere", NULL, NULL, KARMA_E_MISSING, "nowhere"},
        {NULL, NULL, NULL, KARMA_E_MISSING, "no location"},
    };
    write_file("onnx3/short", four, 15);
    write_file("onnx3/whole", four, 16);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf t = external_tensor("a", cases[i].location, cases[i].offset, cases[i].length);
        struct buf m = model_of_tensor(&t);
        refuses(&m, test_path("onnx3"), cases[i].status, cases[i].says);
    }
}

static void refuses_tensors_that_do_not_add_up(void **state) {
    (void)state;
    const int64_t two[] = {2, 2}, negative[] = {-1, 2}, huge[] = {INT64_MAX, 4};
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    struct buf t = tensor("a", F32, 2, two), m;
    bytes(&t, 9, four, 12);
    m = model_of_tensor(&t);
    refuses(&m, NULL, KARMA_E_SHAPE, "12 bytes");
    t = tensor("a", F32, 2, two);
    bytes(&t, 4, four, 12);
    m = model_of_tensor(&t);
    refuses(&m, NULL, KARMA_E_SHAPE, "3 values");
    t = tensor("a", F32, 2, negative);
    m = model_of_tensor(&t);
    refuses(&m, NULL, KARMA_E_OVERFLOW, "dims");
    t = tensor("a", F32, 2, huge);
    m = model_of_tensor(&t);
    refuses(&m, NULL, KARMA_E_OVERFLOW, "dims");
    t = tensor("a", F32, 9, nine);
    m = model_of_tensor(&t);
    refuses(&m, NULL, KARMA_E_SHAPE, "9 dimensions");
    t = tensor("a", 8, 2, two);
    m = model_of_tensor(&t);
    refuses(&m, NULL, KARMA_E_DTYPE, "data_type 8");
    struct buf g = {0}, x = raw_tensor("a", 2, 2, four), y = raw_tensor("a", 2, 2, four);
    message(&g, 5, &x);
    message(&g, 5, &y);
    m = model(&g);
    refuses(&m, NULL, KARMA_E_DUPLICATE, "there are two");
}

static void refuses_what_is_no_model(void **state) {
    (void)state;
    struct buf b = {0};
    refuses(&b, NULL, KARMA_E_MAGIC, "empty");
    buf_puts(&b, "this is text");
    refuses(&b, NULL, KARMA_E_MAGIC, "not an ONNX model");
    number(&b, 1, 8);
    refuses(&b, NULL, KARMA_E_MAGIC, "0 graphs");
    struct buf g = {0};
    bytes(&g, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11);
    b = model(&g);
    refuses(&b, NULL, KARMA_E_SYNTAX, "64 bits");
    bytes(&g, 1, "\x0a\x7f", 2); /* a string that goes on past its message */
    b = model(&g);
    refuses(&b, NULL, KARMA_E_TRUNCATED, "127 bytes");
    bytes(&g, 1,
          "\x0a\x03"
          "a\0b",
          5);
    b = model(&g);
    refuses(&b, NULL, KARMA_E_SYNTAX, "zero byte");
    bytes(&g, 1, "\x0f", 1); /* wire type 7 */
    b = model(&g);
    refuses(&b, NULL, KARMA_E_SYNTAX, "wire type");
}

static void any_cut_is_an_error(void **state) {
    (void)state;
    struct buf t = raw_tensor("w", 2, 2, four), m = model_of_tensor(&t);
    for (size_t len = 0; len < m.len; len++) {
        struct onnx *o;
        char *copy = malloc(len + 1);
        memcpy(copy, m.data, len);
        assert_true(onnx_parse(copy, len, "cut", NULL, &o) < 0);
        free(copy);
    }
    buf_release(&m);
}

static karma_status attempt(void *ctx) {
    struct onnx *o;
    karma_status st = onnx_open(ctx, &o);
    onnx_close(o);
    return st;
}

static void survives_any_failing_allocation(void **state) {
    (void)state;
    write_file("onnx4/blob", four, sizeof(four));
    struct buf g = {0}, n = {0}, a = {0}, x = external_tensor("x", "blob", NULL, NULL),
               y = raw_tensor("y", 2, 2, four);
    string(&a, 1, "value");
    number(&a, 20, ONNX_TENSOR);
    message(&a, 5, &y);
    string(&n, 2, "c");
    string(&n, 4, "Constant");
    message(&n, 5, &a);
    message(&g, 1, &n);
    message(&g, 5, &x);
    struct buf m = model(&g);
    const char *path = write_file("onnx4/model.onnx", m.data, m.len);
    buf_release(&m);
    assert_true(for_each_failing_allocation(attempt, (void *)(uintptr_t)path) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_nodes_tensors_and_names),
        test_case(an_operation_of_another_domain_is_another_one),
        test_case(reads_values_in_typed_lists),
        test_case(reads_data_in_files_beside_it),
        test_case(keeps_external_data_inside_the_folder),
        test_case(follows_links_into_the_repository_s_blobs),
        test_case(refuses_external_data_that_does_not_fit),
        test_case(refuses_tensors_that_do_not_add_up),
        test_case(refuses_what_is_no_model),
        test_case(any_cut_is_an_error),
        test_case(survives_any_failing_allocation),
    };
    return run_group("formats/onnx", tests);
}
