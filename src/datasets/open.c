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
#include "base/option.h"
#include "base/size.h"
#include "datasets/adapt.h"
#include "datasets/open_set.h"
#include "datasets/rotation.h"

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

/* What the protocol changes, as long as no argument says otherwise. */
static void follow_upstream(karma_dataset *d) {
    const struct dataset_upstream *u = &d->spec->upstream;
    if (u->prompt) d->info.prompt = u->prompt;
    if (u->extraction) d->info.extraction = u->extraction;
    if (u->metrics) d->info.metrics = u->metrics;
    if (u->processors) d->info.processors = u->processors;
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
    if (args_are_upstream(d->args)) follow_upstream(d);
    if (d->spec->prompt) st = d->spec->prompt(&d->arena, d->args, d->info.prompt, &d->info.prompt);
    if (st == KARMA_OK) st = slices_init(&d->arena, d->spec, d->args, &d->slices);
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
    st = attached_find_split(&d->arena, folder, split, &d->path);
    if (st < 0 || d->path) return st;
    return status_fail(KARMA_E_MISSING,
                       "%s: no file %s.jsonl, .json, .csv, .tsv or .parquet, nor Parquet files of "
                       "that split",
                       folder, status_quotez(split));
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

/* The argument path, or the other name a set has for it. */
static const char *path_argument(const karma_dataset *d) {
    const char *path = json_str(json_get(d->args, "path"), NULL);
    return path || !d->spec->path_alias ? path
                                        : json_str(json_get(d->args, d->spec->path_alias), NULL);
}

/* The folder of a configuration in *folder, if there is one of that name. */
static karma_status enter_configuration(karma_dataset *d, const char **folder) {
    const char *argument = d->spec->folder_argument;
    const char *name = argument ? json_str(json_get(d->args, argument), NULL) : NULL;
    if (!name) return KARMA_OK;
    karma_status st = file_check_name(name, strlen(name));
    if (st < 0) return status_prefix(st, "data set argument %s", argument);
    const char *inner = file_join(&d->arena, *folder, name);
    if (!inner) return KARMA_E_NOMEM;
    if (file_kind(inner) == FILE_KIND_FOLDER) *folder = inner;
    return KARMA_OK;
}

/* *by_name: the file itself is the split. */
static karma_status choose_file(karma_dataset *d, bool split_given, bool *by_name) {
    const char *path = path_argument(d);
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
    karma_status st = enter_configuration(d, &folder);
    if (st == KARMA_OK && d->spec->images == DATASET_IMAGES_ALL) {
        st = manifest_in_folder(d, folder, split_given);
        if (st < 0 || d->path) return st;
    }
    return st < 0 ? st : file_in_folder(d, folder);
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
        st = enter_configuration(d, &path);
        if (st == KARMA_OK) st = manifest_in_folder(d, path, split_given);
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

/* A row in the usual columns; DONE: it, or this part of it, is no sample of the set. */
static karma_status standard_row(const karma_dataset *d, struct arena *a,
                                 const struct reader_row *row, size_t part,
                                 struct dataset_standard *out) {
    *out = (struct dataset_standard){.row = row->value};
    if (d->spec->kind == DATASET_RETRIEVAL) return retrieval_query_row(a, d->spec, row, &out->row);
    return adapt_row(a, d->spec, d->args, row, part, out);
}

static karma_status make_item(const karma_dataset *d, const struct dataset_standard *standard,
                              const struct taken *t, struct made *m) {
    if (d->spec->kind == DATASET_TRANSCRIPTION)
        return speech_item(&m->arena, d->spec, &d->speech, d->info.prompt, d->args, standard->row,
                           &m->item);
    if (standard->conversation)
        return item_make_conversation(&m->arena, d->spec, standard, &m->item);
    karma_status st =
        item_make(&m->arena, d->spec, d->info.prompt, d->args, standard->row, &m->item);
    if (st == KARMA_OK)
        st = rotation_apply(&m->arena, d->info.prompt, d->args, standard->row, t->rotation,
                            &m->item);
    return st < 0 ? st : few_shot_put_before(&m->arena, &d->few_shot, &m->item);
}

/* What stands in row->value as an item; m->arena holds all of it. */
static karma_status make(const karma_dataset *d, const struct reader_row *row,
                         const struct dataset_standard *standard, const struct taken *t,
                         struct made *m) {
    m->line_no = row->line_no;
    karma_status st = make_item(d, standard, t, m);
    if (st == KARMA_OK)
        st = images_item(&m->arena, d->spec, d->images.folder, standard->row, &m->item);
    if (st == KARMA_OK)
        st = slices_item(&m->arena, &d->slices, standard->row, row->value, &m->item);
    if (st == KARMA_OK) st = item_other_args(&m->arena, standard->other_args, &m->item);
    if (st < 0) return st;
    if (!m->item.id) m->item.id = row->key && row->key[0] ? row->key : NULL;
    if (!m->item.id) {
        const int n = snprintf(m->key, sizeof(m->key), "row%llu-%016llx",
                               (unsigned long long)t->row_no, (unsigned long long)t->hash);
        if (t->part) snprintf(m->key + n, sizeof(m->key) - (size_t)n, "-%zu", t->part);
        m->item.id = m->key;
    }
    if (d->rotates) return rotation_name(&m->arena, t->rotation, &m->item);
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

/* An id is there once. */
static karma_status note_id(const struct reader *r, struct checking *c,
                            const struct reader_row *row, const char *id) {
    struct map_entry *entry;
    char where[READER_WHERE_BYTES];
    bool added;
    karma_status st = map_put(&c->lines, id, strlen(id), &entry, &added);
    if (st < 0) return st;
    if (!added)
        return status_fail(KARMA_E_DUPLICATE, "id: the same as in %s",
                           reader_where(r, (int64_t)entry->value.u64, where));
    entry->value.u64 = (uint64_t)row->line_no;
    return KARMA_OK;
}

static karma_status check_row(karma_dataset *d, struct checking *c, const struct reader_row *row,
                              struct taken *t, struct made *m) {
    struct dataset_standard standard;
    bool wanted = true, has_split = false;
    const bool retrieval = d->spec->kind == DATASET_RETRIEVAL; /* its split is its judgements' */
    karma_status st = standard_row(d, &m->arena, row, t->part, &standard);
    if (st == KARMA_DONE) return KARMA_OK;
    if (st == KARMA_OK && !retrieval)
        st = item_in_split(&m->arena, d->spec, standard.row, d->info.split, &wanted, &has_split);
    if (st < 0) return st;
    c->any_split = c->any_split || has_split;
    if (wanted && d->spec->kind == DATASET_TRANSCRIPTION)
        st = speech_in_language(&m->arena, d->spec, d->args, standard.row, &wanted);
    if (st < 0 || !wanted) return st;
    if (d->unspecified && d->spec->kind == DATASET_QUESTION_ANSWER &&
        item_has_options(d->spec, standard.row))
        return status_fail(KARMA_E_UNEXPECTED, "options: the first row had none");
    st = hash_row(row, &t->hash);
    if (st == KARMA_OK) st = make(d, row, &standard, t, m);
    if (st == KARMA_OK) st = note_id(&d->reader, c, row, m->item.id);
    if (st < 0) return st;
    slices_saw(&d->slices, &m->item);
    if (retrieval) st = query_wanted(d, &m->arena, standard.row, &m->item, &wanted);
    if (m->item.has_audio)
        st = speech_take(&d->speech, &m->item.audio, may_miss(d, "missing_audio"));
    if (st == KARMA_OK && m->item.n_images)
        st = images_take(&d->images, &d->arena, &m->item, may_miss(d, "missing_image"),
                         row->line_no, &t->picture);
    if (st < 0) return st;
    return wanted ? take(d, t) : KARMA_OK;
}

/* The row at *place, which moves on; its samples one by one. */
static karma_status check_parts(karma_dataset *d, struct checking *c, struct reader_place *place,
                                uint64_t row_no, struct made *m) {
    const size_t n_parts = d->spec->n_parts ? d->spec->n_parts : 1;
    const struct reader_place begin = *place;
    karma_status st = KARMA_OK;
    for (size_t part = 0; part < n_parts && st == KARMA_OK; part++) {
        struct taken t = {.place = begin, .row_no = row_no, .part = part};
        struct reader_row row;
        arena_reset(&m->arena);
        *place = begin;
        st = reader_read(&d->reader, place, &m->arena, &row);
        if (st != KARMA_OK) return st;
        if (part == 0 && row.duplicates && c->duplicates++ == 0) c->duplicate_line = row.line_no;
        st = check_row(d, c, &row, &t, m);
        if (st < 0) st = reader_prefix(st, &d->reader, row.line_no);
    }
    return st;
}

/* Errors of the reader say their line themselves. */
static karma_status check_rows(karma_dataset *d, struct checking *c) {
    struct reader_place place = {0};
    struct made m = {.index = SIZE_MAX};
    karma_status st = KARMA_OK;
    for (uint64_t row_no = 1; st == KARMA_OK; row_no++)
        st = check_parts(d, c, &place, row_no, &m);
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
    if (st == KARMA_OK) st = slices_check_seen(&d->slices);
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

/* ---- the public calls ---- */

/* A file that is beside the one of the questions by the name of a split; *path NULL: none. */
static karma_status file_of_other_split(karma_dataset *d, const char *split, const char **path) {
    const char *folder = file_dir_name(&d->arena, d->path);
    karma_status st = folder ? file_check_name(split, strlen(split)) : KARMA_E_NOMEM;
    return st < 0 ? st : attached_find_split(&d->arena, folder, split, path);
}

/* Where the examples are: *path and, of a file with all splits, *split. */
static karma_status find_examples(karma_dataset *d, bool by_name, const char **path,
                                  const char **split) {
    static const char *const usual[] = {"train", "dev", "validation", NULL};
    const char *given = json_str(json_get(d->args, "few_shot_path"), NULL);
    karma_status st = KARMA_OK;
    *split = NULL;
    *path = NULL;
    if (given && (reader_for(given) || file_kind(given) != FILE_KIND_NONE)) {
        *path = file_expand_home(&d->arena, given);
        return *path ? KARMA_OK : KARMA_E_NOMEM;
    }
    if (given) {
        for (const struct dataset_file *f = d->spec->files; f && f->split && !*path; f++)
            if (strcmp(f->split, given) == 0) *path = f->path;
        if (!*path) st = file_of_other_split(d, given, path);
        if (st < 0 || *path) return st;
        *split = given; /* of the rows' own column, or nowhere */
    }
    for (const char *const *u = usual; by_name && !given && *u && !*path && st == KARMA_OK; u++)
        if (!d->info.split || strcmp(*u, d->info.split) != 0) st = file_of_other_split(d, *u, path);
    if (st == KARMA_OK && !*path) {
        *path = d->path;
        if (!given && !by_name) *split = d->info.split;
    }
    return st;
}

static karma_status choose_examples(karma_dataset *d, bool by_name) {
    const char *path, *split;
    size_t n;
    karma_status st = few_shot_wanted(d->spec, d->args, &n);
    if (st < 0 || n == 0) return st;
    st = find_examples(d, by_name, &path, &split);
    if (st < 0) return status_prefix(st, "data set argument few_shot_path");
    return few_shot_choose(&d->arena, d->spec, d->info.prompt, d->args, path, split, n,
                           &d->few_shot);
}

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
    if (st == KARMA_OK) st = choose_examples(d, by_name);
    if (st == KARMA_OK) st = check_all(d, split_given, by_name);
    if (st == KARMA_OK && d->spec->kind == DATASET_RETRIEVAL)
        st = retrieval_check_seen(&d->retrieval, d->path);
    return st < 0 ? st : set_digest_make(d);
}

static karma_status open_registered(karma_dataset *d) {
    struct sha256 s;
    unsigned char digest[32];
    sha256_begin(&s);
    sha256_field_str(&s, "karma registered data set 1");
    sha256_field_str(&s, d->info.name);
    karma_status st = set_digest_add_args(&s, d);
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
    struct dataset_standard standard;
    uint64_t hash;
    m->index = SIZE_MAX;
    arena_reset(&m->arena);
    karma_status st = reader_read(&d->reader, &place, &m->arena, &row);
    if (st == KARMA_OK) st = hash_row(&row, &hash);
    if (st == KARMA_OK && hash != t->hash) {
        st = status_fail(KARMA_E_DIGEST, "changed while in use");
        st = reader_prefix(st, &d->reader, row.line_no);
    }
    if (st == KARMA_DONE) st = status_fail(KARMA_E_DIGEST, "changed while in use");
    if (st == KARMA_OK) st = standard_row(d, &m->arena, &row, t->part, &standard);
    if (st == KARMA_OK) st = make(d, &row, &standard, t, m);
    if (st == KARMA_OK && m->item.has_audio) {
        st = speech_check(&d->speech, i, &m->item.audio);
        if (st < 0) st = reader_prefix(status_prefix(st, "audio"), &d->reader, row.line_no);
    }
    if (st == KARMA_OK && m->item.n_images) {
        st = images_check(&d->images, t->picture, &m->item);
        if (st < 0) st = reader_prefix(st, &d->reader, row.line_no);
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
        .conversation = item->messages,
        .n_messages = item->n_messages,
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

karma_status karma_dataset_group(karma_dataset *d, size_t i, const char **group) {
    *group = NULL;
    if (d->spec->class) {
        karma_status got = registered_set_group(&d->registered, i, group);
        return got < 0 ? status_prefix(got, "%s", d->info.name) : KARMA_OK;
    }
    karma_status st = load(d, i, &d->sample_row);
    if (st == KARMA_OK) *group = d->sample_row.item.group;
    return st;
}

karma_status karma_dataset_slices(karma_dataset *d, size_t i, const char *const **fields,
                                  const char *const **values, size_t *n) {
    *fields = *values = NULL;
    *n = 0;
    if (i >= d->count)
        return status_fail(KARMA_E_RANGE, "sample %zu of a data set of %zu", i, d->count);
    if (d->spec->class || d->slices.count == 0) return KARMA_OK;
    karma_status st = load(d, i, &d->sample_row);
    if (st < 0) return st;
    *fields = (const char *const *)d->slices.fields;
    *values = (const char *const *)d->sample_row.item.slices;
    *n = d->slices.count;
    return KARMA_OK;
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
