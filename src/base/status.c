/*
 * status.c - the message of each thread, and the names of all codes. Nothing here allocates, so it
 * works when memory has ended. A message is one line: control bytes and broken UTF-8 become '?',
 * and one that is too long is cut between characters.
 */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum {
    MESSAGE_SIZE = 1024, /* with its NUL; the public header promises 1,023 bytes */
    QUOTE_BYTES = 64,
    QUOTES = 4,
};

static const struct {
    const char *name;
    int exit_status;
    const char *text;
} codes[] = {
#define X(name, exit_status, text) {"E_" #name, exit_status, text},
    KARMA_STATUS_LIST(X)
#undef X
};
enum { N_CODES = sizeof(codes) / sizeof(codes[0]) };

static _Thread_local char message[MESSAGE_SIZE];
static _Thread_local char quotes[QUOTES][QUOTE_BYTES * 4 + sizeof("...")];
static _Thread_local unsigned next_quote;

/* Index into codes[], or -1 for what is no failure of ours. */
static int code_index(karma_status st) {
    int i = -(int)st - 1;
    return i >= 0 && i < N_CODES ? i : -1;
}

const char *karma_status_name(karma_status st) {
    if (st == KARMA_OK) return "OK";
    if (st == KARMA_DONE) return "DONE";
    int i = code_index(st);
    return i < 0 ? "E_INTERNAL" : codes[i].name;
}

int karma_status_exit(karma_status st) {
    if (st >= 0) return 0;
    int i = code_index(st);
    return i < 0 ? 1 : codes[i].exit_status;
}

karma_status karma_status_from_name(const char *name) {
    if (!name) return KARMA_E_INTERNAL;
    if (strcmp(name, "OK") == 0) return KARMA_OK;
    if (strcmp(name, "DONE") == 0) return KARMA_DONE;
    for (int i = 0; i < N_CODES; i++) {
        if (strcmp(codes[i].name, name) == 0) return (karma_status)(-(i + 1));
    }
    return KARMA_E_INTERNAL;
}

const char *karma_error_message(void) {
    return message;
}

/* Make text one printable line of valid UTF-8; it may have been cut inside a character. */
static void set_message(const char *text) {
    size_t len = strlen(text), to = 0;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        int bad, n = utf8_decode(text + i, len - i, &cp, &bad);
        if (n == 0 && i + (size_t)bad == len && len == MESSAGE_SIZE - 1) break; /* cut there */
        if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) {
            message[to++] = '?';
        } else {
            memcpy(message + to, text + i, (size_t)n);
            to += (size_t)n;
        }
        i += (size_t)(n ? n : bad);
    }
    message[to] = '\0';
}

karma_status status_fail(karma_status st, const char *fmt, ...) {
    char text[MESSAGE_SIZE]; /* apart: an argument may be the present message */
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    int i = code_index(st);
    set_message(n > 0 ? text : i < 0 ? "unknown error" : codes[i].text);
    return st;
}

karma_status karma_fail(karma_status st, const char *text) {
    if (code_index(st) < 0) st = KARMA_E_INTERNAL;
    return text ? status_fail(st, "%s", text) : status_fail(st, "%s", codes[code_index(st)].text);
}

karma_status status_prefix(karma_status st, const char *fmt, ...) {
    if (st >= 0) return st;
    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (n < 0) return st;
    /* Joined by hand: what does not fit is cut off the end. */
    const char *const parts[] = {": ", message};
    size_t used = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    for (int i = 0; i < 2; i++) {
        size_t len = strlen(parts[i]), room = sizeof(text) - 1 - used;
        if (len > room) len = room;
        memcpy(text + used, parts[i], len);
        used += len;
    }
    text[used] = '\0';
    set_message(text);
    return st;
}

karma_status status_errno(const char *what) {
    int e = errno;
    karma_status st;
    switch (e) {
    case ENOENT:
        st = KARMA_E_MISSING;
        break;
    case ENOMEM:
        st = KARMA_E_NOMEM;
        break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        st = KARMA_E_NOSPACE;
        break; /* EFBIG: the limit on file size, ulimit -f */
    case EACCES:
    case EPERM:
    case EROFS:
        st = KARMA_E_PERM;
        break;
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
        st = KARMA_E_PATH;
        break;
    default:
        st = KARMA_E_IO;
    }
    const char *text = strerrordesc_np(e); /* never translated: messages do not follow the locale */
    if (!text) return status_fail(st, "%s: error %d", what, e);
    return status_fail(st, "%s: %s", what, text);
}

const char *status_quote(const char *s, size_t len) {
    static const char hex[] = "0123456789abcdef";
    char *out = quotes[next_quote++ % QUOTES], *p = out;
    for (size_t i = 0; i < len && i < QUOTE_BYTES; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c < 0x7f) {
            *p++ = (char)c;
            continue;
        }
        *p++ = '\\';
        *p++ = 'x';
        *p++ = hex[c >> 4];
        *p++ = hex[c & 15];
    }
    memcpy(p, len > QUOTE_BYTES ? "..." : "", len > QUOTE_BYTES ? 4 : 1);
    return out;
}

const char *status_quotez(const char *s) {
    return s ? status_quote(s, strlen(s)) : "(null)";
}

const char *status_quote_path(const char *path) {
    const size_t len = path ? strlen(path) : 0;
    if (len <= QUOTE_BYTES) return status_quotez(path);
    char *out = quotes[next_quote % QUOTES];
    status_quotez(path + len - (QUOTE_BYTES - 3));
    memmove(out + 3, out, strlen(out) + 1);
    memcpy(out, "...", 3);
    return out;
}
