/*
 * misbehaving.c - a plugin whose classes each do one thing wrong when they are loaded or run. A
 * sample whose input is "bad" is where those that can do right too do wrong.
 */
#define KARMA_BUILDING_PLUGIN
#include <karma/plugin.h>

#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static karma_status nothing(karma_model *m) {
    (void)m;
    return KARMA_OK;
}

static karma_status put(const karma_run_io *io, const char *key, const char *text) {
    const karma_output o = {.struct_size = sizeof(o), .key = key, .text = text};
    return io->put(io->user, &o);
}

static bool is_bad(const karma_sample *s) {
    return s->input && strcmp(s->input, "bad") == 0;
}

/* What answers one sample; `right` answers with its input. */
typedef karma_status answer_fn(const karma_run_io *io, const karma_sample *s);

static karma_status right(const karma_run_io *io, const karma_sample *s) {
    return put(io, s->key, s->input ? s->input : "");
}

static karma_status each(const karma_run_io *io, answer_fn *bad) {
    const karma_sample *s;
    karma_status st;
    while ((st = io->next(io->user, &s)) == KARMA_OK) {
        if (io->cancelled && io->cancelled(io->user)) return KARMA_E_CANCELLED;
        st = is_bad(s) ? bad(io, s) : right(io, s);
        if (st < 0) return st;
    }
    return st == KARMA_DONE ? KARMA_OK : st;
}

/* ---- outputs ---- */

static karma_status none(const karma_run_io *io, const karma_sample *s) {
    (void)io, (void)s;
    return KARMA_OK;
}

static karma_status one_more(const karma_run_io *io, const karma_sample *s) {
    const karma_status st = right(io, s);
    (void)put(io, "nobody", "an output of my own");
    return st;
}

static karma_status twice(const karma_run_io *io, const karma_sample *s) {
    const karma_status st = right(io, s);
    (void)put(io, s->key, "another answer");
    return st;
}

static karma_status unknown_key(const karma_run_io *io, const karma_sample *s) {
    (void)s;
    (void)put(io, "no/such/key", "whose?");
    return KARMA_OK;
}

static karma_status no_key(const karma_run_io *io, const karma_sample *s) {
    (void)s;
    (void)put(io, NULL, "whose?");
    return KARMA_OK;
}

static karma_status garbage(const karma_run_io *io, const karma_sample *s) {
    (void)put(io, s->key, "caf\xe9 \xff\xfe");
    return KARMA_OK;
}

static karma_status null_text(const karma_run_io *io, const karma_sample *s) {
    (void)put(io, s->key, NULL);
    return KARMA_OK;
}

static karma_status positive_status(const karma_run_io *io, const karma_sample *s) {
    const karma_output o = {
        .struct_size = sizeof(o), .key = s->key, .status = (karma_status)7, .text = "x"};
    (void)io->put(io->user, &o);
    return KARMA_OK;
}

static karma_status wrong_size(const karma_run_io *io, const karma_sample *s) {
    const karma_output o = {.struct_size = 8, .key = s->key, .text = "x"};
    (void)io->put(io->user, &o);
    return KARMA_OK;
}

static karma_status odd_result(const karma_run_io *io, const karma_sample *s) {
    (void)io, (void)s;
    return (karma_status)-77;
}

/* 300 MB: more than goes through a pipe in one message. */
static karma_status huge(const karma_run_io *io, const karma_sample *s) {
    const size_t len = (size_t)300 << 20;
    char *text = malloc(len + 1);
    if (!text) return KARMA_E_NOMEM;
    memset(text, 'x', len);
    text[len] = '\0';
    (void)put(io, s->key, text);
    free(text);
    return KARMA_OK;
}

/* ---- the process ---- */

static karma_status crash(const karma_run_io *io, const karma_sample *s) {
    volatile int *volatile nowhere = NULL;
    (void)io, (void)s;
    *nowhere = 1;
    return KARMA_OK;
}

static karma_status aborts(const karma_run_io *io, const karma_sample *s) {
    (void)io, (void)s;
    abort();
}

static karma_status exits(const karma_run_io *io, const karma_sample *s) {
    (void)io, (void)s;
    exit(0);
}

static karma_status endless(const karma_run_io *io, const karma_sample *s) {
    volatile unsigned n = 0;
    (void)io, (void)s;
    for (;;)
        n++;
    return KARMA_OK;
}

static karma_status prints(const karma_run_io *io, const karma_sample *s) {
    puts("the plugin says hello on standard output");
    fflush(stdout);
    return right(io, s);
}

static karma_status rounds_up(const karma_run_io *io, const karma_sample *s) {
    fesetround(FE_UPWARD);
    return right(io, s);
}

static karma_status disturbs(const karma_run_io *io, const karma_sample *s) {
    setlocale(LC_ALL, "C");
    signal(SIGINT, SIG_DFL);
    setenv("KARMA_ISA", "ref", 1);
    if (chdir("/") != 0) return KARMA_E_IO;
    return right(io, s);
}

/* In a child the channel is 3. In another process that may be anybody's, so it is left alone. */
static bool is_channel(void) {
    char name[64] = "";
    return readlink("/proc/self/fd/3", name, sizeof(name) - 1) > 0 &&
           strncmp(name, "socket", 6) == 0;
}

static karma_status closes_files(const karma_run_io *io, const karma_sample *s) {
    for (int fd = 3; is_channel() && fd < 64; fd++)
        close(fd);
    return right(io, s);
}

static karma_status writes_to_channel(const karma_run_io *io, const karma_sample *s) {
    static const char junk[] = "\x05\x00\x00\x00[1,2,and what not";
    if (is_channel() && write(3, junk, sizeof(junk) - 1) < 0) return KARMA_E_IO;
    return right(io, s);
}

static karma_status claims_much(const karma_run_io *io, const karma_sample *s) {
    static const char junk[] = "\xff\xff\xff\xff";
    if (is_channel() && write(3, junk, sizeof(junk) - 1) < 0) return KARMA_E_IO;
    return right(io, s);
}

/* ---- all of it in another order: that is no fault ---- */

enum { MANY = 64 };

static karma_status reordered_run(karma_model *m, const karma_run_io *io) {
    char keys[MANY][64], texts[MANY][64];
    const karma_sample *s;
    int n = 0;
    (void)m;
    while (n < MANY && io->next(io->user, &s) == KARMA_OK) {
        snprintf(keys[n], sizeof(keys[n]), "%s", s->key);
        snprintf(texts[n++], sizeof(texts[0]), "%s", s->input);
    }
    while (n-- > 0) {
        const karma_status st = put(io, keys[n], texts[n]);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

/* Dies with all it was given, before anything is answered. */
static karma_status swallows_run(karma_model *m, const karma_run_io *io) {
    const karma_sample *s;
    (void)m;
    if (io->next(io->user, &s) == KARMA_OK && io->next(io->user, &s) == KARMA_OK)
        return crash(io, s);
    return KARMA_OK;
}

static karma_status crash_load(karma_model *m) {
    volatile int *volatile nowhere = NULL;
    (void)m;
    *nowhere = 1;
    return KARMA_OK;
}

static karma_status sleepy_load(karma_model *m) {
    (void)m;
    for (;;)
        pause();
    return KARMA_OK;
}

static karma_status crash_preprocess(karma_model *m, const karma_sample *s, karma_prompt *p) {
    (void)m, (void)p;
    return crash(NULL, s);
}

static karma_status empty_preprocess(karma_model *m, const karma_sample *s, karma_prompt *p) {
    (void)m, (void)s, (void)p;
    return KARMA_OK;
}

static karma_status borrowed_postprocess(karma_model *m, karma_output *o) {
    static char mine[] = "text of my own";
    (void)m;
    o->text = mine;
    return KARMA_OK;
}

/* ---- vectors, which are right ---- */

static karma_status vectors_embed(karma_model *m, const char *const *texts, size_t n,
                                  const karma_embed_options *o, float *out) {
    (void)m;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(texts[i], "bad") == 0) return crash(NULL, NULL);
        out[3 * i] = (float)strlen(texts[i]);
        out[3 * i + 1] = o->normalize < 0 ? 0.1f : (float)o->normalize;
        out[3 * i + 2] = o->prompt ? -1e-40f : 1.0f / 3.0f;
    }
    return KARMA_OK;
}

static int64_t vectors_dim(const karma_model *m, const karma_embed_options *o) {
    (void)m;
    return o->truncate_dim > 3 ? 0 : 3;
}

/* ---- the classes ---- */

static const karma_option_spec options[] = {
    /* Without a default it has no value until it is given one. */
    {.name = "level", .type = KARMA_OPTION_INT, .help = "of nothing"},
    {.name = NULL},
};

#define RUN(fn)                                                                                    \
    static karma_status fn##_run(karma_model *m, const karma_run_io *io) {                         \
        (void)m;                                                                                   \
        return each(io, fn);                                                                       \
    }
#define CLASS(id, class_name, ...)                                                                 \
    static const karma_model_class id##_class = {.abi_version = KARMA_CLASS_ABI,                   \
                                                 .struct_size = sizeof(karma_model_class),         \
                                                 .name = class_name,                               \
                                                 .options = options,                               \
                                                 __VA_ARGS__};
#define RUNS(id, class_name) RUN(id) CLASS(id, class_name, .load = nothing, .run = id##_run)

RUNS(right, "Right")
RUNS(none, "Fewer")
RUNS(one_more, "More")
RUNS(twice, "Twice")
RUNS(unknown_key, "UnknownKey")
RUNS(no_key, "NoKey")
RUNS(garbage, "Garbage")
RUNS(null_text, "NullText")
RUNS(positive_status, "PositiveStatus")
RUNS(wrong_size, "WrongSize")
RUNS(odd_result, "OddResult")
RUNS(huge, "Huge")
RUNS(crash, "Crash")
RUNS(aborts, "Aborts")
RUNS(exits, "Exits")
RUNS(endless, "Endless")
RUNS(prints, "Prints")
RUNS(rounds_up, "RoundsUp")
RUNS(disturbs, "Disturbs")
RUNS(closes_files, "ClosesFiles")
RUNS(writes_to_channel, "WritesToChannel")
RUNS(claims_much, "ClaimsMuch")
CLASS(reordered, "Reordered", .load = nothing, .run = reordered_run)
CLASS(swallows, "Swallows", .load = nothing, .run = swallows_run)
CLASS(crash_load, "CrashLoad", .load = crash_load, .run = right_run)
CLASS(sleepy_load, "SleepyLoad", .load = sleepy_load, .run = right_run)
CLASS(crash_preprocess, "CrashPreprocess", .preprocess = crash_preprocess)
CLASS(empty_preprocess, "EmptyPreprocess", .preprocess = empty_preprocess)
CLASS(borrowed_postprocess, "BorrowedPostprocess", .postprocess = borrowed_postprocess)
CLASS(vectors, "Vectors", .load = nothing, .embed = vectors_embed, .embedding_dim = vectors_dim)
/* Its base is one of karma's, which the entry looks up. */
static karma_model_class embedding_class = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "PluginEmbedding",
};
/* What a plugin's class is the base of counts as the plugin's. */
CLASS(derived, "Derived", .base = &crash_class)

static const karma_model_class *const classes[] = {
    &right_class,
    &none_class,
    &one_more_class,
    &twice_class,
    &unknown_key_class,
    &no_key_class,
    &garbage_class,
    &null_text_class,
    &positive_status_class,
    &wrong_size_class,
    &odd_result_class,
    &huge_class,
    &crash_class,
    &aborts_class,
    &exits_class,
    &endless_class,
    &prints_class,
    &rounds_up_class,
    &disturbs_class,
    &closes_files_class,
    &writes_to_channel_class,
    &claims_much_class,
    &reordered_class,
    &swallows_class,
    &crash_load_class,
    &sleepy_load_class,
    &crash_preprocess_class,
    &empty_preprocess_class,
    &borrowed_postprocess_class,
    &derived_class,
    &vectors_class,
    &embedding_class,
    NULL,
};

#define META(id, class_name)                                                                       \
    static const karma_model_meta id##_meta = {.name = "bad/" class_name,                          \
                                               .loader_class = class_name,                         \
                                               .model_type = KARMA_TEXT_GENERATION};
META(right, "Right")
META(none, "Fewer")
META(one_more, "More")
META(twice, "Twice")
META(unknown_key, "UnknownKey")
META(no_key, "NoKey")
META(garbage, "Garbage")
META(null_text, "NullText")
META(positive_status, "PositiveStatus")
META(wrong_size, "WrongSize")
META(odd_result, "OddResult")
META(huge, "Huge")
META(crash, "Crash")
META(aborts, "Aborts")
META(exits, "Exits")
META(endless, "Endless")
META(prints, "Prints")
META(rounds_up, "RoundsUp")
META(disturbs, "Disturbs")
META(closes_files, "ClosesFiles")
META(writes_to_channel, "WritesToChannel")
META(claims_much, "ClaimsMuch")
META(reordered, "Reordered")
META(swallows, "Swallows")
META(crash_load, "CrashLoad")
META(sleepy_load, "SleepyLoad")
META(crash_preprocess, "CrashPreprocess")
META(empty_preprocess, "EmptyPreprocess")
META(borrowed_postprocess, "BorrowedPostprocess")
META(derived, "Derived")
META(vectors, "Vectors")
META(embedding, "PluginEmbedding")

static const karma_model_meta *const metas[] = {
    &right_meta,
    &none_meta,
    &one_more_meta,
    &twice_meta,
    &unknown_key_meta,
    &no_key_meta,
    &garbage_meta,
    &null_text_meta,
    &positive_status_meta,
    &wrong_size_meta,
    &odd_result_meta,
    &huge_meta,
    &crash_meta,
    &aborts_meta,
    &exits_meta,
    &endless_meta,
    &prints_meta,
    &rounds_up_meta,
    &disturbs_meta,
    &closes_files_meta,
    &writes_to_channel_meta,
    &claims_much_meta,
    &reordered_meta,
    &swallows_meta,
    &crash_load_meta,
    &sleepy_load_meta,
    &crash_preprocess_meta,
    &empty_preprocess_meta,
    &borrowed_postprocess_meta,
    &derived_meta,
    &vectors_meta,
    &embedding_meta,
    NULL,
};

static const karma_plugin plugin = {
    .abi_version = KARMA_PLUGIN_ABI,
    .struct_size = sizeof(karma_plugin),
    .name = "misbehaving",
    .classes = classes,
    .metas = metas,
};

const karma_plugin *karma_plugin_entry(uint32_t host_abi) {
    (void)host_abi;
    if (karma_find_model_class("EmbeddingModel", &embedding_class.base) < 0) return NULL;
    return &plugin;
}
