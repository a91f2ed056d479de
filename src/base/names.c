/* names.c - see names.h. */
#include "base/names.h"

#include <string.h>

#include "base/mem.h"

karma_status names_copy(const char *const *names, size_t count, char ***out) {
    size_t size = (count + 1) * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        size += strlen(names[i]) + 1;
    char **list = *out = mem_alloc(size);
    if (!list) return KARMA_E_NOMEM;
    char *text = (char *)(list + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]) + 1;
        list[i] = memcpy(text, names[i], len);
        text += len;
    }
    list[count] = NULL;
    return KARMA_OK;
}
