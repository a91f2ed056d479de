/* rotations.c - see rotations.h. */
#include "eval/rotations.h"

#include <math.h>

#include "base/distributions.h"

/* The option that more orders chose than any other; none where two are equal. */
static int majority_of(const struct rotations *t) {
    size_t most = 0;
    int best = ROTATIONS_NONE;
    for (size_t i = 0; i < t->n; i++) {
        size_t votes = 0;
        if (t->picked[i] == ROTATIONS_NONE) continue;
        for (size_t k = 0; k < t->n; k++)
            votes += t->picked[k] == t->picked[i];
        if (votes == most && t->picked[i] != best) best = ROTATIONS_NONE;
        if (votes > most) best = t->picked[i];
        if (votes > most) most = votes;
    }
    return best;
}

static void end_question(struct rotations *t) {
    if (t->n == 0 || t->n_seen < t->n) return;
    const int majority = majority_of(t);
    bool same = t->picked[0] != ROTATIONS_NONE;
    for (size_t i = 1; i < t->n; i++)
        same = same && t->picked[i] == t->picked[0];
    t->n_questions++;
    t->n_same += same;
    t->n_majority += majority != ROTATIONS_NONE && majority == t->right_option;
}

static int option_at(int place, size_t rotation, size_t n) {
    return place == ROTATIONS_NONE ? ROTATIONS_NONE : (int)(((size_t)place + rotation) % n);
}

void rotations_add(struct rotations *t, size_t question, size_t rotation, size_t n, int chosen,
                   int right) {
    if (n == 0 || n > ROTATIONS_MAX || rotation >= n) return;
    if (t->n == 0 || t->question != question) {
        end_question(t);
        t->question = question;
        t->n = n;
        t->n_seen = 0;
    }
    t->n_seen++;
    t->picked[rotation] = option_at(chosen, rotation, n);
    t->right_option = option_at(right, rotation, n);
    if (n > t->n_places) t->n_places = n;
    t->n_order[rotation]++;
    t->hits[rotation] += chosen != ROTATIONS_NONE && chosen == right;
    if (right != ROTATIONS_NONE) {
        t->n_right[right]++;
        t->right[right] += chosen == right;
    }
    if (chosen == ROTATIONS_NONE) {
        t->n_unanswered++;
        return;
    }
    t->n_answered++;
    t->chosen[chosen]++;
    for (size_t i = 0; i < n; i++)
        t->expected[i] += 1 / (double)n;
}

/* --- what is told ----------------------------------------------------------------------------- */

static struct json *share(struct arena *a, size_t k, size_t n) {
    return n ? json_new_real(a, (double)k / (double)n) : json_new_null(a);
}

static karma_status put_counts(struct arena *a, struct json *to, const char *name, const size_t *k,
                               size_t n) {
    struct json *list = json_new_array(a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < n && st == KARMA_OK; i++)
        st = json_push(a, list, json_new_int(a, (int64_t)k[i]));
    return st == KARMA_OK ? json_set(a, to, name, list) : st;
}

static karma_status put_shares(struct arena *a, struct json *to, const char *name, const size_t *k,
                               const size_t *of, size_t n) {
    struct json *list = json_new_array(a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < n && st == KARMA_OK; i++)
        st = json_push(a, list, share(a, k[i], of[i]));
    return st == KARMA_OK ? json_set(a, to, name, list) : st;
}

static karma_status put_test(const struct rotations *t, struct arena *a, struct json *to) {
    struct json *expected = json_new_array(a);
    double x = 0;
    karma_status st = expected ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < t->n_places && st == KARMA_OK; i++) {
        const double e = t->expected[i], d = (double)t->chosen[i] - e;
        if (e > 0) x += d * d / e;
        st = json_push(a, expected, json_new_real(a, e));
    }
    const double df = (double)t->n_places - 1;
    const double p = t->n_answered && df > 0 ? chi_square_above(x, df) : NAN;
    if (st == KARMA_OK) st = json_set(a, to, "expected", expected);
    if (st == KARMA_OK) st = json_set(a, to, "chi_square", json_new_real(a, x));
    if (st == KARMA_OK)
        st = json_set(a, to, "degrees_of_freedom", json_new_int(a, (int64_t)t->n_places - 1));
    return st == KARMA_OK
               ? json_set(a, to, "p", isfinite(p) ? json_new_real(a, p) : json_new_null(a))
               : st;
}

static karma_status put_places(const struct rotations *t, struct arena *a, struct json *to) {
    karma_status st = put_counts(a, to, "chosen", t->chosen, t->n_places);
    if (st == KARMA_OK) st = put_test(t, a, to);
    if (st == KARMA_OK)
        st = json_set(a, to, "no_answer", json_new_int(a, (int64_t)t->n_unanswered));
    if (st == KARMA_OK) st = put_shares(a, to, "recall", t->right, t->n_right, t->n_places);
    return st == KARMA_OK ? put_counts(a, to, "recall_n", t->n_right, t->n_places) : st;
}

static karma_status put_orders(const struct rotations *t, struct arena *a, struct json *to) {
    size_t hits = 0, all = 0;
    for (size_t i = 0; i < t->n_places; i++) {
        hits += t->hits[i];
        all += t->n_order[i];
    }
    karma_status st = put_shares(a, to, "accuracy_by_order", t->hits, t->n_order, t->n_places);
    if (st == KARMA_OK) st = put_counts(a, to, "n_by_order", t->n_order, t->n_places);
    return st == KARMA_OK ? json_set(a, to, "mean_accuracy", share(a, hits, all)) : st;
}

karma_status rotations_put(struct rotations *t, struct arena *a, struct json *to) {
    struct json *o = json_new_object(a);
    end_question(t);
    t->n = 0;
    karma_status st = o ? put_orders(t, a, o) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_set(a, o, "questions", json_new_int(a, (int64_t)t->n_questions));
    if (st == KARMA_OK)
        st = json_set(a, o, "majority_accuracy", share(a, t->n_majority, t->n_questions));
    if (st == KARMA_OK)
        st = json_set(a, o, "same_answer_in_all_orders", share(a, t->n_same, t->n_questions));
    if (st == KARMA_OK) st = put_places(t, a, o);
    return st == KARMA_OK ? json_set(a, to, "position_bias", o) : st;
}
