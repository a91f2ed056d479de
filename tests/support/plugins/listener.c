/*
 * listener.c - a plugin with a model that "hears" what is written in a WAV file behind its header
 * of 44 bytes, so that the way of sound through an evaluation can be tested without a model. With
 * say_language it answers the sample's other arguments instead.
 */
#define KARMA_BUILDING_PLUGIN
#include <karma/plugin.h>

#include <stdio.h>
#include <string.h>

enum { HEADER_BYTES = 44, MAX_HEARD = 65536 };

static size_t listened; /* samples so far in this process */

static karma_status load(karma_model *m) {
    (void)m;
    return KARMA_OK;
}

static size_t take_in(const karma_audio *a, char *heard) {
    size_t n = 0;
    if (a->path) {
        FILE *f = fopen(a->path, "rb");
        if (!f) return 0;
        n = fread(heard, 1, MAX_HEARD, f);
        fclose(f);
    } else if (a->bytes && a->n_bytes <= MAX_HEARD) {
        n = a->n_bytes;
        memcpy(heard, a->bytes, n);
    }
    return n;
}

static karma_status run(karma_model *m, const karma_run_io *io) {
    static char heard[MAX_HEARD + 1];
    const karma_sample *s;
    bool say_language;
    karma_status st = karma_model_arg_bool(m, "say_language", &say_language);
    while (st == KARMA_OK && (st = io->next(io->user, &s)) == KARMA_OK) {
        karma_output o = {.struct_size = sizeof(o), .key = s->key};
        const size_t n = s->audio ? take_in(s->audio, heard) : 0;
        heard[n] = '\0';
        o.text = n < HEADER_BYTES ? NULL : say_language ? s->other_args_json : heard + HEADER_BYTES;
        if (!o.text) {
            o.status = KARMA_E_TRUNCATED;
            o.error = "there is nothing to hear";
            o.finish_reason = KARMA_FINISH_ERROR;
        }
        listened++;
        st = io->put(io->user, &o);
    }
    return st == KARMA_DONE ? KARMA_OK : st;
}

static const karma_option_spec options[] = {
    {.name = "say_language",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "answer the other arguments of the sample"},
    {.name = NULL},
};

static const karma_model_class listener_class = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "Listener",
    .options = options,
    .load = load,
    .run = run,
};
static const karma_model_meta listener_meta = {
    .name = "listener", .loader_class = "Listener", .model_type = KARMA_AUDIO_RECOGNITION};

static const karma_model_class *const classes[] = {&listener_class, NULL};
static const karma_model_meta *const metas[] = {&listener_meta, NULL};
static const karma_plugin plugin = {
    .abi_version = KARMA_PLUGIN_ABI,
    .struct_size = sizeof(karma_plugin),
    .name = "listener",
    .classes = classes,
    .metas = metas,
};

const karma_plugin *karma_plugin_entry(uint32_t host_abi) {
    (void)host_abi;
    (void)listened;
    return &plugin;
}
