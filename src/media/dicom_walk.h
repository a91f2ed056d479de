/*
 * dicom_walk.h - the structure of a DICOM file, checked before a library takes it apart: every
 * length against what there is, the depth of sequences, the number of elements. On the way the few
 * elements that say what the pixels are.
 */
#ifndef MEDIA_DICOM_WALK_H
#define MEDIA_DICOM_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum dicom_coding {
    DICOM_IMPLICIT,
    DICOM_EXPLICIT,
    DICOM_BIG_ENDIAN,
    DICOM_DEFLATED,
    DICOM_RLE,
    DICOM_JPEG,
    DICOM_JPEG_LS,
    DICOM_UNREAD, /* known, but nothing here decodes it */
};

/* As the standard's table of transfer syntaxes (PS3.6, A-1) has them. */
struct dicom_syntax {
    const char *uid, *name;
    enum dicom_coding coding;
};

struct dicom_header {
    const struct dicom_syntax *syntax;
    size_t dataset;    /* where the elements after those of group 2 begin */
    size_t end;        /* behind the last element: zeros may follow */
    size_t syntax_uid; /* where the UID of the transfer syntax is, and its length */
    size_t syntax_len;
    char modality[17]; /* "CT"; "" if there is none */
    char photometric[17];
    int32_t rows, columns, samples, bits_allocated, bits_stored; /* 0: not there */
    int32_t frames;                                              /* at least 1 */
    size_t pixels;                                               /* where their element begins */
    bool has_pixels, encapsulated, float_pixels;
    uint64_t pixel_bytes; /* of native pixels, or of all fragments */
    uint64_t fragments;   /* without the table of offsets */
    size_t first_fragment, first_fragment_end, last_fragment,
        last_fragment_end; /* places of their bytes */
    uint64_t wanted;       /* in: this fragment, from 0, is */
    size_t at, at_end;     /* here */
};

/* Group 2 and the transfer syntax alone. E_MAGIC, E_TRUNCATED, E_MISSING: no transfer syntax;
 * E_UNSUPPORTED names one that is not read. */
karma_status dicom_walk_meta(const unsigned char *bytes, size_t size, struct dicom_header *out);
/* After it, the data set in bytes[out->dataset, size), not deflated. E_TRUNCATED, E_SYNTAX,
 * E_LIMIT. */
karma_status dicom_walk_dataset(const unsigned char *bytes, size_t size, struct dicom_header *out);

#endif
