/*
 * dicom.c - see dicom.h. The structure of the file is checked here (dicom_walk.h), inflated if need
 * be; DCMTK, loaded when the first file comes (dicom_codec.h), decodes one frame; what becomes of
 * its grey values is PS3.3 C.11 in double: rescaled, through the window, turned if MONOCHROME1. A
 * stored value has 16 bits at most, so that all of it is one table.
 */
#include "media/dicom.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/shared_object.h"
#include "media/dicom_codec.h"
#include "media/dicom_rle.h"
#include "media/dicom_walk.h"

#ifndef KARMA_LIBDIR
#define KARMA_LIBDIR "/usr/local/lib"
#endif

enum { CODES = 1 << 16, MAX_INFLATED = 1 << 30 };

static const char library_name[] = "libkarma-dicom.so";

/* ---- the library ---- */

static const struct dicom_codec *_Atomic codec;
static const char *_Atomic only_path;

void dicom_codec_use(const char *path) {
    atomic_store(&only_path, path);
    atomic_store(&codec, NULL);
}

static karma_status load(const char *path) {
    void *handle = NULL;
    const struct dicom_codec *found = NULL;
    karma_status st = shared_object_check(path);
    if (st == KARMA_OK) st = shared_object_open(path, &handle);
    if (st < 0) return st;
    found = shared_object_symbol(handle, DICOM_CODEC_SYMBOL);
    if (!found || found->abi != DICOM_CODEC_ABI)
        return status_fail(KARMA_E_ABI, "%s is of another version of karma",
                           status_quote_path(path));
    atomic_store(&codec, found);
    return KARMA_OK;
}

/* Beside the program or the library that this code is in, in the lib beside its bin, or where this
 * build was to be installed. */
static karma_status find(struct arena *a, const char **path) {
    const char *folder = NULL;
    karma_status st = KARMA_OK;
    if (atomic_load(&only_path)) {
        *path = arena_strdup(a, atomic_load(&only_path));
        if (!*path) return KARMA_E_NOMEM;
        if (file_exists(*path)) return KARMA_OK;
    } else {
        st = shared_object_own_folder(a, &folder);
        for (size_t i = 0; st == KARMA_OK && i < 3; i++) {
            *path = i == 0   ? file_join(a, folder, library_name)
                    : i == 1 ? arena_printf(a, "%s/../lib/%s", folder, library_name)
                             : file_join(a, KARMA_LIBDIR, library_name);
            if (!*path) return KARMA_E_NOMEM;
            if (file_exists(*path)) return KARMA_OK;
        }
    }
    if (st < 0) return st;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "this build does not read DICOM: install libdcmtk-dev (make deps DICOM=1) "
                       "and build with make DICOM=1");
}

static karma_status get_codec(const struct dicom_codec **out) {
    struct arena a = {0};
    const char *path = NULL;
    karma_status st = KARMA_OK;
    if (!atomic_load(&codec)) {
        st = find(&a, &path);
        if (st == KARMA_OK) st = load(path); /* two threads at once get the same handle */
        if (st < 0 && st != KARMA_E_NOMEM && st != KARMA_E_UNSUPPORTED)
            st = status_prefix(KARMA_E_UNSUPPORTED, "DICOM cannot be read");
    }
    arena_release(&a);
    *out = atomic_load(&codec);
    return st;
}

bool dicom_is_built(void) {
    struct arena a = {0};
    const char *path;
    const bool built = atomic_load(&codec) || find(&a, &path) == KARMA_OK;
    arena_release(&a);
    return built;
}

bool dicom_is(const void *bytes, size_t size) {
    return size >= 132 && memcmp((const char *)bytes + 128, "DICM", 4) == 0;
}

/* ---- bytes ---- */

struct source {
    const unsigned char *bytes;
    size_t size;
    unsigned char *owned; /* of a deflated file: the same one, inflated; of RLE: without pixels */
    void *plain;          /* of RLE: the frame */
    size_t plain_bytes;
    struct dicom_header header;
};

static karma_status inflate_all(z_stream *z, struct source *s, size_t head) {
    size_t cap = head + 4 * (s->size - head) + 4096, len = head;
    int result = Z_OK;
    unsigned char *all = mem_alloc(cap);
    if (!all) return KARMA_E_NOMEM;
    while (result == Z_OK) {
        const size_t room = cap - len < (1u << 30) ? cap - len : 1u << 30;
        z->next_out = all + len;
        z->avail_out = (uInt)room;
        result = inflate(z, Z_NO_FLUSH);
        len += room - z->avail_out;
        if (result != Z_OK || len < cap) continue;
        unsigned char *more = cap < MAX_INFLATED ? mem_realloc(all, 2 * cap) : NULL;
        if (!more) {
            mem_free(all);
            return cap < MAX_INFLATED ? KARMA_E_NOMEM
                                      : status_fail(KARMA_E_LIMIT,
                                                    "DICOM: more than %d bytes when "
                                                    "inflated",
                                                    MAX_INFLATED);
        }
        all = more;
        cap *= 2;
    }
    if (result != Z_STREAM_END) {
        mem_free(all);
        return status_fail(result == Z_BUF_ERROR ? KARMA_E_TRUNCATED : KARMA_E_SYNTAX,
                           "DICOM: its deflated part is %s",
                           result == Z_BUF_ERROR ? "incomplete" : "broken");
    }
    s->owned = all;
    s->size = len;
    return KARMA_OK;
}

/* owned is the same file but for its pixels: let it be of explicit little endian. */
static void rename_syntax(struct source *s) {
    static const char plain[] = "1.2.840.10008.1.2.1"; /* shorter than the others, or as long */
    memset(s->owned + s->header.syntax_uid, 0, s->header.syntax_len);
    memcpy(s->owned + s->header.syntax_uid, plain, strlen(plain));
    s->bytes = s->owned;
}

/* So that one check and one limit serve deflated files too. */
static karma_status inflate_source(struct source *s) {
    const size_t head = s->header.dataset;
    z_stream z = {.next_in = (unsigned char *)s->bytes + head, .avail_in = (uInt)(s->size - head)};
    if (s->size - head > MAX_INFLATED)
        return status_fail(KARMA_E_LIMIT, "DICOM: more than %d bytes", MAX_INFLATED);
    if (inflateInit2(&z, -15) != Z_OK) return status_fail(KARMA_E_NOMEM, "inflate: out of memory");
    karma_status st = inflate_all(&z, s, head);
    inflateEnd(&z);
    if (st < 0) return st;
    memcpy(s->owned, s->bytes, head);
    rename_syntax(s);
    return KARMA_OK;
}

static karma_status open_source(const void *bytes, size_t size, int32_t frame, struct source *s) {
    *s = (struct source){.bytes = bytes, .size = size};
    karma_status st = dicom_walk_meta(s->bytes, s->size, &s->header);
    s->header.wanted = (uint32_t)frame;
    if (st == KARMA_OK && s->header.syntax->coding == DICOM_DEFLATED) st = inflate_source(s);
    if (st == KARMA_OK) st = dicom_walk_dataset(s->bytes, s->size, &s->header);
    return st;
}

static void close_source(struct source *s) {
    mem_free(s->owned);
    mem_free(s->plain);
}

/* ---- what the pixels are ---- */

static bool is_grey(const struct dicom_header *h) {
    return strcmp(h->photometric, "MONOCHROME1") == 0 || strcmp(h->photometric, "MONOCHROME2") == 0;
}

static bool is_colour(const struct dicom_header *h) {
    static const char *const kinds[] = {"RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcmp(h->photometric, kinds[i]) == 0)
            return h->samples == (strncmp(kinds[i], "PALETTE", 7) == 0 ? 1 : 3);
    return false;
}

static karma_status check_kind(const struct dicom_header *h) {
    if (h->float_pixels && !h->has_pixels)
        return status_fail(KARMA_E_UNSUPPORTED, "DICOM: pixels that are floating point numbers");
    if (!h->has_pixels)
        return status_fail(KARMA_E_MISSING, "DICOM: no pixels (modality %s)",
                           h->modality[0] ? h->modality : "not given");
    if (!(is_grey(h) && h->samples == 1) && !is_colour(h))
        return status_fail(KARMA_E_UNSUPPORTED,
                           "DICOM: neither grey, RGB, YBR nor palette (%d samples a pixel)",
                           h->samples);
    if (h->bits_allocated != 8 && h->bits_allocated != 16)
        return status_fail(KARMA_E_UNSUPPORTED, "DICOM: pixels of %d bits; 8 and 16 are read",
                           h->bits_allocated);
    if (h->bits_stored < 1 || h->bits_stored > h->bits_allocated)
        return status_fail(KARMA_E_RANGE, "DICOM: %d bits stored in %d", h->bits_stored,
                           h->bits_allocated);
    if (h->frames < 1) return status_fail(KARMA_E_RANGE, "DICOM: no valid number of frames");
    return KARMA_OK;
}

static karma_status check_size(const struct dicom_header *h, const struct image_options *o) {
    const int64_t most = o->max_pixels > 0 ? o->max_pixels : IMAGE_MAX_PIXELS;
    if (h->columns < 1 || h->rows < 1)
        return status_fail(KARMA_E_RANGE, "DICOM: a picture of %d x %d", h->columns, h->rows);
    if ((int64_t)h->columns * h->rows > most)
        return status_fail(KARMA_E_LIMIT, "DICOM: %d x %d is more than %lld pixels", h->columns,
                           h->rows, (long long)most);
    if (o->frame < 0 || o->frame >= h->frames)
        return status_fail(KARMA_E_RANGE, "DICOM: no frame %d, there are %d (from 0)", o->frame,
                           h->frames);
    return KARMA_OK;
}

/* The markers up to a JPEG picture's sizes, which must be those of the file. DCMTK looks for them
 * with less care: some that are broken keep 3.6.7 busy for ever. */
static karma_status check_jpeg_head(const unsigned char *p, const unsigned char *end,
                                    const struct dicom_header *h) {
    if (end - p < 4 || p[0] != 0xff || p[1] != 0xd8)
        return status_fail(KARMA_E_SYNTAX, "DICOM: its JPEG picture does not begin as one");
    for (p += 2; end - p >= 9; p += 2 + (p[2] << 8 | p[3])) {
        const int marker = p[1];
        const bool size = (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
                           marker != 0xcc) ||
                          marker == 0xf7; /* of JPEG-LS */
        if (p[0] != 0xff || marker < 0xc0 || marker == 0xff || (marker >= 0xd0 && marker <= 0xda) ||
            (p[2] << 8 | p[3]) < (size ? 8 : 2) || (p[2] << 8 | p[3]) > end - p - 2)
            return status_fail(KARMA_E_SYNTAX, "DICOM: the head of its JPEG picture is broken");
        if (!size) continue;
        if ((p[5] << 8 | p[6]) == h->rows && (p[7] << 8 | p[8]) == h->columns) return KARMA_OK;
        return status_fail(KARMA_E_SYNTAX, "DICOM: its JPEG picture is not %d x %d", h->columns,
                           h->rows);
    }
    return status_fail(KARMA_E_TRUNCATED, "DICOM: its JPEG picture ends in its head");
}

/* Pictures that end early decode to grey areas; here that is seen. */
static karma_status check_jpeg(const struct source *s) {
    const struct dicom_header *h = &s->header;
    const bool one = h->frames == 1; /* it may be in several pieces */
    if (!one && h->fragments != (uint64_t)h->frames)
        return status_fail(KARMA_E_UNSUPPORTED, "DICOM: %d JPEG pictures in %llu pieces", h->frames,
                           (unsigned long long)h->fragments);
    const unsigned char *last = s->bytes + (one ? h->last_fragment : h->at);
    const unsigned char *end = s->bytes + (one ? h->last_fragment_end : h->at_end);
    while (end > last && end[-1] == 0)
        end--;
    if (end - last < 2 || end[-1] != 0xd9 || end[-2] != 0xff)
        return status_fail(KARMA_E_TRUNCATED, "DICOM: its JPEG picture ends early");
    /* Whatever frame is wanted, DCMTK looks at the first one, too. */
    karma_status st =
        check_jpeg_head(s->bytes + h->first_fragment, s->bytes + h->first_fragment_end, h);
    if (st == KARMA_OK && !one) st = check_jpeg_head(last, end, h);
    return st;
}

static karma_status check_pixels(const struct source *s) {
    const struct dicom_header *h = &s->header;
    const bool native = h->syntax->coding <= DICOM_DEFLATED;
    const bool shared_colour = strcmp(h->photometric, "YBR_FULL_422") == 0; /* of two pixels */
    /* Below 2^31 pixels of 6 bytes and 2^31 frames. */
    const unsigned __int128 wanted = (unsigned __int128)h->columns * (uint32_t)h->rows *
                                     (uint32_t)(shared_colour ? 2 : h->samples) *
                                     (uint32_t)(h->bits_allocated / 8) * (uint32_t)h->frames;
    if (native && h->encapsulated)
        return status_fail(KARMA_E_SYNTAX, "DICOM: pixels in pieces in a file of plain ones");
    if (!native && !h->encapsulated)
        return status_fail(KARMA_E_SYNTAX, "DICOM: plain pixels in a file of %s", h->syntax->name);
    if (native && h->pixel_bytes < wanted)
        return status_fail(KARMA_E_TRUNCATED,
                           "DICOM: %llu bytes of pixels, %d frames of %d x %d need %llu",
                           (unsigned long long)h->pixel_bytes, h->frames, h->columns, h->rows,
                           (unsigned long long)wanted);
    if (!native && h->fragments < (uint64_t)h->frames)
        return status_fail(KARMA_E_TRUNCATED, "DICOM: %llu pictures, expected %d",
                           (unsigned long long)h->fragments, h->frames);
    return h->syntax->coding == DICOM_JPEG || h->syntax->coding == DICOM_JPEG_LS ? check_jpeg(s)
                                                                                 : KARMA_OK;
}

/* What is before the pixels, as a file of its own, and the frame. */
static karma_status unpack_rle(struct source *s) {
    const struct dicom_header *h = &s->header;
    const size_t n = (size_t)h->columns * (size_t)h->rows, cell = (size_t)h->bits_allocated / 8;
    if (h->fragments != (uint64_t)h->frames || strcmp(h->photometric, "YBR_FULL_422") == 0)
        return status_fail(KARMA_E_SYNTAX, "DICOM: RLE pixels in %llu pieces, expected %d",
                           (unsigned long long)h->fragments, h->frames);
    s->plain_bytes = n * cell * (size_t)h->samples;
    s->plain = mem_calloc(1, s->plain_bytes + 1); /* elements are of even length */
    s->owned = mem_alloc(h->pixels);
    if (!s->plain || !s->owned) return KARMA_E_NOMEM;
    karma_status st = dicom_rle_decode(s->bytes + h->at, h->at_end - h->at, n, (size_t)h->samples,
                                       cell, s->plain);
    s->plain_bytes += s->plain_bytes & 1;
    memcpy(s->owned, s->bytes, h->pixels);
    rename_syntax(s);
    s->header.end = h->pixels;
    return st;
}

/* ---- grey ---- */

/* Least to most of the picture: center is the least, width the distance. */
enum { WHOLE_RANGE = DICOM_VOI_SIGMOID + 1 };

struct window {
    double center, width;
    int function; /* enum dicom_voi or WHOLE_RANGE */
};

/* From 0 to 1, as the standard's formulas for an output from 0 to 1 (C.11.2.1.2, C.11.2.1.3). */
static double through_window(const struct window *w, double x) {
    double f;
    switch (w->function) {
    case DICOM_VOI_LINEAR:
        if (w->width <= 1) return x <= w->center - 0.5 ? 0 : 1;
        f = (x - (w->center - 0.5)) / (w->width - 1) + 0.5;
        break;
    case DICOM_VOI_LINEAR_EXACT:
        f = (x - w->center) / w->width + 0.5;
        break;
    case DICOM_VOI_SIGMOID:
        return 1 / (1 + exp(-4 * (x - w->center) / w->width));
    default:
        f = (x - w->center) / w->width;
        break;
    }
    return f < 0 ? 0 : f > 1 ? 1 : f;
}

static double through_lut(const struct dicom_lut *lut, double x) {
    const double at = floor(x) - lut->first, last = lut->count - 1;
    return lut->values[at < 0 ? 0 : at > last ? lut->count - 1 : (uint32_t)at];
}

struct grey {
    const struct dicom_frame *frame;
    double values[CODES];   /* what a stored value means, rescaled */
    bool is_used[CODES];    /* does the picture have it? */
    bool is_padding[CODES]; /* it stands for no picture */
    uint8_t shown[CODES];
};

static int32_t meaning(const struct dicom_frame *f, uint32_t code) {
    const int32_t range = 1 << f->bits_stored;
    return f->is_signed && (int32_t)code >= range / 2 ? (int32_t)code - range : (int32_t)code;
}

/* The stored bits of a pixel. */
static uint32_t code_at(const struct dicom_frame *f, size_t i) {
    const uint32_t cell =
        f->bits_allocated == 8 ? ((const uint8_t *)f->pixels)[i] : ((const uint16_t *)f->pixels)[i];
    return cell >> (f->high_bit + 1 - f->bits_stored) & ((1u << f->bits_stored) - 1);
}

static karma_status rescale(struct grey *g, size_t n_pixels) {
    const struct dicom_frame *f = g->frame;
    if (f->bits_stored < 1 || f->bits_stored > f->bits_allocated || f->bits_allocated > 16 ||
        f->high_bit < f->bits_stored - 1 || f->high_bit >= f->bits_allocated)
        return status_fail(KARMA_E_RANGE, "DICOM: bits %d to %d of %d",
                           f->high_bit + 1 - f->bits_stored, f->high_bit, f->bits_allocated);
    for (uint32_t c = 0; c < 1u << f->bits_stored; c++) {
        const int32_t v = meaning(f, c);
        g->values[c] =
            f->modality.values ? through_lut(&f->modality, v) : f->slope * v + f->intercept;
        if (!isfinite(g->values[c]))
            return status_fail(KARMA_E_NONFINITE, "DICOM: its rescaled values are not finite");
        g->is_padding[c] = f->has_padding && v >= f->padding_first && v <= f->padding_last;
    }
    for (size_t i = 0; i < n_pixels; i++)
        g->is_used[code_at(f, i)] = true;
    return KARMA_OK;
}

/* One value everywhere is black. */
static struct window whole_range(const struct grey *g) {
    double least = INFINITY, most = -INFINITY;
    for (uint32_t c = 0; c < CODES; c++) {
        if (!g->is_used[c] || g->is_padding[c]) continue;
        if (g->values[c] < least) least = g->values[c];
        if (g->values[c] > most) most = g->values[c];
    }
    return (struct window){least, most > least ? most - least : 1, WHOLE_RANGE};
}

static bool is_window(const struct window *w) {
    return isfinite(w->center) && isfinite(w->width) &&
           (w->function == DICOM_VOI_LINEAR ? w->width >= 1 : w->width > 0);
}

static karma_status fill_shown(struct grey *g, const struct image_options *o) {
    const struct dicom_frame *f = g->frame;
    struct window w = {o->window_center, o->window_width, f->function};
    const struct dicom_lut *lut = NULL;
    if (o->window_width != 0 && !is_window(&w))
        return status_fail(KARMA_E_RANGE, "window_width: expected at least 1, found %g",
                           o->window_width);
    if (o->window_width == 0) {
        w = (struct window){f->window_center, f->window_width, f->function};
        if (!f->has_window || !is_window(&w)) {
            if (f->voi.values)
                lut = &f->voi;
            else
                w = whole_range(g);
        }
    }
    for (uint32_t c = 0; c < 1u << f->bits_stored; c++) {
        const double y = lut ? through_lut(lut, g->values[c]) / ((1 << lut->bits) - 1)
                             : through_window(&w, g->values[c]);
        const uint8_t v = (uint8_t)floor((y < 1 ? y : 1) * 255 + 0.5);
        g->shown[c] = f->inverted ? 255 - v : v;
    }
    return KARMA_OK;
}

/* ---- all of it ---- */

struct job {
    const struct image_options *options;
    struct image *out;
    karma_status st;
};

static karma_status show_grey(const struct dicom_frame *f, const struct image_options *o,
                              struct image *out) {
    const size_t n = (size_t)out->width * (size_t)out->height;
    struct grey *g = mem_calloc(1, sizeof(*g));
    uint8_t *to = out->pixels = mem_alloc(n);
    karma_status st = g && to ? KARMA_OK : KARMA_E_NOMEM;
    if (g) g->frame = f;
    if (st == KARMA_OK) st = rescale(g, n);
    if (st == KARMA_OK) st = fill_shown(g, o);
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        to[i] = g->shown[code_at(f, i)];
    mem_free(g);
    return st;
}

static int take_frame(void *user, const struct dicom_frame *f) {
    struct job *job = user;
    const size_t n = (size_t)job->out->width * (size_t)job->out->height;
    job->out->channels = f->colour ? 3 : 1;
    job->out->bits = 8;
    if (f->colour) {
        job->out->pixels = mem_alloc(3 * n);
        job->st = job->out->pixels ? KARMA_OK : KARMA_E_NOMEM;
        if (job->st == KARMA_OK) memcpy(job->out->pixels, f->pixels, 3 * n);
    } else {
        job->st = show_grey(f, job->options, job->out);
    }
    return job->st;
}

static karma_status decode_frame(const struct dicom_codec *c, const struct source *s,
                                 const struct image_options *o, struct image *out) {
    const struct dicom_header *h = &s->header;
    struct job job = {.options = o, .out = out, .st = KARMA_E_INTERNAL};
    struct dicom_request q = {
        .bytes = s->bytes,
        .size = h->end,
        .width = h->columns,
        .height = h->rows,
        .samples = h->samples,
        .frames = h->frames,
        .frame = o->frame,
        .plain = s->plain,
        .plain_bytes = s->plain_bytes,
        .sink = take_frame,
        .user = &job,
    };
    out->width = h->columns;
    out->height = h->rows;
    switch (c->decode(&q)) {
    case DICOM_OK:
    case DICOM_SINK_FAILED:
        return job.st;
    case DICOM_NO_MEMORY:
        return status_fail(KARMA_E_NOMEM, "DICOM: out of memory in the decoder");
    case DICOM_NOT_SUPPORTED:
        return status_fail(KARMA_E_UNSUPPORTED, "DICOM: %s", q.error);
    case DICOM_BROKEN:
        return status_fail(KARMA_E_SYNTAX, "DICOM: %s (%d x %d, %s)", q.error, h->columns, h->rows,
                           h->syntax->name);
    default:
        return status_fail(KARMA_E_INTERNAL, "DICOM: %s", q.error);
    }
}

karma_status dicom_decode(const void *bytes, size_t size, const char *name,
                          const struct image_options *options, struct image *out) {
    static const struct image_options none;
    const struct image_options *o = options ? options : &none;
    const struct dicom_codec *c = NULL;
    struct source s;
    *out = (struct image){0};
    karma_status st = open_source(bytes, size, o->frame, &s);
    if (st == KARMA_OK) st = check_kind(&s.header);
    if (st == KARMA_OK) st = check_size(&s.header, o);
    if (st == KARMA_OK) st = check_pixels(&s);
    if (st == KARMA_OK) st = get_codec(&c);
    if (st == KARMA_OK && s.header.syntax->coding == DICOM_RLE) st = unpack_rle(&s);
    if (st == KARMA_OK) st = decode_frame(c, &s, o, out);
    close_source(&s);
    if (st == KARMA_OK) return st;
    image_release(out);
    return status_prefix(st, "%s", status_quote_path(name));
}
