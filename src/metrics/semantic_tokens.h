/*
 * semantic_tokens.h - the steps of semantic_words.h: a text cut into words, numbers and signs, and
 * phrases put by what they mean.
 */
#ifndef METRICS_SEMANTIC_TOKENS_H
#define METRICS_SEMANTIC_TOKENS_H

#include "base/mem.h"
#include "metrics/terms.h"

enum token_kind { TOKEN_WORD, TOKEN_NUMBER, TOKEN_UNIT, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    struct piece text; /* of a number its digits, without zeros that say nothing */
};
struct tokens {
    struct arena *a;
    struct token *items;
    size_t count, cap;
};

/* Text in lower case, composed; lent to the tokens. */
karma_status tokens_cut(struct tokens *t, const char *text, size_t len);
/* Units, signs and words by one name each, in place: there are never more tokens than before. */
void tokens_put_phrases(struct tokens *t);
/* Append a number of these digits as it is compared. */
karma_status tokens_plain_number(const struct buf *whole, const struct buf *fraction,
                                 struct buf *out);

#endif
