/* foreign.c - see foreign.h. */
#include "base/foreign.h"

#include <fenv.h>
#include <string.h>

#include "base/utf8.h"

static const char no_message[] = "no message";
static _Thread_local fenv_t environment; /* of the last begin */

void foreign_begin(void) {
    fegetenv(&environment);
    status_fail(KARMA_OK, "%s", no_message);
}

karma_status foreign_end(karma_status returned) {
    fesetenv(&environment);
    if (returned == KARMA_OK) return KARMA_OK;
    const int code = (int)returned;
    if (code > 0 || code <= -(int)KARMA_STATUS_ORDER_COUNT)
        return status_fail(KARMA_E_PLUGIN, "returned %d, which is no status", code);
    if (strcmp(karma_error_message(), no_message) != 0) return returned;
    return status_fail(returned, "failed with %s", karma_status_name(returned));
}

void foreign_text_begin(struct karma_text *t) {
    *t = (struct karma_text){.refused = KARMA_OK};
    buf_init(&t->bytes, FOREIGN_MAX_TEXT);
}

void foreign_text_release(struct karma_text *t) {
    buf_release(&t->bytes);
}

karma_status karma_text_append(karma_text *t, const char *bytes, size_t len) {
    karma_status st = KARMA_OK;
    if (!t || (!bytes && len > 0)) st = status_fail(KARMA_E_USAGE, "karma_text_append: NULL");
    if (st == KARMA_OK && t->refused < 0) st = status_fail(t->refused, "the text is not whole");
    if (st == KARMA_OK) st = buf_append(&t->bytes, bytes, len);
    if (st < 0 && t && t->refused == KARMA_OK) t->refused = st;
    return st;
}

static karma_status check_utf8(const char *s, size_t len, const char *what) {
    size_t bad;
    if (memchr(s, '\0', len)) return status_fail(KARMA_E_PLUGIN, "%s: holds a NUL byte", what);
    if (utf8_valid(s, len, &bad)) return KARMA_OK;
    return status_fail(KARMA_E_PLUGIN, "%s: not valid UTF-8 (byte %zu)", what, bad);
}

karma_status foreign_text_check(const struct karma_text *t) {
    if (t->refused == KARMA_E_NOMEM) return status_fail(KARMA_E_NOMEM, "out of memory");
    if (t->refused == KARMA_E_LIMIT)
        return status_fail(KARMA_E_PLUGIN, "text: longer than %d bytes", FOREIGN_MAX_TEXT);
    if (t->refused < 0) return status_fail(KARMA_E_PLUGIN, "text: not whole");
    return check_utf8(buf_str(&t->bytes), t->bytes.len, "text");
}

karma_status foreign_string(const char *s, const char *what) {
    if (!s) return status_fail(KARMA_E_PLUGIN, "%s: NULL", what);
    const size_t len = strnlen(s, (size_t)FOREIGN_MAX_TEXT + 1);
    if (len > FOREIGN_MAX_TEXT)
        return status_fail(KARMA_E_PLUGIN, "%s: longer than %d bytes", what, FOREIGN_MAX_TEXT);
    return check_utf8(s, len, what);
}

karma_status foreign_abi(const char *what, unsigned abi, unsigned size, int our_abi,
                         size_t our_size) {
    if (abi == (unsigned)our_abi && size == our_size) return KARMA_OK;
    return status_fail(KARMA_E_ABI,
                       "%s: made for interface %u with %u bytes, this library has %d with %zu",
                       what, abi, size, our_abi, our_size);
}
