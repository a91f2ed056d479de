/*
 * asr_semantic.c - errors of a transcript by what it says, not how it writes it.
 * asr_semantic_metric is KARMA 0.2.0's, exactly: its alignment puts words in and leaves them out at
 * the end alone, and up to 3 words against up to 8 are one error. semantic_wer_metric, which cannot
 * be loaded there, is ours: the fewest substitutions, deletions and insertions between the words of
 * both texts once numbers, units and symbols are written in one way (semantic_words.h).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/utf8.h"
#include "metrics/asr_align.h"
#include "metrics/edit_distance.h"
#include "metrics/entities.h"
#include "metrics/metric.h"
#include "metrics/semantic_words.h"
#include "text/characters.h"

enum {
    ERRORS, /* the two of which the rate is made come first */
    UNITS,
    MATCHES,
    SUBSTITUTIONS,
    DELETIONS,
    INSERTIONS,
    CHARACTER_ERRORS, /* of pairs, by characters; upstream's need not be whole */
    CHARACTERS,
    ENTITY_WORDS, /* these two of ours alone */
    ENTITY_ERRORS,
    N_COUNTS
};

/* A pair of spans in either way of aligning. */
struct span_pair {
    enum asr_kind kind;
    size_t reference, n_reference, prediction, n_prediction;
    double cer;
};

struct semantic {
    bool compat, alignment;
    const char *language; /* NULL: the sample's */
    /* Upstream's entity_wer is of the whole corpus: how often each span of a reference occurred and
     * was wrong (counts in the high and low half), and the words of entities. */
    struct map spans, entities;
    size_t n_sentences, n_other_language, n_undefined, n_unread;
    /* Of the sample measured last. */
    struct arena sample;
    bool left_out;
    struct pieces reference, prediction; /* words */
    struct span_pair *pairs;
    size_t n_pairs;
};

/* ---- upstream's way ---- */

/* The span's words in lower case with blanks between, as entities are looked up. */
static karma_status span_text(const struct asr_text *t, size_t begin, size_t count,
                              struct buf *out) {
    karma_status st = KARMA_OK;
    buf_clear(out);
    for (size_t i = begin; i < begin + count && st == KARMA_OK; i++) {
        if (i > begin) st = buf_putc(out, ' ');
        if (st == KARMA_OK) st = buf_append(out, t->words[i].lower.text, t->words[i].lower.len);
    }
    return st;
}

static karma_status note_spans(struct semantic *s, const struct asr_text *reference,
                               const struct asr_alignment *all) {
    struct buf text = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < all->count && st == KARMA_OK; i++) {
        const struct asr_pair *p = &all->pairs[i];
        struct map_entry *entry;
        bool added;
        if (p->n_reference == 0) continue;
        st = span_text(reference, p->reference, p->n_reference, &text);
        if (st == KARMA_OK) st = map_put(&s->spans, buf_str(&text), text.len, &entry, &added);
        if (st == KARMA_OK)
            entry->value.u64 += (uint64_t)1 << 32 | (uint64_t)(p->kind != ASR_MATCH);
    }
    buf_release(&text);
    return st;
}

static karma_status note_entities(struct semantic *s, const struct json *list,
                                  const char *reference) {
    struct pieces words;
    struct buf lower = {0};
    karma_status st = entities_words(&s->sample, list, reference, &words);
    for (size_t i = 0; i < words.count && st == KARMA_OK; i++) {
        struct map_entry *entry;
        bool added;
        buf_clear(&lower);
        st = lower_append(&lower, words.items[i].text, words.items[i].len);
        if (st == KARMA_OK) st = map_put(&s->entities, buf_str(&lower), lower.len, &entry, &added);
    }
    buf_release(&lower);
    return st;
}

static karma_status words_of(struct semantic *s, const struct asr_text *t, struct pieces *out) {
    karma_status st = KARMA_OK;
    *out = (struct pieces){0};
    for (size_t i = 0; i < t->count && st == KARMA_OK; i++)
        st = pieces_add(&s->sample, out, t->words[i].text.text, t->words[i].text.len);
    return st;
}

static karma_status keep_pairs(struct semantic *s, const struct asr_text *reference,
                               const struct asr_text *prediction, const struct asr_alignment *all,
                               double *c) {
    static const int of[] = {[ASR_MATCH] = MATCHES,
                             [ASR_SUBSTITUTION] = SUBSTITUTIONS,
                             [ASR_DELETION] = DELETIONS,
                             [ASR_INSERTION] = INSERTIONS};
    karma_status st = words_of(s, reference, &s->reference);
    if (st == KARMA_OK) st = words_of(s, prediction, &s->prediction);
    s->pairs = arena_calloc(&s->sample, all->count + 1, sizeof(*s->pairs));
    if (st < 0 || !s->pairs) return st < 0 ? st : KARMA_E_NOMEM;
    s->n_pairs = all->count;
    for (size_t i = 0; i < all->count; i++) {
        const struct asr_pair *p = &all->pairs[i];
        size_t characters = 0;
        s->pairs[i] = (struct span_pair){p->kind,       p->reference,    p->n_reference,
                                         p->prediction, p->n_prediction, p->cer};
        c[of[p->kind]]++;
        if (p->n_reference == 0 || p->n_prediction == 0) continue;
        for (size_t k = 0; k < p->n_reference; k++)
            characters += reference->words[p->reference + k].n_characters;
        c[CHARACTERS] += (double)characters;
        c[CHARACTER_ERRORS] += p->cer * (double)characters;
    }
    c[UNITS] = (double)reference->count;
    return KARMA_OK;
}

static karma_status count_as_upstream(struct semantic *s, const struct asr_language *l,
                                      const struct metric_sample *of, const struct json *entities,
                                      double *counts) {
    struct asr_text reference, prediction;
    struct asr_alignment all;
    karma_status st = asr_text_read(&s->sample, l, of->reference, &reference);
    if (st == KARMA_OK) st = asr_text_expand(&s->sample, &reference);
    if (st == KARMA_OK) st = asr_text_read(&s->sample, l, of->prediction, &prediction);
    if (st == KARMA_OK) st = asr_align(&s->sample, &reference, &prediction, &all);
    if (st < 0) return st;
    if (all.undefined) { /* dropped there, too */
        s->left_out = true;
        s->n_undefined++;
    } else {
        st = keep_pairs(s, &reference, &prediction, &all, counts);
        if (st == KARMA_OK) st = note_spans(s, &reference, &all);
    }
    return st == KARMA_OK && entities ? note_entities(s, entities, of->reference) : st;
}

/* ---- our way ---- */

/* Numbers for the words of both texts, equal for equal ones. */
static karma_status number_pieces(struct semantic *s, struct map *known, const struct pieces *p,
                                  struct symbols *out) {
    uint32_t *ids = arena_calloc(&s->sample, p->count + 1, sizeof(*ids));
    *out = (struct symbols){ids, p->count};
    karma_status st = ids ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < p->count && st == KARMA_OK; i++) {
        struct map_entry *entry;
        bool added;
        st = map_put(known, p->items[i].text, p->items[i].len, &entry, &added);
        if (st == KARMA_OK && added) entry->value.u64 = known->count - 1;
        if (st == KARMA_OK) ids[i] = (uint32_t)entry->value.u64;
    }
    return st;
}

static karma_status align_pieces(struct semantic *s, const struct pieces *reference,
                                 const struct pieces *prediction, const unsigned char **steps,
                                 size_t *n_steps) {
    struct map known = {0};
    struct symbols r, p;
    karma_status st = number_pieces(s, &known, reference, &r);
    if (st == KARMA_OK) st = number_pieces(s, &known, prediction, &p);
    if (st == KARMA_OK) st = edit_script(&s->sample, r, p, (uint32_t)known.count, steps, n_steps);
    map_release(&known);
    return st;
}

/* Characters of the words with blanks between. */
static karma_status characters_of(struct semantic *s, const struct pieces *words,
                                  struct pieces *out) {
    struct buf text = {0};
    karma_status st = KARMA_OK;
    uint32_t cp;
    *out = (struct pieces){0};
    for (size_t i = 0; i < words->count && st == KARMA_OK; i++) {
        if (i) st = buf_putc(&text, ' ');
        if (st == KARMA_OK) st = buf_append(&text, words->items[i].text, words->items[i].len);
    }
    const char *p = st == KARMA_OK ? arena_strndup(&s->sample, buf_str(&text), text.len) : NULL;
    if (st == KARMA_OK && !p) st = KARMA_E_NOMEM;
    const char *end = p ? p + text.len : p;
    while (p < end && st == KARMA_OK) {
        const size_t n = character_at(p, end, &cp);
        st = pieces_add(&s->sample, out, p, n);
        p += n;
    }
    buf_release(&text);
    return st;
}

static karma_status count_characters(struct semantic *s, double *c) {
    struct pieces reference, prediction;
    const unsigned char *steps = NULL;
    size_t n = 0;
    karma_status st = characters_of(s, &s->reference, &reference);
    if (st == KARMA_OK) st = characters_of(s, &s->prediction, &prediction);
    if (st == KARMA_OK) st = align_pieces(s, &reference, &prediction, &steps, &n);
    for (size_t i = 0; i < n; i++)
        c[CHARACTER_ERRORS] += steps[i] != EDIT_EQUAL;
    c[CHARACTERS] = (double)reference.count;
    return st;
}

static bool stands_at(const struct pieces *text, size_t i, const struct pieces *p) {
    if (p->count == 0 || i + p->count > text->count) return false;
    for (size_t k = 0; k < p->count; k++) {
        const struct piece *x = &text->items[i + k], *y = &p->items[k];
        if (x->len != y->len || memcmp(x->text, y->text, x->len) != 0) return false;
    }
    return true;
}

/* Words of the reference that belong to an entity, found by its text, and errors on them. */
static karma_status count_entities(struct semantic *s, bool hindi, const struct json *list,
                                   double *c) {
    bool *inside = arena_calloc(&s->sample, s->reference.count + 1, sizeof(*inside));
    karma_status st = inside ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t e = 0; e < json_count(list) && st == KARMA_OK; e++) {
        struct pieces words;
        st = semantic_words(&s->sample, json_str(json_at(json_at(list, e), 0), ""), hindi, &words);
        for (size_t i = 0; i < s->reference.count && st == KARMA_OK; i++)
            if (stands_at(&s->reference, i, &words))
                memset(inside + i, true, words.count * sizeof(*inside));
    }
    for (size_t i = 0; i < s->n_pairs && st == KARMA_OK; i++) {
        const struct span_pair *p = &s->pairs[i];
        if (p->n_reference == 0 || !inside[p->reference]) continue;
        c[ENTITY_WORDS]++;
        c[ENTITY_ERRORS] += p->kind != ASR_MATCH;
    }
    return st;
}

static karma_status count_our_way(struct semantic *s, bool hindi, const struct metric_sample *of,
                                  const struct json *entities, double *c) {
    static const struct {
        enum asr_kind kind;
        int count;
    } is[] = {[EDIT_EQUAL] = {ASR_MATCH, MATCHES},
              [EDIT_REPLACE] = {ASR_SUBSTITUTION, SUBSTITUTIONS},
              [EDIT_DELETE] = {ASR_DELETION, DELETIONS},
              [EDIT_INSERT] = {ASR_INSERTION, INSERTIONS}};
    const unsigned char *steps = NULL;
    size_t n = 0, r = 0, p = 0;
    karma_status st = semantic_words(&s->sample, of->reference, hindi, &s->reference);
    if (st == KARMA_OK) st = semantic_words(&s->sample, of->prediction, hindi, &s->prediction);
    if (st == KARMA_OK) st = align_pieces(s, &s->reference, &s->prediction, &steps, &n);
    s->pairs = arena_calloc(&s->sample, n + 1, sizeof(*s->pairs));
    if (st < 0 || !s->pairs) return st < 0 ? st : KARMA_E_NOMEM;
    s->n_pairs = n;
    for (size_t i = 0; i < n; i++) {
        const size_t of_r = steps[i] != EDIT_INSERT, of_p = steps[i] != EDIT_DELETE;
        s->pairs[i] = (struct span_pair){is[steps[i]].kind, r, of_r, p, of_p, 0};
        c[is[steps[i]].count]++;
        r += of_r;
        p += of_p;
    }
    c[UNITS] = (double)s->reference.count;
    st = count_characters(s, c);
    return st == KARMA_OK && entities ? count_entities(s, hindi, entities, c) : st;
}

/* ---- samples ---- */

static size_t n_counts(const void *state) {
    (void)state;
    return N_COUNTS;
}

static karma_status count(void *state, const struct metric_sample *of, double *counts) {
    struct semantic *s = state;
    const char *name = s->language;
    const struct json *entities;
    bool unread;
    arena_reset(&s->sample);
    s->left_out = false;
    s->n_pairs = 0;
    if (!name) name = json_str(json_get(of->other_args, "language"), "en");
    const struct asr_language *l = asr_language_of(name);
    karma_status st = entities_read(&s->sample, of->other_args, &entities, &unread);
    if (st < 0) return st;
    if (unread) s->n_unread++;
    if (!s->compat) {
        st = count_our_way(s, l == &asr_hindi, of, entities, counts);
    } else if (l) {
        st = count_as_upstream(s, l, of, entities, counts);
    } else {
        s->left_out = true;
        s->n_other_language++;
    }
    counts[ERRORS] = counts[SUBSTITUTIONS] + counts[DELETIONS] + counts[INSERTIONS];
    if (st == KARMA_OK && !s->left_out) s->n_sentences++;
    return st;
}

/* Without words there is nothing to divide by: the errors themselves. */
static double rate(const void *state, const double *sum, size_t n) {
    (void)state;
    (void)n;
    return sum[UNITS] > 0 ? sum[ERRORS] / sum[UNITS] : sum[ERRORS];
}

static double sample_rate(const void *state, const double *counts, size_t n) {
    const struct semantic *s = state;
    return s->left_out ? NAN : rate(state, counts, n);
}

/* ---- what there is to say ---- */

/* To three decimals as Python's round(): by the exact value, a tie to the even digit. */
static double rounded(double v) {
    char text[400];
    double thousandths = 0;
    snprintf(text, sizeof(text), "%.3f", v);
    for (const char *p = text; *p; p++)
        if (ascii_is_digit(*p)) thousandths = thousandths * 10 + (*p - '0');
    return thousandths / 1000;
}

/* Upstream rounds its figures; ours are as they are. */
static struct json *figure(const struct semantic *s, struct arena *a, double errors, double of,
                           double otherwise) {
    const double v = of > 0 ? errors / of : otherwise;
    return isnan(v) ? json_new_null(a) : json_new_real(a, s->compat ? rounded(v) : v);
}

/* Of words at the offsets of entities that stand alone in a span; null: no sample has any. */
static struct json *entity_wer(const struct semantic *s, const double *sum, struct arena *a) {
    uint64_t n = 0, wrong = 0;
    if (!s->compat) return figure(s, a, sum[ENTITY_ERRORS], sum[ENTITY_WORDS], NAN);
    for (size_t i = 0; i < s->entities.count; i++) {
        const struct map_entry *e = &s->entities.entries[i];
        const struct map_entry *span = map_find(&s->spans, e->key, e->key_len);
        if (!span) continue;
        n += span->value.u64 >> 32;
        wrong += span->value.u64 & UINT32_MAX;
    }
    return figure(s, a, (double)wrong, (double)n, s->entities.count ? 0 : NAN);
}

static karma_status put_counts(const double *c, struct arena *a, struct json *o) {
    static const struct {
        int count;
        const char *name;
    } names[] = {{MATCHES, "matches"},
                 {SUBSTITUTIONS, "substitutions"},
                 {DELETIONS, "deletions"},
                 {INSERTIONS, "insertions"}};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names) && st == KARMA_OK; i++)
        st = json_set(a, o, names[i].name, json_new_int(a, (int64_t)c[names[i].count]));
    return st;
}

static karma_status describe(void *state, const double *c, struct arena *a, struct json *o) {
    const struct semantic *s = state;
    const struct {
        const char *name;
        size_t n;
    } left_out[] = {{"samples_of_other_languages", s->n_other_language},
                    {"samples_undefined", s->n_undefined},
                    {"entities_unread", s->n_unread}};
    karma_status st = json_set(a, o, "semantic_wer", figure(s, a, c[ERRORS], c[UNITS], c[ERRORS]));
    if (st == KARMA_OK)
        st = json_set(a, o, "semantic_cer", figure(s, a, c[CHARACTER_ERRORS], c[CHARACTERS], 0));
    if (st == KARMA_OK) st = json_set(a, o, "entity_wer", entity_wer(s, c, a));
    if (st == KARMA_OK)
        st = json_set(a, o, "num_sentences", json_new_int(a, (int64_t)s->n_sentences));
    if (st == KARMA_OK) st = json_set(a, o, "total_ref_words", json_new_int(a, (int64_t)c[UNITS]));
    if (st == KARMA_OK) st = put_counts(c, a, o);
    for (size_t i = 0; i < sizeof(left_out) / sizeof(*left_out) && st == KARMA_OK; i++)
        if (left_out[i].n)
            st = json_set(a, o, left_out[i].name, json_new_int(a, (int64_t)left_out[i].n));
    return st;
}

static karma_status put_words(struct arena *a, const struct pieces *words, size_t begin,
                              size_t count, const char *name, struct json *o) {
    struct buf text = {0};
    karma_status st = KARMA_OK;
    if (count == 0) return KARMA_OK;
    for (size_t i = begin; i < begin + count && st == KARMA_OK; i++) {
        if (i > begin) st = buf_putc(&text, ' ');
        if (st == KARMA_OK)
            st = utf8_append_lossy(&text, words->items[i].text, words->items[i].len);
    }
    if (st == KARMA_OK) st = json_set(a, o, name, json_new_stringn(a, buf_str(&text), text.len));
    buf_release(&text);
    return st;
}

static karma_status describe_sample(void *state, const double *c, struct arena *a, struct json *o) {
    static const char *const names[] = {[ASR_MATCH] = "match",
                                        [ASR_SUBSTITUTION] = "substitution",
                                        [ASR_DELETION] = "deletion",
                                        [ASR_INSERTION] = "insertion"};
    const struct semantic *s = state;
    if (s->left_out || !c) return KARMA_OK;
    karma_status st = put_counts(c, a, o);
    if (st < 0 || !s->alignment) return st;
    struct json *list = json_new_array(a);
    st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < s->n_pairs && st == KARMA_OK; i++) {
        const struct span_pair *p = &s->pairs[i];
        struct json *pair = json_new_object(a);
        st = json_set(a, pair, "type", json_new_string(a, names[p->kind]));
        if (st == KARMA_OK)
            st = put_words(a, &s->reference, p->reference, p->n_reference, "reference", pair);
        if (st == KARMA_OK)
            st = put_words(a, &s->prediction, p->prediction, p->n_prediction, "prediction", pair);
        if (st == KARMA_OK && s->compat) st = json_set(a, pair, "cer", json_new_real(a, p->cer));
        if (st == KARMA_OK) st = json_push(a, list, pair);
    }
    return st < 0 ? st : json_set(a, o, "alignment", list);
}

/* ---- the metrics ---- */

static karma_status open_with(struct arena *a, const struct json *args, bool compat, void **state) {
    struct semantic *s = *state = arena_alloc(a, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    s->compat = compat;
    s->alignment = json_get(args, "alignment")->u.boolean;
    s->language = json_str(json_get(args, "language"), NULL);
    return KARMA_OK;
}

static karma_status open_upstream(struct arena *a, const struct json *args, void **state) {
    return open_with(a, args, json_get(args, "compat")->u.boolean, state);
}

static karma_status open_ours(struct arena *a, const struct json *args, void **state) {
    return open_with(a, args, false, state);
}

static void close_semantic(void *state) {
    struct semantic *s = state;
    if (!s) return;
    map_release(&s->spans);
    map_release(&s->entities);
    arena_release(&s->sample);
}

#define COMMON_OPTIONS                                                                             \
    {.name = "language",                                                                           \
     .type = KARMA_OPTION_STRING,                                                                  \
     .nullable = true,                                                                             \
     .default_json = "null",                                                                       \
     .choices = languages,                                                                         \
     .help = "of all texts; null: that of each sample, English if it has none"},                   \
    {                                                                                              \
        .name = "alignment", .type = KARMA_OPTION_BOOL, .default_json = "false",                   \
        .help = "put the alignment of each sample beside its texts"                                \
    }
static const char *const languages[] = {"en", "english", "hi", "hindi", NULL};
static const karma_option_spec upstream_options[] = {
    COMMON_OPTIONS,
    {.name = "compat",
     .type = KARMA_OPTION_BOOL,
     .default_json = "true",
     .help = "as KARMA 0.2.0 defines it; else what semantic_wer_metric is"},
    {.name = NULL},
};
static const karma_option_spec options[] = {COMMON_OPTIONS, {.name = NULL}};

const struct metric_ops metric_asr_semantic = {
    .info = {.name = "asr_semantic_metric",
             .description = "KARMA's semantic word error rate of transcripts in English or Hindi: "
                            "spans of words by how alike their characters are",
             .options = upstream_options},
    .kind = KARMA_METRIC_COUNTS,
    .less_is_better = true,
    .error_rate = true,
    .reads_other_args = true,
    .open = open_upstream,
    .n_counts = n_counts,
    .count = count,
    .value = rate,
    .sample_value = sample_rate,
    .describe = describe,
    .describe_sample = describe_sample,
    .close = close_semantic,
};

const struct metric_ops metric_semantic_wer = {
    .info = {.name = "semantic_wer_metric",
             .description = "word error rate once numbers, units and symbols are written in one "
                            "way",
             .options = options},
    .kind = KARMA_METRIC_COUNTS,
    .less_is_better = true,
    .error_rate = true,
    .reads_other_args = true,
    .open = open_ours,
    .n_counts = n_counts,
    .count = count,
    .value = rate,
    .sample_value = sample_rate,
    .describe = describe,
    .describe_sample = describe_sample,
    .close = close_semantic,
};
