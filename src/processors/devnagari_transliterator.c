/*
 * devnagari_transliterator.c - text of eight Indian scripts in Devanagari, or in another of them.
 * Unicode lays their blocks out alike, so most characters go by their place in the block; the table
 * has those whose place means something else. What has no counterpart, and every other script,
 * stays as it is. KARMA's takes Latin text for a romanisation and makes nonsense of it; it reads
 * Bengali BA as VA, and Tamil KA as GHA, which its library does. The name is spelled as it is
 * there.
 */
#include <string.h>

#include "base/utf8.h"
#include "processors/processor.h"
#include "text/characters.h"

enum {
    DEVANAGARI = 0x900,
    BLOCK = 0x80,
    PARALLEL = 0x70, /* places below go by the layout */
    DANDA = 0x64,
    VIRAMA = 0x4D,
    NUKTA = 0x3C,
    FIRST_CONSONANT = 0x15,
    LAST_CONSONANT = 0x39,
    ADDAK = 0xA71,
};

static const struct {
    const char *name;
    uint32_t block;
} scripts[] = {
    {"devanagari", DEVANAGARI}, {"bengali", 0x980}, {"gurmukhi", 0xA00},
    {"gujarati", 0xA80},        {"oriya", 0xB00},   {"tamil", 0xB80},
    {"telugu", 0xC00},          {"kannada", 0xC80}, {"malayalam", 0xD00},
};
enum { N_SCRIPTS = sizeof(scripts) / sizeof(*scripts) };

/* to: "" where there is no counterpart. Sorted by `from`. */
static const struct exception {
    uint32_t from;
    const char *to;
} exceptions[] = {
    {0x980, ""}, /* anji */
    {0x9CE, "\u0924\u094D"},
    {0x9D7, ""},       /* AU length mark: alone, it belongs to no letter */
    {0x9F0, "\u0930"}, /* Assamese RA and VA */
    {0x9F1, "\u0935"},
    {0xA70, "\u0902"}, /* tippi */
    {0xA74, "\u0950"},
    {0xA75, "\u094D\u092F"}, /* yakash: a YA below */
    {0xA76, "\u0970"},
    {0xAF0, "\u0970"},
    {0xAF9, "\u0979"},
    {0xB55, ""}, /* overline, length marks */
    {0xB56, ""},
    {0xB57, ""},
    {0xB71, "\u0935"},
    {0xBD7, ""},
    {0xC00, "\u0901"}, /* candrabindu and anusvara above */
    {0xC04, "\u0902"},
    {0xC55, ""},
    {0xC56, ""},
    {0xC58, "\u091A\u093C"}, /* TSA, DZA */
    {0xC59, "\u091C\u093C"},
    {0xC5A, "\u0931"},
    {0xC5D, "\u0928\u094D"}, /* nakaara pollu: N without a vowel */
    {0xC80, "\u0901"},
    {0xC84, ""}, /* siddham */
    {0xCD5, ""},
    {0xCD6, ""},
    {0xCDD, "\u0928\u094D"},
    {0xCDE, "\u0934"}, /* called FA by mistake: LLLA */
    {0xCF1, "\u1CF5"},
    {0xCF2, "\u1CF6"},
    {0xD00, "\u0902"},
    {0xD04, ""},
    {0xD3A, ""},       /* TTTA */
    {0xD3B, "\u094D"}, /* older viramas */
    {0xD3C, "\u094D"},
    {0xD4E, "\u0930\u094D"}, /* dot reph */
    {0xD4F, ""},
    {0xD54, "\u092E\u094D"}, /* chillus: consonants without a vowel */
    {0xD55, "\u092F\u094D"},
    {0xD56, "\u0934\u094D"},
    {0xD57, "\u094C"}, /* AU as it is written today */
    {0xD58, ""},       /* fractions */
    {0xD59, ""},
    {0xD5A, ""},
    {0xD5B, ""},
    {0xD5C, ""},
    {0xD5D, ""},
    {0xD5E, ""},
    {0xD5F, "\u0908"}, /* archaic II */
    {0xD7A, "\u0923\u094D"},
    {0xD7B, "\u0928\u094D"},
    {0xD7C, "\u0930\u094D"},
    {0xD7D, "\u0932\u094D"},
    {0xD7E, "\u0933\u094D"},
    {0xD7F, "\u0915\u094D"},
};

/* Gurmukhi writes vowels on bearers, and two consonants with a dot, in two characters. */
static const struct {
    uint32_t first, second;
    const char *to;
} pairs[] = {
    {0xA05, 0xA3E, "\u0906"}, {0xA72, 0xA3F, "\u0907"}, {0xA72, 0xA40, "\u0908"},
    {0xA73, 0xA41, "\u0909"}, {0xA73, 0xA42, "\u090A"}, {0xA72, 0xA47, "\u090F"},
    {0xA05, 0xA48, "\u0910"}, {0xA73, 0xA4B, "\u0913"}, {0xA05, 0xA4C, "\u0914"},
    {0xA32, 0xA3C, "\u0933"}, {0xA38, 0xA3C, "\u0936"},
};

static const struct exception *exception_of(uint32_t cp) {
    size_t low = 0, high = sizeof(exceptions) / sizeof(*exceptions);
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (exceptions[middle].from == cp) return &exceptions[middle];
        if (exceptions[middle].from < cp)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool is_assigned(uint32_t cp) {
    return is_letter(cp) || is_mark(cp) || is_number(cp) || is_symbol(cp) || is_punctuation(cp);
}

/* The block of a character of the other scripts, 0: of none of them. */
static uint32_t block_of(uint32_t cp) {
    for (size_t i = 1; i < N_SCRIPTS; i++)
        if (cp >= scripts[i].block && cp < scripts[i].block + BLOCK) return scripts[i].block;
    return 0;
}

static karma_status put(struct buf *out, uint32_t cp) {
    char bytes[4];
    return buf_append(out, bytes, (size_t)utf8_encode(cp, bytes));
}

/* Addak doubles the consonant behind it; before a breathed one stands the one without breath. */
static karma_status put_doubled(struct buf *out, uint32_t consonant) {
    uint32_t place = consonant % BLOCK;
    static const char breathed[] = "\x16\x18\x1B\x1D\x20\x22\x25\x27\x2B\x2D";
    if (strchr(breathed, (int)place)) place--;
    karma_status st = put(out, DEVANAGARI + place);
    return st < 0 ? st : put(out, DEVANAGARI + VIRAMA);
}

static uint32_t character(const char *p, const char *end, int *n) {
    uint32_t cp = 0;
    *n = p < end ? utf8_decode(p, (size_t)(end - p), &cp, NULL) : 0;
    return *n ? cp : 0;
}

/* Append the character at *p in Devanagari, and step behind it. */
static karma_status to_devanagari(struct buf *out, const char **p, const char *end) {
    int n, n_next;
    const char *begin = *p;
    const uint32_t cp = character(begin, end, &n), block = block_of(cp);
    if (n == 0) n = 1;
    *p += n;
    if (!block) return buf_append(out, begin, (size_t)n);
    const uint32_t next = character(*p, end, &n_next), place = cp - block;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        if (pairs[i].first != cp || pairs[i].second != next) continue;
        *p += n_next;
        return buf_puts(out, pairs[i].to);
    }
    if (cp == ADDAK && block_of(next) == block && next - block >= FIRST_CONSONANT &&
        next - block <= LAST_CONSONANT)
        return put_doubled(out, next);
    const struct exception *e = exception_of(cp);
    if (e && e->to[0]) return buf_puts(out, e->to);
    const bool parallel = place < PARALLEL && (is_assigned(cp) || place / 2 == DANDA / 2);
    return e || !parallel ? buf_append(out, begin, (size_t)n) : put(out, DEVANAGARI + place);
}

/* Append the character at *p, which is Devanagari where it can be, in the block. */
static karma_status from_devanagari(uint32_t block, struct buf *out, const char **p,
                                    const char *end) {
    int n;
    const char *begin = *p;
    const uint32_t cp = character(begin, end, &n), place = cp - DEVANAGARI;
    if (n == 0) n = 1;
    *p += n;
    const bool parallel = cp >= DEVANAGARI && place < PARALLEL && place / 2 != DANDA / 2 &&
                          !exception_of(block + place) && is_assigned(block + place);
    return parallel ? put(out, block + place) : buf_append(out, begin, (size_t)n);
}

/* ---- the processor ---- */

struct state {
    bool normalize;
    uint32_t block; /* of the script that is written */
};

static karma_status read_args(struct arena *a, const struct json *args, void **state) {
    struct state *s = *state = arena_alloc(a, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    if (!json_is_null(json_get(args, "fallback_scheme")))
        return status_fail(KARMA_E_UNSUPPORTED,
                           "processor argument fallback_scheme: romanised text is not read; it "
                           "stays as it is, so leave this null");
    s->normalize = json_get(args, "normalize")->u.boolean;
    const char *target = json_str(json_get(args, "target"), "");
    for (size_t i = 0; i < N_SCRIPTS; i++)
        if (strcmp(scripts[i].name, target) == 0) s->block = scripts[i].block;
    return KARMA_OK;
}

static karma_status compose(const struct state *s, struct buf *text, struct buf *scratch) {
    if (!s->normalize) return KARMA_OK;
    buf_clear(scratch);
    karma_status st = nfc_append(scratch, buf_str(text), text->len);
    struct buf swapped = *text;
    *text = *scratch;
    *scratch = swapped;
    return st;
}

static karma_status run(const struct json *args, void *state, const char *text, struct buf *scratch,
                        struct buf *out) {
    const struct state *s = state;
    (void)args;
    karma_status st = buf_puts(out, text);
    if (st == KARMA_OK) st = compose(s, out, scratch);
    buf_clear(scratch);
    const char *p = buf_str(out), *end = p + out->len;
    while (p < end && st == KARMA_OK)
        st = to_devanagari(scratch, &p, end);
    if (s->block == DEVANAGARI) {
        buf_clear(out);
        if (st == KARMA_OK) st = buf_append(out, buf_str(scratch), scratch->len);
    } else {
        buf_clear(out);
        p = buf_str(scratch);
        end = p + scratch->len;
        while (p < end && st == KARMA_OK)
            st = from_devanagari(s->block, out, &p, end);
    }
    return st == KARMA_OK ? compose(s, out, scratch) : st;
}

static const char *const targets[] = {"devanagari", "bengali", "gurmukhi", "gujarati",  "oriya",
                                      "tamil",      "telugu",  "kannada",  "malayalam", NULL};
static const karma_option_spec options[] = {
    {.name = "normalize",
     .type = KARMA_OPTION_BOOL,
     .default_json = "true",
     .help = "compose the text (NFC) before and after"},
    {.name = "fallback_scheme",
     .type = KARMA_OPTION_STRING,
     .nullable = true,
     .default_json = "null",
     .help = "null alone: romanised text stays as it is"},
    {.name = "target",
     .type = KARMA_OPTION_STRING,
     .choices = targets,
     .default_json = "\"devanagari\"",
     .help = "script to write; what it lacks stays in Devanagari"},
    {.name = NULL},
};

const struct processor_ops processor_devnagari_transliterator = {
    .info = {.name = "devnagari_transliterator",
             .description = "text of Indian scripts in Devanagari; other text stays as it is",
             .options = options},
    .open = read_args,
    .run = run,
};
