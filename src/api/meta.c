/*
 * meta.c - ModelMeta: names of its enumerations, checks, and the ways from and to JSON. Fields and
 * their order are KARMA's; what a file holds beside them is kept as it is and shown.
 */
#include "karma/meta.h"

#include <string.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { MAX_NAME_BYTES = 255 };

static const char *const type_names[] = {
    [KARMA_MODEL_TYPE_NONE] = "none",
    [KARMA_TEXT_GENERATION] = "text_generation",
    [KARMA_AUDIO_RECOGNITION] = "audio_recognition",
    [KARMA_EMBEDDING] = "embedding",
    [KARMA_MULTIMODAL] = "multimodal",
};
enum { N_TYPES = sizeof(type_names) / sizeof(type_names[0]) };

static const char *const modality_names[] = {"text", "audio", "image", "video"}; /* by bit */
enum { N_MODALITIES = sizeof(modality_names) / sizeof(modality_names[0]) };
enum { ALL_MODALITIES = (1 << N_MODALITIES) - 1 };

const char *karma_model_type_name(karma_model_type t) {
    return (size_t)t < N_TYPES ? type_names[t] : "unknown";
}

karma_status karma_model_type_parse(const char *name, karma_model_type *out) {
    for (size_t i = KARMA_TEXT_GENERATION; name && i < N_TYPES; i++) {
        if (strcmp(name, type_names[i]) != 0) continue;
        *out = (karma_model_type)i;
        return KARMA_OK;
    }
    *out = KARMA_MODEL_TYPE_NONE;
    return status_fail(KARMA_E_RANGE,
                       "model_type: expected text_generation, audio_recognition, embedding or "
                       "multimodal, found \"%s\"",
                       status_quotez(name));
}

const char *karma_modality_name(karma_modality m) {
    for (size_t i = 0; i < N_MODALITIES; i++)
        if ((unsigned)m == 1u << i) return modality_names[i];
    return "unknown";
}

karma_status karma_modality_parse(const char *name, karma_modality *out) {
    for (size_t i = 0; name && i < N_MODALITIES; i++) {
        if (strcmp(name, modality_names[i]) != 0) continue;
        *out = (karma_modality)(1u << i);
        return KARMA_OK;
    }
    return status_fail(KARMA_E_RANGE,
                       "modality: expected text, audio, image or video, found \"%s\"",
                       status_quotez(name));
}

/* The fields of KARMA's own, in its order: one table serves reading, copying, checking, writing. */
enum field_kind { FIELD_STRING, FIELD_OBJECT, FIELD_LIST, FIELD_NUMBER, FIELD_TYPE, FIELD_MODES };
struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
};
#define FIELD(name, kind)                                                                          \
    { #name, kind, offsetof(karma_model_meta, name) }
static const struct field fields[] = {
    FIELD(name, FIELD_STRING),
    FIELD(model_path, FIELD_STRING),
    FIELD(revision, FIELD_STRING),
    FIELD(reference, FIELD_STRING),
    FIELD(description, FIELD_STRING),
    FIELD(loader_class, FIELD_STRING),
    {"loader_kwargs", FIELD_OBJECT, offsetof(karma_model_meta, loader_kwargs_json)},
    {"default_eval_kwargs", FIELD_OBJECT, offsetof(karma_model_meta, default_eval_kwargs_json)},
    FIELD(model_type, FIELD_TYPE),
    FIELD(modalities, FIELD_MODES),
    FIELD(languages, FIELD_LIST),
    FIELD(release_date, FIELD_STRING),
    FIELD(version, FIELD_STRING),
    FIELD(n_parameters, FIELD_NUMBER),
    FIELD(memory_usage_mb, FIELD_NUMBER),
    FIELD(max_tokens, FIELD_NUMBER),
    FIELD(embed_dim, FIELD_NUMBER),
    FIELD(framework, FIELD_LIST),
};
#undef FIELD
enum { N_FIELDS = sizeof(fields) / sizeof(fields[0]) };

static const char *get_string(const karma_model_meta *m, const struct field *f) {
    const char *s;
    memcpy(&s, (const char *)m + f->offset, sizeof(s));
    return s;
}

static const char *const *get_list(const karma_model_meta *m, const struct field *f) {
    const char *const *list;
    memcpy(&list, (const char *)m + f->offset, sizeof(list));
    return list;
}

static int64_t get_number(const karma_model_meta *m, const struct field *f) {
    int64_t n;
    memcpy(&n, (const char *)m + f->offset, sizeof(n));
    return n;
}

static void set_pointer(karma_model_meta *m, const struct field *f, const void *p) {
    memcpy((char *)m + f->offset, &p, sizeof(p));
}

static const struct field *find_field(const char *key) {
    for (size_t i = 0; i < N_FIELDS; i++)
        if (strcmp(fields[i].name, key) == 0) return &fields[i];
    return NULL;
}

/* ---- reading ---- */

static karma_status wrong_type(const char *field, const char *expected, const struct json *found) {
    return status_fail(KARMA_E_TYPE, "%s: expected %s, found %s", field, expected,
                       json_type_name(found));
}

/* A JSON value as text in a. */
static karma_status write_text(struct arena *a, const struct json *value, const char **out) {
    struct buf b = {0};
    karma_status st = json_write(&b, value, 0, JSON_PYTHON);
    *out = NULL;
    if (st == KARMA_OK && !(*out = arena_strndup(a, buf_str(&b), b.len))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static karma_status read_list(struct arena *a, const struct field *f, const struct json *value,
                              karma_model_meta *out) {
    if (!json_is_array(value)) return wrong_type(f->name, "an array of strings", value);
    size_t n = json_count(value);
    if (n == 0) return KARMA_OK; /* as KARMA: an empty list is an absent one */
    const char **list = arena_calloc(a, n + 1, sizeof(*list));
    if (!list) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        list[i] = json_str(json_at(value, i), NULL);
        if (!list[i]) return wrong_type(f->name, "an array of strings", json_at(value, i));
    }
    set_pointer(out, f, list);
    return KARMA_OK;
}

static karma_status read_modalities(const struct json *value, karma_model_meta *out) {
    if (!json_is_array(value)) return wrong_type("modalities", "an array of strings", value);
    for (size_t i = 0; i < json_count(value); i++) {
        const char *name = json_str(json_at(value, i), NULL);
        karma_modality m;
        if (!name) return wrong_type("modalities", "an array of strings", json_at(value, i));
        karma_status st = karma_modality_parse(name, &m);
        if (st < 0) return st;
        out->modalities |= (unsigned)m;
    }
    return KARMA_OK;
}

static karma_status read_field(struct arena *a, const struct json *object, const struct field *f,
                               const struct json *value, karma_model_meta *out) {
    const char *text = NULL;
    int64_t number = 0;
    karma_status st = KARMA_OK;
    switch (f->kind) {
    case FIELD_STRING:
        if (!json_is_string(value)) return wrong_type(f->name, "a string", value);
        if (strlen(value->u.string.data) != value->u.string.len)
            return status_fail(KARMA_E_ENCODING, "%s: holds a NUL character", f->name);
        set_pointer(out, f, value->u.string.data);
        break;
    case FIELD_OBJECT:
        if (!json_is_object(value)) return wrong_type(f->name, "an object", value);
        st = write_text(a, value, &text);
        set_pointer(out, f, text);
        break;
    case FIELD_LIST:
        st = read_list(a, f, value, out);
        break;
    case FIELD_NUMBER:
        st = json_field_int(object, f->name, 0, INT64_MAX, 0, &number);
        memcpy((char *)out + f->offset, &number, sizeof(number));
        break;
    case FIELD_TYPE:
        if (!json_is_string(value)) return wrong_type(f->name, "a string", value);
        st = karma_model_type_parse(json_str(value, ""), &out->model_type);
        break;
    case FIELD_MODES:
        st = read_modalities(value, out);
        break;
    }
    return st;
}

karma_status meta_from_json(struct arena *a, const struct json *object, karma_model_meta *out) {
    memset(out, 0, sizeof(*out));
    if (!json_is_object(object))
        return status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(object));
    struct json *extra = NULL;
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < object->u.object.count; i++) {
        const struct json_member *member = &object->u.object.members[i];
        const struct field *f = find_field(member->key);
        if (f && json_is_null(member->value)) continue;
        if (f) {
            st = read_field(a, object, f, member->value, out);
        } else {
            if (!extra) extra = json_new_object(a);
            st = extra ? json_set(a, extra, member->key, member->value) : KARMA_E_NOMEM;
        }
    }
    if (st == KARMA_OK && extra) st = write_text(a, extra, &out->extra_json);
    return st;
}

/* ---- copying ---- */

static karma_status copy_list(struct arena *a, const struct field *f, const karma_model_meta *in,
                              karma_model_meta *out) {
    const char *const *list = get_list(in, f);
    size_t n = 0;
    while (list && list[n])
        n++;
    if (n == 0) {
        set_pointer(out, f, NULL);
        return KARMA_OK;
    }
    const char **copy = arena_calloc(a, n + 1, sizeof(*copy));
    if (!copy) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        if (!(copy[i] = arena_strdup(a, list[i]))) return KARMA_E_NOMEM;
    set_pointer(out, f, copy);
    return KARMA_OK;
}

karma_status meta_copy(struct arena *a, const karma_model_meta *in, karma_model_meta *out) {
    *out = *in;
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct field *f = &fields[i];
        if (f->kind == FIELD_LIST) {
            karma_status st = copy_list(a, f, in, out);
            if (st < 0) return st;
        } else if (f->kind == FIELD_STRING || f->kind == FIELD_OBJECT) {
            const char *s = get_string(in, f);
            char *copy = s ? arena_strdup(a, s) : NULL;
            if (s && !copy) return KARMA_E_NOMEM;
            set_pointer(out, f, copy);
        }
    }
    if (in->extra_json && !(out->extra_json = arena_strdup(a, in->extra_json)))
        return KARMA_E_NOMEM;
    return KARMA_OK;
}

/* ---- checking ---- */

static karma_status check_name(const char *name) {
    size_t len = strlen(name);
    if (len > MAX_NAME_BYTES)
        return status_fail(KARMA_E_PATH, "name: %zu bytes, at most %d are allowed", len,
                           MAX_NAME_BYTES);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return status_fail(KARMA_E_PATH, "name: \"%s\" holds a control character",
                               status_quotez(name));
    for (const char *part = name; part; part = strchr(part, '/')) {
        if (*part == '/') part++;
        if (strncmp(part, "..", 2) == 0 && (part[2] == 0 || part[2] == '/'))
            return status_fail(KARMA_E_PATH, "name: \"%s\" holds a \"..\"", status_quotez(name));
    }
    return KARMA_OK;
}

static bool starts_with(const char *text, const char *word) { /* without case */
    while (*word && ascii_lower(*text) == *word)
        text++, word++;
    return *word == 0;
}

/* Does a key promise a secret? Its value may only name the environment variable that has it. */
static bool is_secret_key(const char *key) {
    static const char *const words[] = {"api_key", "apikey", "secret", "password", "credential"};
    static const char *const whole[] = {"token", "hf_token", "auth_token", "access_token"};
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (ascii_same(key, whole[i])) return true;
    for (const char *p = key; *p; p++)
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (starts_with(p, words[i])) return true;
    return false;
}

/* E_USAGE for a literal secret anywhere in value; the message has the key, never the value. */
static karma_status check_secrets(const char *where, const struct json *value) {
    karma_status st = KARMA_OK;
    if (json_is_array(value))
        for (size_t i = 0; st == KARMA_OK && i < json_count(value); i++)
            st = check_secrets(where, json_at(value, i));
    if (!json_is_object(value)) return st;
    for (size_t i = 0; st == KARMA_OK && i < value->u.object.count; i++) {
        const struct json_member *m = &value->u.object.members[i];
        const char *text = json_str(m->value, NULL);
        if (text && *text && is_secret_key(m->key) && strncmp(text, "env:", 4) != 0)
            return status_fail(KARMA_E_USAGE,
                               "%s: \"%s\" holds a secret: name the environment variable that has "
                               "it (\"env:NAME\")",
                               where, status_quotez(m->key));
        st = check_secrets(where, m->value);
    }
    return st;
}

static karma_status check_object(struct arena *a, const char *where, const char *text,
                                 const struct json **out) {
    *out = NULL;
    if (!text) return KARMA_OK;
    karma_status st = json_parse(a, text, strlen(text), JSON_REJECT_DUPLICATES, out);
    if (st < 0) return status_prefix(st == KARMA_E_NOMEM ? st : KARMA_E_SYNTAX, "%s", where);
    if (!json_is_object(*out)) return wrong_type(where, "an object", *out);
    return check_secrets(where, *out);
}

/* A name, or names joined by dots. Whether there is such a class is for those who make a model of
 * it to find out: a meta may be there before its class. */
static karma_status check_class_path(const char *path) {
    size_t in_name = 0;
    for (const char *p = path;; p++) {
        const unsigned char c = (unsigned char)*p;
        if (c == '.' || c == 0) {
            if (in_name == 0) break;
            if (c == 0) return KARMA_OK;
            in_name = 0;
        } else if (c <= ' ' || c == 0x7F || strchr("/\\\"'`()[]{}<>,;:", c)) {
            break;
        } else {
            in_name++;
        }
    }
    return status_fail(KARMA_E_SYNTAX,
                       "loader_class: expected a class's name or a dotted path, found \"%s\"",
                       status_quotez(path));
}

static karma_status check_utf8(const char *where, const char *s) {
    if (!s || utf8_valid(s, strlen(s), NULL)) return KARMA_OK;
    return status_fail(KARMA_E_ENCODING, "%s: \"%s\" is not valid UTF-8", where, status_quotez(s));
}

static karma_status check_field(struct arena *a, const karma_model_meta *meta,
                                const struct field *f) {
    const struct json *object;
    karma_status st = KARMA_OK;
    if (f->kind == FIELD_STRING) return check_utf8(f->name, get_string(meta, f));
    if (f->kind == FIELD_OBJECT) return check_object(a, f->name, get_string(meta, f), &object);
    if (f->kind == FIELD_NUMBER && get_number(meta, f) < 0)
        return status_fail(KARMA_E_RANGE, "%s: expected a number from 0, found %lld", f->name,
                           (long long)get_number(meta, f));
    if (f->kind == FIELD_LIST)
        for (const char *const *s = get_list(meta, f); st == KARMA_OK && s && *s; s++)
            st = check_utf8(f->name, *s);
    return st;
}

karma_status karma_model_meta_check(const karma_model_meta *meta) {
    if (!meta->name || !*meta->name) return status_fail(KARMA_E_MISSING, "name: required");
    karma_status st = check_name(meta->name);
    if (st < 0) return st;
    if (!meta->loader_class || !*meta->loader_class)
        return status_fail(KARMA_E_MISSING, "%s: loader_class: required",
                           status_quotez(meta->name));
    if (meta->model_type == KARMA_MODEL_TYPE_NONE)
        return status_fail(KARMA_E_MISSING, "%s: model_type: required", status_quotez(meta->name));
    if ((size_t)meta->model_type >= N_TYPES)
        return status_fail(KARMA_E_RANGE, "%s: model_type: %d is none", status_quotez(meta->name),
                           (int)meta->model_type);
    if (meta->modalities & ~(unsigned)ALL_MODALITIES)
        return status_fail(KARMA_E_RANGE, "%s: modalities: 0x%x has unknown bits",
                           status_quotez(meta->name), meta->modalities);
    struct arena a = {0};
    const struct json *extra = NULL;
    for (size_t i = 0; st == KARMA_OK && i < N_FIELDS; i++)
        st = check_field(&a, meta, &fields[i]);
    if (st == KARMA_OK) st = check_object(&a, "extra keys", meta->extra_json, &extra);
    for (size_t i = 0; st == KARMA_OK && i < json_count(extra); i++)
        if (find_field(extra->u.object.members[i].key))
            st = status_fail(KARMA_E_DUPLICATE, "extra keys: \"%s\" is a field of its own",
                             extra->u.object.members[i].key);
    arena_release(&a);
    if (st == KARMA_OK) st = check_class_path(meta->loader_class);
    return status_prefix(st, "%s", status_quotez(meta->name));
}

/* ---- writing ---- */

static struct json *list_json(struct arena *a, const char *const *list) {
    struct json *out = json_new_array(a);
    for (; out && list && *list; list++)
        if (json_push(a, out, json_new_string(a, *list)) < 0) return NULL;
    return out;
}

static struct json *modalities_json(struct arena *a, unsigned modalities) {
    struct json *out = json_new_array(a);
    if (modalities == 0) modalities = KARMA_TEXT;
    for (size_t i = 0; out && i < N_MODALITIES; i++)
        if (modalities & 1u << i && json_push(a, out, json_new_string(a, modality_names[i])) < 0)
            return NULL;
    return out;
}

static const char *const default_languages[] = {"eng-Latn", NULL};

static struct json *languages_json(struct arena *a, const char *const *languages) {
    return list_json(a, languages && *languages ? languages : default_languages);
}

/* The value of a field; *value NULL when it is unknown. */
static karma_status field_json(struct arena *a, const karma_model_meta *meta, const struct field *f,
                               const struct json **value) {
    const char *s;
    *value = NULL;
    switch (f->kind) {
    case FIELD_STRING:
        if (!(s = get_string(meta, f))) return KARMA_OK;
        *value = json_new_string(a, s);
        break;
    case FIELD_OBJECT:
        if (!(s = get_string(meta, f))) return KARMA_OK;
        return json_parse(a, s, strlen(s), JSON_REJECT_DUPLICATES, value);
    case FIELD_LIST:
        if (f->offset == offsetof(karma_model_meta, languages)) {
            *value = languages_json(a, meta->languages);
        } else {
            if (!get_list(meta, f)) return KARMA_OK;
            *value = list_json(a, get_list(meta, f));
        }
        break;
    case FIELD_NUMBER:
        if (get_number(meta, f) == 0) return KARMA_OK;
        *value = json_new_int(a, get_number(meta, f));
        break;
    case FIELD_TYPE:
        *value = json_new_string(a, karma_model_type_name(meta->model_type));
        break;
    case FIELD_MODES:
        *value = modalities_json(a, meta->modalities);
        break;
    }
    return *value ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status karma_model_meta_to_json(const karma_model_meta *meta, char **json) {
    struct arena a = {0};
    struct buf b = {0};
    *json = NULL;
    struct json *object = json_new_object(&a);
    karma_status st = object ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < N_FIELDS; i++) {
        const struct json *value;
        st = field_json(&a, meta, &fields[i], &value);
        if (st < 0) st = status_prefix(st, "%s", fields[i].name);
        if (st == KARMA_OK && value) st = json_set(&a, object, fields[i].name, value);
    }
    const struct json *extra = NULL;
    if (st == KARMA_OK && meta->extra_json)
        st = json_parse(&a, meta->extra_json, strlen(meta->extra_json), JSON_REJECT_DUPLICATES,
                        &extra);
    if (st == KARMA_OK) st = json_merge(&a, object, extra, &object);
    if (st == KARMA_OK) st = json_write(&b, object, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(*json = buf_take(&b))) st = KARMA_E_NOMEM;
    buf_release(&b);
    arena_release(&a);
    return st;
}

karma_status meta_info(struct arena *a, const karma_model_meta *meta, struct json **out) {
    const char *version = meta->version ? meta->version : meta->revision;
    *out = json_new_object(a);
    if (!*out || json_set(a, *out, "name", json_new_string(a, meta->name)) < 0 ||
        json_set(a, *out, "type", json_new_string(a, karma_model_type_name(meta->model_type))) <
            0 ||
        json_set(a, *out, "modalities", modalities_json(a, meta->modalities)) < 0 ||
        json_set(a, *out, "languages", languages_json(a, meta->languages)) < 0)
        return KARMA_E_NOMEM;
    return json_set(a, *out, "version", version ? json_new_string(a, version) : json_new_null(a));
}
