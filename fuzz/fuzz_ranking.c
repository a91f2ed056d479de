/*
 * fuzz_ranking.c - any bytes as what a retrieval model answers: a ranking has different ids, the
 * extraction rule and the metrics agree about what is one, and every score is a share.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ranking.h"
#include "datasets/extract.h"
#include "karma/metric.h"

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const metrics[] = {"ndcg@3", "recall@3", "mrr@3", "map@3", "precision@3"};
    struct arena a = {0};
    struct ranking r;
    const char *prediction;
    karma_parse how;
    char *text = arena_strndup(&a, (const char *)data, size);
    if (!text) return 0;
    const karma_status st = ranking_read(&a, text, &r);
    check(st == KARMA_OK || st == KARMA_DONE);
    check(st == KARMA_OK || r.count == 0);
    for (size_t i = 1; i < r.count && i < 100; i++)
        check(strcmp(r.ids[i], r.ids[i - 1]) != 0);
    check(extraction_find("ranking")->read(&a, text, NULL, &prediction, &how) == KARMA_OK);
    check((st == KARMA_OK) == (how == KARMA_PARSE_MARKER));
    for (size_t i = 0; i < sizeof(metrics) / sizeof(*metrics); i++) {
        karma_metric *m;
        double score = -1;
        check(karma_metric_create(metrics[i], NULL, &m) == KARMA_OK);
        check(karma_metric_add(m, text, "{\"a\": 2, \"b\": 1, \"c\": 0}", &score) == KARMA_OK);
        check(score >= 0 && score <= 1 && (score == 0 || st == KARMA_OK));
        /* As a reference it is one or an error. */
        if (karma_metric_add(m, "[\"a\", \"b\"]", text, &score) == KARMA_OK)
            check(score >= 0 && score <= 1);
        karma_metric_destroy(m);
    }
    arena_release(&a);
    return 0;
}
