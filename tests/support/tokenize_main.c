/*
 * tokenize_main.c - the tokenizers as a program, for tools/compare/tokenizers.py and by hand.
 *
 *     tokenize_main FILE          FILE: tokenizer.json or a .gguf; texts in, ids out, by records;
 *                                 or vocab.txt, or vocab.json with merges.txt, and their config
 *     tokenize_main FILE --special   the same with the template's ids around each text
 *     tokenize_main FILE --ids       ids in instead of texts
 *     tokenize_main FILE --time TEXT   load and encode a text file, print times
 *
 * Input records: u32 length, bytes; or u32 count, i32 ids. Output records: u32 count and as many
 * i32 ids; u32 length and the decoded text; the same without special tokens; the same decoded as a
 * stream. Numbers are in the machine's order (little-endian wherever this runs).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "formats/gguf.h"
#include "text/tokenizer.h"

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, karma_error_message());
    exit(1);
}

static void need(karma_status st, const char *what) {
    if (st < 0) die(what);
}

/* ---- GGUF ---- */

static void read_strings(const struct gguf *g, const char *key, const char ***texts, size_t **lens,
                         int64_t *n) {
    const struct gguf_value *v;
    need(gguf_array(g, key, GGUF_STRING, &v), key);
    *n = v ? (int64_t)v->count : 0;
    *texts = mem_calloc((size_t)*n + 1, sizeof(**texts));
    *lens = mem_calloc((size_t)*n + 1, sizeof(**lens));
    if (!*texts || !*lens) die(key);
    const unsigned char *at = v ? v->data : NULL;
    for (int64_t i = 0; i < *n; i++)
        (*texts)[i] = gguf_array_next_string(v, &at, &(*lens)[i]);
}

static char *read_string(const struct gguf *g, const char *key) {
    const char *data;
    size_t len;
    need(gguf_string(g, key, &data, &len), key);
    return data ? mem_strndup(data, len) : NULL;
}

static int32_t read_id(const struct gguf *g, const char *key) {
    int64_t id;
    need(gguf_int(g, key, -1, INT32_MAX, -1, &id), key);
    return (int32_t)id;
}

static struct tokenizer *from_gguf(const struct file_map *file, const char *path) {
    struct gguf *g;
    struct tokenizer *t;
    struct tokenizer_tables in = {0};
    const struct gguf_value *types, *scores;
    const char **tokens, **merges;
    size_t *token_lens, *merge_lens;
    int64_t n_tokens;
    float *score = NULL;
    int32_t *type = NULL;
    need(gguf_parse(file->data, file->size, file_base_name(path), &g), path);
    read_strings(g, "tokenizer.ggml.tokens", &tokens, &token_lens, &n_tokens);
    read_strings(g, "tokenizer.ggml.merges", &merges, &merge_lens, &in.n_merges);
    need(gguf_array(g, "tokenizer.ggml.token_type", GGUF_I32, &types), path);
    need(gguf_array(g, "tokenizer.ggml.scores", GGUF_F32, &scores), path);
    char *model = read_string(g, "tokenizer.ggml.model"),
         *pre = read_string(g, "tokenizer.ggml.pre");
    if (types) type = mem_calloc((size_t)types->count, sizeof(*type));
    for (uint64_t i = 0; type && i < types->count; i++)
        type[i] = (int32_t)gguf_array_int(types, i);
    if (scores) score = mem_calloc((size_t)scores->count, sizeof(*score));
    for (uint64_t i = 0; score && i < scores->count; i++)
        score[i] = (float)gguf_array_real(scores, i);
    in.model = model;
    in.pre = pre;
    in.nfc = pre && strcmp(pre, "qwen2") == 0;
    in.n_tokens = (int32_t)n_tokens;
    in.tokens = tokens;
    in.token_lens = token_lens;
    in.token_types = type;
    in.scores = score;
    in.merges = merges;
    in.merge_lens = merge_lens;
    in.bos = read_id(g, "tokenizer.ggml.bos_token_id");
    in.eos = read_id(g, "tokenizer.ggml.eos_token_id");
    in.unk = read_id(g, "tokenizer.ggml.unknown_token_id");
    need(gguf_bool(g, "tokenizer.ggml.add_bos_token", false, &in.add_bos), path);
    need(gguf_bool(g, "tokenizer.ggml.add_eos_token", false, &in.add_eos), path);
    bool prefix_default = model && strcmp(model, "llama") == 0;
    need(gguf_bool(g, "tokenizer.ggml.add_space_prefix", prefix_default, &in.add_space_prefix),
         path);
    need(tokenizer_from_tables(&in, &t), path);
    gguf_destroy(g);
    mem_free(tokens);
    mem_free(token_lens);
    mem_free(merges);
    mem_free(merge_lens);
    mem_free(type);
    mem_free(score);
    mem_free(model);
    mem_free(pre);
    return t;
}

/* ---- vocab.txt, vocab.json and merges.txt ---- */

static void read_beside(const char *path, const char *name, struct buf *out) {
    struct arena a = {0};
    char *folder = mem_strndup(path, strlen(path) - strlen(file_base_name(path)));
    if (!folder) die(path);
    const char *other = file_join(&a, *folder ? folder : ".", name);
    need(other ? file_read(other, (size_t)1 << 30, out) : KARMA_E_NOMEM, name);
    mem_free(folder);
    arena_release(&a);
}

static struct tokenizer *from_vocab(const struct file_map *file, const char *path) {
    const char *data = (const char *)file->data;
    struct arena a = {0};
    struct buf text = {0}, merges = {0};
    struct tokenizer *t;
    const struct json *config;
    read_beside(path, "tokenizer_config.json", &text);
    need(json_parse(&a, buf_str(&text), text.len, JSON_LAST_WINS, &config), path);
    if (ascii_ends_with(path, ".txt")) {
        need(tokenizer_from_vocab_txt(data, file->size, config, "vocab.txt", &t), path);
    } else {
        const bool qwen =
            strncmp(json_str(json_get(config, "tokenizer_class"), ""), "Qwen2", 5) == 0;
        read_beside(path, "merges.txt", &merges);
        need(tokenizer_from_vocab_merges(data, file->size, buf_str(&merges), merges.len,
                                         qwen ? "qwen2" : "gpt-2", config, &t),
             path);
    }
    buf_release(&text);
    buf_release(&merges);
    arena_release(&a);
    return t;
}

static struct tokenizer *load(const char *path) {
    struct file_map file;
    struct tokenizer *t;
    need(file_map_open(path, &file), "open");
    if (ascii_ends_with(path, ".gguf"))
        t = from_gguf(&file, path);
    else if (ascii_ends_with(path, "vocab.txt") || ascii_ends_with(path, "vocab.json"))
        t = from_vocab(&file, path);
    else
        need(tokenizer_from_json((const char *)file.data, file.size, file_base_name(path), &t),
             path);
    file_map_close(&file);
    return t;
}

/* ---- modes ---- */

static double ms_since(uint64_t start) {
    return (double)(clock_monotonic_ns() - start) / 1e6;
}

static int time_it(const char *path, const char *text_path) {
    struct buf text = {0};
    struct tokens ids = {0};
    struct buf back = {0};
    need(file_read(text_path, (size_t)1 << 30, &text), "read");
    uint64_t start = clock_monotonic_ns();
    struct tokenizer *t = load(path);
    double load_ms = ms_since(start);
    printf("load %.1f ms, %zu bytes held\n", load_ms, mem_live_bytes() - text.cap);
    for (int i = 0; i < 3; i++) {
        ids.count = 0;
        start = clock_monotonic_ns();
        need(tokenizer_encode(t, buf_str(&text), text.len, NULL, &ids, NULL), "encode");
        double ms = ms_since(start);
        printf("encode %.1f ms, %.1f MB/s, %zu tokens\n", ms, (double)text.len / ms / 1e3,
               ids.count);
    }
    start = clock_monotonic_ns();
    need(tokenizer_decode(t, ids.ids, ids.count, false, &back), "decode");
    printf("decode %.1f ms\n", ms_since(start));
    tokens_release(&ids);
    buf_release(&back);
    buf_release(&text);
    tokenizer_destroy(t);
    return 0;
}

static void write_bytes(const char *data, size_t len) {
    uint32_t n = (uint32_t)len;
    fwrite(&n, sizeof(n), 1, stdout);
    fwrite(data, 1, len, stdout);
}

static void write_decoded(const struct tokenizer *t, const struct tokens *ids, struct buf *out) {
    for (int skip = 0; skip < 2; skip++) {
        buf_clear(out);
        need(tokenizer_decode(t, ids->ids, ids->count, skip, out), "decode");
        write_bytes(buf_str(out), out->len);
    }
    struct detokenizer stream = {0};
    buf_clear(out);
    for (size_t i = 0; i < ids->count; i++)
        need(detokenizer_push(&stream, t, ids->ids[i], false, out), "push");
    need(detokenizer_end(&stream, out), "end");
    write_bytes(buf_str(out), out->len);
}

static int records(const char *path, const char *mode) {
    struct tokenizer *t = load(path);
    struct encode_options options = {.add_special_tokens = strcmp(mode, "--special") == 0};
    bool from_ids = strcmp(mode, "--ids") == 0;
    struct tokens ids = {0};
    struct buf text = {0}, out = {0};
    uint32_t n;
    while (fread(&n, sizeof(n), 1, stdin) == 1) {
        ids.count = 0;
        if (from_ids) {
            if (!tokens_reserve(&ids, n)) die("reserve");
            ids.count = fread(ids.ids, sizeof(*ids.ids), n, stdin);
        } else {
            buf_clear(&text);
            need(buf_reserve(&text, (size_t)n + 1), "reserve");
            size_t len = fread(text.data, 1, n, stdin);
            need(tokenizer_encode(t, text.data, len, &options, &ids, NULL), "encode");
        }
        n = (uint32_t)ids.count;
        fwrite(&n, sizeof(n), 1, stdout);
        if (n > 0) fwrite(ids.ids, sizeof(*ids.ids), n, stdout);
        write_decoded(t, &ids, &out);
    }
    tokens_release(&ids);
    buf_release(&text);
    buf_release(&out);
    tokenizer_destroy(t);
    return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[2], "--time") == 0) return time_it(argv[1], argv[3]);
    if (argc == 2 || (argc == 3 && argv[2][0] == '-'))
        return records(argv[1], argc == 3 ? argv[2] : "");
    fprintf(stderr, "usage: tokenize_main FILE [--special | --ids | --time TEXT]\n");
    return 2;
}
