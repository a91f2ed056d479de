/*
 * tokenizer.h - text to token ids and back, identical to the Hugging Face tokenizers library. A
 * tokenizer is immutable after load and shared by threads; a struct detokenizer is one stream's.
 */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

struct tokenizer;

/* From the bytes of a tokenizer.json. name: for messages ("tokenizer.json"). What the file asks
 * for and we do not know (normalizer, pattern, decoder ...) is E_UNSUPPORTED naming it. */
karma_status tokenizer_from_json(const char *data, size_t len, const char *name,
                                 struct tokenizer **out);

/* From a vocab.txt (WordPiece: a token a line, its id the line's number from 0) and the flags of
 * tokenizer_config.json (do_lower_case, tokenize_chinese_chars, strip_accents; NULL: the
 * reference's defaults), as the reference's BertTokenizer makes it. */
karma_status tokenizer_from_vocab_txt(const char *data, size_t len, const struct json *config,
                                      const char *name, struct tokenizer **out);
/* From the vocab.json and merges.txt of a byte-level BPE, with the pre-tokenizer pattern of that
 * name ("qwen2", "gpt-2", "llama-bpe"; NULL: that of the config's tokenizer_class, E_UNSUPPORTED
 * naming one that is not known) and added tokens of tokenizer_config.json (may be NULL). */
karma_status tokenizer_from_vocab_merges(const char *vocab, size_t vocab_len, const char *merges,
                                         size_t merges_len, const char *pre,
                                         const struct json *config, struct tokenizer **out);

/* A flag that a container need not have. */
enum table_flag { FLAG_UNSAID, FLAG_NO, FLAG_YES };
/* From the arrays of a container (GGUF); the caller's memory, copied. */
struct tokenizer_tables {
    const char *model; /* "gpt2": byte-level BPE with merges; "llama": SentencePiece BPE by score;
                          "bert": WordPiece */
    const char *pre; /* pre-tokenizer name: "qwen2", "llama-bpe", "smollm", "gpt-2", ... or NULL */
    bool nfc;        /* the family's full pipeline normalises (Qwen); GGUF does not record it */
    int32_t n_tokens;
    const char *const *tokens; /* in the container's alphabet, with lengths */
    const size_t *token_lens;
    const int32_t *token_types; /* GGUF's 1..6; NULL: all normal */
    const float *scores;        /* for "llama"; else NULL */
    int64_t n_merges;
    const char *const *merges; /* "left right" */
    const size_t *merge_lens;
    int32_t bos, eos, unk; /* -1: none; of "bert" the first two are [CLS] and [SEP] */
    bool add_bos, add_eos, add_space_prefix;
    /* Of "bert". Unsaid: lower-cased unless all of A to Z are tokens; accents go with the case. */
    enum table_flag lowercase, strip_accents;
};
karma_status tokenizer_from_tables(const struct tokenizer_tables *tables, struct tokenizer **out);
void tokenizer_destroy(struct tokenizer *t);

int32_t tokenizer_vocab_size(const struct tokenizer *t); /* highest id + 1 */
/* Id of an exact token text (added tokens first); -1 if there is none. */
int32_t tokenizer_find(const struct tokenizer *t, const char *text, size_t len);
/* Text of a token as the vocabulary spells it, for people ("Ġthe"); NULL for a hole. */
const char *tokenizer_token(const struct tokenizer *t, int32_t id, size_t *len);
bool tokenizer_is_special(const struct tokenizer *t, int32_t id);

/* A growing list of ids. All-zero is a valid empty one. */
struct tokens {
    int32_t *ids;
    size_t count, cap;
};
void tokens_release(struct tokens *t);
karma_status tokens_push(struct tokens *t, int32_t id);
/* Room for `more` further ids; the place where they go, NULL on no memory. */
int32_t *tokens_reserve(struct tokens *t, size_t more);

/* Bytes [begin, end) of a text that are data, not template: special tokens in them are text. */
struct text_span {
    size_t begin, end;
};
struct encode_options {
    bool add_special_tokens; /* the post-processor's bos/eos */
    /* Spans (sorted, disjoint) inside which added tokens flagged special are not recognised.
     * Normalisation, pre-tokenisation and merging still run across their borders. */
    const struct text_span *plain_spans;
    size_t n_plain_spans;
    /* Recognise them there all the same, as the reference does: the spans only serve the count. */
    bool count_only;
};
/* Append the ids of text to *out. Invalid UTF-8 is replaced as the reference does (U+FFFD per
 * maximal subpart). *n_special_in_plain (may be NULL): matches of special tokens that touch
 * plain_spans, recognised or not, so that a caller can count injected ones. options may be NULL. */
karma_status tokenizer_encode(const struct tokenizer *t, const char *text, size_t len,
                              const struct encode_options *options, struct tokens *out,
                              size_t *n_special_in_plain);

/* How many ids the post-processor puts around a text. */
int32_t tokenizer_special_count(const struct tokenizer *t);
/* The same with special tokens, cut to at most max_length ids as the reference's truncation does:
 * ids of the text are dropped at its end (truncation_side "left" in tokenizer_config.json: at its
 * beginning), never those put around it. *cut (may be NULL): whether any were. E_LIMIT: max_length
 * has no room for the special ones. */
karma_status tokenizer_encode_truncated(const struct tokenizer *t, const char *text, size_t len,
                                        size_t max_length, bool from_left, struct tokens *out,
                                        bool *cut);

/* Append the text of ids, exactly as the reference's decode. Ids without a token are skipped. */
karma_status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t count,
                              bool skip_special_tokens, struct buf *out);

/* Decoding a stream token by token: emits only whole characters, holds back at most 3 bytes of a
 * partial one; what cannot be completed becomes U+FFFD. All-zero is a valid fresh one. */
struct detokenizer {
    unsigned char pending[8];
    int n_pending;
    bool started;
    bool per_byte; /* pending bytes are byte-fallback tokens: each becomes a U+FFFD of its own */
};
karma_status detokenizer_push(struct detokenizer *d, const struct tokenizer *t, int32_t id,
                              bool skip_special_tokens, struct buf *out);
karma_status detokenizer_end(struct detokenizer *d, struct buf *out);

#endif
