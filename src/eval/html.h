/*
 * html.h - HTML written piece by piece: what is ours goes out as it is, what is foreign through one
 * escape. The writer is sticky: after the first failure every call is nothing, and html_end() says
 * what it was. Numbers do not depend on the locale.
 */
#ifndef EVAL_HTML_H
#define EVAL_HTML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

/* As HTML text or a quoted attribute: nothing in it is markup. What is no character, and control
 * characters but line feed and tab, become U+FFFD. Controls that turn or hide the order of what
 * stands behind them (U+202A to U+202E, U+2066 to U+2069) are written out as their names; marks
 * that scripts need (U+200C to U+200F, U+061C) stay. */
karma_status html_escape(struct buf *b, const char *text, size_t len);

/* What browsers show or play, by its first bytes; NULL: something else. */
const char *html_image_type(const unsigned char *p, size_t n);
const char *html_audio_type(const unsigned char *p, size_t n);

/* All-zero keeps all in text; with a file what was gathered goes there now and then. */
struct html {
    struct buf text;          /* not written yet */
    struct file_writer *file; /* open, of the caller; NULL: none */
    karma_status st;          /* of the first failure, its message set */
};

void html_raw(struct html *h, const char *markup);
/* Markup of ours with numbers and names of ours in it. */
void html_printf(struct html *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void html_text(struct html *h, const char *text); /* NULL: nothing */
void html_textn(struct html *h, const char *text, size_t len);
/* "<OPEN>text</TAG>"; open: the tag and its attributes, such as "td class=\"n\"". */
void html_element(struct html *h, const char *open, const char *text);
/* Only the end of it: "</TAG>" of "TAG attributes". */
void html_close(struct html *h, const char *open);
/* Digits behind the point; an em dash of NaN. */
void html_number(struct html *h, double v, int digits);
void html_signed(struct html *h, double v, int digits); /* with + or a minus sign */
void html_count(struct html *h, uint64_t n);            /* 12,345 */
/* "0.512", at least 64 bytes; returns out. */
const char *html_format_number(char *out, double v, int digits);
/* "12,345", at least 32 bytes; returns out. */
const char *html_format_count(char *out, uint64_t n);
/* Let the writer fail with what a call brought back. */
void html_fail(struct html *h, karma_status st);
bool html_failed(const struct html *h);
/* Hand over what was gathered; the file stays open. */
karma_status html_end(struct html *h);
void html_release(struct html *h);

#endif
