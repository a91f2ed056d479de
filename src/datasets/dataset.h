/*
 * dataset.h (datasets) - what a data set is made of. Built-in ones are const tables in files of
 * their own, listed in datasets.c; the user's come from YAML (described.c) as the same struct.
 */
#ifndef DATASETS_DATASET_H
#define DATASETS_DATASET_H

#include "base/json.h"
#include "datasets/choices.h"
#include "datasets/reader.h"
#include "karma/dataset.h"

enum dataset_kind {
    DATASET_MULTIPLE_CHOICE, /* reference: the label of an option */
    DATASET_QUESTION_ANSWER, /* reference: a text */
    DATASET_RETRIEVAL,       /* reference: documents of its corpus with their grades */
    DATASET_TRANSCRIPTION,   /* reference: what is said in a recording */
};

/* Do the rows of questions show pictures? */
enum dataset_images {
    DATASET_IMAGES_NONE, /* no column is one */
    DATASET_IMAGES_SOME, /* those that have a column for them */
    DATASET_IMAGES_ALL,  /* a row without one is an error */
};

/* Names of columns; NULL: the usual one, which is the member's name here. */
struct dataset_fields {
    const char *id, *question, *answer, *context, *split, *system;
    const char *answer_type; /* the part of the set that the row counts to as well */
    const char *frame;       /* of a picture with several */
    const char *group;       /* what a row shares with others; NULL: nothing */
    /* Columns that hold one picture or a list of them; NULL: those that images.c lists. */
    const char *const *images;
    /* One name: the column that holds all options. Several: a column for each. NULL: "options",
     * "choices", or the columns A B C..., option_a option_b..., opa opb... */
    const char *const *options;
};

/* Of a retrieval set's three files. NULL: the usual columns, which retrieval.c lists. */
struct retrieval_fields {
    const char *query_id, *query;
    const char *document_id, *document_title, *document_text;
    const char *qrels_query, *qrels_document, *grade;
};

/* Of recordings. NULL: the usual columns, which speech.c lists. */
struct speech_fields {
    const char *audio, *text, *language;
};

/* Where they are; NULL: in the folder "path". */
struct retrieval_paths {
    const char *corpus, *queries, *qrels;
};

/* A row of a file as adapt() is given it... */
struct dataset_source {
    const struct json *value; /* an object */
    const char *key;          /* its name in a file that names its rows; else NULL */
    const struct json *args;  /* of the data set, complete */
    size_t part;              /* which of the spec's parts */
    bool upstream;            /* the protocol */
};

/* ... and what it becomes. */
struct dataset_standard {
    const struct json *row;          /* with the columns of fields */
    const struct json *other_args;   /* an object for model and metrics; NULL: none */
    const struct json *conversation; /* [{"role", "content"}] that is asked; NULL: the prompt is */
};

/* Examples before a question. {number} and {answer} may stand in one. */
struct few_shot_form {
    const char *lead, *example, *between, *close;
};

/* What protocol "upstream" has otherwise; NULL: the same. */
struct dataset_upstream {
    const char *prompt, *extraction;
    const char *const *metrics, *const *processors;
};

struct dataset_file {
    const char *split; /* NULL in the only entry: the file of all splits */
    const char *path;
};

struct dataset_spec {
    karma_dataset_info info; /* prompt and extraction are defaults */
    enum dataset_kind kind;
    struct dataset_fields fields;
    const char *system_prompt;     /* for rows that have none; NULL: none */
    const struct choices *choices; /* of every row; NULL: the rows have their own */
    int64_t index_base;            /* what the first option's index is: 0 or 1 */
    const struct dataset_file
        *files; /* where the rows are; split and path NULL end; NULL: "path" */
    struct retrieval_fields retrieval;
    struct retrieval_paths parts;
    struct speech_fields speech;
    enum dataset_images images;
    /* Rows that do not say their answer_type are closed when the answer is yes or no, else open. */
    bool closed_by_answer;
    bool lower_answer; /* the reference in lower case, as far as ASCII goes */
    bool many_texts; /* a document of the corpus may have several rows: each is a way to find it */
    const karma_dataset_class *class; /* of a registered one: all that follows from info is its */
    /* Optional. A row of the file in the columns of fields; DONE: it is none of this set's. */
    karma_status (*adapt)(struct arena *a, const struct dataset_source *from,
                          struct dataset_standard *out);
    size_t n_parts; /* samples that a row may hold, each adapted for itself; 0: one */
    /* Optional. The prompt for these arguments, in a or static. own: what it is without them. */
    karma_status (*prompt)(struct arena *a, const struct json *args, const char *own,
                           const char **out);
    bool no_answer; /* the reference may be missing: the answer is judged by other means */
    struct dataset_upstream upstream;
    const struct few_shot_form *few_shot; /* NULL: the usual one */
    const char *few_shot_alias;           /* another argument that says how many; NULL: none */
    const char *path_alias;               /* another argument for path; NULL: none */
    const char *folder_argument; /* one whose value may be a folder in that of path; NULL: none */
    /* For people, and for parts of the scores. */
    const char *hub_id, *config, *n_options;
    const char *const *columns, *const *slices; /* NULL-terminated; NULL: none */
};

/* What parts of a set and samples that hang together are told by. */
#define DATASET_PART_OPTIONS                                                                       \
    {.name = "group_by",                                                                           \
     .type = KARMA_OPTION_STRING,                                                                  \
     .nullable = true,                                                                             \
     .default_json = "null",                                                                       \
     .help = "column of what rows share, such as a vignette, for clustered errors; null: the "     \
             "set's own"},                                                                         \
    {                                                                                              \
        .name = "slices", .type = KARMA_OPTION_STRING, .nullable = true, .default_json = "null",   \
        .help = "columns whose values are reported apart, besides the set's own; + between them"   \
    }
/* The arguments every data set of rows has; split_json: its default as JSON text. */
#define DATASET_COMMON_OPTIONS(path_required, split_json)                                          \
    {.name = "path",                                                                               \
     .type = KARMA_OPTION_STRING,                                                                  \
     .required = (path_required),                                                                  \
     .help =                                                                                       \
         "data file (.jsonl .json .csv .tsv .parquet), or a folder with a file for each split"},   \
        {.name = "split",                                                                          \
         .type = KARMA_OPTION_STRING,                                                              \
         .nullable = true,                                                                         \
         .default_json = (split_json),                                                             \
         .help = "rows to take, by the column split or the file's name; null: all"},               \
        {.name = "extraction",                                                                     \
         .type = KARMA_OPTION_STRING,                                                              \
         .nullable = true,                                                                         \
         .choices = extraction_names,                                                              \
         .default_json = "null",                                                                   \
         .help = "how the answer is read out of the text; null: the data set's own rule"},         \
        {.name = "protocol",                                                                       \
         .type = KARMA_OPTION_STRING,                                                              \
         .choices = dataset_protocols,                                                             \
         .default_json = "\"karma\"",                                                              \
         .help = "upstream: prompts and reading of answers as in KARMA 0.2.0"},                    \
        DATASET_PART_OPTIONS
/* The same for questions without pictures, which may have examples before them. */
#define QUESTION_COMMON_OPTIONS(path_required, split_json)                                         \
    DATASET_COMMON_OPTIONS(path_required, split_json),                                             \
        {.name = "few_shot",                                                                       \
         .type = KARMA_OPTION_INT,                                                                 \
         .min = 0,                                                                                 \
         .max = FEW_SHOT_MAX,                                                                      \
         .default_json = "0",                                                                      \
         .help = "examples before each question, the same for all"},                               \
        {.name = "few_shot_path",                                                                  \
         .type = KARMA_OPTION_STRING,                                                              \
         .nullable = true,                                                                         \
         .default_json = "null",                                                                   \
         .help = "their file, or the split that holds them; null: train, dev or validation of "    \
                 "the folder, else the questions' own file"},                                      \
    {                                                                                              \
        .name = "few_shot_seed", .type = KARMA_OPTION_INT, .min = 0, .max = UINT32_MAX,            \
        .default_json = "42", .help = "of their choice, as Python's random.sample() makes it"      \
    }
/* And for questions that may show pictures. */
#define IMAGE_COMMON_OPTIONS(path_required, split_json)                                            \
    DATASET_COMMON_OPTIONS(path_required, split_json), {                                           \
        .name = "missing_image", .type = KARMA_OPTION_STRING, .choices = missing_file_choices,     \
        .default_json = "\"fail\"",                                                                \
        .help = "a file that is not there: an error, or the failure of its sample"                 \
    }
/* The same for retrieval sets. */
#define RETRIEVAL_COMMON_OPTIONS(path_required, split_json)                                        \
    {.name = "path",                                                                               \
     .type = KARMA_OPTION_STRING,                                                                  \
     .required = (path_required),                                                                  \
     .help = "folder with corpus, queries and qrels (.jsonl .json .csv .tsv .parquet)"},           \
        {.name = "corpus",                                                                         \
         .type = KARMA_OPTION_STRING,                                                              \
         .nullable = true,                                                                         \
         .default_json = "null",                                                                   \
         .help = "file of the documents; null: corpus.* of the folder"},                           \
        {.name = "queries",                                                                        \
         .type = KARMA_OPTION_STRING,                                                              \
         .nullable = true,                                                                         \
         .default_json = "null",                                                                   \
         .help = "file of the queries; null: queries.* of the folder"},                            \
        {.name = "qrels",                                                                          \
         .type = KARMA_OPTION_STRING,                                                              \
         .nullable = true,                                                                         \
         .default_json = "null",                                                                   \
         .help = "file of the judgements; null: qrels/SPLIT.* or qrels.* of the folder"},          \
        {.name = "split",                                                                          \
         .type = KARMA_OPTION_STRING,                                                              \
         .nullable = true,                                                                         \
         .default_json = (split_json),                                                             \
         .help = "which judgements, by the file's name in the folder"},                            \
        {.name = "extraction",                                                                     \
         .type = KARMA_OPTION_STRING,                                                              \
         .nullable = true,                                                                         \
         .choices = extraction_names,                                                              \
         .default_json = "null",                                                                   \
         .help = "how the answer is read out of the text; null: the data set's own rule"},         \
        DATASET_PART_OPTIONS
/* And for recordings. */
#define SPEECH_COMMON_OPTIONS(path_required, split_json, language_required)                        \
    DATASET_COMMON_OPTIONS(path_required, split_json),                                             \
        {.name = "language",                                                                       \
         .type = KARMA_OPTION_STRING,                                                              \
         .nullable = !(language_required),                                                         \
         .required = (language_required),                                                          \
         .default_json = (language_required) ? NULL : "null",                                      \
         .help =                                                                                   \
             "of rows that do not say theirs; of the others those of this language are taken"},    \
    {                                                                                              \
        .name = "missing_audio", .type = KARMA_OPTION_STRING, .choices = missing_file_choices,     \
        .default_json = "\"error\"",                                                               \
        .help = "a file that is not there: an error, or the failure of its sample"                 \
    }
extern const char *const missing_file_choices[]; /* attached.c: "error", "fail" */
extern const char *const extraction_names[];     /* extract.c */
extern const char *const dataset_protocols[];    /* datasets.c: "karma", "upstream" */
enum { FEW_SHOT_MAX = 100 };

extern const struct dataset_spec dataset_multiple_choice, dataset_question_answer,
    dataset_retrieval, dataset_transcription, dataset_visual_question_answer;
extern const struct dataset_spec *const datasets[]; /* datasets.c: the built-in ones; NULL ends */

/* May a data set have that name? Not that of a file. E_RANGE, E_LIMIT. */
karma_status dataset_check_name(const char *name);
/* What a name finds, see datasets.c. *is_file: it is a data file's or a folder's. E_NOTFOUND. */
karma_status dataset_find(const char *name, const struct dataset_spec **out, bool *is_file);
/* The built-in one of that name, or NULL. */
const struct dataset_spec *dataset_find_built_in(const char *name);

/* The spec of a YAML description, made in a. Errors start with path. */
karma_status described_read(struct arena *a, const char *path, struct dataset_spec *out);
/* The user's data sets: spec i in the order found, NULL past the end. Folders are searched at the
 * first call. */
karma_status described_find(const char *name,
                            const struct dataset_spec **out); /* *out NULL: none */
karma_status described_at(size_t i, const struct dataset_spec **out);
/* Read the description at path now; the spec stays for the process's life. */
karma_status described_open(const char *path, const struct dataset_spec **out);
/* Release all of them, for tests: specs that were lent are gone. */
void described_forget(void);

/* Take a registered data set back, with NULL all of them: for a plugin that is refused half-way,
 * and for tests. Nothing may use it any more. */
void dataset_unregister(const char *name);

#endif
