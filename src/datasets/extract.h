/*
 * extract.h - reading the answer out of what a model wrote. A rule never guesses: what could mean
 * two options is no answer. Each is one pass or a few over the text, without backtracking.
 */
#ifndef DATASETS_EXTRACT_H
#define DATASETS_EXTRACT_H

#include "base/mem.h"
#include "datasets/choices.h"
#include "karma/dataset.h"

struct extraction {
    const char *name;
    bool needs_choices;
    /* *prediction: in a or static; "" with KARMA_PARSE_NONE. Fails only for want of memory. */
    karma_status (*read)(struct arena *a, const char *text, const struct choices *c,
                         const char **prediction, karma_parse *how);
    const char *help;
    /* May be NULL: never. Whatever follows text, and whether or not blanks around the whole are
     * left out then, does read() read the same? A true is sure, a false is not. text: whole
     * characters. */
    bool (*decided)(const char *text, const struct choices *c);
};

extern const struct extraction extractions[]; /* name NULL ends */
extern const char *const extraction_names[];  /* the same names, NULL-terminated */

/* false: no rule's decided() is true of text, whatever the choices are. */
bool extraction_may_decide(const char *text);

/* NULL if there is none of that name. */
const struct extraction *extraction_find(const char *name);

#endif
