/* parquet.c - an open Parquet file: see parquet.h. The parts are in parquet_*.c. */
#include "formats/parquet.h"

#include <string.h>

#include "formats/parquet_impl.h"

/* An honest file of more rows than this has more bytes than rows. */
enum { FEW_ROWS = 1000000 };

static karma_status open_file(struct parquet *p) {
    karma_status st = pq_read_footer(p);
    if (st < 0) return st;
    if (p->n_rows > FEW_ROWS && p->n_rows > p->size)
        return status_fail(KARMA_E_LIMIT, "%llu rows in %zu bytes", (unsigned long long)p->n_rows,
                           p->size);
    p->columns = arena_calloc(&p->arena, p->n_leaves + 1, sizeof(*p->columns));
    if (!p->columns) return KARMA_E_NOMEM;
    for (size_t i = 0; i < p->n_leaves; i++)
        p->columns[i].leaf = p->leaves[i];
    return KARMA_OK;
}

karma_status parquet_open(const unsigned char *data, size_t size, const struct file_map *map,
                          struct parquet **out) {
    struct parquet *p = *out = mem_calloc(1, sizeof(*p));
    if (!p) return KARMA_E_NOMEM;
    p->data = data;
    p->size = size;
    p->map = map;
    p->group = SIZE_MAX;
    karma_status st = open_file(p);
    if (st == KARMA_OK) return KARMA_OK;
    parquet_close(p);
    *out = NULL;
    return st;
}

void parquet_close(struct parquet *p) {
    if (!p) return;
    for (size_t i = 0; p->columns && i < p->n_leaves; i++)
        pq_column_release(p, &p->columns[i]);
    for (size_t i = 0; p->chunks && i < p->n_groups * p->n_leaves; i++)
        mem_free(p->chunks[i].pages);
    arena_release(&p->arena);
    mem_free(p);
}

uint64_t parquet_n_rows(const struct parquet *p) {
    return p->n_rows;
}

size_t parquet_n_groups(const struct parquet *p) {
    return p->n_groups;
}

const char *parquet_created_by(const struct parquet *p) {
    return p->created_by;
}

/* ---- the schema for people ---- */

static karma_status fill_field(struct parquet *p, const struct pq_node *n,
                               struct parquet_field *f) {
    *f = (struct parquet_field){.name = n->name,
                                .path = n->path,
                                .type = pq_type_text(&p->arena, n),
                                .depth = n->depth,
                                .nullable = n->repetition != PQ_REQUIRED,
                                .leaf = n->type != PQ_NO_TYPE,
                                .n_nulls = -1};
    if (!f->type) return KARMA_E_NOMEM;
    if (!f->leaf) return KARMA_OK;
    if (p->n_groups) f->codec = pq_codec_name(p->chunks[n->first_leaf].codec);
    f->n_nulls = 0;
    for (size_t g = 0; g < p->n_groups; g++) {
        const struct pq_chunk *c = &p->chunks[g * p->n_leaves + n->first_leaf];
        f->n_bytes += c->n_packed;
        f->n_nulls = c->n_nulls < 0 || f->n_nulls < 0 ? -1 : f->n_nulls + c->n_nulls;
    }
    return KARMA_OK;
}

karma_status parquet_fields(struct parquet *p, const struct parquet_field **out, size_t *n) {
    *n = p->n_nodes - 1;
    *out = NULL;
    if (!p->fields) {
        struct parquet_field *fields = arena_calloc(&p->arena, *n, sizeof(*fields));
        karma_status st = fields ? KARMA_OK : KARMA_E_NOMEM;
        for (size_t i = 0; i < *n && st == KARMA_OK; i++)
            st = fill_field(p, &p->nodes[i + 1], &fields[i]);
        if (st < 0) return st;
        p->fields = fields;
    }
    *out = p->fields;
    return KARMA_OK;
}

/* ---- rows ---- */

static void enter_group(struct parquet *p, size_t g) {
    if (p->group == g) return;
    p->group = g;
    p->made = 0;
    for (size_t i = 0; i < p->n_leaves; i++)
        pq_column_enter(p, &p->columns[i], &p->chunks[g * p->n_leaves + i]);
}

static size_t group_of(const struct parquet *p, uint64_t row) {
    size_t low = 0, high = p->n_groups; /* the last that begins at or before row */
    while (high - low > 1) {
        const size_t mid = low + (high - low) / 2;
        if (p->group_rows[mid] <= row)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* Behind a group's last row nothing may be left. */
static karma_status check_end(struct parquet *p) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < p->n_leaves && st == KARMA_OK; i++) {
        bool more;
        st = pq_column_peek(p, &p->columns[i], &more);
        if (st == KARMA_OK && more) {
            st = status_fail(KARMA_E_SHAPE, "more values than the rows of its group");
            st = pq_fail_column(st, &p->columns[i]);
        }
    }
    return st;
}

karma_status parquet_read(struct parquet *p, uint64_t row, struct arena *a,
                          const struct json **out) {
    *out = NULL;
    if (row >= p->n_rows)
        return status_fail(KARMA_E_RANGE, "row %llu of %llu", (unsigned long long)row,
                           (unsigned long long)p->n_rows);
    const size_t g = group_of(p, row);
    const uint64_t in_group = row - p->group_rows[g];
    enter_group(p, g);
    p->row_values = p->row_bytes = 0;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < p->n_leaves && st == KARMA_OK; i++)
        st = pq_column_seek(p, &p->columns[i], in_group);
    if (st == KARMA_OK) st = pq_make_row(p, a, out);
    if (st == KARMA_OK && row + 1 == p->group_rows[g + 1]) st = check_end(p);
    if (st < 0) *out = NULL;
    return st;
}
