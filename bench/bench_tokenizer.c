/*
 * bench_tokenizer.c - loading a tokenizer.json, encoding and decoding, in processor time of the
 * one thread that does it: medians of the rounds, and how many bytes the tokenizer holds. The
 * first encoding after a load stands apart, as it is what a program sees that starts for one
 * prompt. Of the arguments a number is how many rounds there are, a folder is a tokenizer, any
 * other is a text file. Without folders: the demo's model; without files: a text of seeded words.
 *
 *     bench_tokenizer [rounds] [text file ...] [folder with a tokenizer.json ...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

enum { MAX_ARGS = 32, MAX_ROUNDS = 999, MADE_BYTES = 400000 };

struct text {
    const char *name;
    struct buf bytes;
};

static void need(karma_status st, const char *what) {
    if (st >= 0) return;
    fprintf(stderr, "%s: %s\n", what, karma_error_message());
    exit(1);
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n) {
    qsort(v, (size_t)n, sizeof(*v), compare_doubles);
    return v[n / 2];
}

static double busy_ms(void) {
    return (double)clock() * (1e3 / CLOCKS_PER_SEC);
}

/* A word of one of the kinds that real texts mix: English, code, numbers, Hindi, Chinese. */
static void add_word(struct rng *r, unsigned kind, struct buf *out) {
    static const char *const english[] = {"the",     "of",    "patients", "with",    "treatment",
                                          "results", "were",  "in",       "serum",   "cells",
                                          "showed",  "lower", "risk",     "outcome", "fibrosis"};
    static const char *const code[] = {"if (x) ", "return ", "int32_t ", "{\n    ", "}\n", "->len",
                                       "[i++] ",  "= 0;\n",  "!= NULL",  "/* ",     " */", "\t"};
    const uint64_t draw = rng_next(r);
    char cp[5] = "";
    switch (kind) {
    case 0:
        need(buf_printf(out, "%s%s", english[draw % 15], draw >> 8 & 15 ? " " : ". "), "text");
        break;
    case 1:
        need(buf_puts(out, code[draw % 12]), "text");
        break;
    case 2:
        need(buf_printf(out, "%d.%d ", (int)(draw % 1000), (int)(draw >> 32 & 4095)), "text");
        break;
    default: /* letters, and for Hindi vowel signs between them */
        for (unsigned i = 0; i < 6; i++) {
            const uint32_t step = (uint32_t)(draw >> 8 * i & 31);
            const uint32_t cps[] = {i % 2 ? 0x93E + step % 10 : 0x915 + step, 0x4E00 + step * 37};
            const int n = utf8_encode(cps[kind - 3], cp);
            need(buf_append(out, cp, (size_t)n), "text");
        }
        need(buf_puts(out, kind == 3 ? " " : "\xEF\xBC\x8C"), "text");
    }
}

static void make_text(struct text *t) {
    struct rng r;
    rng_init(&r, 1, "text", 4);
    t->name = "made";
    for (unsigned kind = 0; t->bytes.len < MADE_BYTES; kind = (unsigned)(rng_next(&r) % 5)) {
        for (int i = 0; i < 60; i++)
            add_word(&r, kind, &t->bytes);
        need(buf_puts(&t->bytes, "\n\n"), "text");
    }
}

static struct tokenizer *load(const char *path, double *ms) {
    struct file_map file;
    struct tokenizer *t;
    const double start = busy_ms();
    need(file_map_open(path, &file), "open");
    need(tokenizer_from_json((const char *)file.data, file.size, path, &t), "load");
    file_map_close(&file);
    *ms = busy_ms() - start;
    return t;
}

static double encode(const struct tokenizer *t, const struct text *text, struct tokens *ids) {
    ids->count = 0;
    const double start = busy_ms();
    need(tokenizer_encode(t, buf_str(&text->bytes), text->bytes.len, NULL, ids, NULL), text->name);
    return busy_ms() - start;
}

static double decode(const struct tokenizer *t, const struct tokens *ids, struct buf *out) {
    buf_clear(out);
    const double start = busy_ms();
    need(tokenizer_decode(t, ids->ids, ids->count, false, out), "decode");
    return busy_ms() - start;
}

static void measure(const char *folder, int rounds, const struct text *texts, int n_texts) {
    static double load_ms[MAX_ROUNDS], encode_ms[MAX_ROUNDS], decode_ms[MAX_ROUNDS];
    static double first_ms[MAX_ARGS][MAX_ROUNDS];
    char path[4096];
    struct tokenizer *t = NULL;
    struct tokens ids = {0};
    struct buf back = {0};
    size_t held = 0;
    snprintf(path, sizeof(path), "%s/tokenizer.json", folder);
    for (int i = 0; i < rounds; i++) { /* a text is the first of its tokenizer every n_texts */
        tokenizer_destroy(t);
        held = mem_live_bytes();
        t = load(path, &load_ms[i]);
        held = mem_live_bytes() - held;
        for (int k = 0; k < n_texts; k++) {
            if (k > 0) {
                double unused;
                tokenizer_destroy(t);
                t = load(path, &unused);
            }
            first_ms[k][i] = encode(t, &texts[k], &ids);
        }
    }
    printf("%s: load %.1f ms, %.1f MB held\n", folder, median(load_ms, rounds),
           (double)held * 1e-6);
    for (int k = 0; k < n_texts; k++) {
        for (int i = 0; i < rounds; i++) {
            encode_ms[i] = encode(t, &texts[k], &ids);
            decode_ms[i] = decode(t, &ids, &back);
        }
        const double kb = (double)texts[k].bytes.len * 1e-3;
        printf("  %-12s %8.1f kB %8zu ids   encode %6.1f MB/s, first %6.1f   decode %6.1f MB/s%s\n",
               texts[k].name, kb, ids.count, kb / median(encode_ms, rounds),
               kb / median(first_ms[k], rounds), kb / median(decode_ms, rounds),
               back.len == texts[k].bytes.len ? "" : " (another length)");
    }
    tokenizer_destroy(t);
    tokens_release(&ids);
    buf_release(&back);
}

int main(int argc, char **argv) {
    static struct text texts[MAX_ARGS];
    const char *folders[MAX_ARGS] = {"demo/model"};
    int rounds = 11, n_texts = 0, n_folders = 0;
    for (int i = 1; i < argc && i <= MAX_ARGS; i++) {
        const int number = atoi(argv[i]);
        if (number > 0 && number <= MAX_ROUNDS) {
            rounds = number;
        } else if (file_kind(argv[i]) == FILE_KIND_FOLDER) {
            folders[n_folders++] = argv[i];
        } else {
            texts[n_texts].name = file_base_name(argv[i]);
            need(file_read(argv[i], (size_t)1 << 30, &texts[n_texts++].bytes), "text");
        }
    }
    if (n_texts == 0) make_text(&texts[n_texts++]);
    printf("%s, medians of %d rounds, processor time\n", cpu_model_name(), rounds);
    for (int i = 0; i < (n_folders ? n_folders : 1); i++)
        measure(folders[i], rounds, texts, n_texts);
    for (int i = 0; i < n_texts; i++)
        buf_release(&texts[i].bytes);
    return 0;
}
