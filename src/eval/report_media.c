/*
 * report_media.c - pictures and recordings of samples, as parts of the page. The log has only their
 * names and digests: the data set is opened once more, as the manifest says it was, and what it has
 * must be what the run had. Whatever is not shown is named with the reason.
 */
#include <string.h>

#include "base/base64.h"
#include "eval/report_html.h"
#include "karma/dataset.h"

enum { MAX_ONE_BYTES = 4 << 20, MAX_ALL_BYTES = 64 << 20 };

/* The data set that is open, and why one is not. */
struct report_media {
    karma_dataset *data; /* NULL: see why */
    const struct report_run *run;
    char *name, *why;
};

static void close_data(struct report_media *m) {
    karma_dataset_close(m->data);
    mem_free(m->name);
    mem_free(m->why);
    *m = (struct report_media){0};
}

void report_media_release(struct report *r) {
    if (!r->media) return;
    close_data(r->media);
    mem_free(r->media);
    r->media = NULL;
}

/* --- the data --------------------------------------------------------------------------------- */

/* The arguments of the run, merged. A set that is a file itself has its path from its name, and
 * none may be said. */
static karma_status args_text(struct arena *a, const struct json *made, const char *name,
                              struct buf *out) {
    const struct json *args = json_get(made, "args");
    struct json *kept = json_new_object(a);
    karma_status st = kept ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < json_count(args) && st == KARMA_OK; i++) {
        const struct json_member *m = &args->u.object.members[i];
        const bool own = strcmp(m->key, "path") == 0 && strcmp(json_str(m->value, ""), name) == 0;
        if (!own && !json_is_null(m->value)) st = json_set(a, kept, m->key, m->value);
    }
    return st == KARMA_OK ? json_write(out, kept, 0, JSON_COMPACT) : st;
}

static karma_status open_data(const struct report_run *run, const char *name, karma_dataset **out) {
    const struct json *made = json_get(json_get(run->manifest, "datasets"), name);
    const struct json *rotations = json_get(json_get(run->manifest, "options"), "rotations");
    struct arena a = {0};
    struct buf args = {0};
    *out = NULL;
    karma_status st = args_text(&a, made, name, &args);
    if (st == KARMA_OK) st = karma_dataset_open(name, buf_str(&args), out);
    buf_release(&args);
    arena_release(&a);
    if (st == KARMA_OK &&
        strcmp(karma_dataset_digest(*out), json_str(json_get(made, "digest"), "")) != 0)
        st = status_fail(KARMA_E_DIGEST, "the data are no longer those of the run");
    if (st == KARMA_OK && rotations && rotations->type == JSON_BOOL && rotations->u.boolean)
        st = karma_dataset_rotate(*out);
    if (st < 0) {
        karma_dataset_close(*out);
        *out = NULL;
    }
    return st;
}

/* Of the line's data set; NULL: it cannot be had, the media's `why` says why. */
static karma_status find_data(struct report *r, const struct report_run *run, const char *name) {
    if (!r->media && !(r->media = mem_calloc(1, sizeof(*r->media)))) return KARMA_E_NOMEM;
    struct report_media *m = r->media;
    if (m->name && m->run == run && strcmp(m->name, name) == 0) return KARMA_OK;
    close_data(m);
    m->run = run;
    if (!(m->name = mem_strdup(name))) return KARMA_E_NOMEM;
    const karma_status st = open_data(run, name, &m->data);
    if (st == KARMA_OK) return KARMA_OK;
    if (st == KARMA_E_NOMEM || !(m->why = mem_strdup(karma_error_message()))) return KARMA_E_NOMEM;
    return KARMA_OK;
}

/* --- one -------------------------------------------------------------------------------------- */

struct medium {
    const char *name, *path;
    const void *bytes;
    size_t n_bytes;
    bool is_sound;
};

static void begin_figure(struct html *h) {
    html_raw(h, "<figure>");
}

static void end_figure(struct html *h, const char *name) {
    html_element(h, "figcaption", name);
    html_raw(h, "</figure>");
}

static void left_out(struct report *r, const struct medium *m, const char *why) {
    struct html *h = &r->h;
    r->summary->n_media_left_out++;
    begin_figure(h);
    html_element(h, "em", why);
    end_figure(h, m->name);
}

static void add_bytes(struct report *r, const struct medium *m, const unsigned char *p, size_t n) {
    struct html *h = &r->h;
    const char *type = m->is_sound ? html_audio_type(p, n) : html_image_type(p, n);
    if (!type) {
        left_out(r, m, "left out: a kind that browsers do not show");
    } else if (n > MAX_ONE_BYTES) {
        left_out(r, m, "left out: larger than 4 MiB");
    } else if (n > MAX_ALL_BYTES - r->media_bytes) {
        left_out(r, m, "left out: the page holds 64 MiB of media already");
    } else {
        r->media_bytes += n;
        r->summary->n_media++;
        begin_figure(h);
        html_printf(h, "<%s src=\"data:%s;base64,", m->is_sound ? "audio controls" : "img", type);
        if (!html_failed(h)) html_fail(h, base64_encode(&h->text, p, n));
        html_raw(h, "\"");
        html_raw(h, m->is_sound ? " aria-label=\"" : " alt=\"");
        html_text(h, m->name);
        html_raw(h, m->is_sound ? "\"></audio>" : "\">");
        end_figure(h, m->name);
    }
}

/* Karma wrote the digest when it opened the data, a moment ago; files of the run had the same. */
static void add_medium(struct report *r, const struct medium *m) {
    struct file_map map = {0};
    if (m->bytes) {
        add_bytes(r, m, m->bytes, m->n_bytes);
        return;
    }
    if (!m->path || !file_exists(m->path)) {
        left_out(r, m, "left out: not there");
        return;
    }
    const karma_status st = file_map_open(m->path, &map);
    if (st < 0)
        html_fail(&r->h, st);
    else
        add_bytes(r, m, map.data, map.size);
    file_map_close(&map);
}

static void add_images(struct report *r, const karma_image *images, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const karma_image *im = &images[i];
        const char *name = im->name ? im->name : im->path ? im->path : "picture";
        const struct medium m = {
            .name = name, .path = im->path, .bytes = im->bytes, .n_bytes = im->n_bytes};
        add_medium(r, &m);
    }
}

static void add_sound(struct report *r, const karma_audio *audio) {
    if (!audio) return;
    const char *name = audio->name ? audio->name : audio->path ? audio->path : "recording";
    const struct medium m = {.name = name,
                             .path = audio->path,
                             .bytes = audio->bytes,
                             .n_bytes = audio->n_bytes,
                             .is_sound = true};
    add_medium(r, &m);
}

/* --- of a sample ------------------------------------------------------------------------------ */

/* Names and digests, as the log has them. */
static size_t add_names(struct html *h, const char *what, const struct json *media) {
    const size_t n = json_is_array(media) ? json_count(media) : media ? 1 : 0;
    for (size_t i = 0; h && i < n; i++) {
        const struct json *one = json_is_array(media) ? json_at(media, i) : media;
        html_element(h, "dt", what);
        html_raw(h, "<dd>");
        html_text(h, json_str(json_get(one, "name"), "without a name"));
        if (json_get(one, "sha256")) {
            html_raw(h, ", SHA-256 <code>");
            html_text(h, json_str(json_get(one, "sha256"), ""));
            html_raw(h, "</code>");
        }
        html_raw(h, "</dd>");
    }
    return n;
}

static size_t add_all_names(struct html *h, const struct run_line *line) {
    const struct json *turns = json_get(line->object, "conversation");
    size_t n = add_names(h, "Picture", json_get(line->object, "images"));
    n += add_names(h, "Recording", json_get(line->object, "audio"));
    for (size_t i = 0; i < json_count(turns); i++)
        n += add_names(h, "Picture", json_get(json_at(turns, i), "images"));
    return n;
}

static void add_inline(struct report *r, struct report_run *run, const struct run_line *line,
                       size_t n) {
    struct html *h = &r->h;
    const karma_sample *sample = NULL;
    karma_status st = find_data(r, run, line->dataset);
    if (st < 0) {
        html_fail(h, st);
        return;
    }
    const struct report_media *m = r->media;
    if (m->data) st = karma_dataset_get(m->data, line->index, &sample);
    const bool same = m->data && st == KARMA_OK && strcmp(sample->key, line->key) == 0;
    html_raw(h, "<dt>Pictures and recordings</dt><dd class=\"media\">");
    if (!same) {
        r->summary->n_media_left_out += n;
        html_raw(h, "<em>left out: ");
        html_text(h, m->why   ? m->why
                     : st < 0 ? karma_error_message()
                              : "the data have another sample there");
        html_raw(h, "</em>");
    }
    for (size_t i = 0; same && i < sample->n_messages; i++)
        add_images(r, sample->conversation[i].images, sample->conversation[i].n_images);
    if (same) add_images(r, sample->images, sample->n_images);
    if (same) add_sound(r, sample->audio);
    html_raw(h, "</dd>");
}

void report_media(struct report *r, struct report_run *run, const struct run_line *line) {
    const size_t n = add_all_names(NULL, line);
    if (n == 0) return;
    if (r->options->inline_media) add_inline(r, run, line, n);
    add_all_names(&r->h, line);
}
