/*
 * test_child.c - a child process and the channel to it: frames of any size both ways at once, how
 * it ended, and that nothing is left of it.
 */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"

static const uint64_t SECOND_NS = UINT64_C(1000000000);

typedef void child_fn(struct child *c);

static void start(struct child *c, child_fn *in_it) {
    bool in_child;
    assert_ok(child_start(c, &in_child));
    if (!in_child) return;
    in_it(c);
    child_exit(0);
}

static karma_status receive(struct child *c, struct buf *frame) {
    karma_status st;
    const uint64_t end = clock_monotonic_ns() + 5 * SECOND_NS;
    do {
        st = child_wait(c, SECOND_NS, frame);
    } while (st == KARMA_DONE && clock_monotonic_ns() < end);
    return st;
}

static void assert_no_children(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ---- what children do ---- */

static void echoes(struct child *c) {
    struct buf frame = {0};
    while (receive(c, &frame) == KARMA_OK)
        if (child_queue(c, frame.data, frame.len) < 0 || child_flush(c) < 0) child_exit(1);
}

static void crashes(struct child *c) {
    (void)c;
    raise(SIGSEGV);
}

static void leaves(struct child *c) {
    (void)c;
    child_exit(3);
}

static void loops(struct child *c) {
    (void)c;
    for (;;)
        pause();
}

static void sends_junk(struct child *c) {
    if (write(c->fd, "\xff\xff\xff\xff junk", 9) < 0) child_exit(1);
    loops(c);
}

static void trickles(struct child *c) {
    for (;;)
        if (write(c->fd, "\x10\0\0\0xy", 6) < 0 || usleep(20000) < 0) child_exit(1);
}

static void tells_of_itself(struct child *c) {
    char text[200];
    int open_files = 0;
    for (int fd = 3; fd < 256; fd++)
        open_files += fd != c->fd && fcntl(fd, F_GETFD) >= 0;
    struct sigaction term;
    sigaction(SIGTERM, NULL, &term);
    snprintf(text, sizeof(text), "files %d, input %d, signals %d", open_files,
             (int)read(STDIN_FILENO, text, 1), term.sa_handler == SIG_IGN);
    (void)child_queue(c, text, strlen(text));
    (void)child_flush(c);
}

/* ---- the tests ---- */

static void carries_frames_of_any_size(void **state) {
    static const size_t sizes[] = {0, 1, 5, 65535, 65536, 200000, 9000000};
    struct child c;
    struct buf frame = {0};
    (void)state;
    start(&c, echoes);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *bytes = mem_alloc(sizes[i] + 1);
        assert_non_null(bytes);
        for (size_t k = 0; k < sizes[i]; k++)
            bytes[k] = (char)(k * 31 + i);
        assert_ok(child_queue(&c, bytes, sizes[i]));
        assert_ok(receive(&c, &frame));
        assert_int_equal(frame.len, sizes[i]);
        assert_memory_equal(buf_str(&frame), bytes, sizes[i]);
        mem_free(bytes);
    }
    /* Many at once, more than the sockets hold, in both directions. */
    char kilobyte[1000] = "x";
    for (int i = 0; i < 3000; i++)
        assert_ok(child_queue(&c, kilobyte, sizeof(kilobyte)));
    for (int i = 0; i < 3000; i++)
        assert_ok(receive(&c, &frame));
    child_stop(&c, SECOND_NS);
    assert_string_equal(c.how, "ended with exit status 0");
    buf_release(&frame);
    assert_no_children();
}

static void says_how_a_child_ended(void **state) {
    static const struct {
        child_fn *fn;
        karma_status st;
        const char *how;
    } cases[] = {
        {crashes, KARMA_E_IO, "ended by signal 11 (Segmentation fault)"},
        {leaves, KARMA_E_IO, "ended with exit status 3"},
        {sends_junk, KARMA_E_SYNTAX, "sent what is no message"},
    };
    struct buf frame = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct child c;
        start(&c, cases[i].fn);
        assert_status(receive(&c, &frame), cases[i].st);
        assert_message_contains(cases[i].how);
        assert_string_equal(c.how, cases[i].how);
        assert_int_equal(c.fd, 0);
        assert_status(child_wait(&c, 0, &frame), KARMA_E_IO); /* still so */
        child_stop(&c, 0);
    }
    buf_release(&frame);
    assert_no_children();
}

static void kills_a_child_that_does_not_end(void **state) {
    struct child c;
    (void)state;
    start(&c, loops);
    const uint64_t before = clock_monotonic_ns();
    child_stop(&c, SECOND_NS / 10);
    assert_true(clock_monotonic_ns() - before < SECOND_NS);
    assert_string_equal(c.how, "ended by signal 9 (Killed)");
    assert_no_children();
}

static void waits_no_longer_than_it_should(void **state) {
    struct child c;
    struct buf frame = {0};
    (void)state;
    start(&c, trickles); /* bytes come all the time, a frame never does */
    const uint64_t before = clock_monotonic_ns();
    assert_status(child_wait(&c, SECOND_NS / 5, &frame), KARMA_OK); /* the first three times six */
    while (child_wait(&c, SECOND_NS / 50, &frame) == KARMA_OK)
        assert_true(clock_monotonic_ns() - before < SECOND_NS);
    assert_true(clock_monotonic_ns() - before < SECOND_NS);
    child_stop(&c, 0);
    buf_release(&frame);
    assert_no_children();
}

static void starts_a_child_without_the_parent_s_things(void **state) {
    struct child c;
    struct buf frame = {0};
    (void)state;
    const int file = open("/dev/zero", O_RDONLY);
    assert_true(file > 2);
    start(&c, tells_of_itself);
    assert_ok(receive(&c, &frame));
    assert_string_equal(buf_str(&frame), "files 0, input 0, signals 1");
    child_stop(&c, SECOND_NS);
    close(file);
    buf_release(&frame);
}

static void refuses_a_frame_too_large(void **state) {
    struct child c;
    (void)state;
    start(&c, loops);
    assert_status(child_queue(&c, "", (size_t)CHILD_MAX_FRAME + 1), KARMA_E_LIMIT);
    child_stop(&c, 0);
}

static void does_not_die_of_a_closed_channel(void **state) {
    struct child c;
    struct buf frame = {0};
    char kilobyte[1000] = "x";
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    start(&c, leaves);
    usleep(50000);
    for (int i = 0; i < 500; i++)
        assert_ok(child_queue(&c, kilobyte, sizeof(kilobyte)));
    assert_status(receive(&c, &frame), KARMA_E_IO);
    child_stop(&c, 0);
    buf_release(&frame);
}

static void leaves_one_that_is_not_open(void **state) {
    struct child c = {0};
    struct buf frame = {0};
    (void)state;
    child_stop(&c, 0);
    assert_status(child_wait(&c, 0, &frame), KARMA_E_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(carries_frames_of_any_size),
        test_case(says_how_a_child_ended),
        test_case(kills_a_child_that_does_not_end),
        test_case(waits_no_longer_than_it_should),
        test_case(starts_a_child_without_the_parent_s_things),
        test_case(refuses_a_frame_too_large),
        test_case(does_not_die_of_a_closed_channel),
        test_case(leaves_one_that_is_not_open),
    };
    return run_group("base/child", tests);
}
