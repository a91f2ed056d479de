/* Tests of base/file.c: what is no regular file, sizes, atomic writes, full disks, names. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static void maps_a_file(void **state) {
    (void)state;
    struct file_map m;
    assert_ok(file_map_open(write_file("map.bin", "a\0bc", 4), &m));
    assert_int_equal(m.size, 4);
    assert_memory_equal(m.data, "a\0bc", 4);
    assert_true(m.mtime_ns > INT64_C(1700000000000000000));
    assert_true(m.inode != 0);
    file_map_close(&m);
    assert_null(m.data);
    file_map_close(&m);
    assert_ok(file_map_open(write_text("empty", ""), &m));
    assert_null(m.data);
    assert_int_equal(m.size, 0);
    file_map_close(&m);
}

/* Every way to read a whole file must refuse path with st and a message that holds text. */
static void assert_unreadable(const char *path, karma_status st, const char *text) {
    struct file_map m;
    struct buf b = {0};
    char hex[65];
    assert_status(file_map_open(path, &m), st);
    assert_message_contains(text);
    assert_null(m.data);
    assert_status(file_read(path, 1000, &b), st);
    assert_message_contains(text);
    assert_status(file_sha256(path, hex), st);
    assert_message_contains(text);
    assert_string_equal(hex, "");
    buf_release(&b);
}

static void what_is_no_regular_file_is_refused_without_blocking(void **state) {
    (void)state;
    assert_unreadable(test_dir(), KARMA_E_PATH, "is a folder, not a file");
    const char *pipe_path = test_path("pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_unreadable(pipe_path, KARMA_E_PATH, "pipe: is a pipe, not a file");
    assert_unreadable("/dev/null", KARMA_E_PATH, "/dev/null: is a device, not a file");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *socket_path = test_path("s");
    assert_true(strlen(socket_path) < sizeof(address.sun_path));
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_unreadable(socket_path, KARMA_E_PATH, "is a socket, not a file");
    close(s);
    assert_unreadable(test_path("absent"), KARMA_E_MISSING, "absent: No such file");
    const char *link_path = test_path("dangling");
    assert_int_equal(symlink("nowhere", link_path), 0);
    assert_unreadable(link_path, KARMA_E_PATH, "is a link to something that is not there");
    const char *loop = test_path("loop");
    assert_int_equal(symlink("loop", loop), 0);
    assert_unreadable(loop, KARMA_E_PATH, "loop: Too many levels");
    char *below = malloc(PATH_MAX);
    snprintf(below, PATH_MAX, "%s/x", write_text("plain", "text"));
    assert_unreadable(below, KARMA_E_PATH, "Not a directory");
    free(below);
    assert_unreadable("", KARMA_E_MISSING, "No such file");
}

static void a_path_of_4096_bytes_keeps_its_reason(void **state) {
    (void)state;
    char path[4097];
    memset(path, 'p', 4096);
    path[4096] = '\0';
    assert_unreadable(path, KARMA_E_PATH, "pppp: File name too long");
    assert_status(file_write_atomic(path, "x", 1, 0600), KARMA_E_PATH);
    assert_message_contains("File name too long");
}

/* Root is forbidden nothing, so root tries as "nobody"; the test folder is private to root then. */
static void no_permission_says_so(void **state) {
    (void)state;
    enum { NOBODY = 65534 };
    const char *path = write_text("secret", "x");
    assert_int_equal(chmod(path, 0), 0);
    uid_t me = geteuid();
    if (me != 0) assert_int_equal(chmod(test_dir(), 0500), 0);
    if (me == 0) assert_int_equal(seteuid(NOBODY), 0);
    assert_unreadable(path, KARMA_E_PERM, "Permission denied");
    karma_status checked = file_check_writable(test_path("new"));
    karma_status written = file_write_atomic(test_path("new"), "x", 1, 0600);
    if (me == 0) assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(test_dir(), 0700), 0);
    assert_status(checked, KARMA_E_PERM);
    assert_status(written, KARMA_E_PERM);
}

static void reads_up_to_the_limit_and_no_further(void **state) {
    (void)state;
    struct buf b = {0};
    const char *path = write_text("ten", "0123456789");
    assert_ok(file_read(path, 10, &b));
    assert_string_equal(b.data, "0123456789");
    assert_ok(file_read(path, SIZE_MAX, &b));
    assert_int_equal(b.len, 10);
    assert_status(file_read(path, 9, &b), KARMA_E_LIMIT);
    assert_message_contains("ten: 10 bytes, at most 9 are read");
    assert_status(file_read(path, 0, &b), KARMA_E_LIMIT);
    path = write_text("none", "");
    assert_ok(file_read(path, 0, &b));
    assert_int_equal(b.len, 0);
    buf_release(&b);
    buf_init(&b, 10); /* exactly as large as the file */
    assert_ok(file_read(test_path("ten"), 1000, &b));
    assert_int_equal(b.len, 10);
    b.max = 9;
    assert_status(file_read(test_path("ten"), 1000, &b), KARMA_E_LIMIT);
    buf_release(&b);
}

static void reads_files_whose_size_is_not_known(void **state) {
    (void)state;
    struct buf b = {0};
    assert_ok(file_read("/proc/self/status", 1 << 20, &b)); /* fstat says 0 */
    assert_non_null(strstr(b.data, "VmHWM"));
    assert_status(file_read("/proc/self/status", 10, &b), KARMA_E_LIMIT);
    assert_message_contains("larger than 10 bytes");
    buf_release(&b);
    char text[16];
    size_t len = file_read_small("/proc/self/comm", text, sizeof(text));
    assert_int_equal(len, strlen(text));
    assert_true(len > 1);
    assert_int_equal(file_read_small("/proc/self/status", text, sizeof(text)), 15);
    assert_int_equal(file_read_small("/no/such", text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

static void reading_a_file_costs_little_more_than_its_size(void **state) {
    (void)state;
    enum { SIZE = 1 << 20 };
    char *data = calloc(1, SIZE);
    const char *path = write_file("large", data, SIZE);
    free(data);
    struct buf b = {0};
    assert_ok(file_read(path, SIZE, &b));
    assert_int_equal(b.len, SIZE);
    assert_true(b.cap <= SIZE * 2);
    size_t cap = b.cap;
    assert_ok(file_read(path, SIZE, &b));
    assert_int_equal(b.cap, cap);
    buf_release(&b);
}

static void reads_standard_input_even_when_it_does_not_block(void **state) {
    (void)state;
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 3; i++) {
            usleep(2000);
            if (write(ends[1], "part ", 5) != 5) _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    struct buf b = {0};
    karma_status st = file_read("-", 1000, &b);
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(ends[0]);
    waitpid(child, NULL, 0);
    assert_ok(st);
    assert_string_equal(b.data, "part part part ");
    buf_release(&b);
}

static mode_t mode_of(const char *path) {
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode & 07777;
}

static size_t names_in(const char *folder) {
    struct arena a = {0};
    const char *const *names;
    size_t count;
    assert_ok(file_list(&a, folder, &names, &count));
    arena_release(&a);
    return count;
}

static void writes_whole_files_with_their_mode_whatever_the_umask(void **state) {
    (void)state;
    assert_ok(file_make_folders(test_path("w"), 0700));
    const char *path = test_path("w/out.json");
    mode_t before = umask(0777);
    karma_status st = file_write_atomic(path, "one", 3, 0600);
    umask(0);
    if (st == KARMA_OK) st = file_write_atomic(test_path("w/b"), "", 0, 0640);
    umask(before);
    assert_ok(st);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(test_path("w/b")), 0640);
    struct buf b = {0};
    assert_ok(file_write_atomic(path, "second", 6, 0600));
    assert_ok(file_read(path, 100, &b));
    assert_string_equal(b.data, "second");
    buf_release(&b);
    assert_int_equal(names_in(test_path("w")), 2); /* no temporary is left */
}

static void writing_through_a_link_keeps_the_link(void **state) {
    (void)state;
    const char *target = write_text("target", "old"), *link_path = test_path("a-link");
    assert_int_equal(symlink("target", link_path), 0);
    assert_ok(file_check_writable(link_path));
    assert_ok(file_write_atomic(link_path, "new", 3, 0600));
    struct stat info;
    assert_int_equal(lstat(link_path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    struct buf b = {0};
    assert_ok(file_read(target, 100, &b));
    assert_string_equal(b.data, "new");
    buf_release(&b);
}

static void what_cannot_be_replaced_is_found_before_and_at_writing(void **state) {
    (void)state;
    assert_int_equal(mkfifo(test_path("out-pipe"), 0600), 0);
    char below[PATH_MAX];
    snprintf(below, sizeof(below), "%s/x", write_text("file-not-folder", "x"));
    const struct {
        const char *path;
        karma_status st;
        const char *text;
    } cases[] = {
        {test_dir(), KARMA_E_PATH, "is a folder"},
        {"/dev/null", KARMA_E_PATH, "is a device"},
        {test_path("out-pipe"), KARMA_E_PATH, "is a pipe"},
        {test_path("no/such/folder/x"), KARMA_E_MISSING, "folder/x: "},
        {below, KARMA_E_PATH, "/x: "},
        {"", KARMA_E_PATH, "empty"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_status(file_check_writable(cases[i].path), cases[i].st);
        assert_message_contains(cases[i].text);
        assert_status(file_write_atomic(cases[i].path, "x", 1, 0600), cases[i].st);
        assert_message_contains(cases[i].text);
    }
    assert_ok(file_check_writable(test_path("new")));
    assert_false(file_exists(test_path("new")));
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(test_dir()), 0);
    karma_status st = file_check_writable("in-this-folder");
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_ok(st);
}

static void a_full_disk_leaves_the_old_file_and_no_rest(void **state) {
    (void)state;
    assert_ok(file_make_folders(test_path("full"), 0700));
    const char *path = write_text("full/out", "old");
    enum { SIZE = 200000 };
    char *data = calloc(1, SIZE);
    struct rlimit before, small = {.rlim_cur = 100000};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN); /* as the program does */
    setrlimit(RLIMIT_FSIZE, &small);
    karma_status st = file_write_atomic(path, data, SIZE, 0600);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    free(data);
    assert_status(st, KARMA_E_NOSPACE);
    assert_message_contains("full/out: write 200000 bytes, 100000 done: File too large");
    struct buf b = {0};
    assert_ok(file_read(path, 100, &b));
    assert_string_equal(b.data, "old");
    buf_release(&b);
    assert_int_equal(names_in(test_path("full")), 1);
}

/* As a process that is killed leaves it: the lock goes with it, the file stays. */
static void what_a_killed_process_was_writing_is_replaced(void **state) {
    (void)state;
    assert_ok(file_make_folders(test_path("killed"), 0700));
    const char *path = test_path("killed/out"), *rest = test_path("killed/.karma-out.tmp");
    write_text("killed/.karma-out.tmp", "far more than what comes after it");
    assert_int_equal(chmod(rest, 0644), 0);
    struct file_writer w;
    assert_ok(file_writer_begin(&w, path));
    assert_int_equal(mode_of(rest), 0600);
    assert_ok(file_writer_append(&w, "new", 3));
    assert_ok(file_writer_end(&w, 0600));
    struct buf b = {0};
    assert_ok(file_read(path, 100, &b));
    assert_string_equal(b.data, "new");
    assert_int_equal(names_in(test_path("killed")), 1);
    buf_release(&b);
}

static void two_that_write_one_file_at_once_do_not_mix(void **state) {
    (void)state;
    assert_ok(file_make_folders(test_path("both"), 0700));
    const char *path = test_path("both/out");
    struct file_writer first, second, third;
    assert_ok(file_writer_begin(&first, path));
    assert_ok(file_writer_append(&first, "of the first", 12));
    assert_ok(file_writer_begin(&second, path));
    assert_ok(file_writer_append(&second, "of the second", 13));
    assert_int_equal(names_in(test_path("both")), 2);
    assert_ok(file_writer_end(&first, 0600));
    assert_ok(file_writer_begin(&third, path)); /* the name is free again */
    struct buf b = {0};
    assert_ok(file_read(path, 100, &b));
    assert_string_equal(b.data, "of the first");
    assert_ok(file_writer_end(&second, 0600));
    buf_clear(&b);
    assert_ok(file_read(path, 100, &b));
    assert_string_equal(b.data, "of the second");
    file_writer_abandon(&third);
    assert_int_equal(names_in(test_path("both")), 1);
    buf_release(&b);
}

/* A link or a second name in the place of the temporary is another's file. */
static void a_temporary_that_is_not_ours_is_left_alone(void **state) {
    (void)state;
    assert_ok(file_make_folders(test_path("foreign"), 0700));
    const char *path = test_path("foreign/out"), *place = test_path("foreign/.karma-out.tmp");
    const char *precious = write_text("foreign/precious", "precious");
    struct buf b = {0};
    for (int linked = 0; linked < 2; linked++) {
        assert_int_equal(linked ? link(precious, place) : symlink(precious, place), 0);
        assert_ok(file_write_atomic(path, "new", 3, 0600));
        buf_clear(&b);
        assert_ok(file_read(precious, 100, &b));
        assert_string_equal(b.data, "precious");
        assert_int_equal(names_in(test_path("foreign")), 3);
        assert_int_equal(unlink(place), 0);
    }
    buf_release(&b);
}

static void makes_folders_with_their_mode_whatever_the_umask(void **state) {
    (void)state;
    mode_t before = umask(0777);
    karma_status st = file_make_folders(test_path("f/g//h/"), 0700);
    umask(before);
    assert_ok(st);
    assert_int_equal(mode_of(test_path("f")), 0700);
    assert_int_equal(mode_of(test_path("f/g/h")), 0700);
    assert_ok(file_make_folders(test_path("f/g/h"), 0755));
    assert_int_equal(mode_of(test_path("f/g/h")), 0700); /* was there: left alone */
    assert_ok(file_make_folders("/", 0700));
    write_text("f/file", "x");
    assert_status(file_make_folders(test_path("f/file"), 0700), KARMA_E_PATH);
    assert_message_contains("is in the way of a folder");
    assert_status(file_make_folders(test_path("f/file/x"), 0700), KARMA_E_PATH);
    assert_status(file_make_folders("", 0700), KARMA_E_PATH);
}

static void tells_kinds_apart(void **state) {
    (void)state;
    assert_int_equal(file_kind(test_dir()), FILE_KIND_FOLDER);
    const char *path = write_text("k", "x");
    assert_int_equal(file_kind(path), FILE_KIND_REGULAR);
    assert_true(file_exists(path));
    assert_false(file_exists(test_dir()));
    assert_int_equal(file_kind("/dev/null"), FILE_KIND_OTHER);
    assert_int_equal(file_kind(test_path("none-such")), FILE_KIND_NONE);
    assert_int_equal(unlink(path), 0);
    assert_false(file_exists(path));
    assert_false(file_is_network(test_dir()));
    assert_false(file_is_network(test_path("not-made-yet")));
    assert_false(file_is_network("/no/such/folder/at/all"));
}

static void lists_names_sorted_by_bytes(void **state) {
    (void)state;
    static const char *const want[] = {".hidden", "B", "a", "a b", "\xc3\xa9"};
    write_text("list/a b", "");
    write_text("list/\xc3\xa9", "");
    write_text("list/a", "");
    write_text("list/B", "");
    write_text("list/.hidden", "");
    struct arena a = {0};
    const char *const *names;
    size_t count;
    assert_ok(file_list(&a, test_path("list"), &names, &count));
    assert_int_equal(count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(names[i], want[i]);
    assert_status(file_list(&a, test_path("list/a"), &names, &count), KARMA_E_PATH);
    assert_null(names);
    assert_status(file_list(&a, test_path("list/no"), &names, &count), KARMA_E_MISSING);
    assert_ok(file_make_folders(test_path("void"), 0700));
    assert_ok(file_list(&a, test_path("void"), &names, &count));
    assert_int_equal(count, 0);
    arena_release(&a);
}

static void takes_paths_apart_and_joins_them(void **state) {
    (void)state;
    struct arena a = {0};
    assert_string_equal(file_join(&a, "a", "b"), "a/b");
    assert_string_equal(file_join(&a, "a/", "b"), "a/b");
    assert_string_equal(file_join(&a, "/", "b"), "/b");
    assert_string_equal(file_base_name("a/b/c"), "c");
    assert_string_equal(file_base_name("c"), "c");
    assert_string_equal(file_base_name("a/"), "");
    assert_string_equal(file_dir_name(&a, "a/b/c"), "a/b");
    assert_string_equal(file_dir_name(&a, "a//c"), "a");
    assert_string_equal(file_dir_name(&a, "c"), ".");
    assert_string_equal(file_dir_name(&a, "/c"), "/");
    assert_string_equal(file_dir_name(&a, "//c"), "/");
    setenv("HOME", "/home/me", 1);
    assert_string_equal(file_expand_home(&a, "~"), "/home/me");
    assert_string_equal(file_expand_home(&a, "~/x"), "/home/me/x");
    assert_string_equal(file_expand_home(&a, "~other/x"), "~other/x");
    assert_string_equal(file_expand_home(&a, "a~/x"), "a~/x");
    unsetenv("HOME");
    assert_string_equal(file_expand_home(&a, "~/x"), "~/x");
    setenv("HOME", "", 1);
    assert_string_equal(file_expand_home(&a, "~/x"), "~/x");
    assert_null(env_get("HOME"));
    arena_release(&a);
}

static void names_from_data_are_one_plain_part(void **state) {
    (void)state;
    static const char *const good[] = {
        "a", "model-00001-of-00002.safetensors", "a..b", "x.", "~", "con", "-x", "a b", "\xc3\xa9"};
    static const struct {
        const char *name;
        size_t len;
    } bad[] = {{"", 0},     {".", 1},     {"..", 2},   {".hidden", 7}, {"/abs", 4},
               {"a/b", 3},  {"../x", 4},  {"a\\b", 3}, {"C:\\x", 4},   {"a\0b", 3},
               {"a\nb", 3}, {"a\x7f", 2}, {"\x01", 1}, {"\\\\h", 3},   {"a/", 2}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_ok(file_check_name(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_status(file_check_name(bad[i].name, bad[i].len), KARMA_E_PATH);
    }
    char name[256];
    memset(name, 'n', sizeof(name));
    assert_ok(file_check_name(name, 255));
    assert_status(file_check_name(name, 256), KARMA_E_PATH);
    assert_message_contains("is longer than 255 bytes");
}

static void hashes_files(void **state) {
    (void)state;
    char hex[65];
    assert_ok(file_sha256(write_text("abc", "abc"), hex));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    enum { SIZE = 1000000 };
    char *data = malloc(SIZE);
    memset(data, 'a', SIZE);
    assert_ok(file_sha256(write_file("million", data, SIZE), hex));
    free(data);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static karma_status use_everything(void *ctx) {
    const char *path = ctx;
    struct buf b = {0};
    struct arena a = {0};
    char hex[65];
    const char *const *names;
    size_t count;
    karma_status st = file_write_atomic(path, "bytes", 5, 0600);
    if (st == KARMA_OK) st = file_read(path, 100, &b);
    if (st == KARMA_OK) st = file_sha256(path, hex);
    if (st == KARMA_OK) st = file_list(&a, test_path("oom"), &names, &count);
    if (st == KARMA_OK) st = file_check_writable(path);
    if (st == KARMA_OK) st = file_make_folders(test_path("oom"), 0700);
    if (st == KARMA_OK && !file_expand_home(&a, "~/x")) st = KARMA_E_NOMEM;
    buf_release(&b);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_ok(file_make_folders(test_path("oom"), 0700));
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", test_path("oom/x"));
    assert_true(for_each_failing_allocation(use_everything, path) > 8);
    assert_int_equal(names_in(test_path("oom")), 1); /* no temporary is left */
}

static void a_held_file_is_taken_by_nobody_until_it_is_let_go(void **state) {
    (void)state;
    const char *path = test_path("held");
    struct file_held mine, other;
    char text[8];
    assert_ok(file_held_create(&mine, path));
    assert_true(file_held_write(&mine, 2, "abc", 3));
    assert_false(file_held_take(&other, path));
    assert_status(file_held_create(&other, path), KARMA_E_IO);
    close(mine.fd); /* as the end of the process does it */
    mine.fd = -1;
    file_held_remove(&mine);
    assert_true(file_held_take(&other, path));
    assert_int_equal(file_held_read(&other, text, sizeof(text)), 5);
    assert_memory_equal(text, "\0\0abc", 5);
    file_held_remove(&other);
    assert_false(file_exists(path));
    assert_false(file_held_take(&other, path));
    assert_false(file_held_write(&other, 0, "x", 1)); /* none is held */
    file_held_remove(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(maps_a_file),
        test_case(what_is_no_regular_file_is_refused_without_blocking),
        test_case(a_path_of_4096_bytes_keeps_its_reason),
        test_case(no_permission_says_so),
        test_case(reads_up_to_the_limit_and_no_further),
        test_case(reads_files_whose_size_is_not_known),
        test_case(reading_a_file_costs_little_more_than_its_size),
        test_case(reads_standard_input_even_when_it_does_not_block),
        test_case(writes_whole_files_with_their_mode_whatever_the_umask),
        test_case(writing_through_a_link_keeps_the_link),
        test_case(what_cannot_be_replaced_is_found_before_and_at_writing),
        test_case(a_full_disk_leaves_the_old_file_and_no_rest),
        test_case(what_a_killed_process_was_writing_is_replaced),
        test_case(two_that_write_one_file_at_once_do_not_mix),
        test_case(a_temporary_that_is_not_ours_is_left_alone),
        test_case(makes_folders_with_their_mode_whatever_the_umask),
        test_case(tells_kinds_apart),
        test_case(lists_names_sorted_by_bytes),
        test_case(takes_paths_apart_and_joins_them),
        test_case(names_from_data_are_one_plain_part),
        test_case(hashes_files),
        test_case(survives_every_failing_allocation),
        test_case(a_held_file_is_taken_by_nobody_until_it_is_let_go),
    };
    return run_group("base/file", tests);
}
