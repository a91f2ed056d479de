/*
 * images.h - the pictures of questions: files beside the manifest, or their bytes in the row. A row
 * has one or several. What the content is, and whether it can be read, the model finds out: here it
 * is only looked at, so that keys and digests depend on it.
 */
#ifndef DATASETS_IMAGES_H
#define DATASETS_IMAGES_H

#include "datasets/attached.h"
#include "datasets/dataset.h"
#include "datasets/item.h"

enum { IMAGES_MAX = 1024 }; /* of a row */

/* Of an open set. All-zero: closed. */
struct images {
    const char *folder; /* what relative paths are relative to; lent */
    struct attached_list seen;
    size_t n_missing;
    const char *first_missing; /* in the caller's arena */
    int64_t first_missing_line;
};

/* Does the row have a picture in one of the usual columns? */
bool images_has_column(const struct json *row);
/* The row's pictures, into out; all in a. Errors name the column. */
karma_status images_item(struct arena *a, const struct dataset_spec *spec, const char *folder,
                         const struct json *row, struct item *out);
/* Look at those of the next sample; *first: the number of its first one. a: for what is to last. */
karma_status images_take(struct images *s, struct arena *a, const struct item *item, bool may_miss,
                         int64_t line_no, size_t *first);
/* Are they as they were? Their digests are set, lent by s. E_DIGEST. */
karma_status images_check(const struct images *s, size_t first, struct item *item);
/* What they add to the digest of the set. */
void images_add_digest(const struct images *s, const struct dataset_spec *spec, struct sha256 *h);
void images_close(struct images *s);

#endif
