/*
 * test_retrieval.c - sets of documents, queries and judgements: the demo set in tests/fixtures/
 * retrieval, and small ones that are wrong in one place.
 */
#include "base/json.h"
#include "datasets/dataset.h"
#include "tests/support/test.h"

static const char demo[] = "tests/fixtures/retrieval";

static const karma_sample *sample(karma_dataset *d, size_t i) {
    const karma_sample *s;
    assert_ok(karma_dataset_get(d, i, &s));
    return s;
}

static void opens_a_folder_of_three_files(void **state) {
    (void)state;
    karma_dataset *d;
    const char *const *ids, *const *texts;
    size_t n;
    assert_ok(karma_dataset_open(demo, NULL, &d));
    assert_string_equal(karma_dataset_get_info(d)->name, demo);
    assert_string_equal(karma_dataset_get_info(d)->task_type, "retrieval");
    assert_int_equal(karma_dataset_count(d), 10);
    assert_int_equal(karma_dataset_unjudged(d), 1);
    karma_dataset_corpus(d, &ids, &texts, &n);
    assert_int_equal(n, 20);
    assert_string_equal(ids[0], "d01");
    assert_string_equal(texts[0], "Type 2 diabetes Metformin is the first medicine for most adults "
                                  "with type 2 diabetes, beside diet and exercise.");
    const karma_sample *s = sample(d, 2);
    assert_string_equal(s->key, "q03");
    assert_string_equal(s->input, "fever with pain behind the eyes");
    assert_string_equal(s->expected_output, "{\"d04\": 2, \"d18\": 2, \"d15\": 0}");
    assert_non_null(strstr(s->other_args_json, "{\"query_id\": \"q03\", \"corpus\": \""));
    assert_int_equal(strlen(s->other_args_json),
                     strlen("{\"query_id\": \"q03\", \"corpus\": \"\"}") + 64);
    karma_dataset_close(d);
    assert_ok(karma_dataset_open("retrieval", "{\"path\": \"tests/fixtures/retrieval\"}", &d));
    assert_int_equal(karma_dataset_count(d), 10);
    karma_dataset_close(d);
}

static void a_prediction_is_a_ranking(void **state) {
    (void)state;
    karma_dataset *d;
    const char *prediction;
    karma_parse how;
    assert_ok(karma_dataset_open(demo, NULL, &d));
    assert_ok(karma_dataset_extract(d, 0, " {\"d01\": 0.5}\n", &prediction, &how));
    assert_string_equal(prediction, "{\"d01\": 0.5}");
    assert_int_equal(how, KARMA_PARSE_MARKER);
    assert_ok(karma_dataset_extract(d, 0, "d01, d02", &prediction, &how));
    assert_string_equal(prediction, "");
    assert_int_equal(how, KARMA_PARSE_NONE);
    karma_dataset_close(d);
}

static void ids_are_texts_and_a_document_may_have_several(void **state) {
    (void)state;
    karma_dataset *d;
    const char *const *ids, *const *texts;
    size_t n;
    const char *args = "{\"path\": \"tests/fixtures/retrieval/terms\"}";
    assert_ok(karma_dataset_open("ekacare/Eka-IndicMTEB", args, &d));
    karma_dataset_corpus(d, &ids, &texts, &n);
    assert_int_equal(n, 4);
    assert_string_equal(ids[1], "386661006");
    assert_string_equal(texts[1], "Pyrexia");
    assert_int_equal(karma_dataset_count(d), 3);
    assert_string_equal(sample(d, 0)->key, "1");
    assert_string_equal(sample(d, 0)->expected_output, "{\"386661006\": 1}");
    karma_dataset_close(d);
    args = "{\"path\": \"tests/fixtures/retrieval/terms\", \"language\": \"ta\"}";
    assert_ok(karma_dataset_open("ekacare/Eka-IndicMTEB", args, &d));
    assert_int_equal(karma_dataset_count(d), 1);
    assert_string_equal(sample(d, 0)->key, "2");
    assert_int_equal(karma_dataset_unjudged(d), 0);
    karma_dataset_close(d);
    args = "{\"path\": \"tests/fixtures/retrieval/terms\", \"language\": \"bn\"}";
    assert_status(karma_dataset_open("ekacare/Eka-IndicMTEB", args, &d), KARMA_E_MISSING);
}

static const char *const corpus = "{\"_id\": \"a\", \"text\": \"one\"}\n{\"_id\": 2, \"text\": "
                                  "\"two\", \"title\": \"\"}\n";
static const char *const queries = "{\"_id\": \"p\", \"text\": \"first\"}\n"
                                   "{\"_id\": \"q\", \"text\": \"second\"}\n";
static const char *const qrels = "query-id\tcorpus-id\tscore\np\ta\t1\nq\t2\t3\nq\ta\t-1\n";

static const char *small(const char *c, const char *q, const char *r) {
    write_text("small/corpus.jsonl", c);
    write_text("small/queries.jsonl", q);
    write_text("small/qrels/test.tsv", r);
    return test_path("small");
}

static void wrong(const char *c, const char *q, const char *r, karma_status expected,
                  const char *message) {
    karma_dataset *d;
    assert_status(karma_dataset_open(small(c, q, r), NULL, &d), expected);
    assert_null(d);
    assert_message_contains(message);
}

static void what_is_wrong_is_told_with_file_and_line(void **state) {
    (void)state;
    karma_dataset *d;
    assert_ok(karma_dataset_open(small(corpus, queries, qrels), NULL, &d));
    assert_string_equal(sample(d, 1)->expected_output, "{\"2\": 3, \"a\": -1}");
    karma_dataset_close(d);
    wrong("{\"_id\": \"a\", \"text\": \"one\"}\n\n{\"_id\": \"a\", \"text\": \"x\"}\n", queries,
          qrels, KARMA_E_DUPLICATE, "corpus.jsonl: line 3: document 'a' is there twice");
    wrong("{\"_id\": \"a\", \"text\": \" \"}\n", queries, qrels, KARMA_E_RANGE,
          "corpus.jsonl: line 1: the document is empty");
    wrong("{\"_id\": \"a\"}\n", queries, qrels, KARMA_E_MISSING, "line 1: text: missing");
    wrong("{\"text\": \"one\"}\n", queries, qrels, KARMA_E_MISSING, "line 1: _id: missing");
    wrong("{\"_id\": \"\", \"text\": \"one\"}\n", queries, qrels, KARMA_E_RANGE, "_id: empty");
    wrong("{\"_id\": {}, \"text\": \"one\"}\n", queries, qrels, KARMA_E_TYPE,
          "_id: expected a text");
    wrong("", queries, qrels, KARMA_E_MISSING, "corpus.jsonl: no rows");
    wrong("{\"_id\": \"a\"\n", queries, qrels, KARMA_E_SYNTAX, "corpus.jsonl: line");
    wrong(corpus, queries, "query-id\tcorpus-id\tscore\np\ta\t1\nq\tz\t3\n", KARMA_E_MISSING,
          "qrels/test.tsv: line 3: document 'z' is not in the corpus");
    wrong(corpus, queries, "query-id\tcorpus-id\tscore\np\ta\t1\nr\ta\t3\n", KARMA_E_MISSING,
          "qrels/test.tsv: line 3: query 'r' is not in ");
    wrong(corpus, queries, "query-id\tcorpus-id\tscore\np\ta\t1\np\t2\t1\np\ta\t2\n",
          KARMA_E_DUPLICATE, "line 4: query 'p' and document 'a': judged in line 2");
    wrong(corpus, queries, "query-id\tcorpus-id\tscore\np\ta\t0.5\n", KARMA_E_TYPE,
          "line 2: score: expected an integer, found '0.5'");
    wrong(corpus, queries, "query-id\tcorpus-id\tscore\np\ta\thigh\n", KARMA_E_TYPE, "'high'");
    wrong(corpus, queries, "query-id\tcorpus-id\tscore\np\ta\t\n", KARMA_E_TYPE, "score");
    wrong(corpus, queries, "query-id\tcorpus-id\tscore\np\ta\t10000000\n", KARMA_E_RANGE, "score");
    wrong(corpus, queries, "query-id\tcorpus-id\nq\ta\n", KARMA_E_MISSING, "score: missing");
    wrong(corpus, queries, "query\tcorpus-id\tscore\nq\ta\t1\n", KARMA_E_MISSING,
          "query-id: missing");
    wrong(corpus, queries, "query-id\tcorpus-id\tscore\n", KARMA_E_MISSING, "test.tsv: no rows");
    wrong(corpus, "{\"_id\": \"p\", \"text\": \"x\"}\n{\"_id\": \"p\", \"text\": \"y\"}\n", qrels,
          KARMA_E_DUPLICATE, "queries.jsonl: line 2: id: the same as in line 1");
    wrong(corpus, "{\"_id\": \"p\", \"text\": \"\"}\n", qrels, KARMA_E_RANGE,
          "queries.jsonl: line 1: text: empty");
    wrong(corpus, "{\"_id\": \"p\", \"text\": \"x\"}\n", qrels, KARMA_E_MISSING, "query 'q'");
    wrong(corpus, "{\"_id\": \"u\", \"text\": \"x\"}\n", qrels, KARMA_E_MISSING,
          "no query that is judged");
}

static void finds_the_files_by_split_and_by_argument(void **state) {
    (void)state;
    karma_dataset *d;
    char args[2048];
    const char *folder = small(corpus, queries, qrels);
    write_text("small/qrels/dev.csv", "query_id,doc_id,grade\nq,2,1\n");
    assert_ok(karma_dataset_open(folder, "{\"split\": \"dev\"}", &d));
    assert_int_equal(karma_dataset_count(d), 1);
    assert_int_equal(karma_dataset_unjudged(d), 1);
    karma_dataset_close(d);
    assert_status(karma_dataset_open(folder, "{\"split\": \"train\"}", &d), KARMA_E_MISSING);
    assert_message_contains("no file qrels.jsonl");
    assert_status(karma_dataset_open(folder, "{\"split\": \"../x\"}", &d), KARMA_E_PATH);
    const char *other =
        write_text("elsewhere.jsonl", "{\"qid\": \"p\", \"docid\": \"a\", \"relevance\": 1.0}\n");
    snprintf(args, sizeof(args), "{\"qrels\": \"%s\"}", other);
    assert_ok(karma_dataset_open(folder, args, &d));
    assert_string_equal(sample(d, 0)->expected_output, "{\"a\": 1}");
    karma_dataset_close(d);
    char each[4096];
    snprintf(each, sizeof(each),
             "{\"corpus\": \"%s/corpus.jsonl\", \"queries\": \"%s/queries.jsonl\", \"qrels\": "
             "\"%s\"}",
             folder, folder, other);
    assert_ok(karma_dataset_open("retrieval", each, &d));
    assert_int_equal(karma_dataset_count(d), 1);
    karma_dataset_close(d);
    assert_status(karma_dataset_open("tests/fixtures", NULL, &d), KARMA_E_MISSING);
    assert_message_contains("a retrieval set has corpus, queries and qrels");
    assert_status(karma_dataset_open("retrieval", NULL, &d), KARMA_E_USAGE);
    assert_status(karma_dataset_open(folder, "{\"path\": \"x\"}", &d), KARMA_E_USAGE);
}

static void digest_of(const char *folder, char digest[65], char other_args[256]) {
    karma_dataset *d;
    assert_ok(karma_dataset_open(folder, NULL, &d));
    snprintf(digest, 65, "%s", karma_dataset_digest(d));
    snprintf(other_args, 256, "%s", sample(d, 0)->other_args_json);
    karma_dataset_close(d);
}

static void the_digests_cover_all_three_files(void **state) {
    (void)state;
    char first[65], now[65], args[256], now_args[256];
    digest_of(small(corpus, queries, qrels), first, args);
    digest_of(small(corpus, queries, "query-id\tcorpus-id\tscore\np\ta\t1\nq\t2\t2\n"), now,
              now_args);
    assert_string_not_equal(first, now);
    assert_string_equal(args, now_args); /* a mended judgement runs nothing again */
    digest_of(small(corpus,
                    "{\"_id\": \"p\", \"text\": \"1st\"}\n{\"_id\": \"q\", \"text\": "
                    "\"second\"}\n",
                    qrels),
              now, now_args);
    assert_string_not_equal(first, now);
    digest_of(small("{\"_id\": \"a\", \"text\": \"One\"}\n{\"_id\": 2, \"text\": \"two\"}\n",
                    queries, qrels),
              now, now_args);
    assert_string_not_equal(first, now);
    assert_string_not_equal(args, now_args); /* another corpus is another answer */
    digest_of(small(corpus, queries, qrels), now, now_args);
    assert_string_equal(first, now);
    assert_string_equal(args, now_args);
}

static void a_description_names_files_and_columns(void **state) {
    (void)state;
    karma_dataset *d;
    const char *const *ids, *const *texts;
    size_t n;
    write_text("own/docs.csv", "code,label,note\nA1,Fever,high\nA1,Pyrexia,\nB2,Cough,dry\n");
    write_text("own/ask.csv", "nr,term,lang\n7,hot,en\n8,rattle,en\n");
    write_text("own/right.csv", "nr,code,points\n7,A1,2\n8,B2,1\n");
    const char *yaml = write_text(
        "own/terms.yaml",
        "name: ours/terms\nkind: retrieval\ncorpus: docs.csv\nqueries: ask.csv\nqrels: right.csv\n"
        "many_texts: true\nprompt: \"term: {question} ({lang})\"\nmetrics: [recall@1, mrr]\n"
        "fields: {query_id: nr, query: term, document_id: code, document_title: label,\n"
        "  document_text: note, qrels_query: nr, qrels_document: code, grade: points}\n");
    assert_ok(karma_dataset_open(yaml, NULL, &d));
    assert_string_equal(karma_dataset_get_info(d)->metrics[0], "recall@1");
    assert_string_equal(karma_dataset_get_info(d)->split, "test");
    karma_dataset_corpus(d, &ids, &texts, &n);
    assert_int_equal(n, 3);
    assert_string_equal(texts[0], "Fever high");
    assert_string_equal(texts[1], "Pyrexia");
    assert_string_equal(sample(d, 1)->input, "term: rattle (en)");
    assert_string_equal(sample(d, 0)->expected_output, "{\"A1\": 2}");
    karma_dataset_close(d);
    yaml = write_text("own/folder.yaml", "name: ours/f\nkind: retrieval\npath: ../small\n");
    small(corpus, queries, qrels);
    assert_ok(karma_dataset_open(yaml, NULL, &d));
    assert_int_equal(karma_dataset_count(d), 2);
    karma_dataset_close(d);
    static const struct {
        const char *text;
        karma_status expected;
        const char *message;
    } bad[] = {
        {"name: x/y\nkind: question_answer\ncorpus: a.csv\n", KARMA_E_UNEXPECTED,
         "corpus: only for kind retrieval"},
        {"name: x/y\nkind: retrieval\npath: {test: a}\n", KARMA_E_TYPE, "path"},
        {"name: x/y\nkind: retrieval\nfields: {question: a}\n", KARMA_E_UNEXPECTED,
         "bad.yaml: fields: key 'question' is not known"},
        {"name: x/y\nkind: retrieval\nextraction: mcqa\n", KARMA_E_RANGE, "multiple choice"},
        {"name: x/y\nkind: retrieval\nmany_texts: 3\n", KARMA_E_TYPE, "many_texts"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_status(karma_dataset_open(write_text("bad.yaml", bad[i].text), NULL, &d),
                      bad[i].expected);
        assert_message_contains(bad[i].message);
    }
    described_forget();
}

static karma_status use_demo(void *ctx) {
    karma_dataset *d;
    const karma_sample *s;
    const char *prediction;
    karma_parse how;
    karma_status st = karma_dataset_open(ctx, NULL, &d);
    if (st == KARMA_OK) st = karma_dataset_get(d, 1, &s);
    if (st == KARMA_OK) st = karma_dataset_extract(d, 1, "[\"a\"]", &prediction, &how);
    karma_dataset_close(d);
    described_forget();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char folder[512];
    snprintf(folder, sizeof(folder), "%s", small(corpus, queries, qrels));
    assert_true(for_each_failing_allocation(use_demo, folder) > 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(opens_a_folder_of_three_files),
        test_case(a_prediction_is_a_ranking),
        test_case(ids_are_texts_and_a_document_may_have_several),
        test_case(what_is_wrong_is_told_with_file_and_line),
        test_case(finds_the_files_by_split_and_by_argument),
        test_case(the_digests_cover_all_three_files),
        test_case(a_description_names_files_and_columns),
        test_case(survives_every_failing_allocation),
    };
    return run_group("datasets/retrieval", tests);
}
