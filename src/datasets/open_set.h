/* open_set.h - what an open data set keeps; for open.c and what it is made of. */
#ifndef DATASETS_OPEN_SET_H
#define DATASETS_OPEN_SET_H

#include "datasets/dataset.h"
#include "datasets/extract.h"
#include "datasets/few_shot.h"
#include "datasets/images.h"
#include "datasets/registered_set.h"
#include "datasets/retrieval.h"
#include "datasets/slices.h"
#include "datasets/speech.h"

enum { KEY_BYTES = 72 }; /* of a key made from number and content */

struct taken {
    struct reader_place place;
    uint64_t row_no; /* in the file, from 1 */
    uint64_t hash;   /* of the row's content */
    size_t picture;  /* the number of its first one */
    size_t part;     /* of the row's samples */
    /* Of a set that rotates: which of its questions, and in which of so many orders. */
    size_t question, rotation, n_rotations;
};

/* A row read and made into an item; its arena is its life. */
struct made {
    struct arena arena;
    size_t index; /* of `taken`; SIZE_MAX: none */
    struct item item;
    int64_t line_no;
    char key[KEY_BYTES];
};

struct karma_dataset {
    const struct dataset_spec *spec;
    karma_dataset_info info; /* the spec's, with name, prompt and extraction of this one */
    struct arena arena;      /* arguments, path */
    const char *path;
    const struct json *args;
    const char *args_text;
    const struct extraction *rule;
    bool unspecified;             /* the file was named, not the kind of its questions */
    struct retrieval_paths parts; /* of a retrieval set */
    struct retrieval retrieval;
    size_t unjudged;
    struct speech speech;             /* of recordings */
    struct images images;             /* of questions on pictures */
    struct registered_set registered; /* of a registered one */
    struct few_shot few_shot;         /* before its questions */
    struct slices slices;
    struct reader reader;
    struct taken *taken;
    size_t count, cap;
    bool rotates; /* all orders of options, see rotation.h */
    char digest[65];
    struct made sample_row, extract_row; /* apart: a sample stays while its answer is read */
    karma_sample sample;
    struct arena prediction;
};

/* Everything that decides what the samples are, and the bytes they come from, into d->digest. Not
 * where the file is. */
karma_status set_digest_make(karma_dataset *d);
/* The arguments' part of it. */
karma_status set_digest_add_args(struct sha256 *s, const karma_dataset *d);

#endif
