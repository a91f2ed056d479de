/* rope.h - rotary frequencies: from a checkpoint's rope description to inv_freq and factor. */
#ifndef NN_ROPE_H
#define NN_ROPE_H

#include <stdint.h>

#include "base/status.h"

enum rope_type { ROPE_DEFAULT, ROPE_LINEAR, ROPE_DYNAMIC, ROPE_YARN, ROPE_LLAMA3 };

/* One description; what a type does not use is ignored. */
struct rope_spec {
    enum rope_type type;
    double theta;
    double factor;                            /* linear, dynamic, yarn, llama3; >= 1 */
    double original_max_position_embeddings;  /* yarn, llama3, dynamic */
    double attention_factor;                  /* yarn; 0: 0.1 ln(factor) + 1 */
    double beta_fast, beta_slow;              /* yarn; 32 and 1 */
    int truncate;                             /* yarn: floor and ceil of the ramp's ends */
    double low_freq_factor, high_freq_factor; /* llama3 */
    const float *divisors; /* GGUF's rope_freqs [n/2]: inv /= divisors; or NULL */
};

/* Fill inv_freq[rotary_dim / 2] in the reference's precision (f32 powers), *attention_factor.
 * Dynamic scaling begins beyond the original context, which karma never passes: it is the default
 * there. E_RANGE names what is not positive. */
karma_status rope_frequencies(const struct rope_spec *spec, int32_t rotary_dim, float *inv_freq,
                              float *attention_factor);

#endif
