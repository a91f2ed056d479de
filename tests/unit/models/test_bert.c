/*
 * test_bert.c - loading encoders of the BERT kind: every way a configuration or a checkpoint can be
 * wrong, spellings that mean the same, positions. What they compute is golden/test_encoders.c.
 */
#include "tests/support/test.h"

#include "tests/support/encoders.h"

static const char bert_folder[] = "tests/fixtures/encoders/bert";
static const char xlmr_folder[] = "tests/fixtures/encoders/xlmr";
static const char old_folder[] = "tests/fixtures/encoders/bert_pretraining";

static void assert_refused(const char *folder, const char *changes, karma_status want,
                           const char *message) {
    struct buf text = {0};
    const char *path = copy_fixture_model(folder, "refused", config_with(folder, changes, &text));
    struct loaded l;
    const karma_status st = loaded_try(&l, path, 1);
    if (st != want) print_message("for %s\n", changes);
    assert_status(st, want);
    assert_message_contains(message);
    loaded_release(&l);
    buf_release(&text);
}

static void broken_configurations_are_refused(void **state) {
    (void)state;
    const struct {
        const char *changes;
        karma_status want;
        const char *message;
    } cases[] = {
        {"{\"hidden_size\": 0}", KARMA_E_RANGE, "hidden_size"},
        {"{\"hidden_size\": \"36\"}", KARMA_E_TYPE, "hidden_size"},
        {"{\"hidden_size\": 33}", KARMA_E_SHAPE, "expected [67, 33], found [67, 36]"},
        {"{\"hidden_size\": null}", KARMA_E_SHAPE, "expected [67, 768]"}, /* the class's */
        {"{\"num_attention_heads\": 0}", KARMA_E_RANGE, "num_attention_heads"},
        {"{\"num_attention_heads\": 5}", KARMA_E_SHAPE, "no multiple of num_attention_heads 5"},
        {"{\"hidden_size\": 8192, \"num_attention_heads\": 1}", KARMA_E_RANGE, "8192"},
        {"{\"num_hidden_layers\": 2147483648}", KARMA_E_RANGE, "num_hidden_layers"},
        {"{\"num_hidden_layers\": 3}", KARMA_E_MISSING, "16 tensors are missing"},
        {"{\"num_hidden_layers\": 1}", KARMA_E_UNEXPECTED, "16 tensors of no use"},
        {"{\"intermediate_size\": 51}", KARMA_E_SHAPE, "intermediate.dense.weight"},
        {"{\"vocab_size\": 68}", KARMA_E_SHAPE, "word_embeddings"},
        {"{\"max_position_embeddings\": 41}", KARMA_E_SHAPE, "position_embeddings"},
        {"{\"max_position_embeddings\": -1}", KARMA_E_RANGE, "max_position_embeddings"},
        {"{\"type_vocab_size\": 0}", KARMA_E_RANGE, "type_vocab_size"},
        {"{\"type_vocab_size\": 3}", KARMA_E_SHAPE, "token_type_embeddings"},
        {"{\"layer_norm_eps\": 0}", KARMA_E_RANGE, "layer_norm_eps"},
        {"{\"layer_norm_eps\": -1e-5}", KARMA_E_RANGE, "layer_norm_eps"},
        {"{\"hidden_act\": \"mish\"}", KARMA_E_UNSUPPORTED, "mish"},
        {"{\"hidden_act\": 3}", KARMA_E_TYPE, "hidden_act"},
        {"{\"position_embedding_type\": \"relative_key\"}", KARMA_E_UNSUPPORTED, "relative_key"},
        {"{\"is_decoder\": true}", KARMA_E_UNSUPPORTED, "is_decoder"},
        {"{\"architectures\": [\"BertForTokenSalad\"]}", KARMA_E_UNSUPPORTED, "BertModel"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(bert_folder, cases[i].changes, cases[i].want, cases[i].message);
    assert_refused(xlmr_folder, "{\"pad_token_id\": 41}", KARMA_E_RANGE, "pad_token_id 41");
    assert_refused(xlmr_folder, "{\"pad_token_id\": -1}", KARMA_E_RANGE, "pad_token_id");
}

/* The fixture with a name in the tensors' header replaced by one of the same length. */
static const char *with_name(const char *folder, const char *from, const char *to) {
    char path[160];
    size_t len, n = strlen(from);
    assert_int_equal(n, strlen(to));
    snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    const char *copy = copy_fixture_model(folder, "renamed", NULL);
    char *data = mem_alloc((read_fixture(path, &len), len));
    assert_non_null(data);
    memcpy(data, read_fixture(path, NULL), len);
    char *at = memmem(data, len, from, n);
    assert_non_null(at);
    memcpy(at, to, n);
    write_file("renamed/model.safetensors", data, len);
    mem_free(data);
    return copy;
}

static void missing_and_left_over_tensors_are_named(void **state) {
    (void)state;
    const struct {
        const char *folder, *from, *to;
        karma_status want;
        const char *message;
    } cases[] = {
        {bert_folder, "layer.1.attention.self.query.bias", "layer.1.attention.self.quest.bias",
         KARMA_E_MISSING, "encoder.layer.1.attention.self.query.bias"},
        {bert_folder, "embeddings.LayerNorm.bias", "embeddings.LayerNorm.bios", KARMA_E_MISSING,
         "embeddings.LayerNorm.bias"},
        {bert_folder, "pooler.dense.bias", "cooler.dense.bias", KARMA_E_UNEXPECTED,
         "cooler.dense.bias"},
        {bert_folder, "embeddings.word_embeddings", "embeddings.ward_embeddings", KARMA_E_MISSING,
         "word_embeddings"},
        {bert_folder, "embeddings.token_type_embeddings", "embeddings.token_tope_embeddings",
         KARMA_E_MISSING, "token_type_embeddings"},
        {old_folder, "embeddings.LayerNorm.beta", "embeddings.LayerNorm.bets", KARMA_E_MISSING,
         "bert.embeddings.LayerNorm.beta"},
        {old_folder, "embeddings.LayerNorm.gamma", "embeddings.LayerNorm.games", KARMA_E_MISSING,
         "bert.embeddings.LayerNorm.gamma"},
        {old_folder, "cls.predictions.transform.dense.bias", "cls.predactions.transform.dense.bias",
         KARMA_E_UNEXPECTED, "cls.predactions"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loaded l;
        const char *path = with_name(cases[i].folder, cases[i].from, cases[i].to);
        assert_status(loaded_try(&l, path, 1), cases[i].want);
        assert_message_contains(cases[i].message);
        loaded_release(&l);
    }
}

/* Rows of a few tokens; xlmr's pad token among them. */
static float *rows_of(const char *path, int32_t n, int64_t *count) {
    static const int32_t ids[] = {3, 17, 1, 5, 42, 8, 1, 61};
    struct loaded l;
    loaded_open(&l, path, 1);
    const struct encoder_options o = {.max_length = n};
    const struct encoder_text text = {.ids = ids, .count = n};
    float *rows = encode_with(l.model, &o, &text, 1);
    *count = n * l.model->info.hidden_size;
    loaded_release(&l);
    return rows;
}

static void assert_same_rows(const char *folder, const char *changes, bool same) {
    struct buf text = {0};
    int64_t n;
    float *want = rows_of(folder, 8, &n);
    const char *path = copy_fixture_model(folder, "spelled", config_with(folder, changes, &text));
    float *got = rows_of(path, 8, &n);
    if ((memcmp(got, want, (size_t)n * sizeof(float)) == 0) != same) fail_msg("%s", changes);
    mem_free(got);
    mem_free(want);
    buf_release(&text);
}

static void spellings_mean_the_same(void **state) {
    (void)state;
    assert_same_rows(bert_folder,
                     "{\"hidden_act\": null, \"layer_norm_eps\": null, \"type_vocab_size\": null, "
                     "\"position_embedding_type\": null, \"pad_token_id\": null}",
                     true);
    assert_same_rows(bert_folder, "{\"hidden_act\": \"gelu_new\"}", false);
    assert_same_rows(bert_folder, "{\"layer_norm_eps\": 1e-3}", false);
    assert_same_rows(bert_folder, "{\"pad_token_id\": 7}", true);
    assert_same_rows(old_folder, "{\"hidden_act\": \"gelu_pytorch_tanh\"}", true);
    assert_same_rows(old_folder, "{\"hidden_act\": \"relu\"}", false);
    assert_same_rows("tests/fixtures/encoders/bert_bf16", "{\"hidden_act\": \"swish\"}", true);
    assert_same_rows(xlmr_folder, "{\"pad_token_id\": null}", true); /* the class's 1 */
    assert_same_rows(xlmr_folder, "{\"pad_token_id\": 2}", false);
}

static void positions_end_before_the_rows_that_padding_takes(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, xlmr_folder, 1); /* 42 rows, pad 1: 40 tokens */
    assert_int_equal(l.model->info.max_position_embeddings, 40);
    assert_int_equal(l.model->info.position_offset, 2);
    assert_int_equal(l.model->info.position_padding, 1);
    loaded_release(&l);
    loaded_open(&l, bert_folder, 1);
    assert_int_equal(l.model->info.max_position_embeddings, 40);
    assert_int_equal(l.model->info.position_offset, 0);
    assert_int_equal(l.model->info.position_padding, -1);
    loaded_release(&l);
}

/* ---- a GGUF ---- */

static const char gguf_file[] = "tests/fixtures/embeddings/gguf/f32.gguf";

/* The fixture with the bytes from `skip` behind a name replaced. */
static const char *with_bytes(const char *name, size_t skip, const void *bytes, size_t n) {
    size_t len;
    const char *data = read_fixture(gguf_file, &len);
    char *copy = mem_alloc(len);
    assert_non_null(copy);
    memcpy(copy, data, len);
    char *at = memmem(copy, len, name, strlen(name));
    assert_non_null(at);
    memcpy(at + skip, bytes, n);
    write_file("changed.gguf", copy, len);
    mem_free(copy);
    return test_path("changed.gguf");
}

static void a_broken_gguf_is_refused(void **state) {
    (void)state;
    const struct {
        const char *key; /* its value becomes this one; NULL: to stands for from */
        uint32_t value;
        const char *from, *to;
        karma_status want;
        const char *message;
    } cases[] = {
        {"bert.block_count", 3, NULL, NULL, KARMA_E_MISSING, "blk.2.attn_q.weight"},
        {"bert.block_count", 1, NULL, NULL, KARMA_E_UNEXPECTED, "16 tensors of no use"},
        {"bert.block_count", 0, NULL, NULL, KARMA_E_RANGE, "bert.block_count"},
        {"bert.attention.head_count", 5, NULL, NULL, KARMA_E_SHAPE, "no multiple"},
        {"bert.embedding_length", 64, NULL, NULL, KARMA_E_SHAPE, "token_embd.weight"},
        {"bert.feed_forward_length", 65, NULL, NULL, KARMA_E_SHAPE, "ffn_up.weight"},
        {"bert.context_length", 41, NULL, NULL, KARMA_E_SHAPE, "position_embd.weight"},
        {"bert.attention.layer_norm_epsilon", 0, NULL, NULL, KARMA_E_RANGE, "layer_norm_eps"},
        {NULL, 0, "bert.block_count", "bert.black_count", KARMA_E_MISSING, "bert.block_count"},
        {NULL, 0, "bert.attention.layer_norm_epsilon", "bert.attention.layer_norm_epsilom",
         KARMA_E_MISSING, "bert.attention.layer_norm_epsilon"},
        {NULL, 0, "token_embd.weight", "token_embx.weight", KARMA_E_SHAPE, "token_embd.weight"},
        {NULL, 0, "token_types.weight", "token_typos.weight", KARMA_E_SHAPE, "token_types.weight"},
        {NULL, 0, "blk.1.attn_q.bias", "blk.1.attn_x.bias", KARMA_E_MISSING, "blk.1.attn_q.bias"},
    };
    const char yes = 1;
    struct loaded l;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *path = cases[i].key
                               ? with_bytes(cases[i].key, strlen(cases[i].key) + 4, &cases[i].value,
                                            sizeof(cases[i].value))
                               : with_bytes(cases[i].from, 0, cases[i].to, strlen(cases[i].to));
        const karma_status st = loaded_try(&l, path, 1);
        if (st != cases[i].want) print_message("case %zu\n", i);
        assert_status(st, cases[i].want);
        assert_message_contains(cases[i].message);
        loaded_release(&l);
    }
    static const char causal[] = "bert.attention.causal";
    assert_status(loaded_try(&l, with_bytes(causal, strlen(causal) + 4, &yes, 1), 1),
                  KARMA_E_UNSUPPORTED);
    assert_message_contains(causal);
    loaded_release(&l);
}

static void a_gguf_counts_positions_from_0(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, gguf_file, 1);
    const struct model_info *i = &l.model->info;
    assert_int_equal(i->max_position_embeddings, 40);
    assert_int_equal(i->position_offset, 0);
    assert_int_equal(i->position_padding, -1);
    assert_int_equal(i->hidden_size, 32);
    assert_int_equal(i->can, FAMILY_ENCODE);
    assert_true(i->bidirectional);
    loaded_release(&l);
}

static karma_status load_once(void *path) {
    struct loaded l;
    const karma_status st = loaded_try(&l, path, 1);
    loaded_release(&l);
    return st;
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    char path[] = "tests/fixtures/encoders/bert", gguf[sizeof(gguf_file)];
    assert_true(for_each_failing_allocation(load_once, path) > 20);
    memcpy(gguf, gguf_file, sizeof(gguf));
    assert_true(for_each_failing_allocation(load_once, gguf) > 20);
}

static void info_counts_what_was_bound(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, bert_folder, 1);
    const struct model_info *i = &l.model->info;
    const int64_t h = 36, inter = 50;
    const int64_t layer = 4 * (h * h + h) + 2 * h * inter + inter + h + 4 * h;
    assert_int_equal(i->n_parameters, (67 + 40 + 2) * h + 2 * h + 2 * layer);
    assert_int_equal(i->weight_bytes, (size_t)i->n_parameters * 4);
    assert_true(i->private_bytes < 16384); /* matrices are views */
    assert_true(i->bidirectional && i->symmetric_window == 0 && i->can == FAMILY_ENCODE);
    loaded_release(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(broken_configurations_are_refused),
        test_case(missing_and_left_over_tensors_are_named),
        test_case(a_broken_gguf_is_refused),
        test_case(a_gguf_counts_positions_from_0),
        test_case(spellings_mean_the_same),
        test_case(positions_end_before_the_rows_that_padding_takes),
        test_case(every_failing_allocation_is_reported),
        test_case(info_counts_what_was_bound),
    };
    return run_group("models/bert", tests);
}
