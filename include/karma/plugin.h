/*
 * plugin.h - how a shared object adds to karma: model classes, metadata, data sets, metrics and
 * processors. Not part of karma.h: a program that loads plugins and the plugins themselves include
 * it. A plugin calls the library through the symbols of the program that loaded it; it links
 * nothing of karma. doc/plugin.md has a whole one.
 */
#ifndef KARMA_PLUGIN_H
#define KARMA_PLUGIN_H

#include "karma/karma.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { KARMA_PLUGIN_ABI = 2 }; /* raised when the table changes */

/* What a plugin brings; each list ends with NULL, a missing one is NULL. All of it must last until
 * the process ends. Nothing is taken when anything in it is refused. */
typedef struct karma_plugin {
    uint32_t abi_version;                       /* KARMA_PLUGIN_ABI */
    uint32_t struct_size;                       /* sizeof(karma_plugin) */
    const char *name;                           /* "example"; in messages and results */
    const char *version;                        /* of the plugin, for people: "1.0"; may be NULL */
    const karma_model_class *const *classes;    /* model_class.h */
    const karma_model_meta *const *metas;       /* meta.h */
    const karma_dataset_class *const *datasets; /* dataset.h */
    const karma_metric_class *const *metrics;   /* metric.h */
    const karma_processor_class *const *processors; /* processor.h */
} karma_plugin;

/* The one symbol a plugin exports. host_abi: the KARMA_PLUGIN_ABI of who asks. Returns the table,
 * or NULL when it cannot work with that host. */
typedef const karma_plugin *karma_plugin_entry_fn(uint32_t host_abi);
/* Its name. */
#define KARMA_PLUGIN_ENTRY "karma_plugin_entry"
#if defined(KARMA_BUILDING_PLUGIN)
/* What a plugin defines. */
__attribute__((visibility("default"))) const karma_plugin *karma_plugin_entry(uint32_t host_abi);
#endif

/* Load a shared object and register what it brings. It stays loaded. Loading one twice is
 * harmless. E_MISSING, E_PERM, E_MAGIC, E_TRUNCATED: there is no such file, or it is no shared
 * object; E_PLUGIN: it cannot be loaded, has no entry, or that returned nothing; E_ABI: made for
 * another processor or interface; E_DUPLICATE: a name is taken; others for what is wrong in its
 * table. The message starts with path. */
KARMA_API karma_status karma_load_plugin(const char *path);
/* Every *.so of the user's plugin folder (plugins/ of the configuration folder), by name. One that
 * cannot be loaded is a warning and stops no other. */
KARMA_API karma_status karma_load_user_plugins(void);
/* [{"name", "version", "path", "classes", "metas", "datasets", "metrics", "processors"}, ...];
 * karma_free() it. */
KARMA_API karma_status karma_list_plugins(char **json);

/* From now on models whose class comes from a plugin are loaded and run in a child process of their
 * own: a crash there fails the samples under way, and a new child goes on with the next. Slower by
 * what samples and answers take through a pipe. Data sets, metrics and processors of plugins stay
 * in this process. */
KARMA_API void karma_isolate_plugins(bool isolate);
/* The options that a class has beside its own and its bases' because it, or one of these, comes
 * from a plugin (plugin_timeout_s); NULL for other classes. Static. */
KARMA_API const karma_option_spec *karma_plugin_class_options(const karma_model_class *cls);

#ifdef __cplusplus
}
#endif
#endif
