/*
 * word_list.h - a list of words to replace: a rule a line, what, a tab, by what; blank lines and
 * those that begin with # are skipped. What is replaced is whole words, of one rule after the
 * other, the longest first, so that a later rule also meets what an earlier one made.
 */
#ifndef PROCESSORS_WORD_LIST_H
#define PROCESSORS_WORD_LIST_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/mem.h"

/* How texts are spelled that the list is for. */
struct spelling {
    const char *language; /* lent; of indic_languages */
    bool compatible;      /* NFKC, not NFC */
    /* As KARMA 0.2.0: columns end at the first blank, a vowel sign ends a word, and rules are not
     * brought into the spelling of the texts. */
    bool as_upstream;
};
struct word_list {
    struct spelling spelling;
    struct replacement *items; /* in an arena */
    size_t count;
};

/* E_SYNTAX, E_ENCODING: with the line. */
karma_status word_list_parse(struct arena *a, const struct spelling *spelling, const char *text,
                             size_t len, struct word_list *out);
/* The same of a file; the message begins with its path. */
karma_status word_list_read(struct arena *a, const struct spelling *spelling, const char *path,
                            struct word_list *out);
/* text: valid UTF-8, in that spelling. */
karma_status word_list_apply(const struct word_list *l, struct buf *text, struct buf *scratch);

#endif
