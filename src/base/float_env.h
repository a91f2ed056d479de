/*
 * float_env.h - rounding to nearest and no flushing of denormals between enter and leave, whatever
 * the caller of the library has set: the same bits for every caller.
 */
#ifndef BASE_FLOAT_ENV_H
#define BASE_FLOAT_ENV_H

#include <fenv.h>

static inline void float_env_enter(fenv_t *before) {
    fegetenv(before);
    fesetenv(FE_DFL_ENV);
}

static inline void float_env_leave(const fenv_t *before) {
    fesetenv(before);
}

#endif
