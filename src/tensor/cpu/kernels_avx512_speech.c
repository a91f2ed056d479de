/* kernels_avx512_speech.c - what it is stands in kernels_speech_body.h. */
#if defined(__AVX512F__)
#include <immintrin.h>

#include "tensor/cpu/kernels_speech_body.h"

void kernels_avx512_speech(struct speech_kernels *k) {
    take_speech(k);
}
#endif
