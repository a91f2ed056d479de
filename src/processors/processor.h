/* processor.h (processors) - one clean-up step: text in, text out. */
#ifndef PROCESSORS_PROCESSOR_H
#define PROCESSORS_PROCESSOR_H

#include "base/json.h"
#include "karma/processor.h"

struct processor_ops {
    karma_processor_info info;
    /* Optional. What the arguments name, read once; *state in a. */
    karma_status (*open)(struct arena *a, const struct json *args, void **state);
    /* Append the cleaned text to out. args: complete and checked. scratch: an empty buffer to use.
     */
    karma_status (*run)(const struct json *args, void *state, const char *text, struct buf *scratch,
                        struct buf *out);
};

extern const struct processor_ops processor_general_text, processor_multilingual_text;
extern const struct processor_ops processor_devnagari_transliterator;
extern const struct processor_ops *const processors[]; /* NULL ends */

/* Take a registered processor back, with NULL all of them: for a plugin that is refused half-way,
 * and for tests. Nothing may use it any more. */
void processor_unregister(const char *name);

#endif
