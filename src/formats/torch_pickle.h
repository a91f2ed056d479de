/*
 * torch_pickle.h - the tensors of a state dict that torch.save wrote: a zip archive with a pickle
 * that says which bytes are which. A pickle is a program; here it can do nothing but name tensors:
 * no code runs, no name is looked up, and whatever is not on a short list ends the read.
 */
#ifndef FORMATS_TORCH_PICKLE_H
#define FORMATS_TORCH_PICKLE_H

#include "formats/checkpoint.h"

/* *tensors lie in a, their data in `data`. The state dict is the pickled object itself or its
 * member state_dict. file: base name for tensors and messages. E_UNSUPPORTED: what a state dict
 * has no need for (the message names it), PyTorch older than 1.6, a tensor whose rows do not lie
 * one after another; E_SYNTAX, E_TRUNCATED, E_TYPE, E_RANGE, E_MISSING, E_DUPLICATE, E_LIMIT. */
karma_status torch_pickle_read(struct arena *a, const unsigned char *data, size_t size,
                               const char *file, struct named_tensor **tensors, int64_t *count);

#endif
