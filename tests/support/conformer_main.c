/*
 * conformer_main.c - a recogniser's encoder as a program, for tools/compare/speech.py.
 *
 *     conformer_main MODEL MEL OUT THREADS FRAMES...
 *
 * MEL: f32 [frames of all utterances, 80], FRAMES: of each. THREADS: a number, :int8 after it for
 * matrices of eight bits. OUT: f32 [steps of all, hidden]; OUT.ctc: log-probabilities [utterance]
 * [language][steps, tokens]. Prints a line of JSON for each utterance: the tokens of every language
 * by CTC and by the transducer; and the time that a second run of the encoder takes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/support/speech_rig.h"

enum { MAX_UTTERANCES = 64 };

static void need(karma_status st, const char *what) {
    if (st >= 0) return;
    fprintf(stderr, "%s: %s\n", what, karma_error_message());
    exit(1);
}

/* The helpers of the rig stop a test when they fail; here the reason comes first. */
static void check_opens(const char *folder) {
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
    need(checkpoint_open(folder, &ck), "open");
    need(model_name_tensors(ck), "names");
    need(backend_create("cpu", 1, &be), "backend");
    need(model_load(ck, be, &model), "load");
    model_unload(model);
    backend_destroy(be);
    checkpoint_close(ck);
}

static void print_ctc(struct speech_rig *r, int32_t language, const float *hidden, int64_t m,
                      struct buf *all) {
    const int32_t n = r->info->n_tokens, blank = r->info->blank;
    float *scores = speech_rig_ctc(r, language, hidden, m);
    const char *comma = "";
    int32_t last = blank;
    for (int64_t t = 0; t < m; t++) {
        int32_t best = 0;
        for (int32_t k = 1; k < n; k++)
            if (scores[t * n + k] > scores[t * n + best]) best = k;
        if (best != blank && best != last) {
            printf("%s%d", comma, best);
            comma = ",";
        }
        last = best;
    }
    need(buf_append(all, scores, (size_t)(m * n) * sizeof(*scores)), "ctc");
    free(scores);
}

static void print_utterance(struct speech_rig *r, const float *hidden, int64_t m, struct buf *all) {
    printf("{");
    for (int32_t i = 0; i < r->info->n_languages; i++) {
        printf("%s\"%s\":{", i ? "," : "", r->info->languages[i].code);
        if (r->info->has_ctc) {
            printf("\"ctc\":[");
            print_ctc(r, i, hidden, m, all);
            printf("]%s", r->info->has_rnnt ? "," : "");
        }
        if (r->info->has_rnnt) {
            struct heard h = {0};
            speech_rig_transduce(r, i, hidden, m, &h);
            printf("\"rnnt\":[");
            for (size_t k = 0; k < h.count; k++)
                printf("%s%d", k ? "," : "", h.tokens[k].id);
            printf("]");
            heard_release(&h);
        }
        printf("}");
    }
    printf("}\n");
}

int main(int argc, char **argv) {
    struct buf mel = {0}, all = {0};
    char out_ctc[4096];
    struct speech_rig r;
    int64_t frames[MAX_UTTERANCES + 1] = {0}, steps[MAX_UTTERANCES + 1] = {0}, longest = 1;
    const int n = argc - 5;
    if (n < 1 || n > MAX_UTTERANCES) {
        fprintf(stderr, "usage: conformer_main MODEL MEL OUT THREADS FRAMES...\n");
        return 2;
    }
    check_opens(argv[1]);
    need(file_read(argv[2], (size_t)1 << 33, &mel), "mel");
    int64_t total = 0;
    for (int i = 0; i < n; i++) {
        frames[i + 1] = frames[i] + strtoll(argv[5 + i], NULL, 10);
        if (frames[i + 1] - frames[i] > longest) longest = frames[i + 1] - frames[i];
        total += (frames[i + 1] - frames[i]) / 2 + 1; /* no subsampling makes more */
    }
    if (mel.len != (size_t)frames[n] * 80 * sizeof(float)) {
        fprintf(stderr, "%s: not %lld frames\n", argv[2], (long long)frames[n]);
        return 1;
    }
    const enum backend_weights weights = strstr(argv[4], ":int8") ? WEIGHTS_INT8 : WEIGHTS_STORED;
    speech_rig_open_as(&r, argv[1], weights, atoi(argv[4]), total, longest);
    for (int i = 0; i < n; i++)
        steps[i + 1] =
            steps[i] + r.model->family->speech->steps(r.model->self, frames[i + 1] - frames[i]);
    const float *values = (const float *)(const void *)mel.data;
    speech_rig_encode(&r, n, frames, steps, values);
    const uint64_t start = clock_monotonic_ns();
    speech_rig_encode(&r, n, frames, steps, values);
    const double seconds = (double)(clock_monotonic_ns() - start) * 1e-9;
    for (int i = 0; i < n; i++)
        print_utterance(&r, r.hidden + steps[i] * r.info->hidden_size, steps[i + 1] - steps[i],
                        &all);
    printf("{\"seconds\":%.4f,\"backend\":\"%s\"}\n", seconds, r.be->ops->describe(r.be));
    need(file_write_atomic(argv[3], r.hidden,
                           (size_t)(steps[n] * r.info->hidden_size) * sizeof(float), 0644),
         "out");
    snprintf(out_ctc, sizeof(out_ctc), "%s.ctc", argv[3]);
    need(file_write_atomic(out_ctc, all.data, all.len, 0644), "out");
    speech_rig_close(&r);
    buf_release(&all);
    buf_release(&mel);
    return 0;
}
