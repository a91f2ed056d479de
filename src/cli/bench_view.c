/*
 * bench_view.c - the figures of karma bench as a table or as JSON, what limits them, and what would
 * help. A share of three fifths or more of a rate is told as its limit.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/text_out.h"

static const double LIMITS = 0.6, CROWDED = 0.25; /* processors too few */

struct summary {
    double median, least, greatest;
};

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct summary summarise(const double *values, int n) {
    double sorted[BENCH_MAX_RATES];
    if (n == 0) return (struct summary){0};
    memcpy(sorted, values, (size_t)n * sizeof(*values));
    qsort(sorted, (size_t)n, sizeof(*sorted), compare);
    const double middle = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    return (struct summary){.median = middle, .least = sorted[0], .greatest = sorted[n - 1]};
}

static double share_of(const double *values, int n) {
    return summarise(values, n).median;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is(const json_t *object, const char *key, const char *value) {
    return strcmp(text_of(object, key), value) == 0;
}

/* --- what limits ------------------------------------------------------------------------------ */

enum limit { LIMIT_UNKNOWN, LIMIT_MEMORY, LIMIT_ARITHMETIC, LIMIT_OTHER };
static const char *const limit_names[] = {"unknown", "memory bandwidth", "arithmetic",
                                          "something else"};

struct verdict {
    enum limit limit;
    double share;
};

static struct verdict judge(const struct bench_figure *f) {
    const double memory = share_of(f->memory, f->n), arithmetic = share_of(f->arithmetic, f->n);
    const double most = memory > arithmetic ? memory : arithmetic;
    struct verdict v = {.share = most};
    if (most == 0) return v;
    v.limit = most < LIMITS ? LIMIT_OTHER : memory >= arithmetic ? LIMIT_MEMORY : LIMIT_ARITHMETIC;
    return v;
}

/* Processors that others kept busy while we measured; < 0: not known. */
static double others_busy(const struct bench *b) {
    if (b->used.all <= 0 || b->used.clock <= 0) return -1;
    const double others = (b->used.all - b->used.own) / b->used.clock;
    return others > 0 ? others : 0;
}

/* There are not processors enough for them and for us. */
static bool is_busy(const struct bench *b) {
    const double others = others_busy(b);
    const int threads = b->threads < b->threads_allowed ? b->threads : b->threads_allowed;
    return others < 0 ? b->load_before > b->processors - threads + CROWDED
                      : others > b->processors - threads + CROWDED;
}

static bool has_limit(const struct bench *b, enum limit limit) {
    for (int i = 0; i < b->n_figures; i++)
        if (judge(&b->figures[i]).limit == limit) return true;
    return false;
}

/* "decode: memory bandwidth (83 %); prefill: arithmetic (71 %)": one plain line. */
static bool add_limits(const struct bench *b, struct text_out *t) {
    bool good = true;
    for (int i = 0; i < b->n_figures && good; i++) {
        const struct bench_figure *f = &b->figures[i];
        const struct verdict v = judge(f);
        if (v.limit == LIMIT_UNKNOWN) continue;
        good = text_addf(t, "%s%s: %s (%.0f %%)", t->len ? "; " : "", f->name, limit_names[v.limit],
                         100 * v.share);
    }
    if (good && is_busy(b))
        good = text_addf(t, "%sother processes, which kept %.1f of %d processors busy",
                         t->len ? "; " : "", others_busy(b) < 0 ? b->load_before : others_busy(b),
                         b->processors);
    if (good && b->threads < b->threads_allowed)
        good = text_addf(t, "%sthreads: %d of the %d that may be used", t->len ? "; " : "",
                         b->threads, b->threads_allowed);
    if (good && b->threads > b->threads_allowed)
        good = text_addf(t, "%sthreads: %d where %d may run at once", t->len ? "; " : "",
                         b->threads, b->threads_allowed);
    if (good && t->len == 0) good = text_add(t, "not known for this kind of model");
    return good;
}

static bool add_help(struct text_out *t, const char *help) {
    return text_addf(t, "%s%s", t->len ? "; " : "", help);
}

/* Most worth first. */
static bool add_helps(const struct bench *b, struct text_out *t) {
    const bool plain = is(b->info, "weights", "as stored") &&
                       (is(b->info, "dtype", "F32") || is(b->info, "dtype", "BF16") ||
                        is(b->info, "dtype", "F16"));
    const bool arithmetic = has_limit(b, LIMIT_ARITHMETIC), memory = has_limit(b, LIMIT_MEMORY);
    char text[128];
    bool good = true;
    if (is_busy(b)) good = add_help(t, "a machine that has nothing else to do");
    if (good && b->threads != b->threads_allowed) {
        snprintf(text, sizeof(text), "--threads %d", b->threads_allowed);
        good = add_help(t, text);
    }
    if (good && is(b->system, "instruction_set", "ref"))
        good = add_help(t, "another instruction set (KARMA_ISA unset, a processor with AVX2)");
    if (good && arithmetic && plain && is(b->info, "dtype", "BF16") &&
        is(b->system, "instruction_set", "avx512") && b->now.bf16_operations > 0)
        good = add_help(t, "KARMA_ISA=avx512bf16 (rounds activations to bf16)");
    if (good && memory && is(b->info, "dtype", "F32")) good = add_help(t, "a file in bf16");
    if (good && plain && (memory || (arithmetic && b->now.int8_operations > 0)))
        good = add_help(t, "eight bits: --model-args '{\"dtype\": \"int8\"}'"
                           " or a quantised file (answers change a little)");
    if (good && has_limit(b, LIMIT_MEMORY) && b->kind == BENCH_TEXT)
        good = add_help(t, "more questions at once (--batch-size of eval)");
    for (int i = 0; i < b->n_notes && good; i++)
        if (strncmp(b->notes[i], "memory:", 7) == 0) {
            good = add_help(t, "a higher --max-memory");
            break;
        }
    if (good && t->len == 0) good = add_help(t, "nothing that is known here");
    return good;
}

/* --- text ------------------------------------------------------------------------------------- */

static const char *figure(double v, char out[32]) {
    const int digits = v >= 1000 ? 0 : v >= 100 ? 1 : v >= 1 ? 2 : 4;
    snprintf(out, 32, "%.*f", digits, v);
    return out;
}

static void add_row(struct cli_table *t, const char *name, struct summary s, const char *unit,
                    const char *share, const char *what) {
    char number[32];
    table_cell(t, name);
    table_cell(t, figure(s.median, number));
    table_cell(t, figure(s.least, number));
    table_cell(t, figure(s.greatest, number));
    table_cell(t, unit);
    table_cell(t, share);
    table_cell(t, what);
}

static void add_rate(struct cli_table *t, const char *name, const struct bench_rate *r,
                     double scale, const char *unit, const char *what) {
    struct summary s = summarise(r->value, r->n);
    if (s.greatest <= 0) return;
    add_row(t, name, (struct summary){s.median * scale, s.least * scale, s.greatest * scale}, unit,
            NULL, what);
}

static void print_head(const struct bench *b) {
    char parameters[32];
    printf("%s: %s parameters, %s%s\n", karma_model_name(b->model),
           format_count(karma_model_num_parameters(b->model), parameters),
           text_of(b->info, "dtype"), is(b->info, "weights", "int8") ? " made int8" : "");
    printf("%s, %s, %d threads of %d, load %.1f before\n", text_of(b->system, "processor"),
           text_of(b->system, "instruction_set"), b->threads, b->threads_allowed, b->load_before);
    if (b->rounds_done == 1)
        puts("one round\n");
    else
        printf("medians of %d rounds\n\n", b->rounds_done);
}

void bench_print(struct bench *b) {
    static const char *const header[] = {"figure", "median",   "least", "greatest",
                                         "unit",   "of limit", "what"};
    struct cli_table t;
    struct text_out limits = {0}, helps = {0};
    print_head(b);
    table_begin(&t, sizeof(header) / sizeof(header[0]), header);
    for (int i = 0; i < b->n_figures; i++) {
        const struct bench_figure *f = &b->figures[i];
        const struct verdict v = judge(f);
        char share[32] = "";
        if (v.share > 0) snprintf(share, sizeof(share), "%.0f %%", 100 * v.share);
        add_row(&t, f->name, summarise(f->value, f->n), f->unit, share, f->what);
    }
    add_rate(&t, "stream", &b->stream, 1e-9, "GB/s", "memory, read by the same threads");
    add_rate(&t, "peak f32", &b->f32, 1e-9, "GFLOP/s", "multiply-adds in registers");
    add_rate(&t, "peak bf16", &b->bf16, 1e-9, "GFLOP/s", "products of pairs");
    add_rate(&t, "peak int16", &b->int16, 1e-9, "GOP/s", "products of 16 bits");
    add_rate(&t, "peak int8", &b->int8, 1e-9, "GOP/s", "products of eight bits");
    table_print(&t, stdout);
    table_end(&t);
    putchar('\n');
    for (int i = 0; i < b->n_notes; i++)
        printf("note: %s\n", b->notes[i]);
    if (add_limits(b, &limits) && add_helps(b, &helps))
        printf("limited by: %s\nwould help: %s\n", limits.text, helps.text);
    text_free(&limits);
    text_free(&helps);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void set_summary(json_t *to, const double *values, int n) {
    const struct summary s = summarise(values, n);
    json_object_set_new(to, "median", json_real(s.median));
    json_object_set_new(to, "least", json_real(s.least));
    json_object_set_new(to, "greatest", json_real(s.greatest));
}

static void set_rate(json_t *to, const char *key, const struct bench_rate *r) {
    if (summarise(r->value, r->n).greatest <= 0) {
        json_object_set_new(to, key, json_null());
        return;
    }
    json_t *o = json_object();
    set_summary(o, r->value, r->n);
    json_object_set_new(to, key, o);
}

static json_t *share_json(const double *values, int n) {
    const double share = share_of(values, n);
    return share > 0 ? json_real(share) : json_null();
}

static json_t *figure_json(const struct bench_figure *f) {
    const struct verdict v = judge(f);
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(f->name));
    json_object_set_new(o, "unit", json_string(f->unit));
    json_object_set_new(o, "what", json_string(f->what));
    set_summary(o, f->value, f->n);
    json_object_set_new(o, "memory_share", share_json(f->memory, f->n));
    json_object_set_new(o, "arithmetic_share", share_json(f->arithmetic, f->n));
    json_object_set_new(o, "limited_by", json_string(limit_names[v.limit]));
    return o;
}

static json_t *machine_json(const struct bench *b) {
    json_t *o = json_object();
    static const char *const same[] = {"processor", "instruction_set", "memory_mb"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        json_object_set(o, same[i], json_object_get(b->system, same[i]));
    json_object_set_new(o, "threads", json_integer(b->threads));
    json_object_set_new(o, "threads_allowed", json_integer(b->threads_allowed));
    json_object_set_new(o, "load_before", json_real(b->load_before));
    json_object_set_new(o, "others_busy",
                        others_busy(b) < 0 ? json_null() : json_real(others_busy(b)));
    json_object_set_new(o, "processor_share",
                        b->room_s > 0 ? json_real(b->busy_s / b->room_s) : json_null());
    set_rate(o, "stream_bytes", &b->stream);
    set_rate(o, "f32_operations", &b->f32);
    set_rate(o, "bf16_operations", &b->bf16);
    set_rate(o, "int16_operations", &b->int16);
    set_rate(o, "int8_operations", &b->int8);
    json_object_set_new(o, "peak", json_string(b->peak_name));
    return o;
}

static void set_text(json_t *to, const char *key, bool good, const struct text_out *t) {
    json_object_set_new(to, key, good && t->text ? json_string(t->text) : json_null());
}

void bench_print_json(struct bench *b) {
    static const char *const kinds[] = {"text", "embedding", "speech"};
    static const char *const same[] = {"path", "architecture", "dtype", "weights",
                                       "num_parameters"};
    struct text_out limits = {0}, helps = {0};
    json_t *o = json_object(), *figures = json_array(), *notes = json_array();
    json_object_set_new(o, "model", json_string(karma_model_name(b->model)));
    json_object_set_new(o, "kind", json_string(kinds[b->kind]));
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        json_object_set(o, same[i], json_object_get(b->info, same[i]));
    json_object_set(o, "per_token", json_object_get(b->info, "per_token"));
    json_object_set_new(o, "rounds", json_integer(b->rounds_done));
    json_object_set_new(o, "machine", machine_json(b));
    for (int i = 0; i < b->n_figures; i++)
        json_array_append_new(figures, figure_json(&b->figures[i]));
    json_object_set_new(o, "figures", figures);
    for (int i = 0; i < b->n_notes; i++)
        json_array_append_new(notes, json_string(b->notes[i]));
    json_object_set_new(o, "notes", notes);
    set_text(o, "limited_by", add_limits(b, &limits), &limits);
    set_text(o, "would_help", add_helps(b, &helps), &helps);
    print_json(o);
    json_decref(o);
    text_free(&limits);
    text_free(&helps);
}
