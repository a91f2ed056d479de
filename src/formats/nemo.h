/*
 * nemo.h - a .nemo archive: a tar, plain or gzipped, with model_config.yaml, model_weights.ckpt and
 * the files that the configuration names. Only karma_convert() opens one: a load refuses it.
 */
#ifndef FORMATS_NEMO_H
#define FORMATS_NEMO_H

#include "formats/checkpoint.h"

struct nemo;

karma_status nemo_open(const char *path, struct nemo **out);
void nemo_close(struct nemo *n);
const struct json *nemo_config(const struct nemo *n); /* an object */
const struct named_tensor *nemo_tensors(const struct nemo *n, size_t *count);
/* A file of the archive, by its name or as the configuration spells it ("nemo:NAME"). */
karma_status nemo_file(const struct nemo *n, const char *name, const char **data, size_t *size);

#endif
