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
#include "text/unigram.h"
#include "text/vocab.h"
#include "text/wordpiece.h"

enum { TEMPLATE_MAX_IDS = 16 };

enum model_kind { MODEL_BPE, MODEL_WORDPIECE, MODEL_UNIGRAM, MODEL_WORDLEVEL };

struct tokenizer {
    struct arena arena; /* strings of steps and of added tokens */
    struct vocab vocab;
    enum model_kind model; /* which of the next three pieces go to; all-zero those that do not */
    struct bpe bpe;
    struct wordpiece wordpiece; /* WORDLEVEL takes its unknown token from here */
    struct unigram unigram;
    struct added_set raw, normalized; /* searched before and after the normalizer */
    struct normalizer normalizer;
    struct pretokenizer pretokenizer;
    struct decoder decoder;
    int32_t before[TEMPLATE_MAX_IDS], after[TEMPLATE_MAX_IDS]; /* post-processor, around the text */
    int n_before, n_after;
};

/* An empty tokenizer, to be filled; the caller's. */
struct tokenizer *tokenizer_new(void);

/* An added token as a file lists it. */
struct added_entry {
    int64_t id;
    const char *content;
    size_t len;
    bool single_word, lstrip, rstrip, normalized, special;
};
/* Take it into the vocabulary and the sets; vocabulary and normalizer are complete by then. */
karma_status tokenizer_add_token(struct tokenizer *t, const struct added_entry *e);
/* The steps of a byte-level BPE's pre-tokenizer by its name ("qwen2", "gpt-2", "llama-bpe",
 * "smollm"). E_UNSUPPORTED. */
karma_status tokenizer_known_pre(struct tokenizer *t, const char *pre);
/* After everything is in: derive tables. */
karma_status tokenizer_finish(struct tokenizer *t);

#endif
