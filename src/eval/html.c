/* html.c - see html.h. */
#include "eval/html.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum { WRITE_BYTES = 1 << 18, MAX_DIGITS = 12 };

/* --- escaping --------------------------------------------------------------------------------- */

static bool turns_text(uint32_t cp) {
    return (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
}

karma_status html_escape(struct buf *b, const char *text, size_t len) {
    static const char unknown[] = "\xEF\xBF\xBD";
    karma_status st = KARMA_OK;
    while (len && st == KARMA_OK) {
        uint32_t cp = 0;
        int bad = 1;
        const int n = utf8_decode(text, len, &cp, &bad);
        const size_t step = (size_t)(n > 0 ? n : bad);
        if (n <= 0 || (cp < 0x20 && cp != '\n' && cp != '\t') || (cp >= 0x7F && cp < 0xA0))
            st = buf_puts(b, unknown);
        else if (cp == '&')
            st = buf_puts(b, "&amp;");
        else if (cp == '<')
            st = buf_puts(b, "&lt;");
        else if (cp == '>')
            st = buf_puts(b, "&gt;");
        else if (cp == '"')
            st = buf_puts(b, "&quot;");
        else if (cp == '\'')
            st = buf_puts(b, "&#39;");
        else if (turns_text(cp))
            st = buf_printf(b, "[U+%04X]", (unsigned)cp);
        else
            st = buf_append(b, text, step);
        text += step;
        len -= step;
    }
    return st;
}

/* --- media ------------------------------------------------------------------------------------ */

static bool begins(const unsigned char *p, size_t n, const char *with, size_t len) {
    return n >= len && memcmp(p, with, len) == 0;
}

const char *html_image_type(const unsigned char *p, size_t n) {
    if (begins(p, n, "\x89PNG\r\n\x1A\n", 8)) return "image/png";
    if (begins(p, n, "\xFF\xD8\xFF", 3)) return "image/jpeg";
    if (n >= 12 && begins(p, n, "RIFF", 4) && memcmp(p + 8, "WEBP", 4) == 0) return "image/webp";
    return NULL;
}

const char *html_audio_type(const unsigned char *p, size_t n) {
    if (n >= 12 && begins(p, n, "RIFF", 4) && memcmp(p + 8, "WAVE", 4) == 0) return "audio/wav";
    if (begins(p, n, "fLaC", 4)) return "audio/flac";
    if (begins(p, n, "OggS", 4)) return "audio/ogg";
    if (begins(p, n, "ID3", 3)) return "audio/mpeg";
    if (n >= 2 && p[0] == 0xFF && (p[1] & 0xE6) == 0xE2) return "audio/mpeg"; /* layer 3 */
    return NULL;
}

/* --- the writer ------------------------------------------------------------------------------- */

void html_fail(struct html *h, karma_status st) {
    if (st < 0 && h->st == KARMA_OK) h->st = st;
}

bool html_failed(const struct html *h) {
    return h->st < 0;
}

static void flush(struct html *h, size_t from) {
    if (h->st < 0 || !h->file || h->text.len < from) return;
    html_fail(h, file_writer_append(h->file, buf_str(&h->text), h->text.len));
    buf_clear(&h->text);
}

static void added(struct html *h, karma_status st) {
    html_fail(h, st);
    flush(h, WRITE_BYTES);
}

void html_raw(struct html *h, const char *markup) {
    if (h->st == KARMA_OK) added(h, buf_puts(&h->text, markup));
}

void html_printf(struct html *h, const char *fmt, ...) {
    char line[1024]; /* a tag of ours; no text of others */
    va_list args;
    if (h->st < 0) return;
    va_start(args, fmt);
    const int n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(line)) {
        html_fail(h, status_fail(KARMA_E_INTERNAL, "a tag of %d bytes", n));
        return;
    }
    added(h, buf_append(&h->text, line, (size_t)n));
}

void html_textn(struct html *h, const char *text, size_t len) {
    if (h->st == KARMA_OK) added(h, html_escape(&h->text, text, len));
}

void html_text(struct html *h, const char *text) {
    if (text) html_textn(h, text, strlen(text));
}

void html_close(struct html *h, const char *open) {
    html_printf(h, "</%.*s>", (int)strcspn(open, " "), open);
}

void html_element(struct html *h, const char *open, const char *text) {
    html_printf(h, "<%s>", open);
    html_text(h, text);
    html_close(h, open);
}

/* --- numbers ---------------------------------------------------------------------------------- */

const char *html_format_count(char *out, uint64_t n) {
    char digits[24];
    const int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* printf's point is the locale's. */
const char *html_format_number(char *out, double v, int digits) {
    double scale = 1;
    const int wanted = digits > MAX_DIGITS ? MAX_DIGITS : digits;
    for (int i = 0; i < wanted; i++)
        scale *= 10;
    if (isnan(v)) {
        snprintf(out, 64, "\xE2\x80\x94");
    } else if (!(fabs(v) < 9e15 / scale)) {
        snprintf(out, 64, "%s", v > 0 ? "very large" : "very small");
    } else {
        const double whole = nearbyint(fabs(v) * scale);
        const unsigned long long all = (unsigned long long)whole, unit = (unsigned long long)scale;
        const char *sign = v < 0 && all ? "\xE2\x88\x92" : "";
        if (wanted)
            snprintf(out, 64, "%s%llu.%0*llu", sign, all / unit, wanted, all % unit);
        else
            snprintf(out, 64, "%s%llu", sign, all);
    }
    return out;
}

void html_number(struct html *h, double v, int digits) {
    char text[64];
    html_raw(h, html_format_number(text, v, digits));
}

void html_signed(struct html *h, double v, int digits) {
    char text[64];
    html_format_number(text, v, digits);
    bool zero = true;
    for (const char *p = text; *p && zero; p++)
        zero = !(*p >= '1' && *p <= '9');
    if (v > 0 && !zero) html_raw(h, "+");
    html_raw(h, text);
}

void html_count(struct html *h, uint64_t n) {
    char text[32];
    html_raw(h, html_format_count(text, n));
}

karma_status html_end(struct html *h) {
    flush(h, 1);
    return h->st;
}

void html_release(struct html *h) {
    buf_release(&h->text);
}
