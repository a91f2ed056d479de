/* tiny_recogniser.c - see tiny_recogniser.h. */
#include "tests/support/tiny_recogniser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    D = TINY_HIDDEN,
    F = 256,
    H = 4,
    K = 9,
    C = 16,
    LAYERS = 2,
    VOCAB = TINY_PIECES,
    LANGUAGES = TINY_LANGUAGES,
    ROWS = LANGUAGES * VOCAB + 1,
    PRED = TINY_PREDICTOR,
};

static const char *const codes[LANGUAGES] = {"as", "bn", "hi"};

/* ---- weights by name ---- */

uint32_t tiny_seed(const char *name) {
    uint32_t s = 2166136261u;
    for (; *name; name++)
        s = (s ^ (unsigned char)*name) * 16777619u;
    return s;
}

double tiny_draw(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / 0x1p24 - 0.5;
}

struct file {
    struct buf header, data;
};

/* The value that a name asks for. */
static double value_of(const char *name, int n_dims, double fan_in, double u) {
    const char *last = strrchr(name, '.') + 1;
    if (strcmp(last, "running_mean") == 0) return 0.2 * u;
    if (strcmp(last, "running_var") == 0) return 1 + u;
    if (strncmp(last, "pos_bias", 8) == 0) return 0.4 * u;
    if (strncmp(last, "bias", 4) == 0) return 0.2 * u;
    return n_dims == 1 ? 1 + 0.2 * u : u * 2 * sqrt(3 / fan_in);
}

static float *put(struct file *f, const char *name, double factor, int n_dims, const int *dims) {
    static float values[1 << 16];
    size_t n = 1, begin = f->data.len;
    double fan_in = 1;
    uint32_t s = tiny_seed(name);
    buf_printf(&f->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", f->header.len ? "," : "{",
               name);
    for (int i = 0; i < n_dims; i++) {
        buf_printf(&f->header, "%s%d", i ? "," : "", dims[i]);
        n *= (size_t)dims[i];
        if (i > 0) fan_in *= dims[i];
    }
    if (n > sizeof(values) / sizeof(values[0])) abort(); /* a mistake of ours */
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(value_of(name, n_dims, fan_in, tiny_draw(&s)) * factor);
    buf_append(&f->data, values, n * sizeof(float));
    buf_printf(&f->header, "],\"data_offsets\":[%zu,%zu]}", begin, f->data.len);
    return (float *)(void *)(f->data.data + begin);
}

#define PUT(f, name, ...)                                                                          \
    put(f, name, 1, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]){__VA_ARGS__})
#define PUT_TIMES(f, name, factor, ...)                                                            \
    put(f, name, factor, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]){__VA_ARGS__})

static void put_pair(struct file *f, const char *stem, int rows, int cols) {
    char name[128];
    snprintf(name, sizeof(name), "%s.weight", stem);
    if (cols)
        PUT(f, name, rows, cols);
    else
        PUT(f, name, rows);
    snprintf(name, sizeof(name), "%s.bias", stem);
    PUT(f, name, rows);
}

static void put_layer(struct file *f, int i) {
    static const char *const norms[] = {"norm_feed_forward1", "norm_self_att", "norm_conv",
                                        "norm_feed_forward2", "norm_out"};
    static const char *const matrices[] = {"linear_q", "linear_k", "linear_v", "linear_out"};
    char name[128];
#define NAME(...) (snprintf(name, sizeof(name), "encoder.layers.%d." __VA_ARGS__), name)
    for (int n = 0; n < 5; n++)
        put_pair(f, NAME("%s", i, norms[n]), D, 0);
    for (int n = 1; n <= 2; n++) {
        put_pair(f, NAME("feed_forward%d.linear1", i, n), F, D);
        put_pair(f, NAME("feed_forward%d.linear2", i, n), D, F);
    }
    for (int n = 0; n < 4; n++)
        put_pair(f, NAME("self_attn.%s", i, matrices[n]), D, D);
    PUT(f, NAME("self_attn.linear_pos.weight", i), D, D);
    PUT(f, NAME("self_attn.pos_bias_u", i), H, D / H);
    PUT(f, NAME("self_attn.pos_bias_v", i), H, D / H);
    PUT(f, NAME("conv.pointwise_conv1.weight", i), 2 * D, D, 1);
    PUT(f, NAME("conv.pointwise_conv1.bias", i), 2 * D);
    PUT(f, NAME("conv.depthwise_conv.weight", i), D, 1, K);
    PUT(f, NAME("conv.depthwise_conv.bias", i), D);
    put_pair(f, NAME("conv.batch_norm", i), D, 0);
    PUT(f, NAME("conv.batch_norm.running_mean", i), D);
    PUT(f, NAME("conv.batch_norm.running_var", i), D);
    PUT(f, NAME("conv.pointwise_conv2.weight", i), D, D, 1);
    PUT(f, NAME("conv.pointwise_conv2.bias", i), D);
#undef NAME
}

static void put_heads(struct file *f) {
    char name[128];
    PUT(f, "ctc_decoder.decoder_layers.0.weight", ROWS, D, 1);
    PUT(f, "ctc_decoder.decoder_layers.0.bias", ROWS)[ROWS - 1] += 2.0f;
    float *embed = PUT_TIMES(f, "decoder.prediction.embed.weight", 4, ROWS, PRED);
    memset(embed + (ROWS - 1) * PRED, 0, PRED * sizeof(*embed));
    for (int i = 0; i < 2; i++) {
        static const char stem[] = "decoder.prediction.dec_rnn.lstm.";
        snprintf(name, sizeof(name), "%sweight_ih_l%d", stem, i);
        PUT_TIMES(f, name, 4, 4 * PRED, PRED);
        snprintf(name, sizeof(name), "%sweight_hh_l%d", stem, i);
        PUT_TIMES(f, name, 4, 4 * PRED, PRED);
        snprintf(name, sizeof(name), "%sbias_ih_l%d", stem, i);
        PUT(f, name, 4 * PRED);
        snprintf(name, sizeof(name), "%sbias_hh_l%d", stem, i);
        PUT(f, name, 4 * PRED);
    }
    put_pair(f, "joint.enc", PRED, D);
    PUT_TIMES(f, "joint.pred.weight", 4, PRED, PRED);
    PUT(f, "joint.pred.bias", PRED);
    for (int i = 0; i < LANGUAGES; i++) {
        snprintf(name, sizeof(name), "joint.joint_net.2.%s.weight", codes[i]);
        PUT(f, name, VOCAB + 1, PRED);
        snprintf(name, sizeof(name), "joint.joint_net.2.%s.bias", codes[i]);
        PUT(f, name, VOCAB + 1)[VOCAB] += 1.0f;
    }
}

/* ---- tables ---- */

/* Every third piece begins a word. */
static void put_pieces(struct buf *out) {
    static const char *const syllables[VOCAB] = {"<unk>", "ka", "ri", "mo", "ta", "le", "su", "na",
                                                 "pi",    "do", "ge", "ha", "bu", "wi", "ze", "yo"};
    for (int t = 0; t < VOCAB; t++)
        buf_printf(out, "%s\"%s%s\"", t ? "," : "", t % 3 == 1 ? "\xe2\x96\x81" : "", syllables[t]);
    buf_puts(out, ",\"unused\"");
}

static karma_status write_in(const char *folder, const char *name, const void *data, size_t len) {
    struct arena a = {0};
    const char *path = file_join(&a, folder, name);
    karma_status st = path ? file_write_atomic(path, data, len, 0644) : KARMA_E_NOMEM;
    arena_release(&a);
    return st;
}

static karma_status write_tables(const char *folder) {
    static const char config[] = "{\"architectures\":[\"IndicConformerASR\"],\"BLANK_ID\":16,"
                                 "\"SOS\":48,\"RNNT_MAX_SYMBOLS\":3}";
    struct buf vocab = {0}, masks = {0};
    for (int i = 0; i < LANGUAGES; i++) {
        buf_printf(&vocab, "%s\"%s\":[", i ? "," : "{", codes[i]);
        buf_printf(&masks, "%s\"%s\":[", i ? "," : "{", codes[i]);
        put_pieces(&vocab);
        for (int t = 0; t < ROWS; t++)
            buf_printf(&masks, "%s%s", t ? "," : "",
                       t / VOCAB == i || t == ROWS - 1 ? "true" : "false");
        buf_puts(&vocab, "]");
        buf_puts(&masks, "]");
    }
    buf_puts(&vocab, "}");
    buf_puts(&masks, "}");
    karma_status st = write_in(folder, "vocab.json", vocab.data, vocab.len);
    if (st == KARMA_OK) st = write_in(folder, "language_masks.json", masks.data, masks.len);
    if (st == KARMA_OK) st = write_in(folder, "config.json", config, strlen(config));
    buf_release(&vocab);
    buf_release(&masks);
    return st;
}

static void put_encoder(struct file *f) {
    PUT(f, "encoder.pre_encode.conv.0.weight", C, 1, 3, 3);
    PUT(f, "encoder.pre_encode.conv.0.bias", C);
    for (int i = 2; i <= 5; i += 3) {
        char name[64];
        snprintf(name, sizeof(name), "encoder.pre_encode.conv.%d.weight", i);
        PUT(f, name, C, 1, 3, 3);
        snprintf(name, sizeof(name), "encoder.pre_encode.conv.%d.bias", i);
        PUT(f, name, C);
        snprintf(name, sizeof(name), "encoder.pre_encode.conv.%d.weight", i + 1);
        PUT(f, name, C, C, 1, 1);
        snprintf(name, sizeof(name), "encoder.pre_encode.conv.%d.bias", i + 1);
        PUT(f, name, C);
    }
    put_pair(f, "encoder.pre_encode.out", D, C * 10);
    for (int i = 0; i < LAYERS; i++)
        put_layer(f, i);
}

karma_status tiny_recogniser_write(const char *folder) {
    struct file f = {0};
    struct buf whole = {0};
    put_encoder(&f);
    put_heads(&f);
    buf_puts(&f.header, "}");
    const uint64_t len = f.header.len;
    buf_append(&whole, &len, 8);
    buf_append(&whole, f.header.data, f.header.len);
    buf_append(&whole, f.data.data, f.data.len);
    karma_status st = file_make_folders(folder, 0755);
    if (st == KARMA_OK) st = write_in(folder, "model.safetensors", whole.data, whole.len);
    if (st == KARMA_OK) st = write_tables(folder);
    buf_release(&whole);
    buf_release(&f.header);
    buf_release(&f.data);
    return st;
}

/* ---- sound ---- */

static void put_le(unsigned char *at, uint32_t value, int n) {
    for (int i = 0; i < n; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

karma_status tiny_recording_write(const char *path, int32_t rate, int64_t n, uint32_t seed,
                                  double quiet_from, double quiet_to) {
    const size_t size = 44 + (size_t)n * 2;
    unsigned char *wav = mem_calloc(size, 1);
    if (!wav) return KARMA_E_NOMEM;
    memcpy(wav, "RIFF----WAVEfmt ", 16);
    memcpy(wav + 36, "data", 4);
    put_le(wav + 4, (uint32_t)size - 8, 4);
    put_le(wav + 16, 16, 4);
    put_le(wav + 20, 1, 2);
    put_le(wav + 22, 1, 2);
    put_le(wav + 24, (uint32_t)rate, 4);
    put_le(wav + 28, (uint32_t)rate * 2, 4);
    put_le(wav + 32, 2, 2);
    put_le(wav + 34, 16, 2);
    put_le(wav + 40, (uint32_t)n * 2, 4);
    double pitch = 0;
    for (int64_t i = 0; i < n; i++) {
        const double t = (double)i / rate, hz = 140 + 60 * sin(3 * t + seed);
        pitch += hz / rate;
        double x = 0.05 * tiny_draw(&seed);
        for (int k = 1; k <= 8; k++)
            x += 0.12 / k * sin(6.283185307179586 * k * pitch) * (1 + sin(11 * t * k + k));
        if (t >= quiet_from && t < quiet_to) x = 0;
        put_le(wav + 44 + 2 * i, (uint32_t)(int32_t)(x * 20000), 2);
    }
    karma_status st = file_write_atomic(path, wav, size, 0644);
    mem_free(wav);
    return st;
}
