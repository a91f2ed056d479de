/*
 * tokenizers.h - the small tokenizers of tests/fixtures/text/ (tools/fixtures/make_tokenizers.py),
 * and one-line ways to ask them. What fails here stops the test.
 */
#ifndef TESTS_SUPPORT_TOKENIZERS_H
#define TESTS_SUPPORT_TOKENIZERS_H

#include "text/tokenizer.h"

/* tests/fixtures/text/NAME.json; the caller's, to be destroyed. */
struct tokenizer *fixture_tokenizer(const char *name);
/* The arrays of tests/fixtures/text/scores.json, through tokenizer_from_tables(). */
struct tokenizer *fixture_scores(void);
/* A byte-level tokenizer of 256 bytes and the merges of "ab" "abc" "lo" "low", with added tokens
 * "<s>" (special), "<n>" and their flags; what follows is put in as it stands. NULL: no added. */
struct tokenizer *tiny_tokenizer(const char *added_tokens_json);
/* The text of that tokenizer's file; lent until the next call. */
const char *tiny_json(const char *added_tokens_json);

/* The ids of text must be exactly these, written as "1 2 3". */
#define assert_ids(t, text, wanted)                                                                \
    test_ids(t, text, strlen(text), NULL, wanted, __FILE__, __LINE__)
void test_ids(const struct tokenizer *t, const char *text, size_t len,
              const struct encode_options *options, const char *wanted, const char *file, int line);
/* The same, by the tokens' spellings: "a|b|<s>". */
#define assert_pieces(t, text, options, wanted)                                                    \
    test_pieces(t, text, strlen(text), options, wanted, __FILE__, __LINE__)
void test_pieces(const struct tokenizer *t, const char *text, size_t len,
                 const struct encode_options *options, const char *wanted, const char *file,
                 int line);

#endif
