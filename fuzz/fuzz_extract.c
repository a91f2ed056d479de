/*
 * fuzz_extract.c - any text as a model's answer. A rule gives one of the labels or nothing, or a
 * part of the text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/extract.h"

static void check(bool holds) {
    if (!holds) abort();
}

/* What is decided in its first half is what the whole says. */
static void check_decided(const struct extraction *e, const struct choices *c, const char *text) {
    struct arena a = {0};
    size_t half = strlen(text) / 2;
    while (half > 0 && ((unsigned char)text[half] & 0xC0) == 0x80)
        half--;
    const char *beginning = arena_strndup(&a, text, half), *before, *after;
    karma_parse how_before, how_after;
    if (beginning && e->decided && e->decided(beginning, c)) {
        check(extraction_may_decide(beginning));
        check(e->read(&a, beginning, c, &before, &how_before) == KARMA_OK);
        check(e->read(&a, text, c, &after, &how_after) == KARMA_OK);
        check(how_before == how_after && strcmp(before, after) == 0);
    }
    arena_release(&a);
}

/* The others write anew what they found: a capital letter, a number, JSON. */
static bool gives_a_part(const struct extraction *e) {
    static const char *const parts[] = {
        "final_answer",    "strip",       "ranking",      "transcript",
        "between_markers", "translation", "answer_block", "answer_block_upstream"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (strcmp(e->name, parts[i]) == 0) return true;
    return false;
}

/* KARMA scores what it did not find. */
static bool gives_unread(const struct extraction *e) {
    return strcmp(e->name, "letter_at_end") == 0 || strcmp(e->name, "letter_anywhere") == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct choices c = {
        .count = 4,
        .labels = {'A', 'B', 'C', 'D'},
        .texts = {"yes", "no", "Iron deficiency", "(A) and B."},
    };
    struct arena a = {0};
    char *text = mem_strndup((const char *)data, size);
    for (const struct extraction *e = extractions; text && e->name; e++) {
        const char *prediction;
        karma_parse how;
        check(e->read(&a, text, &c, &prediction, &how) == KARMA_OK);
        const bool may_be_empty = strcmp(e->name, "transcript") == 0; /* silence */
        const bool none = how == KARMA_PARSE_NONE || how == KARMA_PARSE_AMBIGUOUS;
        if (none ? !gives_unread(e) : !may_be_empty) check(none == (prediction[0] == '\0'));
        if (e->needs_choices && prediction[0])
            check(prediction[1] == '\0' && choices_of_label(&c, prediction[0]) >= 0);
        else if (prediction[0] && gives_a_part(e))
            check(strstr(text, prediction) != NULL);
        check_decided(e, &c, text);
    }
    mem_free(text);
    arena_release(&a);
    return 0;
}
