/*
 * checkpoint_impl.h - the inside of a checkpoint, shared by the files that open one: checkpoint.c
 * (the face), hf_folder.c (config.json and safetensors), gguf_parts.c (one GGUF or a split one).
 */
#ifndef FORMATS_CHECKPOINT_IMPL_H
#define FORMATS_CHECKPOINT_IMPL_H

#include "base/file.h"
#include "base/mem.h"
#include "base/read_ahead.h"
#include "formats/checkpoint.h"
#include "formats/gguf.h"
#include "formats/names.h"
#include "formats/onnx.h"

/* A mapped file of weights. */
struct part {
    const char *name; /* base name */
    const char *path;
    struct file_map map;
    struct gguf *gguf;                  /* owned; NULL for safetensors */
    const struct named_tensor *tensors; /* in the arena of the checkpoint or of the gguf */
    int64_t n_tensors;
};

struct graph { /* of an ONNX folder */
    const char *name;
    struct onnx *onnx; /* owned */
};

struct checkpoint {
    struct arena a;
    enum container container;
    const char *path, *folder;
    const char *architecture;
    const struct json *config, *generation_config;
    struct part *parts;
    size_t n_parts, cap_parts;
    struct graph *graphs;
    size_t n_graphs;
    struct checkpoint *projector;       /* owned; NULL: none */
    struct read_ahead *ahead;           /* owned; NULL: none */
    const struct named_tensor *tensors; /* of all parts */
    int64_t n_tensors;
    struct name_table by_name;
    size_t weight_bytes;
    const char **files; /* base names in `folder`, sorted, NULL-terminated */
    size_t n_files, cap_files;
    bool has_code;
};

enum { MAX_PARTS = 10000 };

/* Room for n parts in all, and map one more; its name must be a base name in ck->folder. The file
 * counts as one of checkpoint_files(). */
karma_status checkpoint_reserve_parts(struct checkpoint *ck, size_t n);
karma_status checkpoint_map_part(struct checkpoint *ck, const char *name, struct part **out);
karma_status checkpoint_add_file(struct checkpoint *ck, const char *name);
/* When all parts are read: one array of tensors, the table of names, the sum of bytes. */
karma_status checkpoint_join_parts(struct checkpoint *ck);

/* ck->folder is set. single: the one .safetensors file to take, or NULL for what the folder has. */
karma_status hf_folder_open(struct checkpoint *ck, const char *single);
/* config.json and generation_config.json alone. */
karma_status hf_folder_config(struct checkpoint *ck);
/* Does ck->folder hold graphs? Then open them. */
bool onnx_folder_is_one(struct checkpoint *ck);
karma_status onnx_folder_open(struct checkpoint *ck);
/* name: base name of the file, or of the first of a split one, in ck->folder. */
karma_status gguf_parts_open(struct checkpoint *ck, const char *name);
/* Is name the second or a later part of a split GGUF ("...-00002-of-00004.gguf")? */
bool gguf_parts_is_later(const char *name);

/* The end of a long path, so that a message has room for its reason. */
const char *checkpoint_path_shown(const char *path);

#endif
