/*
 * model_class.h - how a kind of model is made: a table of functions with an optional base class.
 * An empty slot inherits. A custom model is such a table that overrides what it changes, often
 * only preprocess and postprocess.
 */
#ifndef KARMA_MODEL_CLASS_H
#define KARMA_MODEL_CLASS_H

#include "karma/option.h"
#include "karma/sample.h"
#include "karma/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A model: model.h. */
typedef struct karma_model karma_model;
typedef struct karma_embed_options karma_embed_options; /* embedding.h */

enum { KARMA_CLASS_ABI = 2 }; /* raised when the table changes */

/* Where run() takes samples from and hands outputs to. A class calls these from the thread that
 * runs it, until its run returns; what it hands over is checked and copied. */
typedef struct karma_run_io {
    /* KARMA_OK and *sample (lent until the next call of next), KARMA_DONE when there is none left,
     * < 0 ends the run. */
    karma_status (*next)(void *user, const karma_sample **sample);
    /* Called once for each sample, in any order; < 0 ends the run. */
    karma_status (*put)(void *user, const karma_output *output);
    /* May be NULL. Asked between steps; true ends the run with E_CANCELLED. */
    bool (*cancelled)(void *user);
    /* May be NULL: new text of a sample as it is generated, whole characters, for streaming. */
    void (*stream)(void *user, const char *key, const char *text, size_t len);
    void *user;
    /* May be NULL. Asked as an answer grows, with what is sure to be the beginning of its text:
     * true ends it there, flagged KARMA_OUTPUT_DECIDED. Only of models that can end early
     * (karma_model_can_end_early()), else E_UNSUPPORTED. */
    bool (*enough)(void *user, const char *key, const char *text, size_t len);
} karma_run_io;

/* Messages a class makes of a sample. */
typedef struct karma_prompt karma_prompt;
/* One more message, copied. */
KARMA_API karma_status karma_prompt_add(karma_prompt *p, const char *role, const char *content);
/* The same with what is shown: all of *m, copied. */
KARMA_API karma_status karma_prompt_add_message(karma_prompt *p, const karma_message *m);
/* Show one more image with message i, after those it has; copied. A raw prompt is message 0: there
 * the text says where each image stands. E_RANGE past the end, also for an image of no pixels;
 * E_MISSING for one that is nothing. */
KARMA_API karma_status karma_prompt_add_image(karma_prompt *p, size_t i, const karma_image *image);
/* The number of messages so far, and message i (lent; NULL past the end). */
KARMA_API size_t karma_prompt_count(const karma_prompt *p);
KARMA_API const karma_message *karma_prompt_get(const karma_prompt *p, size_t i);
/* Replace the content of message i. E_RANGE past the end. */
KARMA_API karma_status karma_prompt_set(karma_prompt *p, size_t i, const char *content);
/* Use text as the whole prompt, without the chat template. */
KARMA_API karma_status karma_prompt_raw(karma_prompt *p, const char *text);

/* Set an output's text or thinking to a copy kept until put() returns. */
KARMA_API karma_status karma_output_set_text(karma_output *o, const char *text, size_t len);
KARMA_API karma_status karma_output_set_thinking(karma_output *o, const char *text, size_t len);

/* A kind of model. */
typedef struct karma_model_class {
    uint32_t abi_version; /* KARMA_CLASS_ABI */
    uint32_t struct_size; /* sizeof(karma_model_class) */
    const char *name;     /* "QwenThinkingLLM" */
    /* Other names it answers to (dotted ones of upstream), NULL-terminated; may be NULL. */
    const char *const *aliases;
    const struct karma_model_class *base; /* NULL: the base of all, BaseModel */
    const karma_option_spec *options;     /* beside the base's; an equal name overrides it */
    const char *help;                     /* one line for people */

    /* Bring in the checkpoint. */
    karma_status (*load)(karma_model *m);
    /* Turn a sample into messages (or a raw prompt). Base: conversation or input, system first,
     * images with the last user turn. */
    karma_status (*preprocess)(karma_model *m, const karma_sample *sample, karma_prompt *prompt);
    /* Answer every sample of io. Base: the batched engine, calling preprocess and postprocess. */
    karma_status (*run)(karma_model *m, const karma_run_io *io);
    /* Make the answer of what was generated; o->text is raw_text on entry. Base: strip. */
    karma_status (*postprocess)(karma_model *m, karma_output *o);
    /* One vector for each of n texts: out is [n, embedding_dim(m, options)]. options is never NULL.
     * Only classes of embedding models have these two; the base has neither. */
    karma_status (*embed)(karma_model *m, const char *const *texts, size_t n,
                          const karma_embed_options *options, float *out);
    /* Components of a vector; 0 for options that cannot be met. */
    int64_t (*embedding_dim)(const karma_model *m, const karma_embed_options *options);
    /* Give back what load() took beside the checkpoint. Called for a failed load too, and for every
     * class of the chain that has one, derived ones first. */
    void (*unload)(karma_model *m);
} karma_model_class;

/* Make a class known by its name and aliases. The table must outlive the process's use of it.
 * E_ABI, E_MISSING, E_DUPLICATE. */
KARMA_API karma_status karma_register_model_class(const karma_model_class *cls);
/* The class of that name or alias; for a dotted name that none has, the class whose own name is its
 * last part ("my.module.GemmaModel" is GemmaModel). E_NOTFOUND names what was asked for, and the
 * nearest. */
KARMA_API karma_status karma_find_model_class(const char *name, const karma_model_class **cls);
/* What a derived class calls to do as its base does: the first of slot's holders above cls. */
KARMA_API karma_status karma_base_load(const karma_model_class *cls, karma_model *m);
KARMA_API karma_status karma_base_preprocess(const karma_model_class *cls, karma_model *m,
                                             const karma_sample *sample, karma_prompt *prompt);
KARMA_API karma_status karma_base_run(const karma_model_class *cls, karma_model *m,
                                      const karma_run_io *io);
KARMA_API karma_status karma_base_postprocess(const karma_model_class *cls, karma_model *m,
                                              karma_output *o);
/* E_UNSUPPORTED: no class above cls makes vectors. */
KARMA_API karma_status karma_base_embed(const karma_model_class *cls, karma_model *m,
                                        const char *const *texts, size_t n,
                                        const karma_embed_options *options, float *out);

#ifdef __cplusplus
}
#endif
#endif
