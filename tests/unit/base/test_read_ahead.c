/* test_read_ahead.c - files are brought into memory, the thread can be stopped at any time, and
 * what it cannot do is no error. */
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/read_ahead.h"
#include "tests/support/test.h"

enum { SIZE = (32 << 20) + 5 };

/* Pages of files that this process has mapped, in bytes. */
static size_t resident_file_bytes(void) {
    char text[256];
    size_t all, resident, shared;
    file_read_small("/proc/self/statm", text, sizeof(text));
    if (sscanf(text, "%zu %zu %zu", &all, &resident, &shared) != 3) return 0;
    return shared * (size_t)sysconf(_SC_PAGESIZE);
}

static const char *write_large(const char *name, size_t size) {
    char *data = malloc(size);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i >> 12);
    const char *path = write_file(name, data, size);
    free(data);
    return path;
}

static void all_of_the_files_is_brought_in(void **state) {
    (void)state;
    struct file_map maps[2];
    struct read_ahead *r;
    assert_ok(file_map_open(write_large("first.bin", SIZE), &maps[0]));
    assert_ok(file_map_open(write_large("second.bin", SIZE / 2), &maps[1]));
    for (int i = 0; i < 2; i++)
        file_map_in_large_pages(&maps[i]);
    const size_t before = resident_file_bytes();
    assert_ok(read_ahead_begin(maps, 2, &r));
    assert_non_null(r);
    const uint64_t start_ns = clock_monotonic_ns();
    size_t more = 0;
    while (more < SIZE + SIZE / 2 - (1 << 20) && clock_monotonic_ns() - start_ns < 2000000000u) {
        usleep(1000);
        more = resident_file_bytes() - before;
    }
    read_ahead_end(r);
    if (more < 1 << 20) {
        for (int i = 0; i < 2; i++)
            file_map_close(&maps[i]);
        skip_because("this system reads ahead but maps nothing ahead");
    }
    assert_in_range(more, SIZE + SIZE / 2 - (1 << 20), SIZE * 2);
    for (size_t i = 0; i < SIZE; i += 4096)
        assert_int_equal(maps[0].data[i], (unsigned char)(i >> 12));
    for (int i = 0; i < 2; i++)
        file_map_close(&maps[i]);
}

static void it_ends_before_it_is_done(void **state) {
    (void)state;
    struct file_map map;
    assert_ok(file_map_open(write_large("first.bin", SIZE), &map));
    for (int i = 0; i < 20; i++) {
        struct read_ahead *r;
        assert_ok(read_ahead_begin(&map, 1, &r));
        read_ahead_end(r);
    }
    file_map_close(&map);
    read_ahead_end(NULL);
}

static void a_file_cut_short_meanwhile_harms_nobody(void **state) {
    (void)state;
    struct file_map map;
    struct read_ahead *r;
    const char *path = write_large("cut.bin", SIZE);
    assert_ok(file_map_open(path, &map));
    assert_int_equal(truncate(path, 4096), 0);
    assert_ok(read_ahead_begin(&map, 1, &r));
    usleep(20000);
    read_ahead_end(r);
    file_map_close(&map);
}

static void small_files_and_none_are_nothing_to_do(void **state) {
    (void)state;
    struct file_map map;
    struct read_ahead *r = (struct read_ahead *)&map;
    assert_ok(read_ahead_begin(NULL, 0, &r));
    assert_null(r);
    assert_ok(file_map_open(write_text("empty.bin", ""), &map));
    file_map_in_large_pages(&map);
    assert_ok(read_ahead_begin(&map, 1, &r));
    assert_null(r);
    file_map_close(&map);
    assert_ok(file_map_open(write_text("small.bin", "abc"), &map));
    assert_ok(read_ahead_begin(&map, 1, &r));
    assert_null(r);
    file_map_close(&map);
}

static void more_than_half_of_the_memory_is_left_to_the_system(void **state) {
    (void)state;
    struct file_map map;
    struct read_ahead *r;
    const char *path = write_text("sparse.bin", "x"); /* takes no room on the disk */
    assert_int_equal(truncate(path, (off_t)(cpu_memory_bytes() / 2 + 1)), 0);
    assert_ok(file_map_open(path, &map));
    assert_ok(read_ahead_begin(&map, 1, &r));
    assert_null(r);
    file_map_close(&map);
}

static karma_status begin_and_end(void *ctx) {
    struct read_ahead *r;
    karma_status st = read_ahead_begin(ctx, 1, &r);
    if (st == KARMA_OK) read_ahead_end(r);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    struct file_map map;
    assert_ok(file_map_open(write_large("large.bin", SIZE), &map));
    assert_int_equal(for_each_failing_allocation(begin_and_end, &map), 1);
    file_map_close(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(all_of_the_files_is_brought_in),
        test_case(it_ends_before_it_is_done),
        test_case(a_file_cut_short_meanwhile_harms_nobody),
        test_case(small_files_and_none_are_nothing_to_do),
        test_case(more_than_half_of_the_memory_is_left_to_the_system),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/read_ahead", tests);
}
