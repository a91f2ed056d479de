/*
 * attached.h - what a row carries beside its texts: a recording, a picture. It is a file beside the
 * manifest or the bytes of one, is looked at when the set is opened, and must be the same when it
 * is asked for. Nothing is fetched from anywhere.
 */
#ifndef DATASETS_ATTACHED_H
#define DATASETS_ATTACHED_H

#include "base/json.h"
#include "base/map.h"
#include "base/sha256.h"

struct attached {
    const char *path;           /* a file; NULL: bytes */
    const char *name;           /* as the row has it; NULL: it has none */
    const unsigned char *bytes; /* may be none: a file of no length */
    size_t n_bytes;
};

/* From a path (one that is not absolute begins at folder), base64, a data: URL, or an object with
 * "bytes" (base64, or as they are), "path" or "src", as the datasets library and its viewer write
 * them; or bytes as they are. begins: how
 * such files begin in base64; NULL ends. In a. E_PATH: another URL. */
karma_status attached_read(struct arena *a, const char *folder, const char *const *begins,
                           const struct json *value, struct attached *out);

/* What was seen of those of a set, in their order. All-zero: none. */
struct attached_list {
    struct attached_seen *seen;
    size_t count, cap;
    struct map paths; /* -> the first that had it: a file is read once */
};

/* Look at the next one. may_miss: a file that is not there is no error, but its sample's failure
 * when it is run; *missing is set. */
karma_status attached_take(struct attached_list *l, const struct attached *x, bool may_miss,
                           bool *missing);
/* Is number i as it was? *digest: its own, lent by l; NULL: it is not there. E_DIGEST. */
karma_status attached_check(const struct attached_list *l, size_t i, const char *path,
                            const char **digest);
/* What all of them add to the digest of the set. */
void attached_add_digest(const struct attached_list *l, struct sha256 *h);
void attached_release(struct attached_list *l);

/* FOLDER/STEM.jsonl and so on, in a; *path NULL: none of them is there. */
karma_status attached_find_stem(struct arena *a, const char *folder, const char *stem,
                                const char **path);
/* The same for the name of a split, which may be in several Parquet files (see shards.h). */
karma_status attached_find_split(struct arena *a, const char *folder, const char *split,
                                 const char **path);
/* The manifest of a folder: SPLIT.*, SPLIT/metadata.*, ... when split is given, else metadata.*,
 * manifest.*, transcripts.*; in a. *path NULL: there is none. */
karma_status attached_find_manifest(struct arena *a, const char *folder, const char *split,
                                    const char **path);

#endif
