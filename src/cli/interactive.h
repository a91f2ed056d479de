/* interactive.h - what the files of `karma interactive` share: the walk and its steps. */
#ifndef CLI_INTERACTIVE_H
#define CLI_INTERACTIVE_H

#include "cli/cli.h"
#include "cli/menu.h"

struct walk {
    struct menu menu;
    const struct cli_command *eval; /* whose options a run consists of */
    /* The run: values in their own kind, keys of a run file; datasets an array of names,
     * model_args, dataset_args, processor_args, metric_args objects. */
    json_t *run;
    bool back;                    /* the person came from a later step */
    bool ask_model, ask_datasets; /* false: what the command line said is taken at first */
    /* Of the chosen model. */
    const karma_model_class *cls;
    unsigned can; /* karma_modality bits, and CAN_RANK */
    size_t set;   /* the data set whose arguments are asked for */
};
enum { CAN_RANK = 1 << 8 };

/* Each asks one thing and puts it into w->run. One that has nothing to ask says at once where to
 * go on: MENU_BACK when w->back, else MENU_DONE. */
enum menu_answer step_model(struct walk *w);
enum menu_answer step_model_args(struct walk *w);
enum menu_answer step_datasets(struct walk *w);
enum menu_answer step_dataset_args(struct walk *w); /* of each in turn */

/* Make the model that w->run names, nothing of it loaded, and take from it what is shown. */
karma_status walk_look_at_model(struct walk *w);
/* Is everything required there, and can the data set be read? *count: its samples. */
karma_status walk_check_dataset(struct walk *w, const char *name, size_t *count);
/* What --auto fills in of a data set's required arguments: languages, as upstream does. */
karma_status walk_fill_dataset(struct walk *w, const char *name);

/* One argument that can be set: run[section][owner][option], or run[section][option]. */
struct argument {
    const karma_option_spec *option;
    const char *section; /* "dataset_args" */
    char owner[600];     /* "" of the model's */
};
const json_t *argument_value(const struct walk *w, const struct argument *a);
/* value NULL: back to the default. E_NOMEM. */
karma_status argument_set(struct walk *w, const struct argument *a, json_t *value);
/* Text as the value of an option; E_USAGE says what is wrong with it. *value: the caller's. */
karma_status argument_parse(const karma_option_spec *o, const char *text, json_t **value);
/* Show the arguments, let them be set one by one until the person goes on. check: are all in
 * order? Asked when one was set and when going on; its message is shown and the person stays. */
enum menu_answer edit_arguments(struct walk *w, const char *title, const struct argument *list,
                                size_t n, karma_status (*check)(struct walk *w, bool goes_on));

#endif
