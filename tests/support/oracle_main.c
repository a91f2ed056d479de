/*
 * oracle_main.c - an evaluation of the oracle as a program of its own, so that it can be killed:
 * oracle_main DATA STORE OUTPUT DELAY_US [BATCH]. Prints "cached N" first, then "done N" whenever
 * N samples are reported complete.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/oracle.h"

static bool first = true;

static void progress(void *user, const karma_eval_progress *p) {
    (void)user;
    if (first) printf("cached %zu\n", p->cached);
    first = false;
    printf("done %zu\n", p->done);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    char args[128];
    snprintf(args, sizeof(args), "{\"max_sequences\": %s}", argc > 5 ? argv[5] : "8");
    oracle_set_delay_us(atoi(argv[4]));
    const char *const datasets[] = {argv[1], NULL};
    karma_eval_options o = karma_eval_defaults();
    o.datasets = datasets;
    o.store_path = argv[2];
    o.output = argv[3];
    const karma_eval_events events = {.progress = progress};
    karma_eval_summary sum;
    karma_model *m = NULL;
    karma_status st = oracle_register();
    if (st == KARMA_OK) st = karma_model_create("oracle", args, &m);
    if (st == KARMA_OK) st = karma_eval_run(m, &o, &events, &sum);
    if (st < 0) fprintf(stderr, "%s: %s\n", karma_status_name(st), karma_error_message());
    karma_model_destroy(m);
    return karma_status_exit(st);
}
