/*
 * test_retrieval.c - runs over a retrieval set with an embedding model: the corpus is given to the
 * model only when answers are missing, what is stored depends on it, and a metric never looks
 * further than the rankings go without a word.
 */
#include "base/json.h"
#include "tests/support/oracle.h"
#include "tests/support/test.h"
#include "tests/support/trigram_embedding.h"

static const char demo[] = "tests/fixtures/retrieval";

static karma_model *make_model(const char *name, const char *args) {
    karma_model *m;
    assert_ok(trigram_register());
    assert_ok(oracle_register());
    assert_ok(karma_model_create(name, args, &m));
    return m;
}

struct outcome {
    struct arena arena;
    const struct json *root, *set; /* of the first data set */
    karma_eval_summary sum;
};

static karma_status run(const char *name, const char *args, const char *set, const char *store,
                        karma_eval_options *o, struct outcome *out) {
    const char *const names[] = {set, NULL};
    karma_model *m = make_model(name, args);
    o->datasets = names;
    o->store_path = store;
    o->use_store = store != NULL;
    o->output = test_path("results.json");
    memset(out, 0, sizeof(*out));
    karma_status st = karma_eval_run(m, o, NULL, &out->sum);
    karma_model_destroy(m);
    if (st < 0) return st;
    assert_ok(json_parse(&out->arena, out->sum.results_json, strlen(out->sum.results_json),
                         JSON_REJECT_DUPLICATES, &out->root));
    out->set = json_get(out->root, set);
    return st;
}

static double score(const struct outcome *o, const char *metric) {
    const struct json *s = json_get(json_get(json_get(o->set, "metrics"), metric), "score");
    assert_non_null(s);
    return s->type == JSON_INT ? (double)s->u.integer : s->u.real;
}

static int64_t count(const struct outcome *o, const char *name) {
    const struct json *n = json_get(json_get(o->set, "samples_by_state"), name);
    assert_non_null(n);
    return n->u.integer;
}

static void ranks_the_corpus_for_every_query(void **state) {
    (void)state;
    karma_eval_options o = karma_eval_defaults();
    struct outcome out;
    o.include_content = true;
    assert_ok(run("trigrams", "{\"k_values\": [1, 10]}", demo, test_path("a.db"), &o, &out));
    assert_int_equal(out.sum.n_scored, 10);
    assert_int_equal(count(&out, "in_file"), 11);
    assert_int_equal(count(&out, "not_judged"), 1);
    assert_int_equal(count(&out, "excluded"), 0);
    assert_int_equal(count(&out, "selected"), 10);
    assert_int_equal(count(&out, "unparsed"), 0);
    assert_int_equal(count(&out, "short_rankings"), 0);
    assert_int_equal(json_get(out.set, "documents")->u.integer, 20);
    assert_true(score(&out, "recall@k") > 0.6 && score(&out, "recall@k") <= 1);
    assert_true(score(&out, "mrr@k") > 0.6);
    assert_true(score(&out, "precision@k") > 0.1);
    const struct json *metric = json_get(json_get(out.set, "metrics"), "ndcg@k");
    assert_int_equal(json_get(metric, "k")->u.integer, 10);
    assert_int_equal(json_get(metric, "num_samples")->u.integer, 10);
    assert_int_equal(json_count(json_get(metric, "interval_95")), 2);
    const struct json *first = json_at(json_get(out.set, "samples"), 0);
    assert_string_equal(json_str(json_get(first, "key"), ""), "q01");
    assert_non_null(strstr(json_str(json_get(first, "output"), ""), "\"d01\": "));
    arena_release(&out.arena);
}

static void the_corpus_is_embedded_only_when_answers_are_missing(void **state) {
    (void)state;
    karma_eval_options o = karma_eval_defaults();
    struct outcome out;
    const char *store = test_path("b.db");
    const char *args = "{\"k_values\": [10]}";
    o.max_samples = 4;
    size_t before = trigram_embedded();
    assert_ok(run("trigrams", args, demo, store, &o, &out));
    assert_int_equal(trigram_embedded() - before, 20 + 4);
    arena_release(&out.arena);
    o.max_samples = 0;
    before = trigram_embedded();
    assert_ok(run("trigrams", args, demo, store, &o, &out));
    assert_int_equal(out.sum.n_cached, 4);
    assert_int_equal(trigram_embedded() - before, 20 + 6);
    char *fresh = read_fixture(out.sum.results_path, NULL);
    arena_release(&out.arena);
    before = trigram_embedded();
    assert_ok(run("trigrams", args, demo, store, &o, &out));
    assert_int_equal(out.sum.n_cached, 10);
    assert_int_equal(trigram_embedded(), before);
    assert_string_equal(fresh, read_fixture(out.sum.results_path, NULL));
    arena_release(&out.arena);
}

static const char *small_set(const char *second_document) {
    char text[256];
    snprintf(text, sizeof(text),
             "{\"_id\": \"a\", \"text\": \"fever and cough\"}\n"
             "{\"_id\": \"b\", \"text\": \"%s\"}\n{\"_id\": \"c\", \"text\": \"x-ray\"}\n",
             second_document);
    write_text("small/corpus.jsonl", text);
    write_text("small/queries.jsonl", "{\"_id\": \"q\", \"text\": \"a broken bone\"}\n");
    write_text("small/qrels.tsv", "query-id\tcorpus-id\tscore\nq\tb\t1\n");
    return test_path("small");
}

static void another_corpus_is_another_answer(void **state) {
    (void)state;
    karma_eval_options o = karma_eval_defaults();
    struct outcome out;
    const char *store = test_path("c.db");
    assert_ok(run("trigrams", "{}", small_set("the broken bone"), store, &o, &out));
    assert_true(score(&out, "mrr@k") == 1); /* k is 10; there are three documents */
    assert_int_equal(count(&out, "short_rankings"), 0);
    arena_release(&out.arena);
    assert_ok(run("trigrams", "{}", small_set("nothing"), store, &o, &out));
    assert_int_equal(out.sum.n_cached, 0);
    arena_release(&out.arena);
    assert_ok(run("trigrams", "{}", small_set("the broken bone"), store, &o, &out));
    assert_int_equal(out.sum.n_cached, 1);
    arena_release(&out.arena);
}

static void a_metric_that_looks_further_than_the_rankings_is_an_error(void **state) {
    (void)state;
    karma_eval_options o = karma_eval_defaults();
    struct outcome out;
    const size_t before = trigram_embedded();
    assert_status(run("trigrams", "{\"k_values\": [1, 3, 5]}", demo, NULL, &o, &out),
                  KARMA_E_USAGE);
    assert_message_contains("looks at the first 10 documents, and the model gives 5");
    o.dry_run = true;
    assert_status(run("trigrams", "{\"k_values\": [1, 3, 5]}", demo, NULL, &o, &out),
                  KARMA_E_USAGE);
    assert_int_equal(trigram_embedded(), before);
    o.dry_run = false;
    o.metric_args_json =
        "{\"ndcg@k\": {\"k\": 5}, \"recall@k\": {\"k\": \"5\"}, \"mrr@k\": {\"k\": "
        "1}, \"map@k\": {\"k\": 5}, \"precision@k\": {\"k\": 3}}";
    assert_ok(run("trigrams", "{\"k_values\": [1, 3, 5]}", demo, NULL, &o, &out));
    assert_int_equal(json_get(json_get(json_get(out.set, "metrics"), "mrr@k"), "k")->u.integer, 1);
    arena_release(&out.arena);
}

static void a_model_that_makes_no_vectors_is_refused_before_anything_runs(void **state) {
    (void)state;
    karma_eval_options o = karma_eval_defaults();
    struct outcome out;
    const size_t asked = oracle_asked();
    assert_status(run("oracle", "{}", demo, NULL, &o, &out), KARMA_E_UNSUPPORTED);
    assert_message_contains("needs an embedding model, which oracle is not");
    assert_int_equal(oracle_asked(), asked);
}

/* ---- a class whose rankings are short or none ---- */

static const char *reply;

static karma_status reply_run(karma_model *m, const karma_run_io *io) {
    const karma_sample *s;
    karma_status st;
    (void)m;
    while ((st = io->next(io->user, &s)) == KARMA_OK) {
        const karma_output o = {
            .struct_size = sizeof(o), .key = s->key, .text = reply, .raw_text = reply};
        st = io->put(io->user, &o);
        if (st < 0) return st;
    }
    return st == KARMA_DONE ? KARMA_OK : st;
}

static void short_rankings_and_no_rankings_are_counted(void **state) {
    (void)state;
    static karma_model_class class;
    const karma_model_class *base;
    karma_eval_options o = karma_eval_defaults();
    struct outcome out;
    assert_ok(trigram_register());
    assert_ok(karma_find_model_class("TrigramEmbedding", &base));
    class = *base;
    class.name = "Reply";
    class.base = base;
    class.run = reply_run;
    assert_ok(karma_register_model_class(&class));
    const karma_model_meta meta = {
        .name = "reply", .loader_class = "Reply", .model_type = KARMA_EMBEDDING};
    assert_ok(karma_register_model_meta(&meta));
    reply = "[\"d01\", \"d02\", \"d03\"]";
    assert_ok(run("reply", "{\"k_values\": [10]}", demo, NULL, &o, &out));
    assert_int_equal(count(&out, "short_rankings"), 10);
    assert_int_equal(count(&out, "unparsed"), 0);
    arena_release(&out.arena);
    reply = "d01";
    assert_ok(run("reply", "{\"k_values\": [10]}", demo, NULL, &o, &out));
    assert_int_equal(count(&out, "unparsed"), 10);
    assert_int_equal(count(&out, "scored"), 10);
    assert_true(score(&out, "ndcg@k") == 0);
    arena_release(&out.arena);
}

struct attempt {
    karma_eval_options options;
    karma_model *model;
};

static karma_status evaluate(void *ctx) {
    const struct attempt *a = ctx;
    karma_eval_summary sum;
    karma_status st = karma_eval_run(a->model, &a->options, NULL, &sum);
    if (st == KARMA_OK && sum.n_failed) st = KARMA_E_NOMEM; /* of one sample, and told */
    /* What the last run lends (eval.h) is let go by the next, which fails before it takes more. */
    karma_eval_options none = a->options;
    none.struct_size = 0;
    assert_status(karma_eval_run(a->model, &none, NULL, &sum), KARMA_E_ABI);
    return st;
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    const char *const names[] = {small_set("the broken bone"), NULL};
    struct attempt a = {.options = karma_eval_defaults(), .model = make_model("trigrams", "{}")};
    a.options.datasets = names;
    a.options.use_store = false;
    a.options.include_content = true;
    a.options.output = test_path("small.json");
    assert_ok(evaluate(&a)); /* what is made once for the process is made here */
    assert_true(for_each_failing_allocation(evaluate, &a) > 100);
    karma_model_destroy(a.model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_the_corpus_for_every_query),
        cmocka_unit_test(the_corpus_is_embedded_only_when_answers_are_missing),
        cmocka_unit_test(another_corpus_is_another_answer),
        cmocka_unit_test(a_metric_that_looks_further_than_the_rankings_is_an_error),
        cmocka_unit_test(a_model_that_makes_no_vectors_is_refused_before_anything_runs),
        cmocka_unit_test(short_rankings_and_no_rankings_are_counted),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
    };
    return run_group("eval/retrieval", tests);
}
