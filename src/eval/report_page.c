/*
 * report_page.c - frame and style of a report, and the tables all parts write. Colours are 4.5 to 1
 * and better in light and in dark; on paper it is light, and what is folded is unfolded where the
 * browser can, but for samples with nothing wrong: those would fill a hundred pages.
 */
#include "eval/report_html.h"

#include <string.h>

#include "eval/svg_plot.h"
#include "karma/karma.h"

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1a1d21;--muted:#555d66;--line:#b9c0c8;"
    "--soft:#f2f4f6;--one:#0b5cad;--two:#a3370a;--bad:#a80019;--link:#0b4f99}"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e9ec;--muted:#a5aeb7;"
    "--line:#4b545d;--soft:#20252a;--one:#6db3f2;--two:#f0955f;--bad:#ff8f9a;--link:#8cc2f5}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:0 1rem 3rem;max-width:76rem;background:var(--bg);color:var(--fg);"
    "font:16px/1.5 system-ui,sans-serif;overflow-wrap:break-word}"
    "h1{font-size:1.7rem;line-height:1.25;margin:1.2rem 0 .4rem}"
    "h2{font-size:1.35rem;margin:2.2rem 0 .6rem;padding-bottom:.2rem;"
    "border-bottom:2px solid var(--line)}"
    "h3{font-size:1.1rem;margin:1.6rem 0 .4rem}h4{font-size:1rem;margin:1.2rem 0 .3rem}"
    "p{margin:.5rem 0;max-width:46rem}a{color:var(--link)}"
    ":focus-visible{outline:3px solid var(--one);outline-offset:2px}"
    ".skip{position:absolute;left:-99rem}.skip:focus{left:1rem;background:var(--bg);padding:.5rem}"
    ".notice{border:2px solid var(--two);border-radius:.3rem;padding:.6rem .9rem;margin:1rem 0;"
    "max-width:48rem}.notice p{margin:.2rem 0}"
    "nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;margin:.6rem 0}"
    ".scroll{overflow-x:auto;margin:.6rem 0}"
    "table{border-collapse:collapse;font-size:.93rem}"
    "caption{text-align:left;font-weight:600;padding:.2rem 0}"
    "th,td{border:1px solid var(--line);padding:.25rem .55rem;text-align:left;vertical-align:top}"
    "thead th{background:var(--soft);vertical-align:bottom;min-width:3.5rem}"
    "tbody th{font-weight:500;min-width:9rem;max-width:22rem}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}"
    ".w{min-width:16rem}"
    ".meta{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.6rem 0}"
    ".meta dt{color:var(--muted)}.meta dd{margin:0;overflow-wrap:anywhere;min-width:0}"
    ".plots{display:flex;flex-wrap:wrap;gap:0 2rem}.plots figure{flex:1 1 20rem}"
    ".facts td{overflow-wrap:anywhere}.bad{color:var(--bad);font-weight:600}"
    ".muted{color:var(--muted)}"
    "code,.key{font:.88em ui-monospace,monospace;overflow-wrap:anywhere}"
    "details{border:1px solid var(--line);border-radius:.3rem;margin:.4rem 0;padding:0 .7rem}"
    "summary{cursor:pointer;padding:.35rem 0}summary .key{font-weight:600}"
    "details[open]>summary{border-bottom:1px solid var(--line);margin-bottom:.5rem}"
    ".text{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);margin:.2rem 0 .6rem;"
    "padding:.4rem .6rem;border-radius:.2rem;unicode-bidi:isolate}"
    ".sample dl{margin:0}.sample dt{margin:.5rem 0 0;font-size:.9rem;color:var(--muted)}"
    ".sample dd{margin:0}.sample dd.text{margin:.2rem 0 .6rem}"
    ".side{display:grid;grid-template-columns:1fr 1fr;gap:0 1rem}"
    "@media(max-width:40rem){.side{grid-template-columns:1fr}}"
    ".media{display:flex;flex-wrap:wrap;gap:.6rem}.media figure{max-width:20rem}"
    ".media img{max-width:100%;height:auto;border:1px solid var(--line)}"
    "footer{margin-top:3rem;color:var(--muted);font-size:.9rem}"
    "@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--muted:#444;--line:#999;"
    "--soft:#f2f2f2;--one:#0b5cad;--two:#a3370a;--bad:#a80019;--link:#000}"
    "body{font-size:10.5pt;max-width:none;padding:0}nav,.skip{display:none}"
    ".scroll{overflow:visible}figure,tr,.notice{break-inside:avoid}"
    "h2,h3,h4,caption,summary{break-after:avoid}thead{display:table-header-group}"
    "details.p::details-content{content-visibility:visible;block-size:auto;height:auto}"
    "svg *{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

static void add_title(struct report *r) {
    const bool same = r->n_runs > 1 && strcmp(r->run[0].model, r->run[1].model) == 0;
    html_raw(&r->h, "Evaluation of ");
    html_text(&r->h, r->run[0].model);
    if (r->n_runs < 2) return;
    html_raw(&r->h, same ? ", two runs" : " and ");
    if (!same) html_text(&r->h, r->run[1].model);
}

static void add_contents(struct report *r) {
    struct html *h = &r->h;
    html_raw(h, "<nav aria-label=\"Contents\"><ul>"
                "<li><a href=\"#first\">Failed and flagged samples</a></li>");
    if (r->n_runs > 1) html_raw(h, "<li><a href=\"#pair\">What differs</a></li>");
    html_raw(h, "<li><a href=\"#scores\">Scores</a></li>"
                "<li><a href=\"#parts\">By data set</a></li>"
                "<li><a href=\"#samples\">Other samples</a></li>"
                "<li><a href=\"#facts\">What was run</a></li></ul></nav>\n");
}

void report_begin_page(struct report *r) {
    struct html *h = &r->h;
    html_raw(h,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" REPORT_MARK
             "\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src "
             "data:; media-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action "
             "'none'\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    add_title(r);
    html_raw(h, "</title>\n<style>");
    html_raw(h, style);
    html_raw(h, plot_style);
    html_raw(h, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#first\">To the content</a>\n"
                "<header>\n<h1>");
    add_title(r);
    html_raw(h, "</h1>\n<div class=\"notice\" role=\"note\"><p><strong>This is a software "
                "evaluation.</strong> It tells how a model answered the questions of the data sets "
                "named here.</p><p>It is no statement about a medical device: it shows neither "
                "safety nor performance nor fitness for any use with patients.</p></div>\n");
    report_short_facts(r);
    add_contents(r);
    html_raw(h, "</header>\n<main>\n");
}

void report_end_page(struct report *r) {
    struct html *h = &r->h;
    html_raw(h, "</main>\n<footer><p>Made by karma ");
    html_text(h, karma_version());
    html_raw(h, " from the results, the log of samples and the manifest of the run, and from "
                "nothing else. The page runs no script and fetches nothing.</p></footer>\n"
                "</body>\n</html>\n");
}

void report_begin_section(struct html *h, const char *id, int level, const char *heading) {
    html_printf(h, "<section aria-labelledby=\"%s-h\" id=\"%s\"><h%d id=\"%s-h\">", id, id, level,
                id);
    html_text(h, heading);
    html_printf(h, "</h%d>\n", level);
}

void report_end_section(struct html *h) {
    html_raw(h, "</section>\n");
}

/* What scrolls can be reached by the keyboard. */
void report_begin_table(struct html *h, const char *caption) {
    html_raw(h, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    html_text(h, caption);
    html_raw(h, "\"><table><caption>");
    html_text(h, caption);
    html_raw(h, "</caption><thead><tr>");
}

void report_end_table(struct html *h) {
    html_raw(h, "</tbody></table></div>\n");
}

void report_column(struct html *h, const char *name, bool is_number) {
    html_element(h, is_number ? "th scope=\"col\" class=\"n\"" : "th scope=\"col\"", name);
}

void report_row_head(struct html *h, const char *name) {
    html_element(h, "th scope=\"row\"", name);
}

void report_cell(struct html *h, const char *text) {
    html_element(h, "td", text ? text : "\xE2\x80\x94");
}

void report_count_cell(struct html *h, uint64_t n) {
    html_raw(h, "<td class=\"n\">");
    html_count(h, n);
    html_raw(h, "</td>");
}

void report_number_cell(struct html *h, double v, int digits) {
    html_raw(h, "<td class=\"n\">");
    html_number(h, v, digits);
    html_raw(h, "</td>");
}

void report_interval_cell(struct html *h, double low, double high, bool is_signed) {
    html_raw(h, "<td class=\"n\">");
    if (low != low || high != high) {
        html_raw(h, "\xE2\x80\x94");
    } else if (is_signed) {
        html_signed(h, low, 3);
        html_raw(h, " to ");
        html_signed(h, high, 3);
    } else {
        html_number(h, low, 3);
        html_raw(h, " to ");
        html_number(h, high, 3);
    }
    html_raw(h, "</td>");
}
