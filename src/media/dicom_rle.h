/*
 * dicom_rle.h - frames of DICOM's run lengths (PS3.5, annex G). Of our own, since that of DCMTK
 * 3.6.7, as Debian has it, reads past the end of broken ones.
 */
#ifndef MEDIA_DICOM_RLE_H
#define MEDIA_DICOM_RLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* n_pixels of samples cells each, cells of 1 or 2 bytes in the machine's order, a pixel's samples
 * together, into out. E_TRUNCATED, E_SYNTAX. */
karma_status dicom_rle_decode(const unsigned char *in, size_t size, size_t n_pixels, size_t samples,
                              size_t cell_bytes, void *out);

#endif
