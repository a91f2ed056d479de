/*
 * sample.h - one input of a model and its output. Samples carry a key: results are joined by it,
 * never by position.
 */
#ifndef KARMA_SAMPLE_H
#define KARMA_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "karma/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A picture: a file, or the bytes of one, or pixels. All lent. */
typedef struct karma_image {
    const char *path;            /* a file; NULL: from memory */
    const void *bytes;           /* an encoded file; NULL: pixels */
    size_t n_bytes;              /* of bytes */
    const char *name;            /* of bytes or pixels, for messages; may be NULL */
    const unsigned char *pixels; /* [height, width, channels] */
    int32_t width, height;       /* of pixels */
    int32_t channels;            /* of pixels: 1 (grey) or 3 (red, green, blue) */
    int32_t frame;               /* of a file with several (DICOM): which, from 0 */
    const char *digest;          /* SHA-256 of the file or the bytes, hex, when it is known */
} karma_image;

/* One turn of a conversation. */
typedef struct karma_message {
    const char *role;          /* "system", "user", "assistant", ... */
    const char *content;       /* what was said */
    const karma_image *images; /* what was shown with it; NULL: nothing */
    size_t n_images;           /* how many those are */
    bool images_first;         /* before the words; else after them */
} karma_message;

/* Sound: a file, or the bytes of one, or samples. All lent. */
typedef struct karma_audio {
    const char *path;     /* a file; NULL: from memory */
    const void *bytes;    /* an encoded file; NULL: samples */
    size_t n_bytes;       /* of bytes */
    const char *name;     /* of bytes or samples, for messages; may be NULL */
    const float *samples; /* mono, -1..1 */
    size_t n_samples;     /* of samples */
    int32_t sample_rate;  /* of samples, in Hz */
    const char *digest;   /* SHA-256 of the file or the bytes, hex, when it is known; else NULL */
} karma_audio;

/* KARMA's DataLoaderIterable. Give conversation (n_messages > 0) or input. All strings UTF-8. */
typedef struct karma_sample {
    uint32_t struct_size;              /* sizeof(karma_sample) */
    const char *key;                   /* unique in a run; NULL outside evaluations */
    const char *input;                 /* one user turn */
    const karma_message *conversation; /* or several turns */
    size_t n_messages;                 /* how many those are */
    const char *system_prompt;         /* put first unless a system message leads */
    const char *expected_output;       /* the reference; models never see it */
    const char *other_args_json;       /* an object, or NULL */
    const karma_audio *audio;          /* what is to be heard; NULL: nothing */
    const karma_image *images;         /* shown with the last user turn, after its words */
    size_t n_images;                   /* how many those are */
    /* Answers to choose from, each one token: nothing is generated, their logits are compared where
     * the answer would begin, behind answer_lead (NULL: ""). n_candidates 0: generate. */
    const char *const *candidates;
    size_t n_candidates;     /* up to KARMA_MAX_CANDIDATES (engine.h) */
    const char *answer_lead; /* "Final Answer: (", for one */
    /* The candidates are texts of any length: of each the log-probabilities of its tokens behind
     * the prompt, of the whole vocabulary, are summed. The prompt is computed once for all. */
    bool candidate_texts;
} karma_sample;

/* Why an answer ended. */
typedef enum karma_finish_reason {
    KARMA_FINISH_STOP,      /* an end token or a stop string */
    KARMA_FINISH_LENGTH,    /* max_tokens reached, or the context is full */
    KARMA_FINISH_CANCELLED, /* the caller ended it */
    KARMA_FINISH_ERROR      /* status says why */
} karma_finish_reason;
/* "stop", "length", "cancelled", "error". */
KARMA_API const char *karma_finish_reason_name(karma_finish_reason r);

/* What is to be known of an answer; bits. */
enum karma_output_flag {
    KARMA_OUTPUT_CUT = 1,              /* ended by the token limit */
    KARMA_OUTPUT_PROMPT_TRUNCATED = 2, /* the prompt lost a part, as an option asked */
    KARMA_OUTPUT_THOUGHT_CUT = 4,      /* ended inside its thinking: there is no answer */
    KARMA_OUTPUT_SPECIAL_IN_TEXT = 8,  /* the sample's text held control-token text */
    KARMA_OUTPUT_DECIDED = 16,         /* ended early: the caller had enough */
};

/* Log-probability of one generated token, and of the most likely ones at that step. */
typedef struct karma_token_logprob {
    int32_t token;             /* its id */
    float logprob;             /* natural logarithm, of the unmodified logits' softmax */
    const int32_t *top_tokens; /* [n_top], most likely first */
    const float *top_logprobs; /* theirs */
    int32_t n_top;             /* how many those are */
} karma_token_logprob;

/* What a model made of one sample. Lent to the sink for the call. */
typedef struct karma_output {
    uint32_t struct_size;
    const char *key;                     /* of the sample */
    karma_status status;                 /* < 0: this sample failed; texts are NULL then */
    const char *error;                   /* its message; NULL when it did not fail */
    const char *text;                    /* the answer, after postprocess */
    const char *thinking;                /* the thought, apart; NULL if none */
    const char *raw_text;                /* all that was generated, without special tokens */
    const int32_t *tokens;               /* all generated ids, the end token included */
    size_t n_tokens;                     /* how many those are */
    size_t n_prompt_tokens;              /* of the prompt */
    size_t n_cached_tokens;              /* of the prompt, taken from a shared prefix */
    karma_finish_reason finish_reason;   /* why it ended */
    unsigned flags;                      /* karma_output_flag */
    const karma_token_logprob *logprobs; /* [n_tokens] when asked for, else NULL */
    const float *prompt_logprobs; /* [n_prompt_tokens], [0] is 0; when asked for, else NULL */
    /* Of speech, when asked for: {"language", "duration", "segments": [{"text", "begin", "end",
     * "confidence"}, ...]}, times in seconds; else NULL. */
    const char *segments_json;
    /* [n_candidates] of those that were compared, in their order: what the head gives. NULL: none
     * were. text is then the chosen one, raw_text an object of the log-probabilities. */
    const float *candidate_logits;
    /* Log-probabilities among them alone: their exponentials sum to 1. */
    const float *candidate_logprobs;
    size_t n_candidates; /* how many those are */
    /* Of candidate_texts, [n_candidates] each, else NULL: sums of the log-probabilities of their
     * tokens, in the order of the tokens; how many tokens those are; bytes of the texts as they
     * were given (of ids: NULL). candidate_logits is NULL then, and candidate_logprobs has the sums
     * less the logarithm of the sum of their exponentials. */
    const double *candidate_sums;
    const int32_t *candidate_tokens; /* [n_candidates] tokens of each, with the sums */
    const int32_t *candidate_bytes;  /* [n_candidates] bytes of each, likewise */
} karma_output;

#ifdef __cplusplus
}
#endif
#endif
