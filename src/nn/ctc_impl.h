/* ctc_impl.h - what ctc.c and ctc_beam.c share. */
#ifndef NN_CTC_IMPL_H
#define NN_CTC_IMPL_H

#include "base/status.h"

/* log(sum(exp(logits))) of a frame: subtract it from a logit for a log-probability. E_NONFINITE
 * when it is no finite number: then no token is the best one. A logit of -inf is a token that
 * cannot be. */
karma_status ctc_log_sum(const float *logits, int32_t n, int64_t frame, double *sum);

#endif
