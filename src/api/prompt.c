/*
 * prompt.c - what a class's preprocess() fills and what its postprocess() may change.
 */
#include <string.h>
#include <threads.h>

#include "api/api.h"
#include "base/utf8.h"
#include "media/image.h"

void prompt_reset(struct karma_prompt *p) {
    arena_reset(&p->arena);
    p->messages = NULL;
    p->count = p->cap = 0;
    p->raw = NULL;
    p->raw_images = NULL;
    p->n_raw_images = 0;
}

void prompt_release(struct karma_prompt *p) {
    arena_release(&p->arena);
    memset(p, 0, sizeof(*p));
}

static karma_status copy_text(struct karma_prompt *p, const char *what, const char *text,
                              const char **out) {
    if (!text) return status_fail(KARMA_E_MISSING, "a message without %s", what);
    size_t bad;
    if (!utf8_valid(text, strlen(text), &bad))
        return status_fail(KARMA_E_ENCODING, "a message's %s is not valid UTF-8 at byte %zu", what,
                           bad);
    *out = arena_strdup(&p->arena, text);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

/* ---- images ---- */

static karma_status copy_bytes(struct arena *a, const void *bytes, size_t n, const void **out) {
    *out = n ? arena_dup(a, bytes, n) : "";
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status copy_line(struct arena *a, const char *text, const char **out) {
    *out = text ? arena_strdup(a, text) : NULL;
    return text && !*out ? KARMA_E_NOMEM : KARMA_OK;
}

/* [height, width, channels], with its size. */
static karma_status copy_pixels(struct arena *a, const karma_image *in, karma_image *out) {
    const void *pixels = NULL;
    if (in->width < 1 || in->height < 1 || in->width > IMAGE_MAX_SIDE ||
        in->height > IMAGE_MAX_SIDE || (in->channels != 1 && in->channels != 3))
        return status_fail(KARMA_E_RANGE,
                           "an image of %d x %d pixels with %d channels: expected sides of 1 to %d "
                           "and 1 or 3 channels",
                           in->width, in->height, in->channels, IMAGE_MAX_SIDE);
    const size_t n = (size_t)in->width * (size_t)in->height * (size_t)in->channels;
    karma_status st = copy_bytes(a, in->pixels, n, &pixels);
    out->pixels = pixels;
    return st;
}

static karma_status copy_image(struct arena *a, const karma_image *in, karma_image *out) {
    *out = *in;
    out->bytes = NULL;
    out->pixels = NULL;
    if (!in->path && !in->bytes && !in->pixels)
        return status_fail(KARMA_E_MISSING, "an image without path, bytes and pixels");
    karma_status st = copy_line(a, in->path, &out->path);
    if (st == KARMA_OK) st = copy_line(a, in->name, &out->name);
    if (st == KARMA_OK) st = copy_line(a, in->digest, &out->digest);
    if (st < 0 || in->path) return st;
    return in->bytes ? copy_bytes(a, in->bytes, in->n_bytes, &out->bytes) : copy_pixels(a, in, out);
}

/* Append a copy to a list that is full whenever its length is a power of two. */
static karma_status append_image(struct arena *a, const karma_image *image, karma_image **list,
                                 size_t *n) {
    if ((*n & (*n - 1)) == 0 || *n == 0) {
        karma_image *more = arena_calloc(a, *n ? *n * 2 : 1, sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        if (*n) memcpy(more, *list, *n * sizeof(*more));
        *list = more;
    }
    karma_status st = copy_image(a, image, &(*list)[*n]);
    if (st == KARMA_OK) ++*n;
    return st;
}

karma_status karma_prompt_add_image(karma_prompt *p, size_t i, const karma_image *image) {
    if (!image) return status_fail(KARMA_E_USAGE, "no image given");
    if (p->raw && i == 0) return append_image(&p->arena, image, &p->raw_images, &p->n_raw_images);
    if (i >= p->count) return status_fail(KARMA_E_RANGE, "message %zu of %zu", i, p->count);
    karma_message *m = &p->messages[i];
    karma_image *list = (karma_image *)m->images; /* ours: see karma_prompt_add() */
    karma_status st = append_image(&p->arena, image, &list, &m->n_images);
    m->images = list;
    return st;
}

/* ---- messages ---- */

karma_status karma_prompt_add(karma_prompt *p, const char *role, const char *content) {
    if (p->count == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 4;
        karma_message *more = arena_calloc(&p->arena, cap, sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        if (p->count) memcpy(more, p->messages, p->count * sizeof(*more));
        p->messages = more;
        p->cap = cap;
    }
    karma_message *m = &p->messages[p->count];
    *m = (karma_message){0};
    karma_status st = copy_text(p, "role", role, &m->role);
    if (st == KARMA_OK) st = copy_text(p, "content", content, &m->content);
    if (st == KARMA_OK) p->count++;
    return st;
}

karma_status karma_prompt_add_message(karma_prompt *p, const karma_message *m) {
    if (!m) return status_fail(KARMA_E_USAGE, "no message given");
    if (m->n_images > 0 && !m->images)
        return status_fail(KARMA_E_MISSING, "a message with %zu images, and none are there",
                           m->n_images);
    karma_status st = karma_prompt_add(p, m->role, m->content);
    if (st < 0) return st;
    p->messages[p->count - 1].images_first = m->images_first;
    for (size_t i = 0; st == KARMA_OK && i < m->n_images; i++)
        st = karma_prompt_add_image(p, p->count - 1, &m->images[i]);
    if (st < 0) p->count--;
    return st;
}

size_t karma_prompt_count(const karma_prompt *p) {
    return p->count;
}

const karma_message *karma_prompt_get(const karma_prompt *p, size_t i) {
    return i < p->count ? &p->messages[i] : NULL;
}

karma_status karma_prompt_set(karma_prompt *p, size_t i, const char *content) {
    if (i >= p->count) return status_fail(KARMA_E_RANGE, "message %zu of %zu", i, p->count);
    return copy_text(p, "content", content, &p->messages[i].content);
}

karma_status karma_prompt_raw(karma_prompt *p, const char *text) {
    return copy_text(p, "text", text, &p->raw);
}

const char *karma_finish_reason_name(karma_finish_reason r) {
    switch (r) {
    case KARMA_FINISH_STOP:
        return "stop";
    case KARMA_FINISH_LENGTH:
        return "length";
    case KARMA_FINISH_CANCELLED:
        return "cancelled";
    case KARMA_FINISH_ERROR:
        return "error";
    }
    return "unknown";
}

static _Thread_local struct output_box *current_box;

struct output_box *output_box_enter(struct output_box *box) {
    struct output_box *before = current_box;
    current_box = box;
    return before;
}

struct output_box *output_box_of(karma_output *o) {
    return current_box && o == &current_box->out ? current_box : NULL;
}

static karma_status keep(karma_output *o, const char *text, size_t len, struct output_box **box,
                         const char **out) {
    *box = output_box_of(o);
    if (!*box)
        return status_fail(KARMA_E_USAGE, "this output is not one that postprocess() was given");
    if (!text && len > 0) return status_fail(KARMA_E_USAGE, "an output's text is NULL");
    *out = arena_strndup(&(*box)->arena, text ? text : "", len);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status karma_output_set_text(karma_output *o, const char *text, size_t len) {
    struct output_box *box = NULL;
    const char *copy = NULL;
    karma_status st = keep(o, text, len, &box, &copy);
    if (st == KARMA_OK) o->text = box->text_set = copy;
    return st;
}

karma_status karma_output_set_thinking(karma_output *o, const char *text, size_t len) {
    struct output_box *box = NULL;
    const char *copy = NULL;
    karma_status st = keep(o, text, len, &box, &copy);
    if (st == KARMA_OK) o->thinking = box->thinking_set = copy;
    return st;
}
