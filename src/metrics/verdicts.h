/*
 * verdicts.h - what metrics that need a judge share: the criteria among a sample's other arguments,
 * and the tally of verdicts beside what people said of the same.
 */
#ifndef METRICS_VERDICTS_H
#define METRICS_VERDICTS_H

#include "base/buf.h"
#include "metrics/metric.h"

struct verdicts {
    size_t n, n_met;
    double label[2][2]; /* [the judge's][a person's], of those that have both */
};

/* Yes is more likely than no. */
bool verdict_met(double p);
void verdicts_add(struct verdicts *v, const struct metric_question *q, double p);
/* Members "n_criteria", "n_met" and, where there are labels, "agreement": {"n", "accuracy",
 * "kappa", "kappa_interval_95", "both_met", "judge_alone", "label_alone", "neither"}. */
karma_status verdicts_describe(const struct verdicts *v, struct arena *a, struct json *o);

/* 1 or 0 of a boolean, 0 or 1; -1 of null or nothing. E_TYPE. */
karma_status verdict_label(const struct json *value, const char *name, int *label);
/* Item i of the other argument "labels"; -1 also where the labels are of another answer
 * (labelled_answer). */
karma_status verdict_label_at(const struct metric_sample *s, size_t i, int *label);
/* The labels that stand elsewhere count: they are not of another answer. */
bool verdict_labels_apply(const struct metric_sample *s);

/* Compact text of an object, in a. NULL: no memory. */
const char *verdict_about(struct arena *a, const struct json *o);
/* A number, or null where it is not finite. */
struct json *verdict_real(struct arena *a, double v);
/* s without white space at its ends, in a. NULL: no memory. */
const char *verdict_strip(struct arena *a, const char *s);

#endif
