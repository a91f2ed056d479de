/*
 * viewer.c - a plugin with a model that "sees" what is written in its pictures behind the eight
 * bytes of a PNG's signature, so that the way of pictures through an evaluation can be tested
 * without a model. It answers what the last one says; with say_count how many there are.
 */
#define KARMA_BUILDING_PLUGIN
#include <karma/plugin.h>

#include <stdio.h>
#include <string.h>

enum { SIGNATURE_BYTES = 8, MAX_SEEN = 65536 };

static size_t viewed; /* samples so far in this process */

static karma_status load(karma_model *m) {
    (void)m;
    return KARMA_OK;
}

static size_t take_in(const karma_image *im, char *seen) {
    size_t n = 0;
    if (im->path) {
        FILE *f = fopen(im->path, "rb");
        if (!f) return 0;
        n = fread(seen, 1, MAX_SEEN, f);
        fclose(f);
    } else if (im->bytes && im->n_bytes <= MAX_SEEN) {
        n = im->n_bytes;
        memcpy(seen, im->bytes, n);
    }
    return n;
}

static karma_status run(karma_model *m, const karma_run_io *io) {
    static char seen[MAX_SEEN + 1], count[32], why[512];
    const karma_sample *s;
    bool say_count;
    karma_status st = karma_model_arg_bool(m, "say_count", &say_count);
    while (st == KARMA_OK && (st = io->next(io->user, &s)) == KARMA_OK) {
        karma_output o = {.struct_size = sizeof(o), .key = s->key, .text = seen};
        for (size_t i = 0; i < s->n_images && o.status == KARMA_OK; i++) {
            const karma_image *im = &s->images[i];
            const size_t n = take_in(im, seen);
            seen[n] = '\0';
            if (n >= SIGNATURE_BYTES) {
                memmove(seen, seen + SIGNATURE_BYTES, n - SIGNATURE_BYTES + 1);
                continue;
            }
            snprintf(why, sizeof(why), "%s: nothing to see", im->name ? im->name : "image");
            o = (karma_output){.struct_size = sizeof(o),
                               .key = s->key,
                               .status = KARMA_E_TRUNCATED,
                               .error = why,
                               .finish_reason = KARMA_FINISH_ERROR};
        }
        if (s->n_images == 0) seen[0] = '\0';
        if (say_count && o.status == KARMA_OK) {
            snprintf(count, sizeof(count), "%zu", s->n_images);
            o.text = count;
        }
        viewed++;
        st = io->put(io->user, &o);
    }
    return st == KARMA_DONE ? KARMA_OK : st;
}

static const karma_option_spec options[] = {
    {.name = "say_count",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "answer how many pictures there are"},
    {.name = NULL},
};

static const karma_model_class viewer_class = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "Viewer",
    .options = options,
    .load = load,
    .run = run,
};
static const karma_model_meta viewer_meta = {
    .name = "viewer", .loader_class = "Viewer", .model_type = KARMA_MULTIMODAL};

static const karma_model_class *const classes[] = {&viewer_class, NULL};
static const karma_model_meta *const metas[] = {&viewer_meta, NULL};
static const karma_plugin plugin = {
    .abi_version = KARMA_PLUGIN_ABI,
    .struct_size = sizeof(karma_plugin),
    .name = "viewer",
    .classes = classes,
    .metas = metas,
};

const karma_plugin *karma_plugin_entry(uint32_t host_abi) {
    (void)host_abi;
    (void)viewed;
    return &plugin;
}
