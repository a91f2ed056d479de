/*
 * test_subtitles.c - words to cues, as SubRip and WebVTT. The program's files are no part of the
 * library, so they are taken in here.
 */
#include "cli/subtitles.c"
#include "cli/text_out.c"

#include "tests/support/test.h"

static void assert_srt(const char *segments, const char *want) {
    struct text_out out = {0};
    json_t *list = json_loads(segments, 0, NULL);
    assert_non_null(list);
    assert_true(subtitles_srt(&out, list));
    assert_string_equal(out.text, want);
    text_free(&out);
    json_decref(list);
}

static void a_pause_ends_a_cue(void **state) {
    (void)state;
    assert_srt(
        "[{\"text\": \"a\", \"begin\": 0.0, \"end\": 0.4}, {\"text\": \"b\", \"begin\": 0.5, "
        "\"end\": 1.0}, {\"text\": \"c\", \"begin\": 1.6, \"end\": 2.0}]",
        "1\n00:00:00,000 --> 00:00:01,000\na b\n\n2\n00:00:01,600 --> 00:00:02,000\nc\n");
}

static void a_cue_lasts_seven_seconds_at_most(void **state) {
    (void)state;
    assert_srt("[{\"text\": \"a\", \"begin\": 3598, \"end\": 3601}, {\"text\": \"b\", \"begin\": "
               "3601.1, \"end\": 3604.9}, {\"text\": \"c\", \"begin\": 3605, \"end\": 3606}]",
               "1\n00:59:58,000 --> 01:00:04,900\na b\n\n2\n01:00:05,000 --> 01:00:06,000\nc\n");
}

static void a_long_cue_has_two_lines_and_no_third(void **state) {
    (void)state;
    struct text_out out = {0};
    json_t *list = json_array();
    for (int i = 0; i < 30; i++)
        json_array_append_new(list, json_pack("{s:s, s:f, s:f}", "text",
                                              "\xe0\xa4\xa6\xe0\xa4\xb5\xe0\xa4\xbe", "begin",
                                              0.1 * i, "end", 0.1 * i + 0.05));
    assert_true(subtitles_srt(&out, list));
    size_t on_line = 0, lines = 0;
    for (const char *p = out.text; *p; p++) {
        if (*p == '\n') {
            assert_true(on_line <= LINE_CHARACTERS);
            lines = on_line == 0 ? 0 : lines + 1;
            assert_true(lines <= 4); /* number, times, two of text */
            on_line = 0;
        } else {
            on_line += (*p & 0xC0) != 0x80;
        }
    }
    text_free(&out);
    json_decref(list);
}

static void a_word_that_takes_no_time_is_seen_all_the_same(void **state) {
    (void)state;
    assert_srt("[{\"text\": \"a\", \"begin\": 1.0, \"end\": 1.0}]",
               "1\n00:00:01,000 --> 00:00:01,200\na\n");
}

static void tags_are_written_out_in_webvtt(void **state) {
    (void)state;
    struct text_out out = {0};
    json_t *list = json_loads(
        "[{\"text\": \"<unk>&\", \"begin\": 0, \"end\": 1}, {\"text\": \"b\\nc\", \"begin\": 2, "
        "\"end\": 3}]",
        0, NULL);
    assert_true(subtitles_vtt(&out, list));
    assert_string_equal(out.text, "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n&lt;unk&gt;&amp;\n\n"
                                  "00:00:02.000 --> 00:00:03.000\nb c\n");
    text_free(&out);
    json_decref(list);
}

static void silence_has_no_cue(void **state) {
    (void)state;
    struct text_out out = {0};
    json_t *none = json_array();
    assert_srt("[]", "");
    assert_true(subtitles_vtt(&out, none));
    assert_string_equal(out.text, "WEBVTT\n");
    text_free(&out);
    json_decref(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_pause_ends_a_cue),
        test_case(a_cue_lasts_seven_seconds_at_most),
        test_case(a_long_cue_has_two_lines_and_no_third),
        test_case(a_word_that_takes_no_time_is_seen_all_the_same),
        test_case(tags_are_written_out_in_webvtt),
        test_case(silence_has_no_cue),
    };
    return run_group("cli/subtitles", tests);
}
