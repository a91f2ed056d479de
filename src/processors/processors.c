/* processors.c - the list of processors and the public calls. */
#include <string.h>

#include "base/names.h"
#include "base/nearest.h"
#include "base/option.h"
#include "processors/processor.h"

const struct processor_ops *const processors[] = {
    &processor_general_text,
    &processor_multilingual_text,
    NULL,
};

struct karma_processor {
    const struct processor_ops *ops;
    struct arena arena; /* args, state */
    const struct json *args;
    void *state;
    struct buf scratch, result;
};

enum { MAX_PROCESSORS = 64 };
_Static_assert(sizeof(processors) / sizeof(*processors) <= MAX_PROCESSORS, "room for all names");

static size_t list_names(const char *names[]) {
    size_t n = 0;
    for (; processors[n]; n++)
        names[n] = processors[n]->info.name;
    return n;
}

karma_status karma_list_processors(char ***names, size_t *count) {
    const char *all[MAX_PROCESSORS];
    size_t n = list_names(all);
    *count = 0;
    karma_status st = names_copy(all, n, names);
    if (st == KARMA_OK) *count = n;
    return st;
}

static karma_status find(const char *name, const struct processor_ops **out) {
    const char *all[MAX_PROCESSORS];
    size_t n = list_names(all);
    *out = NULL;
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i], name) == 0) *out = processors[i];
    if (*out) return KARMA_OK;
    int near = nearest_name(name, all, n);
    return status_fail(KARMA_E_NOTFOUND, "no processor '%s'; %s '%s'", status_quotez(name),
                       near >= 0 ? "did you mean" : "the first is", all[near >= 0 ? near : 0]);
}

karma_status karma_get_processor_info(const char *name, const karma_processor_info **info) {
    const struct processor_ops *ops;
    karma_status st = find(name, &ops);
    *info = st == KARMA_OK ? &ops->info : NULL;
    return st;
}

static karma_status read_args(karma_processor *p, const char *args_json) {
    const karma_option_spec *const tables[] = {p->ops->info.options, NULL};
    const struct json *given = NULL;
    karma_status st = KARMA_OK;
    if (args_json)
        st = json_parse(&p->arena, args_json, strlen(args_json), JSON_REJECT_DUPLICATES, &given);
    if (st == KARMA_OK)
        st = options_resolve(&p->arena, tables, given, true, "processor argument", &p->args);
    if (st == KARMA_OK && p->ops->open) st = p->ops->open(&p->arena, p->args, &p->state);
    return st < 0 ? status_prefix(st, "%s", p->ops->info.name) : KARMA_OK;
}

karma_status karma_processor_create(const char *name, const char *args_json,
                                    karma_processor **out) {
    const struct processor_ops *ops;
    *out = NULL;
    karma_status st = find(name, &ops);
    if (st < 0) return st;
    karma_processor *p = mem_calloc(1, sizeof(*p));
    if (!p) return KARMA_E_NOMEM;
    p->ops = ops;
    st = read_args(p, args_json);
    if (st < 0) {
        karma_processor_destroy(p);
        return st;
    }
    *out = p;
    return KARMA_OK;
}

karma_status karma_processor_run(karma_processor *p, const char *text, const char **result) {
    *result = NULL;
    buf_clear(&p->scratch);
    struct buf out = {0}; /* text may be the last result */
    karma_status st = p->ops->run(p->args, p->state, text ? text : "", &p->scratch, &out);
    if (st < 0) {
        buf_release(&out);
        return status_prefix(st, "%s", p->ops->info.name);
    }
    buf_release(&p->result);
    p->result = out;
    *result = buf_str(&p->result);
    return KARMA_OK;
}

void karma_processor_destroy(karma_processor *p) {
    if (!p) return;
    buf_release(&p->scratch);
    buf_release(&p->result);
    arena_release(&p->arena);
    mem_free(p);
}
