/*
 * dataset.h - data sets: built-in ones by name, the user's own by a YAML file or by a plain
 * question file. A data set turns the rows of a local file into samples (prompt, reference) and
 * knows how an answer is read out of a model's text.
 */
#ifndef KARMA_DATASET_H
#define KARMA_DATASET_H

#include "karma/option.h"
#include "karma/sample.h"
#include "karma/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A data set, open for reading. One thread at a time. */
typedef struct karma_dataset karma_dataset;

/* What is known of a data set before it is opened. */
typedef struct karma_dataset_info {
    const char *name;                 /* "openlifescienceai/pubmedqa" */
    const char *description;          /* one line for people */
    const char *task_type;            /* "mcqa", "open_ended_qa", ... */
    const char *const *metrics;       /* NULL-terminated, first is the headline */
    const char *const *processors;    /* NULL-terminated; may be empty */
    const char *split;                /* NULL if none */
    const char *commit_hash;          /* NULL if not pinned */
    const karma_option_spec *options; /* its arguments; ends with name NULL */
    const char *prompt;               /* template as a person may read it */
    const char *extraction;           /* name of the rule */
    const char *source;               /* file it was defined in; NULL: built in */
} karma_dataset_info;

/* More of it, for people. */
typedef struct karma_dataset_details {
    uint32_t struct_size;
    const char *hub_id;              /* where it is published; NULL: nowhere that is known */
    const char *config;              /* which of its configurations; NULL: the only one */
    const char *const *columns;      /* that its rows have; NULL-terminated; may be empty */
    const char *const *slices;       /* see karma_dataset_slices(); NULL-terminated */
    const char *group;               /* column of karma_dataset_group(); NULL: none */
    const char *n_options;           /* "4", "2 to 5": of multiple choice; NULL: not that */
    const char *upstream_prompt;     /* under protocol "upstream", as prompt in its info */
    const char *upstream_extraction; /* the rule's name then */
    const char *system_prompt;       /* NULL: none */
} karma_dataset_details;

/* Names known: built-in ones and the *.yaml files under datasets/ of $KARMA_PATH's folders and the
 * user's configuration folder; in table order. karma_free() the array. */
KARMA_API karma_status karma_list_datasets(char ***names, size_t *count);
/* By name or by path of a YAML description. Lent for the process's life. E_NOTFOUND names the
 * nearest. */
KARMA_API karma_status karma_get_dataset_info(const char *name, const karma_dataset_info **info);
/* As that; fills *details, whose strings are lent for the process's life. */
KARMA_API karma_status karma_get_dataset_details(const char *name, karma_dataset_details *details);

/* Open for reading. name: a known name, or the path of a YAML description, or of a data file
 * (.jsonl .json .csv .tsv .parquet) with columns question, options/choices, answer (multiple
 * choice) or question, answer, or image, question, answer, or audio, text (of pictures and
 * recordings the content is looked at too), or of a folder of these or of a retrieval set.
 * args_json: its arguments as an object ("path": the data file; strings are accepted for numbers),
 * or NULL. All rows are checked here: a broken one is an error with file and line; an empty set is
 * E_MISSING. */
KARMA_API karma_status karma_dataset_open(const char *name, const char *args_json,
                                          karma_dataset **out);
KARMA_API void karma_dataset_close(karma_dataset *d); /* NULL is fine */

/* The description it was opened by; lent. */
KARMA_API const karma_dataset_info *karma_dataset_get_info(const karma_dataset *d);
KARMA_API const char *karma_dataset_args(const karma_dataset *d); /* merged, JSON; lent */
KARMA_API size_t karma_dataset_count(const karma_dataset *d);     /* samples in it */
/* SHA-256 of the data file and of the definition, hex; lent. */
KARMA_API const char *karma_dataset_digest(const karma_dataset *d);

/* Sample i, rendered; lent until the next call on d. Its key: the row's id when it has one, else
 * row number and content hash. */
KARMA_API karma_status karma_dataset_get(karma_dataset *d, size_t i, const karma_sample **sample);

/* A part of the set that sample i belongs to and that is scored for itself, too: "open", "closed",
 * or what its column answer_type says, in lower case; of a registered set, what answer_type of the
 * sample's other_args_json says. *type NULL: none. Lent until the next call on d. */
KARMA_API karma_status karma_dataset_answer_type(karma_dataset *d, size_t i, const char **type);

/* What sample i shares with others, so that their scores are not independent: a vignette, a
 * question asked in variants (the set's own key, or the column that its argument group_by names; of
 * a registered set what group_id of the sample's other_args_json says). *group NULL: nothing. Lent
 * until the next call on d. */
KARMA_API karma_status karma_dataset_group(karma_dataset *d, size_t i, const char **group);

/* The fields of sample i that parts of the set are told by: fields [n] are the same for every
 * sample and lent by d (the set's own, such as "subject", and the columns that its argument slices
 * names); values [n] are texts, NULL where the row does not say, lent until the next call on d. */
KARMA_API karma_status karma_dataset_slices(karma_dataset *d, size_t i, const char *const **fields,
                                            const char *const **values, size_t *n);

/* How an answer was found in a text. */
typedef enum karma_parse {
    KARMA_PARSE_MARKER,    /* where the prompt asked for it */
    KARMA_PARSE_FALLBACK,  /* elsewhere, by a rule that does not guess */
    KARMA_PARSE_NONE,      /* not found: prediction is "" (protocol upstream: what KARMA scores) */
    KARMA_PARSE_AMBIGUOUS, /* several answers stand where one should: as not found, told apart */
} karma_parse;
/* "marker", "fallback", "none", "ambiguous". */
KARMA_API const char *karma_parse_name(karma_parse p);

/* Read the prediction out of a model's text for sample i. *prediction is lent until the next call
 * on d. */
KARMA_API karma_status karma_dataset_extract(karma_dataset *d, size_t i, const char *text,
                                             const char **prediction, karma_parse *how);

/* Whatever follows text, the beginning of an answer to sample i in whole characters: will
 * karma_dataset_extract() read the same? A true is sure. false also where the rule cannot tell. */
KARMA_API karma_status karma_dataset_decided(karma_dataset *d, size_t i, const char *text,
                                             bool *decided);
/* Can it ever be true: is the rule one that stops reading? */
KARMA_API bool karma_dataset_can_decide(const karma_dataset *d);

/* The options of sample i: letters ("A") and texts, [n]. *n 0: it is no multiple-choice question.
 * Lent as the sample is. */
KARMA_API karma_status karma_dataset_choices(karma_dataset *d, size_t i, const char *const **labels,
                                             const char *const **texts, size_t *n);

/* From here on each question is there once for each cyclic order of its options, one behind the
 * other: the texts move by one place, the letters stay, and the reference goes with its text. The
 * first order has the question's key, the others "KEY#r1", "KEY#r2", ...; they are one group,
 * unless the set has groups of its own. E_USAGE: the questions have no options, or the prompt does
 * not show them by {options}. */
KARMA_API karma_status karma_dataset_rotate(karma_dataset *d);
/* Which question sample i is, from 0, and in which of its n orders; without orders: i, 0, 1. */
KARMA_API void karma_dataset_rotation(const karma_dataset *d, size_t i, size_t *question,
                                      size_t *rotation, size_t *n);

/* The documents of a retrieval set: its samples are queries, ranked against these (see
 * karma_model_set_corpus). Lent by d; *n 0 for other sets. */
KARMA_API void karma_dataset_corpus(const karma_dataset *d, const char *const **ids,
                                    const char *const **texts, size_t *n);
/* Queries of a retrieval set that are no samples, because no judgement names them; 0 for others. */
KARMA_API size_t karma_dataset_unjudged(const karma_dataset *d);

/* A data set of one's own, from wherever its rows come. */
enum { KARMA_DATASET_ABI = 1 }; /* raised when the table changes */
/* How the samples of such a data set are had, and what is shown of it. */
typedef struct karma_dataset_class {
    uint32_t abi_version;    /* KARMA_DATASET_ABI */
    uint32_t struct_size;    /* sizeof(karma_dataset_class) */
    karma_dataset_info info; /* its name and what is shown of it */
    /* Required. args_json: all arguments, checked. *count: samples. *state comes back. A failure
     * leaves nothing to close. */
    karma_status (*open)(const char *args_json, void **state, size_t *count);
    /* Required. Fill *sample (zero but for struct_size); what it points to is lent until the next
     * call. Give each a key: else it is made of its number and content. */
    karma_status (*get)(void *state, size_t i, karma_sample *sample);
    /* Optional; without it the prediction is the stripped text. */
    karma_status (*extract)(void *state, size_t i, const char *text, karma_text *prediction,
                            karma_parse *how);
    void (*close)(void *state); /* optional */
} karma_dataset_class;
/* E_ABI, E_MISSING, E_DUPLICATE. */
KARMA_API karma_status karma_register_dataset(const karma_dataset_class *c);

#ifdef __cplusplus
}
#endif
#endif
