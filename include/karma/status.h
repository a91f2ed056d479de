/*
 * status.h - how every call of libkarma reports failure: a negative karma_status, and one line of
 * text kept per thread. The list below makes the enum, the names and the exit status of the
 * program; it is the only place to add a code.
 */
#ifndef KARMA_STATUS_H
#define KARMA_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KARMA_API __attribute__((visibility("default")))
#else
#define KARMA_API
#endif

/* X(name, exit status of the program, text when nothing better is known) */
#define KARMA_STATUS_LIST(X)                                                                       \
    X(TRUNCATED, 4, "input ends early")                                                            \
    X(MAGIC, 4, "not a file of this kind")                                                         \
    X(VERSION, 4, "version not supported")                                                         \
    X(LIMIT, 4, "a limit is exceeded")                                                             \
    X(SYNTAX, 4, "malformed input")                                                                \
    X(TYPE, 4, "value of the wrong type")                                                          \
    X(RANGE, 4, "value out of range")                                                              \
    X(OVERFLOW, 4, "sizes overflow")                                                               \
    X(OVERLAP, 4, "parts overlap")                                                                 \
    X(HOLE, 4, "parts leave a hole")                                                               \
    X(DUPLICATE, 4, "given twice")                                                                 \
    X(MISSING, 4, "something required is missing")                                                 \
    X(UNEXPECTED, 4, "something unexpected is present")                                            \
    X(SHAPE, 4, "shapes do not fit")                                                               \
    X(DTYPE, 4, "element type not supported")                                                      \
    X(NONFINITE, 4, "not a finite number")                                                         \
    X(UNSUPPORTED, 4, "not supported")                                                             \
    X(ENCODING, 4, "not valid UTF-8")                                                              \
    X(PATH, 4, "path not allowed")                                                                 \
    X(DIGEST, 4, "digest differs")                                                                 \
    X(NOMEM, 5, "out of memory")                                                                   \
    X(IO, 5, "input or output failed")                                                             \
    X(NOSPACE, 5, "no space left")                                                                 \
    X(PERM, 5, "permission denied")                                                                \
    X(LOCKED, 7, "in use by another process")                                                      \
    X(TIMEOUT, 6, "timed out")                                                                     \
    X(NET, 6, "network failure")                                                                   \
    X(HTTP, 6, "unusable reply from a server")                                                     \
    X(TLS, 6, "secure connection failed")                                                          \
    X(AUTH, 6, "not authorised")                                                                   \
    X(PLUGIN, 4, "plugin failed")                                                                  \
    X(ABI, 4, "plugin made for another version")                                                   \
    X(CANCELLED, 130, "cancelled")                                                                 \
    X(USAGE, 2, "wrong use")                                                                       \
    X(NOTFOUND, 2, "no such name")                                                                 \
    X(INTERNAL, 1, "internal error")

enum karma_status_order {
    KARMA_STATUS_ORDER_OK = 0,
#define X(name, exit_status, text) KARMA_STATUS_ORDER_##name,
    KARMA_STATUS_LIST(X)
#undef X
        KARMA_STATUS_ORDER_COUNT
};

/* KARMA_OK, KARMA_DONE (an iteration has ended; not a failure), or a negative KARMA_E_*. */
typedef enum karma_status {
    KARMA_OK = 0,   /* it worked */
    KARMA_DONE = 1, /* there is no more; not a failure */
#define X(name, exit_status, text) KARMA_E_##name = -(int)KARMA_STATUS_ORDER_##name,
    KARMA_STATUS_LIST(X)
#undef X
} karma_status;

/* "E_SYNTAX" for KARMA_E_SYNTAX, "OK", "DONE". Static; never NULL. */
KARMA_API const char *karma_status_name(karma_status st);

/* What the karma program exits with when st ended it: 0 for OK, else 1..7 or 130. */
KARMA_API int karma_status_exit(karma_status st);

/* The status of that name ("E_SYNTAX"); KARMA_E_INTERNAL for an unknown one. */
KARMA_API karma_status karma_status_from_name(const char *name);

/* The line that describes this thread's last failure, without code or newline; at most 1,023
 * bytes of printable text. Lent until the thread's next failing call. Never NULL. */
KARMA_API const char *karma_error_message(void);

/* For a function that the library calls (a class's, a metric's, ...) and that fails: make message
 * this thread's and return st. NULL: st's own text. A st that is no failure becomes E_INTERNAL. */
KARMA_API karma_status karma_fail(karma_status st, const char *message);

#ifdef __cplusplus
}
#endif
#endif
