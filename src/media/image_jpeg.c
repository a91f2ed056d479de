/*
 * image_jpeg.c - JPEG by libjpeg-turbo, with the settings Pillow leaves it: exact integer DCT,
 * smooth upsampling of colour. Baseline and progressive, 8 bits, grey, three colours, and the four
 * of printing, which become red, green and blue by Pillow's formula. Whatever libjpeg would paint
 * over (data that ends early, wrong codes, scans that never come) is an error here.
 *
 * libjpeg leaves by longjmp() on any error. All that then must be undone is in struct decoder,
 * whose address alone is a local of the function that called setjmp().
 */
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h wants it */

#include <jerror.h>
#include <jpeglib.h>

#include <string.h>

#include "media/exif.h"
#include "media/image_codecs.h"

enum {
    /* Ten scans are usual. Each goes over the whole picture however few bytes it has. */
    MAX_SCANS = 500,
    /* Cameras leave a few bytes before the end of the picture; a decoder that lost its way, many.
     */
    MAX_REST_BYTES = 16,
    APP1 = JPEG_APP0 + 1,
};
static const int64_t max_scan_pixels = INT64_C(1) << 32; /* scans times pixels: 24 of the largest */

struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    const struct image_source *from;
    struct image *out;
    int *orientation;
    unsigned components_seen; /* one bit each, of files with several scans */
    karma_status status;      /* why it left */
    jmp_buf leave;
};

static struct decoder *decoder_of(j_common_ptr jpeg) {
    return jpeg->client_data;
}

static _Noreturn void leave(struct decoder *d, karma_status st) {
    d->status = st;
    longjmp(d->leave, 1);
}

/* ---- errors ---- */

static const struct {
    int code;
    karma_status status;
    const char *text; /* NULL: libjpeg's own */
} meanings[] = {
    {JERR_OUT_OF_MEMORY, KARMA_E_NOMEM, "out of memory"},
    {JERR_SOF_UNSUPPORTED, KARMA_E_UNSUPPORTED, NULL},
    {JERR_BAD_PRECISION, KARMA_E_UNSUPPORTED, "only 8 bits a sample are read"},
    {JERR_ARITH_NOTIMPL, KARMA_E_UNSUPPORTED, "arithmetic coding is not read"},
    {JERR_CCIR601_NOTIMPL, KARMA_E_UNSUPPORTED, NULL},
    {JERR_FRACT_SAMPLE_NOTIMPL, KARMA_E_UNSUPPORTED, NULL},
    {JERR_CONVERSION_NOTIMPL, KARMA_E_UNSUPPORTED, NULL},
    {JERR_COMPONENT_COUNT, KARMA_E_UNSUPPORTED, NULL},
    {JERR_EMPTY_IMAGE, KARMA_E_RANGE, "its header gives no width or no height"},
    {JERR_IMAGE_TOO_BIG, KARMA_E_LIMIT, "a side has at most 65500 pixels"},
    {JERR_WIDTH_OVERFLOW, KARMA_E_LIMIT, "too wide"},
    {JERR_NO_IMAGE, KARMA_E_SYNTAX, "holds no picture"},
    {JWRN_JPEG_EOF, KARMA_E_TRUNCATED, "the file ends early"},
    {JWRN_HIT_MARKER, KARMA_E_TRUNCATED, "the picture's data ends early"},
    {JWRN_HUFF_BAD_CODE, KARMA_E_SYNTAX, "broken data: a code that is in no table"},
    {JWRN_EXTRANEOUS_DATA, KARMA_E_SYNTAX, "broken data: bytes left over"},
    {JWRN_MUST_RESYNC, KARMA_E_SYNTAX, "broken data: a restart marker in the wrong place"},
};

static _Noreturn void fail(j_common_ptr jpeg) {
    char text[JMSG_LENGTH_MAX];
    const int code = jpeg->err->msg_code;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (meanings[i].code == code && meanings[i].text)
            leave(decoder_of(jpeg), status_fail(meanings[i].status, "%s", meanings[i].text));
    karma_status st = KARMA_E_SYNTAX;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (meanings[i].code == code) st = meanings[i].status;
    jpeg->err->format_message(jpeg, text);
    leave(decoder_of(jpeg), status_fail(st, "%s", status_quotez(text)));
}

static _Noreturn void on_error(j_common_ptr jpeg) {
    fail(jpeg);
}

/* Bytes that were passed over on the way to a marker: filling, or a few before the end? */
static bool is_harmless_rest(const struct decoder *d) {
    const struct jpeg_error_mgr *e = &d->errors;
    const size_t count = e->msg_parm.i[0] > 0 ? (size_t)e->msg_parm.i[0] : 0;
    const unsigned char *end = d->jpeg.src->next_input_byte;
    if (e->msg_parm.i[1] == JPEG_EOI && count <= MAX_REST_BYTES) return true;
    if (end < d->from->bytes || (size_t)(end - d->from->bytes) < count) return false;
    for (const unsigned char *p = end - count; p < end; p++)
        if (*p) return false;
    return true;
}

static void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return; /* trace */
    switch (jpeg->err->msg_code) {
    case JWRN_ADOBE_XFORM:    /* a colour transform of its own: taken as the usual one */
    case JWRN_JFIF_MAJOR:     /* a later revision */
    case JWRN_NOT_SEQUENTIAL: /* numbers that only progressive scans use */
        return;
    case JWRN_EXTRANEOUS_DATA:
        if (is_harmless_rest(decoder_of(jpeg))) return;
        break;
    default:
        break;
    }
    fail(jpeg);
}

static void on_output(j_common_ptr jpeg) {
    (void)jpeg; /* nothing is printed */
}

/* Called again and again while scans are read. */
static void on_progress(j_common_ptr jpeg) {
    struct decoder *d = decoder_of(jpeg);
    const int64_t scans = d->jpeg.input_scan_number;
    const int64_t pixels = (int64_t)d->jpeg.image_width * d->jpeg.image_height;
    for (int i = 0; i < d->jpeg.comps_in_scan; i++)
        d->components_seen |= 1u << d->jpeg.cur_comp_info[i]->component_index;
    if (scans > MAX_SCANS || scans * pixels > max_scan_pixels)
        leave(d, status_fail(KARMA_E_LIMIT, "too many scans for a picture of %u x %u",
                             d->jpeg.image_width, d->jpeg.image_height));
}

/* ---- pixels ---- */

/* Of EXIF and XMP, which share a marker: where they begin behind their names. */
static int find_orientation(const struct jpeg_decompress_struct *jpeg) {
    static const char exif_name[] = "Exif\0"; /* and the NUL that ends it */
    static const char xmp_name[] = "http://ns.adobe.com/xap/1.0/";
    const unsigned char *exif = NULL, *xmp = NULL;
    size_t exif_size = 0, xmp_size = 0;
    for (const struct jpeg_marker_struct *m = jpeg->marker_list; m; m = m->next) {
        if (!exif && m->data_length >= sizeof(exif_name) &&
            memcmp(m->data, exif_name, sizeof(exif_name)) == 0) {
            exif = m->data;
            exif_size = m->data_length;
        } else if (m->data_length >= sizeof(xmp_name) &&
                   memcmp(m->data, xmp_name, sizeof(xmp_name)) == 0) {
            xmp = m->data + sizeof(xmp_name);
            xmp_size = m->data_length - sizeof(xmp_name);
        }
    }
    return exif_orientation(exif, exif_size, xmp, xmp_size);
}

static void read_header(struct decoder *d) {
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    jpeg_mem_src(jpeg, d->from->bytes, (unsigned long)d->from->size);
    jpeg_save_markers(jpeg, APP1, 0xFFFF);
    jpeg_read_header(jpeg, TRUE);
    /* Its decoder makes up data where a file has none, and says nothing. */
    if (jpeg->arith_code)
        leave(d, status_fail(KARMA_E_UNSUPPORTED, "arithmetic coding is not read"));
    const int n = jpeg->num_components;
    if (n != 1 && n != 3 && n != 4)
        leave(d, status_fail(KARMA_E_UNSUPPORTED, "%d colours: 1, 3 or 4 are read", n));
    jpeg->out_color_space = n == 1 ? JCS_GRAYSCALE : n == 3 ? JCS_RGB : JCS_CMYK;
    karma_status st =
        image_begin(d->from, jpeg->image_width, jpeg->image_height, n == 1 ? 1 : 3, 8, d->out);
    if (st < 0) leave(d, st);
    *d->orientation = find_orientation(jpeg);
}

/* After all scans: has each part of the picture come? */
static void check_scans(struct decoder *d) {
    const struct jpeg_decompress_struct *jpeg = &d->jpeg;
    bool whole = d->components_seen == (1u << jpeg->num_components) - 1;
    for (int c = 0; jpeg->progressive_mode && c < jpeg->num_components; c++)
        for (int k = 0; k < DCTSIZE2; k++)
            whole = whole && jpeg->coef_bits[c][k] == 0;
    if (!whole) leave(d, status_fail(KARMA_E_TRUNCATED, "scans are missing"));
}

/* Pillow's order: every such file is taken to be inverted, as Adobe's are; then its CMYK to RGB. */
static void to_rgb(const unsigned char *cmyk, unsigned char *rgb, size_t width) {
    for (size_t x = 0; x < width; x++, cmyk += 4)
        for (size_t c = 0; c < 3; c++) {
            const int not_black = cmyk[3];
            const int t = (255 - cmyk[c]) * not_black + 128;
            *rgb++ = (unsigned char)(not_black - (((t >> 8) + t) >> 8));
        }
}

static void read_pixels(struct decoder *d) {
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    JSAMPARRAY four = NULL;
    jpeg_start_decompress(jpeg);
    if (jpeg_has_multiple_scans(jpeg)) check_scans(d);
    if (jpeg->out_color_components == 4)
        four = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        unsigned char *row = image_row(d->out, jpeg->output_scanline);
        jpeg_read_scanlines(jpeg, four ? four : &row, 1);
        if (four) to_rgb(four[0], row, jpeg->output_width);
    }
    jpeg_finish_decompress(jpeg); /* reads on to the end marker, which must be there */
}

static karma_status run(struct decoder *d) {
    if (setjmp(d->leave)) return d->status;
    jpeg_create_decompress(&d->jpeg);
    d->progress.progress_monitor = on_progress;
    d->jpeg.progress = &d->progress;
    read_header(d);
    read_pixels(d);
    return KARMA_OK;
}

karma_status image_jpeg_decode(const struct image_source *from, struct image *out,
                               int *orientation) {
    struct decoder d = {.from = from, .out = out, .orientation = orientation};
    d.jpeg.err = jpeg_std_error(&d.errors);
    d.jpeg.client_data = &d;
    d.errors.error_exit = on_error;
    d.errors.emit_message = on_message;
    d.errors.output_message = on_output;
    karma_status st = run(&d);
    jpeg_destroy_decompress(&d.jpeg);
    return st;
}
