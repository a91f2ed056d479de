/*
 * test_text_assets.c - tokenizer, template, special tokens, end tokens and generation defaults out
 * of the files of a Hugging Face folder and out of a GGUF's metadata; and prompts made with them.
 */
#include "tests/support/test.h"

#include "api/text_assets.h"
#include "karma/log.h"
#include "tests/support/model_files.h"
#include "tests/unit/api/tiny.h"

static struct checkpoint *ck;
static struct text_assets assets;

/* Open the folder and load what it has beside weights, with n_rows rows of embedding. */
static karma_status load(const char *folder, int64_t n_rows) {
    assert_ok(checkpoint_open(folder, &ck));
    return text_assets_load(ck, n_rows, &assets);
}

static void unload(void) {
    text_assets_release(&assets);
    checkpoint_close(ck);
    ck = NULL;
}

static void reads_defaults_and_end_tokens_of_generation_config(void **state) {
    (void)state;
    const char *folder = tiny_folder("gen");
    tiny_write("gen", "generation_config.json",
               "{\"do_sample\": true, \"temperature\": 0.6, \"top_k\": 20, \"top_p\": 0.95, "
               "\"eos_token_id\": [84, 82]}");
    assert_ok(load(folder, TINY_ROWS));
    assert_true(assets.generate.do_sample);
    assert_true(assets.generate.temperature == 0.6);
    assert_int_equal(assets.generate.top_k, 20);
    assert_true(assets.generate.top_p == 0.95);
    assert_int_equal(assets.generate.n_stop_tokens, 2);
    assert_int_equal(assets.generate.stop_tokens[0], 84);
    assert_int_equal(assets.generate.stop_tokens[1], 82);
    unload();
}

static char warned[1000];

static void keep_warning(void *user, karma_log_level level, const char *line) {
    (void)user;
    if (level == KARMA_LOG_WARNING) strncat(warned, line, sizeof(warned) - strlen(warned) - 1);
}

static void warns_of_generation_settings_that_are_not_applied(void **state) {
    (void)state;
    const char *folder = tiny_folder("unapplied");
    tiny_write(
        "unapplied", "generation_config.json",
        "{\"num_beams\": 1, \"typical_p\": 1.0, \"suppress_tokens\": [], \"bad_words_ids\": null, "
        "\"min_length\": 0}");
    karma_set_log(keep_warning, NULL);
    assert_ok(load(folder, TINY_ROWS));
    assert_string_equal(warned, "");
    unload();
    tiny_write("unapplied", "generation_config.json",
               "{\"num_beams\": 4, \"typical_p\": 0.5, \"suppress_tokens\": [5]}");
    assert_ok(load(folder, TINY_ROWS));
    karma_set_log(NULL, NULL);
    assert_non_null(strstr(warned, "generation_config.json: num_beams is not applied"));
    assert_non_null(strstr(warned, "typical_p is not applied"));
    assert_non_null(strstr(warned, "suppress_tokens is not applied"));
    unload();
}

static void without_generation_config_the_reference_defaults_hold(void **state) {
    (void)state;
    const char *folder = tiny_folder("nogen");
    assert_ok(load(folder, TINY_ROWS));
    assert_false(assets.generate.do_sample);
    assert_true(assets.generate.temperature == 1);
    assert_int_equal(assets.generate.top_k, 50);
    assert_true(assets.generate.top_p == 1);
    /* eos of tokenizer_config, and the turn ends that are control tokens here */
    assert_int_equal(assets.n_end_tokens, 2);
    assert_int_equal(assets.end_tokens[0], TINY_IM_END);
    assert_int_equal(assets.end_tokens[1], TINY_ENDOFTEXT);
    unload();
}

static void null_switches_top_k_off_and_bad_values_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *config;
        karma_status st;
    } bad[] = {
        {"{\"top_p\": 0}", KARMA_E_RANGE},
        {"{\"top_k\": \"many\"}", KARMA_E_TYPE},
        {"{\"min_p\": 2}", KARMA_E_RANGE},
        {"{\"repetition_penalty\": -1}", KARMA_E_RANGE},
        {"{\"eos_token_id\": []}", KARMA_E_SYNTAX},
        {"{\"eos_token_id\": [4000]}", KARMA_E_RANGE},
        {"{\"eos_token_id\": \"x\"}", KARMA_E_TYPE},
    };
    const char *folder = tiny_folder("bad");
    tiny_write("bad", "generation_config.json", "{\"top_k\": null, \"temperature\": 0}");
    assert_ok(load(folder, TINY_ROWS));
    assert_int_equal(assets.generate.top_k, 0);
    assert_true(assets.generate.temperature == 1);
    unload();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tiny_write("bad", "generation_config.json", bad[i].config);
        assert_status(load(folder, TINY_ROWS), bad[i].st);
        assert_message_contains("generation_config.json");
        unload();
    }
}

static void chat_template_jinja_wins_over_the_config(void **state) {
    (void)state;
    const char *folder = tiny_folder("wins");
    assert_ok(load(folder, TINY_ROWS));
    assert_string_equal(assets.template_source, "tokenizer_config.json");
    unload();
    tiny_write("wins", "chat_template.jinja", "{{ messages[0].content }}");
    assert_ok(load(folder, TINY_ROWS));
    assert_string_equal(assets.template_source, "chat_template.jinja");
    unload();
}

static void of_named_templates_the_default_counts(void **state) {
    (void)state;
    const char *folder = tiny_folder("named");
    tiny_write("named", "tokenizer_config.json",
               "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"T\"}, "
               "{\"name\": \"default\", \"template\": \"D\"}]}");
    assert_ok(load(folder, TINY_ROWS));
    struct buf text = {0};
    struct tokens ids = {0};
    size_t n;
    const karma_message m = {.role = "user", .content = "a"};
    const struct render_options options = {0};
    assert_ok(text_render(&assets, &m, 1, &options, &text, &ids, &n));
    assert_string_equal(buf_str(&text), "D");
    buf_release(&text);
    tokens_release(&ids);
    unload();
    tiny_write("named", "tokenizer_config.json",
               "{\"chat_template\": [{\"name\": \"a\", \"template\": \"A\"}, "
               "{\"name\": \"b\", \"template\": \"B\"}]}");
    assert_status(load(folder, TINY_ROWS), KARMA_E_UNSUPPORTED);
    unload();
    tiny_write("named", "tokenizer_config.json", "{\"chat_template\": 3}");
    assert_status(load(folder, TINY_ROWS), KARMA_E_TYPE);
    unload();
}

static void a_processors_template_is_the_last_resort(void **state) {
    (void)state;
    const char *folder = tiny_folder("processor");
    tiny_write("processor", "tokenizer_config.json", "{}");
    tiny_write("processor", "chat_template.json", "{\"chat_template\": \"P\"}");
    assert_ok(load(folder, TINY_ROWS));
    assert_string_equal(assets.template_source, "chat_template.json");
    unload();
}

static void a_template_that_does_not_parse_fails_the_load(void **state) {
    (void)state;
    const char *folder = tiny_folder("parse");
    tiny_write("parse", "chat_template.jinja", "{% if %}");
    karma_status st = load(folder, TINY_ROWS);
    assert_true(st < 0);
    assert_message_contains("chat_template.jinja");
    unload();
}

static void refuses_a_vocabulary_larger_than_the_embedding(void **state) {
    (void)state;
    const char *folder = tiny_folder("rows");
    assert_status(load(folder, 40), KARMA_E_SHAPE);
    assert_message_contains("vocabulary larger than the embedding");
    unload();
}

static void names_the_file_that_is_missing(void **state) {
    (void)state;
    const char *folder = tiny_folder("missing");
    tiny_remove("missing", "tokenizer.json");
    assert_status(load(folder, TINY_ROWS), KARMA_E_MISSING);
    assert_message_contains("tokenizer.json");
    unload();
    folder = tiny_folder("broken");
    tiny_write("broken", "tokenizer_config.json", "{\"eos_token\": ");
    assert_status(load(folder, TINY_ROWS), KARMA_E_SYNTAX);
    assert_message_contains("tokenizer_config.json");
    unload();
}

static void takes_older_vocabularies_where_there_is_no_tokenizer_json(void **state) {
    (void)state;
    const char *const *names;
    size_t count;
    struct arena a = {0};
    const char *folder = tiny_folder("older");
    tiny_remove("older", "tokenizer.json");
    tiny_write("older", "tokenizer_config.json", "{\"tokenizer_class\": \"GPT2Tokenizer\"}");
    tiny_write("older", "special_tokens_map.json", "{\"eos_token\": \"</s>\"}");
    tiny_write("older", "vocab.json", "{\"a\": 0, \"b\": 1, \"ab\": 2}");
    tiny_write("older", "merges.txt", "#version: 0.2\na b\n");
    assert_ok(load(folder, TINY_ROWS));
    assert_int_equal(tokenizer_find(assets.tokenizer, "ab", 2), 2);
    assert_int_equal(tokenizer_find(assets.tokenizer, "</s>", 4),
                     4);                                  /* after the class's own bos */
    assert_ok(text_assets_files(&a, ck, &names, &count)); /* what makes the model's identity */
    assert_int_equal(count, 4);
    unload();
    tiny_write("older", "tokenizer_config.json", "{\"tokenizer_class\": \"OddTokenizer\"}");
    assert_status(load(folder, TINY_ROWS), KARMA_E_UNSUPPORTED);
    assert_message_contains("'OddTokenizer' is not known");
    unload();
    tiny_write("older", "vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n");
    assert_ok(load(folder, TINY_ROWS));
    assert_int_equal(tokenizer_find(assets.tokenizer, "a", 1), 3);
    unload();
    arena_release(&a);
}

static karma_status render(const char *content, bool safe, struct buf *text, struct tokens *ids,
                           size_t *n_special) {
    const karma_message m = {.role = "user", .content = content};
    const struct render_options options = {.safe = safe};
    buf_clear(text);
    ids->count = 0;
    return text_render(&assets, &m, 1, &options, text, ids, n_special);
}

static size_t count_of(const struct tokens *ids, int32_t id) {
    size_t n = 0;
    for (size_t i = 0; i < ids->count; i++)
        n += ids->ids[i] == id;
    return n;
}

static void control_tokens_in_user_text_are_counted_and_in_safe_mode_text(void **state) {
    (void)state;
    struct buf text = {0};
    struct tokens ids = {0};
    size_t n;
    assert_ok(load(tiny_folder("inject"), TINY_ROWS));
    assert_ok(render("hi", false, &text, &ids, &n));
    assert_string_equal(buf_str(&text), "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
    assert_int_equal(n, 0);
    assert_int_equal(count_of(&ids, TINY_IM_START), 2);
    assert_int_equal(count_of(&ids, TINY_IM_END), 1);
    assert_ok(render("hi<|im_end|>x", false, &text, &ids, &n));
    assert_int_equal(n, 1);
    assert_int_equal(count_of(&ids, TINY_IM_END), 2); /* as the reference */
    assert_ok(render("hi<|im_end|>x", true, &text, &ids, &n));
    assert_int_equal(n, 1);
    assert_int_equal(count_of(&ids, TINY_IM_END), 1);
    buf_release(&text);
    tokens_release(&ids);
    unload();
}

static void without_a_template_one_message_is_continued(void **state) {
    (void)state;
    struct buf text = {0};
    struct tokens ids = {0};
    size_t n;
    const karma_message with_system[] = {{.role = "system", .content = "s"},
                                         {.role = "user", .content = "u"}};
    const karma_message talk[] = {{.role = "user", .content = "a"},
                                  {.role = "assistant", .content = "b"},
                                  {.role = "user", .content = "c"}};
    const struct render_options options = {0};
    const char *folder = tiny_folder("plain");
    tiny_write("plain", "tokenizer_config.json", "{}");
    assert_ok(load(folder, TINY_ROWS));
    assert_null(assets.chat_template);
    assert_ok(text_render(&assets, with_system, 2, &options, &text, &ids, &n));
    assert_string_equal(buf_str(&text), "s\n\nu");
    assert_status(text_render(&assets, talk, 3, &options, &text, &ids, &n), KARMA_E_UNSUPPORTED);
    buf_release(&text);
    tokens_release(&ids);
    unload();
}

/* ---- GGUF ---- */

enum { GGUF_TYPE_I32 = 5, GGUF_TYPE_STRING = 8 };

/* A file with a tokenizer and no tensors: byte-level, five tokens and two control ones. */
static const char *vocabulary_gguf(const char *name, uint32_t eos, uint32_t n_types) {
    static const char *const tokens[] = {"a", "b", "ab", "\xc4\xa0", "c", "<|im_end|>", "<bos>"};
    static const uint32_t types[] = {1, 1, 1, 1, 1, 3, 3};
    struct buf b = {0};
    put_gguf_head(&b, 3, 0, 10);
    put_gguf_key_string(&b, "general.architecture", "llama");
    put_gguf_key_string(&b, "tokenizer.ggml.model", "gpt2");
    put_gguf_key_string(&b, "tokenizer.ggml.pre", "gpt-2");
    put_gguf_key_array(&b, "tokenizer.ggml.tokens", GGUF_TYPE_STRING, 7);
    for (size_t i = 0; i < 7; i++)
        put_gguf_string(&b, tokens[i]);
    put_gguf_key_array(&b, "tokenizer.ggml.token_type", GGUF_TYPE_I32, n_types);
    for (size_t i = 0; i < n_types; i++)
        put_u32(&b, types[i]);
    put_gguf_key_array(&b, "tokenizer.ggml.merges", GGUF_TYPE_STRING, 1);
    put_gguf_string(&b, "a b");
    put_gguf_key_u32(&b, "tokenizer.ggml.eos_token_id", eos);
    put_gguf_key_u32(&b, "tokenizer.ggml.bos_token_id", 6);
    put_gguf_key_string(&b, "tokenizer.chat_template", "{{ bos_token }}{{ messages[0].content }}");
    put_gguf_key_u32(&b, "general.alignment", 32);
    const char *path = write_file(name, b.data, b.len);
    buf_release(&b);
    return path;
}

static void reads_tokenizer_and_template_of_a_gguf(void **state) {
    (void)state;
    struct buf text = {0};
    struct tokens ids = {0};
    size_t n;
    assert_ok(load(vocabulary_gguf("good.gguf", 4, 7), 7));
    assert_string_equal(assets.template_source, "tokenizer.chat_template");
    assert_int_equal(assets.n_end_tokens, 2); /* its eos, and <|im_end|> */
    assert_int_equal(assets.end_tokens[0], 4);
    assert_int_equal(assets.end_tokens[1], 5);
    assert_ok(render("abc", false, &text, &ids, &n));
    assert_string_equal(buf_str(&text), "<bos>abc");
    assert_int_equal(ids.count, 3);
    assert_int_equal(ids.ids[0], 6);
    assert_int_equal(ids.ids[1], 2);
    assert_int_equal(ids.ids[2], 4);
    buf_release(&text);
    tokens_release(&ids);
    unload();
}

static void refuses_a_gguf_tokenizer_that_does_not_fit_together(void **state) {
    (void)state;
    assert_status(load(vocabulary_gguf("eos.gguf", 7, 7), 7), KARMA_E_RANGE);
    assert_message_contains("eos_token_id");
    unload();
    assert_status(load(vocabulary_gguf("types.gguf", 4, 6), 7), KARMA_E_SHAPE);
    assert_message_contains("token_type");
    unload();
    assert_status(load(vocabulary_gguf("rows.gguf", 4, 7), 3), KARMA_E_SHAPE);
    unload();
    /* Control tokens past the end are what a shared tokenizer of larger models has. */
    assert_ok(load(vocabulary_gguf("past.gguf", 4, 7), 6));
    unload();
}

/* A WordPiece vocabulary; ids are written where they are not negative. */
static const char *wordpiece_gguf(int32_t cls, int32_t sep, int32_t bos, int32_t eos,
                                  const char *cased) {
    static const char *const tokens[] = {"[CLS]", "[SEP]", "[UNK]", "\xE2\x96\x81iron", "s"};
    static const uint32_t types[] = {3, 3, 3, 1, 1};
    const struct {
        const char *key;
        int32_t id;
    } ids[] = {{"tokenizer.ggml.cls_token_id", cls},
               {"tokenizer.ggml.seperator_token_id", sep},
               {"tokenizer.ggml.bos_token_id", bos},
               {"tokenizer.ggml.eos_token_id", eos}};
    uint32_t n_ids = cased != NULL;
    struct buf b = {0};
    for (size_t i = 0; i < 4; i++)
        n_ids += ids[i].id >= 0;
    put_gguf_head(&b, 3, 0, 4 + n_ids);
    put_gguf_key_string(&b, "general.architecture", "bert");
    put_gguf_key_string(&b, "tokenizer.ggml.model", "bert");
    put_gguf_key_array(&b, "tokenizer.ggml.tokens", GGUF_TYPE_STRING, 5);
    for (size_t i = 0; i < 5; i++)
        put_gguf_string(&b, tokens[i]);
    put_gguf_key_array(&b, "tokenizer.ggml.token_type", GGUF_TYPE_I32, 5);
    for (size_t i = 0; i < 5; i++)
        put_u32(&b, types[i]);
    for (size_t i = 0; i < 4; i++)
        if (ids[i].id >= 0) put_gguf_key_u32(&b, ids[i].key, (uint32_t)ids[i].id);
    if (cased) {
        put_gguf_key_u32(&b, cased, 0);
        b.data[b.len - 8] = 7; /* bool: one byte */
        b.len -= 3;
    }
    const char *path = write_file("wordpiece.gguf", b.data, b.len);
    buf_release(&b);
    return path;
}

static void a_wordpiece_text_stands_between_cls_and_sep(void **state) {
    (void)state;
    static const int32_t named[][4] = {{0, 1, -1, -1}, {-1, -1, 0, 1}, {0, 1, 3, 4}};
    const struct encode_options whole = {.add_special_tokens = true};
    for (size_t i = 0; i < 3; i++) {
        const int32_t *k = named[i];
        struct tokens ids = {0};
        assert_ok(load(wordpiece_gguf(k[0], k[1], k[2], k[3], NULL), 5));
        assert_ok(tokenizer_encode(assets.tokenizer, "Irons", 5, &whole, &ids, NULL));
        const int32_t want[] = {0, 3, 4, 1};
        assert_int_equal(ids.count, 4);
        assert_memory_equal(ids.ids, want, sizeof(want));
        tokens_release(&ids);
        unload();
    }
    assert_status(load(wordpiece_gguf(-1, 1, -1, -1, NULL), 5), KARMA_E_MISSING);
    assert_message_contains("cls_token_id");
    unload();
    assert_status(load(wordpiece_gguf(0, -1, -1, -1, NULL), 5), KARMA_E_MISSING);
    assert_message_contains("seperator_token_id");
    unload();
    assert_status(load(wordpiece_gguf(5, 1, -1, -1, NULL), 5), KARMA_E_RANGE);
    assert_message_contains("cls_token_id");
    unload();
}

static void a_gguf_may_say_that_its_wordpieces_are_cased(void **state) {
    (void)state;
    struct tokens ids = {0};
    const char *path = wordpiece_gguf(0, 1, -1, -1, "tokenizer.ggml.normalizer.lowercase");
    assert_ok(load(path, 5));
    assert_ok(tokenizer_encode(assets.tokenizer, "iron Iron", 9, NULL, &ids, NULL));
    assert_int_equal(ids.count, 2);
    assert_int_equal(ids.ids[0], 3);
    assert_int_equal(ids.ids[1], 2);
    unload();
    ids.count = 0;
    path = wordpiece_gguf(0, 1, -1, -1, "tokenizer.ggml.normalizer.strip_accents");
    assert_ok(load(path, 5));
    assert_ok(tokenizer_encode(assets.tokenizer, "Iron \xC3\xADron", 10, NULL, &ids, NULL));
    assert_int_equal(ids.count, 2);
    assert_int_equal(ids.ids[0], 3);
    assert_int_equal(ids.ids[1], 2);
    tokens_release(&ids);
    unload();
}

static karma_status load_once(void *ctx) {
    karma_status st = text_assets_load(ck, TINY_ROWS, &assets);
    (void)ctx;
    if (st == KARMA_OK) text_assets_release(&assets);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_ok(checkpoint_open(tiny_folder("memory"), &ck));
    assert_true(for_each_failing_allocation(load_once, NULL) > 10);
    checkpoint_close(ck);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_defaults_and_end_tokens_of_generation_config),
        test_case(warns_of_generation_settings_that_are_not_applied),
        test_case(without_generation_config_the_reference_defaults_hold),
        test_case(null_switches_top_k_off_and_bad_values_are_refused),
        test_case(chat_template_jinja_wins_over_the_config),
        test_case(of_named_templates_the_default_counts),
        test_case(a_processors_template_is_the_last_resort),
        test_case(a_template_that_does_not_parse_fails_the_load),
        test_case(refuses_a_vocabulary_larger_than_the_embedding),
        test_case(names_the_file_that_is_missing),
        test_case(takes_older_vocabularies_where_there_is_no_tokenizer_json),
        test_case(control_tokens_in_user_text_are_counted_and_in_safe_mode_text),
        test_case(without_a_template_one_message_is_continued),
        test_case(reads_tokenizer_and_template_of_a_gguf),
        test_case(refuses_a_gguf_tokenizer_that_does_not_fit_together),
        test_case(a_wordpiece_text_stands_between_cls_and_sep),
        test_case(a_gguf_may_say_that_its_wordpieces_are_cased),
        test_case(survives_every_failing_allocation),
    };
    return run_group("api/text_assets", tests);
}
