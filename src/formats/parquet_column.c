/*
 * parquet_column.c - a column of a row group as a stream of entries (repetition level, definition
 * level, perhaps a value). It can be sent to any row: pages that were passed are known, those ahead
 * are passed by their headers where a row is one entry.
 */
#include <string.h>

#include "formats/parquet_impl.h"

enum { MAX_MADE = INT32_MAX }; /* 2 GiB of a row group: unpacked, and what dictionaries repeat */

/* What was read of the file need not stay in memory. */
static void leave_page(const struct parquet *p, struct pq_column *c) {
    if (c->in_page && p->map) file_map_forget(p->map, (size_t)c->page.offset, (size_t)c->page.end);
    c->in_page = false;
    c->page_left = 0;
}

void pq_column_enter(struct parquet *p, struct pq_column *c, struct pq_chunk *chunk) {
    leave_page(p, c);
    c->chunk = chunk;
    c->next_page = chunk->begin;
    c->n_seen = c->row = 0;
    c->peeked = c->has_dictionary = false;
    c->page.offset = chunk->begin;
    pq_dictionary_release(&c->dictionary); /* the buffers stay, for the next of their size */
}

void pq_column_release(struct parquet *p, struct pq_column *c) {
    static struct pq_chunk none;
    pq_column_enter(p, c, &none);
    mem_free(c->unpacked);
    mem_free(c->dictionary_bytes);
    pq_values_release(&c->values);
}

/* ---- pages ---- */

static karma_status note_page(struct pq_column *c, uint64_t offset) {
    struct pq_chunk *k = c->chunk;
    if (k->n_pages && k->pages[k->n_pages - 1].offset >= offset) return KARMA_OK;
    if (k->n_pages == k->cap_pages) {
        const uint32_t cap = k->cap_pages ? k->cap_pages * 2 : 4;
        struct pq_place *grown = mem_realloc(k->pages, (size_t)cap * sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        k->pages = grown;
        k->cap_pages = cap;
    }
    k->pages[k->n_pages++] = (struct pq_place){offset, c->n_seen, c->row};
    return KARMA_OK;
}

static karma_status open_dictionary(struct parquet *p, struct pq_column *c,
                                    const struct pq_page_header *h) {
    const unsigned char *data;
    size_t n;
    if (c->has_dictionary) return status_fail(KARMA_E_DUPLICATE, "a second dictionary");
    if (h->encoding != PQ_PLAIN && h->encoding != PQ_PLAIN_DICTIONARY)
        return status_fail(KARMA_E_UNSUPPORTED, "a dictionary of encoding %d", h->encoding);
    karma_status st = pq_page_open(p, c, h, &c->dictionary_bytes, &c->dictionary_cap, &data, &n);
    if (st < 0) return st;
    const enum pq_kind kind = c->leaf->kind;
    st = pq_dictionary_init(&c->dictionary, (int)c->leaf->type, (uint32_t)c->leaf->type_length,
                            data, n, h->n_values,
                            kind == PQ_KIND_STRING || kind == PQ_KIND_ENUM || kind == PQ_KIND_JSON);
    c->has_dictionary = st == KARMA_OK;
    return st;
}

/* The dictionary stands first; a column that was sent into its middle has not met it. */
static karma_status need_dictionary(struct parquet *p, struct pq_column *c) {
    struct pq_page_header h;
    if (c->has_dictionary) return KARMA_OK;
    karma_status st = pq_page_header(p, c->chunk, c->chunk->begin, &h);
    if (st < 0) return st;
    return h.type == 2 ? open_dictionary(p, c, &h)
                       : status_fail(KARMA_E_MISSING, "its dictionary is not there");
}

static unsigned bits_of(uint32_t max) {
    unsigned n = 0;
    for (; max; max >>= 1)
        n++;
    return n;
}

/* A V1 page's levels, with their length before them. */
static karma_status open_levels(const unsigned char **p, size_t *n, int encoding, uint32_t max,
                                struct pq_hybrid *out) {
    if (max == 0) {
        pq_hybrid_init(out, *p, 0, 0);
        return KARMA_OK;
    }
    if (encoding != PQ_RLE)
        return status_fail(KARMA_E_UNSUPPORTED, "levels of encoding %d", encoding);
    if (*n < 4 || pq_u32(*p) > *n - 4)
        return status_fail(KARMA_E_TRUNCATED, "its levels end early");
    const size_t len = pq_u32(*p);
    pq_hybrid_init(out, *p + 4, len, bits_of(max));
    *p += 4 + len;
    *n -= 4 + len;
    return KARMA_OK;
}

/* Levels and values of a data page, at their beginning. */
static karma_status start_page(struct pq_column *c, const unsigned char *data, size_t n) {
    const struct pq_page_header *h = &c->page;
    const struct pq_node *leaf = c->leaf;
    karma_status st = KARMA_OK;
    if (h->type == 3) {
        pq_hybrid_init(&c->reps, h->payload, h->rep_bytes, bits_of(leaf->rep));
        pq_hybrid_init(&c->defs, h->payload + h->rep_bytes, h->def_bytes, bits_of(leaf->def));
    } else {
        st = open_levels(&data, &n, h->rep_encoding, leaf->rep, &c->reps);
        if (st == KARMA_OK) st = open_levels(&data, &n, h->def_encoding, leaf->def, &c->defs);
    }
    if (st == KARMA_OK)
        st = pq_values_init(&c->values, (int)leaf->type, (uint32_t)leaf->type_length, h->encoding,
                            data, n, c->has_dictionary ? &c->dictionary : NULL);
    c->forgotten = h->offset;
    c->page_left = h->n_values;
    c->in_page = st == KARMA_OK;
    return st;
}

static karma_status open_data(struct parquet *p, struct pq_column *c) {
    const struct pq_page_header *h = &c->page;
    karma_status st = KARMA_OK;
    if (h->encoding == PQ_PLAIN_DICTIONARY || h->encoding == PQ_RLE_DICTIONARY)
        st = need_dictionary(p, c);
    if (st == KARMA_OK)
        st = pq_page_open(p, c, h, &c->unpacked, &c->unpacked_cap, &c->data, &c->n_data);
    return st < 0 ? st : start_page(c, c->data, c->n_data);
}

/* The header of the next data page into c->page; the present page is left. *more false: none. */
static karma_status step_page(struct parquet *p, struct pq_column *c, bool *more) {
    *more = false;
    leave_page(p, c);
    while (c->n_seen < c->chunk->n_values) {
        const uint64_t offset = c->next_page;
        struct pq_page_header h;
        c->page.offset = offset;
        karma_status st = pq_page_header(p, c->chunk, offset, &h);
        if (st < 0) return st;
        c->page = h;
        c->next_page = h.end;
        if (h.type == 1) continue;
        if (h.type == 2) {
            if (offset != c->chunk->begin)
                return status_fail(KARMA_E_UNEXPECTED, "a dictionary behind data");
            continue; /* opened when a page asks for it */
        }
        if (h.n_values > c->chunk->n_values - c->n_seen)
            return status_fail(KARMA_E_RANGE, "%u values, %llu are left in the column", h.n_values,
                               (unsigned long long)(c->chunk->n_values - c->n_seen));
        st = note_page(c, offset);
        if (st < 0) return st;
        c->n_seen += h.n_values;
        if (h.n_values == 0) continue;
        *more = true;
        return KARMA_OK;
    }
    return KARMA_OK;
}

/* ---- entries ---- */

karma_status pq_column_peek(struct parquet *p, struct pq_column *c, bool *more) {
    uint64_t n;
    karma_status st = KARMA_OK;
    *more = true;
    if (c->peeked) return KARMA_OK;
    if (c->page_left == 0) {
        st = step_page(p, c, more);
        if (st == KARMA_OK && *more) st = open_data(p, c);
        if (st < 0 || !*more) return st < 0 ? pq_fail_column(st, c) : KARMA_OK;
    }
    st = pq_hybrid_run(&c->reps, 1, &c->rep, &n);
    if (st == KARMA_OK) st = pq_hybrid_run(&c->defs, 1, &c->def, &n);
    if (st == KARMA_OK && (c->rep > c->leaf->rep || c->def > c->leaf->def))
        st = status_fail(KARMA_E_RANGE, "level %u of at most %u",
                         c->rep > c->leaf->rep ? c->rep : c->def,
                         c->rep > c->leaf->rep ? c->leaf->rep : c->leaf->def);
    if (st < 0) return pq_fail_column(st, c);
    c->page_left--;
    c->peeked = true;
    c->row += c->rep == 0;
    return KARMA_OK;
}

/* Of a long page that is read where it lies, the part that is behind need not stay in memory. */
static void forget_behind(const struct parquet *p, struct pq_column *c, const struct pq_value *v) {
    enum { STEP = 4 << 20 };
    const uintptr_t at = (uintptr_t)v->bytes, from = (uintptr_t)p->data;
    if (!p->map || at < from || at - from > p->size || at - from < c->forgotten + STEP) return;
    file_map_forget(p->map, (size_t)c->forgotten, at - from);
    c->forgotten = at - from;
}

karma_status pq_column_take(struct parquet *p, struct pq_column *c, struct pq_value *v) {
    c->peeked = false;
    if (c->def < c->leaf->def) return KARMA_OK;
    karma_status st = pq_values_next(&c->values, v);
    if (st == KARMA_OK && v->n_bytes) forget_behind(p, c, v);
    if (st == KARMA_OK && pq_values_repeat(&c->values)) p->made += v->n_bytes;
    if (st == KARMA_OK && p->made > MAX_MADE)
        st = status_fail(KARMA_E_LIMIT, "more than 2 GiB of a row group");
    return st < 0 ? pq_fail_column(st, c) : KARMA_OK;
}

/* ---- going to a row ---- */

/* To the page that row begins in, as far as they are known; else to the last that is. */
static karma_status go_to_page(struct parquet *p, struct pq_column *c, uint64_t row) {
    const struct pq_chunk *k = c->chunk;
    uint32_t low = 0, high = k->n_pages; /* of those, rows begun before: <= row */
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (k->pages[mid].n_rows <= row)
            low = mid + 1;
        else
            high = mid;
    }
    const uint64_t begun = c->row - (c->peeked && c->rep == 0);
    const bool ahead = row >= begun;
    if (low == 0 || (ahead && k->pages[low - 1].n_rows <= begun)) {
        if (ahead) return KARMA_OK;
        return status_fail(KARMA_E_INTERNAL, "a row that was passed is not known");
    }
    const struct pq_place place = k->pages[low - 1];
    p->made = 0; /* what is read twice is not more */
    c->peeked = false;
    c->row = place.n_rows;
    if (c->in_page && c->page.offset == place.offset) return start_page(c, c->data, c->n_data);
    c->in_page = false;
    c->page_left = 0;
    c->n_seen = place.n_entries;
    c->next_page = place.offset;
    return KARMA_OK;
}

/* Pass n whole entries of the present page, all of one row each. */
static karma_status pass_flat(struct pq_column *c, uint64_t n) {
    uint64_t values = 0;
    karma_status st = KARMA_OK;
    c->page_left -= (uint32_t)n;
    c->row += n;
    while (n > 0 && st == KARMA_OK) {
        uint32_t def = 0;
        uint64_t run;
        st = pq_hybrid_run(&c->defs, n, &def, &run);
        n -= run;
        if (def == c->leaf->def) values += run;
    }
    return st == KARMA_OK ? pq_values_skip(&c->values, values) : st;
}

/* One entry per row: whole pages are passed unread. */
static karma_status seek_flat(struct parquet *p, struct pq_column *c, uint64_t row) {
    karma_status st = KARMA_OK;
    bool more = true;
    if (c->peeked && c->row <= row) { /* it is before the row */
        c->peeked = false;
        if (c->def == c->leaf->def) st = pq_values_skip(&c->values, 1);
    }
    while (st == KARMA_OK && !c->peeked && c->row < row) {
        if (c->page_left == 0) {
            st = step_page(p, c, &more);
            if (st == KARMA_OK && !more) st = status_fail(KARMA_E_TRUNCATED, "its pages end early");
            if (st < 0) break;
            if (c->page.n_values <= row - c->row) {
                c->row += c->page.n_values;
                continue;
            }
            st = open_data(p, c);
        }
        const uint64_t left = row - c->row;
        if (st == KARMA_OK) st = pass_flat(c, left < c->page_left ? left : c->page_left);
    }
    return st < 0 ? pq_fail_column(st, c) : KARMA_OK;
}

static karma_status seek_nested(struct parquet *p, struct pq_column *c, uint64_t row) {
    struct pq_value passed;
    bool more;
    for (;;) {
        karma_status st = pq_column_peek(p, c, &more);
        if (st == KARMA_OK && !more) {
            st = status_fail(KARMA_E_TRUNCATED, "its pages end early");
            st = pq_fail_column(st, c);
        }
        if (st < 0) return st;
        if (c->rep == 0 && c->row == row + 1) return KARMA_OK;
        st = pq_column_take(p, c, &passed);
        if (st < 0) return st;
    }
}

karma_status pq_column_seek(struct parquet *p, struct pq_column *c, uint64_t row) {
    karma_status st = go_to_page(p, c, row);
    if (st < 0) return pq_fail_column(st, c);
    return c->leaf->rep ? seek_nested(p, c, row) : seek_flat(p, c, row);
}
