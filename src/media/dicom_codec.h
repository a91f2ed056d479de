/*
 * dicom_codec.h - between dicom.c and libkarma-dicom.so, the one part that is made of C++ and needs
 * DCMTK. That is loaded when the first DICOM file comes, since the 28 libraries below it take 13
 * ms. Plain C on both sides: no exception leaves it, and it allocates nothing that dicom.c frees.
 */
#ifndef MEDIA_DICOM_CODEC_H
#define MEDIA_DICOM_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DICOM_CODEC_ABI = 1 }; /* raised with every change in this file */

struct dicom_lut { /* a table of the file; values NULL: there is none */
    const uint16_t *values;
    uint32_t count;
    int32_t first; /* the input that values[0] belongs to; lower ones are the same */
    int32_t bits;  /* of a value */
};

enum dicom_voi { DICOM_VOI_LINEAR, DICOM_VOI_LINEAR_EXACT, DICOM_VOI_SIGMOID };

struct dicom_frame {
    bool colour;
    const void *pixels; /* colour: [height, width, 3] bytes; else [height, width] of bits_allocated,
                           8 or 16, as stored, in the machine's order */
    int32_t bits_allocated, bits_stored, high_bit;
    bool is_signed, inverted; /* inverted: MONOCHROME1 */
    double slope, intercept;
    bool has_window; /* the file's first */
    double window_center, window_width;
    enum dicom_voi function;
    struct dicom_lut modality, voi;
    bool has_padding; /* stored values that stand for no picture */
    int32_t padding_first, padding_last;
};

/* Everything here is lent for the call. */
typedef int dicom_sink(void *user, const struct dicom_frame *frame);

struct dicom_request {
    const void *bytes; /* a whole file whose structure was checked */
    size_t size;
    int32_t width, height, samples,
        frames; /* as found there; another view of the file is an error */
    int32_t frame;
    const void *plain; /* the frame's pixels, where they are decoded already; the file has none */
    size_t plain_bytes;
    dicom_sink *sink; /* called once, if all went well */
    void *user;
    const char *error; /* out: what went wrong, static; NULL when the sink failed */
};

/* BROKEN, UNSUPPORTED and FAILED come with a text. */
enum dicom_result {
    DICOM_OK,
    DICOM_SINK_FAILED,
    DICOM_BROKEN,
    DICOM_NOT_SUPPORTED,
    DICOM_NO_MEMORY,
    DICOM_FAILED
};

struct dicom_codec {
    uint32_t abi;
    enum dicom_result (*decode)(struct dicom_request *request);
};

/* The symbol of libkarma-dicom.so. */
#define DICOM_CODEC_SYMBOL "karma_dicom_codec"

/* For tests: look for the library at this path alone (NULL: in the usual places again). Not while
 * another thread decodes. */
void dicom_codec_use(const char *path);

#ifdef __cplusplus
}
#endif
#endif
