/* test_isolate_wire.c - a sample with audio or images, a prompt with images, and the times of an
 * output, told and heard again. */
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

static void assert_same_image(const karma_image *a, const karma_image *b) {
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->channels, b->channels);
    assert_int_equal(a->frame, b->frame);
    assert_int_equal(a->n_bytes, b->n_bytes);
    assert_int_equal(!a->path, !b->path);
    assert_int_equal(!a->name, !b->name);
    assert_int_equal(!a->digest, !b->digest);
    assert_int_equal(!a->bytes, !b->bytes);
    assert_int_equal(!a->pixels, !b->pixels);
    if (a->path) assert_string_equal(a->path, b->path);
    if (a->name) assert_string_equal(a->name, b->name);
    if (a->digest) assert_string_equal(a->digest, b->digest);
    if (a->bytes) assert_memory_equal(a->bytes, b->bytes, a->n_bytes);
    if (a->pixels) assert_memory_equal(a->pixels, b->pixels, 12);
}

static const unsigned char pixels[12] = {0, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
static const karma_image images[] = {
    {.path = "a.dcm", .frame = 3, .digest = "ab"},
    {.bytes = "\x89PNG\0", .n_bytes = 5, .name = "scan"},
    {.pixels = pixels, .width = 2, .height = 2, .channels = 3},
};

static void images_are_the_same_on_the_other_side(void **state) {
    (void)state;
    struct arena a = {0};
    struct json *o = json_new_object(&a);
    const karma_message turns[] = {
        {.role = "user", .content = "c", .images = images, .n_images = 2, .images_first = true},
        {.role = "assistant", .content = "d"}};
    const karma_sample in = {.struct_size = sizeof(in),
                             .key = "k",
                             .conversation = turns,
                             .n_messages = 2,
                             .images = images + 2,
                             .n_images = 1};
    karma_sample out;
    assert_ok(wire_put_sample(&a, o, &in));
    assert_ok(wire_get_sample(&a, o, &out));
    assert_int_equal(out.n_images, 1);
    assert_same_image(&out.images[0], &images[2]);
    assert_int_equal(out.conversation[0].n_images, 2);
    assert_true(out.conversation[0].images_first);
    assert_false(out.conversation[1].images_first);
    assert_int_equal(out.conversation[1].n_images, 0);
    for (size_t i = 0; i < 2; i++)
        assert_same_image(&out.conversation[0].images[i], &images[i]);
    arena_release(&a);
}

static void so_are_those_of_a_prompt(void **state) {
    (void)state;
    for (int raw = 0; raw < 2; raw++) {
        struct arena a = {0};
        struct json *o = json_new_object(&a);
        karma_prompt in = {0}, out = {0};
        assert_ok(raw ? karma_prompt_raw(&in, "p") : karma_prompt_add(&in, "user", "p"));
        for (size_t i = 0; i < 3; i++)
            assert_ok(karma_prompt_add_image(&in, 0, &images[i]));
        assert_ok(wire_put_prompt(&a, o, &in));
        assert_ok(wire_get_prompt(&a, o, &out));
        const karma_image *got = raw ? out.raw_images : out.messages[0].images;
        assert_int_equal(raw ? out.n_raw_images : out.messages[0].n_images, 3);
        for (size_t i = 0; i < 3; i++)
            assert_same_image(&got[i], &images[i]);
        prompt_release(&in);
        prompt_release(&out);
        arena_release(&a);
    }
}

static void pixels_of_another_size_are_refused(void **state) {
    (void)state;
    static const int32_t sizes[][3] = {
        {2, 3, 3}, {-2, -2, 3}, {0, 0, 0}, {INT32_MAX, INT32_MAX, 4}};
    for (size_t i = 0; i < 4; i++) {
        struct arena a = {0};
        struct json *o = json_new_object(&a), *list = json_new_array(&a), *im = json_new_object(&a);
        struct json *numbers = json_new_array(&a);
        karma_sample out;
        for (int k = 0; k < 4; k++)
            assert_ok(json_push(&a, numbers, json_new_int(&a, k < 3 ? sizes[i][k] : 0)));
        assert_ok(json_set(&a, im, "numbers", numbers));
        assert_ok(json_set(&a, im, "pixels", json_new_string(&a, "000102030405060708090a0b")));
        assert_ok(json_push(&a, list, im));
        assert_ok(json_set(&a, o, "images", list));
        assert_status(wire_get_sample(&a, o, &out), KARMA_E_SHAPE);
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
        test_case(images_are_the_same_on_the_other_side),
        test_case(so_are_those_of_a_prompt),
        test_case(pixels_of_another_size_are_refused),
        test_case(times_of_an_output_are_the_same),
    };
    return run_group("api/isolate_wire", tests);
}
