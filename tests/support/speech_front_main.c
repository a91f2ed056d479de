/*
 * speech_front_main.c - sound to samples or features as a program, for tools/compare/speech.py.
 *
 *     speech_front_main audio FILE OUT    f32 samples at 16 kHz
 *     speech_front_main mel FILE OUT      f32 [frames, 80], normalised
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "media/audio.h"
#include "media/mel.h"

enum { RATE = 16000, PIECE = 4096 };
static const double max_s = 4 * 3600;

static void need(karma_status st, const char *what) {
    if (st >= 0) return;
    fprintf(stderr, "%s: %s\n", what, karma_error_message());
    exit(1);
}

static karma_status keep(void *user, const float *frame) {
    return buf_append(user, frame, 80 * sizeof(*frame));
}

static void read_all(const char *path, struct buf *samples) {
    struct audio_reader *r;
    float piece[PIECE];
    size_t n;
    need(audio_open_file(path, RATE, max_s, &r), "audio");
    do {
        need(audio_read(r, piece, PIECE, &n), "audio");
        need(buf_append(samples, piece, n * sizeof(*piece)), "audio");
    } while (n > 0);
    audio_close(r);
}

static void make_mel(const struct buf *samples, struct buf *frames) {
    const struct mel_config config = mel_speech_config();
    const float *values = (const float *)(const void *)samples->data;
    struct mel *m;
    struct mel_stream *s;
    need(mel_create(&config, &m), "mel");
    need(mel_stream_begin(m, keep, frames, &s), "mel");
    need(mel_stream_push(s, values, samples->len / sizeof(*values)), "mel");
    need(mel_stream_end(s), "mel");
    mel_normalize(m, (float *)(void *)frames->data, (int64_t)(frames->len / (80 * sizeof(float))));
    mel_stream_destroy(s);
    mel_destroy(m);
}

int main(int argc, char **argv) {
    struct buf samples = {0}, frames = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: speech_front_main audio|mel FILE OUT\n");
        return 2;
    }
    const bool mel = strcmp(argv[1], "mel") == 0;
    read_all(argv[2], &samples);
    if (mel) make_mel(&samples, &frames);
    const struct buf *out = mel ? &frames : &samples;
    need(file_write_atomic(argv[3], buf_str(out), out->len, 0644), "out");
    buf_release(&samples);
    buf_release(&frames);
    return 0;
}
