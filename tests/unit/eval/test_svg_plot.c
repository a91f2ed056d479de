/* test_svg_plot.c - HTML that is written and plots: what is foreign is escaped, what is drawn is
 * also said, coordinates stay within the picture whatever the numbers are. */
#include <locale.h>
#include <math.h>

#include "eval/html.h"
#include "eval/svg_plot.h"
#include "tests/support/test.h"

static const char *escaped(struct buf *b, const char *text, size_t len) {
    buf_clear(b);
    assert_ok(html_escape(b, text, len));
    return buf_str(b);
}

static void foreign_text_is_no_markup(void **state) {
    (void)state;
    struct buf b = {0};
    assert_string_equal(escaped(&b, "</script><b a=\"1\" c='2'>&amp;", 29),
                        "&lt;/script&gt;&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;");
    assert_string_equal(escaped(&b, "a\0b\x1B\x7F\n\t", 7), "a\xEF\xBF\xBD"
                                                            "b\xEF\xBF\xBD\xEF\xBF\xBD\n\t");
    assert_string_equal(escaped(&b, "\xC3(\xFF", 3), "\xEF\xBF\xBD(\xEF\xBF\xBD");
    assert_string_equal(escaped(&b, "\xC2\x85", 2), "\xEF\xBF\xBD"); /* a C1 control */
    buf_release(&b);
}

static void what_turns_text_is_shown_and_what_scripts_need_stays(void **state) {
    (void)state;
    struct buf b = {0};
    assert_string_equal(escaped(&b,
                                "\xE2\x80\xAE"
                                "abc\xE2\x81\xA6",
                                9),
                        "[U+202E]abc[U+2066]");
    assert_string_equal(escaped(&b, "\xE0\xA4\x95\xE2\x80\x8D", 6), "\xE0\xA4\x95\xE2\x80\x8D");
    buf_release(&b);
}

static void numbers_do_not_depend_on_the_locale(void **state) {
    (void)state;
    char out[64];
    char *before = strdup(setlocale(LC_ALL, NULL));
    setlocale(LC_ALL, "de_DE.UTF-8");
    assert_string_equal(html_format_number(out, 0.5, 3), "0.500");
    setlocale(LC_ALL, before);
    free(before);
    assert_string_equal(html_format_number(out, 1234.0005, 2), "1234.00");
    assert_string_equal(html_format_number(out, 0.99951, 3), "1.000");
    assert_string_equal(html_format_number(out, -0.25, 2), "\xE2\x88\x92"
                                                           "0.25");
    assert_string_equal(html_format_number(out, -0.0001, 2), "0.00"); /* no minus nothing */
    assert_string_equal(html_format_number(out, NAN, 3), "\xE2\x80\x94");
    assert_string_equal(html_format_number(out, INFINITY, 3), "very large");
    assert_string_equal(html_format_number(out, -1e300, 3), "very small");
    assert_string_equal(html_format_number(out, 7, 0), "7");
    assert_string_equal(html_format_count(out, 0), "0");
    assert_string_equal(html_format_count(out, 999), "999");
    assert_string_equal(html_format_count(out, 1234567), "1,234,567");
}

static void kinds_of_media_are_told_by_their_bytes(void **state) {
    (void)state;
    const unsigned char *png = (const unsigned char *)"\x89PNG\r\n\x1A\n....";
    assert_string_equal(html_image_type(png, 12), "image/png");
    assert_null(html_image_type(png, 7));
    assert_string_equal(html_image_type((const unsigned char *)"\xFF\xD8\xFF", 3), "image/jpeg");
    assert_string_equal(html_image_type((const unsigned char *)"RIFF....WEBP", 12), "image/webp");
    assert_null(html_image_type((const unsigned char *)"<svg onload=", 12));
    assert_string_equal(html_audio_type((const unsigned char *)"RIFF....WAVE", 12), "audio/wav");
    assert_string_equal(html_audio_type((const unsigned char *)"fLaC", 4), "audio/flac");
    assert_string_equal(html_audio_type((const unsigned char *)"OggS", 4), "audio/ogg");
    assert_string_equal(html_audio_type((const unsigned char *)"ID3", 3), "audio/mpeg");
    assert_null(html_audio_type((const unsigned char *)"RIFF....WEBP", 12));
    assert_null(html_audio_type((const unsigned char *)"", 0));
}

static void after_a_failure_nothing_is_written(void **state) {
    (void)state;
    struct html h = {0};
    html_element(&h, "td class=\"n\"", "a<b");
    assert_string_equal(buf_str(&h.text), "<td class=\"n\">a&lt;b</td>");
    html_fail(&h, status_fail(KARMA_E_IO, "once"));
    html_fail(&h, KARMA_E_NOMEM);
    html_raw(&h, "more");
    html_text(&h, "more");
    assert_int_equal(html_end(&h), KARMA_E_IO);
    assert_null(strstr(buf_str(&h.text), "more"));
    html_release(&h);
}

/* How often a text stands in another. */
static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

/* Every coordinate is a number, and those across lie within 0 and 440. */
static void assert_within(const char *svg) {
    static const char *const names[] = {" x=\"", " x1=\"", " x2=\"", " cx=\""};
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "\"\xE2\x80\x94"));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (const char *p = svg; (p = strstr(p, names[i])); p++) {
            const double v = strtod(p + strlen(names[i]), NULL);
            assert_true(v >= 0 && v <= 440);
        }
}

static void a_forest_plot_says_what_it_draws(void **state) {
    (void)state;
    struct html h = {0};
    const struct plot_row rows[] = {
        {.label = "a<script>", .value = 0.5, .low = 0.4, .high = 0.61, .n = 1200},
        {.label = "second", .value = 0.25, .low = 0.2, .high = 0.3, .style = 1},
        {.label = "no score", .value = NAN, .low = NAN, .high = NAN},
        {.label = "a very long path of a data set, of which the end tells it apart: here",
         .value = 1,
         .low = NAN,
         .high = NAN,
         .style = 7},
    };
    const struct plot_forest p = {.head = {"forest", "Scores & more", "What \"is\" drawn"},
                                  .rows = rows,
                                  .n = 4,
                                  .low = 0,
                                  .high = 1,
                                  .line = 0.5};
    plot_forest(&h, &p);
    assert_ok(html_end(&h));
    const char *svg = buf_str(&h.text);
    assert_non_null(strstr(svg, "<svg role=\"img\" viewBox=\"0 0 440 "));
    assert_non_null(strstr(svg, "aria-labelledby=\"forest-t forest-d\""));
    assert_non_null(strstr(svg, "<title id=\"forest-t\">Scores &amp; more</title>"));
    assert_non_null(strstr(svg, "<desc id=\"forest-d\">What &quot;is&quot; drawn</desc>"));
    assert_non_null(strstr(svg, ">a&lt;script&gt;</text>"));
    assert_null(strstr(svg, "<script"));
    assert_non_null(strstr(svg, ">0.500 (0.400 to 0.610), n 1,200</text>"));
    assert_non_null(strstr(svg, ">0.250 (0.200 to 0.300)</text>"));
    assert_non_null(strstr(svg, "tells it apart: here</text>"));
    assert_int_equal(count(svg, "<circle class=\"v0\""), 2);
    assert_int_equal(count(svg, "<rect class=\"v1\""), 1);
    assert_int_equal(count(svg, "class=\"i0\""), 3);
    assert_within(svg);
    html_release(&h);
}

static void axes_stand_whatever_the_numbers_are(void **state) {
    (void)state;
    static const double values[][3] = {{0, 0, 0},          {1e-9, 2e-9, 3e-9}, {-5, 0, 1e11},
                                       {1e300, -1e300, 0}, {NAN, NAN, NAN},    {INFINITY, 0, 1},
                                       {7, 7, 7},          {-0.3, -0.5, -0.1}};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct html h = {0};
        const struct plot_row row = {
            .label = "x", .value = values[i][0], .low = values[i][1], .high = values[i][2]};
        const struct plot_forest p = {.head = {"f", "t", "d"},
                                      .rows = &row,
                                      .n = 1,
                                      .low = NAN,
                                      .high = NAN,
                                      .line = NAN,
                                      .is_signed = true};
        plot_forest(&h, &p);
        assert_ok(html_end(&h));
        assert_within(buf_str(&h.text));
        assert_true(count(buf_str(&h.text), "class=\"m\"") >= 2); /* ticks */
        html_release(&h);
    }
}

static void rows_beyond_the_limit_are_counted(void **state) {
    (void)state;
    struct html h = {0};
    struct plot_row rows[PLOT_MAX_ROWS + 3];
    for (size_t i = 0; i < PLOT_MAX_ROWS + 3; i++)
        rows[i] = (struct plot_row){.label = "row", .value = 0.5, .low = NAN, .high = NAN};
    const struct plot_forest p = {.head = {"f", "t", "d"},
                                  .rows = rows,
                                  .n = PLOT_MAX_ROWS + 3,
                                  .low = 0,
                                  .high = 1,
                                  .line = NAN};
    plot_forest(&h, &p);
    assert_int_equal(count(buf_str(&h.text), ">row</text>"), PLOT_MAX_ROWS);
    assert_non_null(strstr(buf_str(&h.text), ">3 more are in the table</text>"));
    html_release(&h);
}

static void bars_are_shares_and_their_legend_has_the_counts(void **state) {
    (void)state;
    struct html h = {0};
    static const char *const names[] = {"right & good", "cut", "never"};
    const struct plot_bar bars[] = {{.label = "set", .parts = {300, 100}},
                                    {.label = "empty", .parts = {0}}};
    const struct plot_stack p = {
        .head = {"s", "t", "d"}, .names = names, .n_parts = 3, .bars = bars, .n = 2};
    plot_stack(&h, &p);
    const char *svg = buf_str(&h.text);
    assert_non_null(strstr(svg, "width=\"318.0\"")); /* three quarters of 424 */
    assert_non_null(strstr(svg, "width=\"106.0\""));
    assert_non_null(strstr(svg, ">right &amp; good: 300</text>"));
    assert_non_null(strstr(svg, ">cut: 100</text>"));
    assert_null(strstr(svg, "never"));
    assert_non_null(strstr(svg, ">0 samples</text>"));
    assert_within(svg);
    html_release(&h);
}

static void columns_and_curves_stay_within(void **state) {
    (void)state;
    struct html h = {0};
    const struct plot_column columns[] = {{"A", 10, 12.5}, {"B", 0, NAN}, {"C", NAN, 12.5}};
    const struct plot_columns c = {.head = {"c", "t", "d"}, .columns = columns, .n = 3};
    plot_columns(&h, &c);
    assert_int_equal(count(buf_str(&h.text), "class=\"i1\""), 2);
    assert_non_null(strstr(buf_str(&h.text), ">10</text>"));
    assert_within(buf_str(&h.text));
    html_release(&h);
    h = (struct html){0};
    const struct plot_point points[] = {{0.1, 0.2, 4}, {0.5, 0.5, 0}, {2, -1, 16}};
    const struct plot_curve p = {.head = {"k", "t", "d"},
                                 .x_name = "con<fidence",
                                 .y_name = "risk",
                                 .points = points,
                                 .n = 3,
                                 .diagonal = true};
    plot_curve(&h, &p);
    assert_int_equal(count(buf_str(&h.text), "<circle"), 2);
    assert_int_equal(count(buf_str(&h.text), "class=\"ref\""), 1);
    assert_non_null(strstr(buf_str(&h.text), "con&lt;fidence"));
    assert_within(buf_str(&h.text));
    html_release(&h);
}

static karma_status draw(void *ctx) {
    struct html h = {0};
    const struct plot_row row = {.label = "x", .value = 0.5, .low = 0.1, .high = 0.9};
    const struct plot_forest p = {
        .head = {"f", "t", "d"}, .rows = &row, .n = 1, .low = 0, .high = 1, .line = NAN};
    (void)ctx;
    plot_forest(&h, &p);
    const karma_status st = html_end(&h);
    html_release(&h);
    return st;
}

static void no_memory_is_an_error(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(draw, NULL) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(foreign_text_is_no_markup),
        test_case(what_turns_text_is_shown_and_what_scripts_need_stays),
        test_case(numbers_do_not_depend_on_the_locale),
        test_case(kinds_of_media_are_told_by_their_bytes),
        test_case(after_a_failure_nothing_is_written),
        test_case(a_forest_plot_says_what_it_draws),
        test_case(axes_stand_whatever_the_numbers_are),
        test_case(rows_beyond_the_limit_are_counted),
        test_case(bars_are_shares_and_their_legend_has_the_counts),
        test_case(columns_and_curves_stay_within),
        test_case(no_memory_is_an_error),
    };
    return run_group("eval/svg_plot", tests);
}
