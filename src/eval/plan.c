/* plan.c - see plan.h. */
#include "eval/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "base/nearest.h"
#include "eval/report.h"

/* --- where results go ------------------------------------------------------------------------- */

static karma_status parse_format(const char *name, enum output_format *out) {
    static const char *const names[] = {"json", "yaml", "csv"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *out = (enum output_format)i;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_USAGE, "format: expected json, yaml or csv, found %s",
                       status_quotez(name));
}

/* A file that stands where ours goes may be replaced when it is one of ours: it then holds the mark
 * of its kind. An empty one holds nothing that could be lost. */
static karma_status looks_like_ours(const char *path, bool run_file, bool *ours) {
    enum { MAX_RESULTS_BYTES = 1 << 30 };
    static const char csv[] = "dataset,task_type,metric,";
    struct buf b = {0};
    *ours = false;
    karma_status st = file_read(path, MAX_RESULTS_BYTES, &b);
    if (st == KARMA_OK) {
        const char *text = buf_str(&b);
        *ours = b.len == 0 || (run_file ? strstr(text, "\"karma_version\":") != NULL
                                        : strstr(text, "\"_summary\":") != NULL ||
                                              strstr(text, "\n_summary:") != NULL ||
                                              strncmp(text, csv, sizeof(csv) - 1) == 0);
    }
    buf_release(&b);
    return st == KARMA_E_LIMIT ? KARMA_OK : st; /* so large a file is none of ours */
}

static karma_status check_target(const char *path, bool force, bool run_file) {
    karma_status st = file_check_writable(path);
    if (st < 0 || force || !file_exists(path)) return st;
    bool ours;
    st = looks_like_ours(path, run_file, &ours);
    if (st < 0 || ours) return st;
    return status_fail(KARMA_E_USAGE,
                       "%s: exists and is not a %s file; it is replaced only by force", path,
                       run_file ? "run" : "results");
}

static karma_status check_output(const karma_eval_options *o, struct plan *p) {
    karma_status st = parse_format(o->format ? o->format : "json", &p->format);
    if (st < 0) return st;
    p->output = arena_strdup(&p->arena, o->output ? o->output : "results.json");
    if (!p->output) return KARMA_E_NOMEM;
    if (!p->output[0]) return status_fail(KARMA_E_USAGE, "output: the path is empty");
    p->run_file = report_run_path(&p->arena, p->output);
    if (!p->run_file) return KARMA_E_NOMEM;
    st = check_target(p->output, o->force, false);
    return st < 0 ? st : check_target(p->run_file, o->force, true);
}

/* Not even by force: what a run reads cannot be what it writes. */
static karma_status check_input(const struct plan *p, const char *path, const char *what) {
    if (!path || (strcmp(path, p->output) != 0 && strcmp(path, p->run_file) != 0 &&
                  !file_same(path, p->output) && !file_same(path, p->run_file))) {
        return KARMA_OK;
    }
    return status_fail(KARMA_E_USAGE, "%s: is %s and cannot be the output", p->output, what);
}

/* --- data sets and their arguments ------------------------------------------------------------ */

/* The object `json` holds, or an empty one for NULL. who: the option, for messages. */
static karma_status parse_args(struct arena *a, const char *json, const char *who,
                               const struct json **out) {
    *out = NULL;
    if (!json) return KARMA_OK;
    karma_status st = json_parse(a, json, strlen(json), JSON_REJECT_DUPLICATES, out);
    if (st < 0) return status_prefix(st, "%s", who);
    if (!json_is_object(*out)) {
        return status_fail(KARMA_E_USAGE, "%s: expected an object, found %s", who,
                           json_type_name(*out));
    }
    for (size_t i = 0; i < (*out)->u.object.count; i++) {
        const struct json_member *m = &(*out)->u.object.members[i];
        if (!json_is_object(m->value)) {
            return status_fail(KARMA_E_USAGE, "%s: %s: expected an object, found %s", who,
                               status_quote(m->key, m->key_len), json_type_name(m->value));
        }
    }
    return KARMA_OK;
}

/* args[name] as text in the arena, NULL if absent. */
static karma_status args_of(struct arena *a, const struct json *args, const char *name,
                            const char **text) {
    *text = NULL;
    const struct json *own = json_get(args, name);
    if (!own) return KARMA_OK;
    struct buf b = {0};
    karma_status st = json_write(&b, own, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*text = arena_strndup(a, b.data, b.len))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static size_t list_count(const char *const *list) {
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

/* Every key of args must be one of the names used; else arguments were given for nothing. */
static karma_status check_all_used(const struct json *args, const struct map *used,
                                   const char *who) {
    for (size_t i = 0; args && i < args->u.object.count; i++) {
        const struct json_member *m = &args->u.object.members[i];
        if (map_find(used, m->key, m->key_len)) continue;
        const char **names = mem_calloc(used->count + 1, sizeof(*names));
        if (!names) return KARMA_E_NOMEM;
        for (size_t k = 0; k < used->count; k++)
            names[k] = used->entries[k].key;
        const int near = nearest_name(m->key, names, used->count);
        karma_status st =
            status_fail(KARMA_E_USAGE, "%s: %s is not part of this run%s%s", who,
                        status_quote(m->key, m->key_len), near >= 0 ? "; did you mean " : "",
                        near >= 0 ? names[near] : "");
        mem_free(names);
        return st;
    }
    return KARMA_OK;
}

static karma_status note_used(struct map *used, const char *name) {
    struct map_entry *entry;
    bool added;
    return map_put(used, name, strlen(name), &entry, &added);
}

struct arguments {
    const struct json *dataset, *metric, *processor;
    struct map datasets, metrics, processors; /* names used */
};

static karma_status open_metrics(struct plan *p, struct plan_dataset *d, struct arguments *args) {
    const size_t n = list_count(d->info->metrics);
    d->metrics = arena_calloc(&p->arena, n + 1, sizeof(*d->metrics));
    if (!d->metrics) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *name = d->info->metrics[i], *text;
        karma_status st = note_used(&args->metrics, name);
        if (st == KARMA_OK) st = args_of(&p->arena, args->metric, name, &text);
        if (st == KARMA_OK) st = karma_metric_create(name, text, &d->metrics[i].metric);
        if (st < 0) return st;
        d->metrics[i].name = name;
        d->n_metrics = i + 1;
    }
    return KARMA_OK;
}

static karma_status open_processors(struct plan *p, struct plan_dataset *d,
                                    struct arguments *args) {
    const size_t n = list_count(d->info->processors);
    d->processors = arena_calloc(&p->arena, n + 1, sizeof(karma_processor *));
    if (!d->processors) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *name = d->info->processors[i], *text;
        const char *full = arena_printf(&p->arena, "%s.%s", d->name, name);
        if (!full) return KARMA_E_NOMEM;
        karma_status st = note_used(&args->processors, full);
        if (st == KARMA_OK) st = args_of(&p->arena, args->processor, full, &text);
        if (st == KARMA_OK) st = karma_processor_create(name, text, &d->processors[i]);
        if (st < 0) return st;
        d->n_processors = i + 1;
    }
    return KARMA_OK;
}

/* The data file among the arguments, if the data set has one there. */
static karma_status check_data_file(struct plan *p, struct plan_dataset *d) {
    const char *text = karma_dataset_args(d->data);
    const struct json *args;
    karma_status st = json_parse(&p->arena, text, strlen(text), JSON_LAST_WINS, &args);
    return st < 0 ? st : check_input(p, json_str(json_get(args, "path"), NULL), "a data file");
}

static karma_status open_dataset(struct plan *p, struct plan_dataset *d, const char *name,
                                 struct arguments *args, int64_t max_samples) {
    const char *text;
    d->name = name;
    karma_status st = args_of(&p->arena, args->dataset, name, &text);
    if (st == KARMA_OK) st = karma_dataset_open(name, text, &d->data);
    if (st == KARMA_OK) st = check_input(p, name, "a data set");
    if (st == KARMA_OK) st = check_data_file(p, d);
    if (st < 0) return st;
    d->info = karma_dataset_get_info(d->data);
    d->n_samples = karma_dataset_count(d->data);
    if (max_samples > 0 && (uint64_t)max_samples < d->n_samples) d->n_samples = (size_t)max_samples;
    st = open_metrics(p, d, args);
    return st < 0 ? st : open_processors(p, d, args);
}

static karma_status open_all(const karma_eval_options *o, struct plan *p, struct arguments *args) {
    p->n_datasets = list_count(o->datasets);
    if (p->n_datasets == 0) return status_fail(KARMA_E_USAGE, "no data set was named");
    p->datasets = arena_calloc(&p->arena, p->n_datasets, sizeof(*p->datasets));
    if (!p->datasets) return KARMA_E_NOMEM;
    for (size_t i = 0; i < p->n_datasets; i++) {
        if (map_find(&args->datasets, o->datasets[i], strlen(o->datasets[i]))) {
            return status_fail(KARMA_E_USAGE, "data set %s is named twice",
                               status_quotez(o->datasets[i]));
        }
        karma_status st = note_used(&args->datasets, o->datasets[i]);
        if (st < 0) return st;
    }
    karma_status first = KARMA_OK;
    size_t wrong = 0;
    char message[1024] = "";
    for (size_t i = 0; i < p->n_datasets; i++) {
        karma_status st = open_dataset(p, &p->datasets[i], o->datasets[i], args, o->max_samples);
        if (st == KARMA_OK) continue;
        if (st == KARMA_E_NOMEM) return st;
        if (wrong++ == 0) {
            const char *name = o->datasets[i], *why = karma_error_message();
            const bool named = strncmp(why, name, strlen(name)) == 0; /* as a path, for one */
            first = st;
            snprintf(message, sizeof(message), "%s%s%s%s", named ? "" : "data set ",
                     named ? "" : status_quotez(name), named ? "" : ": ", why);
        }
    }
    if (wrong == 1) return status_fail(first, "%s", message);
    if (wrong > 1) return status_fail(first, "%.900s (and %zu more data sets)", message, wrong - 1);
    return KARMA_OK;
}

static karma_status choose_store(const karma_eval_options *o, struct plan *p) {
    if (!o->use_store) return KARMA_OK;
    char path[4096];
    const char *chosen =
        o->store_path ? o->store_path : karma_default_store_path(path, sizeof(path));
    if (!chosen) {
        return status_fail(KARMA_E_USAGE, "no place for the store of answers: neither HOME nor "
                                          "KARMA_STORE is set; name one or do without");
    }
    p->store_path = arena_strdup(&p->arena, chosen);
    return p->store_path ? check_input(p, p->store_path, "the store of answers") : KARMA_E_NOMEM;
}

karma_status plan_make(const karma_eval_options *o, struct plan *p) {
    *p = (struct plan){0};
    if (o->max_samples < 0) {
        return status_fail(KARMA_E_USAGE, "max_samples: expected a positive number, found %lld",
                           (long long)o->max_samples);
    }
    struct arguments args = {0};
    karma_status st = check_output(o, p);
    if (st == KARMA_OK) st = choose_store(o, p);
    if (st == KARMA_OK) {
        st = parse_args(&p->arena, o->dataset_args_json, "data set arguments", &args.dataset);
    }
    if (st == KARMA_OK) {
        st = parse_args(&p->arena, o->metric_args_json, "metric arguments", &args.metric);
    }
    if (st == KARMA_OK) {
        st = parse_args(&p->arena, o->processor_args_json, "processor arguments", &args.processor);
    }
    if (st == KARMA_OK) st = open_all(o, p, &args);
    if (st == KARMA_OK) st = check_all_used(args.dataset, &args.datasets, "data set arguments");
    if (st == KARMA_OK) st = check_all_used(args.metric, &args.metrics, "metric arguments");
    if (st == KARMA_OK) {
        st = check_all_used(args.processor, &args.processors, "processor arguments");
    }
    map_release(&args.datasets);
    map_release(&args.metrics);
    map_release(&args.processors);
    return st;
}

void plan_release(struct plan *p) {
    for (size_t i = 0; p->datasets && i < p->n_datasets; i++) {
        struct plan_dataset *d = &p->datasets[i];
        for (size_t k = 0; k < d->n_metrics; k++)
            karma_metric_destroy(d->metrics[k].metric);
        for (size_t k = 0; k < d->n_processors; k++)
            karma_processor_destroy(d->processors[k]);
        karma_dataset_close(d->data);
    }
    arena_release(&p->arena);
    *p = (struct plan){0};
}
