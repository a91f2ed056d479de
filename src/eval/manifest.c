/* manifest.c - see manifest.h. */
#include "eval/manifest.h"

#include <string.h>

#include "base/cpu.h"
#include "karma/karma.h"

enum { MANIFEST_VERSION = 1 };

/* Options that decide what is asked and how it is scored. What another way of running (batches,
 * threads, places of files) needs is none of them: a manifest is the same for all of these. */
enum option_kind { OPTION_TEXT, OPTION_JSON, OPTION_LIST, OPTION_INT, OPTION_BOOL };
static const struct option_field {
    const char *name;
    size_t offset;
    enum option_kind kind;
} option_fields[] = {
    {"dataset_args", offsetof(karma_eval_options, dataset_args_json), OPTION_JSON},
    {"metric_args", offsetof(karma_eval_options, metric_args_json), OPTION_JSON},
    {"processor_args", offsetof(karma_eval_options, processor_args_json), OPTION_JSON},
    {"max_samples", offsetof(karma_eval_options, max_samples), OPTION_INT},
    {"answer_by", offsetof(karma_eval_options, answer_by), OPTION_TEXT},
    {"stop_when_decided", offsetof(karma_eval_options, stop_when_decided), OPTION_BOOL},
    {"rotations", offsetof(karma_eval_options, rotations), OPTION_BOOL},
    {"slices", offsetof(karma_eval_options, slices), OPTION_LIST},
    {"slice_min", offsetof(karma_eval_options, slice_min), OPTION_INT},
    {"judge", offsetof(karma_eval_options, judge), OPTION_TEXT},
    {"judge_args", offsetof(karma_eval_options, judge_args_json), OPTION_JSON},
    {"missing_answers", offsetof(karma_eval_options, missing_answers), OPTION_TEXT},
    {"keep_failed", offsetof(karma_eval_options, keep_failed), OPTION_BOOL},
};
enum { N_OPTION_FIELDS = sizeof(option_fields) / sizeof(option_fields[0]) };

static karma_status set_text(struct arena *a, struct json *o, const char *name, const char *text) {
    return json_set(a, o, name, text ? json_new_string(a, text) : json_new_null(a));
}

static karma_status set_json(struct arena *a, struct json *o, const char *name, const char *text) {
    const struct json *value;
    if (!text) return json_set(a, o, name, json_new_null(a));
    karma_status st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &value);
    return st == KARMA_OK ? json_set(a, o, name, value) : st;
}

static karma_status set_list(struct arena *a, struct json *o, const char *name,
                             const char *const *list) {
    struct json *all = json_new_array(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; list && list[i] && st == KARMA_OK; i++)
        st = json_push(a, all, json_new_string(a, list[i]));
    return st == KARMA_OK ? json_set(a, o, name, all) : st;
}

static karma_status set_option(struct arena *a, struct json *o, const struct option_field *f,
                               const karma_eval_options *options) {
    const void *at = (const char *)options + f->offset;
    switch (f->kind) {
    case OPTION_TEXT:
        return set_text(a, o, f->name, *(const char *const *)at);
    case OPTION_JSON:
        return set_json(a, o, f->name, *(const char *const *)at);
    case OPTION_LIST:
        return set_list(a, o, f->name, *(const char *const *const *)at);
    case OPTION_INT:
        return json_set(a, o, f->name, json_new_int(a, *(const int64_t *)at));
    default:
        return json_set(a, o, f->name, json_new_bool(a, *(const bool *)at));
    }
}

/* --- data sets -------------------------------------------------------------------------------- */

static karma_status add_metrics(struct arena *a, const struct plan_dataset *d, struct json *o) {
    struct json *all = json_new_object(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t k = 0; k < d->n_metrics && st == KARMA_OK; k++)
        st = set_json(a, all, d->metrics[k].name, karma_metric_args(d->metrics[k].metric));
    return st == KARMA_OK ? json_set(a, o, "metrics", all) : st;
}

/* By name, in their order; what was said of them stands among the options. */
static karma_status add_processors(struct arena *a, const struct plan_dataset *d, struct json *o) {
    struct json *all = json_new_array(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t k = 0; k < d->n_processors && st == KARMA_OK; k++)
        st = json_push(a, all, json_new_string(a, d->info->processors[k]));
    return st == KARMA_OK ? json_set(a, o, "processors", all) : st;
}

static karma_status add_dataset(struct arena *a, const struct plan_dataset *d, struct json *all) {
    struct json *o = json_new_object(a);
    const char *args_text = karma_dataset_args(d->data);
    const struct json *args;
    karma_status st = json_parse(a, args_text, strlen(args_text), JSON_LAST_WINS, &args);
    if (st == KARMA_OK) st = set_text(a, o, "digest", karma_dataset_digest(d->data));
    if (st == KARMA_OK) st = json_set(a, o, "args", args);
    if (st == KARMA_OK) st = json_set(a, o, "n", json_new_int(a, (int64_t)d->n_samples));
    if (st == KARMA_OK) st = set_text(a, o, "protocol", json_str(json_get(args, "protocol"), NULL));
    if (st == KARMA_OK) st = set_text(a, o, "split", d->info->split);
    if (st == KARMA_OK) st = set_text(a, o, "revision", d->info->commit_hash);
    if (st == KARMA_OK) st = set_text(a, o, "extraction", d->info->extraction);
    if (st == KARMA_OK) st = add_metrics(a, d, o);
    if (st == KARMA_OK) st = add_processors(a, d, o);
    return st == KARMA_OK ? json_set(a, all, d->name, o) : st;
}

/* --- model ------------------------------------------------------------------------------------ */

static karma_status add_model(struct arena *a, const struct manifest_of *m, struct json *root) {
    struct json *o = json_new_object(a);
    const struct json *identity = NULL;
    karma_status st = json_parse(a, m->identity, strlen(m->identity), JSON_LAST_WINS, &identity);
    if (st == KARMA_OK) st = set_text(a, o, "name", m->name);
    if (st == KARMA_OK && m->model)
        st = set_text(a, o, "requested_name", karma_model_requested_name(m->model));
    if (st == KARMA_OK && m->path) st = json_set(a, o, "path", m->path);
    if (st == KARMA_OK) st = json_set(a, o, "identity", identity);
    if (st == KARMA_OK && m->files) st = json_set(a, o, "files", m->files);
    return st == KARMA_OK ? json_set(a, root, "model", o) : st;
}

static karma_status add_judge(struct arena *a, const struct manifest_of *m, struct json *root) {
    struct json *o = json_new_object(a);
    const struct json *identity;
    const char *text = m->judge_identity;
    karma_status st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &identity);
    if (st == KARMA_OK) st = set_text(a, o, "name", karma_model_name(m->judge));
    if (st == KARMA_OK) st = json_set(a, o, "identity", identity);
    return st == KARMA_OK ? json_set(a, root, "judge", o) : st;
}

static karma_status build(struct arena *a, const struct manifest_of *m, struct json *root) {
    const struct plan *p = m->plan;
    struct json *datasets = json_new_object(a), *options = json_new_object(a);
    enum cpu_isa isa;
    karma_status st = json_set(a, root, "manifest_version", json_new_int(a, MANIFEST_VERSION));
    if (st == KARMA_OK) st = set_text(a, root, "karma_version", karma_version());
    if (st == KARMA_OK)
        st = json_set(a, root, "numerics_version", json_new_int(a, karma_numerics_version()));
    if (st == KARMA_OK) st = cpu_isa_choose(&isa);
    if (st == KARMA_OK) st = set_text(a, root, "isa", m->model ? cpu_isa_name(isa) : NULL);
    if (st == KARMA_OK) st = add_model(a, m, root);
    if (st == KARMA_OK && m->judge) st = add_judge(a, m, root);
    for (size_t i = 0; i < p->n_datasets && st == KARMA_OK; i++)
        st = add_dataset(a, &p->datasets[i], datasets);
    if (st == KARMA_OK) st = json_set(a, root, "datasets", datasets);
    for (size_t i = 0; i < N_OPTION_FIELDS && st == KARMA_OK; i++)
        st = set_option(a, options, &option_fields[i], m->options);
    if (st == KARMA_OK) st = json_set(a, root, "options", options);
    if (st == KARMA_OK && m->partial) st = json_set(a, root, "partial", json_new_bool(a, true));
    if (st == KARMA_OK) st = set_text(a, root, "results_sha256", m->results_sha256);
    if (st == KARMA_OK) st = set_text(a, root, "chain", m->chain->hex);
    return st == KARMA_OK ? json_set(a, root, "samples", json_new_int(a, (int64_t)m->chain->n))
                          : st;
}

karma_status manifest_text(const struct manifest_of *m, struct buf *out) {
    struct arena a = {0};
    struct json *root = json_new_object(&a);
    karma_status st = root ? build(&a, m, root) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_write(out, root, 2, JSON_PYTHON);
    if (st == KARMA_OK) st = buf_putc(out, '\n');
    arena_release(&a);
    return st;
}

/* --- back again ------------------------------------------------------------------------------- */

static karma_status json_text(struct arena *a, const struct json *value, const char **out) {
    struct buf b = {0};
    *out = NULL;
    if (json_is_null(value)) return KARMA_OK;
    karma_status st = json_write(&b, value, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*out = arena_strndup(a, b.data, b.len))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

/* *out NULL: none, or an empty one. */
static karma_status list_of(struct arena *a, const struct json *value, const char *name,
                            const char *const **out) {
    const size_t n = json_is_array(value) ? json_count(value) : 0;
    *out = NULL;
    if (n == 0) return KARMA_OK;
    const char **list = arena_calloc(a, n + 1, sizeof(*list));
    if (!list) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        if (!(list[i] = json_str(json_at(value, i), NULL)))
            return status_fail(KARMA_E_TYPE, "%s: expected texts", name);
    *out = list;
    return KARMA_OK;
}

static karma_status get_option(struct arena *a, const struct json *options,
                               const struct option_field *f, karma_eval_options *out) {
    void *at = (char *)out + f->offset;
    switch (f->kind) {
    case OPTION_TEXT:
        return json_field_str(options, f->name, NULL, (const char **)at);
    case OPTION_JSON:
        return json_text(a, json_get(options, f->name), (const char **)at);
    case OPTION_LIST:
        return list_of(a, json_get(options, f->name), f->name, (const char *const **)at);
    case OPTION_INT:
        return json_field_int(options, f->name, 0, INT64_MAX, 0, (int64_t *)at);
    default:
        return json_field_bool(options, f->name, false, (bool *)at);
    }
}

karma_status manifest_options(struct arena *a, const struct json *manifest,
                              karma_eval_options *out) {
    const struct json *datasets = json_get(manifest, "datasets");
    const struct json *options = json_get(manifest, "options");
    *out = karma_eval_defaults();
    if (!json_is_object(datasets) || json_count(datasets) == 0)
        return status_fail(KARMA_E_MISSING, "datasets: not there");
    if (!json_is_object(options)) return status_fail(KARMA_E_MISSING, "options: not there");
    const char **names = arena_calloc(a, json_count(datasets) + 1, sizeof(*names));
    if (!names) return KARMA_E_NOMEM;
    for (size_t i = 0; i < json_count(datasets); i++)
        names[i] = datasets->u.object.members[i].key;
    out->datasets = names;
    out->use_store = false;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < N_OPTION_FIELDS && st == KARMA_OK; i++)
        st = get_option(a, options, &option_fields[i], out);
    return st;
}
