/*
 * registry.h - models by name. One registry a process, filled at first use with the built-in
 * catalog, then with the files of $KARMA_PATH (colon-separated folders) and of the user's
 * configuration folder ($KARMA_CONFIG_HOME, else $XDG_CONFIG_HOME/karma, else ~/.config/karma),
 * *.json, *.yaml and *.yml under models/. A later entry of a name overrides an earlier one with a
 * warning; a broken file is reported as a warning and hides nothing else. All calls are safe from
 * several threads; what they lend lives until that entry is overridden or removed.
 */
#ifndef KARMA_REGISTRY_H
#define KARMA_REGISTRY_H

#include <stdbool.h>

#include "karma/meta.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Add a copy of meta; an entry of that name is replaced, with a warning. Statuses as
 * karma_model_meta_check(). */
KARMA_API karma_status karma_register_model_meta(const karma_model_meta *meta);
/* Every meta of a JSON or YAML file (one object, or a list of them); E_DUPLICATE when a name
 * occurs twice in the file. Nothing is added when anything in it is wrong. */
KARMA_API karma_status karma_register_model_file(const char *path);

/* *meta is lent. E_NOTFOUND names the nearest. */
KARMA_API karma_status karma_get_model_meta(const char *name, const karma_model_meta **meta);
KARMA_API bool karma_is_registered(const char *name); /* by exactly that name */
/* False if there was none. */
KARMA_API bool karma_unregister_model(const char *name);
/* Empty it; the next call fills it again from catalog and files. */
KARMA_API void karma_clear_registry(void);

/* Names, sorted; a NULL-terminated array in one block, the caller's, karma_free() it. The names in
 * it are copies inside that block. */
KARMA_API karma_status karma_list_models(char ***names, size_t *count);
KARMA_API karma_status karma_list_models_by_type(karma_model_type type, char ***names,
                                                 size_t *count);
KARMA_API karma_status karma_list_models_by_modality(karma_modality m, char ***names,
                                                     size_t *count);
/* {"name": {name, type, modalities, languages, version}, ...}; karma_free() it. */
KARMA_API karma_status karma_get_models_info(char **json);

/* The arguments a model would be loaded with, complete and checked, as a JSON object: the class's
 * defaults < the meta's loader_kwargs < config_json < call_json (objects or NULL). Unknown or
 * ill-typed ones: E_USAGE naming the nearest. karma_free() it. */
KARMA_API karma_status karma_resolve_model_args(const char *name, const char *config_json,
                                                const char *call_json, char **json);

#ifdef __cplusplus
}
#endif
#endif
