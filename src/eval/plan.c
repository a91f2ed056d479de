/* plan.c - see plan.h. */
#include "eval/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "base/nearest.h"
#include "eval/page.h"
#include "eval/run_files.h"
#include "eval/sample_log.h"
#include "eval/ways.h"

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
enum target { TARGET_RESULTS, TARGET_RUN_FILE, TARGET_LOG, TARGET_MANIFEST, TARGET_PAGE };

static bool has_mark(enum target target, const char *text) {
    static const char csv[] = "dataset,task_type,metric,";
    if (target == TARGET_RUN_FILE) return strstr(text, "\"karma_version\":") != NULL;
    if (target == TARGET_PAGE) return strstr(text, PAGE_MARK) != NULL;
    if (target == TARGET_LOG)
        return strncmp(text, SAMPLE_LOG_MARK, sizeof(SAMPLE_LOG_MARK) - 1) == 0;
    if (target == TARGET_MANIFEST) return strstr(text, "\"manifest_version\":") != NULL;
    return strstr(text, "\"_summary\":") != NULL || strstr(text, "\n_summary:") != NULL ||
           strncmp(text, csv, sizeof(csv) - 1) == 0;
}

/* A log may be of any size, and its first line tells. */
static karma_status looks_like_ours(const char *path, enum target target, bool *ours) {
    enum { MAX_RESULTS_BYTES = 1 << 30, MARK_BYTES = 1024 };
    struct file_map map;
    struct buf b = {0};
    *ours = false;
    karma_status st = file_map_open(path, &map);
    if (st < 0) return st;
    const size_t looked = target == TARGET_LOG && map.size > MARK_BYTES ? MARK_BYTES : map.size;
    if (looked <= MAX_RESULTS_BYTES) { /* so large another file is none of ours */
        st = buf_append(&b, map.data, looked);
        *ours = st == KARMA_OK && (b.len == 0 || has_mark(target, buf_str(&b)));
    }
    buf_release(&b);
    file_map_close(&map);
    return st;
}

static karma_status check_target(const char *path, bool force, enum target target) {
    static const char *const kinds[] = {"results file", "run file", "log of samples", "manifest",
                                        "page of samples"};
    karma_status st = file_check_writable(path);
    if (st < 0 || force || !file_exists(path)) return st;
    bool ours;
    st = looks_like_ours(path, target, &ours);
    if (st < 0 || ours) return st;
    return status_fail(KARMA_E_USAGE, "%s: exists and is not a %s; it is replaced only by force",
                       path, kinds[target]);
}

static bool same_file(const char *a, const char *b) {
    return strcmp(a, b) == 0 || file_same(a, b);
}

/* Is it one of the files beside each other that a run writes? */
static bool is_output(const struct plan *p, const char *path) {
    return same_file(path, p->output) || same_file(path, p->run_file) || same_file(path, p->log) ||
           same_file(path, p->manifest);
}

static karma_status check_page(const karma_eval_options *o, struct plan *p) {
    if (!o->samples_page) return KARMA_OK;
    p->page = arena_strdup(&p->arena, o->samples_page);
    if (!p->page) return KARMA_E_NOMEM;
    if (!p->page[0]) return status_fail(KARMA_E_USAGE, "samples_page: the path is empty");
    if (is_output(p, p->page))
        return status_fail(KARMA_E_USAGE, "%s: the results and the page of samples cannot be one",
                           p->page);
    return check_target(p->page, o->force, TARGET_PAGE);
}

static karma_status check_output(const karma_eval_options *o, struct plan *p) {
    karma_status st = parse_format(o->format ? o->format : "json", &p->format);
    if (st < 0) return st;
    p->output = arena_strdup(&p->arena, o->output ? o->output : "results.json");
    if (!p->output) return KARMA_E_NOMEM;
    if (!p->output[0]) return status_fail(KARMA_E_USAGE, "output: the path is empty");
    p->run_file = run_files_times_path(&p->arena, p->output);
    p->log = run_files_log_path(&p->arena, p->output);
    p->manifest = run_files_manifest_path(&p->arena, p->output);
    if (!p->run_file || !p->log || !p->manifest) return KARMA_E_NOMEM;
    st = check_target(p->output, o->force, TARGET_RESULTS);
    if (st == KARMA_OK) st = check_target(p->run_file, o->force, TARGET_RUN_FILE);
    if (st == KARMA_OK) st = check_target(p->log, o->force, TARGET_LOG);
    if (st == KARMA_OK) st = check_target(p->manifest, o->force, TARGET_MANIFEST);
    return st < 0 ? st : check_page(o, p);
}

/* Not even by force: what a run reads cannot be what it writes. */
static karma_status check_input(const struct plan *p, const char *path, const char *what) {
    const char *const outputs[] = {p->output, p->run_file, p->log, p->manifest, p->page};
    for (size_t i = 0; path && i < sizeof(outputs) / sizeof(*outputs); i++) {
        if (!outputs[i] || !same_file(path, outputs[i])) continue;
        return status_fail(KARMA_E_USAGE, "%s: is %s and cannot be the output", outputs[i], what);
    }
    return KARMA_OK;
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

static karma_status read_k(struct plan *p, struct plan_metric *m) {
    const char *text = karma_metric_args(m->metric);
    const struct json *args;
    karma_status st = json_parse(&p->arena, text, strlen(text), JSON_LAST_WINS, &args);
    const struct json *k = st == KARMA_OK ? json_get(args, "k") : NULL;
    m->k = k && k->type == JSON_INT ? k->u.integer : 0;
    return st;
}

static bool has_option(const karma_option_spec *options, const char *name) {
    for (const karma_option_spec *o = options; o->name; o++)
        if (strcmp(o->name, name) == 0) return true;
    return false;
}

/* The member, unless the metric has no such option or was told its value. */
static karma_status set_option(struct arena *a, const karma_option_spec *options, const char *name,
                               const struct json *value, struct json *args) {
    if (!value) return KARMA_E_NOMEM;
    if (!has_option(options, name) || json_get(args, name)) return KARMA_OK;
    return json_set(a, args, name, value);
}

/* A metric follows the data set's protocol, unless it was told another: one that has protocols, and
 * under upstream those that can compute as KARMA does. */
static karma_status follow_protocol(struct arena *a, const struct plan_dataset *d,
                                    const char *metric, const struct json *given,
                                    const char **text) {
    const karma_metric_info *info;
    const char *args = karma_dataset_args(d->data);
    const struct json *own;
    struct json *merged;
    struct buf b = {0};
    karma_status st = karma_get_metric_info(metric, &info);
    if (st == KARMA_OK) st = json_parse(a, args, strlen(args), JSON_LAST_WINS, &own);
    const char *protocol = st == KARMA_OK ? json_str(json_get(own, "protocol"), NULL) : NULL;
    if (!protocol) return st;
    st = json_merge(a, given, NULL, &merged);
    if (st == KARMA_OK)
        st = set_option(a, info->options, "protocol", json_new_string(a, protocol), merged);
    if (st == KARMA_OK && strcmp(protocol, "upstream") == 0) {
        st = set_option(a, info->options, "compat", json_new_bool(a, true), merged);
        if (st == KARMA_OK)
            st = set_option(a, info->options, "smooth_method", json_new_string(a, "evaluate"),
                            merged);
    }
    if (st < 0 || json_count(merged) == json_count(given)) return st;
    st = json_write(&b, merged, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*text = arena_strndup(a, b.data, b.len))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static karma_status open_metric(struct plan *p, const struct plan_dataset *d, const char *name,
                                struct arguments *args, struct plan_metric *m) {
    karma_status st = note_used(&args->metrics, name);
    if (st == KARMA_OK) st = args_of(&p->arena, args->metric, name, &m->args_json);
    if (st == KARMA_OK)
        st = follow_protocol(&p->arena, d, name, json_get(args->metric, name), &m->args_json);
    if (st == KARMA_OK) st = karma_metric_create(name, m->args_json, &m->metric);
    m->name = name;
    return st;
}

/* Is the judge there that the metric needs? *left_out: by the user's wish. */
static karma_status check_judge(const struct plan_metric *m, const char *judge, bool *left_out) {
    const bool needed = karma_metric_needs_judge(m->metric);
    *left_out = needed && judge && strcmp(judge, "none") == 0;
    if (!needed || judge) return KARMA_OK;
    return status_fail(KARMA_E_USAGE,
                       "metric %s needs a judge, and none was named (judge): a model, or none to "
                       "leave such metrics out",
                       m->name);
}

static karma_status open_metrics(struct plan *p, struct plan_dataset *d, struct arguments *args,
                                 const char *judge) {
    const size_t n = list_count(d->info->metrics);
    d->metrics = arena_calloc(&p->arena, n + 1, sizeof(*d->metrics));
    if (!d->metrics) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        struct plan_metric *m = &d->metrics[d->n_metrics];
        bool left_out;
        karma_status st = open_metric(p, d, d->info->metrics[i], args, m);
        if (st < 0) return st;
        d->n_metrics++;
        st = check_judge(m, judge, &left_out);
        if (st == KARMA_OK) st = read_k(p, m);
        if (st < 0) return st;
        d->judged = d->judged || (karma_metric_needs_judge(m->metric) && !left_out);
        if (!left_out) continue;
        karma_metric_destroy(m->metric);
        *m = (struct plan_metric){0};
        d->n_metrics--;
    }
    if (d->n_metrics == 0)
        return status_fail(KARMA_E_USAGE, "all its metrics need a judge, and that is to be none "
                                          "(judge)");
    return KARMA_OK;
}

static karma_status check_judge_used(const karma_eval_options *o, const struct plan *p) {
    bool some = false;
    for (size_t i = 0; i < p->n_datasets; i++)
        some = some || p->datasets[i].judged;
    if (o->judge_args_json && (!o->judge || strcmp(o->judge, "none") == 0))
        return status_fail(KARMA_E_USAGE, "judge_args: there is no judge (judge)");
    if (!o->judge || some || strcmp(o->judge, "none") == 0) return KARMA_OK;
    return status_fail(KARMA_E_USAGE, "judge: no metric of this run needs one");
}

karma_status plan_sample_language(struct arena *a, const karma_sample *sample,
                                  const char **language) {
    const char *text = sample->other_args_json;
    const struct json *args = NULL;
    *language = NULL;
    if (!text) return KARMA_OK;
    karma_status st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &args);
    if (st == KARMA_OK) *language = json_str(json_get(args, "language"), NULL);
    return st;
}

karma_processor *plan_processor_for(const struct plan_processor *p, const char *language) {
    const struct map_entry *found =
        language ? map_find(&p->by_language, language, strlen(language)) : NULL;
    return found ? found->value.ptr : p->processor;
}

static bool has_language(const char *processor) {
    const karma_processor_info *info;
    if (karma_get_processor_info(processor, &info) < 0) return false;
    for (const karma_option_spec *o = info->options; o->name; o++)
        if (strcmp(o->name, "language") == 0) return true;
    return false;
}

/* A processor like p, for one language. */
static karma_status add_language(struct plan *plan, struct plan_processor *p, const char *name,
                                 const struct json *given, const char *language) {
    struct arena *a = &plan->arena;
    struct map_entry *entry;
    bool added;
    karma_status st = map_put(&p->by_language, language, strlen(language), &entry, &added);
    if (st < 0 || !added) return st;
    struct json *args;
    struct buf text = {0};
    st = json_merge(a, given, NULL, &args);
    if (st == KARMA_OK) st = json_set(a, args, "language", json_new_string(a, language));
    if (st == KARMA_OK) st = json_write(&text, args, 0, JSON_COMPACT);
    if (st == KARMA_OK) {
        karma_processor *made;
        st = karma_processor_create(name, buf_str(&text), &made);
        entry->value.ptr = made;
    }
    buf_release(&text);
    return st;
}

/* What the data set knows of its samples' languages reaches the processor; what the user said goes
 * before that. */
static karma_status add_languages(struct plan *plan, struct plan_dataset *d,
                                  struct plan_processor *p, const char *name,
                                  const struct json *given) {
    struct arena a = {0};
    karma_status st = KARMA_OK;
    if (json_get(given, "language") || !has_language(name)) return KARMA_OK;
    for (size_t i = 0; i < d->n_samples && st == KARMA_OK; i++) {
        const karma_sample *sample;
        const char *language = NULL;
        arena_reset(&a);
        st = karma_dataset_get(d->data, i, &sample);
        if (st == KARMA_OK) st = plan_sample_language(&a, sample, &language);
        if (st == KARMA_OK && language) st = add_language(plan, p, name, given, language);
    }
    arena_release(&a);
    return st;
}

static karma_status open_processors(struct plan *p, struct plan_dataset *d,
                                    struct arguments *args) {
    const size_t n = list_count(d->info->processors);
    d->processors = arena_calloc(&p->arena, n + 1, sizeof(*d->processors));
    if (!d->processors) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *name = d->info->processors[i], *text;
        const char *full = arena_printf(&p->arena, "%s.%s", d->name, name);
        if (!full) return KARMA_E_NOMEM;
        karma_status st = note_used(&args->processors, full);
        if (st == KARMA_OK) st = args_of(&p->arena, args->processor, full, &text);
        if (st == KARMA_OK) st = karma_processor_create(name, text, &d->processors[i].processor);
        if (st < 0) return st;
        d->n_processors = i + 1;
        st = add_languages(p, d, &d->processors[i], name, json_get(args->processor, full));
        if (st < 0) return st;
    }
    return KARMA_OK;
}

/* The data files among the arguments, if the data set has some there. */
static karma_status check_data_files(struct plan *p, struct plan_dataset *d) {
    static const char *const names[] = {"path", "corpus", "queries", "qrels", "few_shot_path"};
    const char *text = karma_dataset_args(d->data);
    const struct json *args;
    karma_status st = json_parse(&p->arena, text, strlen(text), JSON_LAST_WINS, &args);
    for (size_t i = 0; st == KARMA_OK && i < sizeof(names) / sizeof(*names); i++)
        st = check_input(p, json_str(json_get(args, names[i]), NULL), "a data file");
    return st;
}

/* What its metrics ask of a ranking. */
static void measure_corpus(struct plan_dataset *d) {
    const char *const *ids, *const *texts;
    karma_dataset_corpus(d->data, &ids, &texts, &d->n_documents);
    for (size_t i = 0; i < d->n_metrics; i++)
        if ((size_t)d->metrics[i].k > d->deepest) d->deepest = (size_t)d->metrics[i].k;
    if (d->deepest > d->n_documents) d->deepest = d->n_documents;
}

static karma_status check_sample_files(const struct plan *p, const karma_sample *sample) {
    karma_status st = KARMA_OK;
    if (sample->audio) st = check_input(p, sample->audio->path, "a recording");
    for (size_t i = 0; i < sample->n_images && st == KARMA_OK; i++)
        st = check_input(p, sample->images[i].path, "a picture");
    for (size_t k = 0; k < sample->n_messages && st == KARMA_OK; k++)
        for (size_t i = 0; i < sample->conversation[k].n_images && st == KARMA_OK; i++)
            st = check_input(p, sample->conversation[k].images[i].path, "a picture");
    return st;
}

/* Only by force can a file be replaced that is not one of ours. */
static karma_status check_all_files(const struct plan *p, struct plan_dataset *d, bool force) {
    const karma_sample *sample;
    karma_status st = KARMA_OK;
    if (!force || !(file_exists(p->output) || file_exists(p->run_file) || file_exists(p->log) ||
                    file_exists(p->manifest) || (p->page && file_exists(p->page))))
        return KARMA_OK;
    for (size_t i = 0; i < d->n_samples && st == KARMA_OK; i++) {
        st = karma_dataset_get(d->data, i, &sample);
        if (st == KARMA_OK) st = check_sample_files(p, sample);
    }
    return st;
}

/* Does the prompt ask for an answer behind "Final Answer:"? Some have a line break within. */
static bool asks_for_marker(const char *prompt) {
    static const char first[] = "Final", second[] = "Answer:";
    for (const char *at = prompt; at && (at = strstr(at, first)); at++) {
        const char *behind = at + strlen(first);
        const size_t blanks = strspn(behind, " \t\r\n");
        if (blanks && strncmp(behind + blanks, second, strlen(second)) == 0) return true;
    }
    return false;
}

/* How the answers to this set are had. */
static karma_status choose_way(struct plan_dataset *d, const karma_eval_options *o) {
    const char *const *labels, *const *texts;
    size_t n;
    karma_status st = ways_parse(o->answer_by, d->ways, &d->n_ways);
    if (st < 0) return st;
    d->stops = o->stop_when_decided && karma_dataset_can_decide(d->data);
    if ((d->n_ways == 1 && d->ways[0] == WAY_GENERATION) || d->n_samples == 0) return KARMA_OK;
    st = karma_dataset_choices(d->data, 0, &labels, &texts, &n);
    if (st == KARMA_OK && n == 0)
        st = status_fail(KARMA_E_USAGE, "its questions have no options, so there are none to "
                                        "compare (answer_by)");
    if (asks_for_marker(d->info->prompt)) {
        if (ways_has(d, WAY_LETTERS)) d->lead[WAY_LETTERS] = "Final Answer: (";
        if (ways_has(d, WAY_OPTIONS)) d->lead[WAY_OPTIONS] = "Final Answer:";
    }
    return st;
}

/* The first of them as questions, in all their orders. */
static karma_status choose_samples(struct plan_dataset *d, const karma_eval_options *o) {
    const int64_t most = o->max_samples;
    d->rotates = o->rotations;
    if (o->rotations) {
        karma_status st = karma_dataset_rotate(d->data);
        if (st < 0) return st == KARMA_E_USAGE ? status_prefix(st, "rotations") : st;
    }
    d->n_samples = karma_dataset_count(d->data);
    if (most <= 0) return KARMA_OK;
    for (size_t i = 0, question, rotation, n; i < d->n_samples; i++) {
        karma_dataset_rotation(d->data, i, &question, &rotation, &n);
        if (question >= (uint64_t)most) d->n_samples = i;
    }
    return KARMA_OK;
}

static karma_status check_ways(const karma_eval_options *o, const struct plan *p) {
    bool some = false;
    for (size_t i = 0; i < p->n_datasets; i++)
        some = some || p->datasets[i].stops;
    if (!o->stop_when_decided || some) return KARMA_OK;
    return status_fail(KARMA_E_USAGE,
                       "stop_when_decided: no data set of this run is read by a rule "
                       "that can tell (mcqa, mcqa_upstream, final_answer)");
}

static karma_status check_answer_by(const karma_eval_options *o) {
    struct plan_dataset d = {0};
    karma_status st = ways_parse(o->answer_by, d.ways, &d.n_ways);
    if (st == KARMA_OK && o->stop_when_decided && !ways_has(&d, WAY_GENERATION))
        st = status_fail(KARMA_E_USAGE,
                         "stop_when_decided: with answer_by %s nothing is written that could be "
                         "stopped",
                         o->answer_by);
    return st;
}

/* The fields that the run names, among the data set's own arguments, *text. */
static karma_status add_slices(struct arena *a, const struct json *given, const char *const *slices,
                               const char **text) {
    struct json *args;
    struct buf b = {0};
    const char *list = json_str(json_get(given, "slices"), "");
    if (!slices || !slices[0]) return KARMA_OK;
    for (size_t i = 0; slices[i]; i++) {
        if (!slices[i][0] || strchr(slices[i], '+'))
            return status_fail(KARMA_E_USAGE, "slice: no field is called '%s'",
                               status_quotez(slices[i]));
        list = arena_printf(a, "%s%s%s", list, list[0] ? "+" : "", slices[i]);
        if (!list) return KARMA_E_NOMEM;
    }
    karma_status st = json_merge(a, given, NULL, &args);
    if (st == KARMA_OK) st = json_set(a, args, "slices", json_new_string(a, list));
    if (st == KARMA_OK) st = json_write(&b, args, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*text = arena_strndup(a, b.data, b.len))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static bool has_protocol(const char *name) {
    const karma_dataset_info *info;
    if (karma_get_dataset_info(name, &info) < 0) return false; /* opening it says what is wrong */
    return has_option(info->options, "protocol");
}

/* The run's protocol among the data set's arguments, *text, where neither says another. */
static karma_status add_protocol(struct arena *a, const char *name, const char *protocol,
                                 const char **text) {
    const struct json *given = NULL;
    struct json *args;
    struct buf b = {0};
    karma_status st = KARMA_OK;
    if (!protocol || !has_protocol(name)) return KARMA_OK;
    if (*text) st = json_parse(a, *text, strlen(*text), JSON_LAST_WINS, &given);
    if (st < 0 || json_get(given, "protocol")) return st;
    st = json_merge(a, given, NULL, &args);
    if (st == KARMA_OK) st = json_set(a, args, "protocol", json_new_string(a, protocol));
    if (st == KARMA_OK) st = json_write(&b, args, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*text = arena_strndup(a, b.data, b.len))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static karma_status open_dataset(struct plan *p, struct plan_dataset *d, const char *name,
                                 struct arguments *args, const karma_eval_options *o) {
    const char *text;
    d->name = name;
    karma_status st = args_of(&p->arena, args->dataset, name, &text);
    if (st == KARMA_OK) st = add_slices(&p->arena, json_get(args->dataset, name), o->slices, &text);
    if (st == KARMA_OK) st = add_protocol(&p->arena, name, o->protocol, &text);
    if (st == KARMA_OK) st = karma_dataset_open(name, text, &d->data);
    if (st == KARMA_OK) st = check_input(p, name, "a data set");
    if (st == KARMA_OK) st = check_data_files(p, d);
    if (st < 0) return st;
    d->info = karma_dataset_get_info(d->data);
    st = choose_samples(d, o);
    if (st == KARMA_OK) st = check_all_files(p, d, o->force);
    if (st == KARMA_OK) st = choose_way(d, o);
    if (st == KARMA_OK) st = open_metrics(p, d, args, o->judge);
    measure_corpus(d);
    return st < 0 ? st : open_processors(p, d, args);
}

static karma_status open_all(const karma_eval_options *o, struct plan *p, struct arguments *args) {
    p->n_datasets = list_count(o->datasets);
    if (p->n_datasets == 0) return status_fail(KARMA_E_USAGE, "no data set was named");
    if (o->slice_min < 0) return status_fail(KARMA_E_USAGE, "slice_min: expected 0 or more");
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
        karma_status st = open_dataset(p, &p->datasets[i], o->datasets[i], args, o);
        if (st == KARMA_OK) continue;
        if (st == KARMA_E_NOMEM) return st;
        if (wrong++ == 0) {
            const char *name = o->datasets[i], *why = karma_error_message();
            const bool named = strncmp(why, name, strlen(name)) == 0; /* as a path, for one */
            first = st;
            snprintf(message, sizeof(message), "%s%s%s%s", named ? "" : "data set ",
                     named               ? ""
                     : strchr(name, '/') ? name
                                         : status_quotez(name),
                     named ? "" : ": ", why);
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

static karma_status check_answers(const karma_eval_options *o, const struct plan *p) {
    enum way ways[WAY_COUNT];
    size_t n;
    if (!o->answers && (o->missing_answers || o->answers_model))
        return status_fail(KARMA_E_USAGE, "%s: there is no file of answers (answers)",
                           o->missing_answers ? "missing_answers" : "answers_model");
    if (!o->answers) return KARMA_OK;
    karma_status st = ways_parse(o->answer_by, ways, &n);
    if (st < 0) return st;
    if (n != 1 || ways[0] != WAY_GENERATION || o->stop_when_decided)
        return status_fail(KARMA_E_USAGE, "%s: of answers made elsewhere there is only their text",
                           o->stop_when_decided ? "stop_when_decided" : "answer_by");
    return check_input(p, o->answers, "the file of answers");
}

static karma_status make(const karma_eval_options *o, bool writes, struct plan *p) {
    *p = (struct plan){0};
    if (o->max_samples < 0) {
        return status_fail(KARMA_E_USAGE, "max_samples: expected a positive number, found %lld",
                           (long long)o->max_samples);
    }
    struct arguments args = {0};
    karma_status st = check_answer_by(o);
    if (st == KARMA_OK && writes) st = check_output(o, p);
    if (st == KARMA_OK) st = check_answers(o, p);
    if (st == KARMA_OK && (!o->answers || o->judge)) st = choose_store(o, p);
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
    if (st == KARMA_OK) st = check_ways(o, p);
    if (st == KARMA_OK) st = check_judge_used(o, p);
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

karma_status plan_make(const karma_eval_options *options, struct plan *p) {
    return make(options, true, p);
}

karma_status plan_make_reading(const karma_eval_options *options, struct plan *p) {
    return make(options, false, p);
}

/* --- the model -------------------------------------------------------------------------------- */

static bool makes_vectors(const karma_model *m) {
    for (const karma_model_class *c = karma_model_get_class(m); c; c = c->base)
        if (c->embed) return true;
    return false;
}

/* The largest of the argument k_values; 0: it has none. */
static karma_status ranking_length(const karma_model *m, int64_t *longest) {
    const char *text = karma_model_args(m);
    struct arena a = {0};
    const struct json *args;
    karma_status st = json_parse(&a, text, strlen(text), JSON_LAST_WINS, &args);
    const struct json *list = st == KARMA_OK ? json_get(args, "k_values") : NULL;
    *longest = 0;
    for (size_t i = 0; json_is_array(list) && i < json_count(list); i++) {
        const struct json *k = json_at(list, i);
        if (k->type == JSON_INT && k->u.integer > *longest) *longest = k->u.integer;
    }
    arena_release(&a);
    return st;
}

static karma_status check_for_corpus(const struct plan_dataset *d, const karma_model *m) {
    int64_t longest;
    if (!makes_vectors(m))
        return status_fail(KARMA_E_UNSUPPORTED,
                           "%s: a retrieval set needs an embedding model, which %s is not", d->name,
                           karma_model_name(m));
    karma_status st = ranking_length(m, &longest);
    if (st < 0 || longest == 0 || (size_t)longest >= d->deepest) return st;
    const struct plan_metric *deep = &d->metrics[0];
    for (size_t i = 1; i < d->n_metrics; i++)
        if (d->metrics[i].k > deep->k) deep = &d->metrics[i];
    return status_fail(KARMA_E_USAGE,
                       "%s: metric %s looks at the first %lld documents, and the model gives %lld "
                       "(its argument k_values); raise that or lower the metric's k",
                       d->name, deep->name, (long long)deep->k, (long long)longest);
}

static karma_status check_for_way(const struct plan_dataset *d, const karma_model *m) {
    for (size_t i = 0; i < d->n_ways; i++) {
        if (d->ways[i] == WAY_GENERATION || karma_model_can_choose(m)) continue;
        return status_fail(KARMA_E_UNSUPPORTED,
                           "answer_by %s: %s answers in its own way and compares no logits",
                           way_name(d->ways[i]), karma_model_name(m));
    }
    if (d->stops && !karma_model_can_end_early(m))
        return status_fail(KARMA_E_UNSUPPORTED,
                           "stop_when_decided: %s makes answers in its own way, so none can be "
                           "known to be decided",
                           karma_model_name(m));
    return KARMA_OK;
}

karma_status plan_check_model(const struct plan *p, const karma_model *m) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < p->n_datasets; i++) {
        st = check_for_way(&p->datasets[i], m);
        if (st == KARMA_OK && p->datasets[i].n_documents) st = check_for_corpus(&p->datasets[i], m);
    }
    return st;
}

void plan_release(struct plan *p) {
    for (size_t i = 0; p->datasets && i < p->n_datasets; i++) {
        struct plan_dataset *d = &p->datasets[i];
        for (size_t k = 0; k < d->n_metrics; k++)
            karma_metric_destroy(d->metrics[k].metric);
        for (size_t k = 0; k < d->n_processors; k++) {
            struct map *others = &d->processors[k].by_language;
            for (size_t j = 0; j < others->count; j++)
                karma_processor_destroy(others->entries[j].value.ptr);
            map_release(others);
            karma_processor_destroy(d->processors[k].processor);
        }
        karma_dataset_close(d->data);
    }
    arena_release(&p->arena);
    *p = (struct plan){0};
}
