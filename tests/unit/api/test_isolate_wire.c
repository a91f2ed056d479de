/* test_isolate_wire.c - a sample with audio, and the times of an output, told and heard again. */
#include "api/isolate.h"
#include "tests/support/test.h"

static void audio_is_the_same_on_the_other_side(void **state) {
    (void)state;
    const float values[] = {0.5f, -1.0f, 1e-30f};
    const karma_audio sounds[] = {
        {.path = "a.wav"},
        {.bytes = "RIFF\0\xFF", .n_bytes = 6, .name = "clip"},
        {.samples = values, .n_samples = 3, .sample_rate = 8000},
    };
    for (size_t i = 0; i < 3; i++) {
        struct arena a = {0};
        struct json *o = json_new_object(&a);
        karma_sample in = {.struct_size = sizeof(in), .key = "k", .audio = &sounds[i]}, out;
        assert_ok(wire_put_sample(&a, o, &in));
        assert_ok(wire_get_sample(&a, o, &out));
        assert_non_null(out.audio);
        assert_int_equal(out.audio->n_bytes, sounds[i].n_bytes);
        assert_int_equal(out.audio->n_samples, sounds[i].n_samples);
        assert_int_equal(out.audio->sample_rate, sounds[i].sample_rate);
        if (i == 0) assert_string_equal(out.audio->path, "a.wav");
        if (i == 1) assert_memory_equal(out.audio->bytes, sounds[i].bytes, 6);
        if (i == 1) assert_string_equal(out.audio->name, "clip");
        if (i == 2) assert_memory_equal(out.audio->samples, values, sizeof(values));
        arena_release(&a);
    }
}

static void broken_bytes_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"abc", "zz", "0G"};
    for (size_t i = 0; i < 3; i++) {
        struct arena a = {0};
        struct json *o = json_new_object(&a), *audio = json_new_object(&a);
        karma_sample out;
        assert_ok(json_set(&a, audio, "bytes", json_new_string(&a, bad[i])));
        assert_ok(json_set(&a, audio, "sample_rate", json_new_int(&a, 0)));
        assert_ok(json_set(&a, o, "audio", audio));
        assert_true(wire_get_sample(&a, o, &out) < 0);
        arena_release(&a);
    }
}

static void times_of_an_output_are_the_same(void **state) {
    (void)state;
    struct arena a = {0};
    struct json *o = json_new_object(&a);
    const karma_output in = {
        .struct_size = sizeof(in), .key = "k", .text = "t", .segments_json = "{\"segments\": []}"};
    karma_output out;
    assert_ok(wire_put_output(&a, o, &in));
    assert_ok(wire_get_output(&a, o, &out));
    assert_string_equal(out.segments_json, in.segments_json);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(audio_is_the_same_on_the_other_side),
        test_case(broken_bytes_are_refused),
        test_case(times_of_an_output_are_the_same),
    };
    return run_group("api/isolate_wire", tests);
}
