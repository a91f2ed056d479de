/* parquet_schema.c - the tree of a Parquet schema: levels, leaves, and what their types mean. */
#include <string.h>

#include "base/map.h"
#include "formats/parquet_impl.h"

/* ---- what annotations may stand on ---- */

static karma_status misfit(const struct pq_node *n) {
    return status_fail(KARMA_E_TYPE, "column %s: its annotation does not fit its type",
                       status_quotez(n->path));
}

static bool annotation_fits(const struct pq_node *n) {
    switch (n->kind) {
    case PQ_KIND_STRING:
    case PQ_KIND_ENUM:
    case PQ_KIND_JSON:
        return n->type == PQ_BYTE_ARRAY;
    case PQ_KIND_INT:
        return (n->bits == 64 && n->type == PQ_INT64) ||
               ((n->bits == 8 || n->bits == 16 || n->bits == 32) && n->type == PQ_INT32);
    case PQ_KIND_DECIMAL:
        return n->type == PQ_INT32 || n->type == PQ_INT64 || n->type == PQ_BYTE_ARRAY ||
               n->type == PQ_FIXED;
    case PQ_KIND_DATE:
        return n->type == PQ_INT32;
    case PQ_KIND_TIME:
        return n->unit_digits && n->type == (n->unit_digits == 3 ? PQ_INT32 : PQ_INT64);
    case PQ_KIND_TIMESTAMP:
        return n->unit_digits && n->type == PQ_INT64;
    case PQ_KIND_UUID:
        return n->type == PQ_FIXED && n->type_length == 16;
    case PQ_KIND_FLOAT16:
        return n->type == PQ_FIXED && n->type_length == 2;
    default:
        return true;
    }
}

static karma_status check_leaf(const struct pq_node *n) {
    enum { MAX_FIXED = 64 << 20, MAX_DIGITS = 1000, MAX_DECIMAL_BYTES = 416 };
    if (n->type == PQ_FIXED && (n->type_length < 1 || n->type_length > MAX_FIXED))
        return status_fail(KARMA_E_RANGE, "column %s: values of %d bytes", status_quotez(n->path),
                           n->type_length);
    if (!annotation_fits(n)) return misfit(n);
    if (n->kind != PQ_KIND_DECIMAL) return KARMA_OK;
    if (n->precision < 1 || n->precision > MAX_DIGITS || n->scale < 0 || n->scale > n->precision ||
        (n->type == PQ_FIXED && n->type_length > MAX_DECIMAL_BYTES))
        return status_fail(KARMA_E_RANGE, "column %s: decimal(%d, %d)", status_quotez(n->path),
                           n->precision, n->scale);
    return KARMA_OK;
}

/* LIST: one repeated child. MAP: one repeated child of a key and perhaps a value. Some mark that
 * child as a map, too, which it is not. */
static karma_status check_group(struct pq_node *n) {
    const struct pq_node *child = n + 1;
    if (n->n_children == 0)
        return status_fail(KARMA_E_SHAPE, "column %s: a group of nothing", status_quotez(n->path));
    if (n->kind != PQ_KIND_LIST && n->kind != PQ_KIND_MAP) return KARMA_OK;
    bool fits = n->n_children == 1 && child->repetition == PQ_REPEATED;
    if (fits && n->kind == PQ_KIND_MAP)
        fits = child->type == PQ_NO_TYPE && (child->n_children == 1 || child->n_children == 2);
    if (fits) return KARMA_OK;
    if (n->kind == PQ_KIND_LIST || n->repetition != PQ_REPEATED)
        return status_fail(KARMA_E_SHAPE, "column %s: a %s of another form", status_quotez(n->path),
                           n->kind == PQ_KIND_LIST ? "list" : "map");
    n->kind = PQ_KIND_PLAIN;
    return KARMA_OK;
}

bool pq_is_element(const struct pq_node *list, const struct pq_node *rep) {
    static const char tuple[] = "_tuple";
    if (rep->type != PQ_NO_TYPE || rep->n_children != 1 || rep[1].repetition == PQ_REPEATED)
        return true;
    return strcmp(rep->name, "array") == 0 || (rep->name_len == list->name_len + strlen(tuple) &&
                                               memcmp(rep->name, list->name, list->name_len) == 0 &&
                                               strcmp(rep->name + list->name_len, tuple) == 0);
}

/* ---- the tree ---- */

struct open_group {
    struct pq_node *node;
    size_t left; /* children that are to come */
};

/* The names of a group's children are told apart. */
static karma_status check_names(struct parquet *p, const struct pq_node *group) {
    struct map names = {0};
    karma_status st = KARMA_OK;
    const struct pq_node *child = group + 1;
    for (size_t i = 0; i < group->n_children && st == KARMA_OK; i++) {
        struct map_entry *entry;
        bool added;
        st = map_put(&names, child->name, child->name_len, &entry, &added);
        if (st == KARMA_OK && !added)
            st = status_fail(KARMA_E_DUPLICATE, "column %s: given twice",
                             status_quotez(child->path));
        child = p->nodes + child->next;
    }
    map_release(&names);
    return st;
}

static karma_status enter(struct parquet *p, struct pq_node *n, const struct pq_node *parent,
                          int depth) {
    enum { MAX_PATHS = 16 << 20 }; /* all of them */
    n->depth = depth;
    n->def = parent->def + (n->repetition != PQ_REQUIRED);
    n->rep = parent->rep + (n->repetition == PQ_REPEATED);
    n->path =
        parent == p->nodes ? n->name : arena_printf(&p->arena, "%s.%s", parent->path, n->name);
    if (n->path && (p->path_bytes += strlen(n->path)) > MAX_PATHS)
        return status_fail(KARMA_E_LIMIT, "schema: names of more than %d bytes", MAX_PATHS);
    n->first_leaf = p->n_leaves;
    return n->path ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status build(struct parquet *p) {
    struct open_group stack[PQ_MAX_DEPTH];
    size_t depth = 0;
    stack[0] = (struct open_group){p->nodes, p->nodes[0].n_children};
    p->nodes[0].path = "";
    p->nodes[0].kind = PQ_KIND_PLAIN;
    p->nodes[0].repetition = PQ_REQUIRED;
    if (stack[0].left == 0) return status_fail(KARMA_E_MISSING, "schema: no columns");
    for (size_t i = 1; i < p->n_nodes; i++) {
        struct pq_node *n = &p->nodes[i];
        if (stack[depth].left == 0)
            return status_fail(KARMA_E_SHAPE, "schema: more elements than its groups hold");
        stack[depth].left--;
        karma_status st = enter(p, n, stack[depth].node, (int)depth);
        if (st < 0) return st;
        if (n->type == PQ_NO_TYPE && n->n_children > 0) {
            if (++depth == PQ_MAX_DEPTH)
                return status_fail(KARMA_E_LIMIT, "schema: nested more than %d deep", PQ_MAX_DEPTH);
            stack[depth] = (struct open_group){n, n->n_children};
            continue;
        }
        if (n->type != PQ_NO_TYPE) p->n_leaves++;
        n->n_leaves = p->n_leaves - n->first_leaf;
        n->next = i + 1;
        while (depth > 0 && stack[depth].left == 0) {
            struct pq_node *closed = stack[depth--].node;
            closed->n_leaves = p->n_leaves - closed->first_leaf;
            closed->next = i + 1;
        }
    }
    if (depth > 0 || stack[0].left > 0)
        return status_fail(KARMA_E_SHAPE, "schema: fewer elements than its groups hold");
    p->nodes[0].n_leaves = p->n_leaves;
    p->nodes[0].next = p->n_nodes;
    return KARMA_OK;
}

karma_status pq_finish_schema(struct parquet *p) {
    karma_status st = build(p);
    if (st < 0) return st;
    p->leaves = arena_calloc(&p->arena, p->n_leaves + 1, sizeof(*p->leaves));
    if (!p->leaves) return KARMA_E_NOMEM;
    st = check_names(p, p->nodes);
    for (size_t i = 1, leaf = 0; i < p->n_nodes && st == KARMA_OK; i++) {
        struct pq_node *n = &p->nodes[i];
        if (n->type != PQ_NO_TYPE) {
            p->leaves[leaf++] = n;
            st = check_leaf(n);
        } else {
            st = check_group(n);
            if (st == KARMA_OK) st = check_names(p, n);
        }
    }
    return st;
}

/* ---- for people ---- */

static const char *int_text(const struct pq_node *n) {
    static const char *const names[2][4] = {{"uint8", "uint16", "uint32", "uint64"},
                                            {"int8", "int16", "int32", "int64"}};
    const int i = n->bits == 8 ? 0 : n->bits == 16 ? 1 : n->bits == 32 ? 2 : 3;
    return names[n->is_signed][i];
}

static const char *unit_text(const struct pq_node *n) {
    return n->unit_digits == 3 ? "ms" : n->unit_digits == 6 ? "us" : "ns";
}

const char *pq_type_text(struct arena *a, const struct pq_node *n) {
    static const char *const physical[] = {"boolean", "int32",  "int64", "timestamp[ns]", "float",
                                           "double",  "binary", "fixed", "struct"};
    static const char *const kinds[] = {
        [PQ_KIND_STRING] = "string", [PQ_KIND_ENUM] = "enum", [PQ_KIND_JSON] = "json",
        [PQ_KIND_DATE] = "date",     [PQ_KIND_UUID] = "uuid", [PQ_KIND_FLOAT16] = "float16",
        [PQ_KIND_NULL] = "null",     [PQ_KIND_LIST] = "list", [PQ_KIND_MAP] = "map"};
    switch (n->kind) {
    case PQ_KIND_PLAIN:
        if (n->type == PQ_FIXED) return arena_printf(a, "binary[%d]", n->type_length);
        return n->type == PQ_NO_TYPE && n->repetition == PQ_REPEATED ? "repeated"
                                                                     : physical[n->type];
    case PQ_KIND_INT:
        return int_text(n);
    case PQ_KIND_DECIMAL:
        return arena_printf(a, "decimal(%d, %d)", n->precision, n->scale);
    case PQ_KIND_TIME:
        return arena_printf(a, "time[%s]", unit_text(n));
    case PQ_KIND_TIMESTAMP:
        return arena_printf(a, "timestamp[%s%s]", unit_text(n), n->utc ? ", UTC" : "");
    default:
        return kinds[n->kind];
    }
}
