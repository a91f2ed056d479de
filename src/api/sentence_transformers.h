/*
 * sentence_transformers.h - the files that say how a sentence-transformers folder makes one vector
 * of a text: modules.json and what it names, sentence_bert_config.json,
 * config_sentence_transformers.json. Read and checked here, both the classic spelling and that of
 * the 6.x releases; weights are not touched.
 */
#ifndef API_SENTENCE_TRANSFORMERS_H
#define API_SENTENCE_TRANSFORMERS_H

#include "base/json.h"
#include "base/mem.h"
#include "karma/embedding.h"
#include "tensor/backend.h"

enum { ST_N_POOLINGS = 6, ST_MAX_MODULES = 16 };

struct st_pooling {
    int64_t dimension; /* of a token's vector; 0: not said */
    karma_pooling modes[ST_N_POOLINGS];
    int n_modes; /* their vectors follow each other */
    bool include_prompt;
};

struct st_dense {
    int64_t in_features, out_features;
    bool bias, use_residual;
    enum activation activation;
};

enum st_module_kind { ST_POOLING, ST_DENSE, ST_NORMALIZE };
struct st_module {
    enum st_module_kind kind;
    const char *path; /* relative to the folder; checked: no "..", not absolute */
    union {
        struct st_pooling pooling;
        struct st_dense dense;
    } u;
};

struct sentence_transformers {
    bool present;            /* the folder has a modules.json */
    const char *transformer; /* path of the checkpoint in the folder; "" for the folder itself */
    struct st_module modules[ST_MAX_MODULES]; /* what follows it, in order; pooling first */
    int n_modules;
    int64_t max_seq_length; /* 0: not said */
    bool do_lower_case;
    const struct json *prompts; /* {name: text}; NULL: none */
    const char *default_prompt_name;
    bool has_similarity;
    karma_similarity_kind similarity;
    int64_t truncate_dim; /* 0: not said */
};

/* The kinds of file, for sentence_transformers_parse(). */
enum st_file {
    ST_FILE_MODULES,     /* modules.json */
    ST_FILE_POOLING,     /* N_Pooling/config.json: of out's last module */
    ST_FILE_DENSE,       /* N_Dense/config.json: of out's last module */
    ST_FILE_NORMALIZE,   /* N_Normalize/config.json */
    ST_FILE_TRANSFORMER, /* sentence_bert_config.json */
    ST_FILE_SETTINGS     /* config_sentence_transformers.json */
};
/* Read one file's value into out. What karma does not do is E_UNSUPPORTED naming it; E_PATH for a
 * path that leaves the folder. Strings live in a. */
karma_status sentence_transformers_parse(struct arena *a, enum st_file kind,
                                         const struct json *value,
                                         struct sentence_transformers *out);

/* Of a folder without modules.json: the mean of its tokens, not normalised. */
void sentence_transformers_plain(struct sentence_transformers *out);
/* All of the files; a folder without modules.json is a plain one. Messages begin with the file's
 * name. */
karma_status sentence_transformers_read(struct arena *a, const char *folder,
                                        struct sentence_transformers *out);

/* Where the checkpoint itself lies: folder, or the part of it that modules.json names. */
karma_status sentence_transformers_place(struct arena *a, const char *folder, const char **place);

/* Paths, relative to the folder and sorted, of every file beside the checkpoint's own that has a
 * part in the vectors, weights of modules included. None when there is no modules.json. */
karma_status sentence_transformers_files(struct arena *a, const char *folder,
                                         const char *const **paths, size_t *count);

/* "mean", "cls", "lasttoken", ... ("eos" and "last_token" too); false for an unknown one. */
bool st_pooling_from_name(const char *name, karma_pooling *out);
/* "cosine", "dot", "euclidean", "manhattan" ("cos_sim", "dot_product" too). */
bool st_similarity_from_name(const char *name, karma_similarity_kind *out);

#endif
