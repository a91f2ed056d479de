/*
 * hf_folder.c - opens a folder as Hugging Face tools write it: config.json, the weights as
 * model.safetensors or as shards named by model.safetensors.index.json, and companion files. The
 * index is the authority on which shards there are; what it says is checked against them. JSON
 * keys given twice are read as Python reads them, the last one, with a warning.
 */
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "formats/checkpoint_impl.h"
#include "formats/foreign.h"
#include "formats/safetensors.h"

static const char single_name[] = "model.safetensors";
static const char index_name[] = "model.safetensors.index.json";
enum { MAX_JSON_BYTES = 256 << 20 };

static bool ends_with(const char *name, const char *ending) {
    const size_t len = strlen(name), n = strlen(ending);
    return len > n && strcmp(name + len - n, ending) == 0;
}

static karma_status parse_json(struct checkpoint *ck, const char *name, const struct buf *text,
                               const struct json **out) {
    karma_status st = foreign_check_bytes((const unsigned char *)text->data, text->len);
    if (st == KARMA_OK) {
        st = json_parse(&ck->a, buf_str(text), text->len, JSON_REJECT_DUPLICATES, out);
    }
    if (st == KARMA_E_DUPLICATE) {
        log_warn("%s: %s; the last one counts", name, karma_error_message());
        st = json_parse(&ck->a, buf_str(text), text->len, JSON_LAST_WINS, out);
    }
    if (st == KARMA_OK && !json_is_object(*out)) {
        st = status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(*out));
    }
    return status_prefix(st, "%s", name);
}

/* An object in the folder's file `name`; *out NULL when there is no such file. */
static karma_status load_json(struct checkpoint *ck, const char *name, const struct json **out) {
    *out = NULL;
    const char *path = file_join(&ck->a, ck->folder, name);
    if (!path) return KARMA_E_NOMEM;
    if (file_kind(path) == FILE_KIND_NONE) return KARMA_OK;
    struct buf text = {0};
    karma_status st = file_read(path, MAX_JSON_BYTES, &text);
    if (st == KARMA_OK) st = parse_json(ck, name, &text, out);
    if (st == KARMA_OK) st = checkpoint_add_file(ck, name);
    buf_release(&text);
    if (st < 0) *out = NULL;
    return st;
}

karma_status hf_folder_config(struct checkpoint *ck) {
    karma_status st = load_json(ck, "config.json", &ck->config);
    if (st < 0) return st;
    if (!ck->config) {
        return status_fail(KARMA_E_MISSING, "%s: there is no config.json",
                           checkpoint_path_shown(ck->folder));
    }
    const struct json *names = json_get(ck->config, "architectures");
    ck->architecture = "";
    if (!json_is_null(names)) {
        const struct json *first = json_at(names, 0);
        if (!json_is_array(names) || (first && !json_is_string(first))) {
            return status_fail(KARMA_E_TYPE, "config.json: architectures: expected an array of "
                                             "strings");
        }
        ck->architecture = json_str(first, "");
    }
    if (json_get(ck->config, "auto_map") || json_get(ck->config, "custom_pipelines")) {
        ck->has_code = true;
    }
    return load_json(ck, "generation_config.json", &ck->generation_config);
}

static karma_status open_shard(struct checkpoint *ck, const char *name) {
    struct part *p;
    struct named_tensor *tensors;
    karma_status st = checkpoint_map_part(ck, name, &p);
    if (st < 0) return st;
    st = safetensors_parse(&ck->a, p->map.data, p->map.size, p->name, &tensors, &p->n_tensors);
    p->tensors = tensors;
    if (st == KARMA_OK) return st;
    /* A header begins with blanks and '{' at byte 8; what does not may be of another kind. */
    size_t at = 8;
    while (at < p->map.size && p->map.data[at] == ' ')
        at++;
    if (at < p->map.size && p->map.data[at] == '{') return st;
    const karma_status foreign = foreign_check_bytes(p->map.data, p->map.size);
    if (foreign < 0) return status_prefix(foreign, "%s", status_quotez(name));
    if (p->map.size >= 4 && memcmp(p->map.data, "GGUF", 4) == 0) {
        return status_fail(KARMA_E_UNSUPPORTED, "%s: this is a GGUF file; name it .gguf",
                           status_quotez(name));
    }
    return st;
}

/* A shard's name comes from a file: it must be one plain name of the right kind. */
static karma_status check_shard_name(const struct json *name) {
    if (!json_is_string(name)) {
        return status_fail(KARMA_E_TYPE, "expected a file name, found %s", json_type_name(name));
    }
    karma_status st = file_check_name(name->u.string.data, name->u.string.len);
    if (st < 0) return st;
    if (foreign_is_pickle_name(name->u.string.data)) return foreign_refuse_pickle();
    if (ends_with(name->u.string.data, ".safetensors")) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED, "%s is no safetensors file",
                       status_quotez(name->u.string.data));
}

/* The different file names of weight_map, in its order. */
static karma_status list_shards(struct checkpoint *ck, const struct json *map, const char ***shards,
                                size_t *count) {
    struct name_table seen = {0};
    *count = 0;
    *shards = arena_calloc(&ck->a, json_count(map) + 1, sizeof(**shards));
    if (!*shards) return KARMA_E_NOMEM;
    karma_status st = name_table_reserve(&seen, json_count(map));
    for (size_t i = 0; i < json_count(map) && st == KARMA_OK; i++) {
        const struct json_member *m = &map->u.object.members[i];
        st = check_shard_name(m->value);
        if (st < 0) {
            st = status_prefix(st, "weight_map: %s", status_quote(m->key, m->key_len));
            break;
        }
        const char *name = m->value->u.string.data;
        if (!name_table_add(&seen, name, strlen(name), (uint32_t)*count)) continue;
        if (*count == MAX_PARTS) {
            st = status_fail(KARMA_E_LIMIT, "weight_map: more than %d shards", MAX_PARTS);
        } else {
            (*shards)[(*count)++] = name;
        }
    }
    name_table_release(&seen);
    return st;
}

/* Every tensor of the index must lie in the shard it names. */
static karma_status check_index(const struct checkpoint *ck, const struct json *map) {
    for (size_t i = 0; i < json_count(map); i++) {
        const struct json_member *m = &map->u.object.members[i];
        const char *shard = m->value->u.string.data;
        const int64_t at = name_table_find(&ck->by_name, m->key, m->key_len);
        if (at >= 0 && strcmp(ck->tensors[at].file, shard) == 0) continue;
        return status_fail(KARMA_E_MISSING, "weight_map: tensor %s is not in %s",
                           status_quote(m->key, m->key_len), status_quotez(shard));
    }
    const int64_t n = (int64_t)json_count(map);
    if (ck->n_tensors > n) {
        log_warn("%s: the shards hold %lld tensors that it does not list", index_name,
                 (long long)(ck->n_tensors - n));
    }
    return KARMA_OK;
}

/* metadata.total_size informs only, and some writers make it a float: a wrong one is no error. */
static void check_total(const struct checkpoint *ck, const struct json *index) {
    const struct json *total = json_get(json_get(index, "metadata"), "total_size");
    if (json_is_null(total)) return;
    const double sum = (double)ck->weight_bytes;
    const bool right = (total->type == JSON_INT && (double)total->u.integer == sum) ||
                       (total->type == JSON_REAL && total->u.real == sum);
    if (!right) {
        log_warn("%s: metadata.total_size is not the %zu bytes that the tensors have", index_name,
                 ck->weight_bytes);
    }
}

static karma_status open_shards(struct checkpoint *ck, const struct json *index) {
    const struct json *map = json_get(index, "weight_map");
    const char **shards = NULL;
    size_t count = 0;
    if (!map) return status_fail(KARMA_E_MISSING, "%s: weight_map is missing", index_name);
    if (!json_is_object(map)) {
        return status_fail(KARMA_E_TYPE, "%s: weight_map: expected an object, found %s", index_name,
                           json_type_name(map));
    }
    karma_status st = list_shards(ck, map, &shards, &count);
    if (st == KARMA_OK && count == 0) {
        st = status_fail(KARMA_E_MISSING, "weight_map names no file");
    }
    if (st < 0) return status_prefix(st, "%s", index_name);
    st = checkpoint_reserve_parts(ck, count);
    for (size_t i = 0; i < count && st == KARMA_OK; i++) {
        st = open_shard(ck, shards[i]);
        if (st == KARMA_E_MISSING) st = status_prefix(st, "%s", index_name);
    }
    if (st == KARMA_OK) st = checkpoint_join_parts(ck);
    if (st < 0) return st;
    check_total(ck, index);
    return status_prefix(check_index(ck, map), "%s", index_name);
}

/* The folder has no weights that karma reads; say what it has instead. */
static karma_status fail_no_weights(struct checkpoint *ck) {
    const char *const *names;
    const char *loose = NULL;
    size_t count;
    karma_status st = file_list(&ck->a, ck->folder, &names, &count);
    if (st < 0) return st;
    for (size_t i = 0; i < count; i++) {
        if (foreign_is_pickle_name(names[i])) {
            st = foreign_refuse_pickle();
            return status_prefix(st, "%s: %s", checkpoint_path_shown(ck->folder),
                                 status_quotez(names[i]));
        }
        if (ends_with(names[i], ".safetensors")) loose = names[i];
    }
    if (loose) {
        return status_fail(KARMA_E_MISSING,
                           "%s: there is %s, but neither %s nor %s, which would say that it is "
                           "the whole model",
                           checkpoint_path_shown(ck->folder), status_quotez(loose), single_name,
                           index_name);
    }
    return status_fail(KARMA_E_MISSING,
                       "%s: no weights; looked for %s, %s, one .gguf file and assets/encoder.onnx",
                       checkpoint_path_shown(ck->folder), single_name, index_name);
}

/* Files that say how text becomes tokens and prompts; they are part of what a model is. */
static const char *const companions[] = {
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "processor_config.json",
};

static karma_status look_around(struct checkpoint *ck) {
    const char *const *names;
    size_t count;
    karma_status st = file_list(&ck->a, ck->folder, &names, &count);
    for (size_t i = 0; i < count && st == KARMA_OK; i++) {
        if (ends_with(names[i], ".py")) ck->has_code = true;
        for (size_t k = 0; k < sizeof(companions) / sizeof(*companions); k++) {
            if (strcmp(names[i], companions[k]) != 0) continue;
            st = checkpoint_add_file(ck, names[i]);
        }
    }
    return st;
}

static karma_status open_one(struct checkpoint *ck, const char *name) {
    karma_status st = checkpoint_reserve_parts(ck, 1);
    if (st == KARMA_OK) st = open_shard(ck, name);
    return st < 0 ? st : checkpoint_join_parts(ck);
}

karma_status hf_folder_open(struct checkpoint *ck, const char *single) {
    const struct json *index;
    ck->container = CONTAINER_HF;
    karma_status st = hf_folder_config(ck);
    if (st < 0) return st;
    const char *path = file_join(&ck->a, ck->folder, single_name);
    if (!path) return KARMA_E_NOMEM;
    if (single) {
        st = open_one(ck, single);
    } else if (file_kind(path) != FILE_KIND_NONE) {
        st = open_one(ck, single_name);
    } else {
        st = load_json(ck, index_name, &index);
        if (st == KARMA_OK) st = index ? open_shards(ck, index) : fail_no_weights(ck);
    }
    return st < 0 ? st : look_around(ck);
}
