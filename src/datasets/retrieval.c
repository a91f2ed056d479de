/*
 * retrieval.c - sets of documents, queries and judgements ("qrels"), in three files: BEIR's layout
 * is the usual one. Ids are texts, whatever the files make of them: 7 and "7" are the same. Every
 * row of corpus and qrels is checked when the set is opened: an id given twice, an empty document,
 * a judgement of what is not there, a grade that is no integer are errors with file and line,
 * because leaving them out would change every score unseen.
 */
#include "datasets/retrieval.h"

#include <string.h>

#include "base/log.h"
#include "base/sha256.h"
#include "base/size.h"
#include "datasets/item.h"
#include "datasets/shards.h"

enum { MAX_GRADE = 1000000 };

struct judgement {
    size_t document;
    int64_t grade;
    struct judgement *next;
};

struct judged_query {
    struct judgement *first, **end;
    int64_t line_no; /* where it is judged first */
    bool seen;
};

/* ---- columns ---- */

static const char *const query_ids[] = {"_id", "id", "query_id", "query-id", "qid", NULL};
static const char *const query_texts[] = {"text", "query", "question", NULL};
static const char *const document_ids[] = {"_id",       "id",        "document_id", "doc_id",
                                           "corpus-id", "corpus_id", NULL};
static const char *const document_titles[] = {"title", NULL};
static const char *const document_texts[] = {"text", "document", NULL};
static const char *const qrels_queries[] = {"query-id", "query_id", "qid", NULL};
static const char *const qrels_documents[] = {"corpus-id",   "corpus_id", "doc_id",
                                              "document_id", "docid",     NULL};
static const char *const qrels_grades[] = {"score", "grade", "relevance", NULL};

/* The column the set names, or the first usual one of the row. *name: for messages. */
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
                                const char *const *usual, const char **out) {
    const char *name;
    const struct json *value = column(row, named, usual, &name);
    karma_status st = item_text(a, value, out);
    return st < 0 ? status_prefix(st, "%s", name) : KARMA_OK;
}

/* The same, which must be there and not be empty. */
static karma_status need_text(struct arena *a, const struct json *row, const char *named,
                              const char *const *usual, const char **out) {
    const char *name;
    column(row, named, usual, &name);
    karma_status st = column_text(a, row, named, usual, out);
    if (st < 0) return st;
    if (!*out) return status_fail(KARMA_E_MISSING, "%s: missing", name);
    return (*out)[0] ? KARMA_OK : status_fail(KARMA_E_RANGE, "%s: empty", name);
}

/* ---- files ---- */

static karma_status find_file(struct arena *a, const char *stem, const char **path) {
    for (const struct reader_ops *const *r = readers; *r; r++) {
        for (const char *const *e = (*r)->extensions; *e; e++) {
            *path = arena_printf(a, "%s%s", stem, *e);
            if (!*path) return KARMA_E_NOMEM;
            if (file_exists(*path)) return KARMA_OK;
        }
    }
    return KARMA_DONE;
}

karma_status retrieval_find_part(struct arena *a, const char *folder, const char *part,
                                 const char *split, const char **path) {
    karma_status st = KARMA_DONE;
    if (split) {
        st = file_check_name(split, strlen(split));
        if (st < 0) return status_prefix(st, "data set argument split");
        const char *stem = arena_printf(a, "%s/%s/%s", folder, part, split);
        st = stem ? find_file(a, stem, path) : KARMA_E_NOMEM;
    }
    if (st == KARMA_DONE) {
        const char *stem = arena_printf(a, "%s/%s", folder, part);
        st = stem ? find_file(a, stem, path) : KARMA_E_NOMEM;
    }
    if (st == KARMA_DONE) {
        st = shards_find(a, folder, part, path);
        if (st == KARMA_OK && !*path) st = KARMA_DONE;
    }
    if (st != KARMA_DONE) return st;
    return status_fail(
        KARMA_E_MISSING,
        "%s: no file %s.jsonl, .json, .csv, .tsv or .parquet%s%s%s; a retrieval set has "
        "corpus, queries and qrels",
        folder, part, split ? ", nor one in " : "", split ? part : "",
        split ? "/ named by the split" : "");
}

typedef karma_status row_fn(struct retrieval *r, const struct dataset_spec *spec, struct arena *a,
                            const struct reader_row *row);

/* Give every row of a file to take(); messages begin with file and line. */
static karma_status each_row(struct retrieval *r, const struct dataset_spec *spec, const char *path,
                             row_fn *take, struct sha256 *bytes) {
    struct reader reader;
    struct reader_place place = {0};
    struct arena a = {0};
    size_t n = 0, duplicates = 0;
    karma_status st = reader_open(path, &reader);
    if (st < 0) return st;
    for (;; n++) {
        struct reader_row row;
        arena_reset(&a);
        st = reader_read(&reader, &place, &a, &row);
        if (st != KARMA_OK) break;
        duplicates += row.duplicates;
        st = take(r, spec, &a, &row);
        if (st < 0) {
            st = reader_prefix(st, &reader, row.line_no);
            break;
        }
    }
    if (st == KARMA_DONE) st = n ? KARMA_OK : status_fail(KARMA_E_MISSING, "no rows");
    if (st == KARMA_OK && duplicates)
        log_warn("%s: %zu rows give a key twice; the last one counts", path, duplicates);
    reader_add_digest(&reader, bytes);
    arena_release(&a);
    reader_close(&reader);
    return st < 0 ? status_prefix(st, "%s", path) : KARMA_OK;
}

/* ---- corpus ---- */

static karma_status make_room(struct retrieval *r) {
    if (r->n_documents < r->cap) return KARMA_OK;
    size_t cap = r->cap ? r->cap * 2 : 64, bytes;
    if (!mul_size(cap, sizeof(char *), &bytes))
        return status_fail(KARMA_E_OVERFLOW, "too many documents");
    const char **ids = mem_realloc(r->ids, bytes);
    if (!ids) return KARMA_E_NOMEM;
    r->ids = ids;
    const char **texts = mem_realloc(r->texts, bytes);
    if (!texts) return KARMA_E_NOMEM;
    r->texts = texts;
    r->cap = cap;
    return KARMA_OK;
}

static bool is_blank(const char *text) {
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* As BEIR has it: title and text with a blank between them. */
static karma_status document_text(struct retrieval *r, const struct retrieval_fields *f,
                                  struct arena *a, const struct json *row, const char **out) {
    const char *title, *text;
    karma_status st = column_text(a, row, f->document_title, document_titles, &title);
    if (st == KARMA_OK) st = column_text(a, row, f->document_text, document_texts, &text);
    if (st < 0) return st;
    if (!text && !title)
        return status_fail(KARMA_E_MISSING, "%s: missing",
                           f->document_text ? f->document_text : document_texts[0]);
    const bool has_title = title && !is_blank(title), has_text = text && !is_blank(text);
    if (!has_title && !has_text) return status_fail(KARMA_E_RANGE, "the document is empty");
    *out = has_title && has_text ? arena_printf(&r->arena, "%s %s", title, text)
                                 : arena_strdup(&r->arena, has_title ? title : text);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status take_document(struct retrieval *r, const struct dataset_spec *spec,
                                  struct arena *a, const struct reader_row *row) {
    const struct retrieval_fields *f = &spec->retrieval;
    const char *id, *text = NULL;
    struct map_entry *entry;
    bool added;
    karma_status st = KARMA_OK;
    if (row->key && !f->document_id)
        id = row->key; /* a file that names its rows */
    else
        st = need_text(a, row->value, f->document_id, document_ids, &id);
    if (st == KARMA_OK) st = document_text(r, f, a, row->value, &text);
    if (st == KARMA_OK) st = map_put(&r->documents, id, strlen(id), &entry, &added);
    if (st < 0) return st;
    if (!added && !spec->many_texts)
        return status_fail(KARMA_E_DUPLICATE, "document '%s' is there twice", status_quotez(id));
    if (added) entry->value.u64 = r->n_documents;
    st = make_room(r);
    if (st < 0) return st;
    id = added ? arena_strdup(&r->arena, id) : r->ids[entry->value.u64];
    if (!id) return KARMA_E_NOMEM;
    r->ids[r->n_documents] = id;
    r->texts[r->n_documents++] = text;
    return KARMA_OK;
}

static void digest_corpus(struct retrieval *r) {
    struct sha256 s;
    unsigned char digest[32];
    sha256_begin(&s);
    sha256_field_str(&s, "karma corpus 1");
    for (size_t i = 0; i < r->n_documents; i++) {
        sha256_field_str(&s, r->ids[i]);
        sha256_field_str(&s, r->texts[i]);
    }
    sha256_end(&s, digest);
    sha256_hex(digest, r->corpus_digest);
}

/* ---- judgements ---- */

static karma_status read_grade(struct arena *a, const struct json *row, const char *named,
                               int64_t *out) {
    const char *name;
    const struct json *value = column(row, named, qrels_grades, &name);
    struct json *one = json_new_object(a);
    if (!one) return KARMA_E_NOMEM;
    if (json_is_string(value)) { /* a cell of a table */
        const char *text = value->u.string.data;
        const size_t len = value->u.string.len;
        const struct json *number;
        karma_status st = json_parse(a, text, len, 0, &number);
        if (st == KARMA_E_NOMEM) return st;
        if (st < 0 || number->type != JSON_INT)
            return status_fail(KARMA_E_TYPE, "%s: expected an integer, found '%s'", name,
                               status_quote(text, len));
        value = number;
    }
    if (json_is_null(value)) return status_fail(KARMA_E_MISSING, "%s: missing", name);
    karma_status st = json_set(a, one, name, value);
    return st < 0 ? st : json_need_int(one, name, -MAX_GRADE, MAX_GRADE, out);
}

static karma_status judged_query(struct retrieval *r, const char *id, int64_t line_no,
                                 struct judged_query **out) {
    struct map_entry *entry;
    bool added;
    karma_status st = map_put(&r->queries, id, strlen(id), &entry, &added);
    if (st < 0) return st;
    if (!entry->value.ptr) {
        struct judged_query *q = arena_alloc(&r->arena, sizeof(*q));
        if (!q) return KARMA_E_NOMEM;
        q->end = &q->first;
        q->line_no = line_no;
        entry->value.ptr = q;
    }
    *out = entry->value.ptr;
    return KARMA_OK;
}

static karma_status take_judgement(struct retrieval *r, const struct dataset_spec *spec,
                                   struct arena *a, const struct reader_row *row) {
    const struct retrieval_fields *f = &spec->retrieval;
    const char *query, *document;
    int64_t grade;
    karma_status st = need_text(a, row->value, f->qrels_query, qrels_queries, &query);
    if (st == KARMA_OK)
        st = need_text(a, row->value, f->qrels_document, qrels_documents, &document);
    if (st == KARMA_OK) st = read_grade(a, row->value, f->grade, &grade);
    if (st < 0) return st;
    const struct map_entry *found = map_find(&r->documents, document, strlen(document));
    if (!found)
        return status_fail(KARMA_E_MISSING, "document '%s' is not in the corpus",
                           status_quotez(document));
    struct judged_query *q;
    st = judged_query(r, query, row->line_no, &q);
    if (st < 0) return st;
    const uintptr_t pair[2] = {(uintptr_t)q, (uintptr_t)found->value.u64};
    struct map_entry *entry;
    bool added;
    st = map_put(&r->pairs, (const char *)pair, sizeof(pair), &entry, &added);
    if (st < 0) return st;
    if (!added)
        return status_fail(KARMA_E_DUPLICATE, "query '%s' and document '%s': judged in line %llu",
                           status_quotez(query), status_quotez(document),
                           (unsigned long long)entry->value.u64);
    entry->value.u64 = (uint64_t)row->line_no;
    struct judgement *j = arena_alloc(&r->arena, sizeof(*j));
    if (!j) return KARMA_E_NOMEM;
    *j = (struct judgement){.document = (size_t)found->value.u64, .grade = grade};
    *q->end = j;
    q->end = &j->next;
    return KARMA_OK;
}

/* ---- the set ---- */

karma_status retrieval_open(const struct dataset_spec *spec, const struct retrieval_paths *paths,
                            struct retrieval *out) {
    *out = (struct retrieval){.qrels_path = paths->qrels};
    struct sha256 bytes;
    unsigned char digest[32];
    sha256_begin(&bytes);
    karma_status st = each_row(out, spec, paths->corpus, take_document, &bytes);
    if (st == KARMA_OK) st = each_row(out, spec, paths->qrels, take_judgement, &bytes);
    map_release(&out->pairs);
    sha256_end(&bytes, digest);
    sha256_hex(digest, out->files_digest);
    digest_corpus(out);
    if (st < 0) retrieval_close(out);
    return st;
}

void retrieval_close(struct retrieval *r) {
    map_release(&r->documents);
    map_release(&r->queries);
    map_release(&r->pairs);
    mem_free(r->ids);
    mem_free(r->texts);
    arena_release(&r->arena);
    *r = (struct retrieval){0};
}

static struct judged_query *find_query(const struct retrieval *r, const char *query) {
    const struct map_entry *entry = map_find(&r->queries, query, strlen(query));
    return entry ? entry->value.ptr : NULL;
}

karma_status retrieval_query_row(struct arena *a, const struct dataset_spec *spec,
                                 const struct reader_row *row, const struct json **out) {
    const struct retrieval_fields *f = &spec->retrieval;
    const char *id, *text;
    struct json *standard = NULL;
    karma_status st = KARMA_OK;
    if (row->key && !f->query_id)
        id = row->key;
    else
        st = need_text(a, row->value, f->query_id, query_ids, &id);
    if (st == KARMA_OK) st = need_text(a, row->value, f->query, query_texts, &text);
    if (st == KARMA_OK) st = json_merge(a, row->value, NULL, &standard);
    if (st == KARMA_OK) st = json_set(a, standard, "id", json_new_string(a, id));
    if (st == KARMA_OK) st = json_set(a, standard, "question", json_new_string(a, text));
    *out = standard;
    return st;
}

karma_status retrieval_reference(struct arena *a, const struct retrieval *r, const char *query,
                                 const char **out) {
    const struct judged_query *q = find_query(r, query);
    struct buf b = {0};
    *out = NULL;
    if (!q) return KARMA_OK;
    karma_status st = buf_putc(&b, '{');
    for (const struct judgement *j = q->first; j && st == KARMA_OK; j = j->next) {
        const char *id = r->ids[j->document];
        if (j != q->first) st = buf_puts(&b, ", ");
        if (st == KARMA_OK) st = json_write_string(&b, id, strlen(id), JSON_PYTHON);
        if (st == KARMA_OK) st = buf_printf(&b, ": %lld", (long long)j->grade);
    }
    if (st == KARMA_OK) st = buf_putc(&b, '}');
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&b)))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

void retrieval_saw(struct retrieval *r, const char *query) {
    struct judged_query *q = find_query(r, query);
    if (q) q->seen = true;
}

karma_status retrieval_check_seen(const struct retrieval *r, const char *queries_path) {
    for (size_t i = 0; i < r->queries.count; i++) {
        const struct map_entry *e = &r->queries.entries[i];
        const struct judged_query *q = e->value.ptr;
        if (q->seen) continue;
        return status_fail(KARMA_E_MISSING, "%s: line %lld: query '%s' is not in %s", r->qrels_path,
                           (long long)q->line_no, status_quotez(e->key), queries_path);
    }
    return KARMA_OK;
}

karma_status retrieval_other_args(struct arena *a, const struct retrieval *r, const char *query,
                                  const char **out) {
    struct json *o = json_new_object(a);
    struct buf b = {0};
    karma_status st = json_set(a, o, "query_id", json_new_string(a, query));
    if (st == KARMA_OK) st = json_set(a, o, "corpus", json_new_string(a, r->corpus_digest));
    if (st == KARMA_OK) st = json_write(&b, o, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&b)))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}
