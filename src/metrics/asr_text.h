/*
 * asr_text.h - a transcript as asr_semantic_metric compares it: words, each in four spellings, and
 * for words of a reference what they may be said as.
 */
#ifndef METRICS_ASR_TEXT_H
#define METRICS_ASR_TEXT_H

#include "base/mem.h"
#include "metrics/asr_language.h"
#include "metrics/terms.h"

/* Code points of all words one behind the other; word i is begin[i] .. begin[i + 1]. */
struct asr_form {
    uint32_t *cps;
    size_t *begin; /* [n_words + 1] */
};

/* One of a slot is said; all slots of a pattern in order. Phrases: words with a blank between. */
struct asr_slot {
    const char *const *phrases;
    size_t count;
};
struct asr_pattern {
    const struct asr_slot *slots;
    size_t count;
};
struct asr_expansions {
    const struct asr_pattern *items; /* the first is the basic one, if there is one */
    size_t count;
    bool basic;
    bool undefined;        /* the basic one fails upstream */
    bool others_undefined; /* ... those behind it do */
};

struct asr_word {
    struct piece text, lower;
    size_t n_characters;
    bool walked;    /* it has a digit or a symbol: the normal form of a span with it is `walked` */
    bool undefined; /* ... and there upstream fails on it */
    struct asr_expansions expansions;
};

struct asr_text {
    const struct asr_language *language;
    struct asr_word *words;
    size_t count;
    /* in lower case; that without full stops and hyphens; the semantic normal forms: letters alone,
     * and with numbers and symbols as words */
    struct asr_form lower, bare, letters, walked;
    bool one_case; /* some character is not the lower case of its upper case */
};

/* Cut text (lent) into words. */
karma_status asr_text_read(struct arena *a, const struct asr_language *l, const char *text,
                           struct asr_text *out);
/* What each of its words may be said as. */
karma_status asr_text_expand(struct arena *a, struct asr_text *t);
/* text without the hyphens between two words of ASCII letters, in a. */
karma_status asr_join_hyphens(struct arena *a, struct piece text, struct piece *out);

#endif
