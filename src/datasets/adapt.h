/*
 * adapt.h - what the data sets' own tables share: rows of a hub data set made into the usual
 * columns, columns that are required, prompts that a user puts in place of a set's own.
 */
#ifndef DATASETS_ADAPT_H
#define DATASETS_ADAPT_H

#include "datasets/dataset.h"
#include "datasets/item.h"

/* Is the protocol of these arguments "upstream"? */
bool args_are_upstream(const struct json *args);

/* The row, or one of its parts, in the columns of the spec; DONE: it is none of the set's. */
karma_status adapt_row(struct arena *a, const struct dataset_spec *spec, const struct json *args,
                       const struct reader_row *row, size_t part, struct dataset_standard *out);

/* *to, an object: from's member `name` as `as`; what is absent stays absent. */
karma_status adapt_take(struct arena *a, struct json *to, const char *as, const struct json *from,
                        const char *name);
/* The same of several under their own names; NULL ends. */
karma_status adapt_take_all(struct arena *a, struct json *to, const struct json *from,
                            const char *const *names);
/* A text; NULL: absent. E_TYPE names the column. */
karma_status adapt_text(struct arena *a, const struct json *from, const char *name,
                        const char **out);
/* The same; absent and blank: E_MISSING. */
karma_status adapt_need_text(struct arena *a, const struct json *from, const char *name,
                             const char **out);
/* JSON in a text, or the value itself where the file holds it plainly; absent, null and an empty
 * text: NULL. E_SYNTAX, E_TYPE name the column. */
karma_status adapt_json(struct arena *a, const struct json *from, const char *name,
                        enum json_type type, const struct json **out);

/* Is the row of the part of the hub set that an argument names (config, subset, language)? Rows
 * that do not say theirs are. */
karma_status adapt_is_wanted(struct arena *a, const struct dataset_source *from,
                             const char *argument, bool *wanted);

/* The prompt that argument confinement_instructions puts in place of own: what stands for
 * <QUESTION>, <OPTIONS>, <CONTEXT> in it (NULL: has no such place). An empty one: own. E_USAGE: the
 * question would not be asked. */
struct prompt_places {
    const char *question, *options, *context;
};
karma_status adapt_instructions(struct arena *a, const struct json *args, const char *own,
                                const struct prompt_places *places, const char **out);

/* The usual ones: {question}, newline, {options} for <QUESTION>. */
karma_status adapt_choice_prompt(struct arena *a, const struct json *args, const char *own,
                                 const char **out);

#define INSTRUCTIONS_OPTION                                                                        \
    {                                                                                              \
        .name = "confinement_instructions", .type = KARMA_OPTION_STRING, .default_json = "\"\"",   \
        .help = "another prompt, with QUESTION in angle brackets where the question goes; empty: " \
                "the set's own"                                                                    \
    }

#endif
