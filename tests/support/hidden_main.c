/*
 * hidden_main.c - the encoders as a program, for tools/compare/encoders.py and by hand.
 *
 *     hidden_main MODEL TEXTS OUT [ROWS]
 *
 * MODEL: a checkpoint; TEXTS: a file of i32, for each text its length and its ids; OUT: f32 hidden
 * states of all tokens, [n, hidden_size], text after text. ROWS: of a step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/encoder.h"

static void need(karma_status st, const char *what) {
    if (st >= 0) return;
    fprintf(stderr, "%s: %s\n", what, karma_error_message());
    exit(1);
}

struct output {
    FILE *file;
    const struct encoder_text *texts;
    size_t hidden_size;
};

static karma_status write_rows(void *user, size_t i, const float *hidden) {
    const struct output *o = user;
    const size_t n = (size_t)o->texts[i].count * o->hidden_size;
    return fwrite(hidden, sizeof(*hidden), n, o->file) == n ? KARMA_OK : status_errno("write");
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: hidden_main MODEL TEXTS OUT [ROWS]\n");
        return 2;
    }
    struct buf file = {0};
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
    struct encoder *e;
    need(file_read(argv[2], 1 << 30, &file), "texts");
    need(checkpoint_open(argv[1], &ck), "open");
    need(backend_create("cpu", 0, &be), "backend");
    need(model_load(ck, be, &model), "load");

    const size_t n_words = file.len / sizeof(int32_t);
    int32_t *words = mem_alloc((n_words + 1) * sizeof(*words));
    struct encoder_text *texts = mem_alloc((n_words + 1) * sizeof(*texts));
    if (!words || !texts) need(KARMA_E_NOMEM, "texts");
    memcpy(words, file.data, n_words * sizeof(*words));
    struct encoder_options options = {.max_length = 1, .max_rows = argc > 4 ? atoi(argv[4]) : 0};
    size_t n = 0;
    for (size_t at = 0; at < n_words; n++) {
        const int32_t count = words[at++];
        if (count < 1 || (size_t)count > n_words - at) need(KARMA_E_SHAPE, "texts");
        texts[n] = (struct encoder_text){.ids = words + at, .count = count};
        if (count > options.max_length) options.max_length = count;
        at += (size_t)count;
    }
    if (options.max_rows > 0 && options.max_rows < options.max_length)
        options.max_rows = options.max_length;
    need(encoder_create(model, &options, &e), "encoder");
    struct output out = {fopen(argv[3], "wb"), texts, (size_t)model->info.hidden_size};
    if (!out.file) need(status_errno(argv[3]), "open");
    need(encoder_run(e, texts, n, NULL, write_rows, &out), "run");
    if (fclose(out.file) != 0) need(status_errno(argv[3]), "close");
    printf("%s, %zu texts\n", be->ops->describe(be), n);
    encoder_destroy(e);
    model_unload(model);
    backend_destroy(be);
    checkpoint_close(ck);
    mem_free(texts);
    mem_free(words);
    buf_release(&file);
    return 0;
}
