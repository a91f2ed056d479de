/*
 * extract_rules.h - the rules of extract.c's table that stand in files of their own, and how a rule
 * gives what it found.
 */
#ifndef DATASETS_EXTRACT_RULES_H
#define DATASETS_EXTRACT_RULES_H

#include "datasets/extract.h"
#include "datasets/span.h"

/* Beside indices of options. */
enum { EXTRACTION_NOTHING = -1, EXTRACTION_AMBIGUOUS = -2 };

karma_status extraction_none(const char **prediction, karma_parse *how);
karma_status extraction_ambiguous(const char **prediction, karma_parse *how);
/* The span, in a, by marker; an empty one is none. */
karma_status extraction_give(struct arena *a, struct span s, const char **prediction,
                             karma_parse *how);
/* The label of that index, or what index says it is. */
karma_status extraction_give_letter(struct arena *a, const struct choices *c, int index,
                                    karma_parse as, const char **prediction, karma_parse *how);

typedef karma_status extraction_read(struct arena *a, const char *text, const struct choices *c,
                                     const char **prediction, karma_parse *how);
typedef bool extraction_decided(const char *text, const struct choices *c);

/* extract_upstream.c */
extern extraction_read extraction_final_answer, extraction_mcqa_upstream,
    extraction_between_markers, extraction_first_letter, extraction_letter_anywhere,
    extraction_letter_at_end, extraction_translation, extraction_answer_block,
    extraction_whole_of_block, extraction_overview;
extern extraction_decided extraction_final_answer_decided, extraction_mcqa_upstream_decided,
    extraction_between_markers_decided, extraction_first_letter_decided;
/* extract_number.c */
extern extraction_read extraction_number, extraction_number_upstream;

#endif
