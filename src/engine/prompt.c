/* prompt.c - see prompt.h. */
#include "engine/prompt.h"

#include "base/mem.h"
#include "base/size.h"

karma_status image_rows_create(int32_t count, int64_t width, struct image_rows **out) {
    uint64_t bytes;
    *out = NULL;
    if (count < 1 || width < 1 || !size_mul((uint64_t)count, (uint64_t)width, &bytes) ||
        !size_mul(bytes, sizeof(float), &bytes) || bytes > SIZE_MAX / 2)
        return status_fail(KARMA_E_RANGE, "rows of a picture: %d of %lld", count, (long long)width);
    struct image_rows *rows = mem_alloc(sizeof(*rows) + (size_t)bytes);
    if (!rows) return KARMA_E_NOMEM;
    *rows = (struct image_rows){.count = count, .width = width, .data = (float *)(rows + 1)};
    atomic_init(&rows->refs, 1);
    *out = rows;
    return KARMA_OK;
}

struct image_rows *image_rows_ref(struct image_rows *rows) {
    atomic_fetch_add_explicit(&rows->refs, 1, memory_order_relaxed);
    return rows;
}

void image_rows_unref(struct image_rows *rows) {
    if (rows && atomic_fetch_sub_explicit(&rows->refs, 1, memory_order_acq_rel) == 1)
        mem_free(rows);
}
