/* text_input.c - texts for a command, one a line, plain or as a field of JSON objects. A file of
 * any size passes in the memory of its longest line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/text_input.h"

enum { MAX_LINE_BYTES = 64 << 20 };

karma_status text_input_open(const char *path, const char *field, struct text_input *in) {
    const bool standard = !path || strcmp(path, "-") == 0;
    *in = (struct text_input){.name = standard ? "standard input" : path, .field = field};
    if (standard && isatty(STDIN_FILENO) && !path) {
        return cli_error(KARMA_E_USAGE, "no texts: name a file, or - to read standard input");
    }
    in->file = standard ? stdin : fopen(path, "rb");
    if (in->file) return KARMA_OK;
    return cli_error(errno == ENOENT ? KARMA_E_NOTFOUND : KARMA_E_IO, "%.300s: %s", path,
                     strerror(errno));
}

void text_input_close(struct text_input *in) {
    if (in->file && in->file != stdin) fclose(in->file);
    free(in->line);
    json_decref(in->row);
    *in = (struct text_input){0};
}

static karma_status at_line(const struct text_input *in, karma_status st, const char *what) {
    return cli_error(st, "%.300s: line %lld: %s", in->name, (long long)in->line_no, what);
}

/* Without its newline. KARMA_DONE at the end. */
static karma_status read_line(struct text_input *in, size_t *len) {
    errno = 0;
    const ssize_t n = getline(&in->line, &in->cap, in->file);
    if (n < 0) {
        if (errno == ENOMEM) return cli_error(KARMA_E_NOMEM, "out of memory");
        if (!ferror(in->file)) return KARMA_DONE;
        return cli_error(KARMA_E_IO, "%.300s: %s", in->name, strerror(errno));
    }
    in->line_no++;
    *len = (size_t)n;
    if (*len && in->line[*len - 1] == '\n') (*len)--;
    if (*len && in->line[*len - 1] == '\r') (*len)--;
    in->line[*len] = '\0';
    if (*len > MAX_LINE_BYTES) return at_line(in, KARMA_E_LIMIT, "longer than 64 MiB");
    if (strlen(in->line) != *len) return at_line(in, KARMA_E_ENCODING, "holds a NUL byte");
    return KARMA_OK;
}

static bool is_blank(const char *text) {
    return text[strspn(text, " \t")] == '\0';
}

static karma_status read_row(struct text_input *in, size_t len, const char **text,
                             const json_t **id) {
    json_error_t e;
    char why[320];
    json_decref(in->row);
    in->row = json_loadb(in->line, len, JSON_REJECT_DUPLICATES, &e);
    if (!in->row) {
        snprintf(why, sizeof(why), "column %d: %s", e.column, e.text);
        return at_line(in, KARMA_E_SYNTAX, why);
    }
    const json_t *value = json_object_get(in->row, in->field);
    if (!json_is_string(value)) {
        snprintf(why, sizeof(why), "field %.200s: expected a string", in->field);
        return at_line(in, value ? KARMA_E_TYPE : KARMA_E_MISSING, why);
    }
    *text = json_string_value(value);
    *id = json_object_get(in->row, "id");
    return KARMA_OK;
}

karma_status text_input_next(struct text_input *in, const char **text, const json_t **id) {
    size_t len = 0;
    karma_status st;
    *id = NULL;
    do {
        st = read_line(in, &len);
    } while (st == KARMA_OK && in->field && is_blank(in->line));
    if (st != KARMA_OK) return st;
    if (in->field) return read_row(in, len, text, id);
    json_t *probe = json_string(in->line); /* it checks UTF-8 */
    json_decref(probe);
    *text = in->line;
    return probe ? KARMA_OK : at_line(in, KARMA_E_ENCODING, "not valid UTF-8");
}
