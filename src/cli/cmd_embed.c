/* cmd_embed.c - karma embed MODEL [FILE | -]: the vectors of texts, one a line. */
#include <stdlib.h>
#include <string.h>

#include "cli/text_input.h"
#include "cli/vector_output.h"

/* Texts go to the model so many at once, or so many bytes: what a batch holds is bounded. */
enum { BATCH_TEXTS = 256, BATCH_BYTES = 8 << 20 };

struct embed {
    karma_model *model;
    karma_embed_options options;
    struct text_input in;
    struct vector_output out;
    char *texts[BATCH_TEXTS];
    json_t *ids[BATCH_TEXTS]; /* NULL where a row has none */
    size_t n, bytes, n_cut, n_all;
    float *vectors; /* [BATCH_TEXTS, dim] */
};

static bool cancelled(void *user) {
    const struct embed *e = user;
    return signals_cancelled() || ferror(e->out.file); /* nobody reads on */
}

static void clear_batch(struct embed *e) {
    for (size_t i = 0; i < e->n; i++) {
        free(e->texts[i]);
        json_decref(e->ids[i]);
    }
    e->n = e->bytes = 0;
}

static karma_status flush_batch(struct embed *e) {
    size_t n_cut = 0;
    if (e->n == 0) return KARMA_OK;
    karma_status st = karma_model_embed(e->model, (const char *const *)e->texts, e->n, &e->options,
                                        e->vectors, &n_cut);
    for (size_t i = 0; i < e->n && st == KARMA_OK; i++)
        st = vector_output_add(&e->out, e->ids[i], e->vectors + i * (size_t)e->out.dim);
    e->n_cut += n_cut;
    e->n_all += e->n;
    clear_batch(e);
    return st;
}

static karma_status take_text(struct embed *e, const char *text, const json_t *id) {
    e->texts[e->n] = strdup(text);
    e->ids[e->n] = id ? json_deep_copy(id) : NULL;
    const bool whole = e->texts[e->n] && (!id || e->ids[e->n]);
    e->n++;
    e->bytes += strlen(text);
    if (!whole) return cli_error(KARMA_E_NOMEM, "out of memory");
    return e->n == BATCH_TEXTS || e->bytes >= BATCH_BYTES ? flush_batch(e) : KARMA_OK;
}

static karma_status embed_lines(struct embed *e) {
    for (;;) {
        const char *text;
        const json_t *id;
        if (cancelled(e)) return KARMA_E_CANCELLED;
        karma_status st = text_input_next(&e->in, &text, &id);
        if (st == KARMA_DONE) return flush_batch(e);
        if (st == KARMA_OK) st = take_text(e, text, id);
        if (st < 0) return st;
    }
}

static karma_status embed_all(struct embed *e, const char *output, enum vector_format format) {
    karma_status st = karma_model_load(e->model);
    if (st < 0) return st;
    const int64_t dim = karma_model_embedding_dim(e->model, &e->options);
    const int64_t all = karma_model_embedding_dim(e->model, NULL);
    if (dim == 0 && all > 0) {
        return cli_error(KARMA_E_USAGE, "--truncate-dim: the model's vectors have %lld components",
                         (long long)all);
    }
    if (dim == 0) {
        return cli_error(KARMA_E_USAGE, "%.200s makes no vectors: it is no embedding model",
                         karma_model_name(e->model));
    }
    e->vectors = malloc((size_t)dim * BATCH_TEXTS * sizeof(*e->vectors));
    if (!e->vectors) return cli_error(KARMA_E_NOMEM, "out of memory");
    st = vector_output_begin(output, format, dim, &e->out);
    if (st == KARMA_OK) st = embed_lines(e);
    if (st == KARMA_OK) st = vector_output_end(&e->out);
    return st;
}

/* Create the model, embed, give everything back. */
static karma_status run(struct embed *e, const char *name, const struct model_options *mo,
                        const char *output, enum vector_format format) {
    char *config = NULL, *args = NULL;
    karma_status st = model_options_merge(mo, &config, &args);
    if (st == KARMA_OK) st = karma_model_create_with(name, mo->path, config, args, &e->model);
    if (st == KARMA_OK) {
        signals_install();
        e->out.file = stdout;
        st = embed_all(e, output, format);
    }
    vector_output_abandon(&e->out);
    clear_batch(e);
    free(e->vectors);
    karma_model_destroy(e->model);
    free(config);
    free(args);
    return st;
}

static karma_status choose_output(const char *name, const char *output, enum vector_format *out) {
    static const char *const formats[] = {"jsonl", "npy", NULL};
    int format = 0;
    karma_status st = name ? cli_choice("--format", name, formats, &format) : KARMA_OK;
    *out = format == 1 ? VECTORS_NPY : VECTORS_JSONL;
    if (st == KARMA_OK && format == 1 && !output) {
        st = cli_error(KARMA_E_USAGE, "--format npy needs --output FILE");
    }
    return st;
}

int cmd_embed(int argc, char **argv) {
    struct embed e = {.options = karma_embed_defaults()};
    struct model_options mo = {.special_tokens = "compat"};
    const char *field = NULL, *format_name = NULL, *output = NULL, *truncate = NULL;
    bool jsonl = false, normalize = false, keep = false, offline = false;
    const struct cli_option options[] = {
        {"--output", "FILE", "default: standard output", .value = &output},
        {"--format", "NAME", "jsonl (default) or npy: float32, a row a text; needs --output",
         .value = &format_name},
        {"--jsonl", NULL, "lines are JSON objects; \"id\" is kept", .flag = &jsonl,
         .flag_value = true},
        {"--field", "NAME", "with --jsonl: where the text is (default: text)", .value = &field},
        {"--prompt", "TEXT", "put before every text", .value = &e.options.prompt},
        {"--prompt-name", "NAME", "the model's prompt of that name (query, document, ...)",
         .value = &e.options.prompt_name},
        {"--normalize", NULL, "vectors of unit length", .flag = &normalize, .flag_value = true},
        {"--no-normalize", NULL, "not even where the model says so", .flag = &keep,
         .flag_value = true},
        {"--truncate-dim", "N", "leading components alone", .value = &truncate},
        MODEL_USE_OPTIONS(mo, offline),
        {0}};
    const struct cli_command c = {"embed",
                                  "MODEL [FILE | -] [options]",
                                  "Writes the vectors of texts, one a line. MODEL is a name or a "
                                  "path.",
                                  options,
                                  1,
                                  2};
    const char *positional[3];
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    enum vector_format format;
    int64_t dim = 0;
    karma_status st = choose_output(format_name, output, &format);
    if (st == KARMA_OK && truncate) st = cli_int("--truncate-dim", truncate, 1, 1 << 20, &dim);
    if (st == KARMA_OK && normalize && keep) {
        st = cli_error(KARMA_E_USAGE, "--normalize and --no-normalize exclude each other");
    }
    if (st == KARMA_OK && field && !jsonl) st = cli_error(KARMA_E_USAGE, "--field needs --jsonl");
    if (st == KARMA_OK && e.options.prompt && e.options.prompt_name) {
        st = cli_error(KARMA_E_USAGE, "--prompt and --prompt-name exclude each other");
    }
    e.options.truncate_dim = (int32_t)dim;
    if (normalize || keep) e.options.normalize = normalize;
    e.options.cancelled = cancelled;
    e.options.user = &e;
    if (st == KARMA_OK) {
        st = text_input_open(positional[1], jsonl ? (field ? field : "text") : NULL, &e.in);
    }
    if (st == KARMA_OK) st = run(&e, positional[0], &mo, output, format);
    text_input_close(&e.in);
    if (signals_cancelled()) return cli_finish_output(false, signals_exit_status());
    if (ferror(stdout)) return cli_finish_output(false, 0); /* a reader may leave early */
    if (st < 0) return cli_fail(st);
    if (e.n_cut) {
        fprintf(stderr, "karma: note: %zu of %zu texts are longer than the model reads: cut\n",
                e.n_cut, e.n_all);
    }
    return cli_finish_output(false, 0);
}
