/* parquet_impl.h - what the files of the Parquet reader share; for formats/parquet*.c alone. */
#ifndef FORMATS_PARQUET_IMPL_H
#define FORMATS_PARQUET_IMPL_H

#include "formats/parquet.h"
#include "formats/parquet_encodings.h"

enum {
    PQ_MAX_DEPTH = 64,
    PQ_MAX_NODES = 100000,
    PQ_FOOTER_BYTES = 8, /* length and magic */
    PQ_MAX_PAGE = 256 << 20,
};

enum pq_type {
    PQ_BOOLEAN,
    PQ_INT32,
    PQ_INT64,
    PQ_INT96,
    PQ_FLOAT,
    PQ_DOUBLE,
    PQ_BYTE_ARRAY,
    PQ_FIXED,
    PQ_NO_TYPE,
};
enum pq_codec {
    PQ_NONE,
    PQ_SNAPPY,
    PQ_GZIP,
    PQ_LZO,
    PQ_BROTLI,
    PQ_LZ4_HADOOP,
    PQ_ZSTD,
    PQ_LZ4_RAW,
    PQ_N_CODECS
};
enum pq_encoding {
    PQ_PLAIN = 0,
    PQ_PLAIN_DICTIONARY = 2,
    PQ_RLE = 3,
    PQ_BIT_PACKED = 4,
    PQ_DELTA_BINARY_PACKED = 5,
    PQ_DELTA_LENGTH = 6,
    PQ_DELTA_BYTE_ARRAY = 7,
    PQ_RLE_DICTIONARY = 8,
    PQ_BYTE_STREAM_SPLIT = 9,
};
enum pq_repetition { PQ_REQUIRED, PQ_OPTIONAL, PQ_REPEATED };

/* What a leaf's values mean, or a group is. */
enum pq_kind {
    PQ_KIND_PLAIN, /* as the physical type; of INT96 a timestamp */
    PQ_KIND_STRING,
    PQ_KIND_ENUM,
    PQ_KIND_JSON,
    PQ_KIND_INT,
    PQ_KIND_DECIMAL,
    PQ_KIND_DATE,
    PQ_KIND_TIME,
    PQ_KIND_TIMESTAMP,
    PQ_KIND_UUID,
    PQ_KIND_FLOAT16,
    PQ_KIND_NULL,
    PQ_KIND_LIST,
    PQ_KIND_MAP,
};

struct pq_node {
    const char *name; /* with a NUL behind it */
    size_t name_len;
    const char *path;
    enum pq_type type; /* PQ_NO_TYPE: a group */
    enum pq_repetition repetition;
    enum pq_kind kind;
    int32_t type_length, scale, precision;
    int bits;       /* of an integer */
    bool is_signed; /* of an integer */
    bool utc;
    int unit_digits; /* of a second's fraction: 3, 6, 9 */
    int depth;       /* 0: below the root */
    uint32_t def, rep;
    size_t n_children, next; /* the node behind it and all below it */
    size_t first_leaf, n_leaves;
};

/* A page that was passed. */
struct pq_place {
    uint64_t offset;    /* of its header */
    uint64_t n_entries; /* before it in the chunk */
    uint64_t n_rows;    /* begun before it in the group */
};

/* A column of a row group. */
struct pq_chunk {
    uint64_t begin, end; /* of its pages in the file */
    uint64_t n_values;   /* with nulls */
    uint64_t n_packed;
    int64_t n_nulls; /* -1: not said */
    struct pq_place *pages;
    uint32_t n_pages, cap_pages;
    enum pq_codec codec;
};

struct pq_page_header {
    int type; /* 0 data, 1 index, 2 dictionary, 3 data V2 */
    uint64_t offset;
    const unsigned char *payload;
    uint32_t packed, unpacked;
    bool has_crc, is_packed;
    uint32_t crc;
    uint32_t n_values;
    int encoding, def_encoding, rep_encoding;
    uint32_t def_bytes, rep_bytes; /* V2 */
    uint64_t end;                  /* where the next header is */
};

/* Where a column's next entry is. */
struct pq_column {
    const struct pq_node *leaf;
    struct pq_chunk *chunk; /* of the present group */
    uint64_t next_page;     /* offset of the header behind the present page */
    uint64_t n_seen;        /* entries of all pages up to the present one */
    uint64_t row;           /* rows begun before the next entry */
    struct pq_page_header page;
    bool in_page;       /* unpacked, entries are left or were just used up */
    uint32_t page_left; /* entries of it that are not peeked at */
    uint64_t forgotten; /* place in the file up to which the page was given back */
    bool peeked;        /* rep and def hold the next entry's */
    uint32_t rep, def;
    struct pq_hybrid reps, defs;
    struct pq_values values;
    const unsigned char *data; /* what values and, of V1, levels are read from */
    size_t n_data;
    unsigned char *unpacked; /* owned: what the page became */
    size_t unpacked_cap;
    struct pq_dictionary dictionary;
    unsigned char *dictionary_bytes; /* owned, if it was packed */
    size_t dictionary_cap;
    bool has_dictionary;
};

struct parquet {
    const unsigned char *data;
    size_t size, footer; /* where the metadata begins: pages end before it */
    const struct file_map *map;
    struct arena arena;
    struct pq_node *nodes; /* nodes[0] is the root */
    size_t n_nodes, n_leaves, path_bytes;
    const struct pq_node **leaves;
    uint64_t n_rows;
    size_t n_groups;
    uint64_t *group_rows;    /* [n_groups + 1]: rows before each */
    struct pq_chunk *chunks; /* [n_groups][n_leaves] */
    const char *created_by;
    struct parquet_field *fields;
    /* Reading. */
    size_t group; /* SIZE_MAX: none */
    struct pq_column *columns;
    uint64_t made; /* bytes unpacked or repeated since the group was entered or a row sought */
    uint64_t held; /* bytes that all columns hold */
    uint64_t row_values, row_bytes; /* of the row that is made */
};

/* parquet_footer.c: nodes, groups, chunks from the metadata. */
karma_status pq_read_footer(struct parquet *p);
/* parquet_schema.c: the tree of flat elements; each node has its own members, this adds the rest.
 */
karma_status pq_finish_schema(struct parquet *p);
const char *pq_type_text(struct arena *a, const struct pq_node *n);
/* The child of a LIST whose elements it repeats: is that child the element itself? */
bool pq_is_element(const struct pq_node *list, const struct pq_node *rep);

/* parquet_page.c */
karma_status pq_page_header(const struct parquet *p, const struct pq_chunk *chunk, uint64_t offset,
                            struct pq_page_header *out);
/* Unpack n_packed bytes into exactly n bytes. */
karma_status pq_unpack(enum pq_codec codec, const unsigned char *packed, size_t n_packed,
                       unsigned char *out, size_t n);
const char *pq_codec_name(enum pq_codec codec);
karma_status pq_fail_column(karma_status st, const struct pq_column *c);
/* Check and unpack a page's payload. *data: the V1 page, or the values of V2, n bytes. */
karma_status pq_page_open(struct parquet *p, struct pq_column *c, const struct pq_page_header *h,
                          unsigned char **own, size_t *own_cap, const unsigned char **data,
                          size_t *n);

/* parquet_column.c */
void pq_column_enter(struct parquet *p, struct pq_column *c, struct pq_chunk *chunk);
void pq_column_release(struct parquet *p, struct pq_column *c);
/* Its next entry is the first of row (of the group). */
karma_status pq_column_seek(struct parquet *p, struct pq_column *c, uint64_t row);
/* Look at the next entry: rep and def are set; *more false: the chunk has ended. */
karma_status pq_column_peek(struct parquet *p, struct pq_column *c, bool *more);
/* Pass the entry that was peeked at; with a value (def is the leaf's), into *v. */
karma_status pq_column_take(struct parquet *p, struct pq_column *c, struct pq_value *v);

/* parquet_json.c: the row at which all columns stand. */
karma_status pq_make_row(struct parquet *p, struct arena *a, const struct json **out);
/* parquet_logical.c */
karma_status pq_leaf_json(struct parquet *p, struct arena *a, const struct pq_node *leaf,
                          const struct pq_value *v, const struct json **out);

#endif
