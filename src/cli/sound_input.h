/* sound_input.h - what is to be heard from standard input: the bytes of an audio file. */
#ifndef CLI_SOUND_INPUT_H
#define CLI_SOUND_INPUT_H

#include "cli/cli.h"

/* All of standard input; free() *bytes. E_USAGE: there is none. */
karma_status sound_input_read(void **bytes, size_t *size);
/* Is the model one that hears? */
bool model_hears(const karma_model *m);
/* The JSON text of args with name set to value unless it has one; *given: it had. Replaces *args,
 * a malloc() block. Takes value. */
karma_status args_default(char **args, const char *name, json_t *value, bool *given);

#endif
