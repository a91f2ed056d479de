/*
 * indic_normalizer.c - the tables are indic-nlp-library's, oddities included: what it does to both
 * prediction and reference decides a published figure. It knows no Maithili, Bodo, Dogri and
 * Konkani, which are written as Hindi is; of the last row's languages only what all scripts share
 * is made equal. Each rule goes over the whole text before the next one does.
 */
#include "processors/indic_normalizer.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

struct rule {
    const char *from, *to;
};

/* What all scripts share: invisible characters, quotes, dashes. */
static const struct rule common[] = {
    {"\uFEFF", ""},   {"\uFFFE", ""},  {"\u2060", ""},    {"\u00AD", ""},    {"\u200B", " "},
    {"\u00A0", " "},  {"\u200C", ""},  {"\u200D", ""},    {"\u201E", "\""},  {"\u201C", "\""},
    {"\u201D", "\""}, {"\u2013", "-"}, {"\u2014", " - "}, {"\u00B4", "'"},   {"\u2018", "'"},
    {"\u201A", "'"},  {"\u2019", "'"}, {"''", "\""},      {"\u2026", "..."}, {NULL, NULL},
};

static const struct rule devanagari[] = {
    {"\u0972", "\u090F"},
    {"\u0929", "\u0928\u093C"},
    {"\u0931", "\u0930\u093C"},
    {"\u0934", "\u0933\u093C"},
    {"\u0958", "\u0915\u093C"},
    {"\u0959", "\u0916\u093C"},
    {"\u095A", "\u0917\u093C"},
    {"\u095B", "\u091C\u093C"},
    {"\u095C", "\u0921\u093C"},
    {"\u095D", "\u0922\u093C"},
    {"\u095E", "\u092B\u093C"},
    {"\u095F", "\u092F\u093C"},
    {"|", "\u0964"},
    {NULL, NULL},
};
static const struct rule gurmukhi_first[] = {
    {"\u0A05\u0A3E", "\u0A06"}, {"\u0A72\u0A3F", "\u0A07"},
    {"\u0A72\u0A40", "\u0A08"}, {"\u0A73\u0A41", "\u0A09"},
    {"\u0A73\u0A42", "\u0A0A"}, {"\u0A72\u0A47", "\u0A0F"},
    {"\u0A05\u0A48", "\u0A10"}, {"\u0A73\u0A4B", "\u0A13"},
    {"\u0A05\u0A4C", "\u0A14"}, {NULL, NULL},
};
static const struct rule gurmukhi[] = {
    {"\u0A33", "\u0A32\u0A3C"},
    {"\u0A36", "\u0A38\u0A3C"},
    {"\u0A59", "\u0A16\u0A3C"},
    {"\u0A5A", "\u0A17\u0A3C"},
    {"\u0A5B", "\u0A1C\u0A3C"},
    {"\u0A5E", "\u0A2B\u0A3C"},
    {"\u0A64", "\u0964"},
    {"\u0A65", "\u0965"},
    {"|", "\u0964"},
    {NULL, NULL},
};
static const struct rule gujarati[] = {
    {"\u0AE4", "\u0964"},
    {"\u0AE5", "\u0965"},
    {NULL, NULL},
};
static const struct rule bengali[] = {
    {"\u09DC", "\u09A1\u09BC"}, {"\u09DD", "\u09A2\u09BC"},
    {"\u09DF", "\u09AF\u09BC"}, {"\u09E4", "\u0964"},
    {"\u09E5", "\u0965"},       {"|", "\u0964"},
    {"\u09F7", "\u0964"},       {"\u09C7\u09BE", "\u09CB"},
    {"\u09C7\u09D7", "\u09CC"}, {NULL, NULL},
};
static const struct rule oriya[] = {
    {"\u0B05\u0B3E", "\u0B06"}, {"\u0B0F\u0B57", "\u0B10"}, {"\u0B13\u0B57", "\u0B14"},
    {"\u0B5C", "\u0B21\u0B3C"}, {"\u0B5D", "\u0B22\u0B3C"}, {"\u0B64", "\u0964"},
    {"\u0B65", "\u0965"},       {"\u0B7C", "\u0964"},       /* the library means '|', U+007C */
    {"\u0B35", "\u0B2C"},       {"\u0B47\u0B56", "\u0B58"}, /* and U+0B48 */
    {"\u0B47\u0B3E", "\u0B4B"}, {"\u0B47\u0B57", "\u0B4C"}, {NULL, NULL},
};
static const struct rule tamil[] = {
    {"\u0BE4", "\u0964"},
    {"\u0BE5", "\u0965"},
    {"\u0B92\u0BD7", "\u0B94"},
    {"\u0BC6\u0BBE", "\u0BCA"},
    {"\u0BC7\u0BBE", "\u0BCB"},
    {"\u0BC6\u0BD7", "\u0BCC"},
    {NULL, NULL},
};
static const struct rule telugu[] = {
    {"\u0C64", "\u0964"},
    {"\u0C65", "\u0965"},
    {"\u0C46\u0C56", "\u0C48"},
    {NULL, NULL},
};
static const struct rule kannada[] = {
    {"\u0CE4", "\u0964"},       {"\u0CE5", "\u0965"},
    {"\u0CBF\u0CD5", "\u0CC0"}, {"\u0CC6\u0CD5", "\u0CC7"},
    {"\u0CC6\u0CD6", "\u0CC8"}, {"\u0CC6\u0CC2", "\u0CCA"},
    {"\u0CCA\u0CD5", "\u0CCB"}, {NULL, NULL},
};
static const struct rule malayalam_first[] = {
    {"\u0D23\u0D4D\u200D", "\u0D7A"},
    {"\u0D28\u0D4D\u200D", "\u0D7B"},
    {"\u0D30\u0D4D\u200D", "\u0D7C"},
    {"\u0D32\u0D4D\u200D", "\u0D7D"},
    {"\u0D33\u0D4D\u200D", "\u0D7E"},
    {"\u0D15\u0D4D\u200D", "\u0D7F"},
    {NULL, NULL},
};
static const struct rule malayalam[] = {
    {"\u0D64", "\u0964"},
    {"\u0D65", "\u0965"},
    {"\u0D46\u0D3E", "\u0D4A"},
    {"\u0D47\u0D3E", "\u0D4B"},
    {"\u0D46\u0D57", "\u0D4C"},
    {"\u0D57", "\u0D4C"},
    {NULL, NULL},
};

enum { MAX_CODES = 10 };
static const struct script {
    const char *languages[MAX_CODES];
    const struct rule *first; /* before the common rules; NULL: none */
    const struct rule *rules;
    uint32_t block; /* of 128 code points; its visarga is block + 3; 0: no script of these */
} scripts[] = {
    {{"hi", "mr", "sa", "kK", "ne", "sd", "mai", "brx", "doi", "kok"}, NULL, devanagari, 0x0900},
    {{"pa"}, gurmukhi_first, gurmukhi, 0x0A00},
    {{"gu"}, NULL, gujarati, 0x0A80},
    {{"bn", "as"}, NULL, bengali, 0x0980},
    {{"or"}, NULL, oriya, 0x0B00},
    {{"ta"}, NULL, tamil, 0x0B80},
    {{"te"}, NULL, telugu, 0x0C00},
    {{"kn"}, NULL, kannada, 0x0C80},
    {{"ml"}, malayalam_first, malayalam, 0x0D00},
    {{"en", "ks", "mni", "sat", "ur"}, NULL, NULL, 0},
};

const char *const indic_languages[] = {"hi",  "mr", "sa", "kK",  "ne",  "sd", "pa",  "gu",  "bn",
                                       "as",  "or", "ta", "te",  "kn",  "ml", "mai", "brx", "doi",
                                       "kok", "en", "ks", "mni", "sat", "ur", NULL};

static void swap(struct buf *a, struct buf *b) {
    struct buf kept = *a;
    *a = *b;
    *b = kept;
}

static karma_status replace_all(const struct rule *rule, struct buf *text, struct buf *scratch) {
    const char *p = buf_str(text), *found = strstr(p, rule->from);
    karma_status st = KARMA_OK;
    if (!found) return KARMA_OK;
    buf_clear(scratch);
    for (; found && st == KARMA_OK; found = strstr(p, rule->from)) {
        st = buf_append(scratch, p, (size_t)(found - p));
        if (st == KARMA_OK) st = buf_puts(scratch, rule->to);
        p = found + strlen(rule->from);
    }
    if (st == KARMA_OK) st = buf_puts(scratch, p);
    if (st == KARMA_OK) swap(text, scratch);
    return st;
}

static karma_status apply(const struct rule *rules, struct buf *text, struct buf *scratch) {
    karma_status st = KARMA_OK;
    for (; rules && rules->from && st == KARMA_OK; rules++)
        st = replace_all(rules, text, scratch);
    return st;
}

/* A colon right behind a character of the script is a mistyped visarga. */
static karma_status correct_visarga(uint32_t block, struct buf *text, struct buf *scratch) {
    const char *p = buf_str(text), *end = p + text->len;
    char visarga[4];
    const size_t visarga_len = (size_t)utf8_encode(block + 3, visarga);
    bool behind = false;
    karma_status st = KARMA_OK;
    buf_clear(scratch);
    for (int n; p < end && st == KARMA_OK; p += n) {
        uint32_t cp = 0;
        n = utf8_decode(p, (size_t)(end - p), &cp, NULL);
        if (n == 0) n = 1;
        const bool wrong = behind && *p == ':';
        st = wrong ? buf_append(scratch, visarga, visarga_len) : buf_append(scratch, p, (size_t)n);
        behind = !wrong && n > 1 && cp >= block && cp < block + 0x80;
    }
    if (st == KARMA_OK) swap(text, scratch);
    return st;
}

karma_status indic_normalize(const char *language, struct buf *text, struct buf *scratch) {
    const struct script *s = NULL;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
        for (size_t k = 0; k < MAX_CODES && scripts[i].languages[k]; k++)
            if (strcmp(scripts[i].languages[k], language) == 0) s = &scripts[i];
    if (!s) return status_fail(KARMA_E_RANGE, "language: no script is known for it");
    karma_status st = apply(s->first, text, scratch);
    if (st == KARMA_OK) st = apply(common, text, scratch);
    if (st == KARMA_OK) st = apply(s->rules, text, scratch);
    return st < 0 || s->block == 0 ? st : correct_visarga(s->block, text, scratch);
}
