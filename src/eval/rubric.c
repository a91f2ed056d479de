/*
 * rubric.c - see rubric.h. The questions of a sample are made anew whenever they are needed: they
 * are a function of its row and its answer. What is kept of each is its key and a state.
 */
#include "eval/rubric.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "eval/key_fields.h"
#include "eval/rubric_prompt.h"

static const char *json_compact(struct arena *a, const struct json *value) {
    struct buf b = {0};
    const char *text = NULL;
    if (json_write(&b, value, 0, JSON_COMPACT) == KARMA_OK)
        text = arena_strndup(a, buf_str(&b), b.len);
    buf_release(&b);
    return text;
}

/* What is judged comes from a model that may write anything: control-token text in it is plain text
 * to the judge, unless the user says otherwise. Arguments that are no object are the model's to
 * refuse. */
static karma_status add_safety(struct arena *a, const char *given, const char **text) {
    static const char name[] = "special_tokens";
    const struct json *args = NULL;
    struct json *all;
    *text = given;
    karma_status st =
        given ? json_parse(a, given, strlen(given), JSON_REJECT_DUPLICATES, &args) : KARMA_OK;
    if (st < 0) return status_prefix(st, "judge_args");
    if ((args && !json_is_object(args)) || json_get(args, name)) return KARMA_OK;
    st = json_merge(a, args, NULL, &all);
    if (st == KARMA_OK) st = json_set(a, all, name, json_new_string(a, "safe"));
    if (st == KARMA_OK && !(*text = json_compact(a, all))) st = KARMA_E_NOMEM;
    return st;
}

karma_status rubric_open(const karma_eval_options *o, struct rubric *r) {
    struct arena a = {0};
    const char *args;
    karma_status st = add_safety(&a, o->judge_args_json, &args);
    if (st == KARMA_OK) {
        st = karma_model_create(o->judge, args, &r->model);
        if (st < 0) status_prefix(st, "judge");
    }
    if (st == KARMA_OK) r->chooses = karma_model_can_choose(r->model);
    arena_release(&a);
    return st;
}

static karma_status falls_back(const karma_model *m, bool *out) {
    const char *text = karma_model_args(m);
    struct arena a = {0};
    const struct json *args;
    karma_status st = json_parse(&a, text, strlen(text), JSON_LAST_WINS, &args);
    *out = st == KARMA_OK && !json_is_null(json_get(args, "fallback"));
    arena_release(&a);
    return st;
}

karma_status rubric_settle(struct rubric *r, struct store *store) {
    bool loads;
    r->store = store;
    karma_status st = falls_back(r->model, &loads);
    if (st == KARMA_OK && loads) st = karma_model_load(r->model);
    if (st == KARMA_OK) st = karma_model_identity(r->model, &r->identity);
    if (st < 0) return status_prefix(st, "judge");
    r->chooses = karma_model_can_choose(r->model); /* it may be another one now */
    return KARMA_OK;
}

void rubric_close(struct rubric *r) {
    karma_free(r->identity);
    karma_model_destroy(r->model);
    *r = (struct rubric){0};
}

/* --- questions of a sample -------------------------------------------------------------------- */

struct question {
    karma_sample prompt; /* without a key */
    unsigned char key[STORE_KEY_BYTES];
};

/* What metric k asks about the sample, in a. */
static karma_status list_questions(struct arena *a, const struct rubric *r, struct judged *j,
                                   karma_metric *m, const karma_metric_question **asked,
                                   struct question **out, size_t *n) {
    const karma_metric_sample sample = judge_metric_sample(j);
    karma_status st = karma_metric_questions(m, &sample, asked, n);
    if (st < 0) return st;
    *out = arena_calloc(a, *n + 1, sizeof(**out));
    if (!*out) return KARMA_E_NOMEM;
    for (size_t i = 0; i < *n && st == KARMA_OK; i++) {
        struct question *q = &(*out)[i];
        st = rubric_prompt(a, j->sample, j->answer->text, &(*asked)[i], r->chooses, &q->prompt);
        if (st == KARMA_OK) answers_store_key(r->identity, &q->prompt, NULL, q->key);
    }
    return st;
}

/* --- verdicts --------------------------------------------------------------------------------- */

static bool number_at(const struct json *list, size_t i, double *out) {
    const struct json *j = json_at(list, i);
    if (!j || (j->type != JSON_REAL && j->type != JSON_INT)) return false;
    *out = j->type == JSON_REAL ? j->u.real : (double)j->u.integer;
    return true;
}

/* The first word of what was written. */
static karma_status read_word(const char *text, double *p) {
    static const char *const words[] = {"yes", "no"};
    text += strspn(text, " \t\r\n\"'*");
    for (int w = 0; w < 2; w++) {
        size_t n = 0;
        while (words[w][n] && (text[n] | 0x20) == words[w][n])
            n++;
        const int behind = text[n] | 0x20;
        if (words[w][n] || (behind >= 'a' && behind <= 'z')) continue;
        *p = w == 0;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_SYNTAX, "the judge says neither yes nor no");
}

/* How sure the judge is that the answer is yes. */
static karma_status read_verdict(struct arena *a, const struct answer *answer, bool chooses,
                                 double *p) {
    const char *text = answer->raw_text ? answer->raw_text : "";
    const struct json *raw = NULL;
    double yes, no;
    if (!chooses) return read_word(answer->text ? answer->text : "", p);
    karma_status st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &raw);
    if (st == KARMA_E_NOMEM) return st;
    const struct json *sums = st == KARMA_OK ? json_get(raw, "sums") : NULL;
    if (!number_at(sums, RUBRIC_YES, &yes) || !number_at(sums, RUBRIC_NO, &no))
        return status_fail(KARMA_E_SYNTAX, "what is stored is no comparison of yes and no");
    *p = 1 / (1 + exp(no - yes));
    return KARMA_OK;
}

/* KARMA_DONE: it is not there. */
static karma_status find_verdict(const struct rubric *r, struct arena *a,
                                 const unsigned char key[STORE_KEY_BYTES], double *p,
                                 karma_status *failed, const char **why) {
    struct answer answer;
    size_t damaged = 0;
    karma_status st = store_get(r->store, key, a, &answer, &damaged);
    if (st != KARMA_OK) return st;
    st = answer.status < 0
             ? status_fail(answer.status, "%s", answer.error ? answer.error : "no verdict")
             : read_verdict(a, &answer, r->chooses, p);
    if (st == KARMA_E_NOMEM && answer.status != KARMA_E_NOMEM) return st;
    if (st == KARMA_OK || *failed < 0) return KARMA_OK;
    *failed = st;
    *why = arena_printf(a, "judge: %s", karma_error_message());
    return *why ? KARMA_OK : KARMA_E_NOMEM;
}

/* One verdict as the log has it. */
static karma_status log_verdict(struct arena *a, const char *metric, const karma_metric_question *q,
                                double p, struct json *rubric, struct json *criteria) {
    const struct json *about;
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "metric", json_new_string(a, metric));
    if (st == KARMA_OK)
        st = json_parse(a, q->about_json, strlen(q->about_json), JSON_LAST_WINS, &about);
    for (size_t i = 0; st == KARMA_OK && i < json_count(about); i++)
        st = json_set(a, o, about->u.object.members[i].key, about->u.object.members[i].value);
    if (st == KARMA_OK) st = json_set(a, o, "p", json_new_real(a, p));
    if (st == KARMA_OK) st = json_set(a, o, "met", json_new_bool(a, p > 0.5));
    if (st == KARMA_OK && q->label >= 0)
        st = json_set(a, o, "label", json_new_bool(a, q->label == 1));
    if (st == KARMA_OK) st = json_push(a, rubric, o);
    return st == KARMA_OK ? json_push(a, criteria, json_new_string(a, q->criterion)) : st;
}

struct verdict_log {
    struct json *rubric, *criteria;
    karma_status *failed;
    const char **why;
};

static karma_status read_metric(const struct rubric *r, struct arena *a, struct judged *j,
                                const struct plan_metric *m, struct sample_verdicts *to,
                                const struct verdict_log *of) {
    const karma_metric_question *asked;
    struct question *questions;
    karma_status st = list_questions(a, r, j, m->metric, &asked, &questions, &to->n);
    double *p = st == KARMA_OK ? arena_calloc(a, to->n + 1, sizeof(*p)) : NULL;
    if (st == KARMA_OK && !p) st = KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < to->n; i++) {
        st = find_verdict(r, a, questions[i].key, &p[i], of->failed, of->why);
        if (st == KARMA_OK && *of->failed == KARMA_OK)
            st = log_verdict(a, m->name, &asked[i], p[i], of->rubric, of->criteria);
    }
    to->p = p;
    return st;
}

karma_status rubric_read(const struct rubric *r, struct arena *a, struct plan_dataset *d,
                         struct judged *j, karma_status *failed, const char **why) {
    const struct verdict_log of = {json_new_array(a), json_new_array(a), failed, why};
    struct sample_verdicts *all = arena_calloc(a, d->n_metrics + 1, sizeof(*all));
    karma_status st = of.rubric && of.criteria && all ? KARMA_OK : KARMA_E_NOMEM;
    *failed = KARMA_OK;
    *why = NULL;
    for (size_t k = 0; k < d->n_metrics && st == KARMA_OK; k++)
        if (karma_metric_needs_judge(d->metrics[k].metric))
            st = read_metric(r, a, j, &d->metrics[k], &all[k], &of);
    j->verdicts = all;
    j->rubric = of.rubric;
    j->criteria = of.criteria;
    return st;
}

karma_status rubric_count(struct plan_dataset *d, size_t *n) {
    karma_status st = KARMA_OK;
    *n = 0;
    for (size_t i = 0; i < d->n_samples && st == KARMA_OK; i++) {
        const karma_sample *sample;
        st = karma_dataset_get(d->data, i, &sample);
        for (size_t k = 0; k < d->n_metrics && st == KARMA_OK; k++) {
            const karma_metric_question *asked;
            size_t more;
            const karma_metric_sample of = {.struct_size = sizeof(of),
                                            .prediction = "?",
                                            .reference = sample->expected_output,
                                            .other_args_json = sample->other_args_json,
                                            .confidence = NAN};
            st = karma_metric_questions(d->metrics[k].metric, &of, &asked, &more);
            *n += more;
        }
    }
    return st;
}

/* --- asking ----------------------------------------------------------------------------------- */

enum state { WANTED, STORED, ASKED, ANSWERED, N_STATES }; /* of a question */

struct feed {
    struct rubric *r;
    struct answers_run *run;
    struct plan_dataset *d;
    const struct answers *answers;
    struct rubric_account *account;
    struct map states;  /* key -> sample * N_STATES + state */
    struct arena arena; /* of the sample under way, with */
    struct question *questions;
    size_t n_questions, at, sample; /* its questions and which is next; the sample after it */
    karma_sample lent;
    char hex[2 * STORE_KEY_BYTES + 1]; /* its key */
    struct buf fields;
    const char *label; /* of progress */
    size_t n_fresh;
    bool cancelled;
    karma_status broken; /* no more is handed out */
    char why[1024];
};

static karma_status break_off(struct feed *f, karma_status st) {
    if (f->broken < 0) return st;
    f->broken = st;
    snprintf(f->why, sizeof(f->why), "%s", karma_error_message());
    return st;
}

static void report(struct feed *f) {
    const karma_eval_events *ev = f->run->events;
    if (!ev || !ev->progress) return;
    karma_eval_progress p = f->run->progress;
    const double now_s = (double)(clock_monotonic_ns() - f->run->started_ns) * 1e-9;
    p.dataset = f->label;
    p.done = f->account->n_ready - store_pending(f->r->store);
    p.total = f->account->n;
    p.cached = f->account->n_cached;
    p.failed = f->account->n_failed;
    p.elapsed_s = now_s;
    p.rate = now_s > 0 ? (double)f->n_fresh / now_s : 0;
    p.remaining_s =
        f->n_fresh > 0 && p.rate > 0 ? (double)(p.total - f->account->n_ready) / p.rate : -1;
    ev->progress(ev->user, &p);
}

/* All questions about sample i, in f->arena; none of one without an answer. */
static karma_status load_sample(struct feed *f, size_t i) {
    struct arena *a = &f->arena;
    struct plan_dataset *d = f->d;
    struct judged j;
    struct answer answer;
    struct question *all = NULL;
    arena_reset(a);
    f->n_questions = f->at = 0;
    if ((f->run->only && !f->run->only[i]) || f->answers->slots[i].state != ANSWER_READY)
        return KARMA_OK;
    karma_status st = judge_place(a, d, i, &j);
    if (st == KARMA_OK) st = answers_get(f->answers, i, a, &answer);
    if (st == KARMA_OK) st = karma_dataset_get(d->data, i, &j.sample);
    if (st < 0 || answer.status < 0) return st;
    j.answer = &answer;
    st = judge_read(a, d, &j);
    for (size_t k = 0; k < d->n_metrics && st == KARMA_OK; k++) {
        const karma_metric_question *asked;
        struct question *list;
        size_t n = 0;
        if (!karma_metric_needs_judge(d->metrics[k].metric)) continue;
        st = list_questions(a, f->r, &j, d->metrics[k].metric, &asked, &list, &n);
        if (st < 0) break;
        struct question *more = arena_calloc(a, f->n_questions + n + 1, sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        if (f->n_questions) memcpy(more, all, f->n_questions * sizeof(*more));
        if (n) memcpy(more + f->n_questions, list, n * sizeof(*more));
        all = more;
        f->n_questions += n;
    }
    f->questions = all;
    if (st < 0) return status_prefix(st, "%s: sample %s", d->name, status_quotez(j.sample->key));
    return KARMA_OK;
}

static karma_status look_up_question(struct feed *f, const struct question *q, size_t i) {
    struct rubric_account *n = f->account;
    struct map_entry *entry;
    bool added;
    karma_status stored = KARMA_OK;
    size_t damaged = 0;
    karma_status st = map_put(&f->states, (const char *)q->key, sizeof(q->key), &entry, &added);
    if (st < 0 || !added) return st; /* asked of the same thing twice */
    n->n++;
    entry->value.u64 = i * N_STATES + WANTED;
    if (f->run->refresh) return KARMA_OK;
    st = store_find(f->r->store, q->key, &stored, &damaged);
    if (st < 0) return st;
    if (st == KARMA_DONE || (stored < 0 && !f->run->keep_failed)) return KARMA_OK;
    entry->value.u64 += STORED;
    n->n_cached++;
    n->n_ready++;
    n->n_failed += stored < 0;
    return KARMA_OK;
}

static karma_status look_up(struct feed *f) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < f->d->n_samples && st == KARMA_OK; i++) {
        st = load_sample(f, i);
        for (size_t k = 0; k < f->n_questions && st == KARMA_OK; k++)
            st = look_up_question(f, &f->questions[k], i);
    }
    f->n_questions = f->at = 0;
    return st;
}

static bool is_cancelled(void *user) {
    struct feed *f = user;
    const karma_eval_events *ev = f->run->events;
    if (!f->cancelled && ev && ev->cancelled && ev->cancelled(ev->user)) f->cancelled = true;
    const size_t before = store_pending(f->r->store);
    karma_status st = f->broken < 0 ? f->broken : store_tick(f->r->store);
    if (st < 0) break_off(f, st);
    if (st == KARMA_OK && before && store_pending(f->r->store) == 0) report(f);
    return f->cancelled || f->broken < 0;
}

static karma_status hand_out(struct feed *f, const struct question *q) {
    karma_status st = KARMA_OK;
    f->lent = q->prompt;
    sha256_hex(q->key, f->hex);
    f->lent.key = f->hex;
    if (!store_explains(f->r->store)) return KARMA_OK;
    buf_clear(&f->fields);
    st = key_fields_text(&q->prompt, NULL, &f->fields);
    return st == KARMA_OK ? store_explain(f->r->store, q->key, buf_str(&f->fields)) : st;
}

static karma_status next_question(void *user, const karma_sample **sample) {
    struct feed *f = user;
    if (f->broken < 0) return f->broken;
    if (f->cancelled) return KARMA_DONE;
    for (;;) {
        while (f->at == f->n_questions) {
            if (f->sample == f->d->n_samples) return KARMA_DONE;
            karma_status st = load_sample(f, f->sample++);
            if (st < 0) return break_off(f, st);
        }
        const struct question *q = &f->questions[f->at++];
        struct map_entry *e = map_find(&f->states, (const char *)q->key, sizeof(q->key));
        if (!e || e->value.u64 % N_STATES != WANTED) continue;
        e->value.u64 += ASKED - WANTED;
        *sample = &f->lent;
        return hand_out(f, q);
    }
}

/* The bytes of a key in hex. */
static bool read_hex(const char *hex, unsigned char key[STORE_KEY_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    if (!hex || strlen(hex) != 2 * STORE_KEY_BYTES) return false;
    for (size_t i = 0; i < STORE_KEY_BYTES; i++) {
        const char *high = strchr(digits, hex[2 * i]), *low = strchr(digits, hex[2 * i + 1]);
        if (!high || !low) return false;
        key[i] = (unsigned char)((high - digits) << 4 | (low - digits));
    }
    return true;
}

static karma_status keep(struct feed *f, struct map_entry *e, const struct answer *answer) {
    const karma_sample *of;
    unsigned char key[STORE_KEY_BYTES];
    memcpy(key, e->key, sizeof(key));
    karma_status st = karma_dataset_get(f->d->data, e->value.u64 / N_STATES, &of);
    if (st < 0) return st;
    e->value.u64 += ANSWERED - ASKED;
    f->account->n_ready++;
    f->account->n_failed += answer->status < 0;
    f->n_fresh++;
    return store_put(f->r->store, key, karma_model_name(f->r->model), f->d->name, of->key, answer);
}

static karma_status put_verdict(void *user, const karma_output *o) {
    struct feed *f = user;
    unsigned char key[STORE_KEY_BYTES];
    struct map_entry *e =
        read_hex(o->key, key) ? map_find(&f->states, (const char *)key, sizeof(key)) : NULL;
    if (!e || e->value.u64 % N_STATES != ASKED)
        return break_off(f, status_fail(KARMA_E_PLUGIN,
                                        "the judge returned an output for %s, "
                                        "which it was not asked now",
                                        status_quotez(o->key)));
    if (o->finish_reason == KARMA_FINISH_CANCELLED && o->status == KARMA_OK) return KARMA_OK;
    if (o->status == KARMA_E_CANCELLED) return KARMA_OK;
    const struct answer answer = answers_of_output(o);
    karma_status st = keep(f, e, &answer);
    f->account->n_prompt_tokens += o->n_prompt_tokens;
    f->account->n_shared_tokens += o->n_cached_tokens;
    if (st < 0) return break_off(f, st);
    if (store_pending(f->r->store) == 0) report(f);
    return KARMA_OK;
}

/* Handed out, and never seen again. */
static karma_status close_gaps(struct feed *f) {
    const struct answer none = {.status = KARMA_E_PLUGIN,
                                .error = "the judge returned no output for this question",
                                .finish_reason = KARMA_FINISH_ERROR};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < f->states.count && st == KARMA_OK; i++)
        if (f->states.entries[i].value.u64 % N_STATES == ASKED)
            st = keep(f, &f->states.entries[i], &none);
    return st;
}

static karma_status ask(struct feed *f) {
    const karma_run_io io = {
        .next = next_question, .put = put_verdict, .cancelled = is_cancelled, .user = f};
    karma_status st = store_note_identity(f->r->store, f->r->identity);
    if (st < 0) return st;
    st = karma_model_run(f->r->model, &io);
    if (st == KARMA_OK && !f->cancelled && f->broken == KARMA_OK) st = close_gaps(f);
    if (st == KARMA_E_CANCELLED) f->cancelled = true;
    if (st < 0 && !f->cancelled) break_off(f, st);
    const karma_status committed = store_commit(f->r->store); /* whatever happened */
    if (f->broken < 0) return status_fail(f->broken, "judge: %s", f->why);
    if (committed < 0) return committed;
    report(f);
    return f->cancelled ? status_fail(KARMA_E_CANCELLED, "cancelled") : KARMA_OK;
}

karma_status rubric_collect(struct rubric *r, struct answers_run *run, struct plan_dataset *d,
                            const struct answers *answers, void (*before_loading)(void *),
                            void *user, struct rubric_account *out) {
    struct feed f = {.r = r, .run = run, .d = d, .answers = answers, .account = out};
    struct arena names = {0};
    *out = (struct rubric_account){0};
    f.label = arena_printf(&names, "%s, verdicts", d->name);
    karma_status st = f.label ? look_up(&f) : KARMA_E_NOMEM;
    run->started_ns = clock_monotonic_ns();
    if (st == KARMA_OK && out->n_ready == out->n) {
        report(&f);
    } else if (st == KARMA_OK && is_cancelled(&f)) {
        st = status_fail(KARMA_E_CANCELLED, "cancelled");
    } else if (st == KARMA_OK) {
        if (before_loading) before_loading(user);
        st = ask(&f);
    }
    buf_release(&f.fields);
    map_release(&f.states);
    arena_release(&f.arena);
    arena_release(&names);
    return st;
}
