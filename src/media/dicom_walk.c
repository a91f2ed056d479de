/* dicom_walk.c - see dicom_walk.h. The format is PS3.5 (data sets) and PS3.10 (files). */
#include "media/dicom_walk.h"

#include <string.h>

enum {
    PREAMBLE = 128,
    MAX_DEPTH = 32, /* of sequences in each other; files in use have five or six */
    MAX_ELEMENTS = 2000000,
};
#define UNDEFINED 0xffffffffu

#define TAG(group, element) ((uint32_t)(group) << 16 | (element))
#define TAG_SYNTAX          TAG(0x0002, 0x0010)
#define TAG_MODALITY        TAG(0x0008, 0x0060)
#define TAG_SAMPLES         TAG(0x0028, 0x0002)
#define TAG_PHOTOMETRIC     TAG(0x0028, 0x0004)
#define TAG_FRAMES          TAG(0x0028, 0x0008)
#define TAG_ROWS            TAG(0x0028, 0x0010)
#define TAG_COLUMNS         TAG(0x0028, 0x0011)
#define TAG_BITS_ALLOCATED  TAG(0x0028, 0x0100)
#define TAG_BITS_STORED     TAG(0x0028, 0x0101)
#define TAG_FLOAT_PIXELS    TAG(0x7fe0, 0x0008)
#define TAG_DOUBLE_PIXELS   TAG(0x7fe0, 0x0009)
#define TAG_PIXELS          TAG(0x7fe0, 0x0010)
#define TAG_ITEM            TAG(0xfffe, 0xe000)
#define TAG_ITEM_END        TAG(0xfffe, 0xe00d)
#define TAG_SEQUENCE_END    TAG(0xfffe, 0xe0dd)

static const struct dicom_syntax syntaxes[] = {
    {"1.2.840.10008.1.2", "implicit little endian", DICOM_IMPLICIT},
    {"1.2.840.10008.1.2.1", "explicit little endian", DICOM_EXPLICIT},
    {"1.2.840.10008.1.2.1.99", "deflated explicit little endian", DICOM_DEFLATED},
    {"1.2.840.10008.1.2.2", "explicit big endian", DICOM_BIG_ENDIAN},
    {"1.2.840.10008.1.2.5", "RLE", DICOM_RLE},
    {"1.2.840.10008.1.2.4.50", "JPEG baseline", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.51", "JPEG extended", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.53", "JPEG spectral selection", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.55", "JPEG full progression", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.57", "JPEG lossless", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.70", "JPEG lossless, first-order", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS lossless", DICOM_JPEG_LS},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS", DICOM_JPEG_LS},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 lossless", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.92", "JPEG 2000 multi-component lossless", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.93", "JPEG 2000 multi-component", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.94", "JPIP referenced", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.95", "JPIP referenced, deflated", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.100", "MPEG-2 main level", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.101", "MPEG-2 high level", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.102", "MPEG-4 high profile 4.1", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.103", "MPEG-4 BD-compatible 4.1", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.107", "HEVC main profile", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.108", "HEVC main 10 profile", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.110", "JPEG XL lossless", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.111", "JPEG XL JPEG recompression", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.112", "JPEG XL", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.201", "high-throughput JPEG 2000 lossless", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.202", "high-throughput JPEG 2000 RPCL lossless", DICOM_UNREAD},
    {"1.2.840.10008.1.2.4.203", "high-throughput JPEG 2000", DICOM_UNREAD},
};

struct walk {
    const unsigned char *bytes;
    size_t at, zeros_from; /* from here on there are only zeros */
    bool implicit, big_endian;
    int32_t depth;
    uint32_t elements;
    struct dicom_header *out; /* of the file's own data set; NULL inside sequences */
};

struct element {
    uint32_t tag, length;
    char vr[3]; /* "" if implicit, or of an item */
};

/* ---- one element ---- */

static uint32_t number16(const struct walk *w, const unsigned char *p) {
    return w->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t number32(const struct walk *w, const unsigned char *p) {
    const uint32_t a = number16(w, p), b = number16(w, p + 2);
    return w->big_endian ? a << 16 | b : b << 16 | a;
}

static karma_status ends_inside(uint32_t tag) {
    return status_fail(KARMA_E_TRUNCATED, "DICOM: the file ends inside element (%04x,%04x)",
                       tag >> 16, tag & 0xffff);
}

/* A list of two-letter words. */
static bool is_one_of(const char *vr, const char *list) {
    for (; *list; list += 2)
        if (vr[0] == list[0] && vr[1] == list[1]) return true;
    return false;
}

static karma_status read_header(struct walk *w, size_t end, struct element *e) {
    const unsigned char *p = w->bytes + w->at;
    *e = (struct element){0};
    if (end - w->at < 8)
        return status_fail(KARMA_E_TRUNCATED, "DICOM: the file ends inside an element's tag");
    if (++w->elements > MAX_ELEMENTS)
        return status_fail(KARMA_E_LIMIT, "DICOM: more than %d elements", MAX_ELEMENTS);
    e->tag = number16(w, p) << 16 | number16(w, p + 2);
    if (w->implicit || e->tag >> 16 == 0xfffe) {
        e->length = number32(w, p + 4);
        w->at += 8;
        return KARMA_OK;
    }
    memcpy(e->vr, p + 4, 2);
    if (is_one_of(e->vr, "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS")) {
        e->length = number16(w, p + 6);
        w->at += 8;
        return KARMA_OK;
    }
    if (!is_one_of(e->vr, "OBODOFOLOVOWSQSVUCUNURUTUV"))
        return status_fail(KARMA_E_SYNTAX, "DICOM: element (%04x,%04x) is of no known type",
                           e->tag >> 16, e->tag & 0xffff);
    if (end - w->at < 12) return ends_inside(e->tag);
    e->length = number32(w, p + 8);
    w->at += 12;
    return KARMA_OK;
}

/* Text without its padding. */
static void keep_text(const struct walk *w, const struct element *e, char *out, size_t cap) {
    size_t len = e->length < cap - 1 ? e->length : cap - 1;
    const unsigned char *p = w->bytes + w->at;
    while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == 0))
        len--;
    memcpy(out, p, len);
    out[len] = '\0';
    for (char *c = out; *c; c++)
        if ((*c < 'A' || *c > 'Z') && (*c < '0' || *c > '9') && *c != '_' && *c != ' ') *c = '?';
}

/* A decimal number with blanks around it; 0: none, or none that a count could be. */
static int32_t keep_count(const struct walk *w, const struct element *e) {
    const unsigned char *p = w->bytes + w->at;
    int32_t n = 0;
    for (uint32_t i = 0; i < e->length; i++) {
        if (p[i] == ' ' || p[i] == 0 || (p[i] == '+' && n == 0)) continue;
        if (p[i] < '0' || p[i] > '9' || n > (INT32_MAX - 9) / 10) return 0;
        n = n * 10 + (p[i] - '0');
    }
    return n;
}

static void keep(struct walk *w, const struct element *e) {
    struct dicom_header *h = w->out;
    const int32_t n = e->length >= 2 ? (int32_t)number16(w, w->bytes + w->at) : 0;
    switch (e->tag) {
    case TAG_MODALITY:
        keep_text(w, e, h->modality, sizeof(h->modality));
        break;
    case TAG_PHOTOMETRIC:
        keep_text(w, e, h->photometric, sizeof(h->photometric));
        break;
    case TAG_SAMPLES:
        h->samples = n;
        break;
    case TAG_FRAMES:
        h->frames = keep_count(w, e);
        break;
    case TAG_ROWS:
        h->rows = n;
        break;
    case TAG_COLUMNS:
        h->columns = n;
        break;
    case TAG_BITS_ALLOCATED:
        h->bits_allocated = n;
        break;
    case TAG_BITS_STORED:
        h->bits_stored = n;
        break;
    case TAG_FLOAT_PIXELS:
    case TAG_DOUBLE_PIXELS:
        h->float_pixels = true;
        break;
    case TAG_PIXELS:
        h->has_pixels = true;
        h->pixel_bytes = e->length;
        break;
    default:
        break;
    }
}

/* ---- sequences ---- */

static karma_status walk_elements(struct walk *w, size_t end, bool until_mark);

static karma_status walk_item(struct walk *w, size_t end, uint32_t length) {
    struct dicom_header *out = w->out;
    karma_status st = KARMA_OK;
    if (length != UNDEFINED && length > end - w->at) return ends_inside(TAG_ITEM);
    w->out = NULL;
    st = walk_elements(w, length == UNDEFINED ? end : w->at + length, length == UNDEFINED);
    w->out = out;
    return st;
}

/* Items up to end, or with until_mark up to the mark that ends a sequence. */
static karma_status walk_sequence(struct walk *w, size_t end, bool until_mark) {
    karma_status st = KARMA_OK;
    if (w->depth >= MAX_DEPTH)
        return status_fail(KARMA_E_LIMIT, "DICOM: sequences more than %d deep", MAX_DEPTH);
    w->depth++;
    while (st == KARMA_OK && (until_mark || w->at < end)) {
        struct element e;
        st = read_header(w, end, &e);
        if (st == KARMA_OK && until_mark && e.tag == TAG_SEQUENCE_END) break;
        if (st == KARMA_OK && e.tag != TAG_ITEM)
            st = status_fail(KARMA_E_SYNTAX, "DICOM: element (%04x,%04x) where an item belongs",
                             e.tag >> 16, e.tag & 0xffff);
        if (st == KARMA_OK) st = walk_item(w, end, e.length);
    }
    w->depth--;
    return st;
}

/* Pixels in pieces, the first of which is a table of offsets. */
static karma_status walk_fragments(struct walk *w, size_t end) {
    struct dicom_header *h = w->out;
    for (uint64_t n = 0;; n++) {
        struct element e;
        karma_status st = read_header(w, end, &e);
        if (st < 0) return st;
        if (e.tag == TAG_SEQUENCE_END) return KARMA_OK;
        if (e.tag != TAG_ITEM)
            return status_fail(KARMA_E_SYNTAX, "DICOM: element (%04x,%04x) between pixels",
                               e.tag >> 16, e.tag & 0xffff);
        if (e.length > end - w->at) return ends_inside(TAG_PIXELS);
        if (h && n > 0) {
            if (n == 1) {
                h->first_fragment = w->at;
                h->first_fragment_end = w->at + e.length;
            }
            if (n == h->wanted + 1) {
                h->at = w->at;
                h->at_end = w->at + e.length;
            }
            h->last_fragment = w->at;
            h->last_fragment_end = w->at + e.length;
            h->pixel_bytes += e.length;
            h->fragments = n;
        }
        w->at += e.length;
    }
}

/* Bytes that a reader with a dictionary may take for a sequence: how deep would it go? What else is
 * wrong in there is for that reader to find. */
static karma_status look_for_depth(struct walk *w, size_t end) {
    struct walk inner = *w;
    inner.implicit = true;
    inner.out = NULL;
    const karma_status st = walk_sequence(&inner, end, false);
    w->elements = inner.elements;
    return st == KARMA_E_LIMIT ? st : KARMA_OK;
}

static karma_status walk_undefined(struct walk *w, size_t end, const struct element *e) {
    const bool implicit = w->implicit, unknown = is_one_of(e->vr, "UN");
    karma_status st;
    if (e->tag == TAG_PIXELS && !w->implicit && is_one_of(e->vr, "OBOW")) {
        if (w->out) {
            w->out->has_pixels = w->out->encapsulated = true;
            w->out->pixel_bytes = 0;
        }
        return walk_fragments(w, end);
    }
    if (!w->implicit && !unknown && !is_one_of(e->vr, "SQ"))
        return status_fail(KARMA_E_SYNTAX, "DICOM: element (%04x,%04x) has no length", e->tag >> 16,
                           e->tag & 0xffff);
    if (unknown) w->implicit = true; /* what is in it is written that way */
    st = walk_sequence(w, end, true);
    w->implicit = implicit;
    return st;
}

static karma_status walk_value(struct walk *w, size_t end, const struct element *e) {
    const size_t behind = w->at + e->length;
    karma_status st = KARMA_OK;
    if (e->length > end - w->at) return ends_inside(e->tag);
    if (is_one_of(e->vr, "SQ")) return walk_sequence(w, behind, false);
    if (w->out) keep(w, e);
    if ((w->implicit || is_one_of(e->vr, "UN")) && e->tag != TAG_PIXELS && e->length >= 8 &&
        number16(w, w->bytes + w->at) == 0xfffe)
        st = look_for_depth(w, behind);
    w->at = behind;
    return st;
}

static karma_status walk_elements(struct walk *w, size_t end, bool until_mark) {
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && (until_mark || w->at < end)) {
        struct element e;
        const size_t begin = w->at;
        if (w->out && begin >= w->zeros_from) break; /* a file on a tape was filled up with them */
        st = read_header(w, end, &e);
        if (st == KARMA_OK && until_mark && e.tag == TAG_ITEM_END) break;
        if (st == KARMA_OK && e.tag >> 16 == 0xfffe)
            st = status_fail(KARMA_E_SYNTAX, "DICOM: item (%04x,%04x) outside a sequence",
                             e.tag >> 16, e.tag & 0xffff);
        if (w->out && e.tag == TAG_PIXELS) w->out->pixels = begin;
        if (st == KARMA_OK)
            st = e.length == UNDEFINED ? walk_undefined(w, end, &e) : walk_value(w, end, &e);
    }
    return st;
}

/* ---- the file ---- */

static karma_status find_syntax(const unsigned char *uid, size_t len, struct dicom_header *out) {
    while (len > 0 && (uid[len - 1] == 0 || uid[len - 1] == ' '))
        len--;
    for (size_t i = 0; i < sizeof(syntaxes) / sizeof(*syntaxes); i++) {
        const struct dicom_syntax *s = &syntaxes[i];
        if (strlen(s->uid) != len || memcmp(s->uid, uid, len) != 0) continue;
        out->syntax = s;
        if (s->coding != DICOM_UNREAD) return KARMA_OK;
        return status_fail(KARMA_E_UNSUPPORTED, "DICOM: transfer syntax %s (%s) is not read",
                           s->uid, s->name);
    }
    return status_fail(KARMA_E_UNSUPPORTED, "DICOM: unknown transfer syntax %s",
                       status_quote((const char *)uid, len));
}

karma_status dicom_walk_meta(const unsigned char *bytes, size_t size, struct dicom_header *out) {
    struct walk w = {.bytes = bytes, .at = PREAMBLE + 4};
    *out = (struct dicom_header){.frames = 1};
    if (size < PREAMBLE + 4 || memcmp(bytes + PREAMBLE, "DICM", 4) != 0)
        return status_fail(KARMA_E_MAGIC, "not a DICOM file");
    while (size - w.at >= 8 && number16(&w, bytes + w.at) == 2) {
        struct element e;
        karma_status st = read_header(&w, size, &e);
        if (st < 0) return st;
        if (e.length > size - w.at) return ends_inside(e.tag);
        if (e.tag == TAG_SYNTAX) {
            out->syntax_uid = w.at;
            out->syntax_len = e.length;
        }
        w.at += e.length;
    }
    out->dataset = w.at;
    if (!out->syntax_uid) return status_fail(KARMA_E_MISSING, "DICOM: no transfer syntax");
    return find_syntax(bytes + out->syntax_uid, out->syntax_len, out);
}

karma_status dicom_walk_dataset(const unsigned char *bytes, size_t size, struct dicom_header *out) {
    struct walk w = {
        .bytes = bytes,
        .at = out->dataset,
        .implicit = out->syntax->coding == DICOM_IMPLICIT,
        .big_endian = out->syntax->coding == DICOM_BIG_ENDIAN,
        .out = out,
    };
    for (w.zeros_from = size; w.zeros_from > w.at && bytes[w.zeros_from - 1] == 0;)
        w.zeros_from--;
    const karma_status st = walk_elements(&w, size, false);
    out->end = w.at;
    return st;
}
