/* speech.c - see speech.h. */
#include "datasets/speech.h"

#include <string.h>

#include "base/language.h"
#include "base/utf8.h"
#include "datasets/prompt.h"

enum { MAX_TRANSCRIPT_BYTES = 16 << 20 };

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

static const char *const audio_endings[] = {".wav", ".flac", ".ogg",  ".oga", ".opus",
                                            ".mp3", ".aif",  ".aiff", ".au",  ".w64",
                                            ".caf", ".rf64", NULL};

static bool is_audio_name(const char *name) {
    for (const char *const *e = audio_endings; *e; e++)
        if (ascii_ends_with(name, *e)) return true;
    return false;
}

karma_status speech_is_folder(const char *folder, bool *is) {
    struct arena a = {0};
    const char *manifest = NULL, *corpus;
    const char *const *names;
    size_t n = 0;
    karma_status st = attached_find_stem(&a, folder, "corpus", &corpus);
    const bool may_be = st == KARMA_OK && !corpus; /* else a retrieval set, whatever lies beside */
    if (may_be) st = attached_find_manifest(&a, folder, NULL, &manifest);
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
                         ".csv, .tsv, .parquet) nor recordings with a .txt file each",
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
static const char *const begins[] = {"UklGR", "UkY2N", "ZkxhQ", "T2dnU", "SUQz",
                                     "Rk9ST", "//s",   "//u",   "//v",   NULL};

static karma_status read_audio(struct arena *a, const struct speech *s, const struct json *value,
                               karma_audio *out) {
    struct attached x;
    karma_status st = attached_read(a, s->folder, begins, value, &x);
    *out = (karma_audio){.path = x.path, .bytes = x.bytes, .n_bytes = x.n_bytes, .name = x.name};
    return st;
}

/* The language, and where the drug names stand in the transcript, for metrics that read them. */
static karma_status set_other_args(struct arena *a, const char *language, const struct json *row,
                                   struct item *out) {
    struct json *o = json_new_object(a);
    struct buf text = {0};
    const struct json *entities = json_get(row, "medical_entities");
    karma_status st = o ? KARMA_OK : KARMA_E_NOMEM;
    if (!language && json_is_null(entities)) return st;
    if (st == KARMA_OK && language) st = json_set(a, o, "language", json_new_string(a, language));
    if (st == KARMA_OK && !json_is_null(entities)) st = json_set(a, o, "entities", entities);
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
    if (st == KARMA_OK)
        st = set_other_args(a, language ? language : asked_language(args), row, out);
    const char *system = f->system ? f->system : "system";
    if (st == KARMA_OK) st = item_text(a, item_field(row, system), &out->system_prompt);
    if (!out->system_prompt || out->system_prompt[0] == '\0')
        out->system_prompt = spec->system_prompt;
    if (st == KARMA_OK) st = prompt_render(a, prompt, &v, &out->prompt);
    if (out->prompt && out->prompt[0] == '\0') out->prompt = NULL; /* it is heard, not asked */
    return st;
}

/* ---- what was seen ---- */

karma_status speech_take(struct speech *s, const karma_audio *audio, bool may_miss) {
    const struct attached x = {
        .path = audio->path, .bytes = audio->bytes, .n_bytes = audio->n_bytes};
    bool missing;
    karma_status st = x.path || x.n_bytes ? attached_take(&s->seen, &x, may_miss, &missing)
                                          : status_fail(KARMA_E_RANGE, "no bytes");
    return st < 0 ? status_prefix(st, "audio") : KARMA_OK;
}

karma_status speech_check(const struct speech *s, size_t i, karma_audio *audio) {
    return attached_check(&s->seen, i, audio->path, &audio->digest);
}

void speech_add_digest(const struct speech *s, struct sha256 *h) {
    attached_add_digest(&s->seen, h);
}

void speech_close(struct speech *s) {
    buf_release(&s->text);
    attached_release(&s->seen);
    *s = (struct speech){0};
}
