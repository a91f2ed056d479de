/*
 * test_run_guard.c - classes that answer samples in their own way and do it wrongly. Whatever they
 * do, each sample has exactly one output, a right answer stays with its sample, and what is wrong
 * names class and key.
 */
#include "tests/support/test.h"

#include <threads.h>

#include "karma/karma.h"

enum { N = 5, MANY = 300 };

/* ---- what the caller sees ---- */

struct seen {
    size_t n, next, n_out;
    const char *const *keys; /* of the samples; NULL: they have none */
    int puts[MANY];
    karma_status status[MANY];
    char text[MANY][64], error[MANY][700];
    char streamed[256];
    bool wants_cancel;
    size_t fail_put_at; /* 0: never */
};

static karma_sample lent;
static char lent_input[16];

static karma_status see_next(void *user, const karma_sample **sample) {
    struct seen *s = user;
    if (s->next == s->n) return KARMA_DONE;
    snprintf(lent_input, sizeof(lent_input), "in%zu", s->next);
    lent = (karma_sample){.struct_size = sizeof(lent), .input = lent_input};
    lent.key = s->keys ? s->keys[s->next] : NULL;
    s->next++;
    *sample = &lent;
    return KARMA_OK;
}

/* Samples without keys are told apart by the answer, "out3". */
static size_t place_of(const struct seen *s, const karma_output *o) {
    for (size_t i = 0; s->keys && i < s->n; i++)
        if (o->key && strcmp(o->key, s->keys[i]) == 0 && (s->puts[i] == 0)) return i;
    if (!s->keys && o->text) return (size_t)atoi(o->text + 3);
    if (!s->keys) return s->n_out;
    fail_msg("an output for %s", o->key ? o->key : "no key");
    return 0;
}

static karma_status see_put(void *user, const karma_output *o) {
    struct seen *s = user;
    const size_t i = place_of(s, o);
    assert_int_equal(o->struct_size, sizeof(*o));
    if (!s->keys) assert_null(o->key);
    s->n_out++;
    s->puts[i]++;
    s->status[i] = o->status;
    snprintf(s->text[i], sizeof(s->text[i]), "%s", o->text ? o->text : "");
    snprintf(s->error[i], sizeof(s->error[i]), "%s", o->error ? o->error : "");
    assert_true((o->status == KARMA_OK) == (o->text != NULL));
    if (s->fail_put_at == s->n_out) return status_fail(KARMA_E_NOSPACE, "the disk is full");
    return KARMA_OK;
}

static bool see_cancelled(void *user) {
    const struct seen *s = user;
    return s->wants_cancel;
}

static void see_stream(void *user, const char *key, const char *text, size_t len) {
    struct seen *s = user;
    const size_t at = strlen(s->streamed);
    snprintf(s->streamed + at, sizeof(s->streamed) - at, "%s:%.*s ", key ? key : "-", (int)len,
             text);
}

/* ---- the class, and what it does wrong ---- */

static karma_status (*mischief)(const karma_run_io *io);

static karma_status run_mischief(karma_model *m, const karma_run_io *io) {
    (void)m;
    return mischief(io);
}

static karma_status load_nothing(karma_model *m) {
    (void)m;
    return KARMA_OK;
}

static const karma_model_class rogue = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "Rogue",
    .load = load_nothing,
    .run = run_mischief,
};

struct taken {
    char key[64], text[64];
};

static karma_status take_all(const karma_run_io *io, struct taken *all, size_t *n) {
    const karma_sample *s;
    karma_status st;
    *n = 0;
    while ((st = io->next(io->user, &s)) == KARMA_OK) {
        assert_non_null(s->key);
        snprintf(all[*n].key, sizeof(all[*n].key), "%s", s->key);
        snprintf(all[*n].text, sizeof(all[*n].text), "out%s", s->input + 2);
        ++*n;
    }
    return st == KARMA_DONE ? KARMA_OK : st;
}

static karma_output answer(const struct taken *t) {
    return (karma_output){.struct_size = sizeof(karma_output),
                          .key = t->key,
                          .text = t->text,
                          .finish_reason = KARMA_FINISH_STOP};
}

static karma_status put(const karma_run_io *io, const karma_output *o) {
    return io->put(io->user, o);
}

static struct taken batch[MANY];
static size_t n_batch;

/* Takes all, then answers all but the one at `except` (N: none), in reverse. */
static karma_status answer_but(const karma_run_io *io, size_t except) {
    karma_status st = take_all(io, batch, &n_batch);
    for (size_t i = n_batch; st == KARMA_OK && i-- > 0;) {
        if (i == except) continue;
        const karma_output o = answer(&batch[i]);
        st = put(io, &o);
    }
    return st;
}

static karma_status good(const karma_run_io *io) {
    return answer_but(io, MANY);
}

static karma_status one_missing(const karma_run_io *io) {
    return answer_but(io, 2);
}

static karma_status an_unknown_key(const karma_run_io *io) {
    karma_status st = answer_but(io, 2);
    const struct taken other = {"zz", "lost"};
    const karma_output o = answer(&other);
    return st == KARMA_OK ? put(io, &o) : st;
}

static karma_status one_too_many(const karma_run_io *io) {
    karma_status st = answer_but(io, MANY);
    const struct taken other = {"zz", "lost"};
    const karma_output o = answer(&other);
    if (st == KARMA_OK) assert_status(put(io, &o), KARMA_E_PLUGIN);
    return st;
}

static karma_status with(const karma_run_io *io, void (*change)(karma_output *)) {
    karma_status st = answer_but(io, 2);
    karma_output o = answer(&batch[2]);
    change(&o);
    return st == KARMA_OK ? put(io, &o) : st;
}

static karma_status twice(const karma_run_io *io) {
    karma_status st = answer_but(io, MANY);
    karma_output o = answer(&batch[2]);
    o.text = "something else";
    return st == KARMA_OK ? put(io, &o) : st;
}

#define CHANGE(name, body)                                                                         \
    static void change_##name(karma_output *o) {                                                   \
        body;                                                                                      \
    }                                                                                              \
    static karma_status name(const karma_run_io *io) {                                             \
        return with(io, change_##name);                                                            \
    }
static const int32_t some_ids[2] = {1, 2};
static const karma_token_logprob bad_logprobs[2] = {{.n_top = 3}, {.n_top = -1}};
CHANGE(no_key, o->key = NULL)
CHANGE(wrong_size, o->struct_size = 8)
CHANGE(positive_status, o->status = (karma_status)7)
CHANGE(status_out_of_range, o->status = (karma_status)-9999)
CHANGE(no_text, o->text = NULL)
CHANGE(bad_utf8, o->text = "caf\xe9")
CHANGE(bad_thinking, o->thinking = "\xff")
CHANGE(bad_raw, o->raw_text = "\xc0\x80")
CHANGE(bad_error, (o->status = KARMA_E_IO, o->error = "\xfe"))
CHANGE(no_tokens, o->n_tokens = 4)
CHANGE(endless_tokens, (o->n_tokens = SIZE_MAX / 4, o->tokens = some_ids))
CHANGE(bad_reason, o->finish_reason = (karma_finish_reason)77)
CHANGE(bad_logprob, (o->n_tokens = 2, o->tokens = some_ids, o->logprobs = bad_logprobs))

static struct seen seen;
static const char *const keys[N] = {"k0", "k1", "k2", "k3", "k4"};

static karma_status run_seen(karma_model *m, bool streams) {
    const karma_run_io io = {.next = see_next,
                             .put = see_put,
                             .cancelled = see_cancelled,
                             .stream = streams ? see_stream : NULL,
                             .user = &seen};
    return karma_model_run(m, &io);
}

static karma_model *make(void) {
    karma_model *m;
    assert_ok(karma_model_create_as(&rogue, "somewhere", NULL, &m));
    return m;
}

/* Each sample has one output; the answered ones have their own. */
static void check_all(size_t n) {
    assert_int_equal(seen.n_out, n);
    for (size_t i = 0; i < n; i++) {
        char want[64];
        snprintf(want, sizeof(want), "out%zu", i);
        assert_int_equal(seen.puts[i], 1);
        if (seen.status[i] == KARMA_OK) assert_string_equal(seen.text[i], want);
    }
}

static karma_status misbehave(karma_status (*how)(const karma_run_io *io)) {
    karma_model *m = make();
    mischief = how;
    seen = (struct seen){.n = N, .keys = keys};
    karma_status st = run_seen(m, false);
    karma_model_destroy(m);
    karma_clear_registry();
    return st;
}

/* ---- tests ---- */

static void answers_in_any_order_stay_with_their_samples(void **state) {
    (void)state;
    assert_ok(misbehave(good));
    check_all(N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(seen.status[i], KARMA_OK);
}

static void what_is_wrong_with_one_output_fails_that_sample(void **state) {
    (void)state;
    static const struct {
        karma_status (*how)(const karma_run_io *io);
        const char *says;
    } cases[] = {
        {one_missing, "missing"},
        {an_unknown_key, "'zz'"},
        {twice, "twice"},
        {no_key, "no key"},
        {wrong_size, "struct_size 8"},
        {positive_status, "status 7"},
        {status_out_of_range, "-9999"},
        {no_text, "text: NULL"},
        {bad_utf8, "UTF-8"},
        {bad_thinking, "thinking"},
        {bad_raw, "raw_text"},
        {bad_error, "error"},
        {no_tokens, "4 tokens"},
        {endless_tokens, "tokens"},
        {bad_reason, "77"},
        {bad_logprob, "log-prob"},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        assert_ok(misbehave(cases[c].how));
        check_all(N);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(seen.status[i], i == 2 ? KARMA_E_PLUGIN : KARMA_OK);
        if (!strstr(seen.error[2], cases[c].says)) fail_msg("%s: %s", cases[c].says, seen.error[2]);
        assert_non_null(strstr(seen.error[2], "class Rogue"));
        assert_non_null(strstr(seen.error[2], "'k2'"));
    }
}

static void what_no_sample_can_be_blamed_for_fails_the_run(void **state) {
    (void)state;
    assert_status(misbehave(one_too_many), KARMA_E_PLUGIN);
    assert_message_contains("class Rogue");
    assert_message_contains("'zz'");
    check_all(N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(seen.status[i], KARMA_OK);
}

static karma_status returns_seven(const karma_run_io *io) {
    answer_but(io, 2);
    return (karma_status)7;
}

static karma_status returns_nonsense(const karma_run_io *io) {
    answer_but(io, 2);
    return (karma_status)-12345;
}

static karma_status returns_done(const karma_run_io *io) {
    answer_but(io, MANY);
    return KARMA_DONE;
}

static void a_status_that_is_none_is_an_error(void **state) {
    (void)state;
    assert_status(misbehave(returns_seven), KARMA_E_PLUGIN);
    assert_message_contains("class Rogue: run: returned 7");
    check_all(N);
    assert_int_equal(seen.status[2], KARMA_E_PLUGIN);
    assert_int_equal(seen.status[1], KARMA_OK);
    assert_status(misbehave(returns_nonsense), KARMA_E_PLUGIN);
    assert_message_contains("-12345");
    assert_status(misbehave(returns_done), KARMA_E_PLUGIN);
}

static karma_status takes_two(const karma_run_io *io) {
    const karma_sample *s;
    for (int i = 0; i < 2; i++) {
        assert_ok(io->next(io->user, &s));
        const karma_output o = {
            .struct_size = sizeof(o), .key = s->key, .text = i ? "out1" : "out0"};
        assert_ok(io->put(io->user, &o));
    }
    return KARMA_OK;
}

static void samples_it_did_not_take_fail(void **state) {
    (void)state;
    assert_ok(misbehave(takes_two));
    check_all(N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(seen.status[i], i < 2 ? KARMA_OK : KARMA_E_PLUGIN);
    assert_non_null(strstr(seen.error[4], "'k4'"));
    assert_non_null(strstr(seen.error[4], "without taking it"));
}

static karma_status fails_midway(const karma_run_io *io) {
    const karma_sample *s;
    assert_ok(io->next(io->user, &s));
    const karma_output o = {.struct_size = sizeof(o), .key = s->key, .text = "out0"};
    assert_ok(io->put(io->user, &o));
    assert_ok(io->next(io->user, &s));
    return karma_fail(KARMA_E_IO, "the cable was pulled");
}

static void a_run_that_fails_says_why_for_what_it_had(void **state) {
    (void)state;
    assert_status(misbehave(fails_midway), KARMA_E_IO);
    assert_message_contains("cable");
    assert_int_equal(seen.n_out, 2);
    assert_int_equal(seen.status[0], KARMA_OK);
    assert_int_equal(seen.status[1], KARMA_E_IO);
    assert_string_equal(seen.error[1], "the cable was pulled");
}

/* ---- callbacks at the wrong time ---- */

static const karma_run_io *kept_io;
static karma_status inner_status;

static karma_status keeps_callbacks(const karma_run_io *io) {
    kept_io = io;
    return good(io);
}

static void a_put_after_the_run_is_refused(void **state) {
    (void)state;
    karma_model *m = make();
    const karma_sample *s;
    const karma_output late = {.struct_size = sizeof(late), .key = "k1", .text = "late"};
    mischief = keeps_callbacks;
    for (int again = 0; again < 2; again++) {
        seen = (struct seen){.n = N, .keys = keys};
        assert_ok(run_seen(m, false));
        assert_status(kept_io->put(kept_io->user, &late), KARMA_E_PLUGIN);
        assert_message_contains("class Rogue");
        assert_message_contains("'k1'");
        assert_message_contains("after the run");
        assert_status(kept_io->next(kept_io->user, &s), KARMA_E_PLUGIN);
        assert_true(kept_io->cancelled(kept_io->user));
        check_all(N);
    }
    karma_model_destroy(m);
    karma_clear_registry();
}

/* The caller's next() reaches back into the class, which puts from there. */
static karma_status next_that_puts(void *user, const karma_sample **sample) {
    if (kept_io && seen.next == 3) {
        const karma_output o = {.struct_size = sizeof(o), .key = "k0", .text = "out0"};
        inner_status = kept_io->put(kept_io->user, &o);
    }
    return see_next(user, sample);
}

static karma_status exposes_callbacks(const karma_run_io *io) {
    kept_io = io;
    return one_missing(io);
}

static void a_put_from_inside_next_is_refused(void **state) {
    (void)state;
    karma_model *m = make();
    const karma_run_io io = {.next = next_that_puts, .put = see_put, .user = &seen};
    kept_io = NULL;
    mischief = exposes_callbacks;
    seen = (struct seen){.n = N, .keys = keys};
    assert_ok(karma_model_run(m, &io));
    assert_int_equal(inner_status, KARMA_E_PLUGIN);
    check_all(N);
    assert_int_equal(seen.status[2], KARMA_E_PLUGIN);
    assert_non_null(strstr(seen.error[2], "inside another callback"));
    assert_int_equal(seen.status[0], KARMA_OK);
    karma_model_destroy(m);
    karma_clear_registry();
}

static int put_elsewhere(void *arg) {
    const karma_run_io *io = arg;
    const karma_output o = {.struct_size = sizeof(o), .key = "k2", .text = "out2"};
    return (int)io->put(io->user, &o);
}

static karma_status puts_from_a_thread(const karma_run_io *io) {
    thrd_t thread;
    int result;
    karma_status st = one_missing(io);
    assert_int_equal(thrd_create(&thread, put_elsewhere, (void *)(uintptr_t)io), thrd_success);
    thrd_join(thread, &result);
    inner_status = (karma_status)result;
    return st;
}

static void a_put_from_another_thread_is_refused(void **state) {
    (void)state;
    assert_ok(misbehave(puts_from_a_thread));
    assert_int_equal(inner_status, KARMA_E_PLUGIN);
    check_all(N);
    assert_int_equal(seen.status[2], KARMA_E_PLUGIN);
    assert_non_null(strstr(seen.error[2], "thread"));
}

/* ---- texts that do not last, keys that are not there, many samples ---- */

static karma_status reuses_one_buffer(const karma_run_io *io) {
    static char text[64], key[64];
    karma_status st = take_all(io, batch, &n_batch);
    for (size_t i = 0; st == KARMA_OK && i < n_batch; i++) {
        snprintf(text, sizeof(text), "%s", batch[i].text);
        snprintf(key, sizeof(key), "%s", batch[i].key);
        const karma_output o = {.struct_size = sizeof(o), .key = key, .text = text};
        st = io->put(io->user, &o);
        memset(text, '!', sizeof(text) - 1);
        memset(key, '!', sizeof(key) - 1);
    }
    return st;
}

static void texts_are_copied_at_once(void **state) {
    (void)state;
    assert_ok(misbehave(reuses_one_buffer));
    check_all(N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(seen.status[i], KARMA_OK);
}

static void samples_without_a_key_get_one_for_the_call(void **state) {
    (void)state;
    karma_model *m = make();
    char *answer = NULL;
    mischief = good;
    seen = (struct seen){.n = N};
    assert_ok(run_seen(m, false));
    check_all(N);
    assert_ok(karma_model_run_text(m, "in3", &answer));
    assert_string_equal(answer, "out3");
    karma_free(answer);
    mischief = one_missing; /* of one sample there is no third */
    assert_ok(karma_model_run_text(m, "in4", &answer));
    karma_free(answer);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void equal_keys_of_the_caller_are_told(void **state) {
    (void)state;
    static const char *const doubled[N] = {"a", "b", "a", "c", "d"};
    karma_model *m = make();
    mischief = good;
    seen = (struct seen){.n = N, .keys = doubled};
    assert_ok(run_seen(m, false));
    assert_int_equal(seen.n_out, N);
    size_t n_failed = 0;
    for (size_t i = 0; i < N; i++)
        n_failed += seen.status[i] == KARMA_E_DUPLICATE;
    assert_int_equal(n_failed, 1);
    karma_model_destroy(m);
    karma_clear_registry();
}

static karma_status answers_many_then_one_again(const karma_run_io *io) {
    karma_status st = good(io);
    const karma_output o = answer(&batch[n_batch - 1]); /* the first that was put */
    if (st == KARMA_OK) assert_status(put(io, &o), KARMA_E_PLUGIN);
    return st;
}

static void what_was_handed_on_already_fails_the_run(void **state) {
    (void)state;
    static char names[MANY][8];
    static const char *many[MANY];
    karma_model *m = make();
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "m%zu", i);
        many[i] = names[i];
    }
    mischief = answers_many_then_one_again;
    seen = (struct seen){.n = MANY, .keys = many};
    assert_status(run_seen(m, false), KARMA_E_PLUGIN);
    assert_message_contains("'m299'");
    assert_message_contains("twice");
    check_all(MANY);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- what the caller decides ---- */

static void a_caller_that_fails_ends_the_run(void **state) {
    (void)state;
    karma_model *m = make();
    mischief = good;
    seen = (struct seen){.n = N, .keys = keys, .fail_put_at = 2};
    assert_status(run_seen(m, false), KARMA_E_NOSPACE);
    assert_message_contains("the disk is full");
    assert_int_equal(seen.n_out, 2);
    karma_model_destroy(m);
    karma_clear_registry();
}

static karma_status obeys(const karma_run_io *io) {
    const karma_sample *s;
    while (!io->cancelled(io->user) && io->next(io->user, &s) == KARMA_OK) {
        const karma_output o = {.struct_size = sizeof(o), .key = s->key, .text = "out0"};
        karma_status st = io->put(io->user, &o);
        if (st < 0) return st;
        seen.wants_cancel = true;
    }
    return KARMA_OK;
}

static void samples_left_by_a_cancelled_run_are_not_blamed_on_the_class(void **state) {
    (void)state;
    assert_status(misbehave(obeys), KARMA_E_CANCELLED);
    assert_int_equal(seen.n_out, 1);
}

static karma_status streams(const karma_run_io *io) {
    karma_status st = take_all(io, batch, &n_batch);
    for (size_t i = 0; st == KARMA_OK && i < n_batch; i++) {
        io->stream(io->user, batch[i].key, batch[i].text, strlen(batch[i].text));
        io->stream(io->user, "zz", "lost", 4);
        io->stream(io->user, batch[i].key, "\xff", 1);
        const karma_output o = answer(&batch[i]);
        st = put(io, &o);
        io->stream(io->user, batch[i].key, "late", 4);
    }
    return st;
}

static void pieces_that_fit_no_sample_are_dropped(void **state) {
    (void)state;
    karma_model *m = make();
    mischief = streams;
    seen = (struct seen){.n = 2, .keys = keys};
    assert_ok(run_seen(m, true));
    assert_string_equal(seen.streamed, "k0:out0 k1:out1 ");
    seen = (struct seen){.n = 2};
    assert_ok(run_seen(m, true));
    assert_string_equal(seen.streamed, "-:out0 -:out1 ");
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- memory ---- */

static karma_status run_once(void *ctx) {
    karma_model *m;
    (void)ctx;
    karma_status st = karma_model_create_as(&rogue, "somewhere", NULL, &m);
    seen = (struct seen){.n = N, .keys = keys};
    mischief = good;
    if (st == KARMA_OK) {
        const karma_run_io io = {.next = see_next, .put = see_put, .user = &seen};
        st = karma_model_run(m, &io);
        karma_model_destroy(m);
    }
    karma_clear_registry();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(run_once, NULL) > 10);
}

int main(void) {
    setenv("KARMA_CONFIG_HOME", test_path("no-such-folder"), 1);
    const struct CMUnitTest tests[] = {
        test_case(answers_in_any_order_stay_with_their_samples),
        test_case(what_is_wrong_with_one_output_fails_that_sample),
        test_case(what_no_sample_can_be_blamed_for_fails_the_run),
        test_case(a_status_that_is_none_is_an_error),
        test_case(samples_it_did_not_take_fail),
        test_case(a_run_that_fails_says_why_for_what_it_had),
        test_case(a_put_after_the_run_is_refused),
        test_case(a_put_from_inside_next_is_refused),
        test_case(a_put_from_another_thread_is_refused),
        test_case(texts_are_copied_at_once),
        test_case(samples_without_a_key_get_one_for_the_call),
        test_case(equal_keys_of_the_caller_are_told),
        test_case(what_was_handed_on_already_fails_the_run),
        test_case(a_caller_that_fails_ends_the_run),
        test_case(samples_left_by_a_cancelled_run_are_not_blamed_on_the_class),
        test_case(pieces_that_fit_no_sample_are_dropped),
        test_case(survives_every_failing_allocation),
    };
    return run_group("api/run_guard", tests);
}
