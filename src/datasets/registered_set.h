/*
 * registered_set.h - data sets that a program or a plugin registers: its functions give samples and
 * read answers. What they give is checked each time, and must be the same each time.
 */
#ifndef DATASETS_REGISTERED_SET_H
#define DATASETS_REGISTERED_SET_H

#include "base/registered.h"
#include "base/sha256.h"
#include "datasets/dataset.h"

/* The spec of that name, or NULL. */
const struct dataset_spec *registered_set_find(const char *name);
/* Their names behind `own`, in a. */
karma_status registered_set_names(struct arena *a, const char *const *own, size_t n_own,
                                  const char ***names, size_t *count);

/* One, open. All-zero: closed. */
struct registered_set {
    const karma_dataset_class *class;
    void *state; /* of class */
    bool opened; /* class->close is due */
    size_t count;
    uint64_t *hashes;   /* [count] of the content of each sample, when it was opened */
    struct arena arena; /* the sample's copy: the class lends its texts for a shorter time */
    karma_sample sample;
};

/* Open it and look at every sample once; what they hold goes into digest. args: complete, JSON. On
 * failure *out is closed. */
karma_status registered_set_open(const karma_dataset_class *class, const char *args,
                                 struct sha256 *digest, struct registered_set *out);
/* *sample stays until the next get. */
karma_status registered_set_get(struct registered_set *s, size_t i, const karma_sample **sample);
/* What answer_type of its other arguments says, in lower case; *type NULL: nothing. Lent until the
 * next call on s. */
karma_status registered_set_answer_type(struct registered_set *s, size_t i, const char **type);
/* What group_id of its other arguments says; *group NULL: nothing. Lent as that. */
karma_status registered_set_group(struct registered_set *s, size_t i, const char **group);
/* Only for a class that has extract, i < count. *prediction in a. */
karma_status registered_set_extract(struct registered_set *s, struct arena *a, size_t i,
                                    const char *text, const char **prediction, karma_parse *how);
void registered_set_close(struct registered_set *s);

#endif
