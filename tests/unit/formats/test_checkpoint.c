/* test_checkpoint.c - folders, shards, split files and single files; rows ST11, GG13, CF1, CF4, and
 * what is refused (row 1). */
#include "tests/support/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "formats/checkpoint.h"
#include "formats/gguf.h"
#include "tests/support/model_files.h"

static const char config_text[] = "{\"architectures\":[\"TestForCausalLM\"],\"hidden_size\":4}";

/* A tensor entry of one byte, for files with one or two of them. */
#define ENTRY(name, begin, end)                                                                    \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[" begin "," end "]}"

static const char *write_safetensors(const char *name, const char *header, size_t n_data) {
    struct buf b = {0};
    put_safetensors(&b, header, n_data);
    const char *path = write_file(name, b.data, b.len);
    buf_release(&b);
    return path;
}

static const char *write_gguf(const char *name) {
    struct buf b = {0};
    put_small_gguf(&b, 3);
    const char *path = write_file(name, b.data, b.len);
    buf_release(&b);
    return path;
}

static int warnings;
static char last_warning[1024];
static void note_warning(void *user, karma_log_level level, const char *line) {
    (void)user;
    if (level != KARMA_LOG_WARNING) return;
    warnings++;
    snprintf(last_warning, sizeof(last_warning), "%s", line);
}

/* Open with the warnings caught. */
static karma_status open_noting(const char *path, struct checkpoint **ck) {
    warnings = 0;
    karma_set_log(note_warning, NULL);
    karma_status st = checkpoint_open(path, ck);
    karma_set_log(NULL, NULL);
    return st;
}

static void refuse(const char *path, karma_status wanted, const char *message) {
    struct checkpoint *ck = (struct checkpoint *)1;
    assert_status(open_noting(path, &ck), wanted);
    assert_null(ck);
    assert_message_contains(message);
}

static void opens_a_folder_with_one_file(void **state) {
    (void)state;
    write_text("single/config.json", config_text);
    write_text("single/generation_config.json", "{\"top_k\":20}");
    write_text("single/tokenizer.json", "{}");
    write_text("single/README.md", "not part of the model");
    write_safetensors("single/model.safetensors", small_safetensors_header, 22);
    struct checkpoint *ck;
    assert_ok(checkpoint_open(test_path("single"), &ck));
    assert_int_equal(checkpoint_container(ck), CONTAINER_HF);
    assert_string_equal(checkpoint_architecture(ck), "TestForCausalLM");
    assert_string_equal(checkpoint_path(ck), test_path("single"));
    assert_string_equal(checkpoint_folder(ck), test_path("single"));
    assert_null(checkpoint_gguf(ck));
    int64_t v;
    assert_ok(json_need_int(checkpoint_config(ck), "hidden_size", 1, 9, &v));
    assert_ok(json_need_int(checkpoint_generation_config(ck), "top_k", 1, 99, &v));
    assert_int_equal(checkpoint_tensor_count(ck), 2);
    assert_int_equal(checkpoint_weight_bytes(ck), 22);
    const struct named_tensor *b = checkpoint_find(ck, "b");
    assert_ptr_equal(b, checkpoint_tensor(ck, 1));
    assert_string_equal(b->file, "model.safetensors");
    assert_null(checkpoint_find(ck, "c"));
    assert_null(checkpoint_find(ck, ""));
    static const char *const files[] = {"config.json", "generation_config.json",
                                        "model.safetensors", "tokenizer.json", NULL};
    for (int i = 0; i < 5; i++) {
        const char *got = checkpoint_files(ck)[i];
        if (files[i]) {
            assert_string_equal(got, files[i]);
        } else {
            assert_null(got);
        }
    }
    assert_false(checkpoint_has_code(ck));
    checkpoint_close(ck);
    checkpoint_close(NULL);
}

static void opens_a_file_with_its_config_beside_it(void **state) {
    (void)state;
    write_text("beside/config.json", "{}");
    const char *path = write_safetensors("beside/other.safetensors", small_safetensors_header, 22);
    struct checkpoint *ck;
    assert_ok(checkpoint_open(path, &ck));
    assert_string_equal(checkpoint_architecture(ck), "");
    assert_string_equal(checkpoint_folder(ck), test_path("beside"));
    assert_null(checkpoint_generation_config(ck));
    assert_int_equal(checkpoint_tensor_count(ck), 2);
    checkpoint_close(ck);
    path = write_safetensors("alone/other.safetensors", small_safetensors_header, 22);
    refuse(path, KARMA_E_MISSING, "there is no config.json");
}

static karma_status open_and_read_ahead(void *path) {
    struct checkpoint *ck;
    karma_status st = checkpoint_open(path, &ck);
    if (st < 0) return st;
    st = checkpoint_read_ahead(ck);
    if (st == KARMA_OK) st = checkpoint_read_ahead(ck); /* under way already: nothing more */
    checkpoint_close(ck);
    return st;
}

static void reads_ahead_until_it_is_closed(void **state) {
    (void)state;
    char path[512];
    write_text("ahead/config.json", config_text);
    snprintf(path, sizeof(path), "%s",
             write_safetensors("ahead/model.safetensors",
                               "{\"a\":{\"dtype\":\"U8\",\"shape\":[16777216],"
                               "\"data_offsets\":[0,16777216]}}",
                               16777216));
    for (int i = 0; i < 10; i++)
        assert_ok(open_and_read_ahead(path));
    for_each_failing_allocation(open_and_read_ahead, path);
}

/* Two shards with tensors "a" and "b", and an index with the given body. */
static const char *write_shards(const char *folder, const char *index) {
    char name[128];
    snprintf(name, sizeof(name), "%s/config.json", folder);
    write_text(name, config_text);
    snprintf(name, sizeof(name), "%s/one.safetensors", folder);
    write_safetensors(name, "{" ENTRY("a", "0", "1") "}", 1);
    snprintf(name, sizeof(name), "%s/two.safetensors", folder);
    write_safetensors(name, "{" ENTRY("b", "0", "1") "}", 1);
    snprintf(name, sizeof(name), "%s/model.safetensors.index.json", folder);
    write_text(name, index);
    return test_path(folder);
}

static void opens_shards_by_their_index(void **state) { /* ST11 */
    (void)state;
    struct checkpoint *ck;
    assert_ok(
        open_noting(write_shards("shards", "{\"metadata\":{\"total_size\":2.0},\"weight_map\":{"
                                           "\"b\":\"two.safetensors\",\"a\":\"one.safetensors\"}}"),
                    &ck));
    assert_int_equal(warnings, 0);
    assert_int_equal(checkpoint_tensor_count(ck), 2);
    assert_string_equal(checkpoint_find(ck, "a")->file, "one.safetensors");
    assert_string_equal(checkpoint_find(ck, "b")->file, "two.safetensors");
    assert_int_equal(checkpoint_weight_bytes(ck), 2);
    assert_string_equal(checkpoint_files(ck)[1], "model.safetensors.index.json");
    assert_string_equal(checkpoint_files(ck)[2], "one.safetensors");
    checkpoint_close(ck);
}

static void rejects_an_index_that_shards_do_not_bear_out(void **state) { /* ST11 */
    (void)state;
    static const struct {
        const char *index;
        karma_status status;
        const char *message;
    } cases[] = {
        {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"gone.safetensors\"}}", KARMA_E_MISSING,
         "gone.safetensors"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"one.safetensors\"}}", KARMA_E_MISSING,
         "tensor b is not in one.safetensors"},
        {"{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\"}}", KARMA_E_MISSING,
         "tensor a is not in two.safetensors"},
        {"{\"weight_map\":{\"a\":\"../one.safetensors\"}}", KARMA_E_PATH, "weight_map: a"},
        {"{\"weight_map\":{\"a\":\"x/one.safetensors\"}}", KARMA_E_PATH, "weight_map: a"},
        {"{\"weight_map\":{\"a\":\"/etc/one.safetensors\"}}", KARMA_E_PATH, "weight_map: a"},
        {"{\"weight_map\":{\"a\":\"x\\\\one.safetensors\"}}", KARMA_E_PATH, "weight_map: a"},
        {"{\"weight_map\":{\"a\":\".one.safetensors\"}}", KARMA_E_PATH, "weight_map: a"},
        {"{\"weight_map\":{\"a\":\"..\"}}", KARMA_E_PATH, "weight_map: a"},
        {"{\"weight_map\":{\"a\":\"\"}}", KARMA_E_PATH, "weight_map: a"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\\u0000x\"}}", KARMA_E_PATH, "weight_map: a"},
        {"{\"weight_map\":{\"a\":7}}", KARMA_E_TYPE, "weight_map: a"},
        {"{\"weight_map\":{\"a\":\"model-1.bin\"}}", KARMA_E_UNSUPPORTED, "never runs pickles"},
        {"{\"weight_map\":{\"a\":\"config.json\"}}", KARMA_E_UNSUPPORTED, "no safetensors file"},
        {"{\"weight_map\":{}}", KARMA_E_MISSING, "names no file"},
        {"{\"weight_map\":[]}", KARMA_E_TYPE, "weight_map"},
        {"{}", KARMA_E_MISSING, "weight_map is missing"},
        {"[]", KARMA_E_TYPE, "model.safetensors.index.json: expected an object"},
        {"{", KARMA_E_SYNTAX, "model.safetensors.index.json: line 1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        refuse(write_shards("broken", cases[i].index), cases[i].status, cases[i].message);
    }
}

static void rejects_a_tensor_in_two_shards(void **state) { /* ST11 */
    (void)state;
    const char *path = write_shards("two", "{\"weight_map\":{\"a\":\"one.safetensors\","
                                           "\"b\":\"two.safetensors\"}}");
    write_safetensors("two/two.safetensors", "{" ENTRY("b", "0", "1") "," ENTRY("a", "1", "2") "}",
                      2);
    refuse(path, KARMA_E_DUPLICATE, "tensor a is in one.safetensors and in two.safetensors");
}

static void warns_of_what_an_index_gets_wrong_without_harm(void **state) { /* ST11, C10 */
    (void)state;
    static const struct {
        const char *index;
        int64_t n_tensors;
        const char *warning;
    } cases[] = {
        {"{\"metadata\":{\"total_size\":3},\"weight_map\":{\"a\":\"one.safetensors\","
         "\"b\":\"two.safetensors\"}}",
         2, "total_size"},
        {"{\"weight_map\":{\"a\":\"two.safetensors\",\"a\":\"one.safetensors\"}}", 1,
         "the last one counts"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct checkpoint *ck;
        assert_ok(open_noting(write_shards("warned", cases[i].index), &ck));
        assert_int_equal(warnings, 1);
        assert_non_null(strstr(last_warning, cases[i].warning));
        assert_int_equal(checkpoint_tensor_count(ck), cases[i].n_tensors);
        checkpoint_close(ck);
    }
    /* a tensor that only the shard knows is listed; whether it is harmless is the family's word */
    const char *path = write_shards("extra", "{\"weight_map\":{\"a\":\"one.safetensors\"}}");
    write_safetensors("extra/one.safetensors",
                      "{" ENTRY("a", "0", "1") "," ENTRY("z", "1", "2") "}", 2);
    struct checkpoint *ck;
    assert_ok(open_noting(path, &ck));
    assert_int_equal(warnings, 1);
    assert_non_null(checkpoint_find(ck, "z"));
    checkpoint_close(ck);
}

static void limits_the_number_of_shards(void **state) { /* ST11 */
    (void)state;
    struct buf index = {0};
    assert_ok(buf_puts(&index, "{\"weight_map\":{"));
    for (int i = 0; i <= 10000; i++) {
        assert_ok(buf_printf(&index, "%s\"t%d\":\"s%d.safetensors\"", i ? "," : "", i, i));
    }
    assert_ok(buf_puts(&index, "}}"));
    refuse(write_shards("many", buf_str(&index)), KARMA_E_LIMIT, "more than 10000 shards");
    buf_release(&index);
}

static void prefers_the_single_file_to_the_index(void **state) {
    (void)state;
    const char *path = write_shards("both", "{\"weight_map\":{\"a\":\"one.safetensors\"}}");
    write_safetensors("both/model.safetensors", small_safetensors_header, 22);
    struct checkpoint *ck;
    assert_ok(checkpoint_open(path, &ck));
    assert_string_equal(checkpoint_find(ck, "a")->file, "model.safetensors");
    checkpoint_close(ck);
}

static void checks_the_config(void **state) { /* CF1 */
    (void)state;
    write_safetensors("config/model.safetensors", small_safetensors_header, 22);
    refuse(test_path("config"), KARMA_E_MISSING, "there is no config.json");
    static const struct {
        const char *text;
        karma_status status;
        const char *message;
    } cases[] = {
        {"", KARMA_E_SYNTAX, "config.json: line 1"},
        {"[1]", KARMA_E_TYPE, "config.json: expected an object, found array"},
        {"null", KARMA_E_TYPE, "config.json: expected an object, found null"},
        {"{\"rope_theta\": NaN}", KARMA_E_SYNTAX, "config.json: line 1"},
        {"{\"rope_theta\": 1e400}", KARMA_E_RANGE, "config.json: "},
        {"{\"architectures\": \"X\"}", KARMA_E_TYPE, "config.json: architectures"},
        {"{\"architectures\": [7]}", KARMA_E_TYPE, "config.json: architectures"},
        {"version https://git-lfs.github.com/spec/v1\n", KARMA_E_UNSUPPORTED, "Git LFS pointer"},
        {"<!doctype html>", KARMA_E_UNSUPPORTED, "config.json: this is a web page"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        write_text("config/config.json", cases[i].text);
        refuse(test_path("config"), cases[i].status, cases[i].message);
    }
    static const char *const unnamed[] = {"{\"architectures\":[]}", "{\"architectures\":null}"};
    for (int i = 0; i < 2; i++) {
        struct checkpoint *ck;
        write_text("config/config.json", unnamed[i]);
        assert_ok(checkpoint_open(test_path("config"), &ck));
        assert_string_equal(checkpoint_architecture(ck), "");
        checkpoint_close(ck);
    }
    write_text("config/config.json", "{\"architectures\":[\"A\"],\"architectures\":[\"B\"]}");
    struct checkpoint *ck;
    assert_ok(open_noting(test_path("config"), &ck)); /* C10 */
    assert_int_equal(warnings, 1);
    assert_string_equal(checkpoint_architecture(ck), "B");
    checkpoint_close(ck);
}

static void tells_of_code_in_the_folder(void **state) { /* CF4 */
    (void)state;
    struct checkpoint *ck;
    write_safetensors("code/model.safetensors", small_safetensors_header, 22);
    write_text("code/config.json", "{\"auto_map\":{\"AutoModel\":\"modeling_x.X\"}}");
    assert_ok(checkpoint_open(test_path("code"), &ck));
    assert_true(checkpoint_has_code(ck));
    checkpoint_close(ck);
    write_text("code/config.json", "{}");
    assert_ok(checkpoint_open(test_path("code"), &ck));
    assert_false(checkpoint_has_code(ck));
    checkpoint_close(ck);
    write_text("code/modeling_x.py", "raise SystemExit");
    assert_ok(checkpoint_open(test_path("code"), &ck));
    assert_true(checkpoint_has_code(ck));
    checkpoint_close(ck);
}

static void opens_a_gguf_by_file_and_by_folder(void **state) {
    (void)state;
    const char *paths[2] = {write_gguf("gguf/model.gguf"), test_path("gguf")};
    write_gguf("gguf/mmproj-model.gguf");    /* a projector beside it is no second model */
    write_text("gguf/tokenizer.json", "{}"); /* and this is not read */
    for (int i = 0; i < 2; i++) {
        struct checkpoint *ck;
        assert_ok(checkpoint_open(paths[i], &ck));
        assert_int_equal(checkpoint_container(ck), CONTAINER_GGUF);
        assert_string_equal(checkpoint_architecture(ck), "test");
        assert_string_equal(checkpoint_folder(ck), test_path("gguf"));
        assert_null(checkpoint_config(ck));
        int64_t v;
        assert_ok(gguf_need_int(checkpoint_gguf(ck), "test.block_count", 1, 9, &v));
        assert_int_equal(checkpoint_find(ck, "b")->nbytes, 10);
        assert_string_equal(checkpoint_files(ck)[0], "model.gguf");
        assert_null(checkpoint_files(ck)[1]);
        checkpoint_close(ck);
    }
    write_gguf("gguf/second.gguf");
    refuse(test_path("gguf"), KARMA_E_USAGE, "holds 2 .gguf files; name one: model.gguf, second");
}

static void prefers_safetensors_with_a_config_to_a_gguf(void **state) {
    (void)state;
    struct checkpoint *ck;
    write_gguf("mixed/model.gguf");
    write_safetensors("mixed/model.safetensors", small_safetensors_header, 22);
    assert_ok(checkpoint_open(test_path("mixed"), &ck));
    assert_int_equal(checkpoint_container(ck), CONTAINER_GGUF);
    checkpoint_close(ck);
    write_text("mixed/config.json", "{}");
    assert_ok(checkpoint_open(test_path("mixed"), &ck));
    assert_int_equal(checkpoint_container(ck), CONTAINER_HF);
    checkpoint_close(ck);
}

static void needs_an_architecture_in_a_gguf(void **state) { /* GG10 */
    (void)state;
    struct buf b = {0};
    put_gguf_head(&b, 3, 0, 0);
    refuse(write_file("bare.gguf", b.data, b.len), KARMA_E_MISSING,
           "bare.gguf: general.architecture is missing");
    buf_release(&b);
    put_gguf_head(&b, 3, 0, 1);
    put_gguf_key_u32(&b, "general.architecture", 1);
    refuse(write_file("typed.gguf", b.data, b.len), KARMA_E_TYPE,
           "typed.gguf: general.architecture: expected a string");
    buf_release(&b);
    put_gguf_head(&b, 3, 0, 2);
    put_gguf_key_string(&b, "general.architecture", "test");
    put_gguf_key_string(&b, "general.type", "adapter");
    refuse(write_file("adapter.gguf", b.data, b.len), KARMA_E_UNSUPPORTED, "this is an adapter");
    buf_release(&b);
}

/* Part `no` of `count` with one tensor of its own name. architecture NULL: not said. */
static void write_part(const char *name, uint32_t no, uint32_t count, const char *architecture,
                       const char *tensor, uint32_t n_tensors) {
    struct buf b = {0};
    put_gguf_head(&b, 3, 1, architecture ? 4 : 3);
    if (architecture) put_gguf_key_string(&b, "general.architecture", architecture);
    put_gguf_key(&b, "split.no", 2);
    put_bytes(&b, &(uint16_t){(uint16_t)no}, 2);
    put_gguf_key(&b, "split.count", 2);
    put_bytes(&b, &(uint16_t){(uint16_t)count}, 2);
    put_gguf_key(&b, "split.tensors.count", 5);
    put_u32(&b, n_tensors);
    put_gguf_tensor(&b, tensor, 1, (const uint64_t[]){4}, 0, 0);
    put_padding(&b, 32);
    put_zeros(&b, 16);
    write_file(name, b.data, b.len);
    buf_release(&b);
}

static void opens_a_split_gguf(void **state) { /* GG13 */
    (void)state;
    write_part("split/m-00001-of-00003.gguf", 0, 3, "test", "a", 3);
    write_part("split/m-00002-of-00003.gguf", 1, 3, NULL, "b", 3);
    write_part("split/m-00003-of-00003.gguf", 2, 3, "test", "c", 3);
    const char *paths[2] = {test_path("split/m-00001-of-00003.gguf"), test_path("split")};
    for (int i = 0; i < 2; i++) {
        struct checkpoint *ck;
        assert_ok(checkpoint_open(paths[i], &ck));
        assert_int_equal(checkpoint_tensor_count(ck), 3);
        assert_string_equal(checkpoint_find(ck, "c")->file, "m-00003-of-00003.gguf");
        assert_int_equal(checkpoint_weight_bytes(ck), 48);
        assert_string_equal(checkpoint_files(ck)[2], "m-00003-of-00003.gguf");
        checkpoint_close(ck);
    }
    refuse(test_path("split/m-00002-of-00003.gguf"), KARMA_E_USAGE,
           "is part 2 of 3; name the first part");
}

static void rejects_parts_that_do_not_fit_together(void **state) { /* GG13 */
    (void)state;
    write_part("bad/m-00001-of-00002.gguf", 0, 2, "test", "a", 2);
    refuse(test_path("bad"), KARMA_E_MISSING, "m-00002-of-00002.gguf");
    const char *second = "bad/m-00002-of-00002.gguf";
    write_part(second, 1, 3, NULL, "b", 2);
    refuse(test_path("bad"), KARMA_E_DIGEST, "part 2 of 3 by its own word, expected 2 of 2");
    write_part(second, 0, 2, NULL, "b", 2);
    refuse(test_path("bad"), KARMA_E_DIGEST, "part 1 of 2 by its own word");
    write_part(second, 1, 2, NULL, "b", 5);
    refuse(test_path("bad"), KARMA_E_DIGEST, "split.tensors.count: 5");
    write_part(second, 1, 2, "other", "b", 2);
    refuse(test_path("bad"), KARMA_E_DIGEST, "general.architecture: other");
    write_part(second, 1, 2, "test", "a", 2);
    refuse(test_path("bad"), KARMA_E_DUPLICATE, "tensor a is in m-00001-of-00002.gguf and in");
    write_part("bad/m-00001-of-00002.gguf", 0, 2, "test", "a", 7);
    write_part(second, 1, 2, "test", "b", 7);
    refuse(test_path("bad"), KARMA_E_DIGEST, "7, but 2 tensors are there");
    write_part("renamed.gguf", 0, 2, "test", "a", 2);
    refuse(test_path("renamed.gguf"), KARMA_E_MISSING, "must end in -00001-of-00002.gguf");
}

static void refuses_other_formats_with_advice(void **state) { /* row 1, AC2 */
    (void)state;
    static const struct {
        const char *name, *bytes, *message;
    } cases[] = {
        {"pytorch_model.bin", "PK\3\4", "zip archive"},
        {"old.bin", "\x80\x02}", "Python pickle"},
        {"weights.pt", "anything", "never runs pickles"},
        {"asr.nemo", "anything", "karma convert"},
        {"last.ckpt", "", "never runs pickles"},
        {"a.gguf", "<html><body>404", "a.gguf: this is a web page"},
        {"b.gguf", "\x1f\x8b\x08 and so on", "b.gguf: this is gzip data"},
        {"c.gguf", "version https://git-lfs.github.com/spec/v1\n", "c.gguf: this is a Git LFS"},
        {"notes.txt", "hello", "neither a .safetensors nor a .gguf"},
        {"pointer", "version https://git-lfs.github.com/spec/v1\n", "this is a Git LFS pointer"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char name[64];
        snprintf(name, sizeof(name), "foreign/%s", cases[i].name);
        refuse(write_text(name, cases[i].bytes), KARMA_E_UNSUPPORTED, cases[i].message);
    }
    static const char *const inside[] = {"version https://git-lfs.github.com/spec/v1\n",
                                         "<!DOCTYPE html>", "PK\3\4 and so on", "GGUF\3 and so on"};
    write_text("pretend/config.json", "{}");
    for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
        write_text("pretend/model.safetensors", inside[i]);
        refuse(test_path("pretend"), KARMA_E_UNSUPPORTED, "model.safetensors: this is a");
    }
}

static void takes_a_header_length_that_looks_like_a_pickle(void **state) {
    (void)state;
    struct buf header = {0};
    assert_ok(buf_puts(&header, "{"));
    while (header.len < 0x280 - 1)
        assert_ok(buf_putc(&header, ' ')); /* bytes 80 02 */
    assert_ok(buf_puts(&header, "}"));
    struct checkpoint *ck;
    write_text("length/config.json", "{}");
    write_safetensors("length/model.safetensors", buf_str(&header), 0);
    assert_ok(checkpoint_open(test_path("length"), &ck));
    checkpoint_close(ck);
    write_safetensors("length/model.safetensors", buf_str(&header), 1);
    refuse(test_path("length"), KARMA_E_UNEXPECTED, "1 bytes after the last tensor");
    buf_release(&header);
}

static void says_what_a_folder_lacks(void **state) {
    (void)state;
    assert_int_equal(mkdir(test_path("empty"), 0700), 0);
    refuse(test_path("empty"), KARMA_E_MISSING, "there is no config.json");
    write_text("empty/config.json", "{}");
    refuse(test_path("empty"), KARMA_E_MISSING, "no weights; looked for model.safetensors");
    write_text("empty/adapter_model.safetensors", "");
    refuse(test_path("empty"), KARMA_E_MISSING, "there is adapter_model.safetensors, but neither");
    write_text("empty/pytorch_model.bin", "");
    refuse(test_path("empty"), KARMA_E_UNSUPPORTED, "pytorch_model.bin: ");
}

static void refuses_what_is_no_regular_file(void **state) { /* row 1 */
    (void)state;
    refuse(test_path("nowhere.gguf"), KARMA_E_MISSING, "nowhere.gguf");
    refuse("", KARMA_E_MISSING, "");
    refuse("/dev/null", KARMA_E_PATH, "/dev/null");
    const char *fifo = test_path("pipe.gguf");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    refuse(fifo, KARMA_E_PATH, "pipe.gguf"); /* and does not wait for a writer */
    const char *dangling = test_path("dangling.gguf");
    assert_int_equal(symlink("gone", dangling), 0);
    refuse(dangling, KARMA_E_PATH, "dangling.gguf");
    char *const long_path = malloc(4097);
    memset(long_path, 'p', 4096);
    long_path[4096] = '\0';
    refuse(long_path, KARMA_E_PATH, "ppp");
    free(long_path);
    write_text("dir/config.json", "{}");
    assert_int_equal(mkdir(test_path("dir/model.safetensors"), 0700), 0);
    refuse(test_path("dir"), KARMA_E_PATH, "is a folder");
    refuse(write_text("zero.gguf", ""), KARMA_E_TRUNCATED, "zero.gguf");
    const char *locked = write_gguf("locked.gguf");
    assert_int_equal(chmod(locked, 0), 0);
    if (geteuid() != 0) refuse(locked, KARMA_E_PERM, "locked.gguf");
}

static void digests_names_and_bytes(void **state) {
    (void)state;
    struct checkpoint *ck;
    char first[65], again[65], other[65];
    write_text("digest/config.json", "{}");
    write_safetensors("digest/model.safetensors", small_safetensors_header, 22);
    assert_ok(checkpoint_open(test_path("digest"), &ck));
    assert_ok(checkpoint_digest(ck, first));
    assert_int_equal(strlen(first), 64);
    assert_ok(checkpoint_digest(ck, again));
    assert_string_equal(first, again);
    checkpoint_close(ck);
    static const char *const changes[][2] = {
        {"digest/config.json", "{ }"},       /* the bytes of a file */
        {"digest/tokenizer.json", "{}"},     /* one file more */
        {"digest/chat_template.jinja", "x"}, /* and another */
    };
    for (int i = 0; i < 3; i++) {
        write_text(changes[i][0], changes[i][1]);
        assert_ok(checkpoint_open(test_path("digest"), &ck));
        assert_ok(checkpoint_digest(ck, other));
        assert_string_not_equal(first, other);
        memcpy(first, other, sizeof(first));
        checkpoint_close(ck);
    }
}

/* A file of the kind that llama.cpp keeps a vision tower in. */
static const char *write_projector(const char *name, float value) {
    static const uint64_t dims[] = {1};
    struct buf b = {0};
    put_gguf_head(&b, 3, 1, 1);
    put_gguf_key_string(&b, "general.architecture", "clip");
    put_gguf_tensor(&b, "v.a", 1, dims, 0, 0);
    put_padding(&b, 32);
    put_bytes(&b, &value, sizeof(value));
    put_padding(&b, 32);
    const char *path = write_file(name, b.data, b.len);
    buf_release(&b);
    return path;
}

static void takes_the_one_projector_beside_a_gguf(void **state) {
    (void)state;
    struct checkpoint *ck;
    char with[65], without[65], other[65];
    const char *model = write_gguf("eyes/model.gguf");
    const char *mmproj = write_projector("eyes/mmproj-F16.gguf", 1);
    assert_ok(open_noting(test_path("eyes"), &ck));
    assert_int_equal(warnings, 0);
    const struct checkpoint *projector = checkpoint_projector(ck);
    assert_non_null(projector);
    assert_string_equal(checkpoint_architecture(projector), "clip");
    assert_non_null(checkpoint_find(projector, "v.a"));
    assert_null(checkpoint_find(ck, "v.a")); /* its tensors are its own */
    assert_null(checkpoint_projector(projector));
    assert_string_equal(checkpoint_files(projector)[0], "mmproj-F16.gguf");
    assert_ok(checkpoint_digest(ck, with));
    checkpoint_close(ck);

    /* A file by its name is that file; the projector can be named then, from anywhere. */
    assert_ok(checkpoint_open(model, &ck));
    assert_null(checkpoint_projector(ck));
    assert_ok(checkpoint_digest(ck, without));
    assert_string_not_equal(with, without);
    assert_ok(checkpoint_attach_projector(ck, mmproj));
    assert_ok(checkpoint_digest(ck, other));
    assert_string_equal(with, other);
    assert_ok(checkpoint_attach_projector(ck, write_projector("elsewhere/p.gguf", 2)));
    assert_ok(checkpoint_digest(ck, other));
    assert_string_not_equal(with, other);
    /* What fails changes nothing. */
    assert_status(checkpoint_attach_projector(ck, model), KARMA_E_UNSUPPORTED);
    assert_message_contains("expected clip, found test");
    assert_status(checkpoint_attach_projector(ck, test_path("eyes/none.gguf")), KARMA_E_MISSING);
    assert_non_null(checkpoint_projector(ck));
    assert_ok(checkpoint_check_unchanged(ck));
    write_projector("elsewhere/p.gguf", 3);
    assert_status(checkpoint_check_unchanged(ck), KARMA_E_DIGEST);
    assert_message_contains("p.gguf");
    checkpoint_close(ck);

    write_projector("eyes/mmproj-F32.gguf", 1);
    assert_ok(open_noting(test_path("eyes"), &ck));
    assert_null(checkpoint_projector(ck));
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(last_warning, "holds 2 mmproj files"));
    checkpoint_close(ck);

    write_gguf("odd_eyes/model.gguf");
    write_gguf("odd_eyes/mmproj.gguf"); /* of another kind: the text model is whole without it */
    assert_ok(open_noting(test_path("odd_eyes"), &ck));
    assert_null(checkpoint_projector(ck));
    assert_int_equal(warnings, 1);
    checkpoint_close(ck);
    write_text("odd_eyes/mmproj.gguf", "GGUF");
    refuse(test_path("odd_eyes"), KARMA_E_TRUNCATED, "mmproj.gguf");

    write_text("no_eyes/config.json", config_text);
    write_safetensors("no_eyes/model.safetensors", small_safetensors_header, 22);
    assert_ok(checkpoint_open(test_path("no_eyes"), &ck));
    assert_status(checkpoint_attach_projector(ck, mmproj), KARMA_E_USAGE);
    checkpoint_close(ck);
}

static void notices_a_file_that_changed_while_open(void **state) { /* ST13 */
    (void)state;
    char digest[65];
    struct checkpoint *ck;
    write_text("changing/config.json", "{}");
    const char *path =
        write_safetensors("changing/model.safetensors", small_safetensors_header, 22);
    assert_ok(checkpoint_open(test_path("changing"), &ck));
    assert_ok(checkpoint_check_unchanged(ck));
    assert_int_equal(truncate(path, 100), 0);
    assert_status(checkpoint_check_unchanged(ck), KARMA_E_DIGEST);
    assert_message_contains("model.safetensors: changed since it was opened");
    assert_status(checkpoint_digest(ck, digest), KARMA_E_DIGEST);
    assert_int_equal(unlink(path), 0);
    assert_status(checkpoint_check_unchanged(ck), KARMA_E_MISSING);
    checkpoint_close(ck);
}

static karma_status attempt(void *ctx) {
    struct checkpoint *ck;
    char digest[65];
    karma_status st = checkpoint_open(ctx, &ck);
    if (st == KARMA_OK) st = checkpoint_digest(ck, digest);
    checkpoint_close(ck);
    return st;
}

static void survives_failing_allocations(void **state) {
    (void)state;
    write_shards("memory", "{\"weight_map\":{\"a\":\"one.safetensors\","
                           "\"b\":\"two.safetensors\"}}");
    write_text("memory/tokenizer.json", "{}");
    write_part("memory2/m-00001-of-00002.gguf", 0, 2, "test", "a", 2);
    write_part("memory2/m-00002-of-00002.gguf", 1, 2, "test", "b", 2);
    write_gguf("memory3/model.gguf");
    write_projector("memory3/mmproj.gguf", 1);
    assert_true(for_each_failing_allocation(attempt, (void *)(uintptr_t)test_path("memory")) > 5);
    assert_true(for_each_failing_allocation(attempt, (void *)(uintptr_t)test_path("memory2")) > 5);
    assert_true(for_each_failing_allocation(attempt, (void *)(uintptr_t)test_path("memory3")) > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(opens_a_folder_with_one_file),
        test_case(opens_a_file_with_its_config_beside_it),
        test_case(reads_ahead_until_it_is_closed),
        test_case(opens_shards_by_their_index),
        test_case(rejects_an_index_that_shards_do_not_bear_out),
        test_case(rejects_a_tensor_in_two_shards),
        test_case(warns_of_what_an_index_gets_wrong_without_harm),
        test_case(limits_the_number_of_shards),
        test_case(prefers_the_single_file_to_the_index),
        test_case(checks_the_config),
        test_case(tells_of_code_in_the_folder),
        test_case(opens_a_gguf_by_file_and_by_folder),
        test_case(prefers_safetensors_with_a_config_to_a_gguf),
        test_case(needs_an_architecture_in_a_gguf),
        test_case(opens_a_split_gguf),
        test_case(rejects_parts_that_do_not_fit_together),
        test_case(refuses_other_formats_with_advice),
        test_case(takes_a_header_length_that_looks_like_a_pickle),
        test_case(says_what_a_folder_lacks),
        test_case(refuses_what_is_no_regular_file),
        test_case(digests_names_and_bytes),
        test_case(takes_the_one_projector_beside_a_gguf),
        test_case(notices_a_file_that_changed_while_open),
        test_case(survives_failing_allocations),
    };
    return run_group("formats/checkpoint", tests);
}
