/*
 * test_chat_template_limits.c - templates that are wrong, unsupported or hostile: each ends with
 * its status, the place in the template, and nothing left behind.
 */
#include "text/chat_template.h"

#include <time.h>

#include "base/file.h"
#include "tests/support/test.h"
#include "text/jinja_run.h"

static karma_status render(const char *source, const struct jinja_limits *limits) {
    static const char messages[] = "[{\"role\": \"user\", \"content\": \"secret words\"}]";
    struct chat_template *t = NULL;
    struct chat_rendering out = {0};
    struct arena a = {0};
    struct chat_template_input in = {.now_s = 0};
    karma_status st = json_parse(&a, messages, strlen(messages), 0, &in.messages);
    if (st == KARMA_OK) st = chat_template_compile(source, strlen(source), &t);
    if (st == KARMA_OK) st = chat_template_render_within(t, &in, limits, &out);
    if (st < 0) assert_null(out.text.data);
    chat_rendering_release(&out);
    chat_template_destroy(t);
    arena_release(&a);
    return st;
}

struct wrong {
    const char *source;
    karma_status status;
    const char *message;
};

static void check(const struct wrong *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const karma_status st = render(cases[i].source, &jinja_default_limits);
        if (st != cases[i].status) {
            fail_msg("%s: %s, wanted %s: %s", cases[i].source, karma_status_name(st),
                     karma_status_name(cases[i].status), karma_error_message());
        }
        if (!strstr(karma_error_message(), cases[i].message)) {
            fail_msg("%s: \"%s\" does not hold \"%s\"", cases[i].source, karma_error_message(),
                     cases[i].message);
        }
    }
}

#define CHECK(cases) check(cases, sizeof(cases) / sizeof((cases)[0]))

static void mistakes_name_line_and_column(void **state) {
    (void)state;
    static const struct wrong cases[] = {
        {"{{ 1 + }}", KARMA_E_SYNTAX, "line 1, column 8: expected an expression, found '}}'"},
        {"a\nbé {{ (1 }}", KARMA_E_SYNTAX, "line 2, column 10: unexpected '}'"},
        {"{% if true %}\nx", KARMA_E_SYNTAX, "line 2, column 2: expected elif, found the end"},
        {"x\n{% endif %}", KARMA_E_SYNTAX, "line 2, column 4: misplaced tag endif"},
        {"{% for x in y %}{% endif %}", KARMA_E_SYNTAX, "misplaced tag endif"},
        {"{{ 'a", KARMA_E_SYNTAX, "line 1, column 4: the string is not closed"},
        {"\n\n {# x", KARMA_E_SYNTAX, "line 3, column 2: the comment is not closed"},
        {"{% raw %}x", KARMA_E_SYNTAX, "the raw block is not closed"},
        {"{{ a b }}", KARMA_E_SYNTAX, "line 1, column 6: expected '}}', found b"},
        {"{{ a ? b }}", KARMA_E_SYNTAX, "line 1, column 6: unexpected character"},
        {"{{ '\\x4' }}", KARMA_E_SYNTAX, "truncated escape sequence"},
        {"{{ '\\ud800' }}", KARMA_E_SYNTAX, "escape sequence for no character"},
        {"{% set 1 = 2 %}", KARMA_E_SYNTAX, "line 1, column 8: this cannot be assigned to"},
        {"{% break %}", KARMA_E_SYNTAX, "outside of a for loop"},
        {"{% for x in y %}{% macro m() %}{% break %}", KARMA_E_SYNTAX, "outside of a for loop"},
        {"{% macro m(a=1, b) %}{% endmacro %}", KARMA_E_SYNTAX, "non-default argument"},
        {"{{ f(a=1, 2) }}", KARMA_E_SYNTAX, "wrong order of arguments"},
        {"{{ f(a=1, a=2) }}", KARMA_E_SYNTAX, "wrong order of arguments"},
        {"{{ x is string is none }}", KARMA_E_SYNTAX, "chained"},
        {"{% call x %}{% endcall %}", KARMA_E_SYNTAX, "expected a call"},
        {"{% %}", KARMA_E_SYNTAX, "expected the name of a tag"},
        {"{{ }}", KARMA_E_SYNTAX, "expected an expression"},
        {"{{ 99999999999999999999 }}", KARMA_E_RANGE, "beyond 64 bits"},
    };
    CHECK(cases);
}

static void what_is_not_supported_is_named(void **state) {
    (void)state;
    static const struct wrong cases[] = {
        {"{% include 'x' %}", KARMA_E_UNSUPPORTED, "line 1, column 4: the tag include"},
        {"{% import 'x' as y %}", KARMA_E_UNSUPPORTED, "the tag import"},
        {"{% extends 'x' %}", KARMA_E_UNSUPPORTED, "the tag extends"},
        {"{% block x %}{% endblock %}", KARMA_E_UNSUPPORTED, "the tag block"},
        {"{% nonsense %}", KARMA_E_UNSUPPORTED, "the tag nonsense"},
        {"{{ '\\N{DASH}' }}", KARMA_E_UNSUPPORTED, "\\N{...}"},
        {"\n{{ 'x'|unknown }}", KARMA_E_UNSUPPORTED,
         "line 2, column 8: the filter unknown is not known"},
        {"{{ 'x'|pprint }}", KARMA_E_UNSUPPORTED, "the filter pprint is not supported"},
        {"{{ 1 is unknown }}", KARMA_E_UNSUPPORTED, "the test unknown is not known"},
        {"{{ [1]|map('unknown')|list }}", KARMA_E_UNSUPPORTED, "the filter unknown"},
        {"{{ [1]|select('unknown')|list }}", KARMA_E_UNSUPPORTED, "the test unknown"},
        {"{{ 'a'.swapcase() }}", KARMA_E_UNSUPPORTED, "swapcase() is not supported"},
        {"{{ '{}'.format(1) }}", KARMA_E_UNSUPPORTED, "format() is not supported"},
        {"{{ '%s' % 1 }}", KARMA_E_UNSUPPORTED, "formatting with % is not supported"},
        {"{{ cycler(1) }}", KARMA_E_UNSUPPORTED, "cycler() is not supported"},
        {"{{ [1]|map('int') }}", KARMA_E_UNSUPPORTED, "a generator cannot be printed"},
        {"{{ (-8) ** 0.5 }}", KARMA_E_UNSUPPORTED, "complex numbers"},
        {"{{ strftime_now('%Q') }}", KARMA_E_UNSUPPORTED, "the time format %Q"},
        {"{% set ns = namespace(_x=1) %}", KARMA_E_UNSUPPORTED, "begin with _"},
    };
    CHECK(cases);
    /* An unknown filter or test in a branch not taken is no mistake, as in the reference. */
    assert_ok(render("{% if false %}{{ 1|unknown }}{{ 1 is unknown }}{% endif %}",
                     &jinja_default_limits));
}

static void failures_at_run_time_name_their_place(void **state) {
    (void)state;
    static const struct wrong cases[] = {
        {"x\n  {{ nothing.a }}", KARMA_E_MISSING, "line 2, column 13: 'nothing' is undefined"},
        {"{{ {}.a.b }}", KARMA_E_MISSING, "'dict object' has no attribute 'a'"},
        {"{{ [1][7] + 1 }}", KARMA_E_MISSING, "list object has no element 7"},
        {"{{ none.a.b }}", KARMA_E_MISSING, "'None' has no attribute 'a'"},
        {"{{ nothing() }}", KARMA_E_MISSING, "'nothing' is undefined"},
        {"{{ messages[0].content.x.y }}", KARMA_E_MISSING, "'str object' has no attribute 'x'"},
        {"{{ {}[messages[0].content].x }}", KARMA_E_MISSING, "no attribute '<data>'"},
        {"{{ 'a' + 1 }}", KARMA_E_TYPE, "can only concatenate str (not \"int\") to str"},
        {"{{ [] - 1 }}", KARMA_E_TYPE, "unsupported operand types for -: 'list' and 'int'"},
        {"{{ 1 < 'a' }}", KARMA_E_TYPE, "'<' is not supported between 'int' and 'str'"},
        {"{{ 5() }}", KARMA_E_TYPE, "'int' object is not callable"},
        {"{{ {[]: 1} }}", KARMA_E_TYPE, "unhashable type: 'list'"},
        {"{% for x in 5 %}{% endfor %}", KARMA_E_TYPE, "'int' object is not iterable"},
        {"{% set x.y = 1 %}", KARMA_E_TYPE, "non-namespace object"},
        {"{{ 'x'|replace('a') }}", KARMA_E_TYPE, "replace needs its argument new"},
        {"{{ 'x'|trim(1, 2) }}", KARMA_E_TYPE, "trim takes at most 1 arguments, 2 given"},
        {"{{ 'x'|trim(y=1) }}", KARMA_E_TYPE, "trim has no argument named y"},
        {"{{ 1 // 0 }}", KARMA_E_RANGE, "division by zero"},
        {"{{ 'a'.split('') }}", KARMA_E_RANGE, "empty separator"},
        {"{% set a, b = [1] %}", KARMA_E_RANGE, "2 values wanted, 1 found"},
        {"{{ 9223372036854775807 + 1 }}", KARMA_E_RANGE, "beyond 64 bits"},
        {"{{ -9223372036854775807 - 2 }}", KARMA_E_RANGE, "beyond 64 bits"},
        {"{{ 2 ** 63 }}", KARMA_E_RANGE, "beyond 64 bits"},
        {"{{ [1].append(2) }}", KARMA_E_MISSING, "access to attribute 'append' of 'list' object"},
        {"{{ ''.__class__.x }}", KARMA_E_MISSING, "access to attribute '__class__' of 'str'"},
    };
    CHECK(cases);
}

static void refusals_of_a_template_do_not_show_what_users_wrote(void **state) {
    (void)state;
    static const struct wrong cases[] = {
        {"\n{{ raise_exception('Roles\n must alternate') }}", KARMA_E_USAGE,
         "line 2, column 19: the template refuses: Roles\\x0a must alternate"},
        {"{{ raise_exception('No role ' + messages[0].role + '!') }}", KARMA_E_USAGE,
         "No role user!"},
        {"{{ raise_exception('Bad: ' + messages[0].content) }}", KARMA_E_USAGE,
         "Bad: <12 bytes of data>"},
    };
    CHECK(cases);
}

/* before, n copies of open, middle, n copies of close, after. */
static karma_status render_nested(const char *before, const char *open, const char *middle,
                                  const char *close, const char *after, int n) {
    struct buf source = {0};
    assert_ok(buf_puts(&source, before));
    for (int i = 0; i < n; i++)
        assert_ok(buf_puts(&source, open));
    assert_ok(buf_puts(&source, middle));
    for (int i = 0; i < n; i++)
        assert_ok(buf_puts(&source, close));
    assert_ok(buf_puts(&source, after));
    const karma_status st = render(source.data, &jinja_default_limits);
    buf_release(&source);
    return st;
}

static void nesting_is_bounded(void **state) {
    (void)state;
    static const char *const cases[][5] = {
        {"", "{% if true %}", "x", "{% endif %}", ""},
        {"", "{% for x in y %}", "x", "{% endfor %}", ""},
        {"", "{% macro m() %}", "x", "{% endmacro %}", ""},
        {"", "{% set x %}", "x", "{% endset %}", ""},
        {"{{ ", "(", "1", ")", " }}"},
        {"{{ ", "[", "1", "]", " }}"},
        {"{{ ", "{1:", "1", "}", " }}"},
        {"{{ ", "not ", "1", "", " }}"},
        {"{{ ", "-", "1", "", " }}"},
        {"{{ ", "dict(a=", "1", ")", " }}"},
        {"{{ ", "[1][", "0", "]", " is defined }}"},
        {"{{ ", "1 if 1 else ", "1", "", " }}"},
        {"{{ 1", "|default(1", "", ")", " }}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const *c = cases[i];
        assert_ok(render_nested(c[0], c[1], c[2], c[3], c[4], 90));
        for (int n = 1000; n <= 30000; n *= 30) {
            assert_status(render_nested(c[0], c[1], c[2], c[3], c[4], n), KARMA_E_LIMIT);
        }
    }
}

static void chains_are_not_nesting(void **state) {
    (void)state;
    const char *const parts[] = {" + 1", " and 1", " or 1", " == 1", " * 1"};
    struct buf source = {0};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        buf_clear(&source);
        assert_ok(buf_puts(&source, "{{ 1"));
        for (int k = 0; k < 20000; k++)
            assert_ok(buf_puts(&source, parts[i]));
        assert_ok(buf_puts(&source, " }}"));
        assert_ok(render(source.data, &jinja_default_limits));
    }
    /* These do nest when they are evaluated, and are bounded. */
    const char *const deep[] = {".a", "[0]", "|string", " if 1", "()", " is none"};
    for (size_t i = 0; i < sizeof(deep) / sizeof(deep[0]); i++) {
        buf_clear(&source);
        assert_ok(buf_puts(&source, "{{ x"));
        for (int k = 0; k < 20000; k++)
            assert_ok(buf_puts(&source, deep[i]));
        assert_ok(buf_puts(&source, " }}"));
        assert_true(render(source.data, &jinja_default_limits) < 0);
    }
    buf_release(&source);
}

/* Each must end with E_LIMIT soon and in bounded memory. */
static void hostile_programs_reach_a_limit(void **state) {
    (void)state;
    static const char *const sources[] = {
        "{{ range(1000000000) }}",
        "{{ range(0, 9223372036854775807, 1)|list }}",
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro m(n) %}{{ m(n)|upper|upper }}{% endmacro %}{{ [1, 2]|map('string')|join(m(1)) }}",
        "{% set ns = namespace(s='x') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}"
        "{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s|upper %}"
        "{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = ns.l + ns.l %}"
        "{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}"
        "{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}"
        "{% endfor %}{{ ns.l|tojson }}",
        "{% set ns = namespace(l=(), m=()) %}{% for i in range(90000) %}{% set ns.l = (ns.l,) %}"
        "{% set ns.m = (ns.m,) %}{% endfor %}{{ ns.l == ns.m }}",
        "{% set ns = namespace(l=()) %}{% for i in range(100000) %}{% set ns.l = (ns.l,) %}"
        "{% endfor %}{{ {}[ns.l] }}",
        "{% set ns = namespace(g=[1]) %}{% for i in range(100000) %}"
        "{% set ns.g = ns.g|map('string') %}{% endfor %}{{ ns.g|list }}",
        "{% set ns = namespace(l=[1, 1]) %}{% for i in range(40) %}{% set ns.l = [ns.l, ns.l] %}"
        "{% endfor %}{{ ns.l == ns.l|list }}{{ ns.l|string|length }}",
        "{% set s = 'x' * 10000000 %}{% for i in range(100000) %}{{ s|length }}"
        "{% set t = s|replace('x', 'xx') %}{% endfor %}",
        "{% set s = 'é' * 10000000 %}{% for i in range(100000) %}{% set t = s[5] %}{% endfor %}",
        "{% set s = 'x' * 1000000 %}{% for i in range(100000) %}{% if s == s ~ '' %}{% endif %}"
        "{% set t = s.count('y') %}{% endfor %}",
        "{% set s = 'a' * 1000000 %}{% set t = 'a' * 500000 ~ 'b' %}{% for i in range(1000) %}"
        "{% set x = s.rfind(t) %}{% set x = s.rsplit(t) %}{% set x = s.find(t) %}{% endfor %}",
        "{% set s = ' ' * 10000000 %}{% for i in range(10000) %}{% set x = s|int + s|float %}"
        "{% set x = s.center(3)|length %}{% endfor %}",
        "{{ 'x'|center(999999999) }}",
        "{{ 'x'.ljust(99999999999) }}",
        "{{ 'x'|indent(999999999) }}",
        "{{ [1]|batch(9999999999, 'x')|list }}",
        "{{ [1]|slice(9999999999)|list }}",
        "{{ [[[[1]]]]|tojson(indent=99999) }}",
        "{% for i in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
        "{{ ('a' * 60000000) ~ ('b' * 60000000) }}",
        "{{ 'a' * 60000000 }}{{ 'b' * 60000000 }}",
    };
    struct jinja_limits l = jinja_default_limits;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        l.steps = i < 5 ? jinja_default_limits.steps : 2000000; /* the suite is to be quick */
        const clock_t start = clock(); /* of the processor: other work does not count */
        const karma_status st = render(sources[i], &l);
        const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (st != KARMA_E_LIMIT) {
            fail_msg("%s: %s %s", sources[i], karma_status_name(st), karma_error_message());
        }
        if (seconds > 5) fail_msg("%s: took %.1f s", sources[i], seconds);
        assert_message_contains("chat template: line 1, column ");
    }
}

/* Names are looked up one by one: thousands of them must cost steps. */
static void many_names_reach_a_limit(void **state) {
    (void)state;
    struct buf source = {0};
    for (int i = 0; i < 50000; i++)
        assert_ok(buf_printf(&source, "{%%set a%d=1%%}", i));
    assert_ok(buf_puts(&source, "{% for i in range(100000) %}{% for j in range(100) %}{{ a0 }}"
                                "{% endfor %}{% endfor %}"));
    assert_status(render(source.data, &jinja_default_limits), KARMA_E_LIMIT);
    buf_clear(&source);
    assert_ok(buf_puts(&source, "{{ f("));
    for (int i = 0; i < 100000; i++)
        assert_ok(buf_printf(&source, "a%d=1,", i));
    assert_ok(buf_puts(&source, ") }}"));
    assert_status(render(source.data, &jinja_default_limits), KARMA_E_LIMIT);
    assert_message_contains("more than 1000 named arguments");
    buf_release(&source);
}

static void the_callers_limits_count(void **state) {
    (void)state;
    struct jinja_limits l = jinja_default_limits;
    l.steps = 50;
    assert_status(render("{% for i in range(100) %}{% endfor %}", &l), KARMA_E_LIMIT);
    assert_message_contains("more than 50 steps");
    l = jinja_default_limits;
    l.output_bytes = 10;
    assert_ok(render("0123456789", &l));
    assert_status(render("01234567890", &l), KARMA_E_LIMIT);
    assert_status(render("{{ 'a' * 11 }}", &l), KARMA_E_LIMIT);
    l = jinja_default_limits;
    l.memory_bytes = 10000;
    assert_status(render("{{ range(1000)|list|length }}", &l), KARMA_E_LIMIT);
    assert_message_contains("bytes of values");
    l = jinja_default_limits;
    l.range_count = 3;
    assert_ok(render("{{ range(3)|list }}", &l));
    assert_status(render("{{ range(4) }}", &l), KARMA_E_LIMIT);
    l = jinja_default_limits;
    l.call_depth = 3;
    const char *const calls =
        "{%% macro f(n) %%}{%% if n %%}{{ f(n - 1) }}{%% endif %%}{%% endmacro "
        "%%}{{ f(%d) }}";
    char source[128];
    snprintf(source, sizeof(source), calls, 2);
    assert_ok(render(source, &l));
    snprintf(source, sizeof(source), calls, 3);
    assert_status(render(source, &l), KARMA_E_LIMIT);
}

static void sources_are_checked_before_they_are_read(void **state) {
    (void)state;
    struct chat_template *t;
    struct buf source = {0};
    assert_ok(buf_reserve(&source, (1 << 20) + 1));
    memset(source.data, 'x', (1 << 20) + 1);
    assert_ok(chat_template_compile(source.data, 1 << 20, &t));
    chat_template_destroy(t);
    assert_status(chat_template_compile(source.data, (1 << 20) + 1, &t), KARMA_E_LIMIT);
    assert_null(t);
    buf_release(&source);
    assert_status(chat_template_compile("a\xff", 2, &t), KARMA_E_ENCODING);
    assert_message_contains("byte 1");
    assert_ok(chat_template_compile("", 0, &t));
    struct chat_template_input in = {0};
    struct chat_rendering out;
    assert_ok(chat_template_render(t, &in, &out));
    assert_int_equal(out.text.len, 0);
    chat_rendering_release(&out);
    chat_template_destroy(t);
}

static void messages_must_be_objects(void **state) {
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{}", "messages: expected an array, found object"},
        {"[{}, 5]", "message 1: expected an object, found integer"},
    };
    struct chat_template *t;
    assert_ok(chat_template_compile("{{ messages }}", 14, &t));
    for (size_t i = 0; i < 2; i++) {
        struct arena a = {0};
        struct chat_template_input in = {0};
        struct chat_rendering out;
        assert_ok(json_parse(&a, cases[i].json, strlen(cases[i].json), 0, &in.messages));
        assert_status(chat_template_render(t, &in, &out), KARMA_E_TYPE);
        assert_message_contains(cases[i].message);
        arena_release(&a);
    }
    chat_template_destroy(t);
}

static void deep_values_from_outside_are_bounded(void **state) {
    (void)state;
    struct chat_template *t;
    struct arena a = {0};
    struct chat_template_input in = {0};
    struct chat_rendering out;
    struct json *v = json_new_array(&a);
    for (int i = 0; i < 100000; i++) {
        struct json *outer = json_new_array(&a);
        assert_ok(json_push(&a, outer, v));
        v = outer;
    }
    in.tools = v;
    assert_ok(chat_template_compile("{{ tools }}", 11, &t));
    assert_status(chat_template_render(t, &in, &out), KARMA_E_LIMIT);
    chat_template_destroy(t);
    arena_release(&a);
}

static void many_turns_take_linear_time(void **state) {
    (void)state;
    struct chat_template *t;
    struct arena a = {0};
    struct buf source = {0};
    struct chat_template_input in = {.add_generation_prompt = true};
    struct json *messages = json_new_array(&a);
    for (int i = 0; i < 20000; i++) {
        struct json *m = json_new_object(&a);
        assert_ok(json_set(&a, m, "role", json_new_string(&a, i % 2 ? "assistant" : "user")));
        assert_ok(json_set(&a, m, "content", json_new_string(&a, "x")));
        assert_ok(json_push(&a, messages, m));
    }
    in.messages = messages;
    assert_ok(file_read("tests/fixtures/text/templates/question_answer.jinja", 1 << 20, &source));
    assert_ok(chat_template_compile(source.data, source.len, &t));
    struct chat_rendering out;
    assert_ok(chat_template_render(t, &in, &out));
    assert_int_equal(out.n_data_spans, 20000);
    chat_rendering_release(&out);
    chat_template_destroy(t);
    buf_release(&source);
    arena_release(&a);
}

static karma_status attempt(void *ctx) {
    return render(ctx, &jinja_default_limits);
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    static char source[] =
        "{# n #}{% macro m(a, b=[1]) %}{{ a ~ b }}{{ varargs }}{{ kwargs }}{{ caller() }}"
        "{% endmacro %}{% call m('x', 2, 3, k=4) %}c{% endcall %}{% set ns = namespace(s='') %}"
        "{% for x in messages if x.role is string %}{% set ns.s = ns.s + x.content * 2 %}"
        "{{ loop.cycle(1, 2) }}{% for k, v in x|dictsort %}{{ k|upper ~ v[::-1] }}{% endfor %}"
        "{% else %}{% endfor %}{% set y | trim %} {{ ns.s }} {% endset %}{{ y.split('s')|tojson }}"
        "{{ ['b', 'a']|sort|map('title')|join('\\x41' '\\t') }}{{ {1: 'a', 'k': (1,)} }}"
        "{{ range(3)|batch(2)|list }}{{ y|indent|replace('s', '<')|e }}{{ missing is defined }}"
        "{% with z = strftime_now('%d %b') %}{{ z }}{% endwith %}{{ [3, 4]|select('odd')|list }}"
        "{% filter lower %}{{ ns.s|truncate(9) ~ 'Q'|center(5) }}{% endfilter %}"
        "{{ messages[0].items()|list|string|length }}{{ dict(a=1)|tojson(indent=1, sort_keys=true) "
        "}}";
    assert_true(for_each_failing_allocation(attempt, source) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(mistakes_name_line_and_column),
        test_case(what_is_not_supported_is_named),
        test_case(failures_at_run_time_name_their_place),
        test_case(refusals_of_a_template_do_not_show_what_users_wrote),
        test_case(nesting_is_bounded),
        test_case(chains_are_not_nesting),
        test_case(hostile_programs_reach_a_limit),
        test_case(many_names_reach_a_limit),
        test_case(the_callers_limits_count),
        test_case(sources_are_checked_before_they_are_read),
        test_case(messages_must_be_objects),
        test_case(deep_values_from_outside_are_bounded),
        test_case(many_turns_take_linear_time),
        test_case(every_failing_allocation_is_reported),
    };
    return run_group("text/chat_template limits", tests);
}
