/*
 * retrieval.c - how well a ranking of documents fits the judged ones, at its first k: as trec_eval
 * (and pytrec_eval, which BEIR and KARMA use) defines them. A prediction is a ranking (base/
 * ranking.h), a reference {"document": grade}; a grade above 0 is relevant, a document without one
 * is not. A prediction that is no ranking scores 0; a reference that is none is an error.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ranking.h"
#include "metrics/metric.h"

struct judged {
    int64_t k;
    int64_t *found; /* [k or fewer] grade of the document at each rank, 0 if it has none */
    size_t n_found;
    int64_t *relevant; /* grades above 0, best first */
    size_t n_relevant;
};

static int larger_first(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x > y ? -1 : x < y;
}

static karma_status read_grades(struct arena *a, const char *reference, struct judged *j,
                                const struct json **grades) {
    karma_status st = json_parse(a, reference, strlen(reference), JSON_REJECT_DUPLICATES, grades);
    if (st == KARMA_OK && !json_is_object(*grades))
        st = status_fail(KARMA_E_TYPE, "expected an object of grades, found %s",
                         json_type_name(*grades));
    if (st == KARMA_OK &&
        !(j->relevant = arena_calloc(a, json_count(*grades) + 1, sizeof(int64_t))))
        st = KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < json_count(*grades); i++) {
        const struct json_member *m = &(*grades)->u.object.members[i];
        if (m->value->type != JSON_INT)
            st = status_fail(KARMA_E_TYPE, "grade of %s: expected an integer, found %s",
                             status_quote(m->key, m->key_len), json_type_name(m->value));
        else if (m->value->u.integer > 0)
            j->relevant[j->n_relevant++] = m->value->u.integer;
    }
    if (st < 0) return status_prefix(st, "reference");
    qsort(j->relevant, j->n_relevant, sizeof(*j->relevant), larger_first);
    return KARMA_OK;
}

static karma_status judge(struct arena *a, const struct json *args, const char *prediction,
                          const char *reference, struct judged *j) {
    const struct json *grades;
    struct ranking r;
    *j = (struct judged){.k = json_get(args, "k")->u.integer};
    karma_status st = read_grades(a, reference, j, &grades);
    if (st < 0) return st;
    st = ranking_read(a, prediction, &r);
    if (st != KARMA_OK) return st < 0 ? st : KARMA_OK;
    j->n_found = r.count < (size_t)j->k ? r.count : (size_t)j->k;
    j->found = arena_calloc(a, j->n_found + 1, sizeof(*j->found));
    if (!j->found) return KARMA_E_NOMEM;
    for (size_t i = 0; i < j->n_found; i++) {
        const struct json *grade = json_get(grades, r.ids[i]);
        if (grade && grade->u.integer > 0) j->found[i] = grade->u.integer;
    }
    return KARMA_OK;
}

static double gain_at(const int64_t *grades, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)grades[i] / log2((double)i + 2);
    return sum;
}

static double ndcg(const struct judged *j) {
    const size_t n = j->n_relevant < (size_t)j->k ? j->n_relevant : (size_t)j->k;
    return n ? gain_at(j->found, j->n_found) / gain_at(j->relevant, n) : 0;
}

static double hits(const struct judged *j) {
    size_t n = 0;
    for (size_t i = 0; i < j->n_found; i++)
        n += j->found[i] > 0;
    return (double)n;
}

static double recall(const struct judged *j) {
    return j->n_relevant ? hits(j) / (double)j->n_relevant : 0;
}

static double precision(const struct judged *j) {
    return hits(j) / (double)j->k; /* also of a ranking that is shorter than k */
}

static double reciprocal_rank(const struct judged *j) {
    for (size_t i = 0; i < j->n_found; i++)
        if (j->found[i] > 0) return 1 / (double)(i + 1);
    return 0;
}

static double average_precision(const struct judged *j) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < j->n_found; i++)
        if (j->found[i] > 0) sum += (double)++n / (double)(i + 1);
    return j->n_relevant ? sum / (double)j->n_relevant : 0;
}

static karma_status score(const struct json *args, const char *prediction, const char *reference,
                          double (*of)(const struct judged *j), double *out) {
    struct arena a = {0};
    struct judged j;
    karma_status st = judge(&a, args, prediction, reference, &j);
    *out = st == KARMA_OK ? of(&j) : 0;
    arena_release(&a);
    return st;
}

static const karma_option_spec options[] = {
    {.name = "k",
     .type = KARMA_OPTION_INT,
     .default_json = "10",
     .min = 1,
     .max = 1000000,
     .help = "how many of the first documents count"},
    {.name = NULL},
};

static karma_status score_ndcg(const struct json *args, struct buf scratch[2],
                               const char *prediction, const char *reference, double *out) {
    (void)scratch;
    return score(args, prediction, reference, ndcg, out);
}

const struct metric_ops metric_ndcg = {
    .info = {.name = "ndcg@k",
             .description = "gain of the first k documents over that of the best order, each "
                            "document's grade divided by log2(rank + 1)",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .score = score_ndcg,
};

static karma_status score_recall(const struct json *args, struct buf scratch[2],
                                 const char *prediction, const char *reference, double *out) {
    (void)scratch;
    return score(args, prediction, reference, recall, out);
}

const struct metric_ops metric_recall = {
    .info = {.name = "recall@k",
             .description = "share of the relevant documents that are among the first k",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .score = score_recall,
};

static karma_status score_mrr(const struct json *args, struct buf scratch[2],
                              const char *prediction, const char *reference, double *out) {
    (void)scratch;
    return score(args, prediction, reference, reciprocal_rank, out);
}

const struct metric_ops metric_mrr = {
    .info = {.name = "mrr@k",
             .description = "1 divided by the rank of the first relevant document, 0 behind rank k",
             .options = options},
    .alias = "mrr",
    .kind = KARMA_METRIC_MEAN,
    .score = score_mrr,
};

static karma_status score_map(const struct json *args, struct buf scratch[2],
                              const char *prediction, const char *reference, double *out) {
    (void)scratch;
    return score(args, prediction, reference, average_precision, out);
}

const struct metric_ops metric_map = {
    .info = {.name = "map@k",
             .description = "precision at each relevant document of the first k, summed and "
                            "divided by the number of relevant ones",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .score = score_map,
};

static karma_status score_precision(const struct json *args, struct buf scratch[2],
                                    const char *prediction, const char *reference, double *out) {
    (void)scratch;
    return score(args, prediction, reference, precision, out);
}

const struct metric_ops metric_precision = {
    .info = {.name = "precision@k",
             .description = "share of the first k documents that is relevant",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .score = score_precision,
};
