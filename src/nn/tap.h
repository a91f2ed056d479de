/*
 * tap.h - a named look at intermediate tensors, for tests. It exists only in builds under
 * AddressSanitizer, which are never released; elsewhere TAP() is nothing.
 */
#ifndef NN_TAP_H
#define NN_TAP_H

#include "tensor/backend.h"

#ifdef __SANITIZE_ADDRESS__
/* values: [rows, cols], lent for the call. layer -1: not of a layer. */
typedef void (*tap_fn)(void *user, const char *name, int32_t layer, const float *values,
                       int64_t rows, int64_t cols);
struct tap {
    tap_fn fn;
    void *user;
};
extern struct tap tap; /* fn NULL: nobody looks */
#define TAP(on, name, layer, values, rows, cols)                                                   \
    do {                                                                                           \
        if (tap.fn) {                                                                              \
            (on)->be->ops->finish(on);                                                             \
            tap.fn(tap.user, name, layer, values, rows, cols);                                     \
        }                                                                                          \
    } while (0)
#else
#define TAP(on, name, layer, values, rows, cols) ((void)0)
#endif

#endif
