/*
 * onnx_folder.c - a model published as graphs: config.json, and assets/ with one .onnx file a
 * module and their weights in files beside them. The graphs are opened, not walked: which tensor is
 * which is the family's knowledge (checkpoint_set_tensors).
 */
#include <string.h>

#include "formats/checkpoint_impl.h"

static const char assets[] = "assets";
enum { MAX_GRAPHS = 4096 };

static bool is_graph(const char *name) {
    const size_t len = strlen(name);
    return len > 5 && strcmp(name + len - 5, ".onnx") == 0;
}

bool onnx_folder_is_one(struct checkpoint *ck) {
    const char *path = arena_printf(&ck->a, "%s/%s/encoder.onnx", ck->folder, assets);
    return path && file_kind(path) != FILE_KIND_NONE;
}

/* The graph and its files of data count as files of the checkpoint. */
static karma_status list_files(struct checkpoint *ck, const char *name, const struct onnx *graph) {
    size_t n;
    const char *const *data = onnx_data_files(graph, &n);
    const char *file = arena_printf(&ck->a, "%s/%s", assets, name);
    karma_status st = file ? checkpoint_add_file(ck, file) : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < n; i++) {
        file = arena_printf(&ck->a, "%s/%s", assets, data[i]);
        st = file ? checkpoint_add_file(ck, file) : KARMA_E_NOMEM;
    }
    return st;
}

static karma_status open_graph(struct checkpoint *ck, const char *name) {
    struct graph *g = &ck->graphs[ck->n_graphs];
    const char *path = arena_printf(&ck->a, "%s/%s/%s", ck->folder, assets, name);
    if (!path) return KARMA_E_NOMEM;
    karma_status st = onnx_open(path, &g->onnx);
    if (st < 0) return st;
    g->name = name;
    ck->n_graphs++;
    for (size_t i = 0; i < onnx_tensor_count(g->onnx); i++)
        ck->weight_bytes += onnx_tensor(g->onnx, i)->nbytes;
    return list_files(ck, name, g->onnx);
}

/* Tables beside the graphs, which say what outputs mean. */
static karma_status add_tables(struct checkpoint *ck) {
    static const char *const names[] = {"assets/vocab.json", "assets/language_masks.json"};
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *path = file_join(&ck->a, ck->folder, names[i]);
        if (!path) return KARMA_E_NOMEM;
        if (file_exists(path)) st = checkpoint_add_file(ck, names[i]);
    }
    return st;
}

karma_status onnx_folder_open(struct checkpoint *ck) {
    const char *const *names;
    size_t count;
    ck->container = CONTAINER_ONNX;
    karma_status st = hf_folder_config(ck);
    const char *folder = file_join(&ck->a, ck->folder, assets);
    if (st == KARMA_OK && !folder) st = KARMA_E_NOMEM;
    if (st == KARMA_OK) st = file_list(&ck->a, folder, &names, &count);
    if (st < 0) return st;
    if (!*ck->architecture) ck->architecture = json_str(json_get(ck->config, "model_type"), "");
    if (count > MAX_GRAPHS * 16) return status_fail(KARMA_E_LIMIT, "assets: %zu files", count);
    ck->graphs = arena_calloc(&ck->a, count + 1, sizeof(*ck->graphs));
    if (!ck->graphs) return KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < count; i++)
        if (is_graph(names[i])) st = open_graph(ck, names[i]);
    return st < 0 ? status_prefix(st, "%s", assets) : add_tables(ck);
}
