/*
 * locate.c - from what a user calls a model to where it lies: a path that exists, or a snapshot in
 * the hub cache that the Python client keeps (models--org--name/{refs,snapshots,blobs}). Nothing
 * is downloaded or written.
 */
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "formats/checkpoint.h"
#include "formats/checkpoint_impl.h"

enum { COMMIT_DIGITS = 40, MAX_REF_BYTES = 1024, MAX_REPO_PART = 96 };

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* One half of "org/name": the hub's rules for it. */
static bool is_repo_part(const char *s, size_t len) {
    if (len == 0 || len > MAX_REPO_PART) return false;
    for (size_t i = 0; i < len; i++) {
        const bool joint = s[i] == '-' || s[i] == '.';
        if (!joint && !is_name_char(s[i])) return false;
        if (joint && (i == 0 || i + 1 == len)) return false;
        if (joint && s[i] == s[i - 1]) return false; /* "--" would be ambiguous as a folder name */
    }
    return true;
}

static bool is_repo_id(const char *name) {
    const char *slash = strchr(name, '/');
    if (!slash) return is_repo_part(name, strlen(name));
    return is_repo_part(name, (size_t)(slash - name)) && is_repo_part(slash + 1, strlen(slash + 1));
}

static bool is_commit(const char *s, size_t len) {
    if (len != COMMIT_DIGITS) return false;
    for (size_t i = 0; i < len; i++) {
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f'))) return false;
    }
    return true;
}

/* A revision becomes a path below refs/: each of its parts must be a plain name. */
static karma_status check_revision(const char *revision) {
    const char *part = revision;
    for (;;) {
        const size_t len = strcspn(part, "/");
        karma_status st = file_check_name(part, len);
        if (st < 0) return status_prefix(st, "revision %s", status_quotez(revision));
        if (part[len] == '\0') return KARMA_OK;
        part += len + 1;
    }
}

/* text with $NAME and ${NAME} replaced, as Python's os.path.expandvars; unknown ones stay. */
static karma_status expand_variables(struct arena *a, const char *text, const char **out) {
    struct buf b = {0};
    karma_status st = KARMA_OK;
    while (*text && st == KARMA_OK) {
        const bool braced = text[0] == '$' && text[1] == '{';
        const char *start = text + 1 + braced;
        size_t len = 0;
        while (text[0] == '$' && is_name_char(start[len]))
            len++;
        const bool closed = !braced || start[len] == '}';
        const size_t whole = (size_t)(start - text) + len + braced;
        char *name = len > 0 && closed ? arena_strndup(a, start, len) : NULL;
        if (len > 0 && closed && !name) st = KARMA_E_NOMEM;
        const char *value = name ? env_get(name) : NULL;
        if (st == KARMA_OK) st = value ? buf_puts(&b, value) : buf_append(&b, text, 1);
        text += value ? whole : 1;
    }
    *out = st == KARMA_OK ? arena_strdup(a, buf_str(&b)) : NULL;
    buf_release(&b);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

/* The folder an environment variable names, *out NULL when it is not set. */
static karma_status folder_of(struct arena *a, const char *variable, const char **out) {
    const char *value = env_get(variable);
    *out = NULL;
    if (!value) return KARMA_OK;
    karma_status st = expand_variables(a, value, out);
    if (st < 0) return st;
    *out = file_expand_home(a, *out);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

/* The first of the variables that is set, each with what is added to it, decides. */
static karma_status find_cache(struct arena *a, const char **cache) {
    static const struct {
        const char *variable, *below;
    } places[] = {
        {"HF_HUB_CACHE", NULL},
        {"HUGGINGFACE_HUB_CACHE", NULL},
        {"HF_HOME", "hub"},
        {"XDG_CACHE_HOME", "huggingface/hub"},
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        karma_status st = folder_of(a, places[i].variable, cache);
        if (st < 0) return st;
        if (!*cache) continue;
        if (places[i].below) *cache = file_join(a, *cache, places[i].below);
        return *cache ? KARMA_OK : KARMA_E_NOMEM;
    }
    *cache = file_expand_home(a, "~/.cache/huggingface/hub");
    return *cache ? KARMA_OK : KARMA_E_NOMEM;
}

/* "models--org--name" in the cache. */
static const char *repo_folder(struct arena *a, const char *cache, const char *name) {
    const char *slash = strchr(name, '/');
    if (!slash) return arena_printf(a, "%s/models--%s", cache, name);
    return arena_printf(a, "%s/models--%.*s--%s", cache, (int)(slash - name), name, slash + 1);
}

/* The commit a branch or tag stands for by refs/<revision>; *commit NULL when there is none. */
static karma_status read_ref(struct arena *a, const char *repo, const char *revision,
                             const char **commit) {
    struct buf text = {0};
    *commit = NULL;
    const char *path = arena_printf(a, "%s/refs/%s", repo, revision);
    if (!path) return KARMA_E_NOMEM;
    if (!file_exists(path)) return KARMA_OK;
    karma_status st = file_read(path, MAX_REF_BYTES, &text);
    if (st == KARMA_OK) {
        const char *s = buf_str(&text);
        s += strspn(s, " \t\r\n");
        const size_t len = strcspn(s, " \t\r\n");
        if (is_commit(s, len)) {
            *commit = arena_strndup(a, s, len);
            st = *commit ? KARMA_OK : KARMA_E_NOMEM;
        } else {
            st = status_fail(KARMA_E_SYNTAX, "%s: expected 40 hexadecimal digits, found %s",
                             checkpoint_path_shown(path), status_quote(s, len));
        }
    }
    buf_release(&text);
    return st;
}

static karma_status find_snapshot(struct arena *a, const char *name, const char *revision,
                                  const char **path) {
    const char *cache = NULL, *commit = revision;
    karma_status st = check_revision(revision);
    if (st == KARMA_OK) st = find_cache(a, &cache);
    if (st < 0) return st;
    const char *repo = repo_folder(a, cache, name);
    if (!repo) return KARMA_E_NOMEM;
    if (file_kind(repo) != FILE_KIND_FOLDER) {
        return status_fail(KARMA_E_NOTFOUND,
                           "%s: no such file or folder, and the hub cache has no %s",
                           status_quotez(name), checkpoint_path_shown(repo));
    }
    if (!is_commit(revision, strlen(revision))) st = read_ref(a, repo, revision, &commit);
    if (st < 0) return st;
    if (!commit) {
        return status_fail(KARMA_E_NOTFOUND, "%s: %s has no refs/%s", status_quotez(name),
                           checkpoint_path_shown(repo), status_quotez(revision));
    }
    *path = arena_printf(a, "%s/snapshots/%s", repo, commit);
    if (!*path) return KARMA_E_NOMEM;
    if (file_kind(*path) == FILE_KIND_FOLDER) return KARMA_OK;
    st = status_fail(KARMA_E_NOTFOUND, "%s: revision %s is not in the cache: no %s",
                     status_quotez(name), status_quotez(revision), checkpoint_path_shown(*path));
    *path = NULL;
    return st;
}

karma_status checkpoint_locate(struct arena *a, const char *name, const char *revision,
                               const char **path) {
    *path = NULL;
    const char *expanded = file_expand_home(a, name);
    if (!expanded) return KARMA_E_NOMEM;
    if (name[0] != '\0' && file_kind(expanded) != FILE_KIND_NONE) {
        if (is_repo_id(name)) log_note("%s: taking what lies at that path", status_quotez(name));
        *path = expanded;
        return KARMA_OK;
    }
    if (is_repo_id(name)) return find_snapshot(a, name, revision ? revision : "main", path);
    return status_fail(KARMA_E_NOTFOUND,
                       "%s: no such file or folder, and no name of the form "
                       "org/name to look for in the hub cache",
                       status_quotez(name));
}
