/*
 * fuzz_dataset_rows.c - any JSON object as a row of every built-in data set, under both protocols:
 * an error with a message, a row that is none of the set's, or something that can be asked.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "datasets/adapt.h"

static void check(bool holds) {
    if (!holds) abort();
}

/* The set's arguments with those that it requires. */
static karma_status make_args(struct arena *a, const struct dataset_spec *spec, bool upstream,
                              const struct json **out) {
    const karma_option_spec *const tables[] = {spec->info.options, NULL};
    struct json *given = json_new_object(a);
    karma_status st = given ? KARMA_OK : KARMA_E_NOMEM;
    for (const karma_option_spec *o = spec->info.options; o->name && st == KARMA_OK; o++) {
        const char *value = o->required ? o->choices ? o->choices[0] : "x" : NULL;
        if (strcmp(o->name, "protocol") == 0) value = dataset_protocols[upstream];
        if (value) st = json_set(a, given, o->name, json_new_string(a, value));
    }
    return st < 0 ? st : options_resolve(a, tables, given, true, "data set argument", out);
}

static void check_part(const struct dataset_spec *spec, const struct json *args,
                       const struct json *row, size_t part) {
    struct arena a = {0};
    struct dataset_standard standard;
    struct item item;
    const struct reader_row from = {.value = row, .line_no = 1};
    const char *prompt = spec->info.prompt;
    karma_status st = adapt_row(&a, spec, args, &from, part, &standard);
    if (st == KARMA_OK && spec->prompt) st = spec->prompt(&a, args, prompt, &prompt);
    if (st == KARMA_OK && standard.conversation)
        st = item_make_conversation(&a, spec, &standard, &item);
    else if (st == KARMA_OK)
        st = item_make(&a, spec, prompt, args, standard.row, &item);
    if (st == KARMA_OK) st = item_other_args(&a, standard.other_args, &item);
    check(st == KARMA_OK || st == KARMA_DONE || karma_error_message()[0]);
    if (st == KARMA_OK) {
        check(item.prompt || item.n_messages);
        check(item.reference || spec->no_answer);
        check(spec->kind != DATASET_MULTIPLE_CHOICE || item.choices.count >= 2);
    }
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    const struct json *row, *args;
    if (json_parse(&a, (const char *)data, size, 0, &row) == KARMA_OK && json_is_object(row)) {
        for (const struct dataset_spec *const *d = datasets; *d; d++) {
            if ((*d)->kind != DATASET_MULTIPLE_CHOICE && (*d)->kind != DATASET_QUESTION_ANSWER)
                continue;
            for (int upstream = 0; upstream < 2; upstream++) {
                check(make_args(&a, *d, upstream, &args) == KARMA_OK);
                for (size_t part = 0; part < ((*d)->n_parts ? (*d)->n_parts : 1); part++)
                    check_part(*d, args, row, part);
            }
        }
    }
    arena_release(&a);
    return 0;
}
