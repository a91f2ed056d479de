/* test_safetensors_write.c - what is written is read again, the way PyTorch would have it. */
#include "base/file.h"
#include "formats/safetensors.h"
#include "formats/safetensors_write.h"
#include "tests/support/test.h"

static const float six[6] = {1, 2, 3, 4, 5, 6};
static const int64_t longs[2] = {-1, 1LL << 40};

static struct named_tensor floats(const char *name, int n_dims, int64_t a, int64_t b) {
    return (struct named_tensor){.name = name,
                                 .dtype = DTYPE_F32,
                                 .dtype_name = "F32",
                                 .n_dims = n_dims,
                                 .dims = {a, b},
                                 .data = six,
                                 .nbytes = sizeof(six),
                                 .file = "x"};
}

struct loaded {
    struct file_map map;
    struct arena a;
    struct named_tensor *tensors;
    int64_t n;
};

static void load(const char *path, struct loaded *l) {
    *l = (struct loaded){0};
    assert_ok(file_map_open(path, &l->map));
    assert_ok(safetensors_parse(&l->a, l->map.data, l->map.size, "w", &l->tensors, &l->n));
}

static void unload(struct loaded *l) {
    arena_release(&l->a);
    file_map_close(&l->map);
}

static void tensors_come_back_sorted_and_the_right_way_round(void **state) {
    (void)state;
    struct named_tensor plain = floats("b", 2, 2, 3), turned = floats("a", 2, 2, 3);
    struct named_tensor half = floats("c", 1, 6, 0), whole = floats("d", 1, 2, 0);
    turned.turned = true;
    whole.dtype = DTYPE_I64;
    whole.data = longs;
    whole.nbytes = sizeof(longs);
    struct safetensors_entry list[] = {
        {&half, DTYPE_BF16}, {&plain, DTYPE_F32}, {&turned, DTYPE_F32}, {&whole, DTYPE_I64}};
    struct loaded l;
    assert_ok(safetensors_write(test_path("w.safetensors"), list, 4, NULL, NULL));
    load(test_path("w.safetensors"), &l);
    static const char *const names[] = {"d", "a", "b", "c"};
    for (int i = 0; i < 4; i++)
        assert_string_equal(l.tensors[i].name, names[i]);
    static const float right[6] = {1, 3, 5, 2, 4, 6};
    assert_memory_equal(l.tensors[0].data, longs, sizeof(longs));
    assert_memory_equal(l.tensors[1].data, right, sizeof(right));
    assert_memory_equal(l.tensors[2].data, six, sizeof(six));
    assert_int_equal(l.tensors[3].dtype, DTYPE_BF16);
    uint16_t first;
    memcpy(&first, l.tensors[3].data, sizeof(first));
    assert_int_equal(first, 0x3f80);
    unload(&l);
}

static void gates_come_back_in_the_order_of_pytorch(void **state) {
    (void)state;
    static const float gates[8] = {1, 2, 3, 4, 5, 6, 7, 8}, right[8] = {1, 2, 5, 6, 7, 8, 3, 4};
    struct named_tensor t = floats("g", 1, 8, 0);
    struct loaded l;
    t.data = gates;
    t.nbytes = sizeof(gates);
    t.onnx_gates = true;
    struct safetensors_entry one = {&t, DTYPE_F32};
    assert_ok(safetensors_write(test_path("g.safetensors"), &one, 1, NULL, NULL));
    load(test_path("g.safetensors"), &l);
    assert_memory_equal(l.tensors[0].data, right, sizeof(right));
    unload(&l);
}

static bool always(void *user) {
    (void)user;
    return true;
}

static void what_fails_leaves_no_file(void **state) {
    (void)state;
    struct named_tensor a = floats("a", 1, 6, 0), same = floats("a", 1, 6, 0);
    struct safetensors_entry two[] = {{&a, DTYPE_F32}, {&same, DTYPE_F32}};
    assert_status(safetensors_write(test_path("f"), two, 2, NULL, NULL), KARMA_E_DUPLICATE);
    assert_status(safetensors_write(test_path("f"), two, 1, always, NULL), KARMA_E_CANCELLED);
    two[0].dtype = DTYPE_I64;
    assert_status(safetensors_write(test_path("f"), two, 1, NULL, NULL), KARMA_E_UNSUPPORTED);
    assert_message_contains("F32 cannot be written as I64");
    assert_false(file_exists(test_path("f")));
}

static karma_status attempt(void *ctx) {
    struct named_tensor t = floats("t", 2, 2, 3);
    t.turned = true;
    struct safetensors_entry one = {&t, DTYPE_F16};
    return safetensors_write(ctx, &one, 1, NULL, NULL);
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char path[512];
    snprintf(path, sizeof(path), "%s", test_path("m.safetensors"));
    assert_true(for_each_failing_allocation(attempt, path) > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(tensors_come_back_sorted_and_the_right_way_round),
        test_case(gates_come_back_in_the_order_of_pytorch),
        test_case(what_fails_leaves_no_file),
        test_case(survives_every_failing_allocation),
    };
    return run_group("formats/safetensors_write", tests);
}
