/* eval_args.h - what the command line of karma eval says, and how a run file goes with it. */
#ifndef CLI_EVAL_ARGS_H
#define CLI_EVAL_ARGS_H

#include "cli/cli.h"

struct eval_args {
    struct model_options model;
    const char *name, *datasets, *dataset_args, *processor_args, *metric_args;
    const char *output, *format, *save_format, *max_samples, *store, *samples_page, *answer_by,
        *protocol, *judge, *judge_args;
    bool cache, progress, interactive, dry_run, refresh, force, content, keep_failed, stop,
        rotations;
    const char *slice_min, *answers, *missing_answers, *rate_prefill, *rate_decode;
    struct cli_list slices;
    bool offline, verbose;
    /* made of these */
    char *config_json, *args_json, *dataset_json, *processor_json, *metric_json, *names_text;
    const char **names;
    const char *run, *save_run;
    json_t *file; /* what the run file holds; NULL: there is none */
    /* What of it the command line's arguments are laid over; texts lent by file. */
    const char *dataset_below, *processor_below, *metric_below;
    char *model_below;
    bool datasets_given; /* on the command line: of the file's arguments those of these count */
};

/* What the file a->run says and the command line does not. Arguments of model, data sets, metrics
 * and processors are laid over each other one by one: of the model by model_options_merge(), of the
 * others by eval_lay_over_file(), once names and *_json are made. */
karma_status eval_take_run_file(struct eval_args *a, const struct cli_command *c,
                                const bool *given);
karma_status eval_lay_over_file(struct eval_args *a);
/* Write the run, as everything together makes it, to a->save_run. */
karma_status eval_save_run(const struct eval_args *a, const struct cli_command *c,
                           const bool *given);

/* karma eval. instead: called with the command and its options in place of running it; what it
 * returns is returned. NULL: run it. */
int eval_with(int argc, char **argv, int (*instead)(void *user, const struct cli_command *c),
              void *user);

#endif
