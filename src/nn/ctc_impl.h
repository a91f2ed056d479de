/* ctc_impl.h - what ctc.c and ctc_beam.c share. */
#ifndef NN_CTC_IMPL_H
#define NN_CTC_IMPL_H

#include <stdint.h>

/* log(sum(exp(logits))): subtract it from a logit for a log-probability. */
double ctc_log_sum(const float *logits, int32_t n);

#endif
