/*
 * checkpoint.h - a model on disk, whatever its container: a Hugging Face folder (config.json and
 * safetensors, single or sharded), one .safetensors file with a config.json beside it, or a GGUF
 * file (or a folder that holds exactly one, beside a vision tower in a file of its own), or a
 * folder of ONNX graphs. Tensors are views of the mapped files, under the names the container uses;
 * nobody here renames or converts.
 */
#ifndef FORMATS_CHECKPOINT_H
#define FORMATS_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "tensor/dtype.h"

enum { TENSOR_MAX_DIMS = 8 };

/* One stored tensor. dims[0] is the outermost (PyTorch's order; the GGUF reader reverses). */
struct named_tensor {
    const char *name;
    enum dtype dtype;
    const char *dtype_name; /* as the file spells it, for messages */
    int n_dims;
    int64_t dims[TENSOR_MAX_DIMS];
    bool turned;      /* stored [dims[1], dims[0]]: as the graph of an ONNX file multiplies */
    bool onnx_gates;  /* of an LSTM whose four blocks of rows are in ONNX's order: i o f g */
    const void *data; /* in the mapping, any alignment */
    size_t nbytes;
    const char *file; /* base name of the file it lies in */
};

enum container { CONTAINER_HF, CONTAINER_GGUF, CONTAINER_ONNX };

struct arena;
struct checkpoint;
struct gguf;
struct onnx;

/* path: a folder, a .gguf or a .safetensors file. Pickles (.bin .pt .ckpt .nemo ...) are refused
 * with E_UNSUPPORTED and advice. A folder with weights must hold config.json (E_MISSING); one with
 * several .gguf models, or a later part of a split one, is E_USAGE. */
karma_status checkpoint_open(const char *path, struct checkpoint **out);
void checkpoint_close(struct checkpoint *ck);

enum container checkpoint_container(const struct checkpoint *ck);
const char *checkpoint_path(const struct checkpoint *ck);   /* as opened */
const char *checkpoint_folder(const struct checkpoint *ck); /* where companion files lie */
/* config.json and generation_config.json; NULL where absent, always NULL for GGUF. */
const struct json *checkpoint_config(const struct checkpoint *ck);
const struct json *checkpoint_generation_config(const struct checkpoint *ck);
/* The metadata of a GGUF; NULL for other containers. */
const struct gguf *checkpoint_gguf(const struct checkpoint *ck);
/* The vision tower that goes with a GGUF, in a file of its own (general.architecture "clip"): found
 * in the folder that was opened when it holds exactly one mmproj*.gguf, or attached by path. It is
 * part of the checkpoint's digest and of what must not change; its tensors are its own. NULL: none;
 * its own is NULL. */
const struct checkpoint *checkpoint_projector(const struct checkpoint *ck);
/* Instead of the one found. E_USAGE: ck is no GGUF; E_UNSUPPORTED: path is no such file. After a
 * failure ck is as before. */
karma_status checkpoint_attach_projector(struct checkpoint *ck, const char *path);
/* The graphs of an ONNX folder, by file name; 0 for other containers. */
size_t checkpoint_graph_count(const struct checkpoint *ck);
const struct onnx *checkpoint_graph(const struct checkpoint *ck, size_t i, const char **name);
/* What a family found in the graphs: these are the checkpoint's tensors from now on. The list is
 * copied; names must lie in checkpoint_arena(). */
karma_status checkpoint_set_tensors(struct checkpoint *ck, const struct named_tensor *tensors,
                                    size_t count);
struct arena *checkpoint_arena(struct checkpoint *ck);
/* "Qwen3ForCausalLM" (architectures[0], "" if none) or general.architecture of a GGUF ("qwen3"). */
const char *checkpoint_architecture(const struct checkpoint *ck);

int64_t checkpoint_tensor_count(const struct checkpoint *ck);
const struct named_tensor *checkpoint_tensor(const struct checkpoint *ck, int64_t i);
const struct named_tensor *checkpoint_find(const struct checkpoint *ck, const char *name);

/* All weights will be used, where they lie: begin to bring them into memory, in the order of the
 * files, on a thread that ends with the checkpoint. Graphs and the vision tower are left out. */
karma_status checkpoint_read_ahead(struct checkpoint *ck);
/* The bytes of a tensor were read and need not stay in memory. */
void checkpoint_forget(const struct checkpoint *ck, const struct named_tensor *t);

/* Sum of the tensors' bytes; base names of the files that make the model (weights, index, config,
 * and what the folder has of tokenizer and template files), sorted, NULL-terminated. Those of a
 * projector are its own. */
size_t checkpoint_weight_bytes(const struct checkpoint *ck);
const char *const *checkpoint_files(const struct checkpoint *ck);
/* True when *.py files or auto_map entries are present (never run; info says so). */
bool checkpoint_has_code(const struct checkpoint *ck);

/* Identity: SHA-256 over each of checkpoint_files(), its name and its own SHA-256; 64 hex digits
 * and a NUL. Reads every byte: call it once a run, not at load. E_DIGEST: a file changed since. */
karma_status checkpoint_digest(const struct checkpoint *ck, char out[65]);
/* Do size, time and inode of the mapped files still say what they said at opening? Else E_DIGEST. A
 * file that is cut while it is mapped kills its readers (SIGBUS); one that is replaced does not. */
karma_status checkpoint_check_unchanged(const struct checkpoint *ck);

/* Where a model name or path the user gave lies: an existing path as it is; else a snapshot in the
 * hub cache ($HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub) of "org/name" at
 * revision (a branch, tag or commit; NULL = main). E_NOTFOUND says where was looked. */
karma_status checkpoint_locate(struct arena *a, const char *name, const char *revision,
                               const char **path);

#endif
