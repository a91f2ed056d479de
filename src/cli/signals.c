/*
 * signals.c - the first SIGINT, SIGTERM or SIGHUP asks the run to end, the second ends the program
 * at once, and so does SIGQUIT. The store needs no goodbye: what is committed is on disk.
 */
#include <signal.h>
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

void signals_install(void) {
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
