/* language.c - see language.h. */
#include "base/language.h"

#include <string.h>

#include "base/nearest.h"
#include "base/utf8.h"

static const struct language {
    const char *code;
    const char *others[5]; /* three letters, names */
} languages[] = {
    {"as", {"asm", "assamese"}},
    {"bn", {"ben", "bengali", "bangla"}},
    {"brx", {"bodo", "boro"}},
    {"doi", {"dgo", "dogri"}},
    {"en", {"eng", "english"}},
    {"gu", {"guj", "gujarati"}},
    {"hi", {"hin", "hindi"}},
    {"kn", {"kan", "kannada"}},
    {"kok", {"gom", "konkani"}},
    {"ks", {"kas", "kashmiri"}},
    {"mai", {"maithili"}},
    {"ml", {"mal", "malayalam"}},
    {"mni", {"manipuri", "meitei"}},
    {"mr", {"mar", "marathi"}},
    {"ne", {"nep", "npi", "nepali"}},
    {"or", {"ori", "ory", "odia", "oriya"}},
    {"pa", {"pan", "punjabi", "panjabi"}},
    {"sa", {"san", "sanskrit"}},
    {"sat", {"santali"}},
    {"sd", {"snd", "sindhi"}},
    {"ta", {"tam", "tamil"}},
    {"te", {"tel", "telugu"}},
    {"ur", {"urd", "urdu"}},
};

const char *const language_codes[] = {"as",  "bn", "brx", "doi", "en",  "gu", "hi", "kn",
                                      "kok", "ks", "mai", "ml",  "mni", "mr", "ne", "or",
                                      "pa",  "sa", "sat", "sd",  "ta",  "te", "ur", NULL};

static bool same(const char *a, const char *b, size_t len) {
    return strlen(b) == len && ascii_same_n(a, b, len);
}

const char *language_code(const char *name) {
    const size_t whole = strlen(name), tag = strcspn(name, "-_"); /* "hi-IN", "hin_Deva" */
    if (tag < whole && tag > 3) return NULL;
    for (size_t i = 0; i < sizeof(languages) / sizeof(*languages); i++) {
        const struct language *l = &languages[i];
        if (same(name, l->code, tag)) return l->code;
        for (size_t k = 0; k < 5 && l->others[k]; k++)
            if (same(name, l->others[k], tag)) return l->code;
    }
    return NULL;
}

const char *language_nearest(const char *name) {
    enum { N_LANGUAGES = sizeof(languages) / sizeof(*languages), MOST = N_LANGUAGES * 5 };
    const char *names[MOST], *codes[MOST];
    size_t n = 0;
    for (size_t i = 0; i < N_LANGUAGES; i++) {
        for (size_t k = 0; k < 5 && languages[i].others[k]; k++) {
            if (strlen(languages[i].others[k]) <= 3) continue; /* too short to be near anything */
            names[n] = languages[i].others[k];
            codes[n++] = languages[i].code;
        }
    }
    const int near = nearest_name(name, names, n);
    return near >= 0 ? codes[near] : NULL;
}
