/* attached.c - see attached.h. */
#include "datasets/attached.h"

#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/utf8.h"
#include "datasets/dataset.h"
#include "datasets/item.h"
#include "datasets/shards.h"

enum { MAX_PATH_BYTES = 4096 };

struct attached_seen {
    char digest[65]; /* "" for one that is missing */
    uint64_t size;   /* of a file, as the next */
    int64_t mtime_ns;
};

const char *const missing_file_choices[] = {"error", "fail", NULL};

/* ---- values ---- */

static bool is_base64(const char *text, size_t len, const char *const *begins) {
    bool any = false;
    for (const char *const *b = begins; *b && !any; b++)
        any = strncmp(text, *b, strlen(*b)) == 0;
    if (!any || len > MAX_PATH_BYTES) return any;
    while (len && strchr("=\r\n", text[len - 1]))
        len--;
    for (size_t i = 0; i < len; i++) /* a path would have a point somewhere */
        if (!base64_is_character(text[i]) && !strchr("\r\n", text[i])) return false;
    return true;
}

static karma_status decode(struct arena *a, const char *text, size_t len, struct attached *out) {
    return base64_decode(a, text, len, &out->bytes, &out->n_bytes);
}

static bool is_data_url(const char *text) {
    return ascii_same_n(text, "data:", strlen("data:"));
}

static karma_status read_data_url(struct arena *a, const char *text, struct attached *out) {
    static const char mark[] = ";base64,";
    const char *comma = strchr(text, ','), *found = strstr(text, mark);
    if (!comma || !found || found > comma)
        return status_fail(KARMA_E_UNSUPPORTED, "a data: URL without ;base64,");
    found += strlen(mark);
    return decode(a, found, strlen(found), out);
}

static karma_status read_path(struct arena *a, const char *folder, const char *text,
                              struct attached *out) {
    if (!text[0]) return status_fail(KARMA_E_MISSING, "empty");
    if (file_is_url(text))
        return status_fail(KARMA_E_PATH,
                           "a URL (%s): only files and data: URLs are read, nothing is fetched",
                           status_quotez(text));
    if (strlen(text) >= MAX_PATH_BYTES) return status_fail(KARMA_E_LIMIT, "the path is too long");
    if (text[0] == '~')
        out->path = file_expand_home(a, text);
    else
        out->path = text[0] == '/' ? arena_strdup(a, text) : file_join(a, folder, text);
    out->name = text;
    return out->path ? KARMA_OK : KARMA_E_NOMEM;
}

/* As they are, in the row's arena or in its file. */
static karma_status take_bytes(const struct json *value, struct attached *out) {
    out->bytes = value->u.bytes.data;
    out->n_bytes = value->u.bytes.len;
    return KARMA_OK;
}

static karma_status read_object(struct arena *a, const char *folder, const struct json *value,
                                struct attached *out) {
    const struct json *bytes = json_get(value, "bytes");
    const char *name, *src;
    karma_status st = item_text(a, json_get(value, "path"), &name);
    if (st < 0) return status_prefix(st, "path");
    out->name = name;
    if (json_is_bytes(bytes)) return take_bytes(bytes, out);
    if (!json_is_null(bytes) && !json_is_string(bytes))
        return status_fail(KARMA_E_TYPE, "bytes: expected base64, found %s", json_type_name(bytes));
    if (bytes && json_is_string(bytes)) {
        const char *text = bytes->u.string.data;
        st = is_data_url(text) ? read_data_url(a, text, out)
                               : decode(a, text, bytes->u.string.len, out);
        return st < 0 ? status_prefix(st, "bytes") : KARMA_OK;
    }
    if (name) return read_path(a, folder, name, out);
    st = item_text(a, json_get(value, "src"), &src);
    if (st == KARMA_OK && !src) return status_fail(KARMA_E_MISSING, "neither bytes nor path");
    if (st == KARMA_OK)
        st = is_data_url(src) ? read_data_url(a, src, out) : read_path(a, folder, src, out);
    return st < 0 ? status_prefix(st, "src") : KARMA_OK;
}

karma_status attached_read(struct arena *a, const char *folder, const char *const *begins,
                           const struct json *value, struct attached *out) {
    const char *text;
    *out = (struct attached){0};
    if (json_is_object(value)) return read_object(a, folder, value, out);
    if (json_is_null(value)) return status_fail(KARMA_E_MISSING, "missing");
    if (json_is_bytes(value)) return take_bytes(value, out);
    if (!json_is_string(value))
        return status_fail(KARMA_E_TYPE, "expected a path, base64 or an object, found %s",
                           json_type_name(value));
    karma_status st = item_text(a, value, &text);
    if (st < 0) return st;
    if (is_data_url(text)) return read_data_url(a, text, out);
    if (is_base64(text, strlen(text), begins)) return decode(a, text, strlen(text), out);
    return read_path(a, folder, text, out);
}

/* ---- what was seen ---- */

static karma_status look_at_file(const char *path, struct attached_seen *out) {
    struct file_map map;
    karma_status st = file_map_open(path, &map);
    if (st < 0) return st;
    out->size = map.size;
    out->mtime_ns = map.mtime_ns;
    file_map_close(&map);
    return KARMA_OK;
}

static bool unchanged(const struct attached_seen *a, const struct attached_seen *b) {
    return a->size == b->size && a->mtime_ns == b->mtime_ns;
}

/* A file of a set is often there many times: once a question. */
static karma_status digest_file(struct attached_list *l, const char *path,
                                struct attached_seen *out) {
    struct map_entry *entry;
    bool added;
    karma_status st = look_at_file(path, out);
    if (st == KARMA_OK) st = map_put(&l->paths, path, strlen(path), &entry, &added);
    if (st < 0) return st;
    if (!added && unchanged(&l->seen[entry->value.u64], out)) {
        memcpy(out->digest, l->seen[entry->value.u64].digest, sizeof(out->digest));
        return KARMA_OK;
    }
    entry->value.u64 = l->count; /* where this one goes */
    return file_sha256(path, out->digest);
}

static karma_status look(struct attached_list *l, const struct attached *x, bool may_miss,
                         bool *missing, struct attached_seen *out) {
    unsigned char digest[32];
    struct sha256 h;
    *out = (struct attached_seen){.size = 0};
    *missing = false;
    if (x->path) {
        const enum file_kind kind = file_kind(x->path);
        *missing = kind == FILE_KIND_NONE;
        if (*missing && may_miss) return KARMA_OK;
        if (*missing)
            return status_fail(KARMA_E_MISSING, "%s: no such file", status_quote_path(x->path));
        if (kind != FILE_KIND_REGULAR)
            return status_fail(KARMA_E_PATH, "%s: not a file", status_quote_path(x->path));
        return digest_file(l, x->path, out);
    }
    sha256_begin(&h);
    sha256_add(&h, x->bytes, x->n_bytes);
    sha256_end(&h, digest);
    sha256_hex(digest, out->digest);
    return KARMA_OK;
}

karma_status attached_take(struct attached_list *l, const struct attached *x, bool may_miss,
                           bool *missing) {
    if (l->count == l->cap) {
        const size_t cap = l->cap ? l->cap * 2 : 64;
        struct attached_seen *grown = mem_realloc(l->seen, cap * sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        l->seen = grown;
        l->cap = cap;
    }
    karma_status st = look(l, x, may_miss, missing, &l->seen[l->count]);
    if (st < 0) return st;
    l->count++;
    return KARMA_OK;
}

karma_status attached_check(const struct attached_list *l, size_t i, const char *path,
                            const char **digest) {
    const struct attached_seen *seen = &l->seen[i];
    struct attached_seen now = {.size = 0};
    *digest = seen->digest[0] ? seen->digest : NULL;
    if (!path) return KARMA_OK; /* part of the row, which was looked at */
    if (!*digest && file_kind(path) == FILE_KIND_NONE) return KARMA_OK;
    karma_status st = look_at_file(path, &now);
    if (st == KARMA_OK && (!*digest || !unchanged(&now, seen)))
        st = status_fail(KARMA_E_DIGEST, "%s: changed while in use", path);
    return st;
}

void attached_add_digest(const struct attached_list *l, struct sha256 *h) {
    sha256_field_u64(h, l->count);
    for (size_t i = 0; i < l->count; i++)
        sha256_field_str(h, l->seen[i].digest);
}

void attached_release(struct attached_list *l) {
    map_release(&l->paths);
    mem_free(l->seen);
    *l = (struct attached_list){0};
}

/* ---- folders ---- */

karma_status attached_find_stem(struct arena *a, const char *folder, const char *stem,
                                const char **path) {
    for (const struct reader_ops *const *r = readers; *r; r++) {
        for (const char *const *e = (*r)->extensions; *e; e++) {
            *path = arena_printf(a, "%s/%s%s", folder, stem, *e);
            if (!*path) return KARMA_E_NOMEM;
            if (file_exists(*path)) return KARMA_OK;
        }
    }
    *path = NULL;
    return KARMA_OK;
}

karma_status attached_find_split(struct arena *a, const char *folder, const char *split,
                                 const char **path) {
    karma_status st = attached_find_stem(a, folder, split, path);
    return st < 0 || *path ? st : shards_find(a, folder, split, path);
}

karma_status attached_find_manifest(struct arena *a, const char *folder, const char *split,
                                    const char **path) {
    static const char *const manifests[] = {"metadata", "manifest", "transcripts", NULL};
    karma_status st = KARMA_OK;
    *path = NULL;
    if (split) {
        st = file_check_name(split, strlen(split));
        if (st < 0) return status_prefix(st, "data set argument split");
        st = attached_find_split(a, folder, split, path);
        if (st < 0 || *path) return st;
        if (!(folder = file_join(a, folder, split))) return KARMA_E_NOMEM;
    }
    for (const char *const *stem = manifests; *stem && st == KARMA_OK && !*path; stem++)
        st = attached_find_stem(a, folder, *stem, path);
    return st;
}
