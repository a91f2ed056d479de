/* nemo.c - see nemo.h. */
#include "formats/nemo.h"

#include <string.h>

#include "base/file.h"
#include "base/yaml.h"
#include "formats/gzip.h"
#include "formats/tar.h"
#include "formats/torch_pickle.h"

static const size_t max_unpacked = (size_t)32 << 30;

struct nemo {
    struct arena a;
    struct file_map map;
    struct buf unpacked; /* of a gzipped archive */
    struct tar_file *files;
    size_t n_files;
    const struct json *config;
    struct named_tensor *tensors;
    int64_t n_tensors;
};

/* By its base name: archives differ in what stands before it. */
static const struct tar_file *find(const struct nemo *n, const char *name) {
    const struct tar_file *f = tar_find(n->files, n->n_files, name);
    for (size_t i = 0; !f && i < n->n_files; i++)
        if (strcmp(file_base_name(n->files[i].name), name) == 0) f = &n->files[i];
    return f;
}

static karma_status missing(const char *name) {
    return status_fail(KARMA_E_MISSING, "%s is not in the archive", status_quotez(name));
}

static karma_status read_config(struct nemo *n) {
    static const char name[] = "model_config.yaml";
    const struct tar_file *f = find(n, name);
    if (!f) return missing(name);
    karma_status st = yaml_parse(&n->a, (const char *)f->data, f->size, &n->config);
    if (st == KARMA_OK && !json_is_object(n->config))
        st = status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(n->config));
    return status_prefix(st, "%s", name);
}

static karma_status read_weights(struct nemo *n) {
    static const char name[] = "model_weights.ckpt";
    const struct tar_file *f = find(n, name);
    if (!f) return missing(name);
    return torch_pickle_read(&n->a, f->data, f->size, name, &n->tensors, &n->n_tensors);
}

static karma_status read_archive(struct nemo *n) {
    const unsigned char *data = n->map.data;
    size_t size = n->map.size;
    karma_status st = KARMA_OK;
    if (gzip_is_one(data, size)) {
        st = gzip_unpack(data, size, max_unpacked, &n->unpacked);
        data = (const unsigned char *)n->unpacked.data;
        size = n->unpacked.len;
    }
    if (st == KARMA_OK) st = tar_read(&n->a, data, size, &n->files, &n->n_files);
    if (st == KARMA_OK) st = read_config(n);
    return st < 0 ? st : read_weights(n);
}

karma_status nemo_open(const char *path, struct nemo **out) {
    struct nemo *n = *out = mem_calloc(1, sizeof(*n));
    if (!n) return KARMA_E_NOMEM;
    karma_status st = file_map_open(path, &n->map); /* its message names the path */
    if (st == KARMA_OK) st = status_prefix(read_archive(n), "%s", file_base_name(path));
    if (st == KARMA_OK) return st;
    nemo_close(n);
    *out = NULL;
    return st;
}

void nemo_close(struct nemo *n) {
    if (!n) return;
    file_map_close(&n->map);
    buf_release(&n->unpacked);
    arena_release(&n->a);
    mem_free(n);
}

const struct json *nemo_config(const struct nemo *n) {
    return n->config;
}

const struct named_tensor *nemo_tensors(const struct nemo *n, size_t *count) {
    *count = (size_t)n->n_tensors;
    return n->tensors;
}

karma_status nemo_file(const struct nemo *n, const char *name, const char **data, size_t *size) {
    static const char scheme[] = "nemo:";
    if (strncmp(name, scheme, sizeof(scheme) - 1) == 0) name += sizeof(scheme) - 1;
    const struct tar_file *f = find(n, name);
    *data = NULL;
    *size = 0;
    if (!f) return missing(name);
    *data = (const char *)f->data;
    *size = f->size;
    return KARMA_OK;
}
