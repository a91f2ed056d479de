/*
 * open.c - an open data set. One of rows keeps its file mapped and, for each row taken, a place and
 * a hash; rows are made into samples when they are asked for, and a row that has changed since is
 * an error. All rows are made once at opening, so that what is wrong with any of them is said
 * before a model is loaded. A retrieval set is one whose rows are queries; its documents and
 * judgements are in memory. Of recordings and pictures the content is looked at too, and none of it
 * kept. A registered data set gives its samples itself.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/option.h"
#include "base/sha256.h"
#include "base/size.h"
#include "datasets/dataset.h"
#include "datasets/extract.h"
#include "datasets/images.h"
#include "datasets/registered_set.h"
#include "datasets/retrieval.h"
#include "datasets/speech.h"

enum { KEY_BYTES = 48 }; /* of a key made from number and content */

struct taken {
    struct reader_place place;
    uint64_t row_no; /* in the file, from 1 */
    uint64_t hash;   /* of the row's content */
    size_t picture;  /* the number of its first one */
};

/* A row read and made into an item; its arena is its life. */
struct made {
    struct arena arena;
    size_t index; /* of `taken`; SIZE_MAX: none */
    struct item item;
    int64_t line_no;
    char key[KEY_BYTES];
};

struct karma_dataset {
    const struct dataset_spec *spec;
    karma_dataset_info info; /* the spec's, with name, prompt and extraction of this one */
    struct arena arena;      /* arguments, path */
    const char *path;
    const struct json *args;
    const char *args_text;
    const struct extraction *rule;
    bool unspecified;             /* the file was named, not the kind of its questions */
    struct retrieval_paths parts; /* of a retrieval set */
    struct retrieval retrieval;
    size_t unjudged;
    struct speech speech;             /* of recordings */
    struct images images;             /* of questions on pictures */
    struct registered_set registered; /* of a registered one */
    struct reader reader;
    struct taken *taken;
    size_t count, cap;
    char digest[65];
    struct made sample_row, extract_row; /* apart: a sample stays while its answer is read */
    karma_sample sample;
    struct arena prediction;
};

/* ---- arguments ---- */

/* The arguments given, as an object; a data file that was named is one of them. */
static karma_status read_given(karma_dataset *d, const char *name, const char *args_json,
                               const struct json **out) {
    const struct json *given = NULL;
    if (args_json) {
        karma_status st =
            json_parse(&d->arena, args_json, strlen(args_json), JSON_REJECT_DUPLICATES, &given);
        if (st < 0) return status_prefix(st, "data set arguments");
    }
    *out = given;
    if (!d->unspecified) return KARMA_OK;
    if (json_get(given, "path"))
        return status_fail(KARMA_E_USAGE,
                           "data set argument path: the data set is a file or folder itself");
    if (given && !json_is_object(given)) return KARMA_OK; /* options_resolve() refuses it */
    struct json *with_path;
    karma_status st = json_merge(&d->arena, given, NULL, &with_path);
    if (st == KARMA_OK)
        st = json_set(&d->arena, with_path, "path", json_new_string(&d->arena, name));
    *out = with_path;
    return st;
}

static karma_status resolve_args(karma_dataset *d, const struct json *given) {
    const karma_option_spec *const tables[] = {d->spec->info.options, NULL};
    struct buf text = {0};
    karma_status st =
        options_resolve(&d->arena, tables, given, true, "data set argument", &d->args);
    if (st == KARMA_OK) st = json_write(&text, d->args, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(d->args_text = arena_strdup(&d->arena, buf_str(&text))))
        st = KARMA_E_NOMEM;
    buf_release(&text);
    if (st < 0) return st;
    if (d->spec->class) {
        d->rule = extraction_find("strip"); /* when it has no rule of its own */
        return KARMA_OK;
    }
    if (d->spec->prompt) st = d->spec->prompt(&d->arena, d->args, &d->info.prompt);
    if (st < 0) return st;
    d->info.extraction = json_str(json_get(d->args, "extraction"), d->info.extraction);
    d->rule = extraction_find(d->info.extraction);
    if (!d->rule)
        return status_fail(KARMA_E_INTERNAL, "no extraction rule '%s'", d->info.extraction);
    if (d->rule->needs_choices && d->spec->kind != DATASET_MULTIPLE_CHOICE)
        return status_fail(KARMA_E_USAGE, "data set argument extraction: %s is for multiple choice",
                           d->rule->name);
    d->info.split = json_str(json_get(d->args, "split"), NULL);
    return KARMA_OK;
}

/* ---- the file ---- */

static karma_status file_in_folder(karma_dataset *d, const char *folder) {
    const char *split = d->info.split;
    if (!split)
        return status_fail(KARMA_E_USAGE, "%s: a folder, so the argument split must be given",
                           folder);
    karma_status st = file_check_name(split, strlen(split));
    if (st < 0) return status_prefix(st, "data set argument split");
    for (const struct reader_ops *const *r = readers; *r; r++) {
        for (const char *const *e = (*r)->extensions; *e; e++) {
            d->path = arena_printf(&d->arena, "%s/%s%s", folder, split, *e);
            if (!d->path) return KARMA_E_NOMEM;
            if (file_exists(d->path)) return KARMA_OK;
        }
    }
    return status_fail(KARMA_E_MISSING, "%s: no file %s.jsonl, .json, .csv or .tsv", folder,
                       status_quotez(split));
}

/* The file of the split among those the description names. */
static karma_status file_of_split(karma_dataset *d) {
    const struct dataset_file *files = d->spec->files;
    const char *split = d->info.split;
    for (const struct dataset_file *f = files; f->path; f++) {
        if (f->split && (!split || strcmp(f->split, split) != 0)) continue;
        d->path = f->path;
        return KARMA_OK;
    }
    if (!split)
        return status_fail(KARMA_E_USAGE, "data set argument split must be given: '%s', ...",
                           status_quotez(files[0].split));
    return status_fail(KARMA_E_RANGE, "data set argument split: no '%s'; the first is '%s'",
                       status_quotez(split), status_quotez(files[0].split));
}

/* The manifest in a folder of pictures, if it has one: of the split, or of all. */
static karma_status manifest_in_folder(karma_dataset *d, const char *folder, bool split_given) {
    karma_status st = attached_find_manifest(&d->arena, folder, d->info.split, &d->path);
    if (st == KARMA_OK && !d->path && !split_given) /* a default need not be there */
        st = attached_find_manifest(&d->arena, folder, NULL, &d->path);
    return st;
}

/* *by_name: the file itself is the split. */
static karma_status choose_file(karma_dataset *d, bool split_given, bool *by_name) {
    const char *path = json_str(json_get(d->args, "path"), NULL);
    *by_name = false;
    if (!path && d->spec->files) {
        *by_name = d->spec->files[0].split != NULL;
        karma_status st = file_of_split(d);
        if (st < 0) return st;
        path = d->path;
    }
    if (!path || !path[0])
        return status_fail(KARMA_E_USAGE, "data set argument path is required: the data file");
    d->path = file_expand_home(&d->arena, path);
    if (!d->path) return KARMA_E_NOMEM;
    if (file_kind(d->path) != FILE_KIND_FOLDER) return KARMA_OK;
    *by_name = true;
    const char *folder = d->path;
    if (d->spec->images == DATASET_IMAGES_ALL) {
        karma_status st = manifest_in_folder(d, folder, split_given);
        if (st < 0 || d->path) return st;
    }
    return file_in_folder(d, folder);
}

/* One of the three files of a retrieval set: as the argument says, else the description, else of
 * that name in the folder. */
static karma_status choose_part(karma_dataset *d, const char *part, const char *described,
                                const char **out) {
    const char *given = json_str(json_get(d->args, part), described);
    const char *folder = json_str(json_get(d->args, "path"), NULL);
    if (given) {
        *out = file_expand_home(&d->arena, given);
        return *out ? KARMA_OK : KARMA_E_NOMEM;
    }
    if (!folder && d->spec->files) folder = d->spec->files[0].path;
    if (!folder || !folder[0])
        return status_fail(KARMA_E_USAGE,
                           "data set argument path is required: the folder of its %s", part);
    folder = file_expand_home(&d->arena, folder);
    if (!folder) return KARMA_E_NOMEM;
    return retrieval_find_part(&d->arena, folder, part, d->info.split, out);
}

static karma_status open_parts(karma_dataset *d) {
    const struct retrieval_paths *described = &d->spec->parts;
    karma_status st = choose_part(d, "corpus", described->corpus, &d->parts.corpus);
    if (st == KARMA_OK) st = choose_part(d, "queries", described->queries, &d->parts.queries);
    if (st == KARMA_OK) st = choose_part(d, "qrels", described->qrels, &d->parts.qrels);
    if (st < 0) return st;
    d->path = d->parts.queries;
    return retrieval_open(d->spec, &d->parts, &d->retrieval);
}

/* The manifest, or the folder itself. Relative paths lie beside it. */
static karma_status open_recordings(karma_dataset *d, bool split_given, bool *by_name) {
    const char *path = json_str(json_get(d->args, "path"), NULL);
    karma_status st = KARMA_OK;
    *by_name = false;
    if (!path && d->spec->files) {
        *by_name = d->spec->files[0].split != NULL;
        st = file_of_split(d);
        path = d->path;
    }
    if (st < 0) return st;
    if (!path || !path[0])
        return status_fail(KARMA_E_USAGE,
                           "data set argument path is required: the data file or folder");
    path = file_expand_home(&d->arena, path);
    if (!path) return KARMA_E_NOMEM;
    d->path = path;
    if (file_kind(path) == FILE_KIND_FOLDER) {
        *by_name = true;
        st = manifest_in_folder(d, path, split_given);
        if (st < 0) return st;
        if (!d->path) {
            const char *folder = d->info.split ? file_join(&d->arena, path, d->info.split) : path;
            if (!folder) return KARMA_E_NOMEM;
            d->path = file_kind(folder) == FILE_KIND_FOLDER || split_given ? folder : path;
            return speech_open_folder(&d->speech, d->path, &d->reader);
        }
    }
    d->speech.folder = file_dir_name(&d->arena, d->path);
    return d->speech.folder ? reader_open(d->path, &d->reader) : KARMA_E_NOMEM;
}

/* ---- rows ---- */

static karma_status hash_row(const struct reader_row *row, uint64_t *out) {
    struct buf text = {0};
    struct sha256 sha;
    unsigned char digest[32];
    karma_status st = json_write(&text, row->value, 0, JSON_COMPACT);
    if (st == KARMA_OK) {
        sha256_begin(&sha);
        sha256_field_str(&sha, row->key);
        sha256_field(&sha, buf_str(&text), text.len);
        sha256_end(&sha, digest);
        *out = 0;
        for (int i = 0; i < 8; i++)
            *out = *out << 8 | digest[i];
    }
    buf_release(&text);
    return st;
}

static karma_status standard_row(const karma_dataset *d, struct arena *a,
                                 const struct reader_row *row, const struct json **out) {
    *out = row->value;
    if (d->spec->kind == DATASET_RETRIEVAL) return retrieval_query_row(a, d->spec, row, out);
    return d->spec->adapt ? d->spec->adapt(a, row, out) : KARMA_OK;
}

/* What stands in row->value as an item; m->arena holds all of it. */
static karma_status make(const karma_dataset *d, const struct reader_row *row,
                         const struct json *standard, const struct taken *t, struct made *m) {
    m->line_no = row->line_no;
    karma_status st =
        d->spec->kind == DATASET_TRANSCRIPTION
            ? speech_item(&m->arena, d->spec, &d->speech, d->info.prompt, d->args, standard,
                          &m->item)
            : item_make(&m->arena, d->spec, d->info.prompt, d->args, standard, &m->item);
    if (st == KARMA_OK) st = images_item(&m->arena, d->spec, d->images.folder, standard, &m->item);
    if (st < 0) return st;
    if (!m->item.id) m->item.id = row->key && row->key[0] ? row->key : NULL;
    if (!m->item.id) {
        snprintf(m->key, sizeof(m->key), "row%llu-%016llx", (unsigned long long)t->row_no,
                 (unsigned long long)t->hash);
        m->item.id = m->key;
    }
    if (d->spec->kind != DATASET_RETRIEVAL) return KARMA_OK;
    st = retrieval_reference(&m->arena, &d->retrieval, m->item.id, &m->item.reference);
    if (st < 0) return st;
    return retrieval_other_args(&m->arena, &d->retrieval, m->item.id, &m->item.other_args);
}

static karma_status take(karma_dataset *d, const struct taken *t) {
    if (d->count == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 64, bytes;
        if (!mul_size(cap, sizeof(*d->taken), &bytes))
            return status_fail(KARMA_E_OVERFLOW, "too many rows");
        struct taken *grown = mem_realloc(d->taken, bytes);
        if (!grown) return KARMA_E_NOMEM;
        d->taken = grown;
        d->cap = cap;
    }
    d->taken[d->count++] = *t;
    return KARMA_OK;
}

struct checking {
    struct map lines; /* of keys */
    size_t duplicates;
    int64_t duplicate_line;
    bool any_split;
};

/* Is the query of the language that is asked for? */
static karma_status in_language(const karma_dataset *d, struct arena *a, const struct json *row,
                                bool *wanted) {
    const char *language = json_str(json_get(d->args, "language"), NULL), *found;
    *wanted = true;
    if (!language) return KARMA_OK;
    karma_status st = item_text(a, item_field(row, "language"), &found);
    if (st == KARMA_OK && !found)
        st = status_fail(KARMA_E_MISSING, "language: the rows do not say theirs");
    if (st == KARMA_OK) *wanted = strcmp(language, found) == 0;
    return st;
}

/* A query is a sample when it is judged: without that it can have no score. */
static karma_status query_wanted(karma_dataset *d, struct arena *a, const struct json *row,
                                 const struct item *item, bool *wanted) {
    retrieval_saw(&d->retrieval, item->id);
    karma_status st = in_language(d, a, row, wanted);
    if (st < 0 || !*wanted) return st;
    *wanted = item->reference != NULL;
    d->unjudged += !*wanted;
    return KARMA_OK;
}

/* Of a set that has no such argument a missing file is its sample's failure. */
static bool may_miss(const karma_dataset *d, const char *argument) {
    return strcmp(json_str(json_get(d->args, argument), "fail"), "fail") == 0;
}

static karma_status check_row(karma_dataset *d, struct checking *c, const struct reader_row *row,
                              struct taken *t, struct made *m) {
    const struct json *standard;
    bool wanted = true, has_split = false;
    const bool retrieval = d->spec->kind == DATASET_RETRIEVAL; /* its split is its judgements' */
    karma_status st = standard_row(d, &m->arena, row, &standard);
    if (st == KARMA_OK && !retrieval)
        st = item_in_split(&m->arena, d->spec, standard, d->info.split, &wanted, &has_split);
    if (st < 0) return st;
    c->any_split = c->any_split || has_split;
    if (wanted && d->spec->kind == DATASET_TRANSCRIPTION)
        st = speech_in_language(&m->arena, d->spec, d->args, standard, &wanted);
    if (st < 0 || !wanted) return st;
    if (d->unspecified && d->spec->kind == DATASET_QUESTION_ANSWER &&
        item_has_options(d->spec, standard))
        return status_fail(KARMA_E_UNEXPECTED, "options: the first row had none");
    st = hash_row(row, &t->hash);
    if (st == KARMA_OK) st = make(d, row, standard, t, m);
    if (st < 0) return st;
    struct map_entry *entry;
    bool added;
    st = map_put(&c->lines, m->item.id, strlen(m->item.id), &entry, &added);
    if (st < 0) return st;
    if (!added)
        return status_fail(KARMA_E_DUPLICATE, "id: the same as in line %llu",
                           (unsigned long long)entry->value.u64);
    entry->value.u64 = (uint64_t)row->line_no;
    if (retrieval) st = query_wanted(d, &m->arena, standard, &m->item, &wanted);
    if (m->item.has_audio)
        st = speech_take(&d->speech, &m->item.audio, may_miss(d, "missing_audio"));
    if (st == KARMA_OK && m->item.n_images)
        st = images_take(&d->images, &d->arena, &m->item, may_miss(d, "missing_image"),
                         row->line_no, &t->picture);
    if (st < 0) return st;
    return wanted ? take(d, t) : KARMA_OK;
}

/* Errors of the reader say their line themselves. */
static karma_status check_rows(karma_dataset *d, struct checking *c) {
    struct reader_place place = {0};
    struct made m = {.index = SIZE_MAX};
    karma_status st;
    for (uint64_t row_no = 1;; row_no++) {
        struct taken t = {.place = place, .row_no = row_no};
        struct reader_row row;
        arena_reset(&m.arena);
        st = reader_read(&d->reader, &place, &m.arena, &row);
        if (st != KARMA_OK) break;
        if (row.duplicates && c->duplicates++ == 0) c->duplicate_line = row.line_no;
        st = check_row(d, c, &row, &t, &m);
        if (st < 0) {
            st = status_prefix(st, "line %lld", (long long)row.line_no);
            break;
        }
    }
    arena_release(&m.arena);
    return st == KARMA_DONE ? KARMA_OK : st;
}

static karma_status check_all(karma_dataset *d, bool split_given, bool by_name) {
    struct checking c = {.duplicates = 0};
    karma_status st = check_rows(d, &c);
    map_release(&c.lines);
    by_name = by_name || d->spec->kind == DATASET_RETRIEVAL;
    if (st == KARMA_OK && split_given && !by_name && !c.any_split)
        st = status_fail(KARMA_E_MISSING, "split: the rows do not say theirs");
    if (st == KARMA_OK && d->count == 0 && d->spec->kind == DATASET_RETRIEVAL)
        st = status_fail(KARMA_E_MISSING, "no query that is judged");
    if (st == KARMA_OK && d->count == 0)
        st = d->info.split && c.any_split ? status_fail(KARMA_E_MISSING, "no rows of split '%s'",
                                                        status_quotez(d->info.split))
                                          : status_fail(KARMA_E_MISSING, "no rows");
    if (st < 0) return status_prefix(st, "%s", d->path);
    if (c.duplicates > 0)
        log_warn("%s: line %lld: key given twice in a row; the last one counts (%zu such rows)",
                 d->path, (long long)c.duplicate_line, c.duplicates);
    if (d->images.n_missing > 0)
        log_warn("%s: line %lld: image: %s: no such file (%zu such files); their samples fail",
                 d->path, (long long)d->images.first_missing_line,
                 status_quote_path(d->images.first_missing), d->images.n_missing);
    return KARMA_OK;
}

/* ---- identity ---- */

static void add_fields(struct sha256 *s, const struct dataset_fields *f) {
    sha256_field_str(s, f->id);
    sha256_field_str(s, f->question);
    sha256_field_str(s, f->answer);
    sha256_field_str(s, f->context);
    sha256_field_str(s, f->split);
    sha256_field_str(s, f->system);
    sha256_field_str(s, f->answer_type);
    for (const char *const *o = f->options; o && *o; o++)
        sha256_field_str(s, *o);
    sha256_field_str(s, NULL);
}

static void add_choices(struct sha256 *s, const struct choices *c) {
    sha256_field_u64(s, c ? c->count : 0);
    for (size_t i = 0; c && i < c->count; i++) {
        sha256_field(s, &c->labels[i], 1);
        sha256_field_str(s, c->keys[i]);
        sha256_field_str(s, c->texts[i]);
    }
}

static void add_retrieval(struct sha256 *s, const karma_dataset *d) {
    const struct retrieval_fields *f = &d->spec->retrieval;
    const char *const names[] = {f->query_id,       f->query,         f->document_id,
                                 f->document_title, f->document_text, f->qrels_query,
                                 f->qrels_document, f->grade};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        sha256_field_str(s, names[i]);
    sha256_field_u64(s, d->spec->many_texts);
    sha256_field_str(s, d->retrieval.files_digest);
}

static void add_speech(struct sha256 *s, const karma_dataset *d) {
    sha256_field_str(s, d->spec->speech.audio);
    sha256_field_str(s, d->spec->speech.text);
    sha256_field_str(s, d->spec->speech.language);
    speech_add_digest(&d->speech, s);
}

/* An argument that says where a file is, not what the samples are. */
static bool is_place(const karma_dataset *d, const char *argument) {
    if (d->spec->class) return false;
    if (strcmp(argument, "path") == 0) return true;
    return d->spec->kind == DATASET_RETRIEVAL &&
           (strcmp(argument, "corpus") == 0 || strcmp(argument, "queries") == 0 ||
            strcmp(argument, "qrels") == 0);
}

static karma_status add_args(struct sha256 *s, const karma_dataset *d) {
    struct buf args = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(d->args) && st == KARMA_OK; i++) {
        const struct json_member *m = &d->args->u.object.members[i];
        if (is_place(d, m->key)) continue;
        buf_clear(&args);
        st = json_write(&args, m->value, 0, JSON_COMPACT);
        sha256_field_str(s, m->key);
        sha256_field_str(s, buf_str(&args));
    }
    buf_release(&args);
    return st;
}

/* Everything that decides what the samples are, and the bytes they come from. Not where the file
 * is. */
static karma_status make_digest(karma_dataset *d) {
    struct sha256 s;
    unsigned char digest[32];
    sha256_begin(&s);
    sha256_field_str(&s, "karma data set 1");
    sha256_field_str(&s, d->spec->info.name);
    sha256_field_u64(&s, (uint64_t)d->spec->kind);
    sha256_field_str(&s, d->info.prompt);
    sha256_field_str(&s, d->spec->system_prompt);
    sha256_field_str(&s, d->info.extraction);
    sha256_field_u64(&s, (uint64_t)d->spec->index_base);
    add_fields(&s, &d->spec->fields);
    add_choices(&s, d->spec->choices);
    karma_status st = add_args(&s, d);
    if (d->spec->kind == DATASET_RETRIEVAL) add_retrieval(&s, d);
    if (d->spec->kind == DATASET_TRANSCRIPTION) add_speech(&s, d);
    if (d->spec->images != DATASET_IMAGES_NONE) images_add_digest(&d->images, d->spec, &s);
    sha256_field(&s, d->reader.text, d->reader.len);
    sha256_end(&s, digest);
    sha256_hex(digest, d->digest);
    return st;
}

/* ---- the public calls ---- */

/* The rows of a file. */
static karma_status open_rows(karma_dataset *d, const struct json *given) {
    bool by_name = false;
    const bool split_given = !json_is_null(json_get(given, "split"));
    karma_status st = KARMA_OK;
    if (d->spec->kind == DATASET_TRANSCRIPTION) {
        st = open_recordings(d, split_given, &by_name);
    } else {
        st = d->spec->kind == DATASET_RETRIEVAL ? open_parts(d)
                                                : choose_file(d, split_given, &by_name);
        if (st == KARMA_OK && !(d->images.folder = file_dir_name(&d->arena, d->path)))
            st = KARMA_E_NOMEM;
        if (st == KARMA_OK) st = reader_open(d->path, &d->reader);
    }
    if (st == KARMA_OK) st = check_all(d, split_given, by_name);
    if (st == KARMA_OK && d->spec->kind == DATASET_RETRIEVAL)
        st = retrieval_check_seen(&d->retrieval, d->path);
    return st < 0 ? st : make_digest(d);
}

static karma_status open_registered(karma_dataset *d) {
    struct sha256 s;
    unsigned char digest[32];
    sha256_begin(&s);
    sha256_field_str(&s, "karma registered data set 1");
    sha256_field_str(&s, d->info.name);
    karma_status st = add_args(&s, d);
    if (st == KARMA_OK) st = registered_set_open(d->spec->class, d->args_text, &s, &d->registered);
    sha256_end(&s, digest);
    sha256_hex(digest, d->digest);
    d->count = d->registered.count;
    return st < 0 ? status_prefix(st, "%s", d->info.name) : KARMA_OK;
}

static karma_status open_with(karma_dataset *d, const char *name, const char *args_json) {
    const struct json *given = NULL;
    karma_status st = dataset_find(name, &d->spec, &d->unspecified);
    if (st < 0) return st;
    d->info = d->spec->info;
    if (d->unspecified && !(d->info.name = arena_strdup(&d->arena, name))) return KARMA_E_NOMEM;
    st = read_given(d, name, args_json, &given);
    if (st == KARMA_OK) st = resolve_args(d, given);
    if (st < 0) return st;
    return d->spec->class ? open_registered(d) : open_rows(d, given);
}

karma_status karma_dataset_open(const char *name, const char *args_json, karma_dataset **out) {
    karma_dataset *d = *out = mem_calloc(1, sizeof(*d));
    if (!d) return KARMA_E_NOMEM;
    d->sample_row.index = d->extract_row.index = SIZE_MAX;
    karma_status st = open_with(d, name, args_json);
    if (st == KARMA_OK) return KARMA_OK;
    karma_dataset_close(d);
    *out = NULL;
    return st;
}

void karma_dataset_close(karma_dataset *d) {
    if (!d) return;
    reader_close(&d->reader);
    retrieval_close(&d->retrieval);
    speech_close(&d->speech);
    images_close(&d->images);
    registered_set_close(&d->registered);
    arena_release(&d->sample_row.arena);
    arena_release(&d->extract_row.arena);
    arena_release(&d->prediction);
    arena_release(&d->arena);
    mem_free(d->taken);
    mem_free(d);
}

const karma_dataset_info *karma_dataset_get_info(const karma_dataset *d) {
    return &d->info;
}

const char *karma_dataset_args(const karma_dataset *d) {
    return d->args_text;
}

size_t karma_dataset_count(const karma_dataset *d) {
    return d->count;
}

const char *karma_dataset_digest(const karma_dataset *d) {
    return d->digest;
}

void karma_dataset_corpus(const karma_dataset *d, const char *const **ids,
                          const char *const **texts, size_t *n) {
    *ids = d->retrieval.ids;
    *texts = d->retrieval.texts;
    *n = d->retrieval.n_documents;
}

size_t karma_dataset_unjudged(const karma_dataset *d) {
    return d->unjudged;
}

/* Row i into m, unless it is there already. */
static karma_status load(karma_dataset *d, size_t i, struct made *m) {
    if (i >= d->count)
        return status_fail(KARMA_E_RANGE, "sample %zu of a data set of %zu", i, d->count);
    if (m->index == i) return KARMA_OK;
    const struct taken *t = &d->taken[i];
    struct reader_place place = t->place;
    struct reader_row row;
    const struct json *standard;
    uint64_t hash;
    m->index = SIZE_MAX;
    arena_reset(&m->arena);
    karma_status st = reader_read(&d->reader, &place, &m->arena, &row);
    if (st == KARMA_OK) st = hash_row(&row, &hash);
    if (st == KARMA_OK && hash != t->hash)
        st = status_fail(KARMA_E_DIGEST, "line %lld: changed while in use", (long long)row.line_no);
    if (st == KARMA_DONE) st = status_fail(KARMA_E_DIGEST, "changed while in use");
    if (st == KARMA_OK) st = standard_row(d, &m->arena, &row, &standard);
    if (st == KARMA_OK) st = make(d, &row, standard, t, m);
    if (st == KARMA_OK && m->item.has_audio) {
        st = speech_check(&d->speech, i, &m->item.audio);
        if (st < 0) st = status_prefix(st, "line %lld: audio", (long long)row.line_no);
    }
    if (st == KARMA_OK && m->item.n_images) {
        st = images_check(&d->images, t->picture, &m->item);
        if (st < 0) st = status_prefix(st, "line %lld", (long long)row.line_no);
    }
    if (st < 0) return status_prefix(st, "%s", d->path);
    m->index = i;
    return KARMA_OK;
}

karma_status karma_dataset_get(karma_dataset *d, size_t i, const karma_sample **sample) {
    *sample = NULL;
    if (d->spec->class) {
        karma_status got = registered_set_get(&d->registered, i, sample);
        return got < 0 ? status_prefix(got, "%s", d->info.name) : KARMA_OK;
    }
    karma_status st = load(d, i, &d->sample_row);
    if (st < 0) return st;
    const struct item *item = &d->sample_row.item;
    d->sample = (karma_sample){
        .struct_size = sizeof(karma_sample),
        .key = item->id,
        .input = item->prompt,
        .system_prompt = item->system_prompt,
        .expected_output = item->reference,
        .other_args_json = item->other_args,
        .audio = item->has_audio ? &item->audio : NULL,
        .images = item->images,
        .n_images = item->n_images,
    };
    *sample = &d->sample;
    return KARMA_OK;
}

karma_status karma_dataset_answer_type(karma_dataset *d, size_t i, const char **type) {
    *type = NULL;
    if (d->spec->class) {
        karma_status got = registered_set_answer_type(&d->registered, i, type);
        return got < 0 ? status_prefix(got, "%s", d->info.name) : KARMA_OK;
    }
    karma_status st = load(d, i, &d->sample_row);
    if (st == KARMA_OK) *type = d->sample_row.item.answer_type;
    return st;
}

static karma_status extract_registered(karma_dataset *d, size_t i, const char *text,
                                       const char **prediction, karma_parse *how) {
    karma_status st = KARMA_OK;
    if (i >= d->count)
        st = status_fail(KARMA_E_RANGE, "sample %zu of a data set of %zu", i, d->count);
    if (st < 0 || !text) return st;
    arena_reset(&d->prediction);
    if (!d->spec->class->extract) return d->rule->read(&d->prediction, text, NULL, prediction, how);
    st = registered_set_extract(&d->registered, &d->prediction, i, text, prediction, how);
    return st < 0 ? status_prefix(st, "%s", d->info.name) : KARMA_OK;
}

karma_status karma_dataset_extract(karma_dataset *d, size_t i, const char *text,
                                   const char **prediction, karma_parse *how) {
    *prediction = "";
    *how = KARMA_PARSE_NONE;
    if (d->spec->class) return extract_registered(d, i, text, prediction, how);
    struct made *m = d->sample_row.index == i ? &d->sample_row : &d->extract_row;
    karma_status st = load(d, i, m);
    if (st < 0 || !text) return st;
    arena_reset(&d->prediction);
    return d->rule->read(&d->prediction, text, &m->item.choices, prediction, how);
}

bool karma_dataset_can_decide(const karma_dataset *d) {
    return !d->spec->class && d->rule->decided;
}

karma_status karma_dataset_decided(karma_dataset *d, size_t i, const char *text, bool *decided) {
    *decided = false;
    if (!karma_dataset_can_decide(d) || !text) return KARMA_OK;
    if (!extraction_may_decide(text)) return KARMA_OK; /* no row need be read to know that */
    struct made *m = d->sample_row.index == i ? &d->sample_row : &d->extract_row;
    karma_status st = load(d, i, m);
    if (st == KARMA_OK) *decided = d->rule->decided(text, &m->item.choices);
    return st;
}

karma_status karma_dataset_choices(karma_dataset *d, size_t i, const char *const **labels,
                                   const char *const **texts, size_t *n) {
    static const char letters[CHOICES_MAX][2] = {"A", "B", "C", "D", "E", "F", "G", "H", "I",
                                                 "J", "K", "L", "M", "N", "O", "P", "Q", "R",
                                                 "S", "T", "U", "V", "W", "X", "Y", "Z"};
    *labels = *texts = NULL;
    *n = 0;
    if (d->spec->kind != DATASET_MULTIPLE_CHOICE || d->spec->class) return KARMA_OK;
    karma_status st = load(d, i, &d->sample_row);
    if (st < 0) return st;
    const struct choices *c = &d->sample_row.item.choices;
    const char **own = arena_calloc(&d->sample_row.arena, c->count + 1, sizeof(*own));
    if (!own) return KARMA_E_NOMEM;
    for (size_t k = 0; k < c->count; k++)
        own[k] = letters[c->labels[k] - 'A'];
    *labels = own;
    *texts = c->texts;
    *n = c->count;
    return KARMA_OK;
}
