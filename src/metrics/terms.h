/*
 * terms.h - a list of terms, drug names for one, and where they stand in a text. A term is one or
 * more words. Words are compared composed (NFC), in lower case and without punctuation at their
 * ends, so that "Amoxicillin," is found whether or not a processor was there before.
 */
#ifndef METRICS_TERMS_H
#define METRICS_TERMS_H

#include "base/json.h"
#include "base/map.h"

struct terms {
    struct map known; /* the words of each, joined by blanks */
    size_t longest;   /* in words */
};

struct piece {
    const char *text;
    size_t len;
};

/* value: a list of strings, or the path of a text file with one term a line; blank lines and those
 * that begin with # are skipped. Release *out in every case. */
karma_status terms_read(const struct json *value, struct terms *out);
void terms_release(struct terms *t);

/* Which words are part of a term: number[i] is 1, 2, ... for those of the first, second, ... term
 * found, 0 for the rest. From the left, the longest first, none twice. scratch: for the words. */
karma_status terms_find(const struct terms *t, struct arena *scratch, const struct piece *words,
                        size_t n, uint32_t *number, size_t *n_found);

#endif
