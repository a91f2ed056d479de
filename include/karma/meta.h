/*
 * meta.h - what is known of a model before it is loaded: its name, the class that loads it and
 * that class's arguments, what it takes in, how large it is. Same fields and order as KARMA's
 * ModelMeta. A static struct with designated initialisers, or a JSON or YAML file.
 */
#ifndef KARMA_META_H
#define KARMA_META_H

#include <stddef.h>
#include <stdint.h>

#include "karma/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* KARMA's ModelType: what a model is for. */
typedef enum karma_model_type {
    KARMA_MODEL_TYPE_NONE,   /* not given: invalid in a meta */
    KARMA_TEXT_GENERATION,   /* "text_generation": text to text */
    KARMA_AUDIO_RECOGNITION, /* "audio_recognition": speech to text */
    KARMA_EMBEDDING,         /* "embedding": text to a vector */
    KARMA_MULTIMODAL         /* "multimodal": text and more to text */
} karma_model_type;

/* KARMA's ModalityType: what a model takes in. Bits, so that a meta holds a set. */
typedef enum karma_modality {
    KARMA_TEXT = 1,  /* "text" */
    KARMA_AUDIO = 2, /* "audio" */
    KARMA_IMAGE = 4, /* "image" */
    KARMA_VIDEO = 8  /* "video" */
} karma_modality;

/* A value's name ("text_generation", "text") and back. The parsers give E_RANGE naming what is
 * allowed. */
KARMA_API const char *karma_model_type_name(karma_model_type t);
KARMA_API karma_status karma_model_type_parse(const char *name, karma_model_type *out);
KARMA_API const char *karma_modality_name(karma_modality m);
KARMA_API karma_status karma_modality_parse(const char *name, karma_modality *out);

/* Strings are NULL when unknown; numbers 0; lists NULL or NULL-terminated. The registry copies all
 * of it. *_json hold JSON objects as text, NULL for {}. */
typedef struct karma_model_meta {
    const char *name;               /* required: "Qwen/Qwen3-0.6B" */
    const char *model_path;         /* checkpoint folder, file or hub id; NULL: the name */
    const char *revision;           /* hub revision; NULL: main */
    const char *reference;          /* where it is described */
    const char *description;        /* one line for people */
    const char *loader_class;       /* required: "karma.models.qwen.QwenThinkingLLM" or short */
    const char *loader_kwargs_json; /* arguments of the class */
    const char *default_eval_kwargs_json; /* kept, not used, as in KARMA */
    karma_model_type model_type;          /* required */
    unsigned modalities;                  /* karma_modality bits; 0: text */
    const char *const *languages;         /* NULL: eng-Latn */
    const char *release_date;             /* "2025-04-29" */
    const char *version;                  /* of the checkpoint, as its makers count */
    int64_t n_parameters;                 /* weights and biases */
    int64_t memory_usage_mb;              /* of the weights as published, MiB */
    int64_t max_tokens;                   /* context the checkpoint was made for */
    int64_t embed_dim;                    /* width of the vectors inside, or of those it makes */
    const char *const *framework;         /* what it was published for: "PyTorch", "Transformers" */
    const char *extra_json; /* keys that are none of these, kept and shown; NULL: none */
} karma_model_meta;

/* Check a meta: E_MISSING, E_RANGE, E_SYNTAX naming field and value; E_PATH for a name with "..",
 * control characters or over 255 bytes; E_SYNTAX for a loader_class that is no name or dotted path.
 * Whether there is such a class is asked when a model is made, not here. */
KARMA_API karma_status karma_model_meta_check(const karma_model_meta *meta);

/* The meta as a JSON object, fields in the order above, unknown ones left out, extra keys last.
 * *json: the caller's, karma_free() it. */
KARMA_API karma_status karma_model_meta_to_json(const karma_model_meta *meta, char **json);

/* Free what a function of this library handed over. NULL is fine. */
KARMA_API void karma_free(void *p);

#ifdef __cplusplus
}
#endif
#endif
