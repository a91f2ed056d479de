/*
 * parquet_json.c - rows put together from their columns, after the levels: where the definition
 * level falls short of a node's, it is null or has no elements; where the repetition level is a
 * list's, the entry is another element of it. All columns below a node must agree on that.
 */
#include <string.h>

#include "formats/parquet_impl.h"

enum { MAX_ROW_VALUES = 4 << 20 };

static karma_status disagree(const struct pq_node *n) {
    return status_fail(KARMA_E_SHAPE, "column %s: the levels of what it holds disagree",
                       status_quotez(n->path));
}

static karma_status count(struct parquet *p) {
    if (++p->row_values <= MAX_ROW_VALUES) return KARMA_OK;
    return status_fail(KARMA_E_LIMIT, "more than %d values in a row", MAX_ROW_VALUES);
}

/* All columns below n stand at an entry, of that repetition level if it is not 0, and all or none
 * of them have a value, or elements, at def. */
static karma_status agree(struct parquet *p, const struct pq_node *n, uint32_t def, uint32_t rep,
                          bool *present) {
    for (size_t i = 0; i < n->n_leaves; i++) {
        struct pq_column *c = &p->columns[n->first_leaf + i];
        bool more;
        karma_status st = pq_column_peek(p, c, &more);
        if (st < 0) return st;
        if (!more) {
            st = status_fail(KARMA_E_TRUNCATED, "its values end early");
            return pq_fail_column(st, c);
        }
        const bool here = c->def >= def;
        if (rep && c->rep != rep) return disagree(n);
        if (i == 0) *present = here;
        if (here != *present) return disagree(n);
    }
    return KARMA_OK;
}

/* Does another element of the list of that level follow? */
static karma_status another(struct parquet *p, const struct pq_node *n, uint32_t rep, bool *yes) {
    *yes = false;
    for (size_t i = 0; i < n->n_leaves; i++) {
        struct pq_column *c = &p->columns[n->first_leaf + i];
        bool more;
        karma_status st = pq_column_peek(p, c, &more);
        if (st < 0) return st;
        const bool here = more && c->rep == rep;
        if (more && c->rep > rep) return disagree(n);
        if (i == 0) *yes = here;
        if (here != *yes) return disagree(n);
    }
    return KARMA_OK;
}

static karma_status pass(struct parquet *p, const struct pq_node *n) {
    struct pq_value none;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n->n_leaves && st == KARMA_OK; i++)
        st = pq_column_take(p, &p->columns[n->first_leaf + i], &none);
    return st;
}

static karma_status read_node(struct parquet *p, struct arena *a, const struct pq_node *n,
                              const struct json **out);

static karma_status read_children(struct parquet *p, struct arena *a, const struct pq_node *n,
                                  const struct json **out) {
    struct json *object = json_new_object(a);
    struct json_member *members = arena_calloc(a, n->n_children, sizeof(*members));
    if (!object || !members) return KARMA_E_NOMEM;
    const struct pq_node *child = n + 1;
    for (size_t i = 0; i < n->n_children; i++) {
        members[i].key = child->name;
        members[i].key_len = child->name_len;
        karma_status st = read_node(p, a, child, &members[i].value);
        if (st < 0) return st;
        child = p->nodes + child->next;
    }
    object->u.object.members = members;
    object->u.object.count = n->n_children;
    *out = object;
    return KARMA_OK;
}

/* {"key", "value"}, whatever the file calls them; a set's value is null. */
static karma_status read_pair(struct parquet *p, struct arena *a, const struct pq_node *n,
                              const struct json **out) {
    static const char *const names[] = {"key", "value"};
    karma_status st = read_children(p, a, n, out);
    if (st < 0) return st;
    struct json_member *members = (struct json_member *)(uintptr_t)(*out)->u.object.members;
    for (size_t i = 0; i < n->n_children; i++) {
        members[i].key = names[i];
        members[i].key_len = strlen(names[i]);
    }
    return KARMA_OK;
}

/* A value that is there, apart from repetition and null. */
static karma_status read_body(struct parquet *p, struct arena *a, const struct pq_node *n,
                              const struct json **out);

enum element { AS_BODY, AS_ONLY_CHILD, AS_PAIR };

/* All elements of the repeated node n. */
static karma_status read_elements(struct parquet *p, struct arena *a, const struct pq_node *n,
                                  enum element how, const struct json **out) {
    struct json *list = json_new_array(a);
    bool present, more = true;
    *out = list;
    if (!list) return KARMA_E_NOMEM;
    karma_status st = agree(p, n, n->def, 0, &present);
    if (st == KARMA_OK && !present) return pass(p, n);
    while (st == KARMA_OK && more) {
        const struct json *item;
        st = count(p);
        if (st == KARMA_OK)
            st = how == AS_ONLY_CHILD ? read_node(p, a, n + 1, &item)
                 : how == AS_PAIR     ? read_pair(p, a, n, &item)
                                      : read_body(p, a, n, &item);
        if (st == KARMA_OK) st = json_push(a, list, item);
        if (st == KARMA_OK) st = another(p, n, n->rep, &more);
        if (st == KARMA_OK && more) st = agree(p, n, n->def, n->rep, &present);
        if (st == KARMA_OK && more && !present) st = disagree(n);
    }
    return st;
}

static karma_status read_body(struct parquet *p, struct arena *a, const struct pq_node *n,
                              const struct json **out) {
    if (n->kind == PQ_KIND_LIST)
        return read_elements(p, a, n + 1, pq_is_element(n, n + 1) ? AS_BODY : AS_ONLY_CHILD, out);
    if (n->kind == PQ_KIND_MAP) return read_elements(p, a, n + 1, AS_PAIR, out);
    if (n->type == PQ_NO_TYPE) return read_children(p, a, n, out);
    struct pq_column *c = &p->columns[n->first_leaf];
    struct pq_value v;
    bool more;
    karma_status st = pq_column_peek(p, c, &more);
    if (st == KARMA_OK && !more) {
        st = status_fail(KARMA_E_TRUNCATED, "its values end early");
        st = pq_fail_column(st, c);
    }
    const bool there = c->def == n->def;
    if (st == KARMA_OK) st = pq_column_take(p, c, &v);
    if (st < 0) return st;
    if (!there) return disagree(n); /* the nodes above were there */
    st = pq_leaf_json(p, a, n, &v, out);
    return st < 0 ? pq_fail_column(st, c) : KARMA_OK;
}

static karma_status read_node(struct parquet *p, struct arena *a, const struct pq_node *n,
                              const struct json **out) {
    bool present;
    if (n->repetition == PQ_REPEATED) return read_elements(p, a, n, AS_BODY, out);
    karma_status st = count(p);
    if (st < 0 || n->repetition == PQ_REQUIRED) return st < 0 ? st : read_body(p, a, n, out);
    st = agree(p, n, n->def, 0, &present);
    if (st < 0 || present) return st < 0 ? st : read_body(p, a, n, out);
    *out = json_new_null(a);
    return *out ? pass(p, n) : KARMA_E_NOMEM;
}

karma_status pq_make_row(struct parquet *p, struct arena *a, const struct json **out) {
    karma_status st = read_children(p, a, p->nodes, out);
    bool more;
    for (size_t i = 0; i < p->n_leaves && st == KARMA_OK; i++) {
        struct pq_column *c = &p->columns[i];
        if (!c->leaf->rep) continue;
        st = pq_column_peek(p, c, &more);
        if (st == KARMA_OK && more && c->rep != 0) st = disagree(c->leaf);
    }
    return st;
}
