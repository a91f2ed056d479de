/*
 * parquet_footer.c - the metadata at a Parquet file's end. The schema is read first, so that what a
 * row group may hold is known before anything is allocated for it.
 */
#include <string.h>

#include "base/size.h"
#include "base/utf8.h"
#include "formats/parquet_impl.h"
#include "formats/parquet_thrift.h"

enum { MAX_NAME = 1 << 16 };

/* What a schema element says, apart from its node. */
struct element {
    int64_t n_children, converted, logical; /* -1: not said */
    bool has_type;
};

/* ---- schema elements ---- */

static void read_unit(struct thrift *t, const struct thrift_field *f, struct pq_node *n) {
    struct thrift_field unit = {0};
    if (!thrift_is(t, f->type, THRIFT_STRUCT, "unit")) return;
    while (thrift_next(t, &unit)) {
        if (unit.id >= 1 && unit.id <= 3) n->unit_digits = unit.id * 3;
        thrift_skip(t, unit.type);
    }
}

/* The struct of one of the union's members: its number, precision, ... */
static void read_logical_of(struct thrift *t, int which, struct pq_node *n) {
    struct thrift_field f = {0};
    while (thrift_next(t, &f)) {
        if (which == 5 && f.id == 1)
            n->scale = (int32_t)thrift_int(t, &f, "scale", INT32_MIN, INT32_MAX);
        else if (which == 5 && f.id == 2)
            n->precision = (int32_t)thrift_int(t, &f, "precision", INT32_MIN, INT32_MAX);
        else if ((which == 7 || which == 8) && f.id == 1)
            n->utc = thrift_bool(t, &f, "isAdjustedToUTC");
        else if ((which == 7 || which == 8) && f.id == 2)
            read_unit(t, &f, n);
        else if (which == 10 && f.id == 1)
            n->bits = (int)thrift_int(t, &f, "bitWidth", 0, 64);
        else if (which == 10 && f.id == 2)
            n->is_signed = thrift_bool(t, &f, "isSigned");
        else
            thrift_skip(t, f.type);
    }
}

static void read_logical(struct thrift *t, const struct thrift_field *f, struct pq_node *n,
                         struct element *e) {
    struct thrift_field member = {0};
    if (!thrift_is(t, f->type, THRIFT_STRUCT, "logicalType")) return;
    while (thrift_next(t, &member)) {
        e->logical = member.id;
        if (member.type == THRIFT_STRUCT)
            read_logical_of(t, member.id, n);
        else
            thrift_skip(t, member.type);
    }
}

static karma_status take_name(struct parquet *p, struct thrift *t, const struct thrift_field *f,
                              struct pq_node *n) {
    const char *name = thrift_bytes(t, f, "name", &n->name_len);
    if (t->st < 0) return t->st;
    if (n->name_len > MAX_NAME)
        return status_fail(KARMA_E_LIMIT, "schema: a name of more than %d bytes", MAX_NAME);
    if (memchr(name, '\0', n->name_len) || !utf8_valid(name, n->name_len, NULL))
        return status_fail(KARMA_E_ENCODING, "schema: a name that is not valid UTF-8");
    n->name = arena_strndup(&p->arena, name, n->name_len);
    return n->name ? KARMA_OK : KARMA_E_NOMEM;
}

/* The older annotation, where the newer one says nothing. */
static void apply_converted(int64_t converted, struct pq_node *n, struct element *e) {
    static const unsigned char logical[] = {1,  2,  0,  3,  4,  5,  6,  7,  7,  8,  8,
                                            10, 10, 10, 10, 10, 10, 10, 10, 12, 13, 0};
    if (e->logical >= 0 || converted < 0 || converted >= (int64_t)sizeof(logical)) return;
    e->logical = logical[converted];
    if (converted == 2) e->logical = 2; /* MAP_KEY_VALUE, of a map's own group in old files */
    if (converted == 7 || converted == 9) n->unit_digits = 3;
    if (converted == 8 || converted == 10) n->unit_digits = 6;
    if (converted >= 7 && converted <= 10) n->utc = true;
    if (converted >= 11 && converted <= 18) {
        n->bits = 8 << ((converted - 11) % 4);
        n->is_signed = converted >= 15;
    }
}

static karma_status apply_logical(const struct element *e, struct pq_node *n) {
    static const unsigned char kinds[] = {
        [1] = PQ_KIND_STRING,  [2] = PQ_KIND_MAP,   [3] = PQ_KIND_LIST,  [4] = PQ_KIND_ENUM,
        [5] = PQ_KIND_DECIMAL, [6] = PQ_KIND_DATE,  [7] = PQ_KIND_TIME,  [8] = PQ_KIND_TIMESTAMP,
        [10] = PQ_KIND_INT,    [11] = PQ_KIND_NULL, [12] = PQ_KIND_JSON, [14] = PQ_KIND_UUID,
        [15] = PQ_KIND_FLOAT16};
    if (e->logical > 0 && e->logical < (int64_t)sizeof(kinds))
        n->kind = (enum pq_kind)kinds[e->logical];
    const bool group = n->type == PQ_NO_TYPE;
    const bool of_group = n->kind == PQ_KIND_LIST || n->kind == PQ_KIND_MAP;
    if (of_group && !group) n->kind = PQ_KIND_PLAIN; /* the mark of a leaf means nothing */
    if (group && !of_group) n->kind = PQ_KIND_PLAIN;
    return KARMA_OK;
}

static karma_status read_element(struct parquet *p, struct thrift *t, struct pq_node *n) {
    struct thrift_field f = {0};
    struct element e = {.n_children = 0, .converted = -1, .logical = -1};
    karma_status st = KARMA_OK;
    n->type = PQ_NO_TYPE;
    while (st == KARMA_OK && thrift_next(t, &f)) {
        switch (f.id) {
        case 1:
            n->type = (enum pq_type)thrift_int(t, &f, "schema: type", PQ_BOOLEAN, PQ_FIXED);
            break;
        case 2:
            n->type_length = (int32_t)thrift_int(t, &f, "schema: type_length", 0, INT32_MAX);
            break;
        case 3:
            n->repetition = (enum pq_repetition)thrift_int(t, &f, "schema: repetition_type",
                                                           PQ_REQUIRED, PQ_REPEATED);
            break;
        case 4:
            st = take_name(p, t, &f, n);
            break;
        case 5:
            e.n_children = thrift_int(t, &f, "schema: num_children", 0, PQ_MAX_NODES);
            break;
        case 6:
            e.converted = thrift_int(t, &f, "schema: converted_type", 0, INT32_MAX);
            break;
        case 7:
            n->scale = (int32_t)thrift_int(t, &f, "schema: scale", INT32_MIN, INT32_MAX);
            break;
        case 8:
            n->precision = (int32_t)thrift_int(t, &f, "schema: precision", INT32_MIN, INT32_MAX);
            break;
        case 10:
            read_logical(t, &f, n, &e);
            break;
        default:
            thrift_skip(t, f.type);
        }
    }
    if (st == KARMA_OK) st = t->st;
    if (st < 0) return st;
    if (!n->name) return status_fail(KARMA_E_MISSING, "schema: an element without a name");
    n->n_children = (size_t)e.n_children;
    if (n->n_children > 0) n->type = PQ_NO_TYPE;
    apply_converted(e.converted, n, &e);
    return apply_logical(&e, n);
}

static karma_status read_schema(struct parquet *p, struct thrift *t, const struct thrift_field *f) {
    int type;
    const size_t n = thrift_list(t, f, "schema", &type);
    if (t->st < 0 || !thrift_is(t, n ? type : THRIFT_STRUCT, THRIFT_STRUCT, "schema")) return t->st;
    if (p->nodes) return status_fail(KARMA_E_DUPLICATE, "schema: given twice");
    if (n > PQ_MAX_NODES)
        return status_fail(KARMA_E_LIMIT, "schema: %zu elements, at most %d are read", n,
                           PQ_MAX_NODES);
    if (n < 2) return status_fail(KARMA_E_MISSING, "schema: no columns");
    p->nodes = arena_calloc(&p->arena, n, sizeof(*p->nodes));
    if (!p->nodes) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++)
        st = read_element(p, t, &p->nodes[i]);
    p->n_nodes = n;
    return st;
}

/* ---- row groups ---- */

struct meta {
    int64_t type, codec, n_values, packed, data_offset, dictionary_offset, n_nulls;
    bool path_fits, has_path;
};

/* Is the list the path of the leaf? Names one by one against the nodes that hold it. */
static bool path_is(struct thrift *t, const struct thrift_field *f, const char *path) {
    int type;
    const size_t n = thrift_list(t, f, "path_in_schema", &type);
    bool same = true;
    if (!thrift_is(t, n ? type : THRIFT_BINARY, THRIFT_BINARY, "path_in_schema")) return false;
    const struct thrift_field text = {.type = THRIFT_BINARY};
    for (size_t i = 0; i < n && t->st == KARMA_OK; i++) {
        size_t len;
        const char *part = thrift_bytes(t, &text, "path_in_schema", &len);
        same = same && (i == 0 || *path++ == '.') && strncmp(path, part, len) == 0 &&
               strlen(path) >= len;
        if (same) path += len;
    }
    return same && *path == '\0';
}

static void read_statistics(struct thrift *t, const struct thrift_field *f, struct meta *m) {
    struct thrift_field s = {0};
    if (!thrift_is(t, f->type, THRIFT_STRUCT, "statistics")) return;
    while (thrift_next(t, &s)) {
        if (s.id == 3)
            m->n_nulls = thrift_int(t, &s, "null_count", INT64_MIN, INT64_MAX);
        else
            thrift_skip(t, s.type);
    }
}

static void read_meta(struct thrift *t, const char *path, struct meta *m) {
    struct thrift_field f = {0};
    while (thrift_next(t, &f)) {
        switch (f.id) {
        case 1:
            m->type = thrift_int(t, &f, "type", PQ_BOOLEAN, PQ_FIXED);
            break;
        case 3:
            m->has_path = true;
            m->path_fits = path_is(t, &f, path);
            break;
        case 4:
            m->codec = thrift_int(t, &f, "codec", 0, INT16_MAX);
            break;
        case 5:
            m->n_values = thrift_int(t, &f, "num_values", 0, INT64_MAX);
            break;
        case 7:
            m->packed = thrift_int(t, &f, "total_compressed_size", 0, INT64_MAX);
            break;
        case 9:
            m->data_offset = thrift_int(t, &f, "data_page_offset", 0, INT64_MAX);
            break;
        case 11:
            m->dictionary_offset = thrift_int(t, &f, "dictionary_page_offset", 0, INT64_MAX);
            break;
        case 12:
            read_statistics(t, &f, m);
            break;
        default:
            thrift_skip(t, f.type);
        }
    }
}

static karma_status set_chunk(const struct parquet *p, const struct pq_node *leaf,
                              const struct meta *m, struct pq_chunk *c) {
    if (m->type < 0 || m->codec < 0 || m->n_values < 0 || m->packed < 0 || m->data_offset < 0 ||
        !m->has_path)
        return status_fail(KARMA_E_MISSING, "its metadata is not complete");
    if (!m->path_fits)
        return status_fail(KARMA_E_SHAPE, "the column at its place is another (path_in_schema)");
    if (m->type != (int64_t)leaf->type)
        return status_fail(KARMA_E_TYPE, "type %lld, the schema has %d", (long long)m->type,
                           (int)leaf->type);
    c->begin = (uint64_t)m->data_offset;
    if (m->dictionary_offset > 0 && m->dictionary_offset < m->data_offset)
        c->begin = (uint64_t)m->dictionary_offset;
    if (!size_add(c->begin, (uint64_t)m->packed, &c->end) || c->end > p->footer ||
        (c->begin < 4 && m->n_values > 0))
        return status_fail(KARMA_E_RANGE, "its pages lie outside (from byte %llu, %lld bytes)",
                           (unsigned long long)c->begin, (long long)m->packed);
    c->codec = (enum pq_codec)m->codec;
    c->n_values = (uint64_t)m->n_values;
    c->n_packed = (uint64_t)m->packed;
    c->n_nulls = m->n_nulls;
    return KARMA_OK;
}

static karma_status read_chunk(const struct parquet *p, struct thrift *t,
                               const struct pq_node *leaf, struct pq_chunk *c) {
    struct thrift_field f = {0};
    struct meta m = {
        .type = -1, .codec = -1, .n_values = -1, .packed = -1, .data_offset = -1, .n_nulls = -1};
    bool has_meta = false, encrypted = false, elsewhere = false;
    while (thrift_next(t, &f)) {
        elsewhere = elsewhere || f.id == 1;
        encrypted = encrypted || f.id == 8 || f.id == 9;
        if (f.id == 3 && f.type == THRIFT_STRUCT) {
            read_meta(t, leaf->path, &m);
            has_meta = true;
        } else {
            thrift_skip(t, f.type);
        }
    }
    karma_status st = t->st;
    if (st == KARMA_OK && encrypted) st = status_fail(KARMA_E_UNSUPPORTED, "it is encrypted");
    if (st == KARMA_OK && elsewhere)
        st = status_fail(KARMA_E_UNSUPPORTED, "its pages are in another file");
    if (st == KARMA_OK && !has_meta) st = status_fail(KARMA_E_MISSING, "its metadata is not there");
    if (st == KARMA_OK) st = set_chunk(p, leaf, &m, c);
    return st < 0 ? status_prefix(st, "column %s", status_quotez(leaf->path)) : KARMA_OK;
}

static karma_status read_chunks(struct parquet *p, struct thrift *t, const struct thrift_field *f,
                                struct pq_chunk *chunks) {
    int type;
    const size_t n = thrift_list(t, f, "columns", &type);
    if (t->st < 0 || !thrift_is(t, n ? type : THRIFT_STRUCT, THRIFT_STRUCT, "columns"))
        return t->st;
    if (n != p->n_leaves)
        return status_fail(KARMA_E_SHAPE, "%zu columns, the schema has %zu", n, p->n_leaves);
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++)
        st = read_chunk(p, t, p->leaves[i], &chunks[i]);
    return st;
}

static karma_status read_group(struct parquet *p, struct thrift *t, struct pq_chunk *chunks,
                               uint64_t *rows) {
    struct thrift_field f = {0};
    int64_t n_rows = -1;
    bool has_columns = false;
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && thrift_next(t, &f)) {
        if (f.id == 1 && !has_columns) {
            has_columns = true;
            st = read_chunks(p, t, &f, chunks);
        } else if (f.id == 3) {
            n_rows = thrift_int(t, &f, "num_rows", 0, INT64_MAX);
        } else {
            thrift_skip(t, f.type);
        }
    }
    if (st == KARMA_OK) st = t->st;
    if (st == KARMA_OK && (!has_columns || n_rows < 0))
        st = status_fail(KARMA_E_MISSING, "columns or num_rows are not there");
    for (size_t i = 0; i < p->n_leaves && st == KARMA_OK; i++) {
        const bool fits = p->leaves[i]->rep ? chunks[i].n_values >= (uint64_t)n_rows
                                            : chunks[i].n_values == (uint64_t)n_rows;
        if (!fits)
            st = status_fail(KARMA_E_SHAPE, "column %s: %llu values for %lld rows",
                             status_quotez(p->leaves[i]->path),
                             (unsigned long long)chunks[i].n_values, (long long)n_rows);
    }
    *rows = (uint64_t)n_rows;
    return st;
}

/* A group takes more bytes than each of its columns; only then is there room for all of them. */
static karma_status read_groups(struct parquet *p, struct thrift *t, const struct thrift_field *f) {
    int type;
    const size_t n = thrift_list(t, f, "row_groups", &type);
    if (t->st < 0 || !thrift_is(t, n ? type : THRIFT_STRUCT, THRIFT_STRUCT, "row_groups"))
        return t->st;
    uint64_t least;
    if (!size_mul(n, p->n_leaves, &least) || least > (uint64_t)(t->end - t->p))
        return status_fail(KARMA_E_TRUNCATED, "row_groups: more than what is left can hold");
    p->chunks = arena_calloc(&p->arena, (size_t)least + 1, sizeof(*p->chunks));
    p->group_rows = arena_calloc(&p->arena, n + 1, sizeof(*p->group_rows));
    if (!p->chunks || !p->group_rows) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    p->n_groups = n;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        uint64_t rows;
        st = read_group(p, t, p->chunks + i * p->n_leaves, &rows);
        if (st == KARMA_OK && !size_add(p->group_rows[i], rows, &p->group_rows[i + 1]))
            st = status_fail(KARMA_E_OVERFLOW, "too many rows");
        if (st < 0) st = status_prefix(st, "row group %zu", i);
    }
    return st;
}

/* ---- the whole ---- */

static karma_status find_metadata(struct parquet *p) {
    static const char hidden[] = "PARE";
    if (p->size < 4 || (memcmp(p->data, "PAR1", 4) != 0 && memcmp(p->data, hidden, 4) != 0))
        return status_fail(KARMA_E_MAGIC, "not a Parquet file (it does not begin with PAR1)");
    if (p->size < 4 + PQ_FOOTER_BYTES)
        return status_fail(KARMA_E_TRUNCATED, "%zu bytes, too few for a Parquet file", p->size);
    const unsigned char *tail = p->data + p->size - PQ_FOOTER_BYTES;
    if (memcmp(p->data, hidden, 4) == 0 || memcmp(tail + 4, hidden, 4) == 0)
        return status_fail(KARMA_E_UNSUPPORTED, "an encrypted Parquet file");
    if (memcmp(tail + 4, "PAR1", 4) != 0)
        return status_fail(KARMA_E_TRUNCATED, "the file ends early (its last bytes are not PAR1)");
    const uint64_t len = pq_u32(tail);
    if (len > p->size - 4 - PQ_FOOTER_BYTES)
        return status_fail(KARMA_E_RANGE, "metadata of %llu bytes in a file of %zu",
                           (unsigned long long)len, p->size);
    p->footer = p->size - PQ_FOOTER_BYTES - (size_t)len;
    return KARMA_OK;
}

static karma_status read_created_by(struct parquet *p, struct thrift *t,
                                    const struct thrift_field *f) {
    size_t len;
    const char *text = thrift_bytes(t, f, "created_by", &len);
    if (t->st < 0 || len > MAX_NAME) return t->st;
    p->created_by = arena_strdup(&p->arena, status_quote(text, len));
    return p->created_by ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status pq_read_footer(struct parquet *p) {
    karma_status st = find_metadata(p);
    if (st < 0) return st;
    const unsigned char *end = p->data + p->size - PQ_FOOTER_BYTES;
    struct thrift t = {.p = p->data + p->footer, .end = end}, groups = t;
    struct thrift_field f = {0}, groups_field = {0};
    int64_t n_rows = -1;
    bool encrypted = false;
    while (st == KARMA_OK && thrift_next(&t, &f)) {
        if (f.id == 2) {
            st = read_schema(p, &t, &f);
        } else if (f.id == 3) {
            n_rows = thrift_int(&t, &f, "num_rows", 0, INT64_MAX);
        } else if (f.id == 6) {
            st = read_created_by(p, &t, &f);
        } else {
            if (f.id == 4) {
                groups.p = t.p;
                groups_field = f;
            }
            encrypted = encrypted || f.id == 8;
            thrift_skip(&t, f.type);
        }
    }
    if (st == KARMA_OK) st = t.st;
    if (st == KARMA_OK && encrypted)
        st = status_fail(KARMA_E_UNSUPPORTED, "it is signed or encrypted");
    if (st == KARMA_OK && (!p->nodes || n_rows < 0 || groups_field.id == 0))
        st = status_fail(KARMA_E_MISSING, "schema, num_rows or row_groups are not there");
    if (st == KARMA_OK) st = pq_finish_schema(p);
    if (st == KARMA_OK) st = read_groups(p, &groups, &groups_field);
    if (st == KARMA_OK && p->group_rows[p->n_groups] != (uint64_t)n_rows)
        st = status_fail(KARMA_E_SHAPE, "num_rows: %lld, its row groups have %llu",
                         (long long)n_rows, (unsigned long long)p->group_rows[p->n_groups]);
    if (st < 0) return status_prefix(st, "metadata");
    p->n_rows = (uint64_t)n_rows;
    return KARMA_OK;
}
