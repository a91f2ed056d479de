/*
 * registry.c - the one registry of models: built-in metadata, then what the user's files say. It is
 * filled at first use and loads no model. Entries are sorted by name; the built-in ones are the
 * catalog's own structs, the others own a copy. One lock covers everything; it is recursive because
 * warnings go out while it is held and the receiver may ask us something.
 */
#include "karma/registry.h"

#include <string.h>
#include <threads.h>

#include "api/api.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/yaml.h"

struct entry {
    const karma_model_meta *meta; /* of the catalog, or in arena */
    struct arena arena;
};

static struct {
    struct entry *entries; /* sorted by name */
    size_t count, cap;
    bool filled;
} registry;
static mtx_t lock;
static once_flag lock_once = ONCE_FLAG_INIT;

static void lock_init(void) {
    mtx_init(&lock, mtx_plain | mtx_recursive);
}

/* Index of the name, or of where it belongs. */
static size_t find(const char *name, bool *found) {
    size_t low = 0, high = registry.count;
    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcmp(registry.entries[mid].meta->name, name);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static karma_status reserve(size_t more) {
    if (registry.cap - registry.count >= more) return KARMA_OK;
    size_t cap = registry.cap ? registry.cap * 2 : 64;
    if (cap < registry.count + more) cap = registry.count + more;
    struct entry *entries = mem_realloc(registry.entries, cap * sizeof(*entries));
    if (!entries) return KARMA_E_NOMEM;
    registry.entries = entries;
    registry.cap = cap;
    return KARMA_OK;
}

/* Takes e's arena. There is room for it. */
static void insert(struct entry e) {
    bool found;
    size_t i = find(e.meta->name, &found);
    if (found) {
        log_warn("ModelMeta '%s' is already registered. Overriding.", e.meta->name);
        i = find(e.meta->name, &found); /* the receiver of the warning may have changed things */
    }
    if (found) {
        arena_release(&registry.entries[i].arena);
    } else {
        memmove(&registry.entries[i + 1], &registry.entries[i],
                (registry.count - i) * sizeof(*registry.entries));
        registry.count++;
    }
    registry.entries[i] = e;
}

static karma_status copy_entry(const karma_model_meta *meta, struct entry *out) {
    memset(out, 0, sizeof(*out));
    karma_model_meta *copy = arena_alloc(&out->arena, sizeof(*copy));
    karma_status st = copy ? meta_copy(&out->arena, meta, copy) : KARMA_E_NOMEM;
    if (st < 0)
        arena_release(&out->arena);
    else
        out->meta = copy;
    return st;
}

/* ---- files ---- */

/* The metas of a file, checked, ready for insert(): entries [*count] in a. */
static karma_status read_entries(struct arena *a, const struct json *list, struct entry **out,
                                 size_t *count) {
    struct map names = {0};
    size_t n = json_is_array(list) ? json_count(list) : 1;
    karma_status st = KARMA_OK;
    *count = 0;
    if (!(*out = arena_calloc(a, n ? n : 1, sizeof(**out)))) return KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < n; i++) {
        karma_model_meta meta;
        struct map_entry *seen;
        bool added = true;
        st = meta_from_json(a, json_is_array(list) ? json_at(list, i) : list, &meta);
        if (st == KARMA_OK) st = karma_model_meta_check(&meta);
        if (st == KARMA_OK) st = map_put(&names, meta.name, strlen(meta.name), &seen, &added);
        if (st == KARMA_OK && !added)
            st =
                status_fail(KARMA_E_DUPLICATE, "\"%s\" is defined twice", status_quotez(meta.name));
        if (st == KARMA_OK) st = copy_entry(&meta, &(*out)[i]);
        if (st == KARMA_OK)
            (*count)++;
        else if (n > 1)
            st = status_prefix(st, "entry %zu", i + 1);
    }
    map_release(&names);
    return st;
}

/* With the lock held. */
static karma_status register_file(const char *path) {
    struct arena a = {0};
    const struct json *list;
    struct entry *entries = NULL;
    size_t count = 0;
    karma_status st = config_parse_file(&a, path, &list);
    if (st == KARMA_OK) st = status_prefix(read_entries(&a, list, &entries, &count), "%s", path);
    if (st == KARMA_OK) st = reserve(count);
    for (size_t i = 0; i < count; i++) {
        if (st == KARMA_OK)
            insert(entries[i]);
        else
            arena_release(&entries[i].arena);
    }
    arena_release(&a);
    return st;
}

static bool is_config_name(const char *name) {
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot &&
           (strcmp(dot, ".json") == 0 || strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* The files of `folder`/models, in order of their names. A broken one is a warning. */
static karma_status register_folder(const char *folder) {
    struct arena a = {0};
    const char *const *names = NULL;
    size_t count = 0;
    const char *models = file_join(&a, folder, "models");
    karma_status st = models ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK && file_kind(models) == FILE_KIND_FOLDER) {
        st = file_list(&a, models, &names, &count);
        if (st < 0 && st != KARMA_E_NOMEM) {
            log_warn("%s", karma_error_message());
            st = KARMA_OK;
        }
    }
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        if (!is_config_name(names[i])) continue;
        const char *path = file_join(&a, models, names[i]);
        st = path ? register_file(path) : KARMA_E_NOMEM;
        if (st < 0 && st != KARMA_E_NOMEM) {
            log_warn("%s (this file is left out)", karma_error_message());
            st = KARMA_OK;
        }
    }
    arena_release(&a);
    return st;
}

static karma_status register_folders(void) {
    struct arena a = {0};
    karma_status st = KARMA_OK;
    const char *list = env_get("KARMA_PATH");
    while (st == KARMA_OK && list && *list) {
        size_t len = strcspn(list, ":");
        char *folder = arena_strndup(&a, list, len);
        if (!folder) st = KARMA_E_NOMEM;
        if (st == KARMA_OK && len > 0) {
            if (file_kind(folder) != FILE_KIND_FOLDER)
                log_warn("KARMA_PATH: %s is no folder", status_quotez(folder));
            else
                st = register_folder(folder);
        }
        list += len + (list[len] == ':');
    }
    const char *config = NULL;
    if (st == KARMA_OK) st = file_config_folder(&a, &config);
    if (st == KARMA_OK && config) st = register_folder(config);
    arena_release(&a);
    return st;
}

static void clear(void) {
    for (size_t i = 0; i < registry.count; i++)
        arena_release(&registry.entries[i].arena);
    mem_free(registry.entries);
    memset(&registry, 0, sizeof(registry));
}

/* Lock, and fill the registry if this is the first use. Unlock in every case afterwards. */
static karma_status enter(void) {
    call_once(&lock_once, lock_init);
    mtx_lock(&lock);
    if (registry.filled) return KARMA_OK;
    registry.filled = true; /* at once: a warning's receiver may call in */
    size_t n = 0;
    while (catalog_metas[n])
        n++;
    karma_status st = reserve(n);
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        insert((struct entry){.meta = catalog_metas[i]});
    if (st == KARMA_OK) st = register_folders();
    if (st < 0) clear();
    return st;
}

static void leave(void) {
    mtx_unlock(&lock);
}

/* ---- the calls ---- */

karma_status karma_register_model_meta(const karma_model_meta *meta) {
    struct entry e;
    karma_status st = karma_model_meta_check(meta);
    if (st < 0) return st;
    st = enter();
    if (st == KARMA_OK) st = reserve(1);
    if (st == KARMA_OK) st = copy_entry(meta, &e);
    if (st == KARMA_OK) insert(e);
    leave();
    return st;
}

karma_status registry_add_all(const karma_model_meta *const *metas, size_t n) {
    struct arena a = {0};
    struct map names = {0};
    size_t count = 0;
    struct entry *entries = arena_calloc(&a, n ? n : 1, sizeof(*entries));
    karma_status st = entries ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < n; i++) {
        struct map_entry *seen;
        bool added = true;
        st = karma_model_meta_check(metas[i]);
        if (st == KARMA_OK)
            st = map_put(&names, metas[i]->name, strlen(metas[i]->name), &seen, &added);
        if (st == KARMA_OK && !added)
            st = status_fail(KARMA_E_DUPLICATE, "meta \"%s\" is given twice",
                             status_quotez(metas[i]->name));
        if (st == KARMA_OK) st = copy_entry(metas[i], &entries[i]);
        count += st == KARMA_OK;
    }
    if (st == KARMA_OK && n > 0) {
        st = enter();
        if (st == KARMA_OK) st = reserve(n);
        for (size_t i = 0; st == KARMA_OK && i < n; i++)
            insert(entries[i]);
        leave();
    }
    for (size_t i = 0; st < 0 && i < count; i++)
        arena_release(&entries[i].arena);
    map_release(&names);
    arena_release(&a);
    return st;
}

karma_status karma_register_model_file(const char *path) {
    karma_status st = enter();
    if (st == KARMA_OK) st = register_file(path);
    leave();
    return st;
}

/* The nearest name, lent under the lock; NULL if none is near. */
static const char *nearest(struct arena *a, const char *name) {
    const char **names = arena_calloc(a, registry.count ? registry.count : 1, sizeof(*names));
    if (!names) return NULL;
    for (size_t i = 0; i < registry.count; i++)
        names[i] = registry.entries[i].meta->name;
    int i = nearest_name(name, names, registry.count);
    return i < 0 ? NULL : names[i];
}

static karma_status not_found(const char *name) {
    struct arena a = {0};
    const char *near = nearest(&a, name);
    karma_status st =
        near ? status_fail(KARMA_E_NOTFOUND, "model '%s' is not registered; nearest: %s",
                           status_quotez(name), near)
             : status_fail(KARMA_E_NOTFOUND, "model '%s' is not registered", status_quotez(name));
    arena_release(&a);
    return st;
}

karma_status karma_get_model_meta(const char *name, const karma_model_meta **meta) {
    bool found = false;
    *meta = NULL;
    karma_status st = enter();
    if (st == KARMA_OK) {
        size_t i = find(name, &found);
        if (found)
            *meta = registry.entries[i].meta;
        else
            st = not_found(name);
    }
    leave();
    return st;
}

karma_status registry_copy(struct arena *a, const char *name, karma_model_meta *out, bool *found) {
    *found = false;
    karma_status st = enter();
    if (st == KARMA_OK) {
        size_t i = find(name, found);
        if (*found) st = meta_copy(a, registry.entries[i].meta, out);
    }
    leave();
    return st;
}

karma_status registry_nearest(struct arena *a, const char *name, const char **out) {
    *out = NULL;
    karma_status st = enter();
    if (st == KARMA_OK) {
        const char *near = nearest(a, name);
        if (near && !(*out = arena_strdup(a, near))) st = KARMA_E_NOMEM;
    }
    leave();
    return st;
}

bool karma_is_registered(const char *name) {
    bool found = false;
    if (enter() == KARMA_OK) find(name, &found);
    leave();
    return found;
}

bool karma_unregister_model(const char *name) {
    bool found = false;
    if (enter() == KARMA_OK) {
        size_t i = find(name, &found);
        if (found) {
            arena_release(&registry.entries[i].arena);
            registry.count--;
            memmove(&registry.entries[i], &registry.entries[i + 1],
                    (registry.count - i) * sizeof(*registry.entries));
        }
    }
    leave();
    return found;
}

void karma_clear_registry(void) {
    call_once(&lock_once, lock_init);
    mtx_lock(&lock);
    clear();
    mtx_unlock(&lock);
}

karma_status names_block(const char *const *names, size_t count, char ***out, size_t *out_count) {
    size_t bytes = (count + 1) * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    *out = NULL;
    *out_count = 0;
    char **block = mem_alloc(bytes);
    if (!block) return KARMA_E_NOMEM;
    char *p = (char *)(block + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]) + 1;
        memcpy(p, names[i], len);
        block[i] = p;
        p += len;
    }
    block[count] = NULL;
    *out = block;
    *out_count = count;
    return KARMA_OK;
}

/* Names of the entries of that type (NONE: any) and with one of these modalities (0: any). */
static karma_status list(karma_model_type type, unsigned modalities, char ***names, size_t *count) {
    struct arena a = {0};
    *names = NULL;
    *count = 0;
    karma_status st = enter();
    if (st == KARMA_OK) {
        const char **picked = arena_calloc(&a, registry.count + 1, sizeof(*picked));
        size_t n = 0;
        for (size_t i = 0; picked && i < registry.count; i++) {
            const karma_model_meta *m = registry.entries[i].meta;
            unsigned has = m->modalities ? m->modalities : KARMA_TEXT;
            if (type != KARMA_MODEL_TYPE_NONE && m->model_type != type) continue;
            if (modalities && !(has & modalities)) continue;
            picked[n++] = m->name;
        }
        st = picked ? names_block(picked, n, names, count) : KARMA_E_NOMEM;
    }
    leave();
    arena_release(&a);
    return st;
}

karma_status karma_list_models(char ***names, size_t *count) {
    return list(KARMA_MODEL_TYPE_NONE, 0, names, count);
}

karma_status karma_list_models_by_type(karma_model_type type, char ***names, size_t *count) {
    *names = NULL;
    *count = 0;
    if (type < KARMA_TEXT_GENERATION || type > KARMA_MULTIMODAL)
        return status_fail(KARMA_E_RANGE, "model_type: %d is none", (int)type);
    return list(type, 0, names, count);
}

karma_status karma_list_models_by_modality(karma_modality m, char ***names, size_t *count) {
    return list(KARMA_MODEL_TYPE_NONE, (unsigned)m, names, count);
}

karma_status karma_get_models_info(char **json) {
    struct arena a = {0};
    struct buf b = {0};
    *json = NULL;
    karma_status st = enter();
    struct json *all = json_new_object(&a), *one;
    if (st == KARMA_OK && !all) st = KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < registry.count; i++) {
        const karma_model_meta *m = registry.entries[i].meta;
        st = meta_info(&a, m, &one);
        if (st == KARMA_OK) st = json_set(&a, all, m->name, one);
    }
    leave();
    if (st == KARMA_OK) st = json_write(&b, all, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(*json = buf_take(&b))) st = KARMA_E_NOMEM;
    buf_release(&b);
    arena_release(&a);
    return st;
}

karma_status karma_resolve_model_args(const char *name, const char *config_json,
                                      const char *call_json, char **json) {
    struct arena a = {0};
    struct buf b = {0};
    struct model_plan plan;
    *json = NULL;
    karma_status st = model_plan_make(&a, name, NULL, config_json, call_json, &plan);
    if (st == KARMA_OK) st = json_write(&b, plan.args, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(*json = buf_take(&b))) st = KARMA_E_NOMEM;
    buf_release(&b);
    arena_release(&a);
    return st;
}
