/*
 * rope.c - inverse frequencies as transformers computes them (modeling_rope_utils): the power and
 * all scaling in f32, so that long positions agree; only the ramp bounds of YaRN are in double.
 */
#include "nn/rope.h"

#include <math.h>

/* The dimension whose wavelength fits `rotations` times into the original context (YaRN eq. 2). */
static double yarn_dim(double rotations, double dim, double theta, double original) {
    return dim * log(original / (rotations * 2.0 * 3.14159265358979323846)) / (2.0 * log(theta));
}

static void yarn(const struct rope_spec *s, int32_t n, float *inv_freq, float *factor) {
    double low = yarn_dim(s->beta_fast, n, s->theta, s->original_max_position_embeddings);
    double high = yarn_dim(s->beta_slow, n, s->theta, s->original_max_position_embeddings);
    if (s->truncate) {
        low = floor(low);
        high = ceil(high);
    }
    if (low < 0) low = 0;
    if (high > n - 1) high = n - 1;
    if (low == high) high += 0.001; /* no division by zero; the reference's own guard */
    for (int32_t i = 0; i < n / 2; i++) {
        float ramp = ((float)i - (float)low) / (float)(high - low);
        ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
        const float extrapolation = inv_freq[i], interpolation = inv_freq[i] / (float)s->factor;
        inv_freq[i] = interpolation * ramp + extrapolation * (1.0f - ramp);
    }
    *factor = (float)(s->attention_factor > 0 ? s->attention_factor
                      : s->factor <= 1        ? 1.0
                                              : 0.1 * log(s->factor) + 1.0);
}

/* Llama 3.1: long wavelengths are stretched by factor, short ones kept, the band between mixed. */
static void llama3(const struct rope_spec *s, int32_t n, float *inv_freq) {
    const float original = (float)s->original_max_position_embeddings;
    const float low = (float)s->low_freq_factor, high = (float)s->high_freq_factor;
    const float two_pi = 6.283185307179586f;
    for (int32_t i = 0; i < n / 2; i++) {
        const float wavelength = two_pi / inv_freq[i];
        if (wavelength > original / low) {
            inv_freq[i] /= (float)s->factor;
        } else if (wavelength >= original / high) {
            const float smooth = (original / wavelength - low) / (high - low);
            inv_freq[i] = (1.0f - smooth) * inv_freq[i] / (float)s->factor + smooth * inv_freq[i];
        }
    }
}

karma_status rope_frequencies(const struct rope_spec *spec, int32_t rotary_dim, float *inv_freq,
                              float *attention_factor) {
    if (!(spec->theta > 0)) return status_fail(KARMA_E_RANGE, "rope_theta: must be positive");
    if (spec->type != ROPE_DEFAULT && !(spec->factor > 0)) {
        return status_fail(KARMA_E_RANGE, "rope_scaling: factor must be positive");
    }
    if ((spec->type == ROPE_YARN || spec->type == ROPE_LLAMA3) &&
        !(spec->original_max_position_embeddings > 0)) {
        return status_fail(KARMA_E_RANGE,
                           "rope_scaling: original_max_position_embeddings must be positive");
    }
    if (spec->type == ROPE_LLAMA3 &&
        !(spec->low_freq_factor > 0 && spec->high_freq_factor > spec->low_freq_factor)) {
        return status_fail(KARMA_E_RANGE,
                           "rope_scaling: low_freq_factor must lie below high_freq_factor");
    }
    *attention_factor = 1.0f;
    for (int32_t i = 0; i < rotary_dim / 2; i++) {
        inv_freq[i] = 1.0f / powf((float)spec->theta, (float)(2 * i) / (float)rotary_dim);
        if (spec->divisors) inv_freq[i] /= spec->divisors[i];
        if (spec->type == ROPE_LINEAR) inv_freq[i] /= (float)spec->factor;
    }
    if (spec->type == ROPE_YARN) yarn(spec, rotary_dim, inv_freq, attention_factor);
    if (spec->type == ROPE_LLAMA3) llama3(spec, rotary_dim, inv_freq);
    for (int32_t i = 0; i < rotary_dim / 2; i++) {
        if (isfinite(inv_freq[i])) continue;
        return status_fail(KARMA_E_RANGE, "rope: frequency %d is not a finite number", i);
    }
    return KARMA_OK;
}
