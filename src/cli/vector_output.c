/*
 * vector_output.c - see vector_output.h. The NumPy file is version 1.0 of its format, little-endian
 * or big-endian as the machine, C order. Its header has room for any number of rows and is written
 * again when that is known.
 */
#include "cli/vector_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output_place.h"

enum { NPY_HEAD_BYTES = 128 };

void print_vector(FILE *to, const float *v, long long dim) {
    fputc('[', to);
    for (long long i = 0; i < dim; i++)
        fprintf(to, "%s%.9g", i ? ", " : "", (double)v[i]);
    fputc(']', to);
}

static karma_status fail_io(const struct vector_output *out) {
    const int reason = errno;
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    return cli_error(full               ? KARMA_E_NOSPACE
                     : reason == EACCES ? KARMA_E_PERM
                                        : KARMA_E_IO,
                     "%.300s: %s", out->path ? out->path : "standard output",
                     reason ? strerror(reason) : "a write failed");
}

static void write_npy_head(const struct vector_output *out) {
    char head[NPY_HEAD_BYTES + 1];
    const unsigned length = NPY_HEAD_BYTES - 10;
    const char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
    memset(head, ' ', sizeof(head));
    const int n = snprintf(head + 10, length,
                           "{'descr': '%cf4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                           order, out->n, out->dim);
    head[10 + n] = ' ';
    memcpy(head, "\x93NUMPY\x01\x00", 8);
    head[8] = (char)(length & 0xFF);
    head[9] = (char)(length >> 8);
    head[NPY_HEAD_BYTES - 1] = '\n';
    fwrite(head, 1, NPY_HEAD_BYTES, out->file);
}

/* A file of our own beside the place, so that it can be renamed into it. */
static karma_status open_temporary(struct vector_output *out) {
    karma_status st = output_place(out->path, &out->place);
    if (st < 0) return st;
    const size_t room = strlen(out->place) + 32;
    out->temporary = malloc(room);
    if (!out->temporary) return cli_error(KARMA_E_NOMEM, "out of memory");
    snprintf(out->temporary, room, "%s.%ld.tmp", out->place, (long)getpid());
    out->file = fopen(out->temporary, "wbx");
    if (out->file) return KARMA_OK;
    st = errno == ENOENT ? cli_error(KARMA_E_NOTFOUND, "%.300s: its folder is not there", out->path)
                         : fail_io(out);
    free(out->temporary);
    out->temporary = NULL;
    return st;
}

karma_status vector_output_begin(const char *path, enum vector_format format, long long dim,
                                 struct vector_output *out) {
    *out = (struct vector_output){.path = path, .format = format, .dim = dim, .file = stdout};
    if (!path) return KARMA_OK;
    karma_status st = open_temporary(out);
    if (st == KARMA_OK && format == VECTORS_NPY) write_npy_head(out);
    return st;
}

karma_status vector_output_add(struct vector_output *out, const json_t *id, const float *v) {
    errno = 0;
    if (out->format == VECTORS_NPY) {
        fwrite(v, sizeof(*v), (size_t)out->dim, out->file);
    } else {
        fprintf(out->file, "{\"index\": %lld, ", out->n);
        if (id) {
            fputs("\"id\": ", out->file);
            json_dumpf(id, out->file, JSON_ENCODE_ANY);
            fputs(", ", out->file);
        }
        fputs("\"embedding\": ", out->file);
        print_vector(out->file, v, out->dim);
        fputs("}\n", out->file);
    }
    out->n++;
    /* What standard output says is asked at the end: a reader that has gone is no error. */
    return out->path && ferror(out->file) ? fail_io(out) : KARMA_OK;
}

karma_status vector_output_end(struct vector_output *out) {
    if (!out->path) return KARMA_OK;
    errno = 0;
    bool good = true;
    if (out->format == VECTORS_NPY) {
        good = fseek(out->file, 0, SEEK_SET) == 0;
        if (good) write_npy_head(out);
    }
    good = good && fflush(out->file) == 0 && !ferror(out->file) && fsync(fileno(out->file)) == 0;
    if (fclose(out->file) != 0) good = false;
    out->file = NULL;
    if (good && rename(out->temporary, out->place) == 0) {
        free(out->temporary);
        out->temporary = NULL;
        vector_output_abandon(out);
        return KARMA_OK;
    }
    karma_status st = fail_io(out);
    vector_output_abandon(out);
    return st;
}

void vector_output_abandon(struct vector_output *out) {
    if (out->temporary) {
        if (out->file) fclose(out->file);
        unlink(out->temporary);
        free(out->temporary);
    }
    free(out->place);
    *out = (struct vector_output){0};
}
