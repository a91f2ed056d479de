/* cmd_bench.c - karma bench MODEL: how fast a model is on this machine, and what limits it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/sound_input.h"

static const double MAX_S = 60; /* of all rounds, unless the user said how many */

static const struct {
    karma_status (*warm)(struct bench *b);
    karma_status (*round)(struct bench *b, double load_s);
    const char *figures; /* what --only may name */
} kinds[] = {
    [BENCH_TEXT] = {bench_text_warm, bench_text,
                    "load,start,prefill,first token,decode,decode batch,evaluation,letters,options,"
                    "picture"},
    [BENCH_EMBEDDING] = {bench_embedding_warm, bench_embedding, "load,start,embedding,texts"},
    [BENCH_SPEECH] = {bench_speech_warm, bench_speech, "load,real-time factor,speech"},
};

static karma_status read_object(karma_status st, char *text, json_t **out) {
    if (st < 0) return st;
    *out = json_loads(text, 0, NULL);
    karma_free(text);
    return *out ? KARMA_OK : cli_error(KARMA_E_NOMEM, "out of memory");
}

static karma_status choose_kind(struct bench *b) {
    if (model_hears(b->model)) {
        b->kind = BENCH_SPEECH;
    } else if (karma_model_embedding_dim(b->model, NULL) > 0) {
        b->kind = BENCH_EMBEDDING;
    } else if (karma_model_vocab_size(b->model) > 0) {
        b->kind = BENCH_TEXT;
    } else {
        return cli_error(KARMA_E_UNSUPPORTED,
                         "%.200s: only models that have a checkpoint here are "
                         "measured",
                         karma_model_name(b->model));
    }
    return KARMA_OK;
}

/* An option that the model's kind has no use for. */
static karma_status check_options(const struct bench *b) {
    const char *option = NULL;
    if (b->seconds && b->kind != BENCH_SPEECH) option = "--seconds";
    if (b->generate && b->kind != BENCH_TEXT) option = "--generate";
    if (b->prompt && b->kind == BENCH_SPEECH) option = "--prompt";
    return option ? cli_error(KARMA_E_USAGE, "%s: not with a model of this kind", option)
                  : KARMA_OK;
}

/* Each name of --only is a figure of the model's kind; the last of a text model is of one that
 * sees. */
static karma_status check_only(const struct bench *b) {
    const char *figures = kinds[b->kind].figures;
    if (b->only && bench_listed(b->only, "picture") && !json_object_get(b->info, "vision"))
        return cli_error(KARMA_E_USAGE, "--only picture: not with a model of this kind");
    for (const char *at = b->only; at; at = strchr(at, ',')) {
        if (*at == ',') at++;
        const int n = (int)strcspn(at, ",");
        char name[64];
        if (n < (int)sizeof(name) && snprintf(name, sizeof(name), "%.*s", n, at) > 0 &&
            bench_listed(figures, name))
            continue;
        return cli_error(KARMA_E_USAGE, "--only: expected some of %s, found %.*s", figures,
                         n < 64 ? n : 64, at);
    }
    return KARMA_OK;
}

static double number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

/* The peak of the products that the model's matrices have. */
static const char *peak_name(const struct bench *b) {
    const char *weights = json_string_value(json_object_get(b->info, "weights"));
    const char *dtype = json_string_value(json_object_get(b->info, "dtype"));
    const char *set = json_string_value(json_object_get(b->system, "instruction_set"));
    if (weights && strcmp(weights, "int8") == 0) return "int8";
    if (dtype && (dtype[0] == 'Q' || strncmp(dtype, "IQ", 2) == 0)) return "int16";
    return dtype && strcmp(dtype, "BF16") == 0 && set && strcmp(set, "avx512bf16") == 0 ? "bf16"
                                                                                        : "f32";
}

/* What the first load tells. */
static karma_status look(struct bench *b) {
    char *text = NULL;
    int64_t threads = 0;
    karma_status st = karma_model_info(b->model, &text);
    st = read_object(st, text, &b->info);
    if (st == KARMA_OK) st = choose_kind(b);
    if (st == KARMA_OK) st = check_options(b);
    if (st == KARMA_OK) st = check_only(b);
    if (st < 0) return st;
    const json_t *w = json_object_get(b->info, "per_token");
    b->work = (struct bench_work){
        .parameters = number(w, "parameters"),
        .head_parameters = number(w, "head_parameters"),
        .weight_bytes = number(w, "weight_bytes"),
        .cache_bytes = number(w, "cache_bytes"),
        .attention_operations = number(w, "attention_operations"),
    };
    karma_model_arg_int(b->model, "threads", &threads);
    b->threads = threads > 0 ? (int)threads : b->threads_allowed;
    b->peak_name = peak_name(b);
    return KARMA_OK;
}

/* A prompt with a picture shall be answered by one token, unless the user wants more. */
static karma_status answer_shortly(struct bench *b) {
    bool given = false;
    if (!json_object_get(b->info, "vision")) return KARMA_OK;
    if (b->args && strstr(b->args, "\"max_new_tokens\"")) return KARMA_OK;
    return args_default(&b->args, "max_tokens", json_integer(1), &given);
}

/* Pages and tables are in memory then, as when a model is used again and again. */
static karma_status warm_up(struct bench *b) {
    karma_status st = bench_load(b, NULL);
    b->rounds_done = -1;
    bench_say(b, "warming up");
    if (st == KARMA_OK) st = look(b);
    if (st == KARMA_OK) st = answer_shortly(b);
    if (st == KARMA_OK) st = kinds[b->kind].warm(b);
    b->rounds_done = 0;
    return st;
}

static karma_status run_rounds(struct bench *b) {
    const struct bench_usage before = bench_usage_now();
    karma_status st = KARMA_OK;
    double load_s;
    while (st == KARMA_OK && b->rounds_done < b->rounds) {
        const double so_far = bench_seconds() - before.clock;
        if (b->rounds_done > 0 && !b->rounds_given && so_far + so_far / b->rounds_done > MAX_S) {
            bench_note(b, "%d of %lld rounds, so as to end within a minute (--rounds for more)",
                       b->rounds_done, (long long)b->rounds);
            break;
        }
        st = bench_measure_machine(b);
        bench_say(b, "loading");
        if (st == KARMA_OK) st = bench_load(b, &load_s);
        if (st == KARMA_OK) st = kinds[b->kind].round(b, load_s);
        if (signals_cancelled()) st = KARMA_E_CANCELLED;
        if (st == KARMA_OK) b->rounds_done++;
    }
    const struct bench_usage after = bench_usage_now();
    b->used = (struct bench_usage){.clock = after.clock - before.clock,
                                   .all = after.all - before.all,
                                   .own = after.own - before.own};
    return st;
}

static karma_status run(struct bench *b) {
    char *text = NULL;
    double load = 0;
    karma_status st = karma_system_info(&text);
    st = read_object(st, text, &b->system);
    if (st < 0) return st;
    b->threads_allowed = (int)number(b->system, "threads");
    b->processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(&load, 1) == 1) b->load_before = load;
    signals_install();
    st = warm_up(b);
    if (st == KARMA_OK) st = run_rounds(b);
    bench_say(b, "");
    return st;
}

static karma_status take_int(const char *option, const char *text, int64_t min, int64_t max,
                             int64_t *out) {
    return text ? cli_int(option, text, min, max, out) : KARMA_OK;
}

int cmd_bench(int argc, char **argv) {
    static struct bench b = {.rounds = 3};
    struct model_options mo = {0};
    const char *prompt = NULL, *generate = NULL, *batch = NULL, *rounds = NULL, *seconds = NULL;
    bool as_json = false, offline = false;
    const struct cli_option options[] = {
        {"--prompt", "N", "tokens of a prompt (default 512; of a text to embed: 64)",
         .value = &prompt},
        {"--generate", "N", "tokens decoded (default 32)", .value = &generate},
        {"--batch", "N", "sequences (default 16), texts (64) or recordings (4) at once",
         .value = &batch},
        {"--seconds", "N", "of sound in a recording (default 10)", .value = &seconds},
        {"--only", "NAMES", "figures to measure, with commas between them", .value = &b.only},
        {"--rounds", "N", "default 3, fewer where those take over a minute", .value = &rounds},
        {"--json", NULL, "print figures, machine and limits as JSON", .flag = &as_json,
         .flag_value = true},
        MODEL_USE_OPTIONS(mo, offline),
        {0}};
    const struct cli_command c = {
        "bench",
        "MODEL [options]",
        "Measures how fast a model is on this machine, and what limits it: start, prefill, "
        "decoding "
        "of one\nsequence and of a batch, questions; texts of an embedding model; recordings of a "
        "recogniser. Figures\nstand beside what memory and arithmetic of the machine can do in the "
        "same rounds.",
        options,
        1,
        1};
    const char *positional[2];
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    char *config = NULL;
    b.rounds_given = rounds != NULL;
    b.terminal = isatty(STDERR_FILENO);
    b.name = positional[0];
    b.path = mo.path;
    karma_status st = take_int("--prompt", prompt, 1, 1 << 20, &b.prompt);
    if (st == KARMA_OK) st = take_int("--generate", generate, 2, 1 << 16, &b.generate);
    if (st == KARMA_OK) st = take_int("--batch", batch, 1, 1024, &b.batch);
    if (st == KARMA_OK) st = take_int("--seconds", seconds, 1, 3600, &b.seconds);
    if (st == KARMA_OK) st = take_int("--rounds", rounds, 1, BENCH_MAX_ROUNDS, &b.rounds);
    if (st == KARMA_OK) st = model_options_merge(&mo, &config, &b.args);
    b.config = config;
    if (st == KARMA_OK) st = run(&b);
    if (st == KARMA_OK && as_json)
        bench_print_json(&b);
    else if (st == KARMA_OK)
        bench_print(&b);
    karma_model_destroy(b.model);
    json_decref(b.info);
    json_decref(b.system);
    free(config);
    free(b.args);
    if (signals_cancelled()) return cli_finish_output(false, signals_exit_status());
    return st < 0 ? cli_fail(st) : cli_finish_output(true, 0);
}
