/*
 * image_processor.c - see image_processor.h. A value of 8 bits has one float of each channel, so
 * rescaling and normalising are tables of 256, made in the reference's steps: the product in
 * double, rounded to float, then difference and quotient in float.
 */
#include "media/image_processor.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "media/resize.h"

/* ---- configuration ---- */

const char *const image_depth_names[] = {
    [IMAGE_DEPTH_REFERENCE] = "reference",
    [IMAGE_DEPTH_FULL] = "full_depth",
    [IMAGE_DEPTH_LEAST_MOST] = "min_max",
    NULL,
};

bool image_depth_find(const char *name, enum image_depth *out) {
    for (int i = 0; image_depth_names[i]; i++) {
        if (strcmp(name, image_depth_names[i]) != 0) continue;
        *out = (enum image_depth)i;
        return true;
    }
    return false;
}

/* A square of one number, or height and width. Other kinds keep the ratio of the sides. */
static karma_status read_size(const struct json *config, struct image_processor *p) {
    const struct json *size = json_get(config, "size");
    int64_t height = 224, width = 224;
    karma_status st = KARMA_OK;
    if (size && size->type == JSON_INT) {
        st = json_field_int(config, "size", 1, IMAGE_MAX_SIDE, 224, &height);
        width = height;
    } else if (json_is_object(size)) {
        for (size_t i = 0; i < size->u.object.count; i++) {
            const char *key = size->u.object.members[i].key;
            if (strcmp(key, "height") != 0 && strcmp(key, "width") != 0 &&
                !json_is_null(size->u.object.members[i].value))
                return status_fail(KARMA_E_UNSUPPORTED, "size.%s: only height and width are",
                                   status_quotez(key));
        }
        st = json_need_int(size, "height", 1, IMAGE_MAX_SIDE, &height);
        if (st == KARMA_OK) st = json_need_int(size, "width", 1, IMAGE_MAX_SIDE, &width);
        st = status_prefix(st, "size");
    } else if (!json_is_null(size)) {
        st = status_fail(KARMA_E_TYPE, "size: expected height and width, found %s",
                         json_type_name(size));
    }
    p->height = (int32_t)height;
    p->width = (int32_t)width;
    return st;
}

static karma_status as_real(const struct json *j, const char *key, double *out) {
    if (!j || (j->type != JSON_INT && j->type != JSON_REAL))
        return status_fail(KARMA_E_TYPE, "%s: expected a number, found %s", key, json_type_name(j));
    *out = j->type == JSON_INT ? (double)j->u.integer : j->u.real;
    if (!isfinite((float)*out)) return status_fail(KARMA_E_RANGE, "%s: %g is too large", key, *out);
    return KARMA_OK;
}

/* One number for all channels, or three. */
static karma_status read_channels(const struct json *config, const char *key, double out[3]) {
    const struct json *j = json_get(config, key);
    karma_status st = KARMA_OK;
    if (json_is_null(j)) return KARMA_OK; /* out keeps its default */
    if (json_is_array(j) && json_count(j) != 3)
        return status_fail(KARMA_E_SHAPE, "%s: expected 3 numbers, found %zu", key, json_count(j));
    for (size_t c = 0; st == KARMA_OK && c < 3; c++)
        st = as_real(json_is_array(j) ? json_at(j, c) : j, key, &out[c]);
    return st;
}

static karma_status refuse_if_true(const struct json *config, const char *key) {
    bool on = false;
    karma_status st = json_field_bool(config, key, false, &on);
    if (st == KARMA_OK && on) st = status_fail(KARMA_E_UNSUPPORTED, "%s: true is not", key);
    return st;
}

static karma_status check_filter(const struct json *config) {
    enum { BILINEAR = 2 }; /* as Pillow counts */
    int64_t filter = BILINEAR;
    karma_status st = json_field_int(config, "resample", 0, 5, BILINEAR, &filter);
    if (st == KARMA_OK && filter != BILINEAR)
        st =
            status_fail(KARMA_E_UNSUPPORTED, "resample: %d is not, only 2 (bilinear)", (int)filter);
    return st;
}

static karma_status check_layout(const struct json *config) {
    const char *format = NULL;
    karma_status st = json_field_str(config, "data_format", "channels_first", &format);
    if (st == KARMA_OK && strcmp(format, "channels_first") != 0)
        st = status_fail(KARMA_E_UNSUPPORTED, "data_format: %s is not, only channels_first",
                         status_quotez(format));
    return st;
}

static karma_status read_config(const struct json *config, struct image_processor *p) {
    karma_status st = read_size(config, p);
    if (st == KARMA_OK) st = check_filter(config);
    if (st == KARMA_OK) st = check_layout(config);
    if (st == KARMA_OK) st = refuse_if_true(config, "do_center_crop");
    if (st == KARMA_OK) st = refuse_if_true(config, "do_pad");
    if (st == KARMA_OK) st = json_field_bool(config, "do_resize", true, &p->do_resize);
    if (st == KARMA_OK) st = json_field_bool(config, "do_rescale", true, &p->do_rescale);
    if (st == KARMA_OK) st = json_field_bool(config, "do_normalize", true, &p->do_normalize);
    if (st == KARMA_OK && !json_is_null(json_get(config, "rescale_factor")))
        st = as_real(json_get(config, "rescale_factor"), "rescale_factor", &p->rescale_factor);
    if (st == KARMA_OK && p->rescale_factor <= 0)
        st = status_fail(KARMA_E_RANGE, "rescale_factor: expected more than 0, found %g",
                         p->rescale_factor);
    if (st == KARMA_OK) st = read_channels(config, "image_mean", p->mean);
    if (st == KARMA_OK) st = read_channels(config, "image_std", p->std);
    for (int c = 0; st == KARMA_OK && c < 3; c++) {
        if ((float)p->std[c] <= 0)
            st = status_fail(KARMA_E_RANGE, "image_std: expected more than 0, found %g", p->std[c]);
    }
    return st;
}

karma_status image_processor_read(const struct json *preprocessor_config,
                                  const struct json *processor_config, int32_t image_size,
                                  struct image_processor *out) {
    const struct json *nested = json_get(processor_config, "image_processor");
    const struct json *config = nested ? nested : preprocessor_config;
    const char *file =
        nested ? "processor_config.json: image_processor" : "preprocessor_config.json";
    *out = (struct image_processor){
        .rescale_factor = 1 / 255.0,
        .mean = {0.5, 0.5, 0.5},
        .std = {0.5, 0.5, 0.5},
        .min_crop_size = 256,
        .max_num_crops = 4,
        .min_ratio_to_activate = 1.2,
    };
    if (config && !json_is_object(config))
        return status_fail(KARMA_E_TYPE, "%s: expected an object, found %s", file,
                           json_type_name(config));
    karma_status st = read_config(config, out);
    if (st == KARMA_OK && (out->width != image_size || out->height != image_size))
        st = status_fail(KARMA_E_SHAPE, "size: %d x %d, but the model sees %d x %d", out->width,
                         out->height, image_size, image_size);
    return status_prefix(st, "%s", file);
}

/* ---- pan and scan ---- */

static int32_t least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* In how many the longer side is cut. */
static int32_t crops_of(const struct image_processor *p, int32_t longer, int32_t shorter) {
    int32_t n = (int32_t)floor((double)longer / shorter + 0.5);
    n = least(longer / p->min_crop_size, n);
    if (n < 2) n = 2;
    return least(least(p->max_num_crops, IMAGE_MAX_CROPS), n);
}

void image_processor_boxes(const struct image_processor *p, const struct image *im,
                           struct image_box boxes[IMAGE_MAX_CROPS + 1], size_t *n) {
    const bool wide = im->width >= im->height;
    const int32_t longer = wide ? im->width : im->height, shorter = wide ? im->height : im->width;
    boxes[0] = (struct image_box){.width = im->width, .height = im->height};
    *n = 1;
    if (!p->pan_and_scan || p->min_crop_size < 1 || p->max_num_crops < 1) return;
    if ((double)longer / shorter < p->min_ratio_to_activate) return;
    const int32_t count = crops_of(p, longer, shorter), length = (longer + count - 1) / count;
    if (least(length, shorter) < p->min_crop_size) return;
    for (int32_t i = 0; i < count; i++) {
        const int32_t at = least(i * length, longer), here = least(length, longer - at);
        boxes[(*n)++] = wide ? (struct image_box){.x = at, .width = here, .height = shorter}
                             : (struct image_box){.y = at, .width = shorter, .height = here};
    }
}

/* ---- pixels ---- */

/* The box of a 16-bit picture in 8 bits. */
static uint8_t *narrowed(const struct image_processor *p, const struct image *im,
                         const struct image_box *box, bool *clipped) {
    const uint16_t *all = im->pixels;
    const size_t stride = (size_t)im->width, n = stride * (size_t)im->height;
    uint8_t *out = mem_alloc((size_t)box->width * (size_t)box->height), *to = out;
    uint32_t lo = 0, range = p->depth == IMAGE_DEPTH_REFERENCE ? 255 : 65535, above = 0;
    if (!out) return NULL;
    if (p->depth == IMAGE_DEPTH_LEAST_MOST) { /* of the whole picture: crops look like it */
        uint16_t least_of_all = 65535, most = 0;
        for (size_t i = 0; i < n; i++) {
            least_of_all = all[i] < least_of_all ? all[i] : least_of_all;
            most = all[i] > most ? all[i] : most;
        }
        lo = least_of_all;
        range = most > lo ? most - lo : 1; /* one value everywhere: black */
    }
    for (int32_t y = 0; y < box->height; y++) {
        const uint16_t *row = all + (size_t)(box->y + y) * stride + box->x;
        for (int32_t x = 0; x < box->width; x++) {
            const uint32_t v = row[x] - lo;
            above |= v > range;
            *to++ = (uint8_t)(v > range ? 255 : (v * 255 + range / 2) / range);
        }
    }
    *clipped = above;
    return out;
}

/* What becomes of each of the 256 values in channel c. */
static void fill_table(const struct image_processor *p, int c, float table[256]) {
    const float mean = (float)p->mean[c], std = (float)p->std[c];
    for (int u = 0; u < 256; u++) {
        float v = p->do_rescale ? (float)(u * p->rescale_factor) : (float)u;
        if (p->do_normalize) v = (v - mean) / std;
        table[u] = v;
    }
}

static void spread(const struct image_processor *p, const uint8_t *in, size_t row_bytes,
                   size_t channels, float *out) {
    float table[256];
    const size_t width = (size_t)p->width, height = (size_t)p->height;
    for (int c = 0; c < 3; c++) {
        fill_table(p, c, table);
        for (size_t y = 0; y < height; y++) {
            const uint8_t *row = in + y * row_bytes + (channels == 3 ? (size_t)c : 0);
            for (size_t x = 0; x < width; x++)
                *out++ = table[row[x * channels]];
        }
    }
}

static karma_status check_box(const struct image_processor *p, const struct image *im,
                              const struct image_box *box) {
    if (box->width < 1 || box->height < 1 || box->x < 0 || box->y < 0 ||
        box->x > im->width - box->width || box->y > im->height - box->height)
        return status_fail(KARMA_E_RANGE, "a crop of %d x %d at %d, %d of a picture of %d x %d",
                           box->width, box->height, box->x, box->y, im->width, im->height);
    if (!p->do_resize && (box->width != p->width || box->height != p->height))
        return status_fail(KARMA_E_SHAPE, "a picture of %d x %d, the model sees %d x %d",
                           box->width, box->height, p->width, p->height);
    return KARMA_OK;
}

karma_status image_processor_run(const struct image_processor *p, const struct image *im,
                                 const struct image_box *box, float *pixel_values, bool *clipped) {
    const size_t channels = (size_t)im->channels;
    const size_t n = (size_t)p->width * (size_t)p->height * channels;
    const bool as_it_is = box->width == p->width && box->height == p->height;
    const uint8_t *in = im->pixels;
    size_t row_bytes = (size_t)im->width * channels;
    uint8_t *narrow = NULL, *resized = NULL;
    bool cut = false;
    karma_status st = check_box(p, im, box);
    if (clipped) *clipped = false;
    if (st < 0) return st;
    if (im->bits == 16) {
        in = narrow = narrowed(p, im, box, &cut);
        row_bytes = (size_t)box->width;
    } else {
        in += (size_t)box->y * row_bytes + (size_t)box->x * channels;
    }
    if (!as_it_is) resized = mem_alloc(n);
    if (!in || (!as_it_is && !resized)) st = KARMA_E_NOMEM;
    if (st == KARMA_OK && !as_it_is) {
        st = image_resize_bilinear(in, row_bytes, box->width, box->height, im->channels, resized,
                                   p->width, p->height);
        in = resized;
        row_bytes = (size_t)p->width * channels;
    }
    if (st == KARMA_OK) spread(p, in, row_bytes, channels, pixel_values);
    if (st == KARMA_OK && clipped) *clipped = cut;
    mem_free(narrow);
    mem_free(resized);
    return st;
}
