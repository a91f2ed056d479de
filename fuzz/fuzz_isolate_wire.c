/*
 * fuzz_isolate_wire.c - any bytes as a message of an isolated model's child. An output or a sample
 * that is accepted can be sent on, and comes back as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/isolate.h"

static void check_output(struct arena *a, const struct json *o) {
    karma_output out, again;
    if (wire_get_output(a, o, &out) < 0) return;
    struct json *copy = json_new_object(a);
    if (!copy || wire_put_output(a, copy, &out) < 0) abort();
    if (wire_get_output(a, copy, &again) < 0) abort();
    if (again.n_tokens != out.n_tokens || again.status != out.status || again.flags != out.flags)
        abort();
    if (out.n_tokens && memcmp(again.tokens, out.tokens, out.n_tokens * sizeof(*out.tokens)) != 0)
        abort();
    for (size_t i = 0; out.logprobs && i < out.n_tokens; i++)
        if (again.logprobs[i].n_top != out.logprobs[i].n_top) abort();
}

static void check_prompt(struct arena *a, const struct json *o) {
    struct karma_prompt prompt = {0};
    if (wire_get_prompt(a, o, &prompt) == KARMA_OK) {
        struct json *copy = json_new_object(a);
        if (!copy || wire_put_prompt(a, copy, &prompt) < 0) abort();
    }
    prompt_release(&prompt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    struct buf frame = {0};
    const struct json *message;
    const char *kind, **list;
    karma_sample sample;
    float values[4];
    size_t n;
    if (buf_append(&frame, data, size) == KARMA_OK &&
        wire_parse(&a, &frame, &message, &kind) == KARMA_OK) {
        check_output(&a, json_get(message, "output"));
        (void)wire_get_sample(&a, json_get(message, "sample"), &sample);
        (void)wire_get_strings(&a, message, "texts", &list, &n);
        (void)wire_get_floats(message, "vectors", values, 4);
        (void)wire_get_result(message);
        check_prompt(&a, message);
    }
    buf_release(&frame);
    arena_release(&a);
    return 0;
}
