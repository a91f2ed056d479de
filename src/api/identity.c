/*
 * identity.c - what makes an answer what it is, as text for the key of stored answers: the bytes of
 * the checkpoint and of the files beside it, the numerics, the device class, the class and its
 * arguments. What changes speed or place alone is left out, so that another batch size, thread
 * count or folder finds its answers again.
 */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/isolate.h"
#include "api/plugin.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/sha256.h"
#include "karma/karma.h"

/* Arguments that no answer depends on, of every class. */
static const char *const speed_only[] = {
    "model_name_or_path", "device",        "dtype",    "threads",
    "max_memory_mb",      "max_sequences", "fallback", "plugin_timeout_s",
    "image_cache_mb",     "speculation",   "mmproj"}; /* its bytes are the checkpoint's */

static bool is_speed_only(const struct json_member *argument) {
    const char *name = argument->key;
    if (strcmp(name, "dtype") == 0 && strcmp(json_str(argument->value, ""), "int8") == 0)
        return false;                        /* the others say what is stored */
    if (strcmp(name, "kv_cache_dtype") == 0) /* what auto is follows from the rest of the key */
        return strcmp(json_str(argument->value, ""), "auto") == 0;
    for (size_t i = 0; i < sizeof(speed_only) / sizeof(speed_only[0]); i++)
        if (strcmp(speed_only[i], name) == 0) return true;
    return false;
}

static int by_key(const void *a, const void *b) {
    const struct json_member *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/* value with the members of all objects in order of their keys. */
static karma_status sorted(struct arena *a, const struct json *value, bool skip,
                           const struct json **out) {
    size_t n = json_count(value);
    karma_status st = KARMA_OK;
    *out = value;
    if (json_is_array(value)) {
        struct json *list = json_new_array(a);
        if (!list) return KARMA_E_NOMEM;
        for (size_t i = 0; st == KARMA_OK && i < n; i++) {
            const struct json *item;
            st = sorted(a, json_at(value, i), false, &item);
            if (st == KARMA_OK) st = json_push(a, list, item);
        }
        *out = list;
    } else if (json_is_object(value)) {
        const struct json_member **members = arena_calloc(a, n ? n : 1, sizeof(*members));
        struct json *object = json_new_object(a);
        if (!members || !object) return KARMA_E_NOMEM;
        for (size_t i = 0; i < n; i++)
            members[i] = &value->u.object.members[i];
        qsort(members, n, sizeof(*members), by_key);
        for (size_t i = 0; st == KARMA_OK && i < n; i++) {
            const struct json *item;
            if (skip && is_speed_only(members[i])) continue;
            st = sorted(a, members[i]->value, false, &item);
            if (st == KARMA_OK) st = json_set(a, object, members[i]->key, item);
        }
        *out = object;
    }
    return st;
}

/* One digest over the files beside the weights: names and bytes. */
static karma_status companions_digest(struct arena *a, const struct checkpoint *ck, char out[65]) {
    const char *const *names;
    size_t count;
    struct sha256 s;
    unsigned char digest[32];
    karma_status st = text_assets_files(a, ck, &names, &count);
    sha256_begin(&s);
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        char hex[65];
        const char *path = file_join(a, checkpoint_folder(ck), names[i]);
        st = path ? file_sha256(path, hex) : KARMA_E_NOMEM;
        if (st < 0) break;
        sha256_field_str(&s, names[i]);
        sha256_field_str(&s, hex);
    }
    sha256_end(&s, digest);
    sha256_hex(digest, out);
    return st;
}

/* Adds the digests of the model's checkpoint; *found false when the class has none. */
static karma_status add_checkpoint(struct arena *a, karma_model *m, struct json *object,
                                   bool *found) {
    struct checkpoint *opened = NULL, *ck = m->ck;
    const char *path;
    char hex[65];
    karma_status st = KARMA_OK;
    *found = true;
    if (!ck) {
        st = model_locate(a, m->plan.path, m->plan.revision, &path);
        if (st == KARMA_OK) st = checkpoint_open(path, &opened);
        if (st == KARMA_OK) st = vision_attach(m, opened);
        ck = opened;
        /* A class that loads in its own way need not have a checkpoint. One that is there but could
         * not be read for want of memory or by a fault is another matter. */
        if (st < 0 && karma_status_exit(st) != karma_status_exit(KARMA_E_NOMEM) &&
            class_holder(m->plan.cls, SLOT_LOAD) != &class_base) {
            *found = false;
            checkpoint_close(opened);
            return KARMA_OK;
        }
    }
    if (st == KARMA_OK) st = checkpoint_digest(ck, hex);
    if (st == KARMA_OK) st = json_set(a, object, "checkpoint", json_new_string(a, hex));
    if (st == KARMA_OK) st = companions_digest(a, ck, hex);
    if (st == KARMA_OK) st = json_set(a, object, "text_files", json_new_string(a, hex));
    if (st == KARMA_OK) st = speech_identity(a, m, ck, object);
    checkpoint_close(opened);
    return st;
}

/* "cpu" and the instruction set, which decide the bits. */
static karma_status add_device(struct arena *a, const karma_model *m, struct json *object) {
    struct backend *be = NULL;
    enum cpu_isa isa;
    karma_status st = backend_create(model_arg_str(m, "device", "auto"), 1, &be);
    if (st == KARMA_OK) st = json_set(a, object, "device", json_new_string(a, be->ops->name));
    if (st == KARMA_OK) st = cpu_isa_choose(&isa);
    if (st == KARMA_OK)
        st = json_set(a, object, "instruction_set", json_new_string(a, cpu_isa_name(isa)));
    backend_destroy(be);
    return st < 0 ? st : json_set(a, object, "numerics", json_new_int(a, NUMERICS_VERSION));
}

karma_status karma_model_identity(karma_model *m, char **json) {
    struct arena a = {0};
    struct buf b = {0};
    const struct json *args, *all;
    bool has_checkpoint;
    *json = NULL;
    /* With fall-backs only a load can tell which model it is. */
    karma_status st = model_arg(m, "fallback") ? karma_model_load(m) : KARMA_OK;
    if (st < 0) return st;
    if (m->loaded && isolated(m)) return isolated_identity(m, json); /* it has the corpus */
    struct json *object = json_new_object(&a);
    st = object ? sorted(&a, m->plan.args, true, &args) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_set(&a, object, "arguments", args);
    if (st == KARMA_OK) st = json_set(&a, object, "class", json_new_string(&a, m->plan.cls->name));
    if (st == KARMA_OK) st = plugin_identity(&a, m->plan.cls, object);
    if (st == KARMA_OK) st = add_checkpoint(&a, m, object, &has_checkpoint);
    if (st == KARMA_OK && has_checkpoint) st = add_device(&a, m, object);
    if (st == KARMA_OK) st = embedding_identity(&a, m, object);
    if (st == KARMA_OK && !has_checkpoint)
        st = json_set(&a, object, "name", json_new_string(&a, m->plan.name));
    if (st == KARMA_OK) st = sorted(&a, object, false, &all);
    if (st == KARMA_OK) st = json_write(&b, all, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*json = buf_take(&b))) st = KARMA_E_NOMEM;
    buf_release(&b);
    arena_release(&a);
    return st;
}

int karma_numerics_version(void) {
    return NUMERICS_VERSION;
}

/* The model's checkpoint: open already, or opened here (*opened, the caller's to close). */
static karma_status reach_checkpoint(struct arena *a, karma_model *m, struct checkpoint **opened,
                                     const struct checkpoint **ck) {
    const char *path;
    *opened = NULL;
    *ck = m->ck;
    if (m->ck) return KARMA_OK;
    karma_status st = model_locate(a, m->plan.path, m->plan.revision, &path);
    if (st == KARMA_OK) st = checkpoint_open(path, opened);
    *ck = *opened;
    return st;
}

static karma_status list_companions(struct arena *a, karma_model *m, struct json *out) {
    struct checkpoint *opened;
    const struct checkpoint *ck;
    const char *const *names = NULL;
    size_t count = 0;
    karma_status st = reach_checkpoint(a, m, &opened, &ck);
    if (st < 0 && karma_status_exit(st) != karma_status_exit(KARMA_E_NOMEM) &&
        class_holder(m->plan.cls, SLOT_LOAD) != &class_base) {
        checkpoint_close(opened); /* such a class need not have one */
        return KARMA_OK;
    }
    if (st == KARMA_OK) st = text_assets_files(a, ck, &names, &count);
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        char hex[65];
        const char *path = file_join(a, checkpoint_folder(ck), names[i]);
        st = path ? file_sha256(path, hex) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = json_set(a, out, names[i], json_new_string(a, hex));
    }
    checkpoint_close(opened);
    return st;
}

karma_status karma_model_companions(karma_model *m, char **json) {
    struct arena a = {0};
    struct buf b = {0};
    *json = NULL;
    struct json *files = json_new_object(&a);
    karma_status st = files ? list_companions(&a, m, files) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_write(&b, files, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*json = buf_take(&b))) st = KARMA_E_NOMEM;
    buf_release(&b);
    arena_release(&a);
    return st;
}
