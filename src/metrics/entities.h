/*
 * entities.h - annotations of a reference, other_args' `entities`: [[text, category, [[start, end],
 * ...]], ...] as a list, or as Python's source of one. Offsets are of characters.
 */
#ifndef METRICS_ENTITIES_H
#define METRICS_ENTITIES_H

#include "base/json.h"
#include "metrics/ngrams.h"

/* *list: NULL if other_args has none. *unread: it has, but they are no such list. */
karma_status entities_read(struct arena *a, const struct json *other_args, const struct json **list,
                           bool *unread);
/* The words of text at the offsets, cut there; of entities without them nothing. Lent by text. */
karma_status entities_words(struct arena *a, const struct json *list, const char *text,
                            struct pieces *out);

#endif
