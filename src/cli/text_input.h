/* text_input.h - texts for a command, one a line. All-zero is a valid closed one. */
#ifndef CLI_TEXT_INPUT_H
#define CLI_TEXT_INPUT_H

#include "cli/cli.h"

struct text_input {
    FILE *file;
    const char *name, *field;
    char *line;
    size_t cap;
    long long line_no; /* from 1; of the last line read */
    json_t *row;
};

/* path NULL or "-": standard input (NULL: not a terminal). field NULL: a line is a text, an empty
 * one too; else each line that is not blank is a JSON object with that string field. */
karma_status text_input_open(const char *path, const char *field, struct text_input *in);
/* KARMA_DONE at the end. *text and *id ("id" of the object; NULL: none) are lent until the next
 * call. Errors name the line. */
karma_status text_input_next(struct text_input *in, const char **text, const json_t **id);
void text_input_close(struct text_input *in);

#endif
