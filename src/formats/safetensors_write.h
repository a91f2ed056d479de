/* safetensors_write.h - the writer of one .safetensors file. */
#ifndef FORMATS_SAFETENSORS_WRITE_H
#define FORMATS_SAFETENSORS_WRITE_H

#include "formats/checkpoint.h"

struct safetensors_entry {
    const struct named_tensor *tensor; /* turned or of ONNX's gates: written as PyTorch has it */
    enum dtype dtype; /* F32, F16 or BF16 for a tensor of these; else the tensor's own */
};

/* Write the file whole or not at all. Largest elements first, then by name, as the reference writer
 * does; entries are sorted so. cancelled (may be NULL) is asked between tensors: E_CANCELLED.
 * E_UNSUPPORTED: an element type that the format has no name for. E_DUPLICATE. */
karma_status safetensors_write(const char *path, struct safetensors_entry *entries, size_t count,
                               bool (*cancelled)(void *user), void *user);

#endif
