/*
 * fuzz_speech.c - any JSON object as a row of recordings: an error with a message, or a path, or
 * bytes, and a text to compare with.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/speech.h"

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    struct speech s = {.folder = "clips"};
    struct item item;
    const struct json *row, *args;
    bool wanted;
    check(json_parse(&a, "{\"language\": \"hi\"}", 18, 0, &args) == KARMA_OK);
    if (json_parse(&a, (const char *)data, size, 0, &row) == KARMA_OK && json_is_object(row)) {
        (void)speech_has_columns(row);
        (void)speech_in_language(&a, &dataset_transcription, args, row, &wanted);
        const karma_status st = speech_item(&a, &dataset_transcription, &s, "", args, row, &item);
        check(st == KARMA_OK || karma_error_message()[0]);
        if (st == KARMA_OK) {
            check(item.reference && item.other_args && !item.prompt);
            check((item.audio.path != NULL) != (item.audio.bytes != NULL));
        }
    }
    arena_release(&a);
    return 0;
}
