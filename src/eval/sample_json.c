/* sample_json.c - see sample_json.h. */
#include "eval/sample_json.h"

#include <string.h>

static karma_status set_text(struct arena *a, struct json *to, const char *name, const char *text) {
    return text ? json_set(a, to, name, json_new_string(a, text)) : KARMA_OK;
}

static karma_status set_images(struct arena *a, struct json *to, const karma_image *images,
                               size_t n) {
    if (n == 0) return KARMA_OK;
    struct json *list = json_new_array(a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        const karma_image *im = &images[i];
        struct json *o = json_new_object(a);
        if (!o) return KARMA_E_NOMEM;
        st = set_text(a, o, "name", im->name ? im->name : im->path);
        if (st == KARMA_OK && im->frame) st = json_set(a, o, "frame", json_new_int(a, im->frame));
        if (st == KARMA_OK) st = set_text(a, o, "sha256", im->digest);
        if (st == KARMA_OK) st = json_push(a, list, o);
    }
    return st == KARMA_OK ? json_set(a, to, "images", list) : st;
}

static karma_status set_audio(struct arena *a, struct json *to, const karma_audio *audio) {
    if (!audio) return KARMA_OK;
    struct json *o = json_new_object(a);
    karma_status st = o ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = set_text(a, o, "name", audio->name ? audio->name : audio->path);
    if (st == KARMA_OK) st = set_text(a, o, "sha256", audio->digest);
    return st == KARMA_OK ? json_set(a, to, "audio", o) : st;
}

static karma_status set_conversation(struct arena *a, struct json *to, const karma_sample *s) {
    if (s->n_messages == 0) return KARMA_OK;
    struct json *turns = json_new_array(a);
    karma_status st = turns ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < s->n_messages && st == KARMA_OK; i++) {
        const karma_message *m = &s->conversation[i];
        struct json *turn = json_new_object(a);
        st = json_set(a, turn, "role", json_new_string(a, m->role));
        if (st == KARMA_OK) st = json_set(a, turn, "content", json_new_string(a, m->content));
        if (st == KARMA_OK) st = set_images(a, turn, m->images, m->n_images);
        if (st == KARMA_OK) st = json_push(a, turns, turn);
    }
    return st == KARMA_OK ? json_set(a, to, "conversation", turns) : st;
}

karma_status sample_json_question(struct arena *a, const struct judged *j, struct json *to) {
    const karma_sample *s = j->sample;
    karma_status st = set_text(a, to, "input", s->input);
    if (st == KARMA_OK) st = set_conversation(a, to, s);
    if (st == KARMA_OK) st = set_images(a, to, s->images, s->n_images);
    if (st == KARMA_OK) st = set_audio(a, to, s->audio);
    return st == KARMA_OK ? set_text(a, to, "expected_output", s->expected_output) : st;
}

karma_status sample_json_answer(struct arena *a, const struct judged *j, struct json *to) {
    karma_status st = set_text(a, to, "thinking", j->answer->thinking);
    if (st == KARMA_OK) st = set_text(a, to, "output", j->answer->text);
    return st == KARMA_OK ? set_text(a, to, "prediction", j->prediction) : st;
}

karma_status sample_json_details(struct arena *a, const struct plan_metric *metrics, size_t n,
                                 const struct json **out) {
    struct json *all = json_new_object(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t k = 0; k < n && st == KARMA_OK; k++) {
        const char *text;
        const struct json *details;
        st = karma_metric_sample_details(metrics[k].metric, &text);
        if (st == KARMA_OK) st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &details);
        if (st == KARMA_OK && json_count(details)) st = json_set(a, all, metrics[k].name, details);
    }
    *out = st == KARMA_OK && json_count(all) ? all : NULL;
    return st;
}
