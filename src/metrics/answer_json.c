/* answer_json.c - see answer_json.h. */
#include "metrics/answer_json.h"

#include <string.h>

#include "text/characters.h"

/* ```json ... ```: what stands between. The first line may name a language. */
static const char *without_fence(const char *text, size_t *len) {
    static const char fence[] = "```";
    enum { FENCE = sizeof(fence) - 1 };
    text = strip_white_space(text, len);
    if (*len < 2 * FENCE || memcmp(text, fence, FENCE) != 0 ||
        memcmp(text + *len - FENCE, fence, FENCE) != 0)
        return text;
    const char *end = text + *len - FENCE, *line = memchr(text, '\n', (size_t)(end - text));
    text = line ? line + 1 : text + FENCE;
    *len = (size_t)(end - text);
    return text;
}

karma_status answer_json(struct arena *a, const char *text, const struct json **out) {
    size_t len = strlen(text);
    text = without_fence(text, &len);
    *out = NULL;
    if (len == 0) return KARMA_OK;
    karma_status st = json_parse(a, text, len, JSON_LAST_WINS, out);
    if (st == KARMA_E_NOMEM) return st;
    if (st < 0) *out = NULL;
    return KARMA_OK;
}
