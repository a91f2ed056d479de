/* safetensors.h - the reader of one .safetensors file: header checked as the reference does. */
#ifndef FORMATS_SAFETENSORS_H
#define FORMATS_SAFETENSORS_H

#include "formats/checkpoint.h"

/* Parse a whole file's bytes. Tensors' names live in a; their data points into `data`. Sorted by
 * offset. file: base name for tensors and messages. */
karma_status safetensors_parse(struct arena *a, const unsigned char *data, size_t size,
                               const char *file, struct named_tensor **tensors, int64_t *count);

#endif
