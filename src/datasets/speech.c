/* speech.c - see speech.h. */
#include "datasets/speech.h"

#include <string.h>

#include "base/base64.h"
#include "base/language.h"
#include "base/utf8.h"
#include "datasets/prompt.h"

enum { MAX_PATH_BYTES = 4096, MAX_TRANSCRIPT_BYTES = 16 << 20 };

struct speech_seen {
    char digest[65]; /* "" for one that is missing */
    uint64_t size;   /* of a file, as the next */
    int64_t mtime_ns;
};

const char *const missing_audio_choices[] = {"error", "fail", NULL};

/* ---- columns ---- */

static const char *const audio_columns[] = {
    "audio", "audio_filepath", "audio_path", "file_name", "wav", NULL};
static const char *const text_columns[] = {"text", "transcription", "transcript", "sentence", NULL};
static const char *const language_columns[] = {"language", "lang", "locale", "audio_language",
                                               NULL};

/* The column the set names, else the first usual one of the row. *name: for messages. */
static const struct json *column(const struct json *row, const char *named,
                                 const char *const *usual, const char **name) {
    *name = named ? named : usual[0];
    if (named) return item_field(row, named);
    for (; *usual; usual++) {
        const struct json *value = item_field(row, *usual);
        if (!value) continue;
        *name = *usual;
        return value;
    }
    return NULL;
}

static karma_status column_text(struct arena *a, const struct json *row, const char *named,
                                const char *const *usual, const char **name, const char **out) {
    karma_status st = item_text(a, column(row, named, usual, name), out);
    return st < 0 ? status_prefix(st, "%s", *name) : KARMA_OK;
}

bool speech_has_columns(const struct json *row) {
    const char *name;
    return column(row, NULL, audio_columns, &name) && column(row, NULL, text_columns, &name);
}

karma_status speech_check_prompt(const struct dataset_spec *spec) {
    const char *const named[] = {spec->speech.text, NULL};
    karma_status st = KARMA_OK;
    for (const char *const *c = named[0] ? named : text_columns; *c && st == KARMA_OK; c++)
        st = prompt_check(spec->info.prompt, *c);
    return st;
}

/* ---- folders ---- */

static const char *const manifests[] = {"metadata", "manifest", "transcripts", NULL};
static const char *const audio_endings[] = {".wav", ".flac", ".ogg",  ".oga", ".opus",
                                            ".mp3", ".aif",  ".aiff", ".au",  ".w64",
                                            ".caf", ".rf64", NULL};

static bool is_audio_name(const char *name) {
    for (const char *const *e = audio_endings; *e; e++)
        if (ascii_ends_with(name, *e)) return true;
    return false;
}

/* FOLDER/STEM.jsonl and so on; *path NULL: none of them is there. */
static karma_status find_stem(struct arena *a, const char *folder, const char *stem,
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

karma_status speech_find_manifest(struct arena *a, const char *folder, const char *split,
                                  const char **path) {
    karma_status st = KARMA_OK;
    *path = NULL;
    if (split) {
        st = file_check_name(split, strlen(split));
        if (st < 0) return status_prefix(st, "data set argument split");
        st = find_stem(a, folder, split, path);
        if (st < 0 || *path) return st;
        if (!(folder = file_join(a, folder, split))) return KARMA_E_NOMEM;
    }
    for (const char *const *stem = manifests; *stem && st == KARMA_OK && !*path; stem++)
        st = find_stem(a, folder, *stem, path);
    return st;
}

karma_status speech_is_folder(const char *folder, bool *is) {
    struct arena a = {0};
    const char *manifest = NULL, *corpus;
    const char *const *names;
    size_t n = 0;
    karma_status st = find_stem(&a, folder, "corpus", &corpus);
    const bool may_be = st == KARMA_OK && !corpus; /* else a retrieval set, whatever lies beside */
    if (may_be) st = speech_find_manifest(&a, folder, NULL, &manifest);
    *is = st == KARMA_OK && manifest;
    if (st == KARMA_OK && may_be && !*is) st = file_list(&a, folder, &names, &n);
    for (size_t i = 0; i < n && !*is; i++)
        *is = is_audio_name(names[i]);
    arena_release(&a);
    return st;
}

static bool has_name(const char *const *names, size_t n, const char *stem, size_t stem_len,
                     const char *ending) {
    for (size_t i = 0; i < n; i++)
        if (strncmp(names[i], stem, stem_len) == 0 && ascii_same(names[i] + stem_len, ending))
            return true;
    return false;
}

/* A transcript without its recording would be a sample that is lost without a word. */
static karma_status check_transcripts(const char *const *names, size_t n, const char *folder) {
    for (size_t i = 0; i < n; i++) {
        if (!ascii_ends_with(names[i], ".txt")) continue;
        bool found = false;
        for (const char *const *e = audio_endings; *e && !found; e++)
            found = has_name(names, n, names[i], strlen(names[i]) - strlen(".txt"), *e);
        if (!found)
            return status_fail(KARMA_E_MISSING, "%s/%s: no recording of that name is beside it",
                               folder, names[i]);
    }
    return KARMA_OK;
}

static karma_status add_pair(struct arena *a, struct buf *rows, const char *folder,
                             const char *name) {
    const size_t stem = (size_t)(strrchr(name, '.') - name);
    const char *path = arena_printf(a, "%s/%.*s.txt", folder, (int)stem, name);
    struct buf text = {0};
    struct json *row = json_new_object(a);
    if (!path || !row) return KARMA_E_NOMEM;
    if (!file_exists(path))
        return status_fail(KARMA_E_MISSING, "%s/%s: its transcript %.*s.txt is not beside it",
                           folder, name, (int)stem, name);
    karma_status st = file_read(path, MAX_TRANSCRIPT_BYTES, &text);
    const char *begin = buf_str(&text);
    size_t len = text.len;
    if (st == KARMA_OK && (!utf8_valid(begin, len, NULL) || memchr(begin, '\0', len)))
        st = status_fail(KARMA_E_ENCODING, "%s: not valid UTF-8", path);
    if (len >= 3 && memcmp(begin, "\xEF\xBB\xBF", 3) == 0) begin += 3, len -= 3;
    while (len && strchr(" \t\r\n", begin[len - 1]))
        len--;
    if (st == KARMA_OK) st = json_set(a, row, "id", json_new_string(a, name));
    if (st == KARMA_OK) st = json_set(a, row, "audio", json_new_string(a, name));
    if (st == KARMA_OK) st = json_set(a, row, "text", json_new_stringn(a, begin, len));
    if (st == KARMA_OK) st = json_write(rows, row, 0, JSON_COMPACT);
    if (st == KARMA_OK) st = buf_putc(rows, '\n');
    buf_release(&text);
    return st;
}

karma_status speech_open_folder(struct speech *s, const char *folder, struct reader *r) {
    struct arena a = {0};
    const char *const *names;
    size_t n = 0;
    karma_status st = file_list(&a, folder, &names, &n);
    if (st == KARMA_OK) st = check_transcripts(names, n, folder);
    for (size_t i = 0; i < n && st == KARMA_OK; i++)
        if (is_audio_name(names[i])) st = add_pair(&a, &s->text, folder, names[i]);
    arena_release(&a);
    if (st == KARMA_OK && s->text.len == 0)
        st = status_fail(KARMA_E_MISSING,
                         "%s: neither metadata.*, manifest.* or transcripts.* (.jsonl, .json, "
                         ".csv, .tsv) nor recordings with a .txt file each",
                         folder);
    if (st < 0) return st;
    s->folder = folder;
    return reader_open_text(&reader_jsonl, false, buf_str(&s->text), s->text.len, r);
}

/* ---- rows ---- */

/* The row's language as its code where there is one; NULL: it does not say. */
static karma_status row_language(struct arena *a, const struct dataset_spec *spec,
                                 const struct json *row, const char **out) {
    const char *name, *text;
    karma_status st = column_text(a, row, spec->speech.language, language_columns, &name, &text);
    *out = NULL;
    if (st < 0 || !text || !text[0]) return st;
    const char *code = language_code(text);
    *out = code ? code : text;
    return KARMA_OK;
}

static const char *asked_language(const struct json *args) {
    const char *text = json_str(json_get(args, "language"), NULL);
    const char *code = text ? language_code(text) : NULL;
    return code ? code : text;
}

karma_status speech_in_language(struct arena *a, const struct dataset_spec *spec,
                                const struct json *args, const struct json *row, bool *wanted) {
    const char *asked = asked_language(args), *found;
    karma_status st = row_language(a, spec, row, &found);
    *wanted = st < 0 || !asked || !found || strcmp(asked, found) == 0;
    return st;
}

/* How files that hold sound begin, in base64: RIFF, RF64, fLaC, OggS, ID3, FORM, MPEG frames. */
static bool is_base64(const char *text, size_t len) {
    static const char *const begins[] = {"UklGR", "UkY2N", "ZkxhQ", "T2dnU", "SUQz",
                                         "Rk9ST", "//s",   "//u",   "//v",   NULL};
    bool any = false;
    for (const char *const *b = begins; *b && !any; b++)
        any = strncmp(text, *b, strlen(*b)) == 0;
    if (!any || len > MAX_PATH_BYTES) return any;
    while (len && text[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++) /* a path would have a point somewhere */
        if (!base64_is_character(text[i])) return false;
    return true;
}

static karma_status decode(struct arena *a, const char *text, size_t len, karma_audio *out) {
    const unsigned char *bytes;
    karma_status st = base64_decode(a, text, len, &bytes, &out->n_bytes);
    out->bytes = bytes;
    return st;
}

static karma_status read_data_url(struct arena *a, const char *text, karma_audio *out) {
    static const char mark[] = ";base64,";
    const char *comma = strchr(text, ','), *found = strstr(text, mark);
    if (!comma || !found || found > comma)
        return status_fail(KARMA_E_UNSUPPORTED, "a data: URL without ;base64,");
    found += strlen(mark);
    return decode(a, found, strlen(found), out);
}

static karma_status read_path(struct arena *a, const struct speech *s, const char *text,
                              karma_audio *out) {
    if (!text[0]) return status_fail(KARMA_E_MISSING, "empty");
    if (strlen(text) >= MAX_PATH_BYTES) return status_fail(KARMA_E_LIMIT, "the path is too long");
    if (text[0] == '~')
        out->path = file_expand_home(a, text);
    else
        out->path = text[0] == '/' ? arena_strdup(a, text) : file_join(a, s->folder, text);
    return out->path ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status read_audio(struct arena *a, const struct speech *s, const struct json *value,
                               karma_audio *out) {
    const char *text, *name = NULL;
    *out = (karma_audio){0};
    if (json_is_object(value)) { /* as the datasets library writes its Audio */
        const struct json *bytes = json_get(value, "bytes");
        karma_status st = item_text(a, json_get(value, "path"), &name);
        if (st < 0) return status_prefix(st, "path");
        if (!json_is_null(bytes) && !json_is_string(bytes))
            return status_fail(KARMA_E_TYPE, "bytes: expected base64, found %s",
                               json_type_name(bytes));
        out->name = name;
        if (bytes && json_is_string(bytes)) {
            text = bytes->u.string.data;
            st = strncmp(text, "data:", 5) == 0 ? read_data_url(a, text, out)
                                                : decode(a, text, bytes->u.string.len, out);
            return st < 0 ? status_prefix(st, "bytes") : KARMA_OK;
        }
        if (!name) return status_fail(KARMA_E_MISSING, "neither bytes nor path");
        return read_path(a, s, name, out);
    }
    if (json_is_null(value)) return status_fail(KARMA_E_MISSING, "missing");
    if (!json_is_string(value))
        return status_fail(KARMA_E_TYPE, "expected a path, base64 or an object, found %s",
                           json_type_name(value));
    karma_status st = item_text(a, value, &text);
    if (st < 0) return st;
    if (strncmp(text, "data:", 5) == 0) return read_data_url(a, text, out);
    if (is_base64(text, strlen(text))) return decode(a, text, strlen(text), out);
    return read_path(a, s, text, out);
}

static karma_status set_other_args(struct arena *a, const char *language, struct item *out) {
    struct json *o = json_new_object(a);
    struct buf text = {0};
    if (!language) return KARMA_OK;
    karma_status st = json_set(a, o, "language", json_new_string(a, language));
    if (st == KARMA_OK) st = json_write(&text, o, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(out->other_args = arena_strdup(a, buf_str(&text)))) st = KARMA_E_NOMEM;
    buf_release(&text);
    return st;
}

karma_status speech_item(struct arena *a, const struct dataset_spec *spec, const struct speech *s,
                         const char *prompt, const struct json *args, const struct json *row,
                         struct item *out) {
    const struct dataset_fields *f = &spec->fields;
    const struct prompt_values v = {.args = args, .row = row};
    const char *name, *language;
    memset(out, 0, sizeof(*out));
    karma_status st = item_text(a, item_field(row, f->id ? f->id : "id"), &out->id);
    if (st < 0) return status_prefix(st, "%s", f->id ? f->id : "id");
    if (out->id && out->id[0] == '\0') out->id = NULL;
    const struct json *audio = column(row, spec->speech.audio, audio_columns, &name);
    st = read_audio(a, s, audio, &out->audio);
    if (st < 0) return status_prefix(st, "%s", name);
    out->has_audio = true;
    st = column_text(a, row, spec->speech.text, text_columns, &name, &out->reference);
    if (st < 0) return st;
    if (!out->reference) return status_fail(KARMA_E_MISSING, "%s: missing", name);
    st = row_language(a, spec, row, &language);
    if (st == KARMA_OK) st = set_other_args(a, language ? language : asked_language(args), out);
    const char *system = f->system ? f->system : "system";
    if (st == KARMA_OK) st = item_text(a, item_field(row, system), &out->system_prompt);
    if (!out->system_prompt || out->system_prompt[0] == '\0')
        out->system_prompt = spec->system_prompt;
    if (st == KARMA_OK) st = prompt_render(a, prompt, &v, &out->prompt);
    if (out->prompt && out->prompt[0] == '\0') out->prompt = NULL; /* it is heard, not asked */
    return st;
}

/* ---- what was seen ---- */

static karma_status look_at_file(const char *path, struct speech_seen *out) {
    struct file_map map;
    karma_status st = file_map_open(path, &map);
    if (st < 0) return st;
    out->size = map.size;
    out->mtime_ns = map.mtime_ns;
    file_map_close(&map);
    return KARMA_OK;
}

static karma_status look(const karma_audio *audio, bool may_miss, struct speech_seen *out) {
    unsigned char digest[32];
    struct sha256 h;
    *out = (struct speech_seen){.size = 0};
    if (audio->path) {
        const enum file_kind kind = file_kind(audio->path);
        if (kind == FILE_KIND_NONE && may_miss) return KARMA_OK;
        if (kind == FILE_KIND_NONE)
            return status_fail(KARMA_E_MISSING, "%s: no such file", status_quote_path(audio->path));
        if (kind != FILE_KIND_REGULAR)
            return status_fail(KARMA_E_PATH, "%s: not a file", status_quote_path(audio->path));
        karma_status st = look_at_file(audio->path, out);
        return st < 0 ? st : file_sha256(audio->path, out->digest);
    }
    if (audio->n_bytes == 0) return status_fail(KARMA_E_RANGE, "no bytes");
    sha256_begin(&h);
    sha256_add(&h, audio->bytes, audio->n_bytes);
    sha256_end(&h, digest);
    sha256_hex(digest, out->digest);
    return KARMA_OK;
}

karma_status speech_take(struct speech *s, const karma_audio *audio, bool may_miss) {
    if (s->count == s->cap) {
        const size_t cap = s->cap ? s->cap * 2 : 64;
        struct speech_seen *grown = mem_realloc(s->seen, cap * sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        s->seen = grown;
        s->cap = cap;
    }
    karma_status st = look(audio, may_miss, &s->seen[s->count]);
    if (st < 0) return status_prefix(st, "audio");
    s->count++;
    return KARMA_OK;
}

karma_status speech_check(const struct speech *s, size_t i, karma_audio *audio) {
    const struct speech_seen *seen = &s->seen[i];
    struct speech_seen now = {.size = 0};
    audio->digest = seen->digest[0] ? seen->digest : NULL;
    if (!audio->path) return KARMA_OK; /* part of the row, which was looked at */
    if (!audio->digest && file_kind(audio->path) == FILE_KIND_NONE) return KARMA_OK;
    karma_status st = look_at_file(audio->path, &now);
    if (st < 0) return st;
    if (!audio->digest || now.size != seen->size || now.mtime_ns != seen->mtime_ns)
        st = status_fail(KARMA_E_DIGEST, "%s: changed while in use", audio->path);
    return st;
}

void speech_add_digest(const struct speech *s, struct sha256 *h) {
    sha256_field_u64(h, s->count);
    for (size_t i = 0; i < s->count; i++)
        sha256_field_str(h, s->seen[i].digest);
}

void speech_close(struct speech *s) {
    buf_release(&s->text);
    mem_free(s->seen);
    *s = (struct speech){0};
}
