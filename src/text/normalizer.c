/*
 * normalizer.c - normal forms work on segments: a starter with all that may interact with it.
 * utf8proc knows the decompositions and compositions; the order of combining marks is sorted here,
 * because its own way of sorting takes quadratic time on a long run of them.
 */
#include "text/normalizer.h"

#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/char_filters.h"
#include "text/precompiled.h"
#include "text/unicode.h"

enum { MAX_DECOMPOSED = 18, SHORT_RUN = 24 };

karma_status normalizer_add(struct normalizer *n, struct normalizer_step step) {
    if (n->n_steps == NORMALIZER_MAX_STEPS)
        return status_fail(KARMA_E_LIMIT, "more than %d normalizer steps", NORMALIZER_MAX_STEPS);
    n->steps[n->n_steps++] = step;
    return KARMA_OK;
}

karma_status normalizer_add_bert(struct normalizer *n, bool clean_text, bool space_ideographs,
                                 bool strip_accents, bool lowercase) {
    const struct {
        bool on;
        enum normalizer_kind kind;
    } steps[] = {{clean_text, NORMALIZE_CLEAN_TEXT},
                 {space_ideographs, NORMALIZE_SPACE_IDEOGRAPHS},
                 {strip_accents, NORMALIZE_NFD},
                 {strip_accents, NORMALIZE_DROP_NONSPACING},
                 {lowercase, NORMALIZE_LOWERCASE}};
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
        if (steps[i].on) st = normalizer_add(n, (struct normalizer_step){.kind = steps[i].kind});
    return st;
}

bool normalizer_may_drop_first(const struct normalizer *n) {
    for (int i = 0; i < n->n_steps; i++) {
        const struct normalizer_step *s = &n->steps[i];
        switch (s->kind) {
        case NORMALIZE_REPLACE:
        case NORMALIZE_REPLACE_RUNS:
            if (s->to_len == 0) return true;
            break;
        case NORMALIZE_STRIP:
            if (s->left) return true;
            break;
        case NORMALIZE_CLEAN_TEXT:
        case NORMALIZE_DROP_NONSPACING:
        case NORMALIZE_DROP_MARKS:
        case NORMALIZE_NMT:
            return true;
        default:
            break;
        }
    }
    return false;
}

/* ---- normal forms ---- */

/* A segment's code points, and room to sort them. */
struct segment {
    int32_t *cp, *spare;
    size_t n, cap;
};

static void segment_release(struct segment *s) {
    mem_free(s->cp);
    mem_free(s->spare);
}

static karma_status segment_reserve(struct segment *s, size_t n) {
    if (n <= s->cap) return KARMA_OK;
    size_t cap = s->cap ? s->cap : 64;
    while (cap < n)
        cap *= 2;
    int32_t *cp = mem_realloc(s->cp, cap * sizeof(*cp));
    if (!cp) return KARMA_E_NOMEM;
    s->cp = cp;
    int32_t *spare = mem_realloc(s->spare, cap * sizeof(*spare));
    if (!spare) return KARMA_E_NOMEM;
    s->spare = spare;
    s->cap = cap;
    return KARMA_OK;
}

static unsigned combining_class(int32_t cp) {
    return (unsigned)utf8proc_get_property(cp)->combining_class;
}

/* Stable sort of a run of marks by combining class: by insertion if short, else by counting. */
static void sort_marks(int32_t *cp, int32_t *spare, size_t n) {
    if (n <= SHORT_RUN) {
        for (size_t i = 1; i < n; i++) {
            int32_t x = cp[i];
            unsigned class = combining_class(x);
            size_t to = i;
            for (; to > 0 && combining_class(cp[to - 1]) > class; to--)
                cp[to] = cp[to - 1];
            cp[to] = x;
        }
        return;
    }
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++)
        start[(combining_class(cp[i]) & 255) + 1]++;
    for (int c = 1; c < 257; c++)
        start[c] += start[c - 1];
    for (size_t i = 0; i < n; i++)
        spare[start[combining_class(cp[i]) & 255]++] = cp[i];
    memcpy(cp, spare, n * sizeof(*cp));
}

static void order_marks(struct segment *s) {
    for (size_t i = 0; i < s->n;) {
        size_t from = i;
        while (i < s->n && combining_class(s->cp[i]) != 0)
            i++;
        if (i - from > 1) sort_marks(s->cp + from, s->spare, i - from);
        if (i == from) i++;
    }
}

static karma_status decompose(struct segment *s, uint32_t cp, bool compatible) {
    karma_status st = segment_reserve(s, s->n + MAX_DECOMPOSED);
    if (st < 0) return st;
    utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
    if (compatible) options |= UTF8PROC_COMPAT;
    int last_boundclass = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, s->cp + s->n, MAX_DECOMPOSED,
                                                 options, &last_boundclass);
    if (n < 0 || n > MAX_DECOMPOSED)
        return status_fail(KARMA_E_INTERNAL, "decomposition of U+%04X", (unsigned)cp);
    s->n += (size_t)n;
    return KARMA_OK;
}

/* Write the segment in the wanted form. */
static karma_status flush(struct segment *s, bool composed, struct buf *out) {
    if (s->n == 0) return KARMA_OK;
    order_marks(s);
    utf8proc_ssize_t n = (utf8proc_ssize_t)s->n;
    if (composed) n = utf8proc_normalize_utf32(s->cp, n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0) return status_fail(KARMA_E_INTERNAL, "composition failed");
    s->n = 0;
    karma_status st = buf_reserve(out, 4 * (size_t)n);
    if (st < 0) return st;
    for (utf8proc_ssize_t i = 0; st == KARMA_OK && i < n; i++) {
        char bytes[4];
        st = buf_append(out, bytes, (size_t)utf8_encode((uint32_t)s->cp[i], bytes));
    }
    return st;
}

static size_t ascii_prefix(const char *p, size_t len) {
    size_t i = 0;
    uint64_t word;
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, p + i, 8);
        if (word & 0x8080808080808080u) break;
    }
    while (i < len && (unsigned char)p[i] < 0x80)
        i++;
    return i;
}

/* Where NFC has something to do: the character before the first active one (they may compose), or
 * the end. */
static size_t quiet_prefix(const char *p, size_t len) {
    int n, before = 0;
    for (size_t i = 0; i < len; i += (size_t)n) {
        size_t plain = ascii_prefix(p + i, len - i);
        if (plain > 0) {
            i += plain;
            before = 1;
            if (i == len) break;
        }
        if (unicode_get(unicode_at(p + i, &n)) & UNICODE_NFC_ACTIVE) return i - (size_t)before;
        before = n;
    }
    return len;
}

/* NFC copies what is quiet and only takes apart what is not. */
static karma_status normal_form(enum normalizer_kind kind, const char *text, size_t len,
                                struct buf *out) {
    bool composed = kind == NORMALIZE_NFC || kind == NORMALIZE_NFKC;
    bool compatible = kind == NORMALIZE_NFKC || kind == NORMALIZE_NFKD;
    struct segment s = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < len;) {
        int n;
        uint32_t cp = unicode_at(text + i, &n);
        unsigned props = unicode_get(cp);
        bool inert = !(props & UNICODE_OLD);
        bool starts = inert || (kind == NORMALIZE_NFC ? !(props & UNICODE_NFC_ACTIVE) : cp < 0x300);
        if (starts) { /* nothing before it matters to what follows */
            st = flush(&s, composed, out);
            size_t quiet = kind == NORMALIZE_NFC ? quiet_prefix(text + i, len - i) : 0;
            if (inert && quiet < (size_t)n) quiet = (size_t)n;
            if (st == KARMA_OK) st = buf_append(out, text + i, quiet);
            i += quiet;
            if (quiet > 0) continue;
        }
        if (st == KARMA_OK) st = decompose(&s, cp, compatible);
        i += (size_t)n;
    }
    if (st == KARMA_OK) st = flush(&s, composed, out);
    segment_release(&s);
    return st;
}

static bool already_normal(enum normalizer_kind kind, const char *text, size_t len) {
    if (kind == NORMALIZE_NFC) return quiet_prefix(text, len) == len;
    return ascii_prefix(text, len) == len;
}

/* ---- the other steps ---- */

static karma_status replace(const struct normalizer_step *s, const char *text, size_t len,
                            struct buf *out) {
    const char *p = text, *end = text + len;
    if (s->from_len == 1) { /* grow once: replacing spaces in a long text is the common case */
        size_t hits = 0;
        for (const char *q = text; q < end; q++)
            hits += *q == *s->from;
        karma_status st = buf_reserve(out, len + hits * s->to_len);
        if (st < 0) return st;
    }
    while (p < end) {
        const char *hit = memmem(p, (size_t)(end - p), s->from, s->from_len);
        const char *stop = hit ? hit : end;
        karma_status st = buf_append(out, p, (size_t)(stop - p));
        if (st == KARMA_OK && hit) st = buf_append(out, s->to, s->to_len);
        if (st < 0) return st;
        p = hit ? hit + s->from_len : end;
    }
    return KARMA_OK;
}

static bool is_run_space(const struct normalizer_step *s, const char *p, int *n) {
    const uint32_t cp = unicode_at(p, n);
    return cp == ' ' || (s->any_space && (unicode_get(cp) & UNICODE_CLASS) == UNICODE_SPACE);
}

/* The next run at or after p that is long enough: its beginning, *run_end its end; end if none. */
static const char *next_run(const struct normalizer_step *s, const char *p, const char *end,
                            const char **run_end) {
    while (p < end) {
        int n = 1, count = 0;
        const char *q = p;
        for (; q < end && is_run_space(s, q, &n); q += n)
            count += count < s->min_run;
        *run_end = q;
        if (count > 0 && count == s->min_run) return p;
        p = count > 0 ? q : p + n;
    }
    *run_end = end;
    return end;
}

static karma_status replace_runs(const struct normalizer_step *s, const char *text, size_t len,
                                 struct buf *out) {
    karma_status st = KARMA_OK;
    for (const char *p = text, *end = text + len, *run_end; st == KARMA_OK && p < end;) {
        const char *run = next_run(s, p, end, &run_end);
        st = buf_append(out, p, (size_t)(run - p));
        if (st == KARMA_OK && run < end) st = buf_append(out, s->to, s->to_len);
        p = run_end;
    }
    return st;
}

static void strip(const struct normalizer_step *s, const char **text, size_t *len) {
    int n;
    while (s->left && *len > 0 &&
           (unicode_get(unicode_at(*text, &n)) & UNICODE_CLASS) == UNICODE_SPACE) {
        *text += n;
        *len -= (size_t)n;
    }
    while (s->right && *len > 0 &&
           (unicode_get(unicode_before(*text, *text + *len, &n)) & UNICODE_CLASS) == UNICODE_SPACE)
        *len -= (size_t)n;
}

static bool does_nothing(const struct normalizer_step *s, const char *text, size_t len) {
    switch (s->kind) {
    case NORMALIZE_REPLACE:
        return memmem(text, len, s->from, s->from_len) == NULL;
    case NORMALIZE_PREPEND:
        return len == 0;
    case NORMALIZE_STRIP:
    case NORMALIZE_REPLACE_RUNS:
    case NORMALIZE_PRECOMPILED:
        return false;
    case NORMALIZE_NFC:
    case NORMALIZE_NFD:
    case NORMALIZE_NFKC:
    case NORMALIZE_NFKD:
        return already_normal(s->kind, text, len);
    default:
        return char_filter_idle(s->kind, text, len);
    }
}

static karma_status apply(const struct normalizer_step *s, const char *text, size_t len,
                          struct buf *out) {
    karma_status st;
    switch (s->kind) {
    case NORMALIZE_PREPEND:
        st = buf_append(out, s->to, s->to_len);
        return st < 0 ? st : buf_append(out, text, len);
    case NORMALIZE_REPLACE:
        return replace(s, text, len, out);
    case NORMALIZE_REPLACE_RUNS:
        return replace_runs(s, text, len, out);
    case NORMALIZE_PRECOMPILED:
        return precompiled_apply(s->map, text, len, out);
    case NORMALIZE_NFC:
    case NORMALIZE_NFD:
    case NORMALIZE_NFKC:
    case NORMALIZE_NFKD:
        return normal_form(s->kind, text, len, out);
    default:
        return char_filter(s->kind, text, len, out);
    }
}

karma_status normalize(const struct normalizer *n, const char *text, size_t len,
                       struct buf scratch[2], const char **out, size_t *out_len) {
    karma_status st = KARMA_OK;
    int into = 0;
    *out = text;
    *out_len = len;
    for (int i = 0; st == KARMA_OK && i < n->n_steps; i++) {
        const struct normalizer_step *s = &n->steps[i];
        if (s->kind == NORMALIZE_STRIP) {
            strip(s, out, out_len);
            continue;
        }
        if (does_nothing(s, *out, *out_len)) continue;
        struct buf *b = &scratch[into];
        buf_clear(b);
        st = apply(s, *out, *out_len, b);
        *out = buf_str(b);
        *out_len = b->len;
        into = !into;
    }
    return st;
}
