/* image_input.c - see image_input.h. */
#include "cli/image_input.h"

#include <stdlib.h>
#include <string.h>

static const char frame_mark[] = "#frame=";

/* The "#frame=" that only digits follow; NULL: the whole is a path. */
static char *find_frame(char *path) {
    char *found = NULL;
    if (strncmp(path, "data:", 5) == 0) return NULL;
    for (char *p = path; (p = strstr(p, frame_mark)) != NULL; p++)
        found = p;
    const char *digits = found ? found + strlen(frame_mark) : "";
    return *digits && !digits[strspn(digits, "0123456789")] ? found : NULL;
}

static karma_status parse_one(char *path, karma_image *out) {
    char *frame = find_frame(path);
    int64_t n = 0;
    if (strcmp(path, "-") == 0) {
        return cli_error(KARMA_E_USAGE, "--image: expected a file or a data URL; standard input is "
                                        "the prompt's");
    }
    if (frame == path) return cli_error(KARMA_E_USAGE, "--image: a frame of no file");
    if (frame) {
        const karma_status st =
            cli_int("--image: frame", frame + strlen(frame_mark), 0, INT32_MAX, &n);
        if (st < 0) return st;
        *frame = '\0';
    }
    out->path = path;
    out->frame = (int32_t)n;
    return KARMA_OK;
}

karma_status image_input_parse(const struct cli_list *given, karma_image **images, char **paths) {
    size_t size = 1;
    for (size_t i = 0; i < given->n; i++)
        size += strlen(given->items[i]) + 1;
    *images = calloc(given->n + 1, sizeof(**images));
    *paths = malloc(size);
    if (!*images || !*paths) return cli_error(KARMA_E_NOMEM, "out of memory");
    char *at = *paths;
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < given->n; i++) {
        const size_t len = strlen(given->items[i]) + 1;
        memcpy(at, given->items[i], len);
        st = parse_one(at, &(*images)[i]);
        at += len;
    }
    return st;
}
