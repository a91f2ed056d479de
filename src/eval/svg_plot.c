/* svg_plot.c - see svg_plot.h. */
#include "eval/svg_plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum {
    WIDTH = 440,
    LEFT = 8,
    RIGHT = 432,
    ROW = 38,       /* of a forest plot: a line of text, and the interval below it */
    BAR = 46,       /* of stacked bars: the same */
    LINE_CELLS = 63 /* of a line of text; wide characters take two */
};

/* Colours stand in the page's variables, for light and dark. What is told apart by colour is also
 * told by shape or words. */
const char plot_style[] =
    "svg text{font:12px system-ui,sans-serif;fill:var(--fg)}svg .m{fill:var(--muted)}"
    "svg .ax{stroke:var(--line);stroke-width:1}svg .ref{stroke:var(--muted);stroke-dasharray:4 3}"
    "svg .i0{stroke:var(--one);stroke-width:2.5}svg .v0{fill:var(--one)}"
    "svg .i1{stroke:var(--two);stroke-width:2.5}svg .v1{fill:var(--two)}"
    "svg .i2{stroke:var(--muted);stroke-width:2.5}svg .v2{fill:var(--muted)}"
    "svg .l{fill:none;stroke:var(--one);stroke-width:2}"
    "svg .seg{stroke:var(--bg);stroke-width:.6}svg .segn{fill:#fff;text-anchor:middle}"
    "svg .p0{fill:#17694c}svg .p1{fill:#2f669e}svg .p2{fill:#7a6000}svg .p3{fill:#a0451a}"
    "svg .p4{fill:#843f8f}svg .p5{fill:#57459a}svg .p6{fill:#b00020}svg .p7{fill:#666}"
    "figure{margin:.8em 0;max-width:36rem}figure svg{display:block;width:100%;height:auto}"
    "figcaption{color:var(--muted);font-size:.9em;margin-top:.3em}";

/* --- pieces ----------------------------------------------------------------------------------- */

static double clamp(double v, double low, double high) {
    return v < low ? low : v > high ? high : v;
}

/* A coordinate, to a tenth. */
static void coordinate(struct html *h, const char *name, double v) {
    char text[64];
    const double at = clamp(v, -9999, 9999);
    html_format_number(text, fabs(at), 1);
    html_printf(h, " %s=\"%s%s\"", name, at < -0.05 ? "-" : "", text);
}

static void line(struct html *h, const char *cls, double x1, double y1, double x2, double y2) {
    html_printf(h, "<line class=\"%s\"", cls);
    coordinate(h, "x1", x1);
    coordinate(h, "y1", y1);
    coordinate(h, "x2", x2);
    coordinate(h, "y2", y2);
    html_raw(h, "/>");
}

/* cls: NULL or a class; anchor: "start", "middle", "end". */
static void begin_text(struct html *h, const char *cls, double x, double y, const char *anchor) {
    html_raw(h, "<text");
    if (cls) html_printf(h, " class=\"%s\"", cls);
    coordinate(h, "x", x);
    coordinate(h, "y", y);
    if (strcmp(anchor, "start") != 0) html_printf(h, " text-anchor=\"%s\"", anchor);
    html_raw(h, ">");
}

static void text_at(struct html *h, const char *cls, double x, double y, const char *anchor,
                    const char *text) {
    begin_text(h, cls, x, y, anchor);
    html_text(h, text);
    html_raw(h, "</text>");
}

/* Bytes of text that fill at most so many cells, in whole characters. */
static size_t fit(const char *text, size_t cells, bool *cut) {
    size_t used = 0, at = 0;
    const size_t len = strlen(text);
    *cut = false;
    while (at < len) {
        uint32_t cp = 0;
        int bad = 1;
        const int n = utf8_decode(text + at, len - at, &cp, &bad);
        used += cp >= 0x1100 ? 2 : 1;
        if (used > cells) {
            *cut = true;
            return at;
        }
        at += (size_t)(n > 0 ? n : bad);
    }
    return at;
}

/* Of a long label, such as a path, the end tells it apart. */
static void label_at(struct html *h, double x, double y, size_t cells, const char *text) {
    bool cut;
    size_t from = 0;
    fit(text, cells, &cut);
    while (cut && text[from]) {
        do
            from++;
        while (((unsigned char)text[from] & 0xC0) == 0x80);
        fit(text + from, cells - 1, &cut);
    }
    begin_text(h, NULL, x, y, "start");
    if (from) {
        html_raw(h, "<title>");
        html_text(h, text);
        html_raw(h, "</title>\xE2\x80\xA6");
    }
    html_text(h, text + from);
    html_raw(h, "</text>");
}

static void begin(struct html *h, const struct plot_head *head, double height) {
    html_printf(h, "<figure><svg role=\"img\" viewBox=\"0 0 %d ", WIDTH);
    html_number(h, ceil(height), 0);
    html_printf(h, "\" aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">", head->id, head->id,
                head->id);
    html_text(h, head->title);
    html_printf(h, "</title><desc id=\"%s-d\">", head->id);
    html_text(h, head->desc);
    html_raw(h, "</desc>\n");
}

static void end(struct html *h, const struct plot_head *head) {
    html_raw(h, "</svg><figcaption>");
    html_text(h, head->title);
    html_raw(h, ". ");
    html_text(h, head->desc);
    html_raw(h, ".</figcaption></figure>\n");
}

/* --- axes ------------------------------------------------------------------------------------- */

struct axis {
    double low, high, step;
    int digits;
};

static double place(const struct axis *a, double v) {
    const double x = (clamp(v, a->low, a->high) - a->low) / (a->high - a->low);
    return LEFT + x * (RIGHT - LEFT);
}

/* About five steps of 1, 2 or 5 times a power of ten. */
static struct axis choose_axis(double low, double high) {
    struct axis a = {low, high, 1, 0};
    if (!(high > low)) a.low = low - 0.5, a.high = low + 0.5;
    const double rough = (a.high - a.low) / 5;
    const double power = pow(10, floor(log10(rough)));
    const double m = rough / power;
    a.step = power * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
    a.low = floor(a.low / a.step + 1e-9) * a.step;
    a.high = ceil(a.high / a.step - 1e-9) * a.step;
    while (a.digits < 6 &&
           fabs(a.step * pow(10, a.digits) - nearbyint(a.step * pow(10, a.digits))) > 1e-6)
        a.digits++;
    return a;
}

static void draw_axis(struct html *h, const struct axis *a, double y) {
    char text[64];
    line(h, "ax", LEFT, y, RIGHT, y);
    const int n = (int)clamp(nearbyint((a->high - a->low) / a->step), 1, 12);
    for (int i = 0; i <= n; i++) {
        const double v = a->low + (a->high - a->low) * i / n, x = place(a, v);
        line(h, "ax", x, y, x, y + 4);
        text_at(h, "m", x, y + 16,
                i == 0   ? "start"
                : i == n ? "end"
                         : "middle",
                html_format_number(text, fabs(v) < a->step * 1e-6 ? 0 : v, a->digits));
    }
}

/* --- forest ----------------------------------------------------------------------------------- */

static struct axis forest_axis(const struct plot_forest *p, size_t n) {
    double low = p->low, high = p->high;
    if (isnan(low) || isnan(high)) {
        low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < n; i++) {
            const struct plot_row *r = &p->rows[i];
            const double all[] = {r->value, r->low, r->high, p->line};
            for (int k = 0; k < 4; k++)
                if (fabs(all[k]) < 1e12) low = fmin(low, all[k]), high = fmax(high, all[k]);
        }
        if (!(low <= high)) low = 0, high = 1;
    }
    return choose_axis(low, high);
}

static void figure_text(const struct plot_forest *p, double v, char out[65]) {
    out[0] = '+';
    html_format_number(out + (p->is_signed && v >= 0.0005), v, 3);
}

/* "0.512 (0.402 to 0.621), n 80" */
static void row_text(const struct plot_forest *p, const struct plot_row *r, char out[320]) {
    char value[65], low[65], high[65], n[32];
    const bool interval = isfinite(r->low) && isfinite(r->high);
    figure_text(p, r->value, value);
    figure_text(p, r->low, low);
    figure_text(p, r->high, high);
    html_format_count(n, r->n);
    snprintf(out, 320, "%s%s%s%s%s%s%s%s", value, interval ? " (" : "", interval ? low : "",
             interval ? " to " : "", interval ? high : "", interval ? ")" : "", r->n ? ", n " : "",
             r->n ? n : "");
}

static size_t characters(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void forest_row(struct html *h, const struct plot_forest *p, const struct axis *a,
                       const struct plot_row *r, double y) {
    const int style = r->style < 0 || r->style > 2 ? 0 : r->style;
    const bool interval = isfinite(r->low) && isfinite(r->high);
    char cls[8], figures[320];
    row_text(p, r, figures);
    const size_t taken = characters(figures) + 2;
    label_at(h, LEFT, y + 13, taken + 12 < LINE_CELLS ? LINE_CELLS - taken : 10, r->label);
    text_at(h, NULL, RIGHT, y + 13, "end", figures);
    if (isfinite(p->line)) line(h, "ref", place(a, p->line), y + 20, place(a, p->line), y + 32);
    snprintf(cls, sizeof(cls), "i%d", style);
    if (interval) {
        const double low = place(a, r->low), high = place(a, r->high);
        line(h, cls, low, y + 25, high, y + 25);
        line(h, cls, low, y + 21, low, y + 29);
        line(h, cls, high, y + 21, high, y + 29);
    }
    if (!isfinite(r->value)) return;
    const double x = place(a, r->value);
    if (style == 1) { /* the second: a square, standing on its corner */
        html_printf(h, "<rect class=\"v%d\"", style);
        coordinate(h, "x", x - 4.5);
        coordinate(h, "y", y + 20.5);
        html_raw(h, " width=\"9\" height=\"9\" transform=\"rotate(45");
        char at[64];
        html_printf(h, " %s", html_format_number(at, x, 1));
        html_printf(h, " %s)\"/>", html_format_number(at, y + 25, 1));
        return;
    }
    html_printf(h, "<circle class=\"v%d\"", style);
    coordinate(h, "cx", x);
    coordinate(h, "cy", y + 25);
    html_raw(h, " r=\"5\"/>");
}

void plot_forest(struct html *h, const struct plot_forest *p) {
    const size_t n = p->n > PLOT_MAX_ROWS ? PLOT_MAX_ROWS : p->n;
    const struct axis a = forest_axis(p, n);
    const double bottom = 4 + (double)n * ROW, extra = p->n > n ? 18 : 0;
    begin(h, &p->head, bottom + 24 + extra);
    if (isfinite(p->line)) line(h, "ref", place(&a, p->line), 4, place(&a, p->line), bottom);
    for (size_t i = 0; i < n; i++)
        forest_row(h, p, &a, &p->rows[i], 4 + (double)i * ROW);
    draw_axis(h, &a, bottom + 2);
    if (extra > 0) {
        begin_text(h, "m", LEFT, bottom + 34, "start");
        html_count(h, p->n - n);
        html_raw(h, " more are in the table</text>");
    }
    end(h, &p->head);
}

/* --- stacked bars ----------------------------------------------------------------------------- */

static void segment(struct html *h, size_t part, uint64_t count, double x, double width, double y) {
    char text[32];
    html_printf(h, "<rect class=\"seg p%zu\"", part % 8);
    coordinate(h, "x", x);
    coordinate(h, "y", y);
    coordinate(h, "width", width);
    html_raw(h, " height=\"20\"/>");
    html_format_count(text, count);
    if (width < 7.0 * (double)strlen(text) + 6) return; /* it stands in the legend, too */
    begin_text(h, "segn", x + width / 2, y + 14, "start");
    html_raw(h, text);
    html_raw(h, "</text>");
}

static void stack_bar(struct html *h, const struct plot_stack *p, const struct plot_bar *bar,
                      double y) {
    uint64_t all = 0;
    double x = LEFT;
    for (size_t k = 0; k < p->n_parts; k++)
        all += bar->parts[k];
    label_at(h, LEFT, y + 13, LINE_CELLS - 16, bar->label);
    begin_text(h, "m", RIGHT, y + 13, "end");
    html_count(h, all);
    html_raw(h, all == 1 ? " sample</text>" : " samples</text>");
    for (size_t k = 0; k < p->n_parts && all; k++) {
        const double width = (double)bar->parts[k] / (double)all * (RIGHT - LEFT);
        if (bar->parts[k]) segment(h, k, bar->parts[k], x, width, y + 19);
        x += width;
    }
}

static uint64_t part_count(const struct plot_stack *p, size_t part) {
    uint64_t count = 0;
    for (size_t i = 0; i < p->n && i < PLOT_MAX_ROWS; i++)
        count += p->bars[i].parts[part];
    return count;
}

/* Two columns of names, each with its colour and the count of all bars. */
static void stack_legend(struct html *h, const struct plot_stack *p, double y) {
    size_t shown = 0;
    for (size_t k = 0; k < p->n_parts; k++) {
        const uint64_t count = part_count(p, k);
        if (count == 0) continue;
        const double x = shown % 2 ? WIDTH / 2 : LEFT, at = y + (double)(shown / 2) * 18;
        html_printf(h, "<rect class=\"p%zu\"", k % 8);
        coordinate(h, "x", x);
        coordinate(h, "y", at);
        html_raw(h, " width=\"11\" height=\"11\"/>");
        begin_text(h, NULL, x + 16, at + 10, "start");
        html_text(h, p->names[k]);
        html_raw(h, ": ");
        html_count(h, count);
        html_raw(h, "</text>\n");
        shown++;
    }
}

void plot_stack(struct html *h, const struct plot_stack *p) {
    const size_t n = p->n > PLOT_MAX_ROWS ? PLOT_MAX_ROWS : p->n;
    size_t named = 0;
    for (size_t k = 0; k < p->n_parts; k++)
        named += part_count(p, k) > 0;
    const double bars = 4 + (double)n * BAR, legend = (double)((named + 1) / 2) * 18;
    begin(h, &p->head, bars + legend + 4);
    for (size_t i = 0; i < n; i++)
        stack_bar(h, p, &p->bars[i], 4 + (double)i * BAR);
    stack_legend(h, p, bars + 2);
    end(h, &p->head);
}

/* --- columns ---------------------------------------------------------------------------------- */

void plot_columns(struct html *h, const struct plot_columns *p) {
    enum { TOP = 20, BOTTOM = 150 };
    const size_t n = p->n > PLOT_MAX_PARTS ? PLOT_MAX_PARTS : p->n;
    double most = 0;
    char text[64];
    for (size_t i = 0; i < n; i++) {
        if (isfinite(p->columns[i].value)) most = fmax(most, p->columns[i].value);
        if (isfinite(p->columns[i].expected)) most = fmax(most, p->columns[i].expected);
    }
    begin(h, &p->head, BOTTOM + 22);
    const double each = n ? (double)(RIGHT - LEFT) / (double)n : 1;
    for (size_t i = 0; i < n; i++) {
        const struct plot_column *c = &p->columns[i];
        const double x = LEFT + each * (double)i, top = TOP, bottom = BOTTOM;
        const double tall = most > 0 && c->value > 0 ? c->value / most * (bottom - top) : 0;
        html_raw(h, "<rect class=\"v0\"");
        coordinate(h, "x", x + each * 0.2);
        coordinate(h, "y", bottom - tall);
        coordinate(h, "width", each * 0.6);
        coordinate(h, "height", tall);
        html_raw(h, "/>");
        text_at(h, NULL, x + each / 2, bottom - tall - 5, "middle",
                html_format_number(text, c->value, 0));
        text_at(h, NULL, x + each / 2, bottom + 15, "middle", c->label);
        if (isnan(c->expected) || !(most > 0)) continue;
        const double y = bottom - c->expected / most * (bottom - top);
        line(h, "i1", x + each * 0.1, y, x + each * 0.9, y);
    }
    line(h, "ax", LEFT, BOTTOM, RIGHT, BOTTOM);
    end(h, &p->head);
}

/* --- curves ----------------------------------------------------------------------------------- */

enum { SIDE_LEFT = 46, SIDE_TOP = 12, SIDE = 300 }; /* of the square that is drawn in */

static double curve_x(double v) {
    return SIDE_LEFT + clamp(v, 0, 1) * SIDE;
}
static double curve_y(double v) {
    return SIDE_TOP + (1 - clamp(v, 0, 1)) * SIDE;
}

static void curve_axes(struct html *h, const struct plot_curve *p) {
    char text[64];
    line(h, "ax", curve_x(0), curve_y(0), curve_x(1), curve_y(0));
    line(h, "ax", curve_x(0), curve_y(0), curve_x(0), curve_y(1));
    for (int i = 0; i <= 5; i++) {
        const double v = i / 5.0;
        html_format_number(text, v, 1);
        text_at(h, "m", curve_x(v), curve_y(0) + 16, "middle", text);
        text_at(h, "m", curve_x(0) - 5, curve_y(v) + 4, "end", text);
        line(h, "ax", curve_x(v), curve_y(0), curve_x(v), curve_y(0) + 4);
    }
    text_at(h, NULL, curve_x(0.5), curve_y(0) + 33, "middle", p->x_name);
    html_printf(h, "<text text-anchor=\"middle\" transform=\"translate(12 %d) rotate(-90)\">",
                SIDE_TOP + SIDE / 2);
    html_text(h, p->y_name);
    html_raw(h, "</text>");
}

static void curve_line(struct html *h, const struct plot_curve *p) {
    char text[64];
    html_raw(h, "<polyline class=\"l\" points=\"");
    for (size_t i = 0; i < p->n; i++) {
        html_printf(h, "%s%s,", i ? " " : "", html_format_number(text, curve_x(p->points[i].x), 1));
        html_raw(h, html_format_number(text, curve_y(p->points[i].y), 1));
    }
    html_raw(h, "\"/>");
}

static void curve_marks(struct html *h, const struct plot_curve *p) {
    uint64_t most = 1;
    for (size_t i = 0; i < p->n; i++)
        if (p->points[i].n > most) most = p->points[i].n;
    for (size_t i = 0; i < p->n; i++) {
        const struct plot_point *q = &p->points[i];
        if (q->n == 0) continue;
        html_raw(h, "<circle class=\"v0\"");
        coordinate(h, "cx", curve_x(q->x));
        coordinate(h, "cy", curve_y(q->y));
        coordinate(h, "r", 3 + 7 * sqrt((double)q->n / (double)most));
        html_raw(h, "><title>");
        html_number(h, q->x, 3);
        html_raw(h, ", ");
        html_number(h, q->y, 3);
        html_raw(h, ", n ");
        html_count(h, q->n);
        html_raw(h, "</title></circle>");
    }
}

void plot_curve(struct html *h, const struct plot_curve *p) {
    begin(h, &p->head, SIDE_TOP + SIDE + 42);
    if (p->diagonal) line(h, "ref", curve_x(0), curve_y(0), curve_x(1), curve_y(1));
    curve_axes(h, p);
    if (p->n) curve_line(h, p);
    curve_marks(h, p);
    end(h, &p->head);
}
