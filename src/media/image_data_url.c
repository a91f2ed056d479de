/* image_data_url.c - pictures inside a text, RFC 2397; see image.h. */
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "media/image.h"

enum { MAX_BYTES = 1 << 30, SCHEME_LEN = 5 };

bool image_is_data_url(const char *text) {
    return text && ascii_same_n(text, "data:", SCHEME_LEN);
}

karma_status image_from_data_url(const char *text, size_t len, void **bytes, size_t *size) {
    static const char marker[] = ";base64";
    const size_t marker_len = sizeof(marker) - 1;
    struct arena a = {0};
    const unsigned char *decoded;
    *bytes = NULL;
    *size = 0;
    if (len < SCHEME_LEN || !ascii_same_n(text, "data:", SCHEME_LEN))
        return status_fail(KARMA_E_ENCODING, "data URL: does not begin with data:");
    const char *comma = memchr(text, ',', len);
    if (!comma) return status_fail(KARMA_E_ENCODING, "data URL: no comma before its data");
    const size_t head = (size_t)(comma - text), rest = len - head - 1;
    if (head < SCHEME_LEN + marker_len || !ascii_same_n(comma - marker_len, marker, marker_len))
        return status_fail(KARMA_E_UNSUPPORTED, "data URL: only base64 is read (;base64,)");
    if (rest / 4 * 3 > MAX_BYTES)
        return status_fail(KARMA_E_LIMIT, "data URL: more than %d bytes", MAX_BYTES);
    karma_status st = base64_decode(&a, comma + 1, rest, &decoded, size);
    if (st == KARMA_OK) {
        *bytes = mem_alloc(*size);
        st = *bytes ? KARMA_OK : KARMA_E_NOMEM;
    }
    if (st == KARMA_OK) memcpy(*bytes, decoded, *size);
    if (st < 0) *size = 0;
    arena_release(&a);
    return status_prefix(st, "data URL, behind its comma");
}
