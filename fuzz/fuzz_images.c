/*
 * fuzz_images.c - any JSON object as a row of questions on pictures: an error with a message, or a
 * question with at least one picture, each a path or bytes, and the part of the set it counts to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/images.h"

static void check(bool holds) {
    if (!holds) abort();
}

static void check_row(struct arena *a, const struct dataset_spec *spec, const struct json *row) {
    struct item item;
    karma_status st = item_make(a, spec, spec->info.prompt, NULL, row, &item);
    if (st == KARMA_OK) st = images_item(a, spec, "pictures", row, &item);
    check(st == KARMA_OK || karma_error_message()[0]);
    if (st < 0) return;
    check(item.prompt && item.reference && item.n_images <= IMAGES_MAX);
    check(item.n_images > 0 || spec->images == DATASET_IMAGES_SOME);
    check(!spec->closed_by_answer || (item.answer_type && item.answer_type[0]));
    for (size_t i = 0; i < item.n_images; i++) {
        check((item.images[i].path != NULL) != (item.images[i].bytes != NULL));
        check(item.images[i].frame >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    const struct json *row;
    if (json_parse(&a, (const char *)data, size, 0, &row) == KARMA_OK && json_is_object(row)) {
        (void)images_has_column(row);
        check_row(&a, &dataset_visual_question_answer, row);
        check_row(&a, &dataset_question_answer, row);
        check_row(&a, &dataset_multiple_choice, row);
    }
    arena_release(&a);
    return 0;
}
