/*
 * fuzz_chat_template.c - a template, and behind a NUL byte the JSON object with its messages, tools
 * and variables. Compiles and renders it under limits so small that any input ends at once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/jinja_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct jinja_limits small = {
    .steps = 20000,
    .output_bytes = 1 << 16,
    .memory_bytes = 1 << 20,
    .range_count = 1000,
    .call_depth = 16,
    .eval_depth = 300,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *source = (const char *)data;
    const char *nul = size ? memchr(source, 0, size) : NULL;
    const size_t len = nul ? (size_t)(nul - source) : size;
    struct chat_template *t;
    if (chat_template_compile(source, len, &t) < 0) return 0;
    struct arena a = {0};
    const struct json *input = NULL;
    if (nul && json_parse(&a, nul + 1, size - len - 1, JSON_LAST_WINS, &input) < 0) input = NULL;
    const struct chat_template_input in = {
        .messages = json_get(input, "messages"),
        .tools = json_get(input, "tools"),
        .variables = json_get(input, "variables"),
        .add_generation_prompt = size % 2,
        .now_s = 1721990000,
    };
    struct chat_rendering out;
    if (chat_template_render_within(t, &in, &small, &out) == KARMA_OK) {
        /* Text is UTF-8, and the spans are in order, apart and inside it. */
        size_t pos = 0;
        if (!utf8_valid(buf_str(&out.text), out.text.len, NULL)) abort();
        for (size_t i = 0; i < out.n_data_spans; i++) {
            const struct text_span s = out.data_spans[i];
            if (s.begin < pos || s.begin >= s.end || s.end > out.text.len) abort();
            pos = s.end + 1;
        }
        chat_rendering_release(&out);
    }
    chat_template_destroy(t);
    arena_release(&a);
    return 0;
}
