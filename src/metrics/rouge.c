/*
 * rouge.c - ROUGE-1, -2, -L and -Lsum (Lin, 2004) as Google's rouge-score computes them: F1 of the
 * runs of words that prediction and reference share, or of their longest common subsequence, over
 * the whole text or summed over lines. The score of a corpus is the mean over samples, not, as in
 * some programs, the middle of means that are drawn at random.
 */
#include <string.h>

#include "base/map.h"
#include "base/utf8.h"
#include "metrics/metric.h"
#include "metrics/ngrams.h"
#include "metrics/porter.h"
#include "text/characters.h"

enum rouge_type { ROUGE_N, ROUGE_L, ROUGE_LSUM };

struct rouge {
    enum rouge_type type;
    size_t order;
    bool stem, any_script;
    size_t n; /* samples so far, with the sums of their */
    double precision, recall;
};

static const char *const tokenizers[] = {"rouge_score", "unicode", NULL};

static karma_status open_rouge(struct arena *a, const struct json *args, void **state,
                               struct rouge rouge) {
    struct rouge *r = *state = arena_dup(a, &rouge, sizeof(rouge));
    if (!r) return KARMA_E_NOMEM;
    r->stem = json_get(args, "use_stemmer")->u.boolean;
    r->any_script = strcmp(json_str(json_get(args, "tokenizer"), ""), tokenizers[1]) == 0;
    return KARMA_OK;
}

/* ---- words ---- */

static bool belongs_to_word(const struct rouge *r, uint32_t cp) {
    if (cp < 0x80) return ascii_is_alnum((char)cp);
    return r->any_script && cp != 0xFFFD && (is_word_character(cp) || is_mark(cp));
}

/* A word of letters of ASCII is stemmed when it has more than three. */
static size_t stemmed(const struct rouge *r, char *word, size_t len) {
    if (!r->stem || len <= 3) return len;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)word[i] >= 0x80) return len;
    return porter_stem(word, len);
}

static karma_status words_of(const struct rouge *r, struct arena *a, const char *text, size_t len,
                             struct units *out) {
    struct buf lower = {0};
    struct pieces words = {0};
    karma_status st = lower_append(&lower, text, len);
    char *copy = st == KARMA_OK ? arena_strndup(a, buf_str(&lower), lower.len) : NULL;
    const size_t n_bytes = lower.len;
    buf_release(&lower);
    if (st == KARMA_OK && !copy) st = KARMA_E_NOMEM;
    if (st < 0) return st;
    char *p = copy, *end = copy + n_bytes, *word = copy;
    while (p < end && st == KARMA_OK) {
        uint32_t cp;
        const size_t n = character_at(p, end, &cp);
        if (!belongs_to_word(r, cp)) {
            if (p > word) st = pieces_add(a, &words, word, stemmed(r, word, (size_t)(p - word)));
            word = p + n;
        }
        p += n;
    }
    if (st == KARMA_OK && end > word)
        st = pieces_add(a, &words, word, stemmed(r, word, (size_t)(end - word)));
    return st < 0 ? st : units_join(a, words.items, words.count, out);
}

struct measures {
    double precision, recall;
};

static double f1(const struct measures *m) {
    const double sum = m->precision + m->recall;
    return sum > 0 ? 2 * m->precision * m->recall / sum : 0;
}

static karma_status by_runs(const struct rouge *r, const struct metric_sample *s,
                            struct measures *m) {
    struct units prediction, reference;
    struct ngram_counts c;
    karma_status st = words_of(r, s->arena, s->prediction, strlen(s->prediction), &prediction);
    if (st == KARMA_OK) st = words_of(r, s->arena, s->reference, strlen(s->reference), &reference);
    if (st == KARMA_OK) st = ngrams_compare(&prediction, &reference, r->order, &c);
    if (st < 0) return st;
    m->precision = (double)c.common / (double)(c.prediction ? c.prediction : 1);
    m->recall = (double)c.common / (double)(c.reference ? c.reference : 1);
    return KARMA_OK;
}

/* ---- longest common subsequences ---- */

struct line {
    uint32_t *words; /* numbers */
    size_t count;
};

static karma_status number_words(struct arena *a, struct map *known, const struct units *u,
                                 struct line *out) {
    *out = (struct line){arena_calloc(a, u->count + 1, sizeof(*out->words)), u->count};
    if (!out->words) return KARMA_E_NOMEM;
    for (size_t i = 0; i < u->count; i++) {
        struct map_entry *entry;
        bool added;
        karma_status st = map_put(known, u->items[i].text, u->items[i].len, &entry, &added);
        if (st < 0) return st;
        if (added) entry->value.u64 = known->count - 1;
        out->words[i] = (uint32_t)entry->value.u64;
    }
    return KARMA_OK;
}

/* The whole text as one line, or its lines that are not empty. */
static karma_status lines_of(const struct rouge *r, struct arena *a, struct map *known,
                             const char *text, struct line **lines, size_t *n) {
    size_t most = 1;
    for (const char *p = text; *p; p++)
        most += *p == '\n';
    *n = 0;
    *lines = arena_calloc(a, most, sizeof(**lines));
    if (!*lines) return KARMA_E_NOMEM;
    for (const char *at = text, *end; *at; at = *end ? end + 1 : end) {
        struct units words;
        end = r->type == ROUGE_LSUM ? at + strcspn(at, "\n") : at + strlen(at);
        if (end == at) continue;
        karma_status st = words_of(r, a, at, (size_t)(end - at), &words);
        if (st == KARMA_OK) st = number_words(a, known, &words, &(*lines)[*n]);
        if (st < 0) return st;
        ++*n;
    }
    return KARMA_OK;
}

/* Length of the longest common subsequence; where left is not NULL, bit (i, j) of it says that the
 * way to cell (i + 1, j + 1) comes from the left rather than from above. row: [b->count + 1]. */
static size_t common_length(const struct line *a, const struct line *b, uint32_t *row,
                            unsigned char *left) {
    memset(row, 0, (b->count + 1) * sizeof(*row));
    for (size_t i = 0; i < a->count; i++) {
        uint32_t diagonal = 0; /* row[j] before this line */
        for (size_t j = 0; j < b->count; j++) {
            const uint32_t above = row[j + 1];
            if (a->words[i] == b->words[j]) {
                row[j + 1] = diagonal + 1;
            } else if (row[j] > above) {
                const size_t cell = i * b->count + j;
                row[j + 1] = row[j];
                if (left) left[cell / 8] |= (unsigned char)(1u << cell % 8);
            }
            diagonal = above;
        }
    }
    return row[b->count];
}

static karma_status by_sequence(const struct rouge *r, const struct metric_sample *s,
                                struct measures *m) {
    struct map known = {0};
    struct line *prediction, *reference;
    size_t n_prediction, n_reference;
    karma_status st = lines_of(r, s->arena, &known, s->prediction, &prediction, &n_prediction);
    if (st == KARMA_OK) st = lines_of(r, s->arena, &known, s->reference, &reference, &n_reference);
    map_release(&known);
    if (st < 0 || n_prediction == 0 || n_reference == 0) return st;
    if (prediction->count == 0 || reference->count == 0) return KARMA_OK;
    uint32_t *row = arena_calloc(s->arena, prediction->count + 1, sizeof(*row));
    if (!row) return KARMA_E_NOMEM;
    const double common = (double)common_length(reference, prediction, row, NULL);
    m->precision = common / (double)prediction->count;
    m->recall = common / (double)reference->count;
    return KARMA_OK;
}

/* Mark the words of the reference line that a subsequence in common with the other has. */
static karma_status mark_common(const struct line *reference, const struct line *prediction,
                                bool *marked) {
    const size_t cells = reference->count * prediction->count;
    uint32_t *row = mem_calloc(prediction->count + 1, sizeof(*row));
    unsigned char *left = mem_calloc(cells / 8 + 1, 1);
    if (row && left) {
        common_length(reference, prediction, row, left);
        size_t i = reference->count, j = prediction->count;
        while (i > 0 && j > 0) {
            const size_t cell = (i - 1) * prediction->count + j - 1;
            if (reference->words[i - 1] == prediction->words[j - 1]) {
                marked[i - 1] = true;
                i--;
                j--;
            } else if (left[cell / 8] >> cell % 8 & 1) {
                j--;
            } else {
                i--;
            }
        }
    }
    const karma_status st = row && left ? KARMA_OK : KARMA_E_NOMEM;
    mem_free(row);
    mem_free(left);
    return st;
}

static size_t count_words(const struct line *lines, size_t n, size_t *times) {
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += lines[i].count;
        for (size_t k = 0; k < lines[i].count; k++)
            times[lines[i].words[k]]++;
    }
    return sum;
}

/* Of each line of the reference the words that any line of the prediction has in common with it,
 * none counted more often than either text has it. */
static karma_status by_lines(const struct rouge *r, const struct metric_sample *s,
                             struct measures *m) {
    struct map known = {0};
    struct line *prediction, *reference;
    size_t n_prediction, n_reference, hits = 0;
    karma_status st = lines_of(r, s->arena, &known, s->prediction, &prediction, &n_prediction);
    if (st == KARMA_OK) st = lines_of(r, s->arena, &known, s->reference, &reference, &n_reference);
    const size_t n_words = known.count;
    map_release(&known);
    if (st < 0) return st;
    size_t *in_prediction = arena_calloc(s->arena, n_words + 1, sizeof(*in_prediction));
    size_t *in_reference = arena_calloc(s->arena, n_words + 1, sizeof(*in_reference));
    if (!in_prediction || !in_reference) return KARMA_E_NOMEM;
    const size_t all_prediction = count_words(prediction, n_prediction, in_prediction);
    const size_t all_reference = count_words(reference, n_reference, in_reference);
    if (all_prediction == 0 || all_reference == 0) return KARMA_OK;
    for (size_t i = 0; i < n_reference; i++) {
        const struct line *line = &reference[i];
        bool *marked = arena_calloc(s->arena, line->count + 1, sizeof(*marked));
        if (!marked) return KARMA_E_NOMEM;
        for (size_t k = 0; k < n_prediction && st == KARMA_OK; k++)
            st = mark_common(line, &prediction[k], marked);
        if (st < 0) return st;
        for (size_t k = 0; k < line->count; k++) {
            const uint32_t word = line->words[k];
            if (!marked[k] || in_prediction[word] == 0 || in_reference[word] == 0) continue;
            hits++;
            in_prediction[word]--;
            in_reference[word]--;
        }
    }
    m->precision = (double)hits / (double)all_prediction;
    m->recall = (double)hits / (double)all_reference;
    return KARMA_OK;
}

/* ---- the metrics ---- */

static karma_status score(void *state, const struct metric_sample *s, double *out) {
    struct rouge *r = state;
    struct measures m = {0};
    karma_status st = r->type == ROUGE_N   ? by_runs(r, s, &m)
                      : r->type == ROUGE_L ? by_sequence(r, s, &m)
                                           : by_lines(r, s, &m);
    if (st < 0) return st;
    *out = f1(&m);
    r->n++;
    r->precision += m.precision;
    r->recall += m.recall;
    return KARMA_OK;
}

static karma_status describe(void *state, const double *sum, struct arena *a, struct json *o) {
    const struct rouge *r = state;
    (void)sum;
    if (r->n == 0) return KARMA_OK;
    karma_status st = json_set(a, o, "precision", json_new_real(a, r->precision / (double)r->n));
    return st < 0 ? st : json_set(a, o, "recall", json_new_real(a, r->recall / (double)r->n));
}

static karma_status open_1(struct arena *a, const struct json *args, void **state) {
    return open_rouge(a, args, state, (struct rouge){.type = ROUGE_N, .order = 1});
}
static karma_status open_2(struct arena *a, const struct json *args, void **state) {
    return open_rouge(a, args, state, (struct rouge){.type = ROUGE_N, .order = 2});
}
static karma_status open_l(struct arena *a, const struct json *args, void **state) {
    return open_rouge(a, args, state, (struct rouge){.type = ROUGE_L});
}
static karma_status open_lsum(struct arena *a, const struct json *args, void **state) {
    return open_rouge(a, args, state, (struct rouge){.type = ROUGE_LSUM});
}

static const karma_option_spec options[] = {
    {.name = "use_stemmer",
     .type = KARMA_OPTION_BOOL,
     .default_json = "true",
     .help = "compare stems of English words (Porter's)"},
    {.name = "tokenizer",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"rouge_score\"",
     .choices = tokenizers,
     .help = "rouge_score: words of a-z and digits alone; unicode: of the letters of any script"},
    {.name = NULL},
};

const struct metric_ops metric_rouge1 = {
    .info = {.name = "rouge1",
             .description = "mean F1 of the words of prediction and reference, as rouge-score "
                            "has it",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .open = open_1,
    .score_sample = score,
    .describe = describe,
};

const struct metric_ops metric_rouge2 = {
    .info = {.name = "rouge2",
             .description = "the same of pairs of neighbouring words",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .open = open_2,
    .score_sample = score,
    .describe = describe,
};

const struct metric_ops metric_rouge_l = {
    .info = {.name = "rougeL",
             .description = "the same of their longest common subsequence of words",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .open = open_l,
    .score_sample = score,
    .describe = describe,
};

const struct metric_ops metric_rouge_lsum = {
    .info = {.name = "rougeLsum",
             .description = "the same line by line, as for summaries of several sentences",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .open = open_lsum,
    .score_sample = score,
    .describe = describe,
};
