/* output.c - error lines, tables, figures for people. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* The program's own mistakes-of-use; the library's live in karma_error_message(). */
static char own_message[1024];
static bool own_message_set;

/* One line of valid UTF-8, whatever an argument held: it may be any bytes, and cut anywhere. */
static void clean(char *text) {
    json_t *probe = json_string(text);
    const bool utf8 = probe != NULL;
    json_decref(probe);
    for (char *p = text; *p; p++) {
        const unsigned char c = (unsigned char)*p;
        /* C2 80 to C2 9F are control characters too */
        const bool c1 = c == 0xC2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] < 0xA0;
        if (c < 0x20 || c == 0x7F || (c >= 0x80 && !utf8)) *p = '?';
        if (c1 && utf8) p[0] = p[1] = '?';
    }
}

karma_status cli_error(karma_status st, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(own_message, sizeof(own_message), fmt, ap);
    va_end(ap);
    clean(own_message);
    own_message_set = true;
    return st;
}

const char *cli_message(void) {
    const bool own = own_message_set;
    own_message_set = false;
    return own ? own_message : karma_error_message();
}

int cli_fail(karma_status st) {
    fprintf(stderr, "karma: error %s: %s\n", karma_status_name(st), cli_message());
    fflush(stdout);
    return karma_status_exit(st);
}

/* Has the reader of standard output gone? Asked because the write that met it may lie behind us. */
static bool reader_is_gone(void) {
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

int cli_finish_output(bool must_arrive, int otherwise) {
    errno = 0;
    const bool flushed = fflush(stdout) == 0 && !ferror(stdout);
    const int reason = errno;
    if (flushed) return otherwise;
    if (!must_arrive && (reason == EPIPE || reader_is_gone())) return otherwise;
    const bool full = reason == ENOSPC || reason == EFBIG || reason == EDQUOT;
    return cli_fail(cli_error(full ? KARMA_E_NOSPACE : KARMA_E_IO, "standard output: %s",
                              reason ? strerror(reason) : "a write failed"));
}

/* --- tables ----------------------------------------------------------------------------------- */

static void add_cell(struct cli_table *t, const char *text) {
    if (t->n_cells == t->cap) {
        const size_t cap = t->cap ? t->cap * 2 : 64;
        char **grown = realloc(t->cells, cap * sizeof(*grown));
        if (!grown) {
            t->failed = true;
            return;
        }
        t->cells = grown;
        t->cap = cap;
    }
    char *copy = strdup(text);
    if (copy) {
        t->cells[t->n_cells++] = copy;
    } else {
        t->failed = true;
    }
}

void table_begin(struct cli_table *t, size_t n_columns, const char *const *header) {
    *t = (struct cli_table){.n_columns = n_columns};
    for (size_t i = 0; i < n_columns; i++)
        add_cell(t, header[i]);
}

void table_cell(struct cli_table *t, const char *text) {
    add_cell(t, text && text[0] ? text : "\xe2\x80\x94");
}

void table_cellf(struct cli_table *t, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    table_cell(t, text);
}

/* Code points: near enough for names and figures. */
static size_t width_of(const char *s) {
    size_t n = 0;
    for (; *s; s++)
        n += (*s & 0xC0) != 0x80;
    return n;
}

static void print_rule(const size_t *widths, size_t n, FILE *to) {
    for (size_t c = 0; c < n; c++) {
        for (size_t i = 0; i < widths[c]; i++)
            fputc('-', to);
        if (c + 1 < n) fputs("  ", to);
    }
    fputc('\n', to);
}

void table_print(const struct cli_table *t, FILE *to) {
    enum { MAX_COLUMNS = 16 };
    size_t widths[MAX_COLUMNS] = {0};
    if (t->failed || t->n_columns > MAX_COLUMNS) {
        fputs("(out of memory)\n", to);
        return;
    }
    for (size_t i = 0; i < t->n_cells; i++) {
        const size_t w = width_of(t->cells[i]);
        if (w > widths[i % t->n_columns]) widths[i % t->n_columns] = w;
    }
    for (size_t i = 0; i < t->n_cells; i++) {
        const size_t c = i % t->n_columns;
        fputs(t->cells[i], to);
        if (c + 1 == t->n_columns) {
            fputc('\n', to);
        } else {
            for (size_t w = width_of(t->cells[i]); w < widths[c] + 2; w++)
                fputc(' ', to);
        }
        if (i + 1 == t->n_columns) print_rule(widths, t->n_columns, to);
    }
}

void table_end(struct cli_table *t) {
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct cli_table){0};
}

void csv_cell(FILE *to, const char *text, char after) {
    const char *s = text ? text : "";
    if (strpbrk(s, ",\"\r\n")) {
        fputc('"', to);
        for (; *s; s++) {
            if (*s == '"') fputc('"', to);
            fputc(*s, to);
        }
        fputc('"', to);
    } else {
        fputs(s, to);
    }
    fputc(after, to);
}

/* --- figures ---------------------------------------------------------------------------------- */

const char *format_count(int64_t n, char *out) {
    if (n <= 0) return "";
    if (n >= 999500000) { /* what would round to 1000M */
        snprintf(out, 32, "%.1fB", (double)n * 1e-9);
    } else if (n >= 1000000) {
        snprintf(out, 32, "%.0fM", (double)n * 1e-6);
    } else {
        snprintf(out, 32, "%lld", (long long)n);
    }
    return out;
}

const char *format_megabytes(int64_t mb, char *out) {
    if (mb <= 0) return "";
    if (mb >= 1024) {
        snprintf(out, 32, "%.1f GB", (double)mb / 1024);
    } else {
        snprintf(out, 32, "%lld MB", (long long)mb);
    }
    return out;
}

const char *format_duration(double s, char *out) {
    const long long t = (long long)(s + 0.5);
    if (s < 60) {
        snprintf(out, 32, "%.1fs", s);
    } else if (t < 3600) {
        snprintf(out, 32, "%lldm %llds", t / 60, t % 60);
    } else {
        snprintf(out, 32, "%lldh %lldm", t / 3600, t % 3600 / 60);
    }
    return out;
}

/* 15 digits show 0.7 as it was written, and are enough for any float. */
void print_json(const json_t *value) {
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    fputc('\n', stdout);
}
