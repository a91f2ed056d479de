/*
 * checkpoint.c - see checkpoint.h. Decides what the path is and leaves the opening to
 * hf_folder.c and gguf_parts.c; keeps what they found. Files are mapped for the life of the
 * checkpoint: one that is cut by another process meanwhile cannot be read (SIGBUS), so size, time
 * and inode at opening are kept, and checkpoint_check_unchanged() compares them.
 */
#include "formats/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/size.h"
#include "base/utf8.h"
#include "formats/checkpoint_impl.h"
#include "formats/foreign.h"

const char *checkpoint_path_shown(const char *path) {
    enum { SHOWN = 300 };
    const size_t len = strlen(path);
    return len > SHOWN ? path + len - SHOWN : path;
}

karma_status checkpoint_reserve_parts(struct checkpoint *ck, size_t n) {
    if (n <= ck->cap_parts) return KARMA_OK;
    struct part *grown = arena_calloc(&ck->a, n, sizeof(*grown));
    if (!grown) return KARMA_E_NOMEM;
    if (ck->n_parts > 0) memcpy(grown, ck->parts, ck->n_parts * sizeof(*grown));
    ck->parts = grown;
    ck->cap_parts = n;
    return KARMA_OK;
}

karma_status checkpoint_map_part(struct checkpoint *ck, const char *name, struct part **out) {
    *out = NULL;
    const char *path = file_join(&ck->a, ck->folder, name);
    const char *own = arena_strdup(&ck->a, name);
    if (!path || !own) return KARMA_E_NOMEM;
    struct part *p = &ck->parts[ck->n_parts];
    *p = (struct part){.name = own, .path = path};
    karma_status st = file_map_open(path, &p->map);
    if (st < 0) return st;
    file_map_in_large_pages(&p->map);
    ck->n_parts++;
    *out = p;
    return checkpoint_add_file(ck, own);
}

karma_status checkpoint_add_file(struct checkpoint *ck, const char *name) {
    if (ck->n_files + 1 >= ck->cap_files) {
        const size_t cap = ck->cap_files ? ck->cap_files * 2 : 16;
        const char **grown = arena_calloc(&ck->a, cap, sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        if (ck->n_files > 0) memcpy(grown, ck->files, ck->n_files * sizeof(*grown));
        ck->files = grown;
        ck->cap_files = cap;
    }
    ck->files[ck->n_files++] = name; /* the NULL behind it is there already */
    return KARMA_OK;
}

static karma_status index_tensors(struct checkpoint *ck) {
    karma_status st = name_table_reserve(&ck->by_name, (size_t)ck->n_tensors);
    if (st < 0) return st;
    for (int64_t i = 0; i < ck->n_tensors; i++) {
        const struct named_tensor *t = &ck->tensors[i];
        ck->weight_bytes += t->nbytes;
        if (name_table_add(&ck->by_name, t->name, strlen(t->name), (uint32_t)i)) continue;
        const int64_t other = name_table_find(&ck->by_name, t->name, strlen(t->name));
        return status_fail(KARMA_E_DUPLICATE, "tensor %s is in %s and in %s",
                           status_quotez(t->name), status_quotez(ck->tensors[other].file),
                           status_quotez(t->file));
    }
    return KARMA_OK;
}

karma_status checkpoint_join_parts(struct checkpoint *ck) {
    uint64_t n = 0;
    for (size_t i = 0; i < ck->n_parts; i++)
        n += (uint64_t)ck->parts[i].n_tensors;
    ck->n_tensors = (int64_t)n;
    if (n > UINT32_MAX) return status_fail(KARMA_E_LIMIT, "more than 2^32 tensors");
    if (ck->n_parts == 1) {
        ck->tensors = ck->parts[0].tensors;
        return index_tensors(ck);
    }
    struct named_tensor *all = arena_calloc(&ck->a, (size_t)n + 1, sizeof(*all));
    if (!all) return KARMA_E_NOMEM;
    ck->tensors = all;
    for (size_t i = 0; i < ck->n_parts; i++) {
        const struct part *p = &ck->parts[i];
        if (p->n_tensors > 0) memcpy(all, p->tensors, (size_t)p->n_tensors * sizeof(*all));
        all += p->n_tensors;
    }
    return index_tensors(ck);
}

static bool has_ending(const char *name, const char *ending) {
    const size_t len = strlen(name), n = strlen(ending);
    return len > n && ascii_same(name + len - n, ending);
}

static bool is_projector_name(const char *name) {
    return strncmp(name, "mmproj", strlen("mmproj")) == 0;
}

/* The .gguf file of a folder when there is exactly one model in it. Vision projectors and the
 * later parts of a split file do not count. */
static karma_status find_gguf(struct checkpoint *ck, const char **name, struct buf *all,
                              size_t *count) {
    const char *const *names;
    size_t n_names;
    *name = NULL;
    *count = 0;
    karma_status st = file_list(&ck->a, ck->folder, &names, &n_names);
    for (size_t i = 0; i < n_names && st == KARMA_OK; i++) {
        if (!has_ending(names[i], ".gguf") || is_projector_name(names[i])) continue;
        if (gguf_parts_is_later(names[i])) continue;
        if ((*count)++ == 0) *name = names[i];
        if (*count <= 5) {
            st = buf_printf(all, "%s%s", *count > 1 ? ", " : "", status_quotez(names[i]));
        }
    }
    return st;
}

/* The folder's vision tower, if there is one and no doubt which. */
static karma_status find_projector(struct checkpoint *ck) {
    const char *const *names;
    const char *found = NULL;
    size_t n_names, count = 0;
    karma_status st = file_list(&ck->a, ck->folder, &names, &n_names);
    for (size_t i = 0; i < n_names && st == KARMA_OK; i++) {
        if (!has_ending(names[i], ".gguf") || !is_projector_name(names[i])) continue;
        if (gguf_parts_is_later(names[i])) continue;
        if (count++ == 0) found = names[i];
    }
    if (st < 0 || count == 0) return st;
    if (count > 1) {
        log_warn("%s: holds %zu mmproj files, so none is taken; name one",
                 checkpoint_path_shown(ck->folder), count);
        return KARMA_OK;
    }
    const char *path = file_join(&ck->a, ck->folder, found);
    if (!path) return KARMA_E_NOMEM;
    st = checkpoint_attach_projector(ck, path);
    if (st != KARMA_E_UNSUPPORTED) return st;
    log_warn("%s", karma_error_message()); /* the text model is whole without it */
    return KARMA_OK;
}

static karma_status open_folder(struct checkpoint *ck) {
    struct buf all = {0};
    const char *gguf;
    size_t count;
    ck->folder = ck->path;
    const char *config = file_join(&ck->a, ck->folder, "config.json");
    if (!config) return KARMA_E_NOMEM;
    const bool has_config = file_kind(config) != FILE_KIND_NONE;
    const char *const weights[] = {"model.safetensors", "model.safetensors.index.json"};
    bool has_weights = false;
    for (size_t i = 0; i < 2; i++) {
        const char *path = file_join(&ck->a, ck->folder, weights[i]);
        if (!path) return KARMA_E_NOMEM;
        if (file_kind(path) != FILE_KIND_NONE) has_weights = true;
    }
    if (has_config && has_weights) return hf_folder_open(ck, NULL);
    if (has_config && onnx_folder_is_one(ck)) return onnx_folder_open(ck);
    karma_status st = find_gguf(ck, &gguf, &all, &count);
    if (st == KARMA_OK && count > 1) {
        st = status_fail(KARMA_E_USAGE, "%s: holds %zu .gguf files; name one: %s%s",
                         checkpoint_path_shown(ck->path), count, buf_str(&all),
                         count > 5 ? ", ..." : "");
    }
    buf_release(&all);
    if (st < 0) return st;
    if (count == 0) return hf_folder_open(ck, NULL);
    st = gguf_parts_open(ck, gguf);
    return st == KARMA_OK ? find_projector(ck) : st;
}

/* A file by itself: its first bytes decide, not its name. */
static karma_status open_file(struct checkpoint *ck) {
    const char *name = file_base_name(ck->path);
    unsigned char magic[4] = {0};
    struct file_map map;
    ck->folder = file_dir_name(&ck->a, ck->path);
    if (!ck->folder) return KARMA_E_NOMEM;
    karma_status st = file_map_open(ck->path, &map);
    if (st < 0) return st;
    if (map.size >= sizeof(magic)) memcpy(magic, map.data, sizeof(magic));
    const bool is_gguf = memcmp(magic, "GGUF", sizeof(magic)) == 0 || has_ending(name, ".gguf");
    if (!is_gguf && !has_ending(name, ".safetensors")) {
        st = has_ending(name, ".nemo") ? foreign_refuse_archive()
                                       : foreign_check_bytes(map.data, map.size);
        if (st == KARMA_OK && foreign_is_pickle_name(name)) st = foreign_refuse_pickle();
        if (st == KARMA_OK) {
            st = status_fail(KARMA_E_UNSUPPORTED, "is neither a .safetensors nor a .gguf file");
        }
        st = status_prefix(st, "%s", status_quotez(name));
    }
    file_map_close(&map);
    if (st < 0) return st;
    return is_gguf ? gguf_parts_open(ck, name) : hf_folder_open(ck, name);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

karma_status checkpoint_open(const char *path, struct checkpoint **out) {
    *out = NULL;
    struct checkpoint *ck = mem_calloc(1, sizeof(*ck));
    if (!ck) return KARMA_E_NOMEM;
    ck->architecture = "";
    ck->path = arena_strdup(&ck->a, path);
    karma_status st = KARMA_E_NOMEM;
    if (ck->path) st = file_kind(path) == FILE_KIND_FOLDER ? open_folder(ck) : open_file(ck);
    if (st < 0) {
        checkpoint_close(ck);
        return st;
    }
    qsort(ck->files, ck->n_files, sizeof(*ck->files), compare_names);
    *out = ck;
    return KARMA_OK;
}

void checkpoint_close(struct checkpoint *ck) {
    if (!ck) return;
    checkpoint_close(ck->projector);
    read_ahead_end(ck->ahead);
    for (size_t i = 0; i < ck->n_parts; i++) {
        gguf_destroy(ck->parts[i].gguf);
        file_map_close(&ck->parts[i].map);
    }
    for (size_t i = 0; i < ck->n_graphs; i++)
        onnx_close(ck->graphs[i].onnx);
    name_table_release(&ck->by_name);
    arena_release(&ck->a);
    mem_free(ck);
}

enum container checkpoint_container(const struct checkpoint *ck) {
    return ck->container;
}

const char *checkpoint_path(const struct checkpoint *ck) {
    return ck->path;
}

const char *checkpoint_folder(const struct checkpoint *ck) {
    return ck->folder;
}

const struct json *checkpoint_config(const struct checkpoint *ck) {
    return ck->config;
}

const struct json *checkpoint_generation_config(const struct checkpoint *ck) {
    return ck->generation_config;
}

const struct gguf *checkpoint_gguf(const struct checkpoint *ck) {
    return ck->container == CONTAINER_GGUF ? ck->parts[0].gguf : NULL;
}

const struct checkpoint *checkpoint_projector(const struct checkpoint *ck) {
    return ck->projector;
}

karma_status checkpoint_attach_projector(struct checkpoint *ck, const char *path) {
    static const char architecture[] = "clip";
    struct checkpoint *projector;
    if (ck->container != CONTAINER_GGUF) {
        return status_fail(KARMA_E_USAGE, "%s: no GGUF; what it sees with lies in it",
                           checkpoint_path_shown(ck->path));
    }
    karma_status st = checkpoint_open(path, &projector);
    if (st < 0) return st;
    if (projector->container != CONTAINER_GGUF ||
        strcmp(projector->architecture, architecture) != 0) {
        st = status_fail(KARMA_E_UNSUPPORTED,
                         "%s: is no vision projector: general.architecture: expected %s, found %s",
                         checkpoint_path_shown(path), architecture,
                         status_quotez(projector->architecture));
        checkpoint_close(projector);
        return st;
    }
    checkpoint_close(ck->projector);
    ck->projector = projector;
    return KARMA_OK;
}

size_t checkpoint_graph_count(const struct checkpoint *ck) {
    return ck->n_graphs;
}

const struct onnx *checkpoint_graph(const struct checkpoint *ck, size_t i, const char **name) {
    *name = ck->graphs[i].name;
    return ck->graphs[i].onnx;
}

struct arena *checkpoint_arena(struct checkpoint *ck) {
    return &ck->a;
}

karma_status checkpoint_set_tensors(struct checkpoint *ck, const struct named_tensor *tensors,
                                    size_t count) {
    if (count > UINT32_MAX) return status_fail(KARMA_E_LIMIT, "more than 2^32 tensors");
    struct named_tensor *copy = arena_calloc(&ck->a, count + 1, sizeof(*copy));
    if (!copy) return KARMA_E_NOMEM;
    if (count) memcpy(copy, tensors, count * sizeof(*copy));
    name_table_release(&ck->by_name);
    ck->tensors = copy;
    ck->n_tensors = (int64_t)count;
    ck->weight_bytes = 0;
    return index_tensors(ck);
}

const char *checkpoint_architecture(const struct checkpoint *ck) {
    return ck->architecture;
}

int64_t checkpoint_tensor_count(const struct checkpoint *ck) {
    return ck->n_tensors;
}

const struct named_tensor *checkpoint_tensor(const struct checkpoint *ck, int64_t i) {
    return &ck->tensors[i];
}

const struct named_tensor *checkpoint_find(const struct checkpoint *ck, const char *name) {
    const int64_t i = name_table_find(&ck->by_name, name, strlen(name));
    return i < 0 ? NULL : &ck->tensors[i];
}

karma_status checkpoint_read_ahead(struct checkpoint *ck) {
    if (ck->ahead || ck->n_parts == 0) return KARMA_OK;
    struct file_map *maps = mem_calloc(ck->n_parts, sizeof(*maps));
    if (!maps) return KARMA_E_NOMEM;
    for (size_t i = 0; i < ck->n_parts; i++)
        maps[i] = ck->parts[i].map;
    karma_status st = read_ahead_begin(maps, ck->n_parts, &ck->ahead);
    mem_free(maps);
    return st;
}

void checkpoint_forget(const struct checkpoint *ck, const struct named_tensor *t) {
    bool found = false;
    for (size_t i = 0; !found && i < ck->n_parts; i++)
        found = file_map_forget_bytes(&ck->parts[i].map, t->data, t->nbytes);
    for (size_t i = 0; !found && i < ck->n_graphs; i++)
        found = onnx_forget(ck->graphs[i].onnx, t->data, t->nbytes);
}

size_t checkpoint_weight_bytes(const struct checkpoint *ck) {
    return ck->weight_bytes;
}

const char *const *checkpoint_files(const struct checkpoint *ck) {
    return ck->files;
}

bool checkpoint_has_code(const struct checkpoint *ck) {
    return ck->has_code;
}

karma_status checkpoint_check_unchanged(const struct checkpoint *ck) {
    for (size_t i = 0; i < ck->n_parts; i++) {
        const struct part *p = &ck->parts[i];
        struct file_map now;
        karma_status st = file_map_open(p->path, &now);
        if (st < 0) return st;
        const bool same =
            now.size == p->map.size && now.mtime_ns == p->map.mtime_ns && now.inode == p->map.inode;
        const size_t size = now.size;
        file_map_close(&now);
        if (same) continue;
        return status_fail(KARMA_E_DIGEST, "%s: changed since it was opened (%zu bytes, then %zu)",
                           status_quotez(p->name), p->map.size, size);
    }
    return ck->projector ? checkpoint_check_unchanged(ck->projector) : KARMA_OK;
}

karma_status checkpoint_digest(const struct checkpoint *ck, char out[65]) {
    struct arena scratch = {0};
    struct sha256 sum;
    karma_status st = KARMA_OK;
    out[0] = '\0';
    sha256_begin(&sum);
    for (size_t i = 0; i < ck->n_files && st == KARMA_OK; i++) {
        char digest[65];
        const char *path = file_join(&scratch, ck->folder, ck->files[i]);
        st = path ? file_sha256(path, digest) : KARMA_E_NOMEM;
        if (st < 0) break;
        sha256_field_str(&sum, ck->files[i]);
        sha256_field_str(&sum, digest);
    }
    arena_release(&scratch);
    if (st == KARMA_OK && ck->projector) {
        char digest[65];
        st = checkpoint_digest(ck->projector, digest);
        sha256_field_str(&sum, digest);
    }
    if (st == KARMA_OK) st = checkpoint_check_unchanged(ck);
    if (st < 0) return st;
    unsigned char digest[32];
    sha256_end(&sum, digest);
    sha256_hex(digest, out);
    return KARMA_OK;
}
