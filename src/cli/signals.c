/*
 * signals.c - the first SIGINT, SIGTERM or SIGHUP asks the run to end, the second ends the program
 * at once, and so does SIGQUIT. The store needs no goodbye: what is committed is on disk. A mapped
 * file that somebody cuts short ends the program with a line that names it, not with a bare signal.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t came;

static int status_of(int signal_no) {
    return signal_no == SIGINT ? 130 : 143;
}

static void on_signal(int signal_no) {
    if (came || signal_no == SIGQUIT) _exit(status_of(signal_no));
    came = signal_no;
}

/* Only what a signal handler may call. */
static void say(const char *text) {
    const ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n; /* nobody is left to be told */
}

static void say_number(size_t n) {
    char digits[24];
    size_t at = sizeof(digits) - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    say(digits + at);
}

static void on_bus_error(int signal_no, siginfo_t *info, void *context) {
    (void)context;
    size_t offset;
    const char *path = karma_mapped_file(info->si_addr, &offset);
    if (!path) { /* not ours to explain */
        signal(signal_no, SIG_DFL);
        raise(signal_no);
        return;
    }
    say("karma: error E_IO: ");
    say(path);
    say(": byte ");
    say_number(offset);
    say(": cannot be read: the file was cut short or its disk failed\n");
    _exit(karma_status_exit(KARMA_E_IO));
}

void signals_install(void) {
    struct sigaction bus = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&bus.sa_mask);
    sigaction(SIGBUS, &bus, NULL);
    struct sigaction sa = {.sa_handler = on_signal};
    sigemptyset(&sa.sa_mask);
    sa.sa_flags = SA_RESTART;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGQUIT, &sa, NULL);
    struct sigaction before;
    sigaction(SIGHUP, NULL, &before);
    if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &sa, NULL); /* nohup means it */
}

bool signals_cancelled(void) {
    return came != 0;
}

int signals_exit_status(void) {
    return status_of(came);
}
