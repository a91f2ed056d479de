/*
 * corpus.c - how alike two vectors are, and a corpus of documents that an embedding model's run
 * ranks its samples against. Every document is compared: the ranks are exact, where an approximate
 * index may miss one. Sums are in double precision and in one fixed order.
 */
#include <math.h>
#include <string.h>

#include "api/embedding.h"
#include "api/embedding_head.h"
#include "api/isolate.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/size.h"

enum { LANES = 8, MAX_K = 1000 };

struct corpus {
    struct arena arena; /* ids */
    const char **ids;
    size_t n, dim;
    float *vectors; /* [n, dim]; of unit length when the comparison is by cosine */
    karma_similarity_kind kind;
    int64_t k;
    char digest[65]; /* of ids and texts */
};

struct hit {
    size_t document;
    double score;
};

/* ---- similarity ---- */

/* Eight sums side by side, so that each addition need not wait for the last. */
static double sum_lanes(const double lane[LANES]) {
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
           ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

static double dot(const float *a, const float *b, size_t dim) {
    double lane[LANES] = {0};
    for (size_t i = 0; i < dim; i++)
        lane[i % LANES] += (double)a[i] * (double)b[i];
    return sum_lanes(lane);
}

static double distance(const float *a, const float *b, size_t dim, bool squared) {
    double lane[LANES] = {0};
    for (size_t i = 0; i < dim; i++) {
        const double d = (double)a[i] - (double)b[i];
        lane[i % LANES] += squared ? d * d : fabs(d);
    }
    return sum_lanes(lane);
}

double karma_similarity(karma_similarity_kind kind, const float *a, const float *b, size_t dim) {
    switch (kind) {
    case KARMA_DOT:
        return dot(a, b, dim);
    case KARMA_EUCLIDEAN:
        return -sqrt(distance(a, b, dim, true));
    case KARMA_MANHATTAN:
        return -distance(a, b, dim, false);
    case KARMA_COSINE:
        break;
    }
    const double lengths = sqrt(dot(a, a, dim)) * sqrt(dot(b, b, dim));
    return lengths > 0 ? dot(a, b, dim) / lengths : 0;
}

/* ---- the corpus ---- */

karma_status corpus_k(const struct json *args, int64_t *k) {
    const struct json *list = json_get(args, "k_values");
    *k = 0;
    if (json_is_null(list)) return KARMA_OK;
    bool good = json_is_array(list) && json_count(list) > 0;
    for (size_t i = 0; good && i < json_count(list); i++) {
        const struct json *one = json_at(list, i);
        good = one->type == JSON_INT && one->u.integer >= 1 && one->u.integer <= MAX_K;
        if (good && one->u.integer > *k) *k = one->u.integer;
    }
    return good ? KARMA_OK
                : status_fail(KARMA_E_USAGE,
                              "model argument k_values: expected a list of whole numbers from 1 to "
                              "%d",
                              MAX_K);
}

void corpus_release(karma_model *m) {
    struct corpus *c = m->corpus;
    if (!c) return;
    mem_free(c->vectors);
    arena_release(&c->arena);
    mem_free(c);
    m->corpus = NULL;
}

bool corpus_present(const karma_model *m) {
    return m->corpus != NULL;
}

size_t corpus_dim(const karma_model *m) {
    return m->corpus ? m->corpus->dim : 0;
}

const char *corpus_digest(const karma_model *m) {
    return m->corpus ? m->corpus->digest : NULL;
}

size_t corpus_bytes(const karma_model *m) {
    const struct corpus *c = m->corpus;
    return c ? c->n * c->dim * sizeof(float) + c->arena.used_bytes : 0;
}

static karma_status keep_ids(struct corpus *c, const char *const *ids, const char *const *texts) {
    struct sha256 s;
    unsigned char digest[32];
    sha256_begin(&s);
    c->ids = arena_calloc(&c->arena, c->n, sizeof(*c->ids));
    if (!c->ids) return KARMA_E_NOMEM;
    for (size_t i = 0; i < c->n; i++) {
        if (!ids[i] || !texts[i])
            return status_fail(KARMA_E_MISSING, "corpus: document %zu has no %s", i,
                               ids[i] ? "text" : "id");
        if (!(c->ids[i] = arena_strdup(&c->arena, ids[i]))) return KARMA_E_NOMEM;
        sha256_field_str(&s, ids[i]);
        sha256_field_str(&s, texts[i]);
    }
    sha256_end(&s, digest);
    sha256_hex(digest, c->digest);
    return KARMA_OK;
}

static karma_status fill(karma_model *m, struct corpus *c, const char *const *ids,
                         const char *const *texts) {
    karma_embed_options options = karma_embed_defaults();
    struct embed_report report = {0};
    size_t bytes;
    options.prompt_name = embedding_prompt_name(m, true);
    if (!options.prompt_name) options.prompt = ""; /* a prompt of the arguments is for queries */
    c->dim = (size_t)karma_model_embedding_dim(m, &options);
    c->kind = karma_model_similarity_kind(m);
    karma_status st = corpus_k(m->plan.args, &c->k);
    if (st == KARMA_OK) st = keep_ids(c, ids, texts);
    if (st < 0) return st;
    if (!mul_size(c->n * sizeof(float), c->dim, &bytes) || c->n > SIZE_MAX / 64)
        return status_fail(KARMA_E_OVERFLOW, "corpus: %zu documents", c->n);
    c->vectors = mem_alloc(bytes);
    if (!c->vectors) return KARMA_E_NOMEM;
    st = status_prefix(embed_texts(m, texts, c->n, &options, c->vectors, &report), "corpus");
    for (size_t i = 0; st == KARMA_OK && c->kind == KARMA_COSINE && i < c->n; i++)
        embedding_normalize(c->vectors + i * c->dim, (int64_t)c->dim);
    if (st == KARMA_OK && report.n_cut)
        log_note("corpus: %zu of %zu documents are longer than the model reads and were cut",
                 report.n_cut, c->n);
    return st;
}

karma_status karma_model_set_corpus(karma_model *m, const char *const *ids,
                                    const char *const *texts, size_t n) {
    karma_status st = embed_texts(m, NULL, 0, NULL, NULL, NULL); /* loads; can it make vectors? */
    if (st < 0) return st;
    if (isolated(m)) return isolated_set_corpus(m, ids, texts, n);
    corpus_release(m);
    if (n == 0) return KARMA_OK;
    struct corpus *c = mem_calloc(1, sizeof(*c));
    if (!c) return KARMA_E_NOMEM;
    c->n = n;
    st = fill(m, c, ids, texts);
    m->corpus = c;
    if (st < 0) corpus_release(m);
    return st;
}

/* ---- ranking ---- */

/* The k best, best first; of equal scores the earlier document. best has room for k. */
static size_t find_best(const struct corpus *c, const float *query, struct hit *best, size_t k) {
    /* Vectors compared by cosine have unit length already. */
    const karma_similarity_kind kind = c->kind == KARMA_COSINE ? KARMA_DOT : c->kind;
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const double score = karma_similarity(kind, query, c->vectors + i * c->dim, c->dim);
        if (n == k && !(score > best[n - 1].score)) continue;
        size_t at = n < k ? n++ : n - 1;
        for (; at > 0 && score > best[at - 1].score; at--)
            best[at] = best[at - 1];
        best[at] = (struct hit){.document = i, .score = score};
    }
    return n;
}

/* A document's id may stand for several texts: the best of them speaks for it. */
static bool is_repeated(const struct corpus *c, const struct hit *best, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (strcmp(c->ids[best[k].document], c->ids[best[i].document]) == 0) return true;
    return false;
}

karma_status corpus_rank(const karma_model *m, float *query, struct buf *out) {
    const struct corpus *c = m->corpus;
    const size_t k = (uint64_t)c->k < c->n ? (size_t)c->k : c->n;
    struct hit *best = mem_calloc(k ? k : 1, sizeof(*best));
    if (!best) return KARMA_E_NOMEM;
    if (c->kind == KARMA_COSINE) embedding_normalize(query, (int64_t)c->dim);
    const size_t n = find_best(c, query, best, k);
    karma_status st = buf_putc(out, '{');
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        char number[32];
        const char *id = c->ids[best[i].document];
        if (is_repeated(c, best, i)) continue;
        if (i > 0) st = buf_puts(out, ", ");
        if (st == KARMA_OK) st = json_write_string(out, id, strlen(id), JSON_PYTHON);
        if (st == KARMA_OK) st = buf_puts(out, ": ");
        if (st == KARMA_OK) st = buf_append(out, number, json_format_real(best[i].score, number));
    }
    mem_free(best);
    return st < 0 ? st : buf_putc(out, '}');
}
