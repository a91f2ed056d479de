/*
 * template_main.c - renders chat templates for comparisons with the reference.
 *
 *   template_main TEMPLATE INPUT.json   prints the rendering
 *   template_main CASES.jsonl           prints a line of JSON for each line of cases
 *
 * An input is an object with any of messages, tools, add_generation_prompt, variables,
 * special_tokens, now; a case has the template's text as "template" besides. A result is
 * {"ok": true, "text": ..., "spans": [[begin, end], ...]} or {"ok": false, "code": ..., "error":
 * ...}.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "text/chat_template.h"

enum { MAX_BYTES = 256 << 20 };

static karma_status render(const char *source, size_t len, const struct json *in,
                           struct chat_rendering *out) {
    struct chat_template *t = NULL;
    struct chat_template_input input = {
        .messages = json_get(in, "messages"),
        .tools = json_get(in, "tools"),
        .variables = json_get(in, "variables"),
        .special_tokens = json_get(in, "special_tokens"),
    };
    karma_status st =
        json_field_bool(in, "add_generation_prompt", false, &input.add_generation_prompt);
    if (st == KARMA_OK) {
        st = json_field_int(in, "now", INT64_MIN, INT64_MAX, 0, &input.now_s);
    }
    if (st == KARMA_OK) st = chat_template_compile(source, len, &t);
    if (st == KARMA_OK) st = chat_template_render(t, &input, out);
    chat_template_destroy(t);
    return st;
}

static karma_status one_case(struct arena *a, const char *line, size_t len, struct buf *result) {
    const struct json *in;
    struct chat_rendering out = {0};
    karma_status st = json_parse(a, line, len, JSON_LAST_WINS, &in);
    if (st < 0) return st;
    const struct json *source = json_get(in, "template");
    if (!json_is_string(source)) return status_fail(KARMA_E_TYPE, "template: no string");
    struct json *o = json_new_object(a), *spans = json_new_array(a);
    st = render(source->u.string.data, source->u.string.len, in, &out);
    karma_status built = json_set(a, o, "ok", json_new_bool(a, st == KARMA_OK));
    if (st < 0) {
        if (!built) built = json_set(a, o, "code", json_new_string(a, karma_status_name(st)));
        if (!built) built = json_set(a, o, "error", json_new_string(a, karma_error_message()));
    } else {
        if (!built) {
            built = json_set(a, o, "text", json_new_stringn(a, buf_str(&out.text), out.text.len));
        }
        for (size_t i = 0; !built && i < out.n_data_spans; i++) {
            struct json *span = json_new_array(a);
            built = json_push(a, span, json_new_int(a, (int64_t)out.data_spans[i].begin));
            if (!built) built = json_push(a, span, json_new_int(a, (int64_t)out.data_spans[i].end));
            if (!built) built = json_push(a, spans, span);
        }
        if (!built) built = json_set(a, o, "spans", spans);
    }
    if (!built) built = json_write(result, o, 0, JSON_ASCII);
    if (!built) built = buf_putc(result, '\n');
    chat_rendering_release(&out);
    return built;
}

static karma_status run_cases(const char *path) {
    struct buf text = {0}, result = {0};
    struct arena a = {0};
    karma_status st = file_read(path, MAX_BYTES, &text);
    for (size_t from = 0; st == KARMA_OK && from < text.len;) {
        const char *end = memchr(text.data + from, '\n', text.len - from);
        const size_t to = end ? (size_t)(end - text.data) : text.len;
        if (to > from) st = one_case(&a, text.data + from, to - from, &result);
        fwrite(buf_str(&result), 1, result.len, stdout);
        buf_clear(&result);
        arena_reset(&a);
        from = to + 1;
    }
    arena_release(&a);
    buf_release(&result);
    buf_release(&text);
    return st;
}

static karma_status run_one(const char *template_path, const char *input_path) {
    struct buf text = {0};
    struct arena a = {0};
    struct chat_rendering out = {0};
    const struct json *in;
    karma_status st = file_read(template_path, MAX_BYTES, &text);
    if (st == KARMA_OK) st = json_parse_file(&a, input_path, 0, JSON_LAST_WINS, &in);
    if (st == KARMA_OK) st = render(buf_str(&text), text.len, in, &out);
    if (st == KARMA_OK) fwrite(buf_str(&out.text), 1, out.text.len, stdout);
    chat_rendering_release(&out);
    arena_release(&a);
    buf_release(&text);
    return st;
}

int main(int argc, char **argv) {
    karma_status st = KARMA_E_USAGE;
    if (argc == 2) {
        st = run_cases(argv[1]);
    } else if (argc == 3) {
        st = run_one(argv[1], argv[2]);
    } else {
        fprintf(stderr, "usage: template_main TEMPLATE INPUT.json | template_main CASES.jsonl\n");
        return karma_status_exit(st);
    }
    if (st < 0) fprintf(stderr, "%s: %s\n", karma_status_name(st), karma_error_message());
    return karma_status_exit(st);
}
