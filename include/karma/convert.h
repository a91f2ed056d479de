/*
 * convert.h - a model in another container: once, by whom will load it often. What a load refuses,
 * such as the pickle in a .nemo archive, is read here alone, and nothing in it is run.
 */
#ifndef KARMA_CONVERT_H
#define KARMA_CONVERT_H

#include "karma/status.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Get one from karma_convert_defaults(). */
typedef struct karma_convert_options {
    uint32_t struct_size;
    const char *dtype; /* of matrices: "f32", "f16", "bf16"; NULL: as they are */
    /* Asked between tensors; true ends the call with E_CANCELLED. NULL: never. */
    bool (*cancelled)(void *user);
    void *user;
} karma_convert_options;
/* Every tensor's own element type, never cancelled. */
KARMA_API karma_convert_options karma_convert_defaults(void);

/* Write the model at a path or hub id (a folder of ONNX graphs, a .nemo archive, a folder or file
 * of safetensors) to folder, which is made: model.safetensors, config.json and the tables that
 * stand beside the weights. E_USAGE: there are weights in folder already, or dtype is none of
 * those; E_UNSUPPORTED: a model that cannot be converted. What fails leaves no model.safetensors.
 * options NULL: the defaults. */
KARMA_API karma_status karma_convert(const char *model, const char *folder,
                                     const karma_convert_options *options);

#ifdef __cplusplus
}
#endif
#endif
