/* kernels_avx2_speech.c - what it is stands in kernels_speech_body.h. */
#if defined(__AVX2__)
#include <immintrin.h>

#include "tensor/cpu/kernels_speech_body.h"

void kernels_avx2_speech(struct speech_kernels *k) {
    take_speech(k);
}
#endif
