/*
 * tokenizer_impl.h - what a tokenizer is made of; for the readers that build one and for
 * tokenizer.c, which runs it.
 */
#ifndef TEXT_TOKENIZER_IMPL_H
#define TEXT_TOKENIZER_IMPL_H

#include "base/mem.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"
#include "text/vocab.h"

enum { TEMPLATE_MAX_IDS = 16 };

struct tokenizer {
    struct arena arena; /* strings of steps and of added tokens */
    struct vocab vocab;
    struct bpe bpe;
    struct added_set raw, normalized; /* searched before and after the normalizer */
    struct normalizer normalizer;
    struct pretokenizer pretokenizer;
    struct decoder decoder;
    int32_t before[TEMPLATE_MAX_IDS], after[TEMPLATE_MAX_IDS]; /* post-processor, around the text */
    int n_before, n_after;
};

/* An added token as a file lists it. */
struct added_entry {
    int64_t id;
    const char *content;
    size_t len;
    bool single_word, lstrip, rstrip, normalized, special;
};
/* Take it into the vocabulary and the sets; vocabulary and normalizer are complete by then. */
karma_status tokenizer_add_token(struct tokenizer *t, const struct added_entry *e);
/* After everything is in: derive tables. */
karma_status tokenizer_finish(struct tokenizer *t);

#endif
