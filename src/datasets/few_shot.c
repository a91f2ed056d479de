/* few_shot.c - see few_shot.h. */
#include "datasets/few_shot.h"

#include <stdio.h>
#include <string.h>

#include "datasets/adapt.h"
#include "datasets/prompt.h"
#include "datasets/python_random.h"

static const struct few_shot_form of_choices = {
    .lead = "Here are questions with their answers.\n\n",
    .example = "Example {number}:\n{question}\n{options}\nFinal Answer: ({answer})",
    .between = "\n\n",
    .close = "\n\nNow answer the following.\n\n",
};
static const struct few_shot_form of_questions = {
    .lead = "Here are questions with their answers.\n\n",
    .example = "Example {number}:\nQuestion: {question}\nAnswer: {answer}",
    .between = "\n\n",
    .close = "\n\nNow answer the following.\n\n",
};

static int64_t int_arg(const struct json *args, const char *name) {
    const struct json *value = name ? json_get(args, name) : NULL;
    return value && value->type == JSON_INT ? value->u.integer : 0;
}

karma_status few_shot_wanted(const struct dataset_spec *spec, const struct json *args, size_t *n) {
    const int64_t usual = int_arg(args, "few_shot"), other = int_arg(args, spec->few_shot_alias);
    if (usual && other && usual != other)
        return status_fail(KARMA_E_USAGE, "data set argument few_shot: %lld, but %s: %lld",
                           (long long)usual, spec->few_shot_alias, (long long)other);
    *n = (size_t)(usual ? usual : other);
    return KARMA_OK;
}

/* ---- the rows to choose from ---- */

/* Places of the rows that may be examples. */
struct pool {
    struct reader_place *places;
    size_t count, cap;
};

static karma_status add_place(struct pool *p, const struct reader_place *place) {
    if (p->count == p->cap) {
        const size_t cap = p->cap ? p->cap * 2 : 64;
        struct reader_place *grown = mem_realloc(p->places, cap * sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        p->places = grown;
        p->cap = cap;
    }
    if (p->count == INT32_MAX) return status_fail(KARMA_E_LIMIT, "more than %d rows", INT32_MAX);
    p->places[p->count++] = *place;
    return KARMA_OK;
}

/* What all reading here needs. */
struct source {
    const struct dataset_spec *spec;
    const char *prompt, *split;
    const struct json *args;
};

/* The row as an item, in a; DONE: none of the set's or of the split's. */
static karma_status make_item(struct arena *a, const struct source *s, const struct reader_row *row,
                              struct item *out) {
    struct dataset_standard standard;
    bool wanted, has_split;
    karma_status st = adapt_row(a, s->spec, s->args, row, 0, &standard);
    if (st != KARMA_OK) return st;
    st = item_in_split(a, s->spec, standard.row, s->split, &wanted, &has_split);
    if (st < 0) return st;
    if (!wanted) return KARMA_DONE;
    st = item_make(a, s->spec, s->prompt, s->args, standard.row, out);
    if (st == KARMA_OK && (!out->reference || !out->reference[0]))
        st = status_fail(KARMA_E_MISSING, "an example needs an answer");
    return st;
}

static karma_status find_rows(const struct source *s, struct reader *r, struct pool *pool) {
    struct reader_place place = {0};
    struct arena a = {0};
    karma_status st;
    for (;;) {
        const struct reader_place here = place;
        struct reader_row row;
        struct item item;
        arena_reset(&a);
        st = reader_read(r, &place, &a, &row);
        if (st != KARMA_OK) break;
        st = make_item(&a, s, &row, &item);
        if (st == KARMA_OK) st = add_place(pool, &here);
        if (st < 0) {
            st = reader_prefix(st, r, row.line_no);
            break;
        }
    }
    arena_release(&a);
    return st < 0 ? st : KARMA_OK;
}

/* ---- the choice ---- */

/* n of them, and one more in reserve behind these when there is one. */
static karma_status choose(const struct pool *pool, uint32_t seed, struct few_shot *f,
                           uint32_t *out) {
    struct python_random r = {0};
    const uint32_t n = (uint32_t)f->count, all = (uint32_t)pool->count;
    python_random_seed(&r, seed);
    karma_status st = python_random_sample(&r, all, n, out);
    f->has_spare = st == KARMA_OK && all > n;
    bool taken = f->has_spare;
    while (taken) {
        out[n] = python_random_bits(&r, 32) % all; /* what is even does not matter of a reserve */
        taken = false;
        for (uint32_t i = 0; i < n; i++)
            taken = taken || out[i] == out[n];
    }
    return st;
}

static karma_status read_chosen(struct arena *a, const struct source *s, struct reader *r,
                                const struct pool *pool, const uint32_t *chosen,
                                struct few_shot *f) {
    const size_t n = f->count + f->has_spare;
    f->examples = arena_calloc(a, n + 1, sizeof(*f->examples));
    karma_status st = f->examples ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        struct reader_place place = pool->places[chosen[i]];
        struct reader_row row;
        st = reader_read(r, &place, a, &row);
        if (st == KARMA_OK) st = make_item(a, s, &row, &f->examples[i]);
        if (st == KARMA_DONE) st = status_fail(KARMA_E_DIGEST, "changed while in use");
    }
    return st;
}

/* ---- the text ---- */

static karma_status add_example(struct arena *a, const struct few_shot *f, const struct item *item,
                                size_t number, struct buf *out) {
    char digits[24];
    snprintf(digits, sizeof(digits), "%zu", number);
    const struct prompt_values v = {.question = item->question,
                                    .options = item->options,
                                    .labels = item->labels,
                                    .context = item->context,
                                    .number = digits,
                                    .answer = item->reference};
    const char *text;
    karma_status st = prompt_render(a, f->form->example, &v, &text);
    if (st == KARMA_OK && number > 1) st = buf_puts(out, f->form->between);
    return st == KARMA_OK ? buf_puts(out, text) : st;
}

static bool same(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool is_same_question(const struct item *a, const struct item *b) {
    return same(a->question, b->question) && same(a->options, b->options) &&
           same(a->context, b->context);
}

/* All examples but the one that asks what item asks; item NULL: all. */
static karma_status make_prefix(struct arena *a, const struct few_shot *f, const struct item *item,
                                const char **out) {
    struct buf text = {0};
    size_t number = 0;
    bool spare_used = false;
    karma_status st = buf_puts(&text, f->form->lead);
    for (size_t i = 0; i < f->count && st == KARMA_OK; i++) {
        const struct item *example = &f->examples[i];
        if (item && is_same_question(example, item)) {
            const struct item *spare = f->has_spare ? &f->examples[f->count] : NULL;
            if (!spare || spare_used || is_same_question(spare, item)) continue;
            spare_used = true;
            example = spare;
        }
        st = add_example(a, f, example, ++number, &text);
    }
    if (st == KARMA_OK) st = buf_puts(&text, f->form->close);
    if (st == KARMA_OK && number == 0) buf_clear(&text);
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&text)))) st = KARMA_E_NOMEM;
    buf_release(&text);
    return st;
}

static karma_status choose_from(struct arena *a, const struct source *s, struct reader *r, size_t n,
                                struct few_shot *out) {
    struct pool pool = {0};
    uint32_t chosen[FEW_SHOT_MAX + 1];
    karma_status st = find_rows(s, r, &pool);
    if (st == KARMA_OK && pool.count < n && !args_are_upstream(s->args))
        st = status_fail(KARMA_E_RANGE, "%zu rows%s%s%s that could be examples, %zu are wanted",
                         pool.count, s->split ? " of split '" : "", s->split ? s->split : "",
                         s->split ? "'" : "", n);
    out->count = pool.count < n ? pool.count : n; /* upstream takes what there is */
    if (st == KARMA_OK)
        st = choose(&pool, (uint32_t)int_arg(s->args, "few_shot_seed"), out, chosen);
    if (st == KARMA_OK) st = read_chosen(a, s, r, &pool, chosen, out);
    mem_free(pool.places);
    return st < 0 ? st : make_prefix(a, out, NULL, &out->prefix);
}

karma_status few_shot_choose(struct arena *a, const struct dataset_spec *spec, const char *prompt,
                             const struct json *args, const char *path, const char *split, size_t n,
                             struct few_shot *out) {
    const struct source s = {.spec = spec, .prompt = prompt, .split = split, .args = args};
    struct reader r;
    *out = (struct few_shot){.form = spec->few_shot};
    if (!out->form) out->form = spec->kind == DATASET_MULTIPLE_CHOICE ? &of_choices : &of_questions;
    karma_status st = reader_open(path, &r);
    if (st < 0) return status_prefix(st, "few_shot_path");
    /* What an item lends of its row may lie in the file, which is closed: rows are in a. */
    st = choose_from(a, &s, &r, n, out);
    reader_close(&r);
    return st < 0 ? status_prefix(st, "few_shot_path: %s", path) : KARMA_OK;
}

karma_status few_shot_put_before(struct arena *a, const struct few_shot *f, struct item *item) {
    const char *prefix = f->prefix;
    bool among = false;
    if (f->count == 0) return KARMA_OK;
    for (size_t i = 0; i < f->count; i++)
        among = among || is_same_question(&f->examples[i], item);
    karma_status st = among ? make_prefix(a, f, item, &prefix) : KARMA_OK;
    if (st < 0) return st;
    item->prompt = arena_printf(a, "%s%s", prefix, item->prompt);
    return item->prompt ? KARMA_OK : KARMA_E_NOMEM;
}

void few_shot_add_digest(const struct few_shot *f, struct sha256 *h) {
    sha256_field_str(h, f->prefix);
    if (f->has_spare) {
        sha256_field_str(h, f->examples[f->count].question);
        sha256_field_str(h, f->examples[f->count].options);
    }
}
