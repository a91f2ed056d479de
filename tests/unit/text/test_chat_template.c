/*
 * test_chat_template.c - chat templates give what transformers gives (golden texts made by
 * tools/fixtures/make_templates.py), and the spans of the rendering that came from messages.
 */
#include "text/chat_template.h"

#include "base/file.h"
#include "base/json.h"
#include "tests/support/test.h"

static const char folder[] = "tests/fixtures/text/templates";
enum { NOW = 1721990000 }; /* 2024-07-26 10:33:20 UTC, the time of the golden texts */

/* Render source for an input of inputs.json's form. */
static karma_status render(const char *source, size_t len, const struct json *in,
                           struct chat_rendering *out) {
    static const char tokens[] = "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", "
                                 "\"pad_token\": \"<pad>\", \"unk_token\": \"<unk>\"}";
    struct chat_template *t = NULL;
    struct arena a = {0};
    struct chat_template_input input = {
        .messages = json_get(in, "messages"),
        .tools = json_get(in, "tools"),
        .variables = json_get(in, "variables"),
        .now_s = NOW,
    };
    *out = (struct chat_rendering){0};
    assert_ok(json_field_bool(in, "add_generation_prompt", false, &input.add_generation_prompt));
    assert_ok(json_parse(&a, tokens, strlen(tokens), 0, &input.special_tokens));
    karma_status st = chat_template_compile(source, len, &t);
    if (st == KARMA_OK)
        st = chat_template_render(t, &input, out);
    else
        assert_null(t);
    chat_template_destroy(t);
    arena_release(&a);
    return st;
}

static void check(const char *name, size_t i, const char *source, size_t len, const struct json *in,
                  const struct json *want) {
    struct chat_rendering out;
    const karma_status st = render(source, len, in, &out);
    if (json_is_null(want)) {
        if (st == KARMA_OK) fail_msg("%s %zu: rendered, but must fail: %s", name, i, source);
        assert_null(out.text.data);
        assert_null(out.data_spans);
        return;
    }
    if (st < 0) fail_msg("%s %zu: %s: %s", name, i, karma_error_message(), source);
    if (out.text.len != want->u.string.len ||
        memcmp(buf_str(&out.text), want->u.string.data, out.text.len) != 0) {
        fail_msg("%s %zu: %s\nwant %s\ngot  %s", name, i, source, want->u.string.data,
                 buf_str(&out.text));
    }
    chat_rendering_release(&out);
}

static const struct json *load(struct arena *a, const char *name) {
    const struct json *j;
    char *path = file_join(a, folder, name);
    assert_non_null(path);
    assert_ok(json_parse_file(a, path, 0, 0, &j));
    return j;
}

static void renders_whole_templates_as_the_reference_does(void **state) {
    (void)state;
    struct arena a = {0};
    const char *const *names;
    size_t count, templates = 0, cases = 0;
    const struct json *inputs = load(&a, "inputs.json");
    assert_ok(file_list(&a, folder, &names, &count));
    for (size_t i = 0; i < count; i++) {
        const char *dot = strstr(names[i], ".jinja");
        if (!dot) continue;
        const struct json *want =
            load(&a, arena_printf(&a, "%.*s.expected.json", (int)(dot - names[i]), names[i]));
        struct buf source = {0};
        assert_ok(file_read(file_join(&a, folder, names[i]), 1 << 20, &source));
        assert_int_equal(json_count(want), json_count(inputs));
        for (size_t k = 0; k < json_count(inputs); k++) {
            check(names[i], k, source.data, source.len, json_at(inputs, k), json_at(want, k));
            cases++;
        }
        buf_release(&source);
        templates++;
    }
    assert_true(templates >= 9);
    assert_true(cases >= 400);
    arena_release(&a);
}

static void renders_every_construct_as_the_reference_does(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *snippets = load(&a, "snippets.json");
    assert_true(json_count(snippets) >= 120);
    for (size_t i = 0; i < json_count(snippets); i++) {
        const struct json *source = json_at(json_at(snippets, i), 0);
        check("snippet", i, source->u.string.data, source->u.string.len, NULL,
              json_at(json_at(snippets, i), 1));
    }
    arena_release(&a);
}

static void a_compiled_template_can_be_rendered_again_and_again(void **state) {
    (void)state;
    static const char source[] = "{% set ns = namespace(n=0) %}{% for m in messages %}"
                                 "{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}{{ 'a' + 'b' }}";
    struct chat_template *t;
    struct arena a = {0};
    const struct json *messages;
    const char text[] = "[{\"role\": \"user\", \"content\": \"x\"}]";
    assert_ok(json_parse(&a, text, strlen(text), 0, &messages));
    assert_ok(chat_template_compile(source, strlen(source), &t));
    for (int i = 0; i < 3; i++) {
        struct chat_template_input in = {.messages = i == 1 ? NULL : messages};
        struct chat_rendering out;
        assert_ok(chat_template_render(t, &in, &out));
        assert_string_equal(buf_str(&out.text), i == 1 ? "0ab" : "1ab");
        chat_rendering_release(&out);
    }
    chat_template_destroy(t);
    arena_release(&a);
}

/* The rendering with its data between guillemets. */
static void check_spans(const char *source, const char *messages, const char *want) {
    struct arena a = {0};
    const struct json *in;
    struct chat_rendering out;
    char *text = arena_printf(&a,
                              "{\"messages\": %s, \"tools\": [{\"name\": \"f<|x|>\"}], "
                              "\"variables\": {\"v\": \"var\", \"documents\": [\"doc\"]}}",
                              messages);
    assert_ok(json_parse(&a, text, strlen(text), 0, &in));
    assert_ok(render(source, strlen(source), in, &out));
    struct buf marked = {0};
    size_t pos = 0;
    for (size_t i = 0; i < out.n_data_spans; i++) {
        const struct text_span s = out.data_spans[i];
        assert_true(s.begin >= pos && s.begin < s.end && s.end <= out.text.len);
        assert_true(i == 0 || s.begin > out.data_spans[i - 1].end); /* touching ones are one */
        assert_ok(buf_append(&marked, out.text.data + pos, s.begin - pos));
        assert_ok(buf_puts(&marked, "«"));
        assert_ok(buf_append(&marked, out.text.data + s.begin, s.end - s.begin));
        assert_ok(buf_puts(&marked, "»"));
        pos = s.end;
    }
    assert_ok(buf_puts(&marked, buf_str(&out.text) + pos));
    assert_string_equal(buf_str(&marked), want);
    buf_release(&marked);
    chat_rendering_release(&out);
    arena_release(&a);
}

static const char hello[] = "[{\"role\": \"user\", \"content\": \" Hi, there \"}]";

static void spans_tell_data_from_template(void **state) {
    (void)state;
    check_spans("{{ bos_token }}a{{ messages[0].content }}b", hello, "<s>a« Hi, there »b");
    check_spans("{{ '<' + messages[0].role + '>' }}", hello, "<«user»>");
    check_spans("{{ '<' ~ messages[0].content|trim ~ '>' ~ 1 }}", hello, "<«Hi, there»>1");
    check_spans("{{ v }} {{ documents[0] }} {{ messages|length }}", hello, "var «doc» 1");
    check_spans("{{ messages[0].content }}{{ messages[0].role }}", hello, "« Hi, there user»");
    check_spans("plain", hello, "plain");
    check_spans("{% if messages[0].role == 'user' %}user{% endif %}", hello, "user");
}

static void spans_survive_cutting_and_joining(void **state) {
    (void)state;
    const char *const mixed = "{% set x = '[' + messages[0].content + ']' %}";
    char source[256];
    const struct {
        const char *expression, *want;
    } cases[] = {
        {"{{ x }}", "[« Hi, there »]"},
        {"{{ x[1:4] }}", "« Hi»"},
        {"{{ x[:3] }}", "[« H»"},
        {"{{ x[::-1] }}", "]« ereht ,iH »["},
        {"{{ x[-1] }}{{ x[2] }}", "]«H»"},
        {"{{ x|upper }}", "[« HI, THERE »]"},
        {"{{ x.split(', ')|join('|') }}", "[« Hi»|«there »]"},
        {"{{ x|replace('Hi', 'Ho') }}", "[« »Ho«, there »]"},
        {"{{ x.replace('[', messages[0].role) }}", "«user Hi, there »]"},
        {"{{ x.strip('[]') }}", "« Hi, there »"},
        {"{{ x|list|join }}", "[« Hi, there »]"},
        {"{{ [x, 'y']|join(', ') }}", "[« Hi, there »], y"},
        {"{{ x * 2 }}", "[« Hi, there »][« Hi, there »]"},
        {"{{ x|center(19) }}", "   [« Hi, there »]   "},
        {"{{ x.partition(',')[2] }}", "« there »]"},
        {"{{ ('<' + messages[0].role)|e }}", "&lt;«user»"},
        {"{% for c in x[:3] %}{{ c }}{% endfor %}", "[« H»"},
        {"{% set y %}<{{ x }}>{% endset %}{{ y }}", "<[« Hi, there »]>"},
        {"{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(x) }}", "<[« Hi, there »]>"},
        {"{% filter upper %}a{{ x }}{% endfilter %}", "A[« HI, THERE »]"},
        {"{{ (x ~ '\\nb')|indent(2) }}", "[« Hi, there »]\n  b"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(source, sizeof(source), "%s%s", mixed, cases[i].expression);
        check_spans(source, hello, cases[i].want);
    }
}

static void what_shows_structures_is_data_throughout(void **state) {
    (void)state;
    check_spans("a {{ tools|tojson }} b", hello, "a «[{\"name\": \"f<|x|>\"}]» b");
    check_spans("a {{ ['t', messages[0].role] }} b", hello, "a «['t', 'user']» b");
    check_spans("{{ ['t', 1]|tojson }}", hello, "[\"t\", 1]");
    check_spans("{% for k, v in tools[0]|items %}{{ k }}={{ v }}{% endfor %}", hello,
                "«name»=«f<|x|>»");
}

static void long_concatenations_cost_their_length(void **state) {
    (void)state;
    /* 20,000 additions to one string: 2 MB of output, though the sum of all lengths is 20 GB. */
    static const char source[] =
        "{% set ns = namespace(s='', p='') %}{% for i in range(20000) %}"
        "{% set ns.s = ns.s + '<' + messages[0].content * 9 %}{% set ns.p = '(' + ns.p %}"
        "{% endfor %}{{ ns.s ~ ns.p }}";
    struct arena a = {0};
    const struct json *in;
    struct chat_rendering out;
    char *text = arena_printf(&a, "{\"messages\": %s}", hello);
    assert_ok(json_parse(&a, text, strlen(text), 0, &in));
    assert_ok(render(source, strlen(source), in, &out));
    assert_int_equal(out.text.len, 20000 * (1 + 9 * 11 + 1));
    assert_int_equal(out.n_data_spans, 20000);
    assert_int_equal(out.data_spans[1].begin, 101);
    chat_rendering_release(&out);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(renders_whole_templates_as_the_reference_does),
        test_case(renders_every_construct_as_the_reference_does),
        test_case(a_compiled_template_can_be_rendered_again_and_again),
        test_case(spans_tell_data_from_template),
        test_case(spans_survive_cutting_and_joining),
        test_case(what_shows_structures_is_data_throughout),
        test_case(long_concatenations_cost_their_length),
    };
    return run_group("text/chat_template", tests);
}
