/*
 * svg_plot.h - plots as inline SVG: drawn by us, nothing but shapes and text, coloured by the
 * page's style alone. Each has a title and a description, and every figure that is drawn also
 * stands there as text, so that nobody needs to see colours or the picture. Plots are 440 units
 * wide, for a telephone and for paper.
 */
#ifndef EVAL_SVG_PLOT_H
#define EVAL_SVG_PLOT_H

#include "eval/html.h"

enum { PLOT_MAX_ROWS = 40, PLOT_MAX_PARTS = 12 };

/* What every plot has. Texts are foreign: they are escaped here. */
struct plot_head {
    const char *id;    /* of the element, ours: letters, digits, '-' */
    const char *title; /* a few words */
    const char *desc;  /* what is drawn and how to read it */
};

/* A value with its interval, a row: a forest plot. */
struct plot_row {
    const char *label;
    double value, low, high; /* NaN: no mark, no interval */
    uint64_t n;              /* 0: not told */
    int style; /* 0, 1: the first or second of two things compared; 2: for comparison */
};
struct plot_forest {
    struct plot_head head;
    const struct plot_row *rows; /* [n]; the first PLOT_MAX_ROWS are drawn, the rest is told */
    size_t n;
    double low, high; /* of the axis; NaN: by the rows */
    double line;      /* an upright line there, such as at 0; NaN: none */
    bool is_signed;   /* differences: values with their sign */
};
void plot_forest(struct html *h, const struct plot_forest *p);

/* Shares of a whole, a bar each. */
struct plot_bar {
    const char *label;
    uint64_t parts[PLOT_MAX_PARTS];
};
struct plot_stack {
    struct plot_head head;
    const char *const *names; /* [n_parts] */
    size_t n_parts;
    const struct plot_bar *bars; /* [n] */
    size_t n;
};
void plot_stack(struct html *h, const struct plot_stack *p);

/* Counts side by side, each with what was to be expected as a line across. */
struct plot_column {
    const char *label;
    double value, expected; /* expected NaN: none */
};
struct plot_columns {
    struct plot_head head;
    const struct plot_column *columns; /* [n] */
    size_t n;
};
void plot_columns(struct html *h, const struct plot_columns *p);

/* Points of y over x, both 0..1, joined or with a size. */
struct plot_point {
    double x, y;
    uint64_t n; /* the area of its mark; 0: no mark */
};
struct plot_curve {
    struct plot_head head;
    const char *x_name, *y_name;
    const struct plot_point *points; /* [n], by x */
    size_t n;
    bool diagonal; /* the line y = x, for comparison */
};
void plot_curve(struct html *h, const struct plot_curve *p);

/* The style sheet's part for them. */
extern const char plot_style[];

#endif
