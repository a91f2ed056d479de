/* records.h - what metrics that keep something of each sample share: arrays that grow, a member of
 * a sample's other arguments as text, a list of numbers by name. */
#ifndef METRICS_RECORDS_H
#define METRICS_RECORDS_H

#include "base/map.h"
#include "metrics/metric.h"

/* Room for one more item behind count in *array. */
karma_status array_grow(void **array, size_t *cap, size_t count, size_t item_size);

/* A member of the sample's other arguments as text, in its arena: a string as it is, a number or a
 * boolean as JSON has it. *out NULL: there is none, or it is null. E_TYPE: it is a list or object.
 */
karma_status other_arg(const struct metric_sample *s, const char *name, const char **out);

/* Are the two the same but for white space around them and, unless case counts, for case? */
karma_status same_answer(const char *a, const char *b, bool ignore_case, bool *same);

/* Numbers of names (labels, groups) in the order of their first sight. */
karma_status name_number(struct map *names, const char *name, size_t *number);
/* The entries of names in the order of their bytes, in a. */
karma_status names_sorted(struct arena *a, const struct map *names, const struct map_entry ***out);

/* {"low", "high"} of a share, as a list. */
struct json *share_interval(struct arena *a, size_t successes, size_t n);

#endif
