/*
 * foreign.h - calls into functions that a program or a plugin registered. What they return is
 * checked, never trusted: a status, a message, a text.
 */
#ifndef BASE_FOREIGN_H
#define BASE_FOREIGN_H

#include "base/buf.h"
#include "karma/text.h"

/* Before the call: note the floating-point environment, which the function may change, and forget
 * the thread's message, so that an older one is not taken for the function's own. */
void foreign_begin(void);
/* After it: the environment is as it was; what the function returned, as a status of ours. KARMA_OK
 * and failures pass, with a message that names the failure if the function set none; anything else
 * is E_PLUGIN. */
karma_status foreign_end(karma_status returned);

/* Text that a function hands back (include/karma/text.h). */
enum { FOREIGN_MAX_TEXT = 64 << 20 };
struct karma_text {
    struct buf bytes;
    karma_status refused; /* the first append that failed: the text is not whole */
};
void foreign_text_begin(struct karma_text *t);
/* Is it whole, valid UTF-8 without NUL? E_PLUGIN, E_NOMEM. */
karma_status foreign_text_check(const struct karma_text *t);
void foreign_text_release(struct karma_text *t);

/* A string a function gave: not NULL, valid UTF-8, not endless. what: its name. E_PLUGIN. */
karma_status foreign_string(const char *s, const char *what);

/* A table that comes from outside: made for this interface? what: "metric". E_ABI. */
karma_status foreign_abi(const char *what, unsigned abi, unsigned size, int our_abi,
                         size_t our_size);

#endif
