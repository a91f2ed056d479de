/*
 * cli.h - what the commands of the program share: the option parser, error lines, tables, signals.
 * Only this folder prints, exits or reads argv; it sees nothing of the library but include/karma.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "karma/karma.h"

/* --- arguments -------------------------------------------------------------------------------- */

/* The values of an option that may be given several times, in their order. */
enum { CLI_LIST_MAX = 256 };
struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t n;
};

/* One option of a command. Exactly one of flag, value and list is set. */
struct cli_option {
    const char *name;       /* "--max-samples"; a table ends with NULL */
    const char *value_name; /* "N", for the help text; NULL for flags */
    const char *help;
    bool *flag;
    bool flag_value; /* what *flag becomes: false for a --no-... */
    const char **value;
    struct cli_list *list;
};

enum { CLI_OPTIONS_MAX = 64 }; /* of a command */
struct cli_command {
    const char *name;      /* "eval" */
    const char *arguments; /* "MODEL [PROMPT | -]" */
    const char *summary;
    const struct cli_option *options;
    int min_positional, max_positional;
};

/* Options of every command, before or after its name: plugins. If argv[*at] is one, take it and its
 * value (*at is then the last word taken) and return 1; 0: it is none; < 0: a mistake. */
int cli_take_global(int argc, char **argv, int *at);

/* Parse argv after the command's name, and load the plugins asked for. *positional: pointers into
 * argv, max_positional + 1 long. Returns -1 to go on, else the exit status (--help: 0; a mistake:
 * 2, the line is printed). */
int cli_parse(const struct cli_command *c, int argc, char **argv, const char **positional);
/* The same; given[i] (CLI_OPTIONS_MAX of them) says whether the user gave the option i. */
int cli_parse_given(const struct cli_command *c, int argc, char **argv, const char **positional,
                    bool *given);

/* A whole number in [min, max]; E_USAGE naming the option. */
karma_status cli_int(const char *option, const char *text, int64_t min, int64_t max, int64_t *out);
/* One of the names; E_USAGE lists them. */
karma_status cli_choice(const char *option, const char *text, const char *const *names, int *out);

/* --- errors and output ------------------------------------------------------------------------ */

/* Set the thread's message as the library does; returns st. */
karma_status cli_error(karma_status st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The line of the last failure, the program's or the library's, taken: asked again it is the
 * library's. Lent until the next failure. */
const char *cli_message(void);
/* Print "karma: error CODE: message" for the last failure; returns the exit status. */
int cli_fail(karma_status st);
/* Print no notes and warnings while held: they would stand in the middle of a screen. */
void cli_hold_log(bool hold);
/* Flush standard output. must_arrive: a failure is an error (exit 5); else a closed pipe is quiet.
 * Returns the exit status, `otherwise` when all went well. */
int cli_finish_output(bool must_arrive, int otherwise);

/* A table whose cells are copied: header first. */
struct cli_table {
    char **cells;
    size_t n_columns, n_cells, cap;
    bool failed; /* memory ended: printing says so */
};
void table_begin(struct cli_table *t, size_t n_columns, const char *const *header);
void table_cell(struct cli_table *t, const char *text); /* NULL or "": an em dash */
void table_cellf(struct cli_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct cli_table *t, FILE *to);
void table_end(struct cli_table *t);
void csv_cell(FILE *to, const char *text, char after);

/* "1.5 GB", "596M": short figures for people. out at least 32 bytes. */
const char *format_count(int64_t n, char *out);
const char *format_megabytes(int64_t mb, char *out);
const char *format_duration(double seconds, char *out);
/* Print a JSON value, indent 2, UTF-8 raw, and a newline. */
void print_json(const json_t *value);

/* --- signals ---------------------------------------------------------------------------------- */

void signals_install(void);
bool signals_cancelled(void);  /* SIGINT, SIGTERM or SIGHUP has come */
int signals_exit_status(void); /* 130 or 143 */

/* --- model arguments -------------------------------------------------------------------------- */

/* The options of a command that runs a model; NULL where the user gave none. */
struct model_options {
    const char *path, *config, *args, *seed, *threads, *device, *batch_size, *max_tokens;
    const char *max_memory;     /* "2G", "800M" */
    const char *fallback;       /* names or paths, comma-separated */
    const char *special_tokens; /* "safe" or "compat", unless config or args say otherwise */
    const char *below;          /* arguments that all of these go over, a JSON object */
};
/* Rows for the option tables of all of them. */
#define MODEL_LOAD_OPTIONS(mo)                                                                     \
    {"--max-memory", "SIZE", "ceiling for weights, cache and scratch: 2G, 800M",                   \
     .value = &(mo).max_memory},                                                                   \
    {                                                                                              \
        "--fallback", "NAME[,NAME]", "models to take when MODEL cannot be loaded",                 \
            .value = &(mo).fallback                                                                \
    }
/* And of commands that only use a model. */
#define MODEL_USE_OPTIONS(mo, offline_flag)                                                        \
    {"--model-path", "PATH", "checkpoint folder or file", .value = &(mo).path},                    \
        {"--model-config", "FILE", "model arguments, JSON or YAML", .value = &(mo).config},        \
        {"--model-args", "JSON", "model arguments, an object", .value = &(mo).args},               \
        {"--threads", "N", "default: all that may be used", .value = &(mo).threads},               \
        {"--device", "NAME", "auto or cpu", .value = &(mo).device}, MODEL_LOAD_OPTIONS(mo), {      \
        "--offline", NULL, "use local files alone (this version never opens a connection)",        \
            .flag = &(offline_flag), .flag_value = true                                            \
    }
/* Put the command line's shorthands (seed, threads, ...) among the --model-args, which count more
 * than the config file; one that is there already is E_USAGE. The config file is read as text.
 * *config_json and *args_json: free() them; NULL when there are none. */
karma_status model_options_merge(const struct model_options *o, char **config_json,
                                 char **args_json);

/* "name:key=value,key=value;..." or a JSON object as {"name": {"key": "value"}} text, free() it.
 * what: "--dataset-args", for messages. dotted: names must be DATASET.PROCESSOR. */
karma_status arguments_to_json(const char *what, const char *text, bool dotted, char **json);
/* *json (NULL: none) laid over below, both such texts, argument by argument. only: of below those
 * of these names alone, which are data sets; dotted as above. NULL: all. free() *json. */
karma_status arguments_lay_over(const char *below, const char *const *only, bool dotted,
                                char **json);

int cmd_list(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_interactive(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_store(int argc, char **argv);
int cmd_embed(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_transcribe(int argc, char **argv);
int cmd_bench(int argc, char **argv);

#endif
