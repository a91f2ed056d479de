/* rnnt_impl.h - what rnnt.c and rnnt_beam.c share. */
#ifndef NN_RNNT_IMPL_H
#define NN_RNNT_IMPL_H

#include "nn/rnnt.h"

/* Give tokens from `first` on their ends. */
void rnnt_close_tokens(struct heard *h, size_t first, int64_t n_frames, int32_t max_token_frames);

#endif
