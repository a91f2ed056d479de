/*
 * image_png.c - PNG by libpng. The file's chunks are walked through first: lengths, checksums,
 * sizes and the few words of metadata that are of use. libpng then gets to see only what makes
 * pixels; it neither reads nor unpacks any other chunk. Alpha is dropped, palettes are looked up,
 * grey of fewer than 8 bits is widened; grey of 16 bits stays so, and of other 16-bit samples the
 * high byte is kept: what Pillow has after its convert("RGB"), but for that grey.
 *
 * libpng leaves by longjmp() on any error; see image_jpeg.c.
 */
#include <setjmp.h>
#include <stdio.h> /* png.h wants it */

#include <png.h>
#include <zlib.h>

#include <string.h>

#include "base/mem.h"
#include "base/size.h"
#include "media/exif.h"
#include "media/image_codecs.h"

enum {
    SIGNATURE_BYTES = 8,
    CHUNK_BYTES = 12, /* length, type and checksum around what a chunk holds */
    HEADER_BYTES = 13,
    MAX_RATIO = 1032, /* what deflate can reach */
};

struct chunk {
    const unsigned char *type; /* 4 letters */
    const unsigned char *data;
    size_t size;
    size_t at; /* in the file */
};

struct survey { /* of a whole file */
    uint32_t width, height;
    int depth, colour; /* PNG_COLOR_TYPE_... */
    bool interlaced, has_end;
    uint64_t data_bytes; /* of all IDAT chunks */
    const unsigned char *exif, *xmp;
    size_t exif_size, xmp_size;
};

struct decoder {
    png_structp png;
    png_infop info;
    const struct image_source *from;
    const struct survey *survey;
    struct image *out;
    size_t at; /* in the file */
    bool no_memory, warned;
    karma_status status; /* why it left */
    jmp_buf leave;
};

/* ---- the walk ---- */

static bool is_type(const struct chunk *c, const char *type) {
    return memcmp(c->type, type, 4) == 0;
}

static karma_status next_chunk(const struct image_source *from, size_t at, struct chunk *c) {
    const unsigned char *p = from->bytes + at;
    const size_t left = from->size - at;
    if (left < CHUNK_BYTES) return status_fail(KARMA_E_TRUNCATED, "the file ends early");
    *c = (struct chunk){p + 4, p + 8, png_get_uint_32(p), at};
    for (int i = 0; i < 4; i++)
        if (!((c->type[i] | 0x20) >= 'a' && (c->type[i] | 0x20) <= 'z'))
            return status_fail(KARMA_E_SYNTAX, "byte %zu: not a chunk", at);
    const char *type = status_quote((const char *)c->type, 4);
    if (c->size > PNG_UINT_31_MAX)
        return status_fail(KARMA_E_SYNTAX, "chunk %s at byte %zu: length %zu", type, at, c->size);
    if (c->size > left - CHUNK_BYTES)
        return status_fail(KARMA_E_TRUNCATED, "chunk %s at byte %zu: %zu bytes, the file has %zu",
                           type, at, c->size, left - CHUNK_BYTES);
    const uLong sum = crc32(0, c->type, (uInt)c->size + 4);
    if (sum != png_get_uint_32(c->data + c->size))
        return status_fail(KARMA_E_DIGEST, "chunk %s at byte %zu: its checksum differs", type, at);
    return KARMA_OK;
}

static karma_status read_header(const struct chunk *c, int64_t max_pixels, struct survey *s) {
    static const char *const depths[] = {"\1\2\4\10\20", "", "\10\20", "\1\2\4\10",
                                         "\10\20",       "", "\10\20"};
    const unsigned char *p = c->data;
    if (is_type(c, "CgBI"))
        return status_fail(KARMA_E_UNSUPPORTED, "of Apple's own kind, which is no true PNG");
    if (!is_type(c, "IHDR") || c->size != HEADER_BYTES)
        return status_fail(KARMA_E_SYNTAX, "does not begin with a header");
    s->width = png_get_uint_32(p);
    s->height = png_get_uint_32(p + 4);
    s->depth = p[8];
    s->colour = p[9];
    s->interlaced = p[12] == PNG_INTERLACE_ADAM7;
    if (p[9] >= sizeof(depths) / sizeof(depths[0]) || p[8] == 0 || !strchr(depths[p[9]], p[8]))
        return status_fail(KARMA_E_SYNTAX, "colour type %d with %d bits: no such kind", p[9], p[8]);
    if (p[10] != 0 || p[11] != 0 || p[12] > PNG_INTERLACE_ADAM7)
        return status_fail(KARMA_E_SYNTAX, "compression %d, filter %d, interlace %d: no such kind",
                           p[10], p[11], p[12]);
    return image_check_size(s->width, s->height, max_pixels);
}

/* "XML:com.adobe.xmp", not compressed: keyword NUL flag method language NUL translated NUL text. */
static void read_xmp(const struct chunk *c, struct survey *s) {
    static const char keyword[] = "XML:com.adobe.xmp";
    size_t at = sizeof(keyword) + 2;
    if (c->size < at || memcmp(c->data, keyword, sizeof(keyword)) != 0) return;
    if (c->data[sizeof(keyword)] != 0) return; /* never unpacked */
    for (int texts = 0; texts < 2; texts++) {
        const unsigned char *end = memchr(c->data + at, 0, c->size - at);
        if (!end) return;
        at = (size_t)(end - c->data) + 1;
    }
    s->xmp = c->data + at;
    s->xmp_size = c->size - at;
}

/* Chunks whose first letter is large are needed; all the pixels' data lies in one row of them. */
static karma_status check_order(const struct chunk *c, bool data_ended, bool first) {
    const char *type = status_quote((const char *)c->type, 4);
    if (!first && is_type(c, "IHDR"))
        return status_fail(KARMA_E_SYNTAX, "byte %zu: a second header", c->at);
    if (is_type(c, "IDAT") && data_ended)
        return status_fail(KARMA_E_SYNTAX, "chunk IDAT at byte %zu: apart from the others", c->at);
    if (c->type[0] & 0x20 || is_type(c, "IHDR") || is_type(c, "PLTE") || is_type(c, "IDAT") ||
        is_type(c, "IEND"))
        return KARMA_OK;
    return status_fail(KARMA_E_SYNTAX, "chunk %s at byte %zu: not known, but needed", type, c->at);
}

static karma_status walk(const struct image_source *from, struct survey *s) {
    struct chunk c = {0};
    size_t at = SIGNATURE_BYTES;
    bool data_ended = false;
    *s = (struct survey){0};
    while (!s->has_end) {
        const bool first = at == SIGNATURE_BYTES;
        karma_status st = next_chunk(from, at, &c);
        if (st == KARMA_OK && first) st = read_header(&c, from->max_pixels, s);
        if (st == KARMA_OK) st = check_order(&c, data_ended, first);
        if (st < 0) return st;
        if (is_type(&c, "IDAT")) {
            s->data_bytes += c.size;
        } else {
            data_ended = s->data_bytes > 0;
        }
        if (is_type(&c, "iTXt")) read_xmp(&c, s);
        if (is_type(&c, "eXIf")) {
            s->exif = c.data;
            s->exif_size = c.size;
        }
        s->has_end = is_type(&c, "IEND");
        at += CHUNK_BYTES + c.size;
    }
    return KARMA_OK;
}

static int channels_of(const struct survey *s) {
    return s->colour == PNG_COLOR_TYPE_GRAY || s->colour == PNG_COLOR_TYPE_PALETTE ? 1
           : s->colour == PNG_COLOR_TYPE_GRAY_ALPHA                                ? 2
           : s->colour == PNG_COLOR_TYPE_RGB                                       ? 3
                                                                                   : 4;
}

/* Can that much data unpack to that many pixels? */
static karma_status check_data(const struct survey *s) {
    if (s->data_bytes == 0) return status_fail(KARMA_E_SYNTAX, "holds no picture");
    const uint64_t bits = (uint64_t)s->width * s->height * (unsigned)(s->depth * channels_of(s));
    if (s->data_bytes > UINT64_MAX / MAX_RATIO - 1 || bits / 8 <= (s->data_bytes + 1) * MAX_RATIO)
        return KARMA_OK;
    return status_fail(KARMA_E_TRUNCATED, "%u x %u: %llu bytes of data cannot hold that", s->width,
                       s->height, (unsigned long long)s->data_bytes);
}

/* ---- libpng ---- */

static _Noreturn void leave(struct decoder *d, karma_status st) {
    d->status = st;
    longjmp(d->leave, 1);
}

static void *give(png_structp png, png_alloc_size_t size) {
    struct decoder *d = png_get_mem_ptr(png);
    void *p = mem_alloc(size);
    d->no_memory = d->no_memory || !p;
    return p;
}

static void take_back(png_structp png, void *p) {
    (void)png;
    mem_free(p);
}

static _Noreturn void on_error(png_structp png, const char *text) {
    struct decoder *d = png_get_error_ptr(png);
    if (d->no_memory) leave(d, KARMA_E_NOMEM); /* mem_alloc() has set the message */
    karma_status st = strstr(text, "Not enough") ? KARMA_E_TRUNCATED : KARMA_E_SYNTAX;
    leave(d, status_fail(st, "%s", status_quotez(text)));
}

/* Only broken files are warned of, as all that is optional is passed over. Looked at in the end:
 * libpng also warns where it does not expect to be left. */
static void on_warning(png_structp png, const char *text) {
    struct decoder *d = png_get_error_ptr(png);
    if (!d->no_memory && !d->warned) status_fail(KARMA_E_SYNTAX, "%s", status_quotez(text));
    d->warned = true;
}

static void on_read(png_structp png, png_bytep to, size_t count) {
    struct decoder *d = png_get_io_ptr(png);
    if (count > d->from->size - d->at)
        leave(d, status_fail(KARMA_E_TRUNCATED, "the file ends early"));
    memcpy(to, d->from->bytes + d->at, count);
    d->at += count;
}

/* What libpng knows and is not to look at. Chunks that it does not know it passes over anyway. */
static void pass_over_ancillary(png_structp png) {
    static const png_byte names[] = "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0"
                                    "pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0sTER\0tEXt\0tIME\0tRNS\0"
                                    "zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, sizeof(names) / 5);
}

static void begin(struct decoder *d) {
    const struct survey *s = d->survey;
    const bool grey = !(s->colour & PNG_COLOR_MASK_COLOR);
    const bool deep = s->colour == PNG_COLOR_TYPE_GRAY && s->depth == 16;
    png_set_benign_errors(d->png, 0);
    /* Some writers state a smaller window than they use; zlib alone, as in Pillow, does not mind.
     */
    png_set_option(d->png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
    pass_over_ancillary(d->png);
    png_set_read_fn(d->png, d, on_read);
    png_read_info(d->png, d->info);
    if (s->colour == PNG_COLOR_TYPE_PALETTE) {
        png_set_packing(d->png);
    } else if (s->depth < 8) {
        png_set_expand_gray_1_2_4_to_8(d->png);
    }
    if (s->depth == 16 && !deep) png_set_strip_16(d->png);
    if (deep && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) png_set_swap(d->png);
    if (s->colour & PNG_COLOR_MASK_ALPHA) png_set_strip_alpha(d->png);
    (void)png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    karma_status st =
        image_begin(d->from, s->width, s->height, grey ? 1 : 3, deep ? 16 : 8, d->out);
    if (st < 0) leave(d, st);
}

/* Indices lie at the front of a row; from its end on they make room for colours. */
static void look_up(struct decoder *d, unsigned char *row) {
    png_colorp palette = NULL;
    int count = 0;
    png_get_PLTE(d->png, d->info, &palette, &count);
    for (size_t x = d->survey->width; x-- > 0;) {
        const int i = row[x];
        if (i >= count)
            leave(d, status_fail(KARMA_E_SYNTAX, "colour %d, the palette has %d", i, count));
        row[3 * x] = palette[i].red;
        row[3 * x + 1] = palette[i].green;
        row[3 * x + 2] = palette[i].blue;
    }
}

static void read_pixels(struct decoder *d) {
    const bool palette = d->survey->colour == PNG_COLOR_TYPE_PALETTE;
    const int passes = d->survey->interlaced ? PNG_INTERLACE_ADAM7_PASSES : 1;
    const size_t expected = palette ? d->survey->width : image_row_bytes(d->out);
    if (png_get_rowbytes(d->png, d->info) != expected)
        leave(d, status_fail(KARMA_E_INTERNAL, "row of %zu bytes, expected %zu",
                             png_get_rowbytes(d->png, d->info), expected));
    for (int pass = 0; pass < passes; pass++)
        for (int32_t y = 0; y < d->out->height; y++)
            png_read_row(d->png, image_row(d->out, y),
                         NULL); /* the last: the data ends there too */
    for (int32_t y = 0; palette && y < d->out->height; y++)
        look_up(d, image_row(d->out, y));
}

static karma_status run(struct decoder *d) {
    if (setjmp(d->leave)) return d->status;
    d->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, d, on_error, on_warning, d, give,
                                      take_back);
    if (!d->png) return status_fail(KARMA_E_NOMEM, "out of memory");
    d->info = png_create_info_struct(d->png);
    if (!d->info) return status_fail(KARMA_E_NOMEM, "out of memory");
    begin(d);
    read_pixels(d);
    return d->no_memory ? KARMA_E_NOMEM : d->warned ? KARMA_E_SYNTAX : KARMA_OK;
}

karma_status image_png_decode(const struct image_source *from, struct image *out,
                              int *orientation) {
    struct survey survey;
    struct decoder d = {.from = from, .survey = &survey, .out = out};
    karma_status st = walk(from, &survey);
    if (st == KARMA_OK) st = check_data(&survey);
    if (st < 0) return st;
    st = run(&d);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    *orientation = exif_orientation(survey.exif, survey.exif_size, survey.xmp, survey.xmp_size);
    return st;
}
