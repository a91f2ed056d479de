/*
 * isolate_wire.c - what an isolated model's two processes tell each other, as JSON. The parent
 * trusts nothing that comes: the child may have run wild.
 */
#include <string.h>

#include "api/isolate.h"
#include "base/mem.h"
#include "base/size.h"
#include "base/utf8.h"

enum { MAX_TOKENS = 1 << 28, MAX_TOP = 1000, FLOAT_DIGITS = 8 };

/* ---- messages ---- */

struct json *wire_new(struct arena *a, const char *kind) {
    struct json *o = json_new_object(a);
    return o && json_set(a, o, "is", json_new_string(a, kind)) == KARMA_OK ? o : NULL;
}

karma_status wire_queue(struct child *c, const struct json *message) {
    struct buf text = {0};
    if (!message) return KARMA_E_NOMEM;
    buf_init(&text, CHILD_MAX_FRAME);
    size_t bad;
    karma_status st = json_write(&text, message, 0, JSON_COMPACT);
    if (st == KARMA_OK && !utf8_valid(text.data, text.len, &bad))
        st = status_fail(KARMA_E_ENCODING, "text that is not valid UTF-8");
    if (st == KARMA_OK) st = child_queue(c, text.data, text.len);
    buf_release(&text);
    return st;
}

karma_status wire_parse(struct arena *a, const struct buf *frame, const struct json **message,
                        const char **kind) {
    *kind = NULL;
    karma_status st = json_parse(a, buf_str(frame), frame->len, JSON_REJECT_DUPLICATES, message);
    if (st < 0) return st;
    return json_need_str(*message, "is", kind);
}

karma_status wire_put_str(struct arena *a, struct json *o, const char *key, const char *value) {
    return value ? json_set(a, o, key, json_new_string(a, value)) : KARMA_OK;
}

/* A string without NUL bytes, which no string of ours has; absent: NULL. */
static karma_status get_str(const struct json *o, const char *key, const char **out) {
    const struct json *v = json_get(o, key);
    *out = NULL;
    if (json_is_null(v)) return KARMA_OK;
    if (json_is_string(v) && strlen(v->u.string.data) == v->u.string.len) {
        *out = v->u.string.data;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_TYPE, "%s: expected text, found %s", key, json_type_name(v));
}

karma_status wire_put_result(struct arena *a, struct json *o, karma_status st) {
    karma_status put = wire_put_str(a, o, "status", karma_status_name(st));
    return put < 0 ? put : wire_put_str(a, o, "message", st < 0 ? karma_error_message() : NULL);
}

karma_status wire_get_result(const struct json *o) {
    const char *name, *message;
    karma_status st = json_need_str(o, "status", &name);
    if (st == KARMA_OK) st = get_str(o, "message", &message);
    if (st < 0) return st;
    st = karma_status_from_name(name);
    if (st == KARMA_OK || st == KARMA_DONE) return st;
    return status_fail(st, "%s", message && *message ? message : "no reason given");
}

/* ---- lists ---- */

karma_status wire_put_strings(struct arena *a, struct json *o, const char *key,
                              const char *const *list, size_t n) {
    struct json *all = json_new_array(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        st = list[i] ? json_push(a, all, json_new_string(a, list[i]))
                     : status_fail(KARMA_E_USAGE, "%s: number %zu is NULL", key, i);
    return st < 0 ? st : json_set(a, o, key, all);
}

static karma_status need_array(const struct json *o, const char *key, const struct json **out) {
    *out = json_get(o, key);
    if (json_is_array(*out)) return KARMA_OK;
    return status_fail(KARMA_E_TYPE, "%s: expected a list, found %s", key, json_type_name(*out));
}

karma_status wire_get_strings(struct arena *a, const struct json *o, const char *key,
                              const char ***list, size_t *n) {
    const struct json *all;
    karma_status st = need_array(o, key, &all);
    if (st < 0) return st;
    *n = json_count(all);
    *list = arena_calloc(a, *n + 1, sizeof(**list));
    if (!*list) return KARMA_E_NOMEM;
    for (size_t i = 0; i < *n; i++) {
        (*list)[i] = json_str(json_at(all, i), NULL);
        if (!(*list)[i])
            return status_fail(KARMA_E_TYPE, "%s[%zu]: expected text, found %s", key, i,
                               json_type_name(json_at(all, i)));
    }
    return KARMA_OK;
}

karma_status wire_put_floats(struct arena *a, struct json *o, const char *key, const float *values,
                             size_t n) {
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(a, n * FLOAT_DIGITS + 1);
    if (!text) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof(bits));
        for (int d = 0; d < FLOAT_DIGITS; d++)
            text[i * FLOAT_DIGITS + (size_t)d] = digits[bits >> (28 - 4 * d) & 15];
    }
    return json_set(a, o, key, json_new_stringn(a, text, n * FLOAT_DIGITS));
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

karma_status wire_get_floats(const struct json *o, const char *key, float *values, size_t n) {
    const struct json *v = json_get(o, key);
    if (!json_is_string(v) || v->u.string.len % FLOAT_DIGITS != 0 ||
        v->u.string.len / FLOAT_DIGITS != n)
        return status_fail(KARMA_E_SHAPE, "%s: expected %zu numbers", key, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = 0;
        for (size_t d = 0; d < FLOAT_DIGITS; d++) {
            const int digit = digit_of(v->u.string.data[i * FLOAT_DIGITS + d]);
            if (digit < 0) return status_fail(KARMA_E_SYNTAX, "%s: not a number", key);
            bits = bits << 4 | (uint32_t)digit;
        }
        memcpy(&values[i], &bits, sizeof(bits));
    }
    return KARMA_OK;
}

/* Floats whose number only the message knows: *out in a, *n of them; absent: NULL. */
static karma_status get_floats(struct arena *a, const struct json *o, const char *key, size_t want,
                               const float **out) {
    *out = NULL;
    if (!json_get(o, key)) return KARMA_OK;
    float *values = arena_calloc(a, want ? want : 1, sizeof(*values));
    *out = values;
    return values ? wire_get_floats(o, key, values, want) : KARMA_E_NOMEM;
}

static karma_status put_ints(struct arena *a, struct json *o, const char *key,
                             const int32_t *values, size_t n) {
    struct json *all = json_new_array(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        st = json_push(a, all, json_new_int(a, values[i]));
    return st < 0 ? st : json_set(a, o, key, all);
}

static karma_status get_ints(struct arena *a, const struct json *o, const char *key, size_t most,
                             const int32_t **out, size_t *n) {
    const struct json *all;
    karma_status st = need_array(o, key, &all);
    if (st < 0) return st;
    *n = json_count(all);
    if (*n > most) return status_fail(KARMA_E_LIMIT, "%s: %zu of at most %zu", key, *n, most);
    int32_t *values = arena_calloc(a, *n ? *n : 1, sizeof(*values));
    if (!values) return KARMA_E_NOMEM;
    for (size_t i = 0; i < *n; i++) {
        const struct json *v = json_at(all, i);
        if (v->type != JSON_INT || v->u.integer < INT32_MIN || v->u.integer > INT32_MAX)
            return status_fail(KARMA_E_TYPE, "%s[%zu]: not a number of 32 bits", key, i);
        values[i] = (int32_t)v->u.integer;
    }
    *out = values;
    return KARMA_OK;
}

/* ---- bytes ---- */

static karma_status put_bytes(struct arena *a, struct json *o, const char *key, const void *bytes,
                              size_t n) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    if (n > CHILD_MAX_FRAME / 4)
        return status_fail(KARMA_E_LIMIT,
                           "%s: %zu bytes are too many for a model in a process of "
                           "its own; give a path",
                           key, n);
    char *text = arena_alloc(a, 2 * n + 1);
    if (!text) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[from[i] >> 4];
        text[2 * i + 1] = digits[from[i] & 15];
    }
    return json_set(a, o, key, json_new_stringn(a, text, 2 * n));
}

static karma_status get_bytes(struct arena *a, const struct json *o, const char *key,
                              const void **out, size_t *n) {
    const struct json *v = json_get(o, key);
    *out = NULL;
    *n = 0;
    if (!v) return KARMA_OK;
    if (!json_is_string(v) || v->u.string.len % 2 != 0)
        return status_fail(KARMA_E_TYPE, "%s: expected bytes", key);
    *n = v->u.string.len / 2;
    unsigned char *bytes = arena_alloc(a, *n + 1);
    if (!bytes) return KARMA_E_NOMEM;
    for (size_t i = 0; i < *n; i++) {
        const int high = digit_of(v->u.string.data[2 * i]);
        const int low = digit_of(v->u.string.data[2 * i + 1]);
        if (high < 0 || low < 0) return status_fail(KARMA_E_SYNTAX, "%s: not bytes", key);
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    *out = bytes;
    return KARMA_OK;
}

/* ---- samples and prompts ---- */

static karma_status put_audio(struct arena *a, struct json *sample, const karma_audio *audio) {
    if (!audio) return KARMA_OK;
    struct json *o = json_new_object(a);
    karma_status st = o ? wire_put_str(a, o, "path", audio->path) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = wire_put_str(a, o, "name", audio->name);
    if (st == KARMA_OK && audio->bytes) st = put_bytes(a, o, "bytes", audio->bytes, audio->n_bytes);
    if (st == KARMA_OK && audio->samples)
        st = put_bytes(a, o, "samples", audio->samples, audio->n_samples * sizeof(float));
    if (st == KARMA_OK) st = json_set(a, o, "sample_rate", json_new_int(a, audio->sample_rate));
    return st < 0 ? st : json_set(a, sample, "audio", o);
}

static karma_status get_audio(struct arena *a, const struct json *sample, const karma_audio **out) {
    const struct json *o = json_get(sample, "audio");
    const void *samples;
    size_t n_bytes;
    int64_t rate;
    *out = NULL;
    if (!o) return KARMA_OK;
    karma_audio *audio = arena_calloc(a, 1, sizeof(*audio));
    if (!audio) return KARMA_E_NOMEM;
    karma_status st = get_str(o, "path", &audio->path);
    if (st == KARMA_OK) st = get_str(o, "name", &audio->name);
    if (st == KARMA_OK) st = get_bytes(a, o, "bytes", &audio->bytes, &audio->n_bytes);
    if (st == KARMA_OK) st = get_bytes(a, o, "samples", &samples, &n_bytes);
    if (st == KARMA_OK) st = json_need_int(o, "sample_rate", INT32_MIN, INT32_MAX, &rate);
    if (st < 0) return st;
    audio->samples = samples;
    audio->n_samples = n_bytes / sizeof(float);
    audio->sample_rate = (int32_t)rate;
    *out = audio;
    return KARMA_OK;
}

/* Images go as they are given: a path is opened by the child. */
static karma_status put_image(struct arena *a, struct json *list, const karma_image *im) {
    struct json *o = json_new_object(a);
    karma_status st = o ? wire_put_str(a, o, "path", im->path) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = wire_put_str(a, o, "name", im->name);
    if (st == KARMA_OK) st = wire_put_str(a, o, "digest", im->digest);
    if (st == KARMA_OK && im->bytes) st = put_bytes(a, o, "bytes", im->bytes, im->n_bytes);
    if (st == KARMA_OK && !im->path && !im->bytes && im->pixels) {
        size_t n;
        if (im->width < 1 || im->height < 1 || im->channels < 1 ||
            !mul_size((size_t)im->width, (size_t)im->height, &n) ||
            !mul_size(n, (size_t)im->channels, &n))
            return status_fail(KARMA_E_RANGE, "an image of %d x %d pixels with %d channels",
                               im->width, im->height, im->channels);
        st = put_bytes(a, o, "pixels", im->pixels, n);
    }
    const int32_t numbers[] = {im->width, im->height, im->channels, im->frame};
    if (st == KARMA_OK) st = put_ints(a, o, "numbers", numbers, 4);
    return st < 0 ? st : json_push(a, list, o);
}

static karma_status put_images(struct arena *a, struct json *o, const karma_image *images,
                               size_t n) {
    if (n == 0) return KARMA_OK;
    if (!images) return status_fail(KARMA_E_MISSING, "%zu images, and none are there", n);
    struct json *list = json_new_array(a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        st = put_image(a, list, &images[i]);
    return st < 0 ? st : json_set(a, o, "images", list);
}

static karma_status get_image(struct arena *a, const struct json *o, karma_image *out) {
    const int32_t *numbers;
    const void *pixels;
    size_t n_numbers, n_pixels;
    karma_status st = get_str(o, "path", &out->path);
    if (st == KARMA_OK) st = get_str(o, "name", &out->name);
    if (st == KARMA_OK) st = get_str(o, "digest", &out->digest);
    if (st == KARMA_OK) st = get_bytes(a, o, "bytes", &out->bytes, &out->n_bytes);
    if (st == KARMA_OK) st = get_bytes(a, o, "pixels", &pixels, &n_pixels);
    if (st == KARMA_OK) st = get_ints(a, o, "numbers", 4, &numbers, &n_numbers);
    if (st == KARMA_OK && n_numbers != 4)
        st = status_fail(KARMA_E_SHAPE, "numbers: %zu, expected 4", n_numbers);
    if (st < 0) return st;
    out->width = numbers[0];
    out->height = numbers[1];
    out->channels = numbers[2];
    out->frame = numbers[3];
    if (!pixels) return KARMA_OK;
    size_t want = 0;
    if (out->width < 1 || out->height < 1 || out->channels < 1 ||
        !mul_size((size_t)out->width, (size_t)out->height, &want) ||
        !mul_size(want, (size_t)out->channels, &want) || want != n_pixels)
        return status_fail(KARMA_E_SHAPE, "pixels: %zu bytes for %d x %d with %d channels",
                           n_pixels, out->width, out->height, out->channels);
    out->pixels = pixels;
    return KARMA_OK;
}

static karma_status get_images(struct arena *a, const struct json *o, const karma_image **out,
                               size_t *n) {
    const struct json *list;
    *out = NULL;
    *n = 0;
    if (!json_get(o, "images")) return KARMA_OK;
    karma_status st = need_array(o, "images", &list);
    if (st < 0) return st;
    karma_image *images = arena_calloc(a, json_count(list) + 1, sizeof(*images));
    if (!images) return KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < json_count(list); i++)
        st = get_image(a, json_at(list, i), &images[i]);
    *out = images;
    *n = json_count(list);
    return st;
}

static karma_status put_messages(struct arena *a, struct json *o, const char *key,
                                 const karma_message *messages, size_t n) {
    struct json *all = json_new_array(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < n; i++) {
        struct json *one = json_new_object(a);
        st = one ? wire_put_str(a, one, "role", messages[i].role) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = wire_put_str(a, one, "content", messages[i].content);
        if (st == KARMA_OK) st = put_images(a, one, messages[i].images, messages[i].n_images);
        if (st == KARMA_OK && messages[i].images_first)
            st = json_set(a, one, "images_first", json_new_bool(a, true));
        if (st == KARMA_OK) st = json_push(a, all, one);
    }
    return st < 0 ? st : json_set(a, o, key, all);
}

static karma_status get_message(struct arena *a, const struct json *o, karma_message *out) {
    karma_status st = get_str(o, "role", &out->role);
    if (st == KARMA_OK) st = get_str(o, "content", &out->content);
    if (st == KARMA_OK) st = get_images(a, o, &out->images, &out->n_images);
    if (st == KARMA_OK) st = json_field_bool(o, "images_first", false, &out->images_first);
    return st;
}

karma_status wire_put_sample(struct arena *a, struct json *o, const karma_sample *s) {
    if (s->n_candidates)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "a model in a process of its own compares no candidates");
    karma_status st = wire_put_str(a, o, "key", s->key);
    if (st == KARMA_OK) st = wire_put_str(a, o, "input", s->input);
    if (st == KARMA_OK && s->n_messages > 0)
        st = put_messages(a, o, "conversation", s->conversation, s->n_messages);
    if (st == KARMA_OK) st = wire_put_str(a, o, "system_prompt", s->system_prompt);
    if (st == KARMA_OK) st = wire_put_str(a, o, "expected_output", s->expected_output);
    if (st == KARMA_OK) st = put_audio(a, o, s->audio);
    if (st == KARMA_OK) st = put_images(a, o, s->images, s->n_images);
    return st < 0 ? st : wire_put_str(a, o, "other_args_json", s->other_args_json);
}

karma_status wire_get_sample(struct arena *a, const struct json *o, karma_sample *out) {
    const struct json *turns = json_get(o, "conversation");
    *out = (karma_sample){.struct_size = sizeof(*out)};
    karma_status st = get_str(o, "key", &out->key);
    if (st == KARMA_OK) st = get_str(o, "input", &out->input);
    if (st == KARMA_OK) st = get_str(o, "system_prompt", &out->system_prompt);
    if (st == KARMA_OK) st = get_str(o, "expected_output", &out->expected_output);
    if (st == KARMA_OK) st = get_str(o, "other_args_json", &out->other_args_json);
    if (st == KARMA_OK) st = get_audio(a, o, &out->audio);
    if (st == KARMA_OK) st = get_images(a, o, &out->images, &out->n_images);
    if (st < 0 || !turns) return st;
    if (!json_is_array(turns)) return need_array(o, "conversation", &turns);
    karma_message *messages = arena_calloc(a, json_count(turns) + 1, sizeof(*messages));
    if (!messages) return KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < json_count(turns); i++)
        st = get_message(a, json_at(turns, i), &messages[i]);
    out->conversation = messages;
    out->n_messages = json_count(turns);
    return st;
}

karma_status wire_put_prompt(struct arena *a, struct json *o, const struct karma_prompt *p) {
    if (!p->raw) return put_messages(a, o, "messages", p->messages, p->count);
    karma_status st = wire_put_str(a, o, "prompt", p->raw);
    return st < 0 ? st : put_images(a, o, p->raw_images, p->n_raw_images);
}

static karma_status get_raw_prompt(struct arena *a, const struct json *o, const char *raw,
                                   karma_prompt *out) {
    const karma_image *images;
    size_t n;
    karma_status st = karma_prompt_raw(out, raw);
    if (st == KARMA_OK) st = get_images(a, o, &images, &n);
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        st = karma_prompt_add_image(out, 0, &images[i]);
    return st;
}

karma_status wire_get_prompt(struct arena *a, const struct json *o, karma_prompt *out) {
    const char *raw;
    const struct json *messages;
    karma_status st = get_str(o, "prompt", &raw);
    if (st < 0 || raw) return st < 0 ? st : get_raw_prompt(a, o, raw, out);
    st = need_array(o, "messages", &messages);
    for (size_t i = 0; st == KARMA_OK && i < json_count(messages); i++) {
        karma_message message = {0};
        st = get_message(a, json_at(messages, i), &message);
        if (st == KARMA_OK) st = karma_prompt_add_message(out, &message);
    }
    return st;
}

/* ---- outputs ---- */

/* [[token, number of others, other, ...], ...] in one list, and all log-probabilities in their
 * order. */
static karma_status put_logprobs(struct arena *a, struct json *o, const karma_output *out) {
    size_t n_ints = 0, n_floats = 0;
    for (size_t i = 0; i < out->n_tokens; i++) {
        n_ints += 2 + (size_t)out->logprobs[i].n_top;
        n_floats += 1 + (size_t)out->logprobs[i].n_top;
    }
    int32_t *ints = arena_calloc(a, n_ints + 1, sizeof(*ints));
    float *floats = arena_calloc(a, n_floats + 1, sizeof(*floats));
    if (!ints || !floats) return KARMA_E_NOMEM;
    size_t at = 0, f = 0;
    for (size_t i = 0; i < out->n_tokens; i++) {
        const karma_token_logprob *l = &out->logprobs[i];
        ints[at++] = l->token;
        ints[at++] = l->n_top;
        floats[f++] = l->logprob;
        for (int32_t k = 0; k < l->n_top; k++) {
            ints[at++] = l->top_tokens[k];
            floats[f++] = l->top_logprobs[k];
        }
    }
    karma_status st = put_ints(a, o, "logprob_tokens", ints, n_ints);
    return st < 0 ? st : wire_put_floats(a, o, "logprobs", floats, n_floats);
}

static karma_status get_logprobs(struct arena *a, const struct json *o, karma_output *out) {
    const int32_t *ints;
    const float *floats = NULL;
    size_t n, at = 0, f = 0;
    karma_token_logprob *all = arena_calloc(a, out->n_tokens + 1, sizeof(*all));
    if (!all) return KARMA_E_NOMEM;
    karma_status st = get_ints(a, o, "logprob_tokens", MAX_TOKENS, &ints, &n);
    if (st == KARMA_OK && n < 2 * out->n_tokens)
        st = status_fail(KARMA_E_SHAPE, "logprob_tokens: %zu for %zu tokens", n, out->n_tokens);
    if (st == KARMA_OK) st = get_floats(a, o, "logprobs", n - out->n_tokens, &floats);
    if (st < 0) return st;
    for (size_t i = 0; i < out->n_tokens; i++) {
        const int64_t n_top = n - at >= 2 ? ints[at + 1] : -1;
        if (n_top < 0 || n_top > MAX_TOP || (size_t)n_top > n - at - 2)
            return status_fail(KARMA_E_RANGE, "logprob_tokens: those of token %zu", i);
        all[i] = (karma_token_logprob){.token = ints[at],
                                       .logprob = floats[f],
                                       .top_tokens = ints + at + 2,
                                       .top_logprobs = floats + f + 1,
                                       .n_top = (int32_t)n_top};
        at += 2 + (size_t)n_top;
        f += 1 + (size_t)n_top;
    }
    if (at != n) return status_fail(KARMA_E_SHAPE, "logprob_tokens: %zu too many", n - at);
    out->logprobs = all;
    return KARMA_OK;
}

karma_status wire_put_output(struct arena *a, struct json *o, const karma_output *out) {
    karma_status st = wire_put_str(a, o, "key", out->key);
    if (st == KARMA_OK) st = wire_put_str(a, o, "status", karma_status_name(out->status));
    if (st == KARMA_OK) st = wire_put_str(a, o, "error", out->error);
    if (st == KARMA_OK) st = wire_put_str(a, o, "text", out->text);
    if (st == KARMA_OK) st = wire_put_str(a, o, "thinking", out->thinking);
    if (st == KARMA_OK) st = wire_put_str(a, o, "raw_text", out->raw_text);
    if (st == KARMA_OK) st = wire_put_str(a, o, "segments_json", out->segments_json);
    if (st == KARMA_OK) st = put_ints(a, o, "tokens", out->tokens, out->n_tokens);
    if (st == KARMA_OK)
        st = json_set(a, o, "n_prompt_tokens", json_new_int(a, (int64_t)out->n_prompt_tokens));
    if (st == KARMA_OK)
        st = json_set(a, o, "n_cached_tokens", json_new_int(a, (int64_t)out->n_cached_tokens));
    if (st == KARMA_OK)
        st = json_set(a, o, "finish_reason", json_new_int(a, (int64_t)out->finish_reason));
    if (st == KARMA_OK) st = json_set(a, o, "flags", json_new_int(a, (int64_t)out->flags));
    if (st == KARMA_OK && out->logprobs) st = put_logprobs(a, o, out);
    if (st == KARMA_OK && out->prompt_logprobs)
        st = wire_put_floats(a, o, "prompt_logprobs", out->prompt_logprobs, out->n_prompt_tokens);
    return st;
}

karma_status wire_get_output(struct arena *a, const struct json *o, karma_output *out) {
    const char *status;
    int64_t n_prompt, n_cached, reason, flags;
    *out = (karma_output){.struct_size = sizeof(*out)};
    karma_status st = get_str(o, "key", &out->key);
    if (st == KARMA_OK) st = json_need_str(o, "status", &status);
    if (st == KARMA_OK) out->status = karma_status_from_name(status);
    if (st == KARMA_OK) st = get_str(o, "error", &out->error);
    if (st == KARMA_OK) st = get_str(o, "text", &out->text);
    if (st == KARMA_OK) st = get_str(o, "thinking", &out->thinking);
    if (st == KARMA_OK) st = get_str(o, "raw_text", &out->raw_text);
    if (st == KARMA_OK) st = get_str(o, "segments_json", &out->segments_json);
    if (st == KARMA_OK) st = get_ints(a, o, "tokens", MAX_TOKENS, &out->tokens, &out->n_tokens);
    if (st == KARMA_OK) st = json_need_int(o, "n_prompt_tokens", 0, MAX_TOKENS, &n_prompt);
    if (st == KARMA_OK) st = json_need_int(o, "n_cached_tokens", 0, MAX_TOKENS, &n_cached);
    if (st == KARMA_OK) st = json_need_int(o, "finish_reason", 0, KARMA_FINISH_ERROR, &reason);
    if (st == KARMA_OK) st = json_need_int(o, "flags", 0, UINT32_MAX, &flags);
    if (st < 0) return st;
    out->n_prompt_tokens = (size_t)n_prompt;
    out->n_cached_tokens = (size_t)n_cached;
    out->finish_reason = (karma_finish_reason)reason;
    out->flags = (unsigned)flags;
    if (json_get(o, "logprobs")) st = get_logprobs(a, o, out);
    if (st == KARMA_OK)
        st = get_floats(a, o, "prompt_logprobs", out->n_prompt_tokens, &out->prompt_logprobs);
    return st;
}
