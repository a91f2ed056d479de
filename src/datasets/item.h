/* item.h - a row made into what a sample needs: prompt, reference, choices, id. */
#ifndef DATASETS_ITEM_H
#define DATASETS_ITEM_H

#include "datasets/choices.h"
#include "datasets/dataset.h"

struct item {
    const char *id;                                 /* the row's own; NULL: none */
    const char *prompt, *reference, *system_prompt; /* the last may be NULL */
    const char *other_args;                         /* JSON; NULL: none */
    karma_audio audio;                              /* if has_audio; prompt may be NULL then */
    bool has_audio;
    karma_image *images; /* shown with the prompt; their digests come later */
    size_t n_images;
    karma_message *messages; /* a conversation, in place of prompt; NULL: none */
    size_t n_messages;
    /* What the prompt is made of, for examples; NULL: not there. */
    const char *question, *options, *labels, *context;
    const char *group;       /* what it shares with others; NULL: nothing */
    const char **slices;     /* values, one for each column of the set's; NULL: the row has none */
    const char *answer_type; /* "open", "closed", ...: a part of the set; NULL: none */
    struct choices choices;  /* count 0 unless multiple choice */
};

/* Member of a row by name; if there is none, "a.b" is b of a. NULL if absent. */
const struct json *item_field(const struct json *row, const char *name);
/* A value as text: a string as it is, numbers and booleans as JSON has them, an array as lines;
 * *out NULL for null and absent. E_TYPE for an object, E_RANGE for a NUL character. */
karma_status item_text(struct arena *a, const struct json *value, const char **out);

/* A value as the name of a part of the set: a text in lower case, or a truth value, true being
 * "closed" and false "open"; *out NULL when it is not there or blank. E_TYPE, E_LIMIT. */
karma_status item_answer_type(struct arena *a, const struct json *value, const char **out);

/* Is the row of the split wanted? split NULL: all are. *has_split: the row says its split. */
karma_status item_in_split(struct arena *a, const struct dataset_spec *spec, const struct json *row,
                           const char *split, bool *wanted, bool *has_split);
/* row: with the usual columns, after the data set's adapt(). Everything in a. Errors name the
 * field. Of a query of a retrieval set reference and other_args are left to its judgements. */
karma_status item_make(struct arena *a, const struct dataset_spec *spec, const char *prompt,
                       const struct json *args, const struct json *row, struct item *out);
/* A row whose conversation is asked; the reference may be missing. The same otherwise. */
karma_status item_make_conversation(struct arena *a, const struct dataset_spec *spec,
                                    const struct dataset_standard *from, struct item *out);
/* An object as JSON text, for other_args. */
karma_status item_other_args(struct arena *a, const struct json *args, struct item *out);
/* Does the row hold options, in a form that item_make() would find? */
bool item_has_options(const struct dataset_spec *spec, const struct json *row);

#endif
