/*
 * image_webp.c - WebP by libwebp: lossy and lossless; alpha is dropped; animation is refused. The
 * chunks around the picture are walked through first, for their lengths and for EXIF and XMP, which
 * count as in libwebp's own demuxer: with their flag set, the first of each.
 */
#include <string.h>
#include <webp/decode.h>

#include "media/exif.h"
#include "media/image_codecs.h"

enum {
    RIFF_BYTES = 12,
    CHUNK_BYTES = 8,
    FLAG_ANIMATION = 0x02,
    FLAG_XMP = 0x04,
    FLAG_EXIF = 0x08,
};

struct survey {
    unsigned flags; /* of VP8X; 0: a file without */
    size_t size;    /* as the file says, all of which is there */
    const unsigned char *exif, *xmp;
    size_t exif_size, xmp_size;
};

static size_t read32(const unsigned char *p) {
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

static bool is_type(const unsigned char *p, const char *type) {
    return memcmp(p, type, 4) == 0;
}

static void note_metadata(const unsigned char *p, size_t size, struct survey *s) {
    if (is_type(p, "EXIF") && s->flags & FLAG_EXIF && !s->exif) {
        s->exif = p + CHUNK_BYTES;
        s->exif_size = size;
    }
    if (is_type(p, "XMP ") && s->flags & FLAG_XMP && !s->xmp) {
        s->xmp = p + CHUNK_BYTES;
        s->xmp_size = size;
    }
}

static karma_status walk(const struct image_source *from, struct survey *s) {
    const unsigned char *bytes = from->bytes;
    *s = (struct survey){.size = read32(bytes + 4) + CHUNK_BYTES};
    if (s->size > from->size)
        return status_fail(KARMA_E_TRUNCATED, "%zu bytes, its header says %zu", from->size,
                           s->size);
    if (s->size < RIFF_BYTES + CHUNK_BYTES)
        return status_fail(KARMA_E_SYNTAX, "its header says %zu bytes", s->size);
    for (size_t at = RIFF_BYTES; s->size - at >= CHUNK_BYTES;) {
        const unsigned char *p = bytes + at;
        const size_t size = read32(p + 4), left = s->size - at - CHUNK_BYTES;
        if (size > left)
            return status_fail(KARMA_E_SYNTAX, "chunk %s at byte %zu: %zu bytes, %zu are left",
                               status_quote((const char *)p, 4), at, size, left);
        if (is_type(p, "VP8X") && at == RIFF_BYTES && size > 0) s->flags = p[CHUNK_BYTES];
        if (s->flags & FLAG_ANIMATION || is_type(p, "ANIM") || is_type(p, "ANMF"))
            return status_fail(KARMA_E_UNSUPPORTED, "animation is not read");
        note_metadata(p, size, s);
        const size_t padded = size + (size & 1);
        at += CHUNK_BYTES + (padded < left ? padded : left);
    }
    return KARMA_OK;
}

static karma_status check(VP8StatusCode code) {
    switch (code) {
    case VP8_STATUS_OK:
        return KARMA_OK;
    case VP8_STATUS_OUT_OF_MEMORY:
        return status_fail(KARMA_E_NOMEM, "out of memory");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return status_fail(KARMA_E_TRUNCATED, "the picture's data ends early");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return status_fail(KARMA_E_UNSUPPORTED, "a feature that libwebp does not read");
    default:
        return status_fail(KARMA_E_SYNTAX, "broken data");
    }
}

static karma_status decode_into(const struct image_source *from, size_t size, struct image *out) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return status_fail(KARMA_E_INTERNAL, "libwebp is another than this was built with");
    karma_status st = check(WebPGetFeatures(from->bytes, size, &config.input));
    if (st < 0) return st;
    if (config.input.has_animation)
        return status_fail(KARMA_E_UNSUPPORTED, "animation is not read");
    st = image_begin(from, (uint64_t)config.input.width, (uint64_t)config.input.height, 3, 8, out);
    if (st < 0) return st;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out->pixels;
    config.output.u.RGBA.stride = (int)image_row_bytes(out);
    config.output.u.RGBA.size = image_row_bytes(out) * (size_t)out->height;
    st = check(WebPDecode(from->bytes, size, &config));
    WebPFreeDecBuffer(&config.output);
    return st;
}

karma_status image_webp_decode(const struct image_source *from, struct image *out,
                               int *orientation) {
    struct survey s;
    karma_status st = walk(from, &s);
    if (st == KARMA_OK) st = decode_into(from, s.size, out);
    *orientation = exif_orientation(s.exif, s.exif_size, s.xmp, s.xmp_size);
    return st;
}
