/*
 * exif.h - which way up a picture is: the orientation out of its EXIF or XMP data, as Pillow's
 * ImageOps.exif_transpose reads it. Data that is broken says nothing; it never fails a picture.
 */
#ifndef MEDIA_EXIF_H
#define MEDIA_EXIF_H

#include <stddef.h>

/* 1 (as stored) to 8. EXIF begins with its TIFF header, "Exif\0\0" before it or not. XMP counts
 * where EXIF has no such tag. Either may be NULL with size 0. */
int exif_orientation(const unsigned char *exif, size_t exif_size, const unsigned char *xmp,
                     size_t xmp_size);

#endif
