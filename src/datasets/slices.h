/*
 * slices.h - what a sample shares with others, and the parts of the set it counts to: columns of
 * its row, as the set or its arguments name them.
 */
#ifndef DATASETS_SLICES_H
#define DATASETS_SLICES_H

#include "datasets/dataset.h"
#include "datasets/item.h"

/* Of an open set; all lent by its arena. */
struct slices {
    const char *group;   /* column; NULL: nothing is shared */
    bool group_is_given; /* by the user: some row must have it */
    const char **fields; /* [count] columns */
    size_t count, n_own; /* the first ones are the set's own */
    bool group_seen;
    bool *seen; /* [count] does some row have it? */
};

/* From spec and arguments. E_USAGE: a name is empty or there twice. */
karma_status slices_init(struct arena *a, const struct dataset_spec *spec, const struct json *args,
                         struct slices *out);
/* Of a row: as adapted, else as it was. Errors name the column. */
karma_status slices_item(struct arena *a, const struct slices *s, const struct json *adapted,
                         const struct json *original, struct item *out);
void slices_saw(struct slices *s, const struct item *item);
/* Was each column the user named there in some row? E_MISSING. */
karma_status slices_check_seen(const struct slices *s);

#endif
