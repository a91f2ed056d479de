/* processors.c - the list of processors, those registered at run time, and the public calls. */
#include <string.h>

#include "base/foreign.h"
#include "base/names.h"
#include "base/nearest.h"
#include "base/option.h"
#include "base/registered.h"
#include "processors/processor.h"

const struct processor_ops *const processors[] = {
    &processor_general_text,
    &processor_multilingual_text,
    &processor_devnagari_transliterator,
    NULL,
};

/* A registered one. */
struct entry {
    karma_processor_info info; /* complete: nothing in it is NULL */
    const karma_processor_class *class;
};

static struct registered added; /* of struct entry */

struct karma_processor {
    const karma_processor_info *info;
    const struct processor_ops *ops;    /* of ours, or NULL */
    const karma_processor_class *class; /* of a registered one, or NULL */
    struct arena arena;                 /* args, state of ours */
    const struct json *args;
    void *state;
    bool begun; /* class->begin succeeded, or there is none */
    struct buf scratch, result;
};

/* ---- names ---- */

enum { MAX_PROCESSORS = 64 };
_Static_assert(sizeof(processors) / sizeof(*processors) <= MAX_PROCESSORS, "room for all names");

static karma_status all_names(struct arena *a, const char ***names, size_t *count) {
    const char *own[MAX_PROCESSORS];
    size_t n = 0;
    for (; processors[n]; n++)
        own[n] = processors[n]->info.name;
    return registered_names(&added, a, own, n, names, count);
}

karma_status karma_list_processors(char ***names, size_t *count) {
    struct arena a = {0};
    const char **all;
    size_t n = 0;
    *names = NULL;
    *count = 0;
    karma_status st = all_names(&a, &all, &n);
    if (st == KARMA_OK) st = names_copy(all, n, names);
    if (st == KARMA_OK) *count = n;
    arena_release(&a);
    return st;
}

static const struct processor_ops *find_own(const char *name) {
    for (const struct processor_ops *const *p = processors; *p; p++)
        if (strcmp((*p)->info.name, name) == 0) return *p;
    return NULL;
}

static karma_status not_found(const char *name) {
    struct arena a = {0};
    const char **all;
    size_t n;
    karma_status st = all_names(&a, &all, &n);
    if (st == KARMA_OK) {
        const int near = nearest_name(name, all, n);
        st = status_fail(KARMA_E_NOTFOUND, "no processor '%s'; %s '%s'", status_quotez(name),
                         near >= 0 ? "did you mean" : "the first is", all[near >= 0 ? near : 0]);
    }
    arena_release(&a);
    return st;
}

karma_status karma_get_processor_info(const char *name, const karma_processor_info **info) {
    const struct processor_ops *ops = find_own(name);
    const struct entry *e = ops ? NULL : registered_find(&added, name);
    *info = ops ? &ops->info : e ? &e->info : NULL;
    return *info ? KARMA_OK : not_found(name);
}

/* ---- registered ones ---- */

static karma_status check(const karma_processor_class *c) {
    karma_status st =
        foreign_abi("processor", c->abi_version, c->struct_size, KARMA_PROCESSOR_ABI, sizeof(*c));
    if (st < 0) return st;
    if (!c->info.name || !c->info.name[0])
        return status_fail(KARMA_E_MISSING, "processor: no name");
    st = foreign_string(c->info.name, "processor name");
    if (st == KARMA_OK && !c->run) st = status_fail(KARMA_E_MISSING, "no function run");
    if (st == KARMA_OK && c->info.description)
        st = foreign_string(c->info.description, "description");
    if (st == KARMA_OK) st = options_check(c->info.options, "processor argument");
    if (st == KARMA_OK && find_own(c->info.name))
        st = status_fail(KARMA_E_DUPLICATE, "there is one already");
    return st < 0 ? status_prefix(st, "processor %s", status_quotez(c->info.name)) : KARMA_OK;
}

karma_status karma_register_processor(const karma_processor_class *c) {
    static const karma_option_spec no_options[] = {{.name = NULL}};
    karma_status st = check(c);
    if (st < 0) return st;
    struct entry *e = mem_alloc(sizeof(*e));
    if (!e) return KARMA_E_NOMEM;
    *e = (struct entry){.info = c->info, .class = c};
    if (!e->info.description) e->info.description = "";
    if (!e->info.options) e->info.options = no_options;
    st = registered_add(&added, c->info.name, e);
    if (st == KARMA_OK) return KARMA_OK;
    mem_free(e);
    return status_prefix(st, "processor");
}

void processor_unregister(const char *name) {
    registered_drop(&added, name);
}

/* ---- one processor ---- */

static karma_status begin(karma_processor *p) {
    karma_status st = KARMA_OK;
    if (p->ops) {
        if (p->ops->open) st = p->ops->open(&p->arena, p->args, &p->state);
    } else if (p->class->begin) {
        struct buf text = {0};
        st = json_write(&text, p->args, 0, JSON_PYTHON);
        if (st == KARMA_OK) {
            foreign_begin();
            st = foreign_end(p->class->begin(buf_str(&text), &p->state));
        }
        buf_release(&text);
    }
    p->begun = st == KARMA_OK;
    return st;
}

static karma_status open_with(karma_processor *p, const char *args_json) {
    const karma_option_spec *const tables[] = {p->info->options, NULL};
    const struct json *given = NULL;
    karma_status st = KARMA_OK;
    if (args_json)
        st = json_parse(&p->arena, args_json, strlen(args_json), JSON_REJECT_DUPLICATES, &given);
    if (st == KARMA_OK)
        st = options_resolve(&p->arena, tables, given, true, "processor argument", &p->args);
    if (st == KARMA_OK) st = begin(p);
    return st < 0 ? status_prefix(st, "%s", p->info->name) : KARMA_OK;
}

karma_status karma_processor_create(const char *name, const char *args_json,
                                    karma_processor **out) {
    *out = NULL;
    const struct processor_ops *ops = find_own(name);
    const struct entry *e = ops ? NULL : registered_find(&added, name);
    if (!ops && !e) return not_found(name);
    karma_processor *p = mem_calloc(1, sizeof(*p));
    if (!p) return KARMA_E_NOMEM;
    p->ops = ops;
    p->class = e ? e->class : NULL;
    p->info = ops ? &ops->info : &e->info;
    karma_status st = open_with(p, args_json);
    if (st < 0) {
        karma_processor_destroy(p);
        return st;
    }
    *out = p;
    return KARMA_OK;
}

static karma_status foreign_run(karma_processor *p, const char *text, struct buf *out) {
    struct karma_text t;
    foreign_text_begin(&t);
    foreign_begin();
    karma_status st = foreign_end(p->class->run(p->state, text, &t));
    if (st == KARMA_OK) st = foreign_text_check(&t);
    if (st == KARMA_OK) {
        *out = t.bytes;
        t.bytes = (struct buf){0};
    }
    foreign_text_release(&t);
    return st;
}

karma_status karma_processor_run(karma_processor *p, const char *text, const char **result) {
    *result = NULL;
    buf_clear(&p->scratch);
    struct buf out = {0}; /* text may be the last result */
    if (!text) text = "";
    karma_status st = p->ops ? p->ops->run(p->args, p->state, text, &p->scratch, &out)
                             : foreign_run(p, text, &out);
    if (st < 0) {
        buf_release(&out);
        return status_prefix(st, "%s", p->info->name);
    }
    buf_release(&p->result);
    p->result = out;
    *result = buf_str(&p->result);
    return KARMA_OK;
}

void karma_processor_destroy(karma_processor *p) {
    if (!p) return;
    if (p->class && p->begun && p->class->end) p->class->end(p->state);
    buf_release(&p->scratch);
    buf_release(&p->result);
    arena_release(&p->arena);
    mem_free(p);
}
