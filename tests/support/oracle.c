/* oracle.c - see oracle.h. */
#include "tests/support/oracle.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_BATCH = 64 };

static size_t asked;
static int64_t delay_us;
static const char *deadly;

static const char *const faults[] = {"none", "drop",    "double", "foreign",
                                     "fail", "thought", "cut",    NULL};
static const karma_option_spec options[] = {
    {.name = "fault_number",
     .type = KARMA_OPTION_INT,
     .default_json = "0",
     .min = 0,
     .max = 6,
     .help = "what goes wrong with sample 3: an index into none, drop, double, foreign, fail, "
             "thought, cut"},
    {0}};

struct kept {
    char key[64];
    char text[64];
    bool kills;
};

static karma_status load(karma_model *m) {
    (void)m;
    return KARMA_OK;
}

static void remember(struct kept *k, const karma_sample *s) {
    const char *digits = s->input + strcspn(s->input, "0123456789");
    snprintf(k->key, sizeof(k->key), "%s", s->key ? s->key : "");
    snprintf(k->text, sizeof(k->text), "item-%d", atoi(digits));
    k->kills = deadly && strstr(s->input, deadly);
    asked++;
}

static karma_status answer(const karma_run_io *io, const struct kept *k, const char *fault) {
    karma_output o = {.struct_size = sizeof(o),
                      .key = k->key,
                      .text = k->text,
                      .raw_text = k->text,
                      .finish_reason = KARMA_FINISH_STOP};
    const bool here = strcmp(k->text, "item-3") == 0;
    if (k->kills) raise(SIGKILL);
    if (here && strcmp(fault, "drop") == 0) return KARMA_OK;
    if (here && strcmp(fault, "foreign") == 0) o.key = "nobody";
    if (here && strcmp(fault, "thought") == 0) o.flags = KARMA_OUTPUT_THOUGHT_CUT;
    if (here && strcmp(fault, "cut") == 0) o.flags = KARMA_OUTPUT_CUT;
    if (here && strcmp(fault, "fail") == 0) {
        o.status = KARMA_E_NONFINITE;
        o.error = "logits are not finite";
        o.text = o.raw_text = NULL;
        o.finish_reason = KARMA_FINISH_ERROR;
    }
    karma_status st = io->put(io->user, &o);
    if (st == KARMA_OK && here && strcmp(fault, "double") == 0) st = io->put(io->user, &o);
    return st;
}

static void pause_a_little(void) {
    const struct timespec t = {.tv_sec = delay_us / 1000000, .tv_nsec = delay_us % 1000000 * 1000};
    if (delay_us > 0) nanosleep(&t, NULL);
}

static karma_status run(karma_model *m, const karma_run_io *io) {
    int64_t batch, fault;
    karma_status st = karma_model_arg_int(m, "max_sequences", &batch);
    if (st == KARMA_OK && batch > MAX_BATCH) batch = MAX_BATCH;
    if (st == KARMA_OK) st = karma_model_arg_int(m, "fault_number", &fault);
    for (bool more = true; more && st == KARMA_OK;) {
        struct kept held[MAX_BATCH];
        int n = 0;
        while (n < batch && more && st == KARMA_OK) {
            const karma_sample *s;
            st = io->next(io->user, &s);
            if (st == KARMA_DONE) {
                more = false;
                st = KARMA_OK;
            } else if (st == KARMA_OK) {
                remember(&held[n++], s);
            }
        }
        while (n > 0 && st == KARMA_OK) {
            st = answer(io, &held[--n], faults[fault]);
            pause_a_little();
            if (io->cancelled && io->cancelled(io->user)) more = false;
        }
    }
    return st;
}

static const karma_model_class oracle_class = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "Oracle",
    .options = options,
    .help = "knows every answer",
    .load = load,
    .run = run,
};

karma_status oracle_register(void) {
    const karma_model_class *known;
    karma_status st = KARMA_OK;
    if (karma_find_model_class("Oracle", &known) < 0)
        st = karma_register_model_class(&oracle_class);
    if (st < 0 || karma_is_registered("oracle")) return st;
    const karma_model_meta meta = {
        .name = "oracle", .loader_class = "Oracle", .model_type = KARMA_TEXT_GENERATION};
    return karma_register_model_meta(&meta);
}

void oracle_set_delay_us(int64_t us) {
    delay_us = us;
}

void oracle_dies_with(const char *text) {
    deadly = text;
}

size_t oracle_asked(void) {
    return asked;
}

char *oracle_questions(int n) {
    enum { MAX_ROW = 96 };
    char *text = malloc((size_t)n * MAX_ROW + 1);
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, MAX_ROW,
                               "{\"id\": \"k%04d\", \"question\": \"Name of %d?\", "
                               "\"answer\": \"item-%d\"}\n",
                               i, i, i);
    }
    return text;
}
