/*
 * convert.c - a checkpoint written anew as safetensors: tensors under their names in a state dict,
 * config.json with its architecture, and the JSON tables of the family. Only products' weights
 * change their element type; what is small, or read as f32 anyway, keeps its bits.
 */
#include "karma/convert.h"

#include <string.h>

#include "api/api.h"
#include "base/file.h"
#include "formats/nemo.h"
#include "formats/safetensors_write.h"

static const char weights_name[] = "model.safetensors";
static const char *const companions[] = {"vocab.json", "language_masks.json",
                                         "generation_config.json", "tokenizer.json",
                                         "tokenizer_config.json"};
enum { MAX_COMPANION_BYTES = 256 << 20, MODE = 0644, FOLDER_MODE = 0755 };

struct conversion {
    struct arena a;
    const char *folder;
    const karma_convert_options *options;
    enum dtype dtype; /* of matrices; DTYPE_COUNT: as they are */
};

karma_convert_options karma_convert_defaults(void) {
    return (karma_convert_options){.struct_size = sizeof(karma_convert_options)};
}

static karma_status choose_dtype(const char *name, enum dtype *out) {
    static const struct {
        const char *name;
        enum dtype dtype;
    } known[] = {{"f32", DTYPE_F32}, {"f16", DTYPE_F16}, {"bf16", DTYPE_BF16}};
    *out = DTYPE_COUNT;
    if (!name) return KARMA_OK;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) != 0) continue;
        *out = known[i].dtype;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_USAGE, "dtype: expected f32, f16 or bf16, found %s",
                       status_quotez(name));
}

/* A weight of products: [rows, cols, 1, ...]. Kernels of convolutions are not, nor what is added.
 */
static bool is_product(const struct named_tensor *t) {
    static const char ending[] = ".weight";
    const size_t len = strlen(t->name), n = sizeof(ending) - 1;
    if (t->n_dims < 2 || t->dims[1] < 2 || len < n || strcmp(t->name + len - n, ending) != 0)
        return false;
    for (int i = 2; i < t->n_dims; i++)
        if (t->dims[i] != 1) return false;
    return dtype_is_weight(t->dtype);
}

static karma_status write_weights(struct conversion *c, const struct named_tensor *tensors,
                                  size_t count) {
    struct safetensors_entry *entries = arena_calloc(&c->a, count + 1, sizeof(*entries));
    const char *path = file_join(&c->a, c->folder, weights_name);
    if (!entries || !path) return KARMA_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct named_tensor *t = &tensors[i];
        const bool change = c->dtype != DTYPE_COUNT && is_product(t);
        entries[i] = (struct safetensors_entry){t, change ? c->dtype : t->dtype};
    }
    return safetensors_write(path, entries, count, c->options->cancelled, c->options->user);
}

static karma_status write_json(struct conversion *c, const char *name, const struct json *value) {
    struct buf text = {0};
    const char *path = file_join(&c->a, c->folder, name);
    karma_status st = path ? json_write(&text, value, 2, JSON_PYTHON) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = buf_putc(&text, '\n');
    if (st == KARMA_OK) st = file_write_atomic(path, text.data, text.len, MODE);
    buf_release(&text);
    return st;
}

static karma_status write_config(struct conversion *c, const struct json *config,
                                 const char *architecture) {
    struct json *own = json_new_object(&c->a), *list = json_new_array(&c->a), *both;
    if (!own || !list) return KARMA_E_NOMEM;
    karma_status st = json_push(&c->a, list, json_new_string(&c->a, architecture));
    if (st == KARMA_OK) st = json_set(&c->a, own, "architectures", list);
    if (st == KARMA_OK) st = json_merge(&c->a, config, own, &both);
    return st < 0 ? st : write_json(c, "config.json", both);
}

static karma_status copy_companion(struct conversion *c, const char *from, const char *name) {
    static const char *const places[] = {"", "assets/"};
    struct buf bytes = {0};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *source = arena_printf(&c->a, "%s/%s%s", from, places[i], name);
        const char *target = file_join(&c->a, c->folder, name);
        if (!source || !target) return KARMA_E_NOMEM;
        if (!file_exists(source)) continue;
        karma_status st = file_read(source, MAX_COMPANION_BYTES, &bytes);
        if (st == KARMA_OK) st = file_write_atomic(target, bytes.data, bytes.len, MODE);
        buf_release(&bytes);
        return st;
    }
    return KARMA_OK;
}

static karma_status convert_checkpoint(struct conversion *c, const char *path) {
    struct checkpoint *ck;
    karma_status st = checkpoint_open(path, &ck);
    if (st < 0) return st;
    if (checkpoint_container(ck) == CONTAINER_GGUF)
        st = status_fail(KARMA_E_UNSUPPORTED, "%s: a GGUF file is not converted",
                         checkpoint_path(ck));
    if (st == KARMA_OK) st = model_name_tensors(ck);
    const int64_t n = checkpoint_tensor_count(ck);
    if (st == KARMA_OK && n == 0)
        st = status_fail(KARMA_E_UNSUPPORTED,
                         "%s: architecture %s: no tensor has a name karma knows",
                         checkpoint_path(ck), status_quotez(checkpoint_architecture(ck)));
    if (st == KARMA_OK) st = file_make_folders(c->folder, FOLDER_MODE);
    for (size_t i = 0; st == KARMA_OK && i < sizeof(companions) / sizeof(companions[0]); i++)
        st = copy_companion(c, checkpoint_folder(ck), companions[i]);
    if (st == KARMA_OK) st = write_config(c, checkpoint_config(ck), checkpoint_architecture(ck));
    if (st == KARMA_OK) st = write_weights(c, checkpoint_tensor(ck, 0), (size_t)n);
    checkpoint_close(ck);
    return st;
}

static karma_status convert_nemo(struct conversion *c, const char *path) {
    struct nemo *n;
    struct model_tables tables;
    karma_status st = nemo_open(path, &n);
    if (st < 0) return st;
    st = model_tables_of_nemo(&c->a, n, &tables);
    if (st < 0) st = status_prefix(st, "%s", file_base_name(path));
    if (st == KARMA_OK) st = file_make_folders(c->folder, FOLDER_MODE);
    for (size_t i = 0; st == KARMA_OK && i < tables.n_files; i++)
        st = write_json(c, tables.files[i].name, tables.files[i].value);
    if (st == KARMA_OK) st = write_config(c, tables.config, tables.architecture);
    if (st == KARMA_OK) st = write_weights(c, tables.tensors, tables.n_tensors);
    nemo_close(n);
    return st;
}

static bool is_nemo(const char *path) {
    static const char ending[] = ".nemo";
    const size_t len = strlen(path), n = sizeof(ending) - 1;
    return len > n && strcmp(path + len - n, ending) == 0 && file_kind(path) != FILE_KIND_FOLDER;
}

static karma_status check_target(struct conversion *c) {
    const char *path = file_join(&c->a, c->folder, weights_name);
    if (!path) return KARMA_E_NOMEM;
    if (file_kind(path) == FILE_KIND_NONE) return KARMA_OK;
    return status_fail(KARMA_E_USAGE, "%s: is there already", path);
}

karma_status karma_convert(const char *model, const char *folder,
                           const karma_convert_options *options) {
    const karma_convert_options defaults = karma_convert_defaults();
    const char *path;
    if (!model || !folder) return status_fail(KARMA_E_USAGE, "convert: model or folder is NULL");
    if (options && options->struct_size != sizeof(*options))
        return status_fail(KARMA_E_ABI, "karma_convert_options: expected %zu bytes, found %u",
                           sizeof(*options), options->struct_size);
    struct conversion c = {.folder = folder, .options = options ? options : &defaults};
    karma_status st = choose_dtype(c.options->dtype, &c.dtype);
    if (st == KARMA_OK) st = check_target(&c);
    if (st == KARMA_OK) st = checkpoint_locate(&c.a, model, NULL, &path);
    if (st == KARMA_OK) st = is_nemo(path) ? convert_nemo(&c, path) : convert_checkpoint(&c, path);
    arena_release(&c.a);
    return st;
}
