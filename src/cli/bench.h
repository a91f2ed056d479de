/*
 * bench.h - karma bench: what a model's kinds measure and how it is told. A round measures
 * everything once, with what the machine can do beside it; figures are medians of rounds.
 */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli/cli.h"

enum { BENCH_MAX_ROUNDS = 99, BENCH_MAX_FIGURES = 12, BENCH_MAX_NOTES = 8 };

/* What limits a figure: bytes of weights and cache over the stream rate, operations of products and
 * attention over the peak. Shares are of a round's own rates; 0: not known. */
struct bench_figure {
    const char *name; /* "prefill" */
    const char *unit; /* "tokens/s" */
    char what[96];    /* "512 tokens" */
    int n;
    double value[BENCH_MAX_ROUNDS], memory[BENCH_MAX_ROUNDS], arithmetic[BENCH_MAX_ROUNDS];
};

/* A rate of the machine, measured before each part of a round. */
enum { BENCH_MAX_RATES = 4 * BENCH_MAX_ROUNDS };
struct bench_rate {
    int n;
    double value[BENCH_MAX_RATES];
};

/* Seconds: by the clock, of processors that were busy with anything (0: not known), with us. */
struct bench_usage {
    double clock, all, own;
};

/* What a token takes (per_token of karma_model_info), 0: not known. */
struct bench_work {
    double parameters, head_parameters, weight_bytes, cache_bytes, attention_operations;
};

enum bench_kind { BENCH_TEXT, BENCH_EMBEDDING, BENCH_SPEECH };

struct bench {
    const char *name, *path, *config; /* as given; path and config may be NULL */
    char *args;                       /* malloc() block */
    enum bench_kind kind;
    /* As given; 0: the kind's own. */
    int64_t prompt, generate, batch, seconds;
    int64_t rounds;
    bool rounds_given;
    int rounds_done;
    const char *only; /* names of figures with commas between them; NULL: all */

    karma_model *model; /* loaded, of the present round */
    json_t *info;       /* of the model when it was loaded first */
    json_t *system;     /* of this machine */
    struct bench_work work;
    int threads, threads_allowed;
    double load_before;      /* runnable threads of this machine, mean of a minute */
    int processors;          /* of this machine, ours or not */
    struct bench_usage used; /* while rounds were measured */
    double busy_s, room_s;   /* processor time of ours in a prefill, and of all its threads */

    karma_machine_rates now;                          /* the last measured */
    struct bench_rate stream, f32, bf16, int16, int8; /* a second */
    const char *peak_name; /* that the model's products can reach: "f32" */
    struct bench_figure figures[BENCH_MAX_FIGURES];
    int n_figures;
    char notes[BENCH_MAX_NOTES][200];
    int n_notes;
    bool terminal;
};

/* --- for those who measure (bench.c) ---------------------------------------------------------- */

double bench_seconds(void);           /* of a clock that only goes forward */
double bench_processor_seconds(void); /* that all threads of this process have had */
struct bench_usage bench_usage_now(void);
/* Of the machine from here on; between parts, since it changes. */
karma_status bench_measure_machine(struct bench *b);
/* A random id, word or sample: the same sequence in every run. */
uint32_t bench_random(uint32_t *state);
/* What is being done, where standard error is a terminal. */
void bench_say(const struct bench *b, const char *what);
/* Once each. */
void bench_note(struct bench *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* name is one of names, which have commas between them. */
bool bench_listed(const char *names, const char *name);
/* The figure is one that the user wants to see: others need not be measured. */
bool bench_wants(const struct bench *b, const char *name);
/* A round's value of a figure, if wanted; bytes and operations are a second's, 0: not known. */
void bench_add(struct bench *b, const char *name, const char *unit, const char *what, double value,
               double bytes, double operations);
/* Create and load the model; *seconds (may be NULL) is what that took. */
karma_status bench_load(struct bench *b, double *seconds);
/* The end of the run was asked for. */
bool bench_cancelled(void *user);

/* One round with the loaded model; loading took load_s. warm: read every page, measure nothing. */
karma_status bench_text(struct bench *b, double load_s);
karma_status bench_text_warm(struct bench *b);
karma_status bench_embedding(struct bench *b, double load_s);
karma_status bench_embedding_warm(struct bench *b);
karma_status bench_speech(struct bench *b, double load_s);
karma_status bench_speech_warm(struct bench *b);

/* --- what is shown (bench_view.c) ------------------------------------------------------------- */

void bench_print(struct bench *b);
void bench_print_json(struct bench *b);

#endif
