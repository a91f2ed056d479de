/* fuzz_dicom.c - a DICOM file: its structure, and where the build reads DICOM its pixels. Small
 * pictures only, so that a fuzzer's time goes into the formats. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "media/dicom.h"
#include "media/dicom_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char library[4096];
    struct image im;
    if (!library[0]) {
        const char *build = getenv("BUILD");
        snprintf(library, sizeof(library), "%s/libkarma-dicom.so", build ? build : "build");
        dicom_codec_use(library);
    }
    const struct image_options options = {
        .max_pixels = 1 << 16,
        .frame = size > 0 && data[0] < 4 ? data[0] : 0, /* the preamble has no meaning */
    };
    if (dicom_decode(data, size, "fuzz", &options, &im) == KARMA_OK) image_release(&im);
    return 0;
}
