/*
 * dicom.h - the pixels of a DICOM file as people see them, through DCMTK (C++, make DICOM=1; chosen
 * when the library is installed). Rescale slope and intercept, window, MONOCHROME1 turned, several
 * frames. Nothing but pixels, sizes and the kind of picture leaves this file: no name of a patient,
 * no date, no tag's value is in any message.
 */
#ifndef MEDIA_DICOM_H
#define MEDIA_DICOM_H

#include "media/image.h"

/* Was this build made with DICOM? */
bool dicom_is_built(void);
/* Does it begin as a DICOM file ("DICM" at 128)? */
bool dicom_is(const void *bytes, size_t size);
/* As image_decode(): grey of 8 bits, or colour. E_UNSUPPORTED: not built (says how to get it), or a
 * transfer syntax without a decoder, named; E_MISSING: no pixels; E_RANGE: no such frame (the
 * message has their number). */
karma_status dicom_decode(const void *bytes, size_t size, const char *name,
                          const struct image_options *options, struct image *out);

#endif
