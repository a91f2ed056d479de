/*
 * tiny_checkpoint.h - models for tests: committed fixtures with what the reference computes from
 * them, and random checkpoints of any shape written to the temporary folder. Helpers stop the test
 * when they fail.
 */
#ifndef TESTS_SUPPORT_TINY_CHECKPOINT_H
#define TESTS_SUPPORT_TINY_CHECKPOINT_H

#include "base/buf.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "formats/checkpoint.h"
#include "formats/safetensors.h"
#include "models/models.h"

/* A model, opened and loaded. */
struct loaded {
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
};
/* Without stopping the test; release in every case. */
karma_status loaded_try(struct loaded *l, const char *path, int threads);
void loaded_open(struct loaded *l, const char *path, int threads);
/* The best set that computes in f32 throughout. */
enum cpu_isa best_f32_isa(void);
/* On the CPU with this instruction set. */
void loaded_open_on(struct loaded *l, const char *path, enum cpu_isa isa, int threads);
/* The same with matrices as the backend makes them then. */
void loaded_open_as(struct loaded *l, const char *path, enum cpu_isa isa, int threads,
                    enum backend_weights weights);
void loaded_release(struct loaded *l);

/* golden.safetensors of a fixture folder. */
struct golden {
    struct file_map map;
    struct arena a;
    struct named_tensor *tensors;
    int64_t n_tensors;
    int64_t n, vocab_size, n_greedy;
    int32_t *ids, *greedy; /* copies, aligned */
    float *logits;         /* [n, vocab_size] */
};
void golden_open(struct golden *g, const char *folder);
/* Values of one tensor, aligned; NULL if it is not there. Lives as long as g. */
const float *golden_values(struct golden *g, const char *name, int64_t *count);
void golden_release(struct golden *g);

/* A random checkpoint: what family, how large, what the weights are stored as. */
struct tiny_shape {
    const char *family; /* "qwen3", "gemma3" or "llama" */
    int vocab_size, hidden_size, intermediate_size, layers, heads, kv_heads, head_dim;
    int sliding_window; /* gemma3; layer 0 slides, others see all */
    enum dtype dtype;   /* F32, BF16: safetensors; Q8_0: GGUF (sizes are multiples of 32 then) */
    uint64_t seed;
    /* Ways to be wrong; NULL: none. Names are as they stand in the file. */
    const char *without;   /* a tensor left out */
    const char *extra;     /* a vector of 4 that nobody asked for */
    const char *misshapen; /* one row or element more */
    const char *nan_in;    /* its first value is NaN (F32 and BF16) */
    const char *wrong_key; /* GGUF: a key's value, without the architecture */
    uint32_t wrong_value;
    const char *more_config; /* config.json: members appended, with a comma in front */
};
/* Writes it to the temporary folder under name and returns its path (lent as test_path()). */
const char *tiny_checkpoint_write(const char *name, const struct tiny_shape *shape);

/* A llama without biases whose layers add nothing: after token t it says t + 1 (mod vocab_size),
 * with a probability close to 1. hidden_size is vocab_size. */
const char *counting_checkpoint_write(const char *name, int vocab_size);

/* config.json of a fixture's folder with members replaced; those given as null are taken out. Lent
 * by out. */
const char *config_with(const char *folder, const char *changes, struct buf *out);

/* A fixture's folder copied to the temporary one under name, with config.json replaced by
 * config_text unless that is NULL. */
const char *copy_fixture_model(const char *folder, const char *name, const char *config_text);

#endif
