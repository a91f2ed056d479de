/*
 * added_tokens.h - tokens that are cut out of a text before anything else happens to it. Search is
 * leftmost-longest without overlap, with the reference's flags.
 */
#ifndef TEXT_ADDED_TOKENS_H
#define TEXT_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "text/tokenizer.h"

enum { ADDED_MAX_BYTES = 512 }; /* of one token: what one position of a text can cost */

struct added_token {
    int32_t id;
    bool single_word, lstrip, rstrip, special;
    const char *text; /* as it is searched: normalised if it is a normalised one */
    size_t len;
};

/* Tokens sorted by text; the matcher narrows a range of them byte by byte. */
struct added_set {
    struct added_token *tokens;
    size_t count, cap;
    uint32_t first[257]; /* tokens whose first byte is b: first[b] .. first[b + 1] - 1 */
};

/* token->text is lent. E_SYNTAX: empty; E_LIMIT: longer than ADDED_MAX_BYTES. */
karma_status added_set_add(struct added_set *s, const struct added_token *token);
/* Sort; call once, before searching. E_DUPLICATE names a text given twice. */
karma_status added_set_finish(struct added_set *s);
void added_set_release(struct added_set *s);
const struct added_token *added_set_find(const struct added_set *s, const char *text, size_t len);

/* Where special tokens may not be recognised, in bytes of the searched text. */
struct added_limits {
    const struct text_span *plain; /* sorted, disjoint */
    size_t n_plain;
    size_t base;     /* offset of the searched text in what the spans count */
    bool count_only; /* recognise them all the same */
    bool all_plain;  /* every byte counts as plain (spans cannot be traced to it) */
};

/* One search through a text. */
struct added_search {
    const struct added_set *set;
    const struct added_limits *limits; /* NULL: none */
    const char *text;
    size_t len, at;
    size_t span;         /* plain spans before this one end before `at` */
    size_t counted_end;  /* end of the last special match counted */
    size_t n_special;    /* special matches that touch a plain span */
    size_t start_offset; /* end of the last token given, as the reference counts it */
};
/* The next token: *begin .. *end is what it takes of the text, with stripped white space; the text
 * between the previous token's end and *begin is not part of any. False: no more. Ranges may
 * overlap when rstrip swallows white space that holds further tokens, as in the reference. */
bool added_search_next(struct added_search *s, const struct added_token **token, size_t *begin,
                       size_t *end);

#endif
