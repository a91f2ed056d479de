/*
 * multilingual_text_processor.c - text of an Indian language as KARMA cleans it: stray signs at its
 * start away, NFC, one spelling of what can be written in several, a list of words to replace. Left
 * out is KARMA's first step, which sends what looks like English to a transliteration service. The
 * list is a file of yours (word_list.h) with a tab between the columns; KARMA splits its own at any
 * blank, and so reads a source of two words wrongly, which glm_as_upstream does too.
 */
#include <string.h>

#include "base/utf8.h"
#include "processors/indic_normalizer.h"
#include "processors/processor.h"
#include "processors/word_list.h"
#include "text/characters.h"

struct state {
    struct spelling spelling;
    struct word_list list;
};

static karma_status read_args(struct arena *a, const struct json *args, void **state) {
    struct state *s = *state = arena_alloc(a, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    s->spelling = (struct spelling){
        .language = json_str(json_get(args, "language"), "hi"),
        .compatible = strcmp(json_str(json_get(args, "unicode"), ""), "nfkc") == 0,
        .as_upstream = json_get(args, "glm_as_upstream")->u.boolean,
    };
    const char *path = json_str(json_get(args, "glm"), NULL);
    return path ? word_list_read(a, &s->spelling, path, &s->list) : KARMA_OK;
}

/* Vowel signs and marks of Devanagari that belong to no letter. */
static const char *skip_stray_signs(const char *p) {
    uint32_t cp;
    int n;
    while ((n = utf8_decode(p, strlen(p), &cp, NULL)) > 0 &&
           ((cp >= 0x900 && cp <= 0x903) || cp == 0x93C || (cp >= 0x93E && cp <= 0x94D)))
        p += n;
    return p;
}

static karma_status run(const struct json *args, void *state, const char *text, struct buf *scratch,
                        struct buf *out) {
    const struct state *s = state;
    size_t len = strlen(text);
    (void)args;
    strip_white_space(text, &len);
    if (len == 0) return buf_puts(out, text); /* blank texts stay as they are */
    text = skip_stray_signs(text);
    len = strlen(text);
    karma_status st =
        s->spelling.compatible ? nfkc_append(out, text, len) : nfc_append(out, text, len);
    if (st == KARMA_OK) st = indic_normalize(s->spelling.language, out, scratch);
    if (st == KARMA_OK) st = word_list_apply(&s->list, out, scratch);
    return st;
}

static const char *const forms[] = {"nfc", "nfkc", NULL};
static const karma_option_spec options[] = {
    {.name = "language",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"hi\"",
     .choices = indic_languages,
     .help = "code of the text's language; in an evaluation that of the sample, when it has one"},
    {.name = "glm",
     .type = KARMA_OPTION_STRING,
     .nullable = true,
     .default_json = "null",
     .help = "file of words to replace: what, tab, by what"},
    {.name = "glm_as_upstream",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "cut its lines at the first blank, and let vowel signs end words, as KARMA does"},
    {.name = "unicode",
     .type = KARMA_OPTION_STRING,
     .choices = forms,
     .default_json = "\"nfc\"",
     .help = "normal form of the text"},
    {.name = NULL},
};

const struct processor_ops processor_multilingual_text = {
    .info = {.name = "multilingual_text_processor",
             .description = "one spelling for text of Indian scripts; words replaced by a list",
             .options = options},
    .open = read_args,
    .run = run,
};
