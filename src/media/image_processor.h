/*
 * image_processor.h - a picture as a model wants it: what Gemma3ImageProcessor makes of it by way
 * of Pillow, to the bit. Colours, crops (pan and scan), bilinear resizing in 8 bits, rescaling and
 * normalising, channels first.
 */
#ifndef MEDIA_IMAGE_PROCESSOR_H
#define MEDIA_IMAGE_PROCESSOR_H

#include "base/json.h"
#include "media/image.h"

/* What becomes of grey with 16 bits. */
enum image_depth {
    IMAGE_DEPTH_REFERENCE,  /* clipped at 255, as Pillow's convert("RGB") does */
    IMAGE_DEPTH_FULL,       /* all 16 bits to 8: round(value * 255 / 65535) */
    IMAGE_DEPTH_LEAST_MOST, /* least to largest value of the picture to 0..255, rounded */
};

struct image_processor {
    int32_t width, height; /* of the result */
    bool do_resize, do_rescale, do_normalize;
    double rescale_factor;
    double mean[3], std[3];
    bool pan_and_scan;
    int32_t min_crop_size, max_num_crops;
    double min_ratio_to_activate;
    enum image_depth depth;
};

/* The depth of that name for users: "reference", "full_depth", "min_max". */
bool image_depth_find(const char *name, enum image_depth *out);
extern const char *const image_depth_names[]; /* NULL ends; indexed by enum image_depth */

/* The class's defaults under processor_config.json's image_processor, or where that has none
 * preprocessor_config.json (either may be NULL). As in the reference, what its processor gives for
 * every call counts over the file: pictures become RGB, pan and scan is off until a caller turns it
 * on, and its three parameters are 256, 4 and 1.2. A value that is not supported (another
 * resampling filter, a crop) is E_UNSUPPORTED naming the key; sizes and factors out of range are
 * E_RANGE. image_size: the tower's, which width and height must equal (E_SHAPE). */
karma_status image_processor_read(const struct json *preprocessor_config,
                                  const struct json *processor_config, int32_t image_size,
                                  struct image_processor *out);

struct image_box {
    int32_t x, y, width, height;
};
enum { IMAGE_MAX_CROPS = 64 }; /* a larger max_num_crops counts as this */
/* The whole picture, then its crops if pan_and_scan asks for some; *n is at least 1. */
void image_processor_boxes(const struct image_processor *p, const struct image *im,
                           struct image_box boxes[IMAGE_MAX_CROPS + 1], size_t *n);
/* One box of im as pixel_values [3, height, width] of the caller. E_NOMEM; E_SHAPE: nothing is
 * resized and the box has another size; E_RANGE: the box is empty, as the last of very many crops
 * may be. *clipped (may be NULL): values above 255 were cut. */
karma_status image_processor_run(const struct image_processor *p, const struct image *im,
                                 const struct image_box *box, float *pixel_values, bool *clipped);

#endif
