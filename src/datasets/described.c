/*
 * described.c - data sets that a user describes in YAML (doc/reference/datasets.md has the keys).
 * Every key is known, every value checked; what is missing comes from the built-in data set of the
 * same kind. A description found in a folder that is broken is left out with a warning and hides
 * nothing else.
 */
#include <stdio.h>
#include <string.h>
#include <threads.h>

#include "base/log.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "base/yaml.h"
#include "datasets/dataset.h"
#include "datasets/extract.h"
#include "datasets/prompt.h"
#include "datasets/speech.h"

/* ---- one description ---- */

static const char *const keys[] = {
    "name",        "description", "kind",   "path",       "split",         "fields",
    "answer_base", "choices",     "prompt", "extraction", "system_prompt", "metrics",
    "options",     "processors",  "corpus", "queries",    "qrels",         "many_texts"};
static const char *const field_keys[] = {"id",    "question", "options", "answer", "context",
                                         "split", "system",   "image",   "frame",  "answer_type"};
static const char *const option_keys[] = {"type",    "default",  "min",      "max",
                                          "choices", "nullable", "required", "help"};

static karma_status check_keys(const struct json *object, const char *const *known, size_t count) {
    for (size_t i = 0; i < json_count(object); i++) {
        const struct json_member *m = &object->u.object.members[i];
        size_t k = 0;
        while (k < count && strcmp(known[k], m->key) != 0)
            k++;
        if (k < count) continue;
        int near = nearest_name(m->key, known, count);
        return status_fail(KARMA_E_UNEXPECTED, "key '%s' is not known%s%s%s",
                           status_quote(m->key, m->key_len), near >= 0 ? "; did you mean '" : "",
                           near >= 0 ? known[near] : "", near >= 0 ? "'?" : "");
    }
    return KARMA_OK;
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* One string or a list of them as a NULL-terminated array; *out stays when the key is absent. */
static karma_status read_list(struct arena *a, const struct json *object, const char *key,
                              const char *const **out) {
    const struct json *value = json_get(object, key);
    if (json_is_null(value)) return KARMA_OK;
    const size_t n = json_is_array(value) ? json_count(value) : 1;
    const char **list = arena_calloc(a, n + 1, sizeof(*list));
    if (!list) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        list[i] = json_str(json_is_array(value) ? json_at(value, i) : value, NULL);
        if (!list[i])
            return status_fail(KARMA_E_TYPE, "%s: expected a string or a list of strings", key);
    }
    *out = list;
    return KARMA_OK;
}

static karma_status read_question_fields(struct arena *a, const struct json *fields,
                                         struct dataset_fields *f) {
    karma_status st = check_keys(fields, field_keys, COUNT(field_keys));
    if (st == KARMA_OK) st = json_field_str(fields, "id", NULL, &f->id);
    if (st == KARMA_OK) st = json_field_str(fields, "question", NULL, &f->question);
    if (st == KARMA_OK) st = json_field_str(fields, "answer", NULL, &f->answer);
    if (st == KARMA_OK) st = json_field_str(fields, "context", NULL, &f->context);
    if (st == KARMA_OK) st = json_field_str(fields, "split", NULL, &f->split);
    if (st == KARMA_OK) st = json_field_str(fields, "system", NULL, &f->system);
    if (st == KARMA_OK) st = json_field_str(fields, "frame", NULL, &f->frame);
    if (st == KARMA_OK) st = json_field_str(fields, "answer_type", NULL, &f->answer_type);
    if (st == KARMA_OK) st = read_list(a, fields, "image", &f->images);
    if (st == KARMA_OK && f->images && !f->images[0])
        st = status_fail(KARMA_E_RANGE, "image: an empty list");
    if (st == KARMA_OK) st = read_list(a, fields, "options", &f->options);
    if (st == KARMA_OK && f->options && !f->options[0])
        st = status_fail(KARMA_E_RANGE, "options: an empty list");
    return st;
}

static karma_status read_retrieval_fields(const struct json *fields, struct retrieval_fields *f) {
    const struct {
        const char *key, **to;
    } columns[] = {
        {"query_id", &f->query_id},
        {"query", &f->query},
        {"document_id", &f->document_id},
        {"document_title", &f->document_title},
        {"document_text", &f->document_text},
        {"qrels_query", &f->qrels_query},
        {"qrels_document", &f->qrels_document},
        {"grade", &f->grade},
    };
    const char *known[COUNT(columns)];
    for (size_t i = 0; i < COUNT(columns); i++)
        known[i] = columns[i].key;
    karma_status st = check_keys(fields, known, COUNT(known));
    for (size_t i = 0; i < COUNT(columns) && st == KARMA_OK; i++)
        st = json_field_str(fields, columns[i].key, NULL, columns[i].to);
    return st;
}

static karma_status read_speech_fields(const struct json *fields, struct dataset_spec *out) {
    const struct {
        const char *key, **to;
    } columns[] = {
        {"id", &out->fields.id},         {"split", &out->fields.split},
        {"system", &out->fields.system}, {"audio", &out->speech.audio},
        {"text", &out->speech.text},     {"language", &out->speech.language},
    };
    const char *known[COUNT(columns)];
    for (size_t i = 0; i < COUNT(columns); i++)
        known[i] = columns[i].key;
    karma_status st = check_keys(fields, known, COUNT(known));
    for (size_t i = 0; i < COUNT(columns) && st == KARMA_OK; i++)
        st = json_field_str(fields, columns[i].key, NULL, columns[i].to);
    return st;
}

static karma_status read_fields(struct arena *a, const struct json *root,
                                struct dataset_spec *out) {
    const struct json *fields = json_get(root, "fields");
    if (json_is_null(fields)) return KARMA_OK;
    if (!json_is_object(fields))
        return status_fail(KARMA_E_TYPE, "fields: expected a map, found %s",
                           json_type_name(fields));
    karma_status st =
        out->kind == DATASET_RETRIEVAL       ? read_retrieval_fields(fields, &out->retrieval)
        : out->kind == DATASET_TRANSCRIPTION ? read_speech_fields(fields, out)
                                             : read_question_fields(a, fields, &out->fields);
    return st < 0 ? status_prefix(st, "fields") : KARMA_OK;
}

/* A path of the description: relative ones lie beside it. */
static const char *resolve(struct arena *a, const char *yaml_path, const char *path) {
    if (path[0] == '~') return file_expand_home(a, path);
    if (path[0] == '/') return path;
    const char *folder = file_dir_name(a, yaml_path);
    return folder ? file_join(a, folder, path) : NULL;
}

static karma_status read_files(struct arena *a, const struct json *root, const char *yaml_path,
                               const struct dataset_file **out) {
    const struct json *path = json_get(root, "path");
    if (json_is_null(path)) return KARMA_OK;
    const bool by_split = json_is_object(path);
    if (!by_split && !json_is_string(path))
        return status_fail(KARMA_E_TYPE, "path: expected a string or a map of split and path");
    const size_t n = by_split ? json_count(path) : 1;
    struct dataset_file *files = arena_calloc(a, n + 1, sizeof(*files));
    if (!files) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct json_member *m = by_split ? &path->u.object.members[i] : NULL;
        const char *text = json_str(m ? m->value : path, NULL);
        if (!text || !text[0]) return status_fail(KARMA_E_TYPE, "path: expected a path");
        files[i].split = m ? m->key : NULL;
        files[i].path = resolve(a, yaml_path, text);
        if (!files[i].path) return KARMA_E_NOMEM;
    }
    *out = files;
    return n > 0 ? KARMA_OK : status_fail(KARMA_E_RANGE, "path: an empty map");
}

/* Where the files of a retrieval set are: in one folder, or each for itself. */
static karma_status read_parts(struct arena *a, const struct json *root, const char *yaml_path,
                               struct dataset_spec *out) {
    const struct {
        const char *key, **to;
    } parts[] = {{"corpus", &out->parts.corpus},
                 {"queries", &out->parts.queries},
                 {"qrels", &out->parts.qrels}};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < COUNT(parts) && st == KARMA_OK; i++) {
        const char *path;
        st = json_field_str(root, parts[i].key, NULL, &path);
        if (st < 0 || !path) continue;
        if (out->kind != DATASET_RETRIEVAL)
            return status_fail(KARMA_E_UNEXPECTED, "%s: only for kind %s", parts[i].key,
                               dataset_retrieval.info.name);
        if (!(*parts[i].to = resolve(a, yaml_path, path))) return KARMA_E_NOMEM;
    }
    if (st < 0 || out->kind != DATASET_RETRIEVAL) return st;
    if (out->files && out->files[0].split)
        return status_fail(KARMA_E_TYPE, "path: expected the folder of corpus, queries and qrels");
    return json_field_bool(root, "many_texts", false, &out->many_texts);
}

static karma_status option_type(const struct json *o, const struct json *value,
                                karma_option_type *out) {
    static const char *const names[] = {"int", "real", "bool", "string"};
    const char *given;
    karma_status st = json_field_str(o, "type", NULL, &given);
    if (st < 0) return st;
    if (given) {
        for (size_t i = 0; i < COUNT(names); i++) {
            if (strcmp(names[i], given) != 0) continue;
            *out = (karma_option_type)i; /* the enum's order */
            return KARMA_OK;
        }
        return status_fail(KARMA_E_RANGE, "type: expected int, real, bool or string, found '%s'",
                           status_quotez(given));
    }
    switch (value ? value->type : JSON_STRING) {
    case JSON_BOOL:
        *out = KARMA_OPTION_BOOL;
        break;
    case JSON_INT:
        *out = KARMA_OPTION_INT;
        break;
    case JSON_REAL:
        *out = KARMA_OPTION_REAL;
        break;
    default:
        *out = KARMA_OPTION_STRING;
    }
    return KARMA_OK;
}

/* "name: value", or "name: {type, default, ...}". */
static karma_status read_option(struct arena *a, const struct json_member *m,
                                karma_option_spec *out) {
    const struct json *o = json_is_object(m->value) ? m->value : NULL;
    const struct json *value = o ? json_get(o, "default") : m->value;
    out->name = m->key;
    if (json_is_array(value)) return status_fail(KARMA_E_TYPE, "expected one value");
    karma_status st = check_keys(o, option_keys, COUNT(option_keys));
    if (st == KARMA_OK) st = option_type(o, value, &out->type);
    if (st == KARMA_OK) st = json_field_real(o, "min", 0, &out->min);
    if (st == KARMA_OK) st = json_field_real(o, "max", 0, &out->max);
    if (st == KARMA_OK) st = json_field_bool(o, "nullable", false, &out->nullable);
    if (st == KARMA_OK) st = json_field_bool(o, "required", false, &out->required);
    if (st == KARMA_OK) st = json_field_str(o, "help", NULL, &out->help);
    if (st == KARMA_OK) st = read_list(a, o, "choices", &out->choices);
    if (st < 0 || !value) return st;
    struct buf text = {0};
    st = json_write(&text, value, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(out->default_json = arena_strdup(a, buf_str(&text))))
        st = KARMA_E_NOMEM;
    buf_release(&text);
    return st;
}

static karma_status read_options(struct arena *a, const struct json *root, bool path_required,
                                 struct dataset_spec *out) {
    const enum dataset_kind kind = out->kind;
    const char *split = out->info.split;
    const struct json *options = json_get(root, "options");
    if (!json_is_null(options) && !json_is_object(options))
        return status_fail(KARMA_E_TYPE, "options: expected a map of arguments, found %s",
                           json_type_name(options));
    struct buf split_json = {0};
    karma_status st = KARMA_OK;
    if (split) st = json_write_string(&split_json, split, strlen(split), JSON_PYTHON);
    const char *split_text = arena_strdup(a, split ? buf_str(&split_json) : "null");
    buf_release(&split_json);
    if (st < 0) return st;
    const bool has_images = out->images == DATASET_IMAGES_ALL || out->fields.images;
    const karma_option_spec of_questions[] = {QUESTION_COMMON_OPTIONS(path_required, split_text)};
    const karma_option_spec of_images[] = {IMAGE_COMMON_OPTIONS(path_required, split_text)};
    const karma_option_spec of_retrieval[] = {RETRIEVAL_COMMON_OPTIONS(path_required, split_text)};
    const karma_option_spec of_speech[] = {SPEECH_COMMON_OPTIONS(path_required, split_text, false)};
    const karma_option_spec *common = kind == DATASET_RETRIEVAL       ? of_retrieval
                                      : kind == DATASET_TRANSCRIPTION ? of_speech
                                      : has_images                    ? of_images
                                                                      : of_questions;
    const size_t n_common = kind == DATASET_RETRIEVAL       ? COUNT(of_retrieval)
                            : kind == DATASET_TRANSCRIPTION ? COUNT(of_speech)
                            : has_images                    ? COUNT(of_images)
                                                            : COUNT(of_questions);
    karma_option_spec *specs = arena_calloc(a, n_common + json_count(options) + 1, sizeof(*specs));
    if (!split_text || !specs) return KARMA_E_NOMEM;
    memcpy(specs, common, n_common * sizeof(*specs));
    for (size_t i = 0; i < json_count(options); i++) {
        const struct json_member *m = &options->u.object.members[i];
        for (size_t k = 0; k < n_common; k++)
            if (strcmp(common[k].name, m->key) == 0)
                return status_fail(KARMA_E_DUPLICATE, "options: every data set has a '%s'", m->key);
        st = read_option(a, m, &specs[n_common + i]);
        if (st < 0) return status_prefix(st, "options: %s", status_quotez(m->key));
    }
    out->info.options = specs;
    return KARMA_OK;
}

static karma_status read_kind(const struct json *root, struct dataset_spec *out) {
    const char *kind;
    karma_status st = json_need_str(root, "kind", &kind);
    if (st < 0) return st;
    const struct dataset_spec *const kinds[] = {&dataset_multiple_choice, &dataset_question_answer,
                                                &dataset_retrieval, &dataset_transcription,
                                                &dataset_visual_question_answer};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (strcmp(kind, kinds[i]->info.name) != 0) continue;
        *out = *kinds[i];
        return KARMA_OK;
    }
    return status_fail(KARMA_E_RANGE, "kind: expected %s, %s, %s, %s or %s, found '%s'",
                       kinds[0]->info.name, kinds[1]->info.name, kinds[2]->info.name,
                       kinds[3]->info.name, kinds[4]->info.name, status_quotez(kind));
}

static karma_status read_choices(struct arena *a, const struct json *root,
                                 struct dataset_spec *out) {
    const struct json *value = json_get(root, "choices");
    if (json_is_null(value)) return KARMA_OK;
    if (out->kind != DATASET_MULTIPLE_CHOICE)
        return status_fail(KARMA_E_UNEXPECTED, "choices: only for kind %s",
                           dataset_multiple_choice.info.name);
    if (out->fields.options)
        return status_fail(KARMA_E_UNEXPECTED, "choices: fields has options already");
    struct choices *choices = arena_alloc(a, sizeof(*choices));
    if (!choices) return KARMA_E_NOMEM;
    out->choices = choices;
    karma_status st = choices_read(a, value, choices);
    return st < 0 ? status_prefix(st, "choices") : KARMA_OK;
}

static karma_status check_whole(const struct dataset_spec *s) {
    const struct extraction *rule = extraction_find(s->info.extraction);
    if (!rule) {
        size_t n = 0;
        while (extraction_names[n])
            n++;
        int near = nearest_name(s->info.extraction, extraction_names, n);
        return status_fail(KARMA_E_RANGE, "extraction: no rule '%s'; did you mean '%s'?",
                           status_quotez(s->info.extraction),
                           extraction_names[near >= 0 ? near : 0]);
    }
    if (rule->needs_choices && s->kind != DATASET_MULTIPLE_CHOICE)
        return status_fail(KARMA_E_RANGE, "extraction: %s is for multiple choice", rule->name);
    if (!s->info.metrics[0]) return status_fail(KARMA_E_RANGE, "metrics: an empty list");
    if (s->kind == DATASET_TRANSCRIPTION) return speech_check_prompt(s);
    return prompt_check(s->info.prompt, s->fields.answer ? s->fields.answer : "answer");
}

static karma_status read_root(struct arena *a, const struct json *root, const char *path,
                              struct dataset_spec *out) {
    if (!json_is_object(root))
        return status_fail(KARMA_E_TYPE, "expected a map of keys, found %s", json_type_name(root));
    karma_status st = check_keys(root, keys, COUNT(keys));
    if (st == KARMA_OK) st = read_kind(root, out);
    if (st < 0) return st;
    karma_dataset_info *info = &out->info;
    const struct json *had_prompt = json_get(root, "prompt");
    info->description = "";
    info->source = path;
    st = json_need_str(root, "name", &info->name);
    if (st == KARMA_OK) st = dataset_check_name(info->name);
    if (st == KARMA_OK)
        st = json_field_str(root, "description", info->description, &info->description);
    if (st == KARMA_OK) st = json_field_str(root, "split", info->split, &info->split);
    if (st == KARMA_OK) st = json_field_str(root, "prompt", info->prompt, &info->prompt);
    if (st == KARMA_OK && had_prompt && info->prompt[0] == '\0')
        st = status_fail(KARMA_E_RANGE, "prompt: empty");
    if (st == KARMA_OK) st = json_field_str(root, "system_prompt", NULL, &out->system_prompt);
    if (st == KARMA_OK)
        st = json_field_str(root, "extraction", info->extraction, &info->extraction);
    if (st == KARMA_OK) st = json_field_int(root, "answer_base", 0, 1, 0, &out->index_base);
    if (st == KARMA_OK) st = read_list(a, root, "metrics", &info->metrics);
    if (st == KARMA_OK) st = read_list(a, root, "processors", &info->processors);
    if (st == KARMA_OK) st = read_fields(a, root, out);
    if (st == KARMA_OK) st = read_choices(a, root, out);
    if (st == KARMA_OK) st = read_files(a, root, path, &out->files);
    if (st == KARMA_OK) st = read_parts(a, root, path, out);
    const struct retrieval_paths *p = &out->parts;
    const bool located = out->files || (p->corpus && p->queries && p->qrels);
    if (st == KARMA_OK) st = read_options(a, root, !located, out);
    return st < 0 ? st : check_whole(out);
}

karma_status described_read(struct arena *a, const char *path, struct dataset_spec *out) {
    const struct json *root;
    const char *kept = arena_strdup(a, path);
    if (!kept) return KARMA_E_NOMEM;
    karma_status st = yaml_parse_file(a, path, &root);
    if (st < 0) return st;
    st = read_root(a, root, kept, out);
    return st < 0 ? status_prefix(st, "%s", path) : KARMA_OK;
}

/* ---- all of them ---- */

struct entry {
    struct arena arena; /* of spec */
    struct dataset_spec spec;
    char digest[65]; /* of the file when it was read */
    bool found;      /* in one of the folders: known by name */
    bool hidden;     /* a later one has its name */
};

static struct {
    struct entry **entries; /* entries never move: they are lent */
    size_t count, cap;
    bool searched;
} store;
static once_flag lock_once = ONCE_FLAG_INIT;
static mtx_t lock;

static void lock_init(void) {
    mtx_init(&lock, mtx_plain);
}

static void entry_free(struct entry *e) {
    if (!e) return;
    arena_release(&e->arena);
    mem_free(e);
}

static karma_status keep(struct entry *e) {
    if (store.count == store.cap) {
        size_t cap = store.cap ? store.cap * 2 : 8;
        struct entry **grown = mem_realloc(store.entries, cap * sizeof(struct entry *));
        if (!grown) return KARMA_E_NOMEM;
        store.entries = grown;
        store.cap = cap;
    }
    store.entries[store.count++] = e;
    return KARMA_OK;
}

static karma_status read_entry(const char *path, bool found, struct entry **out) {
    struct entry *e = mem_calloc(1, sizeof(*e));
    *out = NULL;
    if (!e) return KARMA_E_NOMEM;
    e->found = found;
    karma_status st = file_sha256(path, e->digest);
    if (st == KARMA_OK) st = described_read(&e->arena, path, &e->spec);
    if (st == KARMA_OK) st = keep(e);
    if (st < 0) {
        entry_free(e);
        return st;
    }
    *out = e;
    return KARMA_OK;
}

/* A later entry of a name hides the earlier one. */
static void hide_namesakes(const struct entry *newest) {
    const char *name = newest->spec.info.name;
    bool any = dataset_find_built_in(name) != NULL;
    for (size_t i = 0; i < store.count; i++) {
        struct entry *e = store.entries[i];
        if (e == newest || !e->found || e->hidden || strcmp(e->spec.info.name, name) != 0) continue;
        e->hidden = any = true;
    }
    if (any)
        log_warn("%s: data set '%s' was known before; this one counts", newest->spec.info.source,
                 status_quotez(name));
}

static bool is_yaml(const char *name) {
    size_t n = strlen(name);
    return (n > 5 && ascii_same(name + n - 5, ".yaml")) ||
           (n > 4 && ascii_same(name + n - 4, ".yml"));
}

static karma_status search_folder(struct arena *a, const char *folder) {
    const char *const *names;
    size_t count;
    const char *path = file_join(a, folder, "datasets");
    if (!path) return KARMA_E_NOMEM;
    if (file_kind(path) != FILE_KIND_FOLDER) return KARMA_OK;
    karma_status st = file_list(a, path, &names, &count);
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        if (!is_yaml(names[i])) continue;
        const char *file = file_join(a, path, names[i]);
        struct entry *e;
        st = file ? read_entry(file, true, &e) : KARMA_E_NOMEM;
        if (st == KARMA_OK) hide_namesakes(e);
        if (st < 0 && st != KARMA_E_NOMEM) {
            log_warn("%s (this file is left out)", karma_error_message());
            st = KARMA_OK;
        }
    }
    return st;
}

static karma_status search_config(struct arena *a) {
    const char *folder;
    karma_status st = file_config_folder(a, &folder);
    return st == KARMA_OK && folder ? search_folder(a, folder) : st;
}

static void release_all(void) {
    for (size_t i = 0; i < store.count; i++)
        entry_free(store.entries[i]);
    mem_free(store.entries);
    memset(&store, 0, sizeof(store));
}

/* Undo a search that was cut short: nothing it found was lent yet. */
static void drop_found(void) {
    size_t kept = 0;
    for (size_t i = 0; i < store.count; i++) {
        if (store.entries[i]->found)
            entry_free(store.entries[i]);
        else
            store.entries[kept++] = store.entries[i];
    }
    store.count = kept;
}

/* Lock, and search the folders if this is the first use. Unlock afterwards in every case. */
static karma_status enter(void) {
    call_once(&lock_once, lock_init);
    mtx_lock(&lock);
    if (store.searched) return KARMA_OK;
    struct arena a = {0};
    karma_status st = KARMA_OK;
    const char *list = env_get("KARMA_PATH");
    while (st == KARMA_OK && list && *list) {
        size_t len = strcspn(list, ":");
        const char *folder = arena_strndup(&a, list, len);
        if (!folder)
            st = KARMA_E_NOMEM;
        else if (len > 0)
            st = search_folder(&a, folder);
        list += len + (list[len] == ':');
    }
    if (st == KARMA_OK) st = search_config(&a);
    arena_release(&a);
    store.searched = st == KARMA_OK;
    if (st < 0) drop_found();
    return st;
}

karma_status described_find(const char *name, const struct dataset_spec **out) {
    karma_status st = enter();
    *out = NULL;
    for (size_t i = 0; st == KARMA_OK && i < store.count; i++) {
        const struct entry *e = store.entries[i];
        if (e->found && !e->hidden && strcmp(e->spec.info.name, name) == 0) *out = &e->spec;
    }
    mtx_unlock(&lock);
    return st;
}

karma_status described_at(size_t i, const struct dataset_spec **out) {
    karma_status st = enter();
    *out = NULL;
    for (size_t k = 0; st == KARMA_OK && k < store.count && !*out; k++) {
        const struct entry *e = store.entries[k];
        if (e->found && !e->hidden && i-- == 0) *out = &e->spec;
    }
    mtx_unlock(&lock);
    return st;
}

karma_status described_open(const char *path, const struct dataset_spec **out) {
    char digest[65];
    *out = NULL;
    karma_status st = file_sha256(path, digest);
    if (st < 0) return st;
    call_once(&lock_once, lock_init);
    mtx_lock(&lock);
    for (size_t i = 0; i < store.count && !*out; i++) {
        const struct entry *e = store.entries[i];
        if (strcmp(e->spec.info.source, path) == 0 && strcmp(e->digest, digest) == 0)
            *out = &e->spec;
    }
    if (!*out) {
        struct entry *e;
        st = read_entry(path, false, &e);
        if (st == KARMA_OK) *out = &e->spec;
    }
    mtx_unlock(&lock);
    return st;
}

void described_forget(void) {
    call_once(&lock_once, lock_init);
    mtx_lock(&lock);
    release_all();
    mtx_unlock(&lock);
}
