/*
 * model.h - a model: created by name, loaded, run on samples, freed. The calls mirror KARMA's
 * BaseModel.
 */
#ifndef KARMA_MODEL_H
#define KARMA_MODEL_H

#include "karma/meta.h"
#include "karma/model_class.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Create the model of that registered name, or of a path to a checkpoint (its class is then chosen
 * by the architecture in the checkpoint's header). args_json: arguments that override the meta's,
 * an object or NULL. No weights are read yet. E_NOTFOUND, E_USAGE. The caller destroys it. */
KARMA_API karma_status karma_model_create(const char *name, const char *args_json,
                                          karma_model **out);
/* The same with every level given: model_path (NULL: the meta's), config_json < args_json. */
KARMA_API karma_status karma_model_create_with(const char *name, const char *model_path,
                                               const char *config_json, const char *args_json,
                                               karma_model **out);
/* A model of that class itself: its own defaults, no meta's arguments. model_name_or_path: a path
 * or hub id; where it is a registered name, that meta says where the checkpoint lies. The class
 * need not be registered; it must outlive the model. E_ABI, E_USAGE. */
KARMA_API karma_status karma_model_create_as(const karma_model_class *cls,
                                             const char *model_name_or_path, const char *args_json,
                                             karma_model **out);
/* Create and load. */
KARMA_API karma_status karma_get_model(const char *name, const char *args_json, karma_model **out);

/* Load the checkpoint. Loading twice is harmless; after a failure it can be tried again. When it
 * fails and the argument fallback (a name, or a list of them) names another model, that one is
 * loaded in its place: a warning tells, karma_model_name() and the results say which it was.
 * E_LIMIT: it needs more than the ceiling (max_memory_mb); the message has the sum. */
KARMA_API karma_status karma_model_load(karma_model *m);
/* True between a load that went well and unload. */
KARMA_API bool karma_model_is_loaded(const karma_model *m);
/* Give back everything load() took. */
KARMA_API void karma_model_unload(karma_model *m);
KARMA_API void karma_model_destroy(karma_model *m); /* NULL is fine */

/* Answer all samples of io, many at once; loads first if need be. Samples that fail are outputs
 * with a status; the call itself fails only when the run cannot go on. */
KARMA_API karma_status karma_model_run(karma_model *m, const karma_run_io *io);
/* Does run() take samples with candidates? Not where the class answers in its own way (speech,
 * vectors, run() of a plugin) or in a process of its own. */
KARMA_API bool karma_model_can_choose(const karma_model *m);
/* May io have enough()? Not where the class makes the answer of what was generated in its own way,
 * either. */
KARMA_API bool karma_model_can_end_early(const karma_model *m);
/* One text in, the answer out; karma_free() it. */
KARMA_API karma_status karma_model_run_text(karma_model *m, const char *input, char **answer);
/* n texts in, n answers out, in their order: one block, NULL-terminated, karma_free() it. They are
 * computed together. Fails as a whole, naming the first text that failed (from 0). */
KARMA_API karma_status karma_model_run_texts(karma_model *m, const char *const *inputs, size_t n,
                                             char ***answers);
/* n samples in, a JSON array of n objects out, in their order: {text, tool_trace, thinking,
 * finish_reason, prompt_tokens, generated_tokens, flags, error}. A sample that failed has text null
 * and its error; the others are whole. tool_trace is "". karma_free() it. */
KARMA_API karma_status karma_model_run_with_metadata(karma_model *m,
                                                     const karma_sample *const *samples, size_t n,
                                                     char **json);

/* The class's preprocess alone: *json is {"messages": [{role, content}, ...]} or {"prompt": "..."};
 * karma_free() it. Needs no weights. */
KARMA_API karma_status karma_model_preprocess(karma_model *m, const karma_sample *sample,
                                              char **json);
/* The class's postprocess alone, on raw generated text: *json is {"text", "thinking", "flags"};
 * karma_free() it. */
KARMA_API karma_status karma_model_postprocess(karma_model *m, const char *raw_text, char **json);

/* Compute on that device from now on ("auto", "cpu", "cuda", "cuda:1"). A loaded model is loaded
 * again there, and stays as it was when that fails. E_USAGE: there is no such device. */
KARMA_API karma_status karma_model_to(karma_model *m, const char *device);
/* As in PyTorch; karma's models are always in evaluation mode. Returns m. */
KARMA_API karma_model *karma_model_eval(karma_model *m);
/* "QwenThinkingLLM(model_name_or_path='Qwen/Qwen3-0.6B', device='cpu')"; karma_free() it. */
KARMA_API karma_status karma_model_repr(const karma_model *m, char **text);

/* The name it answers to: after a fall-back, the one that was loaded. */
KARMA_API const char *karma_model_name(const karma_model *m);
/* The name it was asked for by. */
KARMA_API const char *karma_model_requested_name(const karma_model *m);
/* Why a fall-back was taken: "NAME: message" for each model that did not load, separated by "; ".
 * NULL when none was. Lent by m. */
KARMA_API const char *karma_model_fallback_reason(const karma_model *m);
KARMA_API const char *karma_model_path(const karma_model *m); /* resolved; NULL before load */
/* The class whose methods it has; lent. */
KARMA_API const karma_model_class *karma_model_get_class(const karma_model *m);
/* What it is for: of a registered name as its meta says, of a path as its class does. */
KARMA_API karma_model_type karma_model_get_type(const karma_model *m);
/* The complete arguments it was made with, JSON; lent. */
KARMA_API const char *karma_model_args(const karma_model *m);
/* An argument of these by name; E_NOTFOUND, E_TYPE. For classes. */
KARMA_API karma_status karma_model_arg_bool(const karma_model *m, const char *name, bool *out);
KARMA_API karma_status karma_model_arg_int(const karma_model *m, const char *name, int64_t *out);
KARMA_API karma_status karma_model_arg_real(const karma_model *m, const char *name, double *out);
KARMA_API karma_status karma_model_arg_str(const karma_model *m, const char *name,
                                           const char **out); /* lent by m */
/* What a class keeps with its model, from load() to unload(); NULL at first. */
KARMA_API void karma_model_set_data(karma_model *m, void *data);
KARMA_API void *karma_model_data(const karma_model *m);
KARMA_API int64_t karma_model_num_parameters(const karma_model *m); /* 0 before load */
/* {model_name_or_path, model_type, class, device, is_loaded, num_parameters, ...}; karma_free(). */
KARMA_API karma_status karma_model_info(const karma_model *m, char **json);
/* What a model takes, in bytes. The estimate is made from the checkpoint's header alone. */
typedef struct karma_memory {
    uint32_t struct_size;
    int64_t weights;  /* mapped from the checkpoint, shared with other processes */
    int64_t own;      /* ours beside that: gains, repacked weights, tokenizer */
    int64_t cache;    /* KV cache and scratch of a run with the model's arguments */
    int64_t estimate; /* the sum of the three, as expected before loading */
    int64_t current;  /* now: 0 when not loaded */
    int64_t peak;     /* the most it has had so far */
    int64_t ceiling;  /* what it may take */
} karma_memory;
/* Loads nothing. E_NOTFOUND when the checkpoint is not on this machine. */
KARMA_API karma_status karma_model_memory(karma_model *m, karma_memory *out);

/* What makes an answer what it is: digests of the checkpoint's files, numerics version, device
 * class and arguments, as a JSON object with sorted keys (for the store); karma_free(). The class
 * decides; for one without a checkpoint: name and arguments. Loads nothing, but for a model with
 * fall-backs, of which only loading tells which one answers. */
KARMA_API karma_status karma_model_identity(karma_model *m, char **json);

/* The files beside the weights that have a part in answers (configuration, tokenizer, template),
 * with the SHA-256 of each as hex: {"tokenizer.json": "..."}; "{}" where the class reads none, or
 * where they are part of the weights' file. karma_free(). Loads nothing. */
KARMA_API karma_status karma_model_companions(karma_model *m, char **json);

#ifdef __cplusplus
}
#endif
#endif
