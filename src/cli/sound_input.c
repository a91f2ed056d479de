/* sound_input.c - see sound_input.h. */
#include "cli/sound_input.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const size_t MAX_BYTES = (size_t)4 << 30;

karma_status sound_input_read(void **bytes, size_t *size) {
    size_t len = 0, cap = 1 << 20;
    *bytes = NULL;
    if (isatty(STDIN_FILENO)) {
        return cli_error(KARMA_E_USAGE, "no audio: name a file; - reads standard input");
    }
    char *data = malloc(cap);
    for (;;) {
        if (!data) return cli_error(KARMA_E_NOMEM, "out of memory");
        const size_t n = fread(data + len, 1, cap - len, stdin);
        if (n == 0) break;
        len += n;
        if (len > MAX_BYTES) {
            free(data);
            return cli_error(KARMA_E_LIMIT, "standard input: more than 4 GiB of audio");
        }
        if (len == cap) {
            char *grown = realloc(data, cap * 2);
            if (!grown) free(data);
            data = grown;
            cap *= 2;
        }
    }
    if (!ferror(stdin) && len > 0) {
        *bytes = data;
        *size = len;
        return KARMA_OK;
    }
    free(data);
    return len > 0 || ferror(stdin) ? cli_error(KARMA_E_IO, "standard input: read failed")
                                    : cli_error(KARMA_E_USAGE, "standard input is empty");
}

bool model_hears(const karma_model *m) {
    return karma_model_get_type(m) == KARMA_AUDIO_RECOGNITION;
}

karma_status args_default(char **args, const char *name, json_t *value, bool *given) {
    json_t *all = *args ? json_loads(*args, 0, NULL) : json_object();
    *given = json_object_get(all, name) != NULL;
    char *text = NULL;
    if (all && value && (*given || json_object_set(all, name, value) == 0)) {
        text = json_dumps(all, JSON_COMPACT);
    }
    json_decref(value);
    json_decref(all);
    if (!text) return cli_error(KARMA_E_NOMEM, "out of memory");
    free(*args);
    *args = text;
    return KARMA_OK;
}
