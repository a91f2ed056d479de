/*
 * speech_language.c - which of a recogniser's languages is meant: its own code first, then what
 * stands for that code elsewhere. Upstream takes the first two letters, whatever they are; that is
 * done where it is asked for.
 */
#include <string.h>

#include "api/speech.h"
#include "base/language.h"
#include "base/nearest.h"
#include "base/utf8.h"

static int32_t of_code(const struct speech_info *info, const char *code, size_t len) {
    for (int32_t i = 0; i < info->n_languages; i++) {
        const char *own = info->languages[i].code;
        if (strlen(own) == len && memcmp(own, code, len) == 0) return i;
    }
    return -1;
}

static int32_t find(const struct speech_info *info, const char *name) {
    enum { MAX_CODE = 32 };
    const size_t len = strlen(name), tag = strcspn(name, "-_");
    char lower[MAX_CODE];
    int32_t found = of_code(info, name, len);
    if (found >= 0) return found;
    if (tag > 0 && tag < MAX_CODE) {
        for (size_t i = 0; i < tag; i++)
            lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
        found = of_code(info, lower, tag);
    }
    const char *code = found < 0 ? language_code(name) : NULL;
    return code ? of_code(info, code, strlen(code)) : found;
}

/* Which of its languages may have been meant. */
static const char *nearest(struct arena *a, const struct speech_info *info, const char *name) {
    const size_t n = (size_t)info->n_languages;
    const char **codes = arena_calloc(a, n, sizeof(*codes));
    for (size_t i = 0; codes && i < n; i++)
        codes[i] = info->languages[i].code;
    if (!codes) return NULL;
    const char *meant = language_nearest(name);
    const int32_t by_name = meant ? of_code(info, meant, strlen(meant)) : -1;
    const int near = by_name >= 0 ? by_name : nearest_name(name, codes, n);
    return near >= 0 ? codes[near] : NULL;
}

static karma_status unknown(const struct speech_info *info, const char *name) {
    struct arena a = {0};
    struct buf known = {0};
    karma_status st = KARMA_OK;
    for (int32_t i = 0; i < info->n_languages && st == KARMA_OK && known.len < 400; i++)
        st = buf_printf(&known, "%s%s", i ? ", " : "", info->languages[i].code);
    const char *meant = st == KARMA_OK ? nearest(&a, info, name) : NULL;
    if (st == KARMA_OK)
        st = status_fail(KARMA_E_RANGE,
                         "language '%s' is none of the model's%s%s%s; it has %s, and auto",
                         status_quotez(name), meant ? "; did you mean '" : "", meant ? meant : "",
                         meant ? "'?" : "", buf_str(&known));
    arena_release(&a);
    buf_release(&known);
    return st;
}

karma_status speech_find_language(const struct speech_info *info, const char *name,
                                  int32_t *language) {
    *language = SPEECH_AUTO;
    if (strcmp(name, "auto") == 0) return KARMA_OK;
    *language = find(info, name);
    return *language >= 0 ? KARMA_OK : unknown(info, name);
}

/* The first two characters, lower-cased. */
static karma_status find_as_upstream(const struct speech_info *info, const char *name,
                                     int32_t *language) {
    char two[3] = {0};
    for (size_t i = 0; i < 2 && name[i]; i++)
        two[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    *language = of_code(info, two, strlen(two));
    return *language >= 0 ? KARMA_OK : unknown(info, two);
}

karma_status speech_sample_language(const struct speech *s, const char *other_args_json,
                                    int32_t *language) {
    struct arena a = {0};
    const struct json *args = NULL;
    const char *name = NULL;
    karma_status st = KARMA_OK;
    *language = s->language;
    if (!other_args_json) return KARMA_OK;
    st = json_parse(&a, other_args_json, strlen(other_args_json), 0, &args);
    if (st == KARMA_OK && !json_is_object(args) && !json_is_null(args))
        st = status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(args));
    if (st == KARMA_OK && json_is_object(args)) st = json_field_str(args, "language", NULL, &name);
    if (st < 0) st = status_prefix(st, "other_args");
    if (st == KARMA_OK && name && *name)
        st = s->compat ? find_as_upstream(s->info, name, language)
                       : speech_find_language(s->info, name, language);
    arena_release(&a);
    return st;
}
