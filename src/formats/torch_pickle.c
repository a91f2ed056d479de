/*
 * torch_pickle.c - see torch_pickle.h. The pickle's stack machine, cut down: values are plain
 * nodes, a global is a tag from a table of sixteen, and a call is a switch over these tags.
 */
#include "formats/torch_pickle.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "formats/names.h"
#include "formats/zip.h"

enum {
    MAX_PICKLE_BYTES = 64 << 20,
    MAX_MEMORY_BYTES = 1 << 30,
    MAX_MEMO = 1000000,
    MAX_STACK = 1000000,
    MAX_DEPTH = 64,
    MAX_NAME_BYTES = 1024,
};

enum kind {
    NODE_NONE,
    NODE_BOOL,
    NODE_INT,
    NODE_REAL,
    NODE_TEXT,
    NODE_TUPLE,
    NODE_LIST,
    NODE_DICT, /* items: key, value, key, value, ... */
    NODE_GLOBAL,
    NODE_STORAGE,
    NODE_TENSOR,
    NODE_MARK,
};

enum callable {
    CALL_ORDERED_DICT,
    CALL_REBUILD_TENSOR,
    CALL_REBUILD_PARAMETER,
    CALL_SIZE,
    A_STORAGE
};

struct global {
    const char *module, *name;
    enum callable callable;
    enum dtype dtype; /* of a storage */
};
static const struct global globals[] = {
    {"collections", "OrderedDict", CALL_ORDERED_DICT, DTYPE_OTHER},
    {"torch._utils", "_rebuild_tensor_v2", CALL_REBUILD_TENSOR, DTYPE_OTHER},
    {"torch._utils", "_rebuild_parameter", CALL_REBUILD_PARAMETER, DTYPE_OTHER},
    {"torch", "Size", CALL_SIZE, DTYPE_OTHER},
    {"torch", "FloatStorage", A_STORAGE, DTYPE_F32},
    {"torch", "HalfStorage", A_STORAGE, DTYPE_F16},
    {"torch", "BFloat16Storage", A_STORAGE, DTYPE_BF16},
    {"torch", "DoubleStorage", A_STORAGE, DTYPE_F64},
    {"torch", "LongStorage", A_STORAGE, DTYPE_I64},
    {"torch", "IntStorage", A_STORAGE, DTYPE_I32},
    {"torch", "ShortStorage", A_STORAGE, DTYPE_I16},
    {"torch", "CharStorage", A_STORAGE, DTYPE_I8},
    {"torch", "ByteStorage", A_STORAGE, DTYPE_U8},
    {"torch", "BoolStorage", A_STORAGE, DTYPE_BOOL},
    {"torch.storage", "UntypedStorage", A_STORAGE, DTYPE_U8},
};

struct storage {
    const unsigned char *data;
    size_t size;
    enum dtype dtype;
};

struct node {
    enum kind kind;
    int depth; /* of what it holds; 0 for plain values */
    union {
        int64_t i;
        struct {
            const char *text;
            size_t len;
        } text;
        struct {
            struct node **items;
            size_t count, cap;
        } list;
        const struct global *global;
        struct storage storage;
        struct named_tensor tensor;
    } u;
};

struct machine {
    struct arena *a; /* results */
    struct arena nodes;
    const unsigned char *at, *end, *begin;
    struct node **stack, **memo;
    size_t depth, stack_cap, memo_cap, memo_count;
    const struct zip_file *files;
    size_t n_files;
    struct name_table by_name;
    const char *root; /* of the archive: "archive" */
    const char *file;
};

static karma_status bad(const struct machine *m, const char *what) {
    return status_fail(KARMA_E_SYNTAX, "pickle, byte %zu: %s", (size_t)(m->at - m->begin), what);
}

static karma_status refused(const struct machine *m, const char *what) {
    return status_fail(KARMA_E_UNSUPPORTED,
                       "pickle, byte %zu: %s; only plain state dicts are read, and nothing in a "
                       "pickle is run",
                       (size_t)(m->at - m->begin), what);
}

/* ---- bytes ---- */

static karma_status take(struct machine *m, size_t n, const unsigned char **out) {
    if (n > (size_t)(m->end - m->at))
        return status_fail(KARMA_E_TRUNCATED, "pickle, byte %zu: %zu more bytes are missing",
                           (size_t)(m->at - m->begin), n - (size_t)(m->end - m->at));
    *out = m->at;
    m->at += n;
    return KARMA_OK;
}

static karma_status take_uint(struct machine *m, size_t n, uint64_t *out) {
    const unsigned char *p = NULL;
    karma_status st = take(m, n, &p);
    *out = 0;
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        *out |= (uint64_t)p[i] << (8 * i);
    return st;
}

/* Up to a newline, which is taken too. */
static karma_status take_line(struct machine *m, const char **text, size_t *len) {
    const unsigned char *end = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (!end) return bad(m, "a line does not end");
    *text = (const char *)m->at;
    *len = (size_t)(end - m->at);
    m->at = end + 1;
    return KARMA_OK;
}

/* ---- stack ---- */

static struct node *make(struct machine *m, enum kind kind) {
    struct node *n = arena_alloc(&m->nodes, sizeof(*n));
    if (n) n->kind = kind;
    return n;
}

static karma_status push(struct machine *m, struct node *n) {
    if (!n) return KARMA_E_NOMEM;
    if (m->depth == MAX_STACK) return status_fail(KARMA_E_LIMIT, "pickle: the stack is too deep");
    if (m->depth == m->stack_cap) {
        const size_t cap = m->stack_cap ? m->stack_cap * 2 : 256;
        struct node **more = mem_realloc(m->stack, cap * sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        m->stack = more;
        m->stack_cap = cap;
    }
    m->stack[m->depth++] = n;
    return KARMA_OK;
}

static karma_status push_int(struct machine *m, enum kind kind, int64_t value) {
    struct node *n = make(m, kind);
    if (n) n->u.i = value;
    return push(m, n);
}

static karma_status push_text(struct machine *m, const char *text, size_t len) {
    struct node *n = make(m, NODE_TEXT);
    if (n) n->u.text.text = text;
    if (n) n->u.text.len = len;
    return push(m, n);
}

static karma_status pop(struct machine *m, struct node **out) {
    *out = NULL;
    if (m->depth == 0 || m->stack[m->depth - 1]->kind == NODE_MARK)
        return bad(m, "a value is missing on the stack");
    *out = m->stack[--m->depth];
    return KARMA_OK;
}

/* The values above the last mark; they stay where they are, the mark and they are off the stack. */
static karma_status pop_mark(struct machine *m, struct node ***items, size_t *count) {
    size_t at = m->depth;
    while (at > 0 && m->stack[at - 1]->kind != NODE_MARK)
        at--;
    if (at == 0) return bad(m, "no mark on the stack");
    *items = m->stack + at;
    *count = m->depth - at;
    m->depth = at - 1;
    return KARMA_OK;
}

static karma_status extend(struct machine *m, struct node *to, struct node *const *items,
                           size_t count) {
    if (count > to->u.list.cap - to->u.list.count) {
        size_t cap = to->u.list.cap ? to->u.list.cap : 4;
        while (cap < to->u.list.count + count)
            cap *= 2;
        struct node **more = arena_calloc(&m->nodes, cap, sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        if (to->u.list.count) memcpy(more, to->u.list.items, to->u.list.count * sizeof(*more));
        to->u.list.items = more;
        to->u.list.cap = cap;
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i]->depth + 1 > to->depth) to->depth = items[i]->depth + 1;
        to->u.list.items[to->u.list.count++] = items[i];
    }
    if (to->depth > MAX_DEPTH) return status_fail(KARMA_E_LIMIT, "pickle: nested too deep");
    return KARMA_OK;
}

static karma_status push_list(struct machine *m, enum kind kind, struct node *const *items,
                              size_t count) {
    struct node *n = make(m, kind);
    if (!n) return KARMA_E_NOMEM;
    karma_status st = count ? extend(m, n, items, count) : KARMA_OK;
    return st < 0 ? st : push(m, n);
}

static karma_status push_tuple(struct machine *m, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (i >= m->depth || m->stack[m->depth - 1 - i]->kind == NODE_MARK)
            return bad(m, "a value is missing on the stack");
    m->depth -= count;
    return push_list(m, NODE_TUPLE, m->stack + m->depth, count);
}

static karma_status push_marked(struct machine *m, enum kind kind) {
    struct node **items;
    size_t count;
    karma_status st = pop_mark(m, &items, &count);
    if (st == KARMA_OK && kind == NODE_DICT && count % 2) st = bad(m, "a key has no value");
    return st < 0 ? st : push_list(m, kind, items, count);
}

/* Add to the list or dict under the values. */
static karma_status add_to(struct machine *m, enum kind kind, struct node *const *items,
                           size_t count) {
    if (m->depth == 0 || m->stack[m->depth - 1]->kind != kind)
        return bad(m,
                   kind == NODE_DICT ? "there is no dict to add to" : "there is no list to add to");
    if (kind == NODE_DICT && count % 2) return bad(m, "a key has no value");
    return extend(m, m->stack[m->depth - 1], items, count);
}

static karma_status add_some(struct machine *m, enum kind kind, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (i >= m->depth || m->stack[m->depth - 1 - i]->kind == NODE_MARK)
            return bad(m, "a value is missing on the stack");
    m->depth -= count;
    return add_to(m, kind, m->stack + m->depth, count);
}

static karma_status add_marked(struct machine *m, enum kind kind) {
    struct node **items;
    size_t count;
    karma_status st = pop_mark(m, &items, &count);
    return st < 0 ? st : add_to(m, kind, items, count);
}

/* ---- memo ---- */

static karma_status put(struct machine *m, uint64_t index) {
    if (m->depth == 0) return bad(m, "nothing to remember");
    if (index >= MAX_MEMO)
        return status_fail(KARMA_E_LIMIT, "pickle: memo %llu", (unsigned long long)index);
    if (index >= m->memo_cap) {
        size_t cap = m->memo_cap ? m->memo_cap : 1024;
        while (cap <= index)
            cap *= 2;
        struct node **more = mem_realloc(m->memo, cap * sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        memset(more + m->memo_cap, 0, (cap - m->memo_cap) * sizeof(*more));
        m->memo = more;
        m->memo_cap = cap;
    }
    if (!m->memo[index]) m->memo_count++;
    m->memo[index] = m->stack[m->depth - 1];
    return KARMA_OK;
}

static karma_status get(struct machine *m, uint64_t index) {
    if (index >= m->memo_cap || !m->memo[index]) return bad(m, "nothing was remembered there");
    return push(m, m->memo[index]);
}

/* ---- globals, storages, tensors ---- */

static karma_status push_global(struct machine *m, const char *module, size_t module_len,
                                const char *name, size_t name_len) {
    for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
        const struct global *g = &globals[i];
        if (strlen(g->module) != module_len || memcmp(g->module, module, module_len) != 0 ||
            strlen(g->name) != name_len || memcmp(g->name, name, name_len) != 0)
            continue;
        struct node *n = make(m, NODE_GLOBAL);
        if (n) n->u.global = g;
        return push(m, n);
    }
    char what[256];
    const int shown = module_len < 100 ? (int)module_len : 100;
    snprintf(what, sizeof(what), "asks for %s", status_quote(module, (size_t)shown));
    const size_t len = strlen(what);
    snprintf(what + len, sizeof(what) - len, ".%s",
             status_quote(name, name_len < 100 ? name_len : 100));
    return refused(m, what);
}

static karma_status read_global(struct machine *m) {
    const char *module = NULL, *name = NULL;
    size_t module_len = 0, name_len = 0;
    karma_status st = take_line(m, &module, &module_len);
    if (st == KARMA_OK) st = take_line(m, &name, &name_len);
    return st < 0 ? st : push_global(m, module, module_len, name, name_len);
}

static karma_status stack_global(struct machine *m) {
    struct node *module, *name;
    karma_status st = pop(m, &name);
    if (st == KARMA_OK) st = pop(m, &module);
    if (st < 0) return st;
    if (module->kind != NODE_TEXT || name->kind != NODE_TEXT)
        return bad(m, "a global without a name");
    return push_global(m, module->u.text.text, module->u.text.len, name->u.text.text,
                       name->u.text.len);
}

static const struct zip_file *find_file(const struct machine *m, const char *name, size_t len) {
    char path[MAX_NAME_BYTES + 128];
    const int n = snprintf(path, sizeof(path), "%s/%.*s", m->root, (int)len, name);
    if (n < 0 || (size_t)n >= sizeof(path)) return NULL;
    const int64_t i = name_table_find(&m->by_name, path, (size_t)n);
    return i < 0 ? NULL : &m->files[i];
}

/* ("storage", a storage, "key", "cpu", elements) */
static karma_status push_storage(struct machine *m) {
    struct node *id;
    karma_status st = pop(m, &id);
    if (st < 0) return st;
    struct node **part = id->kind == NODE_TUPLE && id->u.list.count == 5 ? id->u.list.items : NULL;
    if (!part || part[0]->kind != NODE_TEXT || part[0]->u.text.len != 7 ||
        memcmp(part[0]->u.text.text, "storage", 7) != 0 || part[1]->kind != NODE_GLOBAL ||
        part[1]->u.global->callable != A_STORAGE || part[2]->kind != NODE_TEXT ||
        part[4]->kind != NODE_INT)
        return bad(m, "a persistent id that is no storage");
    const char *key = part[2]->u.text.text;
    const size_t len = part[2]->u.text.len;
    char name[32];
    if (len == 0 || len > 20) return bad(m, "the key of a storage is no number");
    for (size_t i = 0; i < len; i++)
        if (key[i] < '0' || key[i] > '9') return bad(m, "the key of a storage is no number");
    const int n = snprintf(name, sizeof(name), "data/%.*s", (int)len, key);
    const struct zip_file *file = find_file(m, name, (size_t)n);
    if (!file)
        return status_fail(KARMA_E_MISSING, "storage %.*s is not in the archive", (int)len, key);
    const struct global *g = part[1]->u.global;
    uint64_t bytes;
    if (part[4]->u.i < 0 || !dtype_bytes(g->dtype, (uint64_t)part[4]->u.i, &bytes) ||
        bytes > file->size)
        return status_fail(KARMA_E_RANGE, "storage %.*s: %lld elements of %s, but %zu bytes",
                           (int)len, key, (long long)part[4]->u.i, dtype_name(g->dtype),
                           file->size);
    struct node *s = make(m, NODE_STORAGE);
    if (s) s->u.storage = (struct storage){file->data, (size_t)bytes, g->dtype};
    return push(m, s);
}

/* The shape, and whether the strides are those of rows that lie one after another. */
static karma_status read_shape(struct machine *m, const struct node *size,
                               const struct node *stride, struct named_tensor *t, uint64_t *elems) {
    if (size->kind != NODE_TUPLE || stride->kind != NODE_TUPLE ||
        size->u.list.count != stride->u.list.count)
        return bad(m, "a tensor without shape or strides");
    if (size->u.list.count > TENSOR_MAX_DIMS)
        return status_fail(KARMA_E_LIMIT, "a tensor of %zu dimensions", size->u.list.count);
    t->n_dims = (int)size->u.list.count;
    *elems = 1;
    for (int i = t->n_dims; i-- > 0;) {
        const struct node *n = size->u.list.items[i], *s = stride->u.list.items[i];
        if (n->kind != NODE_INT || s->kind != NODE_INT || n->u.i < 0)
            return bad(m, "a dimension that is no count");
        if (n->u.i > 1 && (s->u.i < 0 || (uint64_t)s->u.i != *elems))
            return status_fail(KARMA_E_UNSUPPORTED,
                               "a tensor whose rows do not lie one after another");
        t->dims[i] = n->u.i;
        if (!size_mul(*elems, (uint64_t)n->u.i, elems))
            return status_fail(KARMA_E_OVERFLOW, "a tensor is too large");
    }
    return KARMA_OK;
}

/* (storage, offset, shape, strides, requires_grad, hooks [, metadata]) */
static karma_status push_tensor(struct machine *m, const struct node *args) {
    struct node **part = args->u.list.items;
    if (args->u.list.count < 6 || args->u.list.count > 7 || part[0]->kind != NODE_STORAGE ||
        part[1]->kind != NODE_INT || part[1]->u.i < 0)
        return bad(m, "a tensor without storage or offset");
    const struct storage *s = &part[0]->u.storage;
    struct node *n = make(m, NODE_TENSOR);
    if (!n) return KARMA_E_NOMEM;
    struct named_tensor *t = &n->u.tensor;
    uint64_t elems = 0, nbytes, offset;
    karma_status st = read_shape(m, part[2], part[3], t, &elems);
    if (st < 0) return st;
    if (!dtype_bytes(s->dtype, elems, &nbytes) ||
        !dtype_bytes(s->dtype, (uint64_t)part[1]->u.i, &offset) || offset > s->size ||
        nbytes > s->size - offset)
        return status_fail(KARMA_E_RANGE, "a tensor reaches past the end of its storage");
    t->dtype = s->dtype;
    t->dtype_name = dtype_name(s->dtype);
    t->data = s->data ? s->data + offset : NULL;
    t->nbytes = (size_t)nbytes;
    t->file = m->file;
    return push(m, n);
}

/* OrderedDict() or OrderedDict([(key, value), ...]) */
static karma_status push_ordered(struct machine *m, const struct node *args) {
    struct node *dict = make(m, NODE_DICT);
    if (!dict) return KARMA_E_NOMEM;
    const struct node *list = args->u.list.count ? args->u.list.items[0] : NULL;
    if (args->u.list.count > 1 || (list && list->kind != NODE_LIST))
        return bad(m, "an OrderedDict of something else than pairs");
    for (size_t i = 0; list && i < list->u.list.count; i++) {
        const struct node *pair = list->u.list.items[i];
        if ((pair->kind != NODE_TUPLE && pair->kind != NODE_LIST) || pair->u.list.count != 2)
            return bad(m, "an OrderedDict of something else than pairs");
        karma_status st = extend(m, dict, pair->u.list.items, 2);
        if (st < 0) return st;
    }
    return push(m, dict);
}

static karma_status call(struct machine *m) {
    struct node *args, *fn;
    karma_status st = pop(m, &args);
    if (st == KARMA_OK) st = pop(m, &fn);
    if (st < 0) return st;
    if (fn->kind != NODE_GLOBAL || args->kind != NODE_TUPLE) return bad(m, "a call of no function");
    const size_t count = args->u.list.count;
    switch (fn->u.global->callable) {
    case CALL_ORDERED_DICT:
        return push_ordered(m, args);
    case CALL_REBUILD_TENSOR:
        return push_tensor(m, args);
    case CALL_REBUILD_PARAMETER:
        if (count < 1 || args->u.list.items[0]->kind != NODE_TENSOR)
            return bad(m, "a parameter that is no tensor");
        return push(m, args->u.list.items[0]);
    case CALL_SIZE:
        if (count != 1 || args->u.list.items[0]->kind != NODE_TUPLE)
            return bad(m, "a size that is no tuple");
        return push(m, args->u.list.items[0]);
    case A_STORAGE:
        break;
    }
    return bad(m, "a call of no function");
}

/* The attributes of an OrderedDict hold versions of modules: of no use. */
static karma_status build(struct machine *m) {
    struct node *state;
    karma_status st = pop(m, &state);
    if (st < 0) return st;
    if (m->depth == 0 || m->stack[m->depth - 1]->kind != NODE_DICT)
        return refused(m, "sets the attributes of something else than a dict");
    return KARMA_OK;
}

/* ---- opcodes ---- */

static karma_status read_text(struct machine *m, size_t width) {
    uint64_t len;
    const unsigned char *p = NULL;
    karma_status st = take_uint(m, width, &len);
    if (st == KARMA_OK && len > (uint64_t)(m->end - m->at))
        st = status_fail(KARMA_E_TRUNCATED, "pickle: a text is longer than the rest");
    if (st == KARMA_OK) st = take(m, (size_t)len, &p);
    return st < 0 ? st : push_text(m, (const char *)p, (size_t)len);
}

/* A number of up to 8 bytes, two's complement. */
static karma_status read_long(struct machine *m) {
    uint64_t len, value;
    karma_status st = take_uint(m, 1, &len);
    if (st == KARMA_OK && len > 8) st = bad(m, "a whole number of more than 8 bytes");
    if (st == KARMA_OK) st = take_uint(m, (size_t)len, &value);
    if (st < 0) return st;
    if (len > 0 && len < 8 && value >> (8 * len - 1)) value |= ~(uint64_t)0 << (8 * len);
    return push_int(m, NODE_INT, (int64_t)value);
}

static karma_status read_int(struct machine *m, size_t width) {
    uint64_t value;
    karma_status st = take_uint(m, width, &value);
    if (st < 0) return st;
    return push_int(m, NODE_INT, width == 4 ? (int64_t)(int32_t)(uint32_t)value : (int64_t)value);
}

static karma_status memo(struct machine *m, size_t width,
                         karma_status (*fn)(struct machine *, uint64_t)) {
    uint64_t index;
    karma_status st = take_uint(m, width, &index);
    return st < 0 ? st : fn(m, index);
}

static karma_status skip(struct machine *m, size_t n) {
    const unsigned char *p = NULL;
    return take(m, n, &p);
}

static karma_status proto(struct machine *m) {
    uint64_t version;
    karma_status st = take_uint(m, 1, &version);
    if (st == KARMA_OK && (version < 2 || version > 5)) st = refused(m, "another protocol");
    return st;
}

static karma_status unknown(struct machine *m, unsigned char op) {
    char what[64];
    snprintf(what, sizeof(what), "operation 0x%02x", op);
    return refused(m, what);
}

static karma_status step(struct machine *m, unsigned char op) {
    switch (op) {
    case 0x80:
        return proto(m);
    case 0x95: /* FRAME */
        return skip(m, 8);
    case '(':
        return push(m, make(m, NODE_MARK));
    case '}':
        return push_list(m, NODE_DICT, NULL, 0);
    case ']':
        return push_list(m, NODE_LIST, NULL, 0);
    case ')':
        return push_list(m, NODE_TUPLE, NULL, 0);
    case 't':
        return push_marked(m, NODE_TUPLE);
    case 'd':
        return push_marked(m, NODE_DICT);
    case 'l':
        return push_marked(m, NODE_LIST);
    case 0x85:
    case 0x86:
    case 0x87:
        return push_tuple(m, (size_t)op - 0x84);
    case 's':
        return add_some(m, NODE_DICT, 2);
    case 'u':
        return add_marked(m, NODE_DICT);
    case 'a':
        return add_some(m, NODE_LIST, 1);
    case 'e':
        return add_marked(m, NODE_LIST);
    case 'X':
    case 'B':
        return read_text(m, 4);
    case 0x8c:
    case 'C':
        return read_text(m, 1);
    case 0x8d:
        return read_text(m, 8);
    case 'J':
        return read_int(m, 4);
    case 'K':
        return read_int(m, 1);
    case 'M':
        return read_int(m, 2);
    case 0x8a:
        return read_long(m);
    case 'G': {
        karma_status st = skip(m, 8);
        return st < 0 ? st : push_int(m, NODE_REAL, 0); /* its value is of no use */
    }
    case 'N':
        return push_int(m, NODE_NONE, 0);
    case 0x88:
    case 0x89:
        return push_int(m, NODE_BOOL, op == 0x88);
    case 'q':
        return memo(m, 1, put);
    case 'r':
        return memo(m, 4, put);
    case 0x94:
        return put(m, m->memo_count);
    case 'h':
        return memo(m, 1, get);
    case 'j':
        return memo(m, 4, get);
    case 'c':
        return read_global(m);
    case 0x93:
        return stack_global(m);
    case 'R':
        return call(m);
    case 'b':
        return build(m);
    case 'Q':
        return push_storage(m);
    default:
        return unknown(m, op);
    }
}

static karma_status execute(struct machine *m, struct node **out) {
    for (;;) {
        const unsigned char *op = NULL;
        karma_status st = take(m, 1, &op);
        if (st < 0) return st;
        if (*op == '.') break;
        st = step(m, *op);
        if (st < 0) return st;
    }
    karma_status st = pop(m, out);
    if (st == KARMA_OK && m->depth != 0) st = bad(m, "values are left over");
    return st;
}

/* ---- the archive ---- */

static bool is_text(const struct node *n, const char *text) {
    return n->kind == NODE_TEXT && n->u.text.len == strlen(text) &&
           memcmp(n->u.text.text, text, n->u.text.len) == 0;
}

static karma_status collect(struct machine *m, const struct node *dict,
                            struct named_tensor **tensors, int64_t *count) {
    if (dict->kind != NODE_DICT) return status_fail(KARMA_E_TYPE, "the pickle holds no dict");
    for (size_t i = 0; i + 1 < dict->u.list.count; i += 2) {
        const struct node *value = dict->u.list.items[i + 1];
        if (is_text(dict->u.list.items[i], "state_dict") && value->kind == NODE_DICT &&
            value != dict) {
            dict = value;
            break;
        }
    }
    struct name_table names = {0};
    const size_t pairs = dict->u.list.count / 2;
    struct named_tensor *list = arena_calloc(m->a, pairs + 1, sizeof(*list));
    karma_status st = list ? name_table_reserve(&names, pairs) : KARMA_E_NOMEM;
    *count = 0;
    for (size_t i = 0; st == KARMA_OK && i < pairs; i++) {
        const struct node *key = dict->u.list.items[2 * i], *value = dict->u.list.items[2 * i + 1];
        if (value->kind != NODE_TENSOR) continue;
        if (key->kind != NODE_TEXT) {
            st = status_fail(KARMA_E_TYPE, "the name of a tensor is no text");
            break;
        }
        st = name_check("tensor name", key->u.text.text, key->u.text.len, MAX_NAME_BYTES);
        if (st < 0) break;
        struct named_tensor *t = &list[*count];
        *t = value->u.tensor;
        t->name = arena_strndup(m->a, key->u.text.text, key->u.text.len);
        if (!t->name)
            st = KARMA_E_NOMEM;
        else if (!name_table_add(&names, t->name, key->u.text.len, (uint32_t)*count))
            st = status_fail(KARMA_E_DUPLICATE, "tensor %s: there are two", status_quotez(t->name));
        ++*count;
    }
    name_table_release(&names);
    *tensors = list;
    return st;
}

/* "archive/data.pkl": the folder names the archive. */
static karma_status find_pickle(struct machine *m, const struct zip_file **out) {
    static const char ending[] = "/data.pkl";
    for (size_t i = 0; i < m->n_files; i++) {
        const char *name = m->files[i].name;
        const size_t len = strlen(name), n = sizeof(ending) - 1;
        if (len <= n || strcmp(name + len - n, ending) != 0) continue;
        *out = &m->files[i];
        m->root = arena_strndup(&m->nodes, name, len - n);
        return m->root ? KARMA_OK : KARMA_E_NOMEM;
    }
    return status_fail(KARMA_E_MISSING, "the archive has no data.pkl");
}

static karma_status check_byteorder(const struct machine *m) {
    const struct zip_file *order = find_file(m, "byteorder", strlen("byteorder"));
    if (!order || (order->size == 6 && memcmp(order->data, "little", 6) == 0)) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED, "its numbers are not little-endian");
}

static karma_status open_archive(struct machine *m, const unsigned char *data, size_t size,
                                 const struct zip_file **pickle) {
    struct zip_file *files;
    karma_status st = zip_read(&m->nodes, data, size, &files, &m->n_files);
    if (st < 0) return st;
    m->files = files;
    st = find_pickle(m, pickle);
    if (st < 0) return st;
    if ((*pickle)->size > MAX_PICKLE_BYTES)
        return status_fail(KARMA_E_LIMIT, "the pickle takes %zu bytes", (*pickle)->size);
    st = name_table_reserve(&m->by_name, m->n_files);
    for (size_t i = 0; st == KARMA_OK && i < m->n_files; i++)
        name_table_add(&m->by_name, files[i].name, strlen(files[i].name), (uint32_t)i);
    return st < 0 ? st : check_byteorder(m);
}

karma_status torch_pickle_read(struct arena *a, const unsigned char *data, size_t size,
                               const char *file, struct named_tensor **tensors, int64_t *count) {
    struct machine m = {.a = a, .nodes = {.limit_bytes = MAX_MEMORY_BYTES}, .file = file};
    const struct zip_file *pickle = NULL;
    struct node *top = NULL;
    *tensors = NULL;
    *count = 0;
    karma_status st;
    if (size >= 2 && data[0] == 0x80)
        st = status_fail(KARMA_E_UNSUPPORTED, "written by PyTorch before 1.6; save it anew");
    else
        st = open_archive(&m, data, size, &pickle);
    if (st == KARMA_OK) {
        m.begin = m.at = pickle->data;
        m.end = pickle->data + pickle->size;
        st = execute(&m, &top);
    }
    if (st == KARMA_OK) st = collect(&m, top, tensors, count);
    mem_free(m.stack);
    mem_free(m.memo);
    name_table_release(&m.by_name);
    arena_release(&m.nodes);
    return st < 0 ? status_prefix(st, "%s", file) : KARMA_OK;
}
