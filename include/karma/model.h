/*
 * model.h - a model: created by name, loaded, run on samples, freed. The calls mirror KARMA's
 * BaseModel.
 */
#ifndef KARMA_MODEL_H
#define KARMA_MODEL_H

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
/* Create and load. */
KARMA_API karma_status karma_get_model(const char *name, const char *args_json, karma_model **out);

/* Load the checkpoint. Loading twice is harmless; after a failure it can be tried again. */
KARMA_API karma_status karma_model_load(karma_model *m);
KARMA_API bool karma_model_is_loaded(const karma_model *m);
/* Give back everything load() took. */
KARMA_API void karma_model_unload(karma_model *m);
KARMA_API void karma_model_destroy(karma_model *m); /* NULL is fine */

/* Answer all samples of io, many at once; loads first if need be. Samples that fail are outputs
 * with a status; the call itself fails only when the run cannot go on. */
KARMA_API karma_status karma_model_run(karma_model *m, const karma_run_io *io);
/* One text in, the answer out; karma_free() it. */
KARMA_API karma_status karma_model_run_text(karma_model *m, const char *input, char **answer);

KARMA_API const char *karma_model_name(const karma_model *m);
KARMA_API const char *karma_model_path(const karma_model *m); /* resolved; NULL before load */
KARMA_API const karma_model_class *karma_model_get_class(const karma_model *m);
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
/* What makes an answer what it is: digests of the checkpoint's files, numerics version, device
 * class and arguments, as a JSON object with sorted keys (for the store); karma_free(). The class
 * decides; for one without a checkpoint: name and arguments. Loads nothing. */
KARMA_API karma_status karma_model_identity(karma_model *m, char **json);

#ifdef __cplusplus
}
#endif
#endif
