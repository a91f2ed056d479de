/*
 * model_class.c - the classes of models: the built-in ones and those a program registers, found by
 * name, alias or the last part of a dotted path, and inheritance between their tables.
 */
#include "karma/model_class.h"

#include <string.h>
#include <threads.h>

#include "api/api.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "karma/plugin.h"

static struct {
    const karma_model_class **classes; /* registered ones, in order */
    size_t count, cap;
} added;
static mtx_t lock;
static once_flag lock_once = ONCE_FLAG_INIT;

static void lock_init(void) {
    mtx_init(&lock, mtx_plain);
}

static void enter(void) {
    call_once(&lock_once, lock_init);
    mtx_lock(&lock);
}

/* ---- inheritance ---- */

const karma_model_class *class_base_of(const karma_model_class *cls) {
    if (cls->base) return cls->base;
    return cls == &class_base ? NULL : &class_base;
}

static bool fills(const karma_model_class *cls, enum class_slot slot) {
    switch (slot) {
    case SLOT_LOAD:
        return cls->load != NULL;
    case SLOT_PREPROCESS:
        return cls->preprocess != NULL;
    case SLOT_RUN:
        return cls->run != NULL;
    case SLOT_POSTPROCESS:
        return cls->postprocess != NULL;
    case SLOT_EMBED:
        return cls->embed != NULL;
    }
    return false;
}

const karma_model_class *class_holder(const karma_model_class *cls, enum class_slot slot) {
    while (cls != &class_base && !fills(cls, slot))
        cls = class_base_of(cls);
    return cls;
}

/* The holder above cls; the root answers for itself, so that a call never ends nowhere. */
static const karma_model_class *holder_above(const karma_model_class *cls, enum class_slot slot) {
    const karma_model_class *base = class_base_of(cls);
    return class_holder(base ? base : cls, slot);
}

karma_status karma_base_load(const karma_model_class *cls, karma_model *m) {
    return holder_above(cls, SLOT_LOAD)->load(m);
}

karma_status karma_base_preprocess(const karma_model_class *cls, karma_model *m,
                                   const karma_sample *sample, karma_prompt *prompt) {
    return holder_above(cls, SLOT_PREPROCESS)->preprocess(m, sample, prompt);
}

karma_status karma_base_run(const karma_model_class *cls, karma_model *m, const karma_run_io *io) {
    return holder_above(cls, SLOT_RUN)->run(m, io);
}

karma_status karma_base_postprocess(const karma_model_class *cls, karma_model *m, karma_output *o) {
    return holder_above(cls, SLOT_POSTPROCESS)->postprocess(m, o);
}

karma_status karma_base_embed(const karma_model_class *cls, karma_model *m,
                              const char *const *texts, size_t n,
                              const karma_embed_options *options, float *out) {
    const karma_model_class *holder = holder_above(cls, SLOT_EMBED);
    if (!holder->embed)
        return status_fail(KARMA_E_UNSUPPORTED, "model class %s: none of its bases makes vectors",
                           status_quotez(cls->name));
    return holder->embed(m, texts, n, options, out);
}

void class_options(const karma_model_class *cls,
                   const karma_option_spec *tables[CLASS_MAX_TABLES]) {
    size_t n = 0;
    const karma_option_spec *of_plugins = karma_plugin_class_options(cls);
    for (; cls && n < CLASS_MAX_DEPTH; cls = class_base_of(cls))
        if (cls->options) tables[n++] = cls->options;
    if (of_plugins) tables[n++] = of_plugins;
    tables[n] = NULL;
}

/* ---- the table ---- */

static bool answers_to(const karma_model_class *cls, const char *name) {
    if (strcmp(cls->name, name) == 0) return true;
    for (const char *const *alias = cls->aliases; alias && *alias; alias++)
        if (strcmp(*alias, name) == 0) return true;
    return false;
}

/* With the lock held; NULL if there is none. */
static const karma_model_class *find(const char *name) {
    for (size_t i = 0; catalog_classes[i]; i++)
        if (answers_to(catalog_classes[i], name)) return catalog_classes[i];
    for (size_t i = 0; i < added.count; i++)
        if (answers_to(added.classes[i], name)) return added.classes[i];
    return NULL;
}

/* The class a dotted path means when none answers to all of it: the one named by its last part, so
 * that "my.module.GemmaModel" needs no such module. With the lock held. */
static const karma_model_class *find_last_part(const char *path) {
    const char *dot = strrchr(path, '.');
    if (!dot) return NULL;
    for (size_t i = 0; catalog_classes[i]; i++)
        if (strcmp(catalog_classes[i]->name, dot + 1) == 0) return catalog_classes[i];
    for (size_t i = 0; i < added.count; i++)
        if (strcmp(added.classes[i]->name, dot + 1) == 0) return added.classes[i];
    return NULL;
}

karma_status class_check(const karma_model_class *cls) {
    if (cls->abi_version != KARMA_CLASS_ABI || cls->struct_size != sizeof(*cls))
        return status_fail(KARMA_E_ABI,
                           "model class: made for interface %u with %u bytes, this library has %d "
                           "with %zu",
                           cls->abi_version, cls->struct_size, KARMA_CLASS_ABI, sizeof(*cls));
    if (!cls->name || !*cls->name) return status_fail(KARMA_E_MISSING, "model class: no name");
    int depth = 1;
    for (const karma_model_class *c = cls; c; c = class_base_of(c), depth++) {
        if (depth > CLASS_MAX_DEPTH)
            return status_fail(KARMA_E_LIMIT, "model class %s: more than %d bases",
                               status_quotez(cls->name), CLASS_MAX_DEPTH - 1);
        if (c != cls && (c->abi_version != KARMA_CLASS_ABI || c->struct_size != sizeof(*c)))
            return status_fail(KARMA_E_ABI, "model class %s: its base was made for interface %u",
                               status_quotez(cls->name), c->abi_version);
    }
    return KARMA_OK;
}

/* With the lock held. */
static karma_status add(const karma_model_class *cls) {
    const char *taken = find(cls->name) ? cls->name : NULL;
    for (const char *const *alias = cls->aliases; !taken && alias && *alias; alias++)
        if (find(*alias)) taken = *alias;
    if (taken)
        return status_fail(KARMA_E_DUPLICATE, "model class %s: there is one already",
                           status_quotez(taken));
    if (added.count == added.cap) {
        size_t cap = added.cap ? added.cap * 2 : 8;
        const karma_model_class **more = mem_realloc(added.classes, cap * sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        added.classes = more;
        added.cap = cap;
    }
    added.classes[added.count++] = cls;
    return KARMA_OK;
}

karma_status karma_register_model_class(const karma_model_class *cls) {
    karma_status st = class_check(cls);
    if (st < 0) return st;
    enter();
    st = add(cls);
    mtx_unlock(&lock);
    return st;
}

void class_unregister(const karma_model_class *cls) {
    enter();
    for (size_t i = 0; i < added.count; i++) {
        if (added.classes[i] != cls) continue;
        memmove(&added.classes[i], &added.classes[i + 1],
                (--added.count - i) * sizeof(*added.classes));
        break;
    }
    mtx_unlock(&lock);
}

/* With the lock held. Dotted names are long, so only short ones are offered. */
static karma_status not_found(const char *name) {
    struct arena a = {0};
    const char *last = strrchr(name, '.');
    size_t n = 0;
    while (catalog_classes[n])
        n++;
    const char **names = arena_calloc(&a, n + added.count, sizeof(*names));
    int near = -1;
    if (names) {
        for (size_t i = 0; i < n; i++)
            names[i] = catalog_classes[i]->name;
        for (size_t i = 0; i < added.count; i++)
            names[n + i] = added.classes[i]->name;
        near = nearest_name(last ? last + 1 : name, names, n + added.count);
    }
    /* In two pieces: what a quote holds is less than some dotted paths have. */
    enum { PIECE = 60 };
    const size_t len = strnlen(name, PIECE);
    karma_status st = status_fail(KARMA_E_NOTFOUND, "loader_class: there is no class '%s%s'%s%s",
                                  status_quote(name, len), status_quotez(name + len),
                                  near < 0 ? "" : "; nearest: ", near < 0 ? "" : names[near]);
    arena_release(&a);
    return st;
}

karma_status karma_find_model_class(const char *name, const karma_model_class **cls) {
    enter();
    *cls = find(name);
    if (!*cls) *cls = find_last_part(name);
    karma_status st = *cls ? KARMA_OK : not_found(name);
    mtx_unlock(&lock);
    return st;
}
