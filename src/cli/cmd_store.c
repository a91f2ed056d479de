/* cmd_store.c - karma store: what is in the store of answers, why keys differ, what may go. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct store_args {
    const char *store, *dataset, *model, *sample, *days;
    bool failed, damaged, yes, json;
};

static void print_count(const json_t *o, const char *name, const char *words) {
    printf("%lld %s", (long long)json_integer_value(json_object_get(o, name)), words);
}

static void print_size(const json_t *o) {
    printf("%.1f MB", (double)json_integer_value(json_object_get(o, "size_bytes")) / 1e6);
}

/* --- stat ------------------------------------------------------------------------------------- */

static void print_groups(const json_t *o, const char *name, const char *title) {
    const char *header[] = {title, "Answers"};
    struct cli_table t;
    const char *key;
    json_t *value;
    const json_t *groups = json_object_get(o, name);
    if (json_object_size(groups) == 0) return;
    table_begin(&t, 2, header);
    json_object_foreach((json_t *)groups, key, value) {
        table_cell(&t, key);
        table_cellf(&t, "%lld", (long long)json_integer_value(value));
    }
    putchar('\n');
    table_print(&t, stdout);
    table_end(&t);
}

static void show_stat(const json_t *o) {
    const char *oldest = json_string_value(json_object_get(o, "oldest"));
    const char *newest = json_string_value(json_object_get(o, "newest"));
    const char *code;
    json_t *n;
    printf("%s: ", json_string_value(json_object_get(o, "path")));
    print_size(o);
    putchar('\n');
    print_count(o, "answers", "answers, ");
    print_count(o, "failed", "of them failed");
    json_object_foreach(json_object_get(o, "failed_by_code"), code, n) {
        printf(", %lld %s", (long long)json_integer_value(n), code);
    }
    printf("\n");
    print_count(o, "damaged", "rows set aside as damaged, ");
    print_count(o, "identities", "identities of models\n");
    if (oldest && newest) printf("from %s to %s\n", oldest, newest);
    print_groups(o, "by_model", "Model");
    print_groups(o, "by_dataset", "Data set");
}

static karma_status read_stat(const struct store_args *a, char **json) {
    return karma_store_stat(a->store, json);
}

/* --- explain ---------------------------------------------------------------------------------- */

static void print_object(const json_t *o, const char *under) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)o, name, value) {
        if (json_is_object(value)) {
            char inner[256];
            snprintf(inner, sizeof(inner), "%s%.200s.", under, name);
            print_object(value, inner);
            continue;
        }
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS |
                                           JSON_REAL_PRECISION(15));
        printf("  %s%s  %.100s\n", under, name, text ? text : "?");
        free(text);
    }
}

static void print_difference(const json_t *one) {
    const json_t *keys = json_object_get(one, "keys");
    const json_t *fields = json_object_get(one, "fields");
    size_t i;
    json_t *field;
    printf("%.12s and %.12s differ in%s\n", json_string_value(json_array_get(keys, 0)),
           json_string_value(json_array_get(keys, 1)),
           json_array_size(fields) ? ":" : " nothing that is known of both");
    json_array_foreach((json_t *)fields, i, field) {
        char *values =
            json_dumps(json_object_get(field, "values"), JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        printf("  %s  %.200s\n", json_string_value(json_object_get(field, "field")),
               values ? values : "?");
        free(values);
    }
}

static void show_explanation(const json_t *o) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(o, "answers"), i, row) {
        printf("%s\n  %s on %s, sample %s, %s, %s\n",
               json_string_value(json_object_get(row, "key")),
               json_string_value(json_object_get(row, "model")),
               json_string_value(json_object_get(row, "dataset")),
               json_string_value(json_object_get(row, "sample")),
               json_string_value(json_object_get(row, "status")),
               json_string_value(json_object_get(row, "created")));
        print_object(json_object_get(row, "identity"), "model.");
        print_object(json_object_get(row, "fields"), "sample.");
        if (json_is_null(json_object_get(row, "identity")))
            printf("  what its key was made of was not kept\n");
    }
    json_array_foreach(json_object_get(o, "differences"), i, row) {
        print_difference(row);
    }
}

/* --- gc --------------------------------------------------------------------------------------- */

static karma_status gc(const struct store_args *a, char **json) {
    karma_store_gc_options o = karma_store_gc_defaults();
    int64_t days = 0;
    karma_status st = a->days ? cli_int("--older-than", a->days, 1, 1000000, &days) : KARMA_OK;
    o.model = a->model;
    o.dataset = a->dataset;
    o.failed = a->failed;
    o.damaged = a->damaged;
    o.older_than_days = (double)days;
    o.apply = a->yes;
    return st == KARMA_OK ? karma_store_gc(a->store, &o, json) : st;
}

static void show_gc(const json_t *o, bool applied) {
    if (applied)
        print_count(o, "removed", "rows removed; ");
    else
        print_count(o, "matched", "rows would be removed (--yes removes them); ");
    print_count(o, "remaining", "answers are there, ");
    print_size(o);
    putchar('\n');
    if (applied)
        puts("Removed rows are overwritten in the file; blocks that the file system gave away "
             "earlier, and copies, are beyond its reach.");
}

/* --- the command ------------------------------------------------------------------------------ */

enum what { STAT, EXPLAIN, GC };

/* An option that the asked-for part does not know would be ignored: better said. */
static karma_status check(const struct store_args *a, enum what what, const char *key) {
    if (what == EXPLAIN) {
        if (!key == !(a->dataset || a->sample))
            return cli_error(KARMA_E_USAGE, "explain: expected a key, or --dataset and --sample");
        if (!key && !(a->dataset && a->sample))
            return cli_error(KARMA_E_USAGE, "explain: %s is missing",
                             a->dataset ? "--sample" : "--dataset");
    } else if (key) {
        return cli_error(KARMA_E_USAGE, "unexpected argument %.64s", key);
    } else if (a->sample) {
        return cli_error(KARMA_E_USAGE, "--sample is for explain");
    }
    if (what != GC && (a->failed || a->damaged || a->yes || a->model || a->days))
        return cli_error(KARMA_E_USAGE, "%s is for gc",
                         a->failed    ? "--failed"
                         : a->damaged ? "--damaged"
                         : a->yes     ? "--yes"
                         : a->model   ? "--model"
                                      : "--older-than");
    if (what == STAT && a->dataset)
        return cli_error(KARMA_E_USAGE, "--dataset is for explain and gc");
    return KARMA_OK;
}

static int run(const struct store_args *a, enum what what, const char *key) {
    char *json = NULL;
    karma_status st = check(a, what, key);
    if (st == KARMA_OK)
        st = what == STAT ? read_stat(a, &json)
             : what == GC ? gc(a, &json)
                          : karma_store_explain(a->store, key, a->dataset, a->sample, &json);
    if (st < 0) return cli_fail(st);
    if (a->json) {
        puts(json);
    } else {
        json_t *o = json_loads(json, 0, NULL);
        if (what == STAT) show_stat(o);
        if (what == GC) show_gc(o, a->yes);
        if (what == EXPLAIN) show_explanation(o);
        json_decref(o);
    }
    karma_free(json);
    return cli_finish_output(true, 0);
}

int cmd_store(int argc, char **argv) {
    static const char *const parts[] = {"stat", "explain", "gc", NULL};
    struct store_args a = {0};
    const struct cli_option options[] = {
        {"--store", "FILE", "the store; default: $KARMA_STORE or the cache folder",
         .value = &a.store},
        {"--dataset", "NAME", "explain: of the sample; gc: only answers of that data set",
         .value = &a.dataset},
        {"--sample", "KEY", "explain: all answers to that sample, and what differs",
         .value = &a.sample},
        {"--model", "NAME", "gc: only answers of that model", .value = &a.model},
        {"--failed", NULL, "gc: only failed ones", .flag = &a.failed, .flag_value = true},
        {"--older-than", "DAYS", "gc: only those made before that", .value = &a.days},
        {"--damaged", NULL, "gc: the rows set aside as damaged", .flag = &a.damaged,
         .flag_value = true},
        {"--yes", NULL, "gc: remove them; without it they are counted", .flag = &a.yes,
         .flag_value = true},
        {"--json", NULL, "as JSON", .flag = &a.json, .flag_value = true},
        {0}};
    const struct cli_command c = {"store",
                                  "stat | explain [KEY] | gc [options]",
                                  "Shows what is in the store of answers, why two keys differ, and "
                                  "clears out what is no longer wanted. It shows no text of a "
                                  "sample.",
                                  options,
                                  1,
                                  2};
    const char *positional[3] = {0};
    int what;
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    karma_status st = cli_choice("store", positional[0], parts, &what);
    return st < 0 ? cli_fail(st) : run(&a, (enum what)what, positional[1]);
}
