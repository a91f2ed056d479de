/*
 * test_siglip.c - loading a tower: the names and files that it can come in, and every way it can be
 * wrong. What it computes is golden/test_vision.c.
 */
#include "tests/support/test.h"

#include <math.h>

#include "base/buf.h"
#include "formats/gguf.h"
#include "tensor/cpu/cpu.h"
#include "tests/support/model_files.h"
#include "tests/support/sight.h"

static const char see_folder[] = "tests/fixtures/models/gemma3_see";
static const char bf16_folder[] = "tests/fixtures/models/gemma3_see_bf16";
static const char gguf_folder[] = "tests/fixtures/models/gemma3_see_gguf";
static const char gguf_text[] = "tests/fixtures/models/gemma3_see_gguf/model.gguf";
static const char gguf_old[] = "tests/fixtures/models/gemma3_see_gguf/old/mmproj-Q8_0.gguf";

/* ---- names ---- */

struct rename {
    const char *from, *to;
};

/* The fixture with names in its header replaced, each everywhere; more: further entries, of which
 * the data is `more_bytes` zeros at the end. */
static const char *renamed(const char *name, const struct rename *how, size_t n, const char *more,
                           size_t more_bytes, const char *config) {
    struct buf header = {0}, next = {0}, file = {0};
    char path[128];
    size_t len;
    snprintf(path, sizeof(path), "%s/model.safetensors", see_folder);
    const char *data = read_fixture(path, &len);
    uint64_t old_len;
    memcpy(&old_len, data, sizeof(old_len));
    put_bytes(&header, data + 8, (size_t)old_len);
    for (size_t i = 0; i < n; i++) {
        const char *at = buf_str(&header), *hit;
        next.len = 0;
        while ((hit = strstr(at, how[i].from))) {
            put_bytes(&next, at, (size_t)(hit - at));
            put_bytes(&next, how[i].to, strlen(how[i].to));
            at = hit + strlen(how[i].from);
        }
        put_bytes(&next, at, strlen(at));
        header.len = 0;
        put_bytes(&header, next.data, next.len);
    }
    while (header.len > 0 && header.data[header.len - 1] != '}')
        header.len--;
    header.len--;
    if (more) put_bytes(&header, more, strlen(more));
    put_bytes(&header, "}", 1);
    put_u64(&file, header.len);
    put_bytes(&file, header.data, header.len);
    put_bytes(&file, data + 8 + old_len, len - 8 - (size_t)old_len);
    put_zeros(&file, more_bytes);
    snprintf(path, sizeof(path), "%s/model.safetensors", name);
    write_file(path, file.data, file.len);
    buf_release(&header);
    buf_release(&next);
    buf_release(&file);
    snprintf(path, sizeof(path), "%s/config.json", see_folder);
    const char *as_it_is = read_fixture(path, NULL);
    snprintf(path, sizeof(path), "%s/config.json", name);
    write_text(path, config ? config : as_it_is);
    return test_path(name);
}

/* Bytes of tensors in the fixture: where a further one begins. */
static size_t data_bytes(void) {
    char path[128];
    size_t len;
    snprintf(path, sizeof(path), "%s/model.safetensors", see_folder);
    const char *data = read_fixture(path, &len);
    uint64_t header;
    memcpy(&header, data, sizeof(header));
    return len - 8 - (size_t)header;
}

static void all_spellings_of_names_are_the_same_tower(void **state) {
    (void)state;
    static const struct rename variants[][3] = {
        /* hub files */
        {{"vision_tower.", "vision_tower.vision_model."}},
        /* as the classes of today name them in memory */
        {{"language_model.model.", "model.language_model."},
         {"vision_tower.", "model.vision_tower.vision_model."},
         {"multi_modal_projector.", "model.multi_modal_projector."}},
        {{"language_model.model.", "model.language_model."},
         {"vision_tower.", "model.vision_tower."},
         {"multi_modal_projector.", "model.multi_modal_projector."}},
        /* saved from the model without its head */
        {{"language_model.model.", "language_model."}},
        {{"language_model.model.", ""}, {"vision_tower.", "vision_tower.vision_model."}},
    };
    struct golden g;
    struct loaded l;
    int64_t n_pixels;
    golden_open(&g, see_folder);
    const float *pixels = sight_golden(&g, "pixel_values", &n_pixels);
    loaded_open(&l, see_folder, 1);
    const struct model_info as_saved = l.model->info;
    const size_t bytes = sight_floats(&l) * sizeof(float);
    float *want = sight_see(&l, pixels, 1);
    loaded_release(&l);
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        size_t n = 0;
        while (n < 3 && variants[i][n].from)
            n++;
        loaded_open(&l, renamed("named", variants[i], n, NULL, 0, NULL), 1);
        assert_int_equal(l.model->info.n_parameters, as_saved.n_parameters);
        assert_int_equal(l.model->info.weight_bytes, as_saved.weight_bytes);
        float *got = sight_see(&l, pixels, 1);
        assert_memory_equal(got, want, bytes);
        mem_free(got);
        loaded_release(&l);
    }
    mem_free(want);
    golden_release(&g);
}

static void the_head_of_the_tower_is_left_alone(void **state) {
    (void)state;
    static const struct {
        const char *name;
        karma_status want;
    } cases[] = {
        {"vision_tower.head.probe", KARMA_OK},
        {"vision_tower.vision_model.head.mlp.fc1.weight", KARMA_OK},
        {"vision_tower.embeddings.position_ids", KARMA_OK},
        {"vision_tower.encoder.layers.2.layer_norm1.bias", KARMA_E_UNEXPECTED},
        {"multi_modal_projector.bias", KARMA_E_UNEXPECTED},
    };
    const size_t end = data_bytes();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char entry[192];
        struct loaded l;
        snprintf(entry, sizeof(entry),
                 ",\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%zu,%zu]}",
                 cases[i].name, end, end + 8);
        const karma_status st = loaded_try(&l, renamed("headed", NULL, 0, entry, 8, NULL), 1);
        assert_status(st, cases[i].want);
        if (st < 0) assert_message_contains(cases[i].name);
        loaded_release(&l);
    }
}

/* ---- what is wrong ---- */

static void missing_misshapen_and_doubled_tensors_are_named(void **state) {
    (void)state;
    static const struct {
        struct rename how;
        karma_status want;
        const char *message;
    } cases[] = {
        {{"layers.1.mlp.fc1.bias", "layers.1.mlp.fc3.bias"},
         KARMA_E_MISSING,
         "1 tensor is missing: vision_tower.encoder.layers.1.mlp.fc1.bias"},
        {{"embeddings.patch_embedding.weight", "embeddings.patches.weight"},
         KARMA_E_MISSING,
         "embeddings.patch_embedding.weight"},
        {{"mm_input_projection_weight", "mm_projection"},
         KARMA_E_MISSING,
         "mm_input_projection_weight"},
        {{"mm_soft_emb_norm.weight", "mm_norm.weight"},
         KARMA_E_MISSING,
         "multi_modal_projector.mm_soft_emb_norm.weight"},
        {{"input_projection_weight\":{\"dtype\":\"F32\",\"shape\":[24,28]",
          "input_projection_weight\":{\"dtype\":\"F32\",\"shape\":[28,24]"},
         KARMA_E_SHAPE,
         "mm_input_projection_weight: expected [24, 28], found [28, 24]"},
        {{"\"shape\":[24,3,7,7]", "\"shape\":[3,24,7,7]"},
         KARMA_E_SHAPE,
         "patch_embedding.weight: expected [24, 147], found [3, 24, 7, 7]"},
        {{"\"shape\":[16,24]", "\"shape\":[12,32]"},
         KARMA_E_SHAPE,
         "position_embedding.weight: expected [16, 24], found [12, 32]"},
        {{"vision_tower.post_layernorm.bias", "x.embeddings.patch_embedding.weight"},
         KARMA_E_DUPLICATE,
         "both end in embeddings.patch_embedding.weight"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loaded l;
        const karma_status st =
            loaded_try(&l, renamed("wrong", &cases[i].how, 1, NULL, 0, NULL), 1);
        assert_status(st, cases[i].want);
        assert_message_contains(cases[i].message);
        loaded_release(&l);
    }
}

static const struct {
    const char *key, *value;
} tower_config[] = {{"hidden_size", "24"},       {"intermediate_size", "40"},
                    {"num_hidden_layers", "2"},  {"num_attention_heads", "3"},
                    {"patch_size", "7"},         {"image_size", "28"},
                    {"layer_norm_eps", "1e-06"}, {"model_type", "\"siglip_vision_model\""}};

/* config.json whose tower has one value of its own; NULL: without that key. */
static const char *tower_with(const char *key, const char *value, struct buf *text) {
    struct buf changes = {0};
    const char *comma = "";
    text->len = 0;
    assert_ok(buf_puts(&changes, "{\"vision_config\": {"));
    for (size_t i = 0; i < sizeof(tower_config) / sizeof(tower_config[0]); i++) {
        if (strcmp(tower_config[i].key, key) == 0) continue;
        assert_ok(buf_printf(&changes, "%s\"%s\": %s", comma, tower_config[i].key,
                             tower_config[i].value));
        comma = ", ";
    }
    if (value) assert_ok(buf_printf(&changes, "%s\"%s\": %s", comma, key, value));
    assert_ok(buf_puts(&changes, "}}"));
    const char *config = config_with(see_folder, buf_str(&changes), text);
    buf_release(&changes);
    return config;
}

static void odd_towers_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *key, *value;
        karma_status want;
        const char *message;
    } cases[] = {
        {"hidden_size", NULL, KARMA_E_SHAPE, "[768, 147], found [24, 3, 7, 7]"}, /* 768 then */
        {"hidden_size", "0", KARMA_E_RANGE, "vision_config: hidden_size"},
        {"hidden_size", "\"24\"", KARMA_E_TYPE, "hidden_size"},
        {"hidden_size", "25", KARMA_E_SHAPE, "no multiple of num_attention_heads 3"},
        {"hidden_size", "4194305", KARMA_E_RANGE, "hidden_size"},
        {"intermediate_size", "-1", KARMA_E_RANGE, "intermediate_size"},
        {"intermediate_size", "41", KARMA_E_SHAPE, "fc1.weight: expected [41, 24]"},
        {"num_hidden_layers", "3", KARMA_E_MISSING, "16 tensors are missing"},
        {"num_hidden_layers", "1", KARMA_E_UNEXPECTED, "16 tensors of no use"},
        {"num_hidden_layers", "1e9", KARMA_E_RANGE, "num_hidden_layers"},
        {"num_attention_heads", "0", KARMA_E_RANGE, "num_attention_heads"},
        {"num_attention_heads", "5", KARMA_E_SHAPE, "num_attention_heads 5"},
        {"patch_size", "0", KARMA_E_RANGE, "patch_size"},
        {"patch_size", "5", KARMA_E_SHAPE, "image_size 28 is no multiple of patch_size 5"},
        {"patch_size", "14", KARMA_E_SHAPE, "expected [24, 588]"},
        {"image_size", "7", KARMA_E_SHAPE, "1 patches a side cannot be averaged to 2 tokens"},
        {"image_size", "21", KARMA_E_SHAPE, "3 patches a side cannot be averaged to 2 tokens"},
        {"image_size", "56", KARMA_E_SHAPE, "expected [64, 24], found [16, 24]"},
        {"image_size", "2147483648", KARMA_E_RANGE, "image_size"},
        {"layer_norm_eps", "0", KARMA_E_RANGE, "layer_norm_eps"},
        {"layer_norm_eps", "-1e-6", KARMA_E_RANGE, "layer_norm_eps"},
        {"num_channels", "1", KARMA_E_UNSUPPORTED, "num_channels 1"},
        {"hidden_act", "\"quick_gelu\"", KARMA_E_UNSUPPORTED, "quick_gelu"},
        {"model_type", "\"clip_vision_model\"", KARMA_E_UNSUPPORTED, "clip_vision_model"},
    };
    struct buf text = {0};
    struct loaded l;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *config = tower_with(cases[i].key, cases[i].value, &text);
        const karma_status st = loaded_try(&l, copy_fixture_model(see_folder, "odd", config), 1);
        if (st != cases[i].want) print_message("for %s %s\n", cases[i].key, cases[i].value);
        assert_status(st, cases[i].want);
        assert_message_contains(cases[i].message);
        loaded_release(&l);
    }
    static const struct {
        const char *changes;
        karma_status want;
        const char *message;
    } others[] = {
        {"{\"mm_tokens_per_image\": 0}", KARMA_E_RANGE, "mm_tokens_per_image"},
        {"{\"mm_tokens_per_image\": 5}", KARMA_E_RANGE, "mm_tokens_per_image 5: expected a square"},
        {"{\"mm_tokens_per_image\": 9}", KARMA_E_SHAPE, "4 patches a side"},
        {"{\"mm_tokens_per_image\": null}", KARMA_E_SHAPE, "cannot be averaged to 16 tokens"},
        {"{\"mm_tokens_per_image\": 1099511627776}", KARMA_E_RANGE, "mm_tokens_per_image"},
        {"{\"image_token_index\": -1}", KARMA_E_RANGE, "image_token_index"},
        {"{\"boi_token_id\": \"x\"}", KARMA_E_TYPE, "boi_token_id"},
        {"{\"vision_config\": 3}", KARMA_E_TYPE, "vision_config: expected an object"},
        {"{\"architectures\": [\"Gemma3ForCausalLM\"]}", KARMA_E_UNEXPECTED, "vision_tower."},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        text.len = 0;
        const char *config = config_with(see_folder, others[i].changes, &text);
        const karma_status st = loaded_try(&l, copy_fixture_model(see_folder, "odd", config), 1);
        if (st != others[i].want) print_message("for %s\n", others[i].changes);
        assert_status(st, others[i].want);
        assert_message_contains(others[i].message);
        loaded_release(&l);
    }
    buf_release(&text);
}

static void ids_of_a_picture_come_by_either_name(void **state) {
    (void)state;
    static const struct {
        const char *changes;
        int32_t boi, eoi, image;
    } cases[] = {
        {"{}", 97, 98, 99},
        {"{\"boi_token_index\": null, \"boi_token_id\": 7, \"eoi_token_id\": 8, "
         "\"image_token_id\": 9}",
         7, 8, 9},
        {"{\"boi_token_index\": null, \"eoi_token_index\": null, \"image_token_index\": null}",
         255999, 256000, 262144},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text = {0};
        struct loaded l;
        const char *config = config_with(see_folder, cases[i].changes, &text);
        loaded_open(&l, copy_fixture_model(see_folder, "ids", config), 1);
        const struct vision_info *info = sight_info(&l);
        assert_int_equal(info->boi_token, cases[i].boi);
        assert_int_equal(info->eoi_token, cases[i].eoi);
        assert_int_equal(info->image_token, cases[i].image);
        assert_int_equal(info->image_size, 28);
        assert_int_equal(info->tokens_per_image, 4);
        assert_int_equal(info->hidden_size, 28);
        loaded_release(&l);
        buf_release(&text);
    }
}

static void a_multimodal_checkpoint_without_its_tower_is_a_text_model(void **state) {
    (void)state;
    struct buf text = {0};
    struct loaded l;
    const char *config = config_with("tests/fixtures/models/gemma3",
                                     "{\"architectures\": "
                                     "[\"Gemma3ForConditionalGeneration\"], "
                                     "\"vision_config\": {\"patch_size\": 0}}",
                                     &text);
    loaded_open(&l, copy_fixture_model("tests/fixtures/models/gemma3", "blind", config), 1);
    assert_int_equal(l.model->info.can, FAMILY_GENERATE | FAMILY_ENCODE);
    loaded_release(&l);
    buf_release(&text);
}

static void a_model_saved_without_its_head_sees_and_encodes(void **state) {
    (void)state;
    static const struct rename bare[] = {{"language_model.model.", "language_model."}};
    struct buf text = {0};
    struct loaded l;
    const char *config = config_with(see_folder, "{\"architectures\": [\"Gemma3Model\"]}", &text);
    loaded_open(&l, renamed("bare", bare, 1, NULL, 0, config), 1);
    assert_int_equal(l.model->info.can, FAMILY_SEE | FAMILY_ENCODE);
    loaded_release(&l);
    buf_release(&text);
}

static void the_tower_counts(void **state) {
    (void)state;
    struct loaded l;
    loaded_open(&l, see_folder, 1);
    const int64_t d = 24, m = 40, h = 28;
    const int64_t tower = d * 147 + d + 16 * d + 2 * (4 * d + 4 * (d * d + d) + 2 * m * d + m + d) +
                          2 * d + d * h + d;
    const int64_t layer = 2 * 48 * h + 2 * 24 * h + 3 * 46 * h + 4 * h + 2 * 12;
    assert_int_equal(l.model->info.n_parameters, 101 * h + h + 7 * layer + tower);
    assert_int_equal(l.model->info.weight_bytes, (size_t)l.model->info.n_parameters * 4);
    loaded_release(&l);
}

/* ---- GGUF ---- */

static karma_status attach(struct loaded *l, const char *text, const char *projector) {
    *l = (struct loaded){0};
    karma_status st = checkpoint_open(text, &l->ck);
    if (st == KARMA_OK && projector) st = checkpoint_attach_projector(l->ck, projector);
    if (st == KARMA_OK) st = cpu_backend_create(best_f32_isa(), 1, &l->be);
    if (st == KARMA_OK) st = model_load(l->ck, l->be, &l->model);
    return st;
}

static void a_projector_file_gives_a_gguf_sight(void **state) {
    (void)state;
    struct golden g;
    struct loaded l;
    int64_t n, n_pixels;
    golden_open(&g, gguf_folder);
    const float *pixels = sight_golden(&g, "pixel_values", &n_pixels);
    assert_ok(attach(&l, gguf_text, NULL)); /* a file alone is the text model */
    assert_int_equal(l.model->info.can, FAMILY_GENERATE | FAMILY_ENCODE);
    const int64_t text_parameters = l.model->info.n_parameters;
    loaded_release(&l);
    assert_ok(attach(&l, gguf_text, "tests/fixtures/models/gemma3_see_gguf/mmproj-F16.gguf"));
    assert_true(l.model->info.n_parameters > text_parameters);
    const struct vision_info *info = sight_info(&l);
    assert_int_equal(info->boi_token, -1);
    assert_int_equal(info->eoi_token, -1);
    assert_int_equal(info->image_token, -1);
    assert_int_equal(info->tokens_per_image, 4);
    float *got = sight_see(&l, pixels, 2);
    const float *want = sight_golden(&g, "features", &n);
    assert_close(got, want, (size_t)n, sight_bound * sight_largest(want, n));
    mem_free(got);
    loaded_release(&l);
    /* In the words of the first converter, in eight bits. */
    assert_ok(attach(&l, gguf_text, gguf_old));
    got = sight_see(&l, pixels, 2);
    want = sight_golden(&g, "q8_0.features", &n);
    /* Blocks meet activations of 16 bits: found 3.9e-5. */
    assert_close(got, want, (size_t)n, 2e-4 * sight_largest(want, n));
    mem_free(got);
    loaded_release(&l);
    golden_release(&g);
}

/* A copy of the projector file with one text in it replaced by another of the same length. */
static const char *patched(const char *from, const char *to) {
    size_t len, n = strlen(from);
    const char *data = read_fixture("tests/fixtures/models/gemma3_see_gguf/mmproj-F16.gguf", &len);
    struct buf b = {0};
    put_bytes(&b, data, len);
    assert_int_equal(strlen(to), n);
    int hits = 0;
    for (size_t i = 0; i + n <= len; i++) {
        if (memcmp(b.data + i, from, n) != 0) continue;
        memcpy(b.data + i, to, n);
        hits++;
    }
    assert_true(hits > 0);
    const char *path = write_file("patched/mmproj.gguf", b.data, b.len);
    buf_release(&b);
    return path;
}

static void broken_projector_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        karma_status want;
        const char *message;
    } cases[] = {
        {"gemma3", "gemmaX", KARMA_E_UNSUPPORTED, "clip.projector_type: expected gemma3"},
        {"clip.projector_type", "clip.projector_tape", KARMA_E_MISSING, "clip.projector_type"},
        {"clip.vision.image_size", "clip.vision.image_side", KARMA_E_MISSING,
         "clip.vision.image_size"},
        {"clip.vision.patch_size", "clip.vision.patch_sign", KARMA_E_MISSING,
         "clip.vision.patch_size"},
        {"layer_norm_epsilon", "layer_norm_epsilom", KARMA_E_MISSING, "layer_norm_epsilon"},
        {"clip.use_gelu", "clip.use_silu", KARMA_E_UNSUPPORTED, "clip.use_gelu"},
        {"scale_factor", "scale_victor", KARMA_OK, ""}, /* 4 then: one token for 4 x 4 patches */
        {"v.post_ln.bias", "v.post_lm.bias", KARMA_E_MISSING, "v.post_ln.bias"},
        {"v.blk.1.attn_q.weight", "v.blk.1.attn_o.weight", KARMA_E_MISSING,
         "v.blk.1.attn_q.weight"},
        /* Five of the names are quoted: that of the file must outlive them. */
        {"v.blk.1.", "w.blk.1.", KARMA_E_MISSING, "16 tensors are missing"},
        {"mm.input_projection.weight", "mm.outer_projection.weight", KARMA_E_MISSING,
         "mm.input_projection.weight"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loaded l;
        const karma_status st = attach(&l, gguf_text, patched(cases[i].from, cases[i].to));
        if (st != cases[i].want) print_message("for %s\n", cases[i].to);
        assert_status(st, cases[i].want);
        if (st < 0) {
            assert_message_contains(cases[i].message);
            assert_message_contains("mmproj.gguf");
        }
        loaded_release(&l);
    }
    struct loaded l;
    assert_status(attach(&l, "tests/fixtures/models/gemma3_see_gguf/mmproj-F16.gguf", NULL),
                  KARMA_E_UNSUPPORTED);
    assert_message_contains("clip");
    loaded_release(&l);
    /* A family without eyes has no use for it. */
    assert_ok(attach(&l, "tests/fixtures/models/llama_gguf_f32/model.gguf", gguf_old));
    assert_false(l.model->info.can & FAMILY_SEE);
    loaded_release(&l);
}

/* ---- the rest ---- */

struct patience {
    int asked, given;
};

static bool out_of_patience(void *user) {
    struct patience *p = user;
    return ++p->asked > p->given;
}

static void cancelling_ends_it_between_layers(void **state) {
    (void)state;
    struct golden g;
    struct loaded l;
    int64_t n;
    golden_open(&g, bf16_folder);
    loaded_open(&l, bf16_folder, 1);
    const float *pixels = sight_golden(&g, "pixel_values", &n);
    float *rows = mem_alloc(sight_floats(&l) * sizeof(float));
    for (int given = 0; given <= 3; given++) {
        struct patience p = {.given = given};
        assert_int_equal(sight_look(&l, pixels, rows, out_of_patience, &p), given == 3);
        assert_int_equal(p.asked, given == 3 ? 3 : given + 1);
    }
    mem_free(rows);
    loaded_release(&l);
    golden_release(&g);
}

/* Products in eight bits; patches, positions and the projection stay as they are. */
static void eight_bits_see_nearly_the_same(void **state) {
    (void)state;
    static const enum backend_weights how[] = {WEIGHTS_STORED, WEIGHTS_INT8_SIZE, WEIGHTS_INT8};
    struct golden g;
    int64_t n, n_pixels;
    size_t private_bytes[3];
    golden_open(&g, see_folder);
    const float *pixels = sight_golden(&g, "pixel_values", &n_pixels);
    const float *want = sight_golden(&g, "features", &n);
    for (int i = 0; i < 3; i++) {
        struct loaded l = {0};
        assert_ok(checkpoint_open(see_folder, &l.ck));
        assert_ok(backend_create("cpu", 2, &l.be));
        l.be->weights = how[i];
        assert_ok(model_load(l.ck, l.be, &l.model));
        private_bytes[i] = l.model->info.private_bytes;
        if (how[i] == WEIGHTS_INT8) {
            float *got = sight_see(&l, pixels, 2);
            double worst = 0;
            for (int64_t k = 0; k < n; k++)
                worst = fmax(worst, fabs((double)got[k] - (double)want[k]));
            assert_true(worst > 0);
            assert_true(worst < 0.05 * sight_largest(want, n));
            mem_free(got);
        }
        loaded_release(&l);
    }
    assert_true(private_bytes[1] > private_bytes[0]);
    assert_int_equal(private_bytes[2], private_bytes[1]);
    golden_release(&g);
}

static karma_status load_once(void *path) {
    struct loaded l;
    const karma_status st = loaded_try(&l, path, 1);
    loaded_release(&l);
    return st;
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    const char *const folders[] = {bf16_folder, gguf_folder};
    for (int f = 0; f < 2; f++) {
        char path[128];
        snprintf(path, sizeof(path), "%s", folders[f]);
        assert_true(for_each_failing_allocation(load_once, path) > 60);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(all_spellings_of_names_are_the_same_tower),
        test_case(the_head_of_the_tower_is_left_alone),
        test_case(missing_misshapen_and_doubled_tensors_are_named),
        test_case(odd_towers_are_refused),
        test_case(ids_of_a_picture_come_by_either_name),
        test_case(a_multimodal_checkpoint_without_its_tower_is_a_text_model),
        test_case(a_model_saved_without_its_head_sees_and_encodes),
        test_case(the_tower_counts),
        test_case(a_projector_file_gives_a_gguf_sight),
        test_case(broken_projector_files_are_refused),
        test_case(cancelling_ends_it_between_layers),
        test_case(eight_bits_see_nearly_the_same),
        test_case(every_failing_allocation_is_reported),
    };
    return run_group("models/siglip", tests);
}
