/*
 * tokenizer_reader.h - the state of reading one tokenizer.json and the small steps that its readers
 * share: tokenizer_json.c for the file, tokenizer_model.c for the model in it.
 */
#ifndef TEXT_TOKENIZER_READER_H
#define TEXT_TOKENIZER_READER_H

#include "base/json_pull.h"
#include "text/tokenizer_impl.h"

/* Bytes of the file that hold one value. */
struct slice {
    size_t begin, end;
    bool seen;
};

struct reader {
    struct tokenizer *t;
    const char *data;
    size_t len;
    struct slice version, added, normalizer, pre_tokenizer, post_processor, decoder, model;
};

/* E_TYPE: "expected an object". */
karma_status reader_wrong_type(const char *expected);
bool reader_key_is(const struct json_pull *j, const char *key);
/* A stream over a slice, with offsets and lines of the whole file. */
void reader_open_slice(const struct reader *r, const struct slice *s, struct json_pull *j);
/* Skip the value that follows and note where it is. */
karma_status reader_take_slice(struct json_pull *j, struct slice *s);
/* The value that follows; null leaves *out as it is, or gives NULL. */
karma_status reader_take_bool(struct json_pull *j, bool *out);
karma_status reader_take_int(struct json_pull *j, int64_t *out);
karma_status reader_take_string(struct reader *r, struct json_pull *j, const char **out,
                                size_t *len); /* in the tokenizer's arena */

/* The members of the object of tokens and ids that the stream is in, to its end; indexes them. */
karma_status reader_vocab_map(struct tokenizer *t, struct json_pull *j);
/* The object that follows is the model; the pre-tokenizer is known by then. */
karma_status reader_model(struct reader *r, struct json_pull *j);

#endif
