/*
 * image.c - see image.h. What a file is, limits, and turning the picture upright; the decoders are
 * in image_jpeg.c, image_png.c, image_webp.c and behind dicom.h.
 */
#include "media/image.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/size.h"
#include "media/dicom.h"
#include "media/image_codecs.h"

enum {
    MAX_FILE_BYTES = 1 << 30,
    LOOK_BYTES = 1024, /* how far into a file its kind is looked for */
};

/* ---- what it is ---- */

static bool has(const unsigned char *bytes, size_t size, size_t at, const char *magic, size_t len) {
    return size >= at && size - at >= len && memcmp(bytes + at, magic, len) == 0;
}

/* Kinds that are known by bytes at one place. */
static const struct {
    const char *name;
    size_t at;
    const char *magic;
    size_t len;
} other_kinds[] = {
    {"GIF", 0, "GIF87a", 6},
    {"GIF", 0, "GIF89a", 6},
    {"TIFF", 0, "II*\0", 4},
    {"TIFF", 0, "MM\0*", 4},
    {"TIFF", 0, "II+\0", 4},
    {"TIFF", 0, "MM\0+", 4},
    {"JPEG 2000", 0, "\0\0\0\fjP  ", 8},
    {"JPEG 2000", 0, "\xff\x4f\xff\x51", 4},
    {"JPEG XL", 0, "\0\0\0\fJXL ", 8},
    {"JPEG XL", 0, "\xff\x0a", 2},
    {"AVIF", 4, "ftypavi", 7},
    {"HEIC", 4, "ftyphei", 7},
    {"HEIC", 4, "ftyphev", 7},
    {"HEIC", 4, "ftypmif1", 8},
    {"HEIC", 4, "ftypmsf1", 8},
};

static bool is_svg(const unsigned char *b, size_t size) {
    size_t at = has(b, size, 0, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (at < size && (b[at] == ' ' || (b[at] >= '\t' && b[at] <= '\r')))
        at++;
    return at < size && b[at] == '<' && memmem(b + at, size - at, "<svg", 4);
}

static const char *other_kind(const unsigned char *b, size_t size) {
    for (size_t i = 0; i < sizeof(other_kinds) / sizeof(other_kinds[0]); i++)
        if (has(b, size, other_kinds[i].at, other_kinds[i].magic, other_kinds[i].len))
            return other_kinds[i].name;
    /* Two letters begin many a text; a bitmap's reserved bytes are zero. */
    if (has(b, size, 0, "BM", 2) && has(b, size, 6, "\0\0\0\0", 4)) return "BMP";
    const size_t look = size < LOOK_BYTES ? size : LOOK_BYTES;
    if (look > 0 && memmem(b, look, "%PDF-", 5)) return "PDF";
    return is_svg(b, look) ? "SVG" : NULL;
}

const char *image_format(const void *bytes, size_t size, const char **other) {
    const unsigned char *b = bytes;
    if (other) *other = NULL;
    if (size == 0) return NULL;
    /* First, as what lies before its mark may be anything, a TIFF header too. */
    if (dicom_is(b, size)) return "DICOM";
    if (has(b, size, 0, "\xff\xd8\xff", 3)) return "JPEG";
    if (has(b, size, 0, "\x89PNG\r\n\x1a\n", 8)) return "PNG";
    if (has(b, size, 0, "RIFF", 4) && has(b, size, 8, "WEBP", 4)) return "WebP";
    if (other) *other = other_kind(b, size);
    return NULL;
}

static bool is_text(const unsigned char *b, size_t size) {
    const size_t look = size < LOOK_BYTES ? size : LOOK_BYTES;
    for (size_t i = 0; i < look; i++)
        if (b[i] == 0x7f || (b[i] < ' ' && (b[i] < '\t' || b[i] > '\r'))) return false;
    return true;
}

static karma_status refuse_kind(const unsigned char *b, size_t size, const char *other) {
    const char *read = dicom_is_built() ? "JPEG, PNG, WebP and DICOM" : "JPEG, PNG and WebP";
    if (size == 0) return status_fail(KARMA_E_MAGIC, "not a picture: it is empty");
    if (other) return status_fail(KARMA_E_UNSUPPORTED, "%s is not read; %s are", other, read);
    if (has(b, size, 0, "version https://git-lfs", 23))
        return status_fail(KARMA_E_MAGIC, "not a picture, but a pointer to one left by Git LFS");
    return status_fail(KARMA_E_MAGIC, "not a picture%s; %s are read",
                       is_text(b, size) ? ", but text" : "", read);
}

/* ---- room ---- */

karma_status image_check_size(uint64_t width, uint64_t height, int64_t max_pixels) {
    const unsigned long long w = width, h = height;
    if (width == 0 || height == 0)
        return status_fail(KARMA_E_RANGE, "%llu x %llu: a picture without pixels", w, h);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE)
        return status_fail(KARMA_E_LIMIT, "%llu x %llu: a side has at most %d pixels", w, h,
                           IMAGE_MAX_SIDE);
    if (width * height > (uint64_t)max_pixels)
        return status_fail(KARMA_E_LIMIT, "%llu x %llu: more than the %lld pixels allowed", w, h,
                           (long long)max_pixels);
    return KARMA_OK;
}

static karma_status allocate(int32_t width, int32_t height, int32_t channels, int32_t bits,
                             struct image *out) {
    size_t bytes;
    *out = (struct image){width, height, channels, bits, NULL};
    if (!mul_size(image_row_bytes(out), (size_t)height, &bytes))
        return status_fail(KARMA_E_LIMIT, "%d x %d: too large", width, height);
    out->pixels = mem_alloc(bytes);
    return out->pixels ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status image_begin(const struct image_source *from, uint64_t width, uint64_t height,
                         int32_t channels, int32_t bits, struct image *out) {
    karma_status st = image_check_size(width, height, from->max_pixels);
    return st < 0 ? st : allocate((int32_t)width, (int32_t)height, channels, bits, out);
}

void image_release(struct image *im) {
    if (!im) return;
    mem_free(im->pixels);
    *im = (struct image){0};
}

/* ---- upright ---- */

/* out[y][x] = from[y * per_row + x * per_column], in units of one pixel of `bytes` bytes. */
static void copy_pixels(const struct image *out, const unsigned char *from, ptrdiff_t per_row,
                        ptrdiff_t per_column, ptrdiff_t bytes) {
    for (int32_t y = 0; y < out->height; y++) {
        unsigned char *to = image_row(out, y);
        const unsigned char *p = from + y * per_row * bytes;
        for (int32_t x = 0; x < out->width; x++, p += per_column * bytes, to += bytes) {
            to[0] = p[0];
            if (bytes > 1) to[1] = p[1];
            if (bytes > 2) to[2] = p[2];
        }
    }
}

static karma_status turn(struct image *im, int orientation) {
    const bool swapped = orientation >= 5;
    const bool from_right = orientation == 2 || orientation == 3 || orientation >= 7;
    const bool from_below =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const ptrdiff_t width = im->width, height = im->height;
    const ptrdiff_t bytes = im->channels * (im->bits / 8);
    const ptrdiff_t right = from_right ? -1 : 1, down = from_below ? -width : width;
    struct image out;
    if (orientation == 1) return KARMA_OK;
    karma_status st = allocate(swapped ? im->height : im->width, swapped ? im->width : im->height,
                               im->channels, im->bits, &out);
    if (st < 0) return st;
    const unsigned char *first =
        (const unsigned char *)im->pixels +
        ((from_right ? width - 1 : 0) + (from_below ? (height - 1) * width : 0)) * bytes;
    copy_pixels(&out, first, swapped ? right : down, swapped ? down : right, bytes);
    image_release(im);
    *im = out;
    return KARMA_OK;
}

/* ---- decoding ---- */

static karma_status decode(const struct image_source *from, const struct image_options *o,
                           const char *format, struct image *out) {
    int orientation = 1;
    karma_status st;
    if (o->frame != 0)
        return status_fail(KARMA_E_RANGE, "frame %d: the file has one, number 0", o->frame);
    if (format[0] == 'J') {
        st = image_jpeg_decode(from, out, &orientation);
    } else if (format[0] == 'P') {
        st = image_png_decode(from, out, &orientation);
    } else {
        st = image_webp_decode(from, out, &orientation);
    }
    if (st < 0) return status_prefix(st, "%s", format);
    return turn(out, orientation);
}

karma_status image_decode(const void *bytes, size_t size, const char *name,
                          const struct image_options *options, struct image *out) {
    static const struct image_options defaults;
    const struct image_options *o = options ? options : &defaults;
    struct image_source from = {bytes, size, o->max_pixels > 0 ? o->max_pixels : IMAGE_MAX_PIXELS};
    const char *other, *format = image_format(bytes, size, &other);
    *out = (struct image){0};
    if (format && format[0] == 'D') return dicom_decode(bytes, size, name, options, out);
    karma_status st = !format ? refuse_kind(bytes, size, other)
                      : o->max_pixels < 0
                          ? status_fail(KARMA_E_RANGE, "max_pixels: expected 0 or more, found %lld",
                                        (long long)o->max_pixels)
                          : decode(&from, o, format, out);
    if (st == KARMA_OK) return st;
    image_release(out);
    return status_prefix(st, "%s", status_quote_path(name));
}

karma_status image_decode_file(const char *path, const struct image_options *options,
                               struct image *out) {
    struct buf file = {0};
    *out = (struct image){0};
    karma_status st = file_read(path, MAX_FILE_BYTES, &file);
    if (st == KARMA_OK) st = image_decode(file.data, file.len, path, options, out);
    buf_release(&file);
    return st;
}
