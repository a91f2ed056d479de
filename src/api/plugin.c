/*
 * plugin.c - shared objects that add classes, metadata, data sets, metrics and processors. Nothing
 * of a plugin is taken before all of it has been looked at, and what was taken is given back when
 * something later is refused. A plugin stays loaded until the process ends, a refused one too: a
 * thread or a callback of its own may be on its way.
 */
#include "karma/plugin.h"

#include <string.h>
#include <threads.h>

#include "api/api.h"
#include "api/isolate.h"
#include "api/plugin.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/float_env.h"
#include "base/foreign.h"
#include "base/log.h"
#include "base/option.h"
#include "base/shared_object.h"
#include "base/utf8.h"
#include "datasets/dataset.h"
#include "metrics/metric.h"
#include "processors/processor.h"

enum { MAX_ENTRIES = 4096, MAX_NAME_BYTES = 64 };
static const uint64_t TRIAL_NS = UINT64_C(30000000000);

struct plugin {
    struct plugin *next; /* in the order they were loaded */
    const karma_plugin *table;
    const char *path; /* as it was given */
    char digest[65];
    struct arena arena;
};

static struct plugin *first;
/* Recursive: registering may warn, and who gets the warning may ask for the list. */
static mtx_t lock;
static once_flag lock_once = ONCE_FLAG_INIT;

static void lock_init(void) {
    mtx_init(&lock, mtx_plain | mtx_recursive);
}

static void enter(void) {
    call_once(&lock_once, lock_init);
    mtx_lock(&lock);
}

static void leave(void) {
    mtx_unlock(&lock);
}

/* ---- what a plugin brings, looked at ---- */

/* The length of a list of pointers that ends with NULL. */
static karma_status count_list(const void *const *list, const char *what, size_t *n) {
    *n = 0;
    while (list && list[*n])
        if (++*n > MAX_ENTRIES) return status_fail(KARMA_E_LIMIT, "%s: the list has no end", what);
    return KARMA_OK;
}
#define COUNT(list, what, n) count_list((const void *const *)(list), what, n)

struct counts {
    size_t classes, metas, datasets, metrics, processors;
};

static karma_status check_aliases(const char *const *aliases) {
    size_t n;
    karma_status st = COUNT(aliases, "aliases", &n);
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        st = foreign_string(aliases[i], "alias");
    return st;
}

static karma_status check_class(const karma_model_class *cls) {
    karma_status st = class_check(cls);
    if (st < 0) return st;
    st = foreign_string(cls->name, "name");
    if (st == KARMA_OK) st = check_aliases(cls->aliases);
    if (st == KARMA_OK && cls->help) st = foreign_string(cls->help, "help");
    if (st == KARMA_OK) st = options_check(cls->options, "model argument");
    return status_prefix(st, "class %s", status_quotez(cls->name));
}

static karma_status check_name(const char *name) {
    if (!name || !*name) return status_fail(KARMA_E_MISSING, "the plugin has no name");
    karma_status st = foreign_string(name, "name of the plugin");
    if (st < 0) return st;
    if (strlen(name) > MAX_NAME_BYTES)
        return status_fail(KARMA_E_LIMIT, "name of the plugin: longer than %d bytes",
                           MAX_NAME_BYTES);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == ':' || *p == 0x7f)
            return status_fail(KARMA_E_SYNTAX, "name of the plugin: '%s' holds %s",
                               status_quotez(name), *p == ':' ? "a colon" : "a blank");
    for (const struct plugin *p = first; p; p = p->next)
        if (strcmp(p->table->name, name) == 0)
            return status_fail(KARMA_E_DUPLICATE, "a plugin %s is loaded already, from %s", name,
                               p->path);
    return KARMA_OK;
}

/* Of the rest each registering function looks itself, before it takes anything. */
static karma_status check_table(const karma_plugin *t, struct counts *n) {
    karma_status st =
        foreign_abi("plugin", t->abi_version, t->struct_size, KARMA_PLUGIN_ABI, sizeof(*t));
    if (st == KARMA_OK) st = check_name(t->name);
    if (st == KARMA_OK && t->version) st = foreign_string(t->version, "version of the plugin");
    if (st == KARMA_OK) st = COUNT(t->classes, "classes", &n->classes);
    if (st == KARMA_OK) st = COUNT(t->metas, "metas", &n->metas);
    if (st == KARMA_OK) st = COUNT(t->datasets, "datasets", &n->datasets);
    if (st == KARMA_OK) st = COUNT(t->metrics, "metrics", &n->metrics);
    if (st == KARMA_OK) st = COUNT(t->processors, "processors", &n->processors);
    for (size_t i = 0; st == KARMA_OK && i < n->classes; i++)
        st = check_class(t->classes[i]);
    return st;
}

/* ---- taken, all of it or nothing ---- */

/* done: how many of each list are registered. Metas come last, because they name classes and an
 * older entry of theirs cannot be brought back. */
static karma_status take(const karma_plugin *t, const struct counts *n, struct counts *done) {
    karma_status st = KARMA_OK;
    for (; st == KARMA_OK && done->classes < n->classes; done->classes += st == KARMA_OK)
        st = karma_register_model_class(t->classes[done->classes]);
    for (; st == KARMA_OK && done->datasets < n->datasets; done->datasets += st == KARMA_OK)
        st = karma_register_dataset(t->datasets[done->datasets]);
    for (; st == KARMA_OK && done->metrics < n->metrics; done->metrics += st == KARMA_OK)
        st = karma_register_metric(t->metrics[done->metrics]);
    for (; st == KARMA_OK && done->processors < n->processors; done->processors += st == KARMA_OK)
        st = karma_register_processor(t->processors[done->processors]);
    return st < 0 ? st : registry_add_all(t->metas, n->metas);
}

static void give_back(const karma_plugin *t, const struct counts *done) {
    for (size_t i = 0; i < done->classes; i++)
        class_unregister(t->classes[i]);
    for (size_t i = 0; i < done->datasets; i++)
        dataset_unregister(t->datasets[i]->info.name);
    for (size_t i = 0; i < done->metrics; i++)
        metric_unregister(t->metrics[i]->info.name);
    for (size_t i = 0; i < done->processors; i++)
        processor_unregister(t->processors[i]->info.name);
}

static karma_status take_all(const karma_plugin *t) {
    struct counts n = {0}, done = {0};
    struct arena a = {0};
    karma_status st = check_table(t, &n);
    if (st == KARMA_OK) st = take(t, &n, &done);
    if (st < 0) {
        const char *why = arena_strdup(&a, karma_error_message());
        give_back(t, &done);
        st = status_fail(st, "%s", why ? why : "out of memory");
    }
    arena_release(&a);
    return st;
}

/* ---- one file ---- */

/* The table its entry gives. */
static karma_status ask_entry(const char *path, const karma_plugin **out) {
    void *handle;
    fenv_t before;
    *out = NULL;
    float_env_enter(&before); /* constructors may change it, those of -ffast-math do */
    karma_status st = shared_object_open(path, &handle);
    void *symbol = st == KARMA_OK ? shared_object_symbol(handle, KARMA_PLUGIN_ENTRY) : NULL;
    if (st == KARMA_OK && !symbol)
        st = status_fail(KARMA_E_PLUGIN, "it has no function %s, so it is no plugin of karma",
                         KARMA_PLUGIN_ENTRY);
    if (st == KARMA_OK) {
        karma_plugin_entry_fn *entry;
        memcpy(&entry, &symbol, sizeof(entry)); /* C has no cast for this */
        *out = entry(KARMA_PLUGIN_ABI);
        if (!*out)
            st =
                status_fail(KARMA_E_PLUGIN, "%s returned nothing: it cannot work with interface %d",
                            KARMA_PLUGIN_ENTRY, KARMA_PLUGIN_ABI);
    }
    float_env_leave(&before);
    return st;
}

/* With the lock held. */
static karma_status load_here(const char *path) {
    struct plugin *p = mem_calloc(1, sizeof(*p));
    if (!p) return KARMA_E_NOMEM;
    p->path = arena_strdup(&p->arena, path);
    karma_status st = p->path ? file_sha256(path, p->digest) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = ask_entry(path, &p->table);
    if (st == KARMA_OK) st = take_all(p->table);
    if (st < 0) {
        arena_release(&p->arena);
        mem_free(p);
        return st;
    }
    struct plugin **end = &first;
    while (*end)
        end = &(*end)->next;
    *end = p;
    return KARMA_OK;
}

/* ---- a trial in a child ---- */

static karma_status write_result(karma_status st, struct buf *out) {
    karma_status written = buf_puts(out, karma_status_name(st));
    if (written == KARMA_OK && st < 0) written = buf_printf(out, " %s", karma_error_message());
    return written;
}

_Noreturn static void try_in_child(struct child *c, const char *path) {
    struct buf text = {0};
    karma_set_log(NULL, NULL);
    if (write_result(load_here(path), &text) < 0 || child_queue(c, text.data, text.len) < 0 ||
        child_flush(c) < 0)
        child_exit(1);
    child_exit(0);
}

/* What the child said of it. */
static karma_status read_result(const struct buf *text) {
    const char *s = buf_str(text), *blank = strchr(s, ' ');
    char name[32] = "";
    const size_t len = blank ? (size_t)(blank - s) : strlen(s);
    if (len < sizeof(name)) memcpy(name, s, len);
    if (strcmp(name, "OK") == 0) return KARMA_OK;
    const karma_status st = karma_status_from_name(name);
    return status_fail(st < 0 ? st : KARMA_E_PLUGIN, "%s", blank ? blank + 1 : "no reason given");
}

/* Constructors and the entry run when a plugin is loaded; one that crashes or never comes back is
 * met in a child first. */
static karma_status try_out(const char *path) {
    struct child c;
    struct buf text = {0};
    bool in_child;
    karma_status st = child_start(&c, &in_child);
    if (st < 0) return st;
    if (in_child) try_in_child(&c, path);
    const uint64_t start = clock_monotonic_ns();
    do {
        const uint64_t passed = clock_monotonic_ns() - start;
        st = child_wait(&c, passed < TRIAL_NS ? TRIAL_NS - passed : 0, &text);
        if (st == KARMA_DONE && clock_monotonic_ns() - start >= TRIAL_NS)
            st = status_fail(KARMA_E_IO, "gave no answer for %d s", (int)(TRIAL_NS / 1000000000));
    } while (st == KARMA_DONE);
    if (st == KARMA_OK)
        st = read_result(&text);
    else if (st != KARMA_E_NOMEM)
        st = status_fail(KARMA_E_PLUGIN, "while it was loaded, the child process %s",
                         c.how[0] ? c.how : karma_error_message());
    struct arena a = {0};
    const char *why = arena_strdup(&a, karma_error_message());
    child_stop(&c, 0);
    if (st < 0) st = status_fail(st, "%s", why ? why : "out of memory");
    arena_release(&a);
    buf_release(&text);
    return st;
}

static bool is_loaded(const char *path) {
    for (const struct plugin *p = first; p; p = p->next)
        if (file_same(p->path, path)) return true;
    return false;
}

karma_status karma_load_plugin(const char *path) {
    if (!path || !*path) return status_fail(KARMA_E_USAGE, "plugin: no file given");
    enter();
    const bool again = is_loaded(path);
    leave();
    if (again) return KARMA_OK;
    karma_status st = shared_object_check(path); /* its message has the path */
    if (st < 0) return st;
    if (isolation_enabled()) st = try_out(path); /* without the lock, which a child could not use */
    enter();
    if (st == KARMA_OK && !is_loaded(path)) st = load_here(path);
    leave();
    return status_prefix(st, "%s", path);
}

/* ---- the user's folder ---- */

/* Others must not be able to put code into what this user runs. */
static karma_status load_one_of_users(struct arena *a, const char *folder, const char *name) {
    const char *path = file_join(a, folder, name);
    if (!path) return KARMA_E_NOMEM;
    karma_status st = file_check_private(path);
    if (st == KARMA_OK) st = karma_load_plugin(path);
    if (st == KARMA_OK || st == KARMA_E_NOMEM) return st;
    log_warn("%s (this plugin is left out)", karma_error_message());
    return KARMA_OK;
}

karma_status karma_load_user_plugins(void) {
    struct arena a = {0};
    const char *config = NULL, *folder = NULL;
    const char *const *names = NULL;
    size_t n = 0;
    karma_status st = file_config_folder(&a, &config);
    if (st == KARMA_OK && config && !(folder = file_join(&a, config, "plugins")))
        st = KARMA_E_NOMEM;
    if (st == KARMA_OK && folder && file_kind(folder) == FILE_KIND_FOLDER) {
        st = file_check_private(folder);
        if (st == KARMA_OK) st = file_list(&a, folder, &names, &n);
        if (st < 0 && st != KARMA_E_NOMEM) {
            log_warn("%s (its plugins are left out)", karma_error_message());
            st = KARMA_OK;
        }
    }
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        if (names[i][0] != '.' && ascii_ends_with(names[i], ".so"))
            st = load_one_of_users(&a, folder, names[i]);
    arena_release(&a);
    return st;
}

/* ---- what is loaded ---- */

static bool brings(const struct plugin *p, const karma_model_class *cls) {
    for (const karma_model_class *const *c = p->table->classes; c && *c; c++)
        if (*c == cls) return true;
    return false;
}

/* The plugin of exactly that class. */
static const struct plugin *find(const karma_model_class *cls) {
    for (const struct plugin *p = first; p; p = p->next)
        if (brings(p, cls)) return p;
    return NULL;
}

const char *plugin_of_class(const karma_model_class *cls) {
    const struct plugin *p = NULL;
    enter();
    for (; first && cls && !p; cls = class_base_of(cls))
        p = find(cls);
    leave();
    return p ? p->table->name : NULL;
}

karma_status plugin_prefix(karma_status st, const karma_model_class *cls) {
    const char *plugin = plugin_of_class(cls);
    status_prefix(st, "class %s", status_quotez(cls->name));
    return plugin ? status_prefix(st, "plugin %s", plugin) : st;
}

static karma_status set_str(struct arena *a, struct json *o, const char *key, const char *value) {
    return json_set(a, o, key, value ? json_new_string(a, value) : json_new_null(a));
}

karma_status plugin_identity(struct arena *a, const karma_model_class *cls, struct json *object) {
    karma_status st = KARMA_OK;
    struct json *list = NULL;
    enter();
    for (; first && st == KARMA_OK && cls; cls = class_base_of(cls)) {
        const struct plugin *p = find(cls);
        if (!p) continue;
        struct json *one = json_new_object(a);
        if (!list) list = json_new_array(a);
        st = one && list ? set_str(a, one, "name", p->table->name) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = set_str(a, one, "version", p->table->version);
        if (st == KARMA_OK) st = set_str(a, one, "sha256", p->digest);
        if (st == KARMA_OK) st = json_push(a, list, one);
    }
    leave();
    return st == KARMA_OK && list ? json_set(a, object, "plugins", list) : st;
}

/* The names in a list of pointers to structs, each with its name at that offset. */
static karma_status set_names(struct arena *a, struct json *o, const char *key,
                              const void *const *list, size_t offset) {
    struct json *names = json_new_array(a);
    karma_status st = names ? KARMA_OK : KARMA_E_NOMEM;
    for (; st == KARMA_OK && list && *list; list++) {
        const char *name;
        memcpy(&name, (const char *)*list + offset, sizeof(name));
        st = json_push(a, names, json_new_string(a, name));
    }
    return st < 0 ? st : json_set(a, o, key, names);
}
#define NAMES(key, list, type, member)                                                             \
    set_names(a, o, key, (const void *const *)(list), offsetof(type, member))

static karma_status describe(struct arena *a, const struct plugin *p, struct json *o) {
    const karma_plugin *t = p->table;
    karma_status st = set_str(a, o, "name", t->name);
    if (st == KARMA_OK) st = set_str(a, o, "version", t->version);
    if (st == KARMA_OK) st = set_str(a, o, "path", p->path);
    if (st == KARMA_OK) st = NAMES("classes", t->classes, karma_model_class, name);
    if (st == KARMA_OK) st = NAMES("metas", t->metas, karma_model_meta, name);
    if (st == KARMA_OK) st = NAMES("datasets", t->datasets, karma_dataset_class, info.name);
    if (st == KARMA_OK) st = NAMES("metrics", t->metrics, karma_metric_class, info.name);
    if (st == KARMA_OK) st = NAMES("processors", t->processors, karma_processor_class, info.name);
    return st;
}

karma_status karma_list_plugins(char **json) {
    struct arena a = {0};
    struct buf b = {0};
    *json = NULL;
    struct json *list = json_new_array(&a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    enter();
    for (const struct plugin *p = first; st == KARMA_OK && p; p = p->next) {
        struct json *one = json_new_object(&a);
        st = one ? describe(&a, p, one) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = json_push(&a, list, one);
    }
    leave();
    if (st == KARMA_OK) st = json_write(&b, list, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(*json = buf_take(&b))) st = KARMA_E_NOMEM;
    buf_release(&b);
    arena_release(&a);
    return st;
}
