/* binder.c - see binder.h. */
#include "models/binder.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "tensor/quant.h"

enum { MAX_NAME = 1280, MAX_NAMES_SHOWN = 5 };
enum { TAKEN = 1, MAPPED = 2 }; /* binder.taken */

void weights_release(struct weights *w, struct backend *be) {
    for (size_t i = 0; i < w->n_matrices; i++)
        be->ops->weight_release(be, w->matrices[i]);
    for (size_t i = 0; i < w->n_vectors; i++)
        be->ops->free(be, w->vectors[i]);
    mem_free(w->matrices);
    mem_free(w->vectors);
    *w = (struct weights){0};
}

static karma_status list_push(void ***list, size_t *count, size_t *cap, void *item) {
    if (*count == *cap) {
        const size_t more = *cap ? *cap * 2 : 64;
        void **grown = mem_realloc(*list, more * sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        *list = grown;
        *cap = more;
    }
    (*list)[(*count)++] = item;
    return KARMA_OK;
}

void binder_begin(struct binder *b, const struct checkpoint *ck, struct backend *be,
                  struct weights *own, const char *anchor) {
    *b = (struct binder){.ck = ck, .be = be, .own = own, .prefix = ""};
    b->taken = mem_calloc((size_t)checkpoint_tensor_count(ck) + 1, 1);
    if (!b->taken) b->st = KARMA_E_NOMEM;
    binder_prefix(b, anchor);
}

void binder_prefix(struct binder *b, const char *anchor) {
    if (b->st < 0 || checkpoint_container(b->ck) == CONTAINER_GGUF) return;
    const size_t anchor_len = strlen(anchor);
    const char *found = NULL;
    for (int64_t i = 0; i < checkpoint_tensor_count(b->ck); i++) {
        const char *name = checkpoint_tensor(b->ck, i)->name;
        const size_t len = strlen(name);
        if (len < anchor_len || strcmp(name + len - anchor_len, anchor) != 0) continue;
        if (len > anchor_len && name[len - anchor_len - 1] != '.') continue;
        if (found) {
            b->st = status_fail(KARMA_E_DUPLICATE, "tensors %s and %s both end in %s",
                                status_quotez(found), status_quotez(name), anchor);
            return;
        }
        found = name;
        b->prefix_len = len - anchor_len;
    }
    if (!found) {
        b->st = status_fail(KARMA_E_MISSING, "no tensor is named ...%s", anchor);
        return;
    }
    b->prefix = found;
}

/* Index of the tensor, or -1. `lm_head` style names stand beside the prefix's last part, so a name
 * starting with '/' is tried with every shorter prefix. */
static int64_t look_up(const struct binder *b, struct tensor_names names, int layer, char *shown) {
    const bool hf = checkpoint_container(b->ck) != CONTAINER_GGUF;
    const char *pattern = hf ? names.hf : names.gguf;
    shown[0] = '\0';
    if (!pattern) return -1;
    const bool beside = pattern[0] == '/';
    size_t prefix = hf ? b->prefix_len : 0;
    for (;;) {
        char tail[MAX_NAME / 2];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(tail, sizeof(tail), pattern + beside, layer);
#pragma GCC diagnostic pop
        char name[MAX_NAME];
        if (prefix > MAX_NAME / 2 - 1) return -1;
        snprintf(name, sizeof(name), "%.*s%s", (int)prefix, b->prefix, tail);
        if (!shown[0]) memcpy(shown, name, strlen(name) + 1);
        const struct named_tensor *t = checkpoint_find(b->ck, name);
        if (t) return t - checkpoint_tensor(b->ck, 0);
        if (!beside || prefix == 0) return -1;
        prefix--; /* drop the dot, then back to the one before */
        while (prefix > 0 && b->prefix[prefix - 1] != '.')
            prefix--;
    }
}

bool binder_has(const struct binder *b, struct tensor_names names, int layer) {
    char shown[MAX_NAME];
    return look_up(b, names, layer, shown) >= 0;
}

const struct named_tensor *binder_find(const struct binder *b, struct tensor_names names,
                                       int layer) {
    char shown[MAX_NAME];
    const int64_t i = look_up(b, names, layer, shown);
    return i < 0 ? NULL : checkpoint_tensor(b->ck, i);
}

int64_t binder_rows(const struct binder *b, struct tensor_names names, int layer) {
    char shown[MAX_NAME];
    const int64_t i = look_up(b, names, layer, shown);
    if (i < 0) return 0;
    const struct named_tensor *t = checkpoint_tensor(b->ck, i);
    return t->n_dims == 2 ? t->dims[0] : 0;
}

/* Names for a message: the first few, then an ellipsis. n: how many came before this one. */
static void add_name(char *list, size_t size, size_t n, const char *name) {
    const size_t at = strlen(list);
    if (n > MAX_NAMES_SHOWN) return;
    snprintf(list + at, size - at, "%s%s", n ? ", " : "",
             n < MAX_NAMES_SHOWN ? status_quotez(name) : "...");
}

static void describe_shape(const struct named_tensor *t, char *out, size_t size) {
    size_t at = 0;
    for (int i = 0; i < t->n_dims && at + 24 < size; i++) {
        at += (size_t)snprintf(out + at, size - at, "%s%lld", i ? ", " : "", (long long)t->dims[i]);
    }
    if (t->n_dims == 0) snprintf(out, size, "scalar");
}

static bool fits_matrix(const struct binder *b, const struct named_tensor *t, int64_t rows,
                        int64_t cols) {
    uint64_t rest = 1;
    if (t->n_dims < 2 || t->dims[0] != rows || (t->n_dims > 2 && !b->flat)) return false;
    for (int i = 1; i < t->n_dims; i++)
        if (t->dims[i] < 0 || !size_mul(rest, (uint64_t)t->dims[i], &rest)) return false;
    return rest == (uint64_t)cols;
}

/* The tensor's bytes stay in use where they are mapped. */
static void keep(struct binder *b, const struct named_tensor *t) {
    unsigned char *taken = &b->taken[t - checkpoint_tensor(b->ck, 0)];
    if (!(*taken & MAPPED)) b->weight_bytes += t->nbytes; /* a tied head takes them twice */
    *taken |= MAPPED;
}

/* Without keep(). */
static const struct named_tensor *look_at(struct binder *b, struct tensor_names names, int layer,
                                          int64_t rows, int64_t cols) {
    char shown[MAX_NAME];
    const int64_t i = look_up(b, names, layer, shown);
    if (i < 0) {
        add_name(b->missing, sizeof(b->missing), b->n_missing++, shown);
        return NULL;
    }
    const struct named_tensor *t = checkpoint_tensor(b->ck, i);
    const bool fits =
        rows > 0 ? fits_matrix(b, t, rows, cols) : t->n_dims == 1 && t->dims[0] == cols;
    if (!fits) {
        char shape[256] = "";
        describe_shape(t, shape, sizeof(shape));
        if (rows > 0) {
            b->st =
                status_fail(KARMA_E_SHAPE, "%s: tensor %s: expected [%lld, %lld], found [%s]",
                            t->file, status_quotez(shown), (long long)rows, (long long)cols, shape);
        } else {
            b->st = status_fail(KARMA_E_SHAPE, "%s: tensor %s: expected [%lld], found [%s]",
                                t->file, status_quotez(shown), (long long)cols, shape);
        }
        return NULL;
    }
    if (!dtype_is_weight(t->dtype)) {
        b->st = status_fail(KARMA_E_DTYPE, "%s: tensor %s: element type %s", t->file,
                            status_quotez(shown), t->dtype_name);
        return NULL;
    }
    if (!b->taken[i]) b->n_parameters += (rows > 0 ? rows : 1) * cols;
    b->taken[i] |= TAKEN;
    return t;
}

static const struct named_tensor *take(struct binder *b, struct tensor_names names, int layer,
                                       int64_t rows, int64_t cols) {
    const struct named_tensor *t = look_at(b, names, layer, rows, cols);
    if (t) keep(b, t);
    return t;
}

static void bind_matrix(struct binder *b, struct tensor *out, const struct named_tensor *t,
                        int64_t rows, int64_t cols, bool int8) {
    b->st = list_push((void ***)&b->own->matrices, &b->own->n_matrices, &b->own->cap_matrices, out);
    if (b->st < 0) return;
    b->st = b->be->ops->weight_load(b->be, t->dtype, rows, cols, t->data, out);
    if (b->st == KARMA_OK) {
        out->turned = t->turned;
        if (int8) b->st = b->be->ops->weight_to_int8(b->be, out);
    }
    if (b->st < 0) {
        b->own->n_matrices--;
        b->st = status_prefix(b->st, "%s: tensor %s", t->file, status_quotez(t->name));
        return;
    }
    b->private_bytes += out->owned_bytes;
    if (!int8)
        keep(b, t);
    else if (b->be->weights == WEIGHTS_INT8)
        checkpoint_forget(b->ck, t);
}

void binder_matrix(struct binder *b, struct tensor *out, struct tensor_names names, int layer,
                   int64_t rows, int64_t cols) {
    if (b->st < 0) return;
    const struct named_tensor *t = look_at(b, names, layer, rows, cols);
    if (!t) return;
    const bool plain = t->dtype == DTYPE_F32 || t->dtype == DTYPE_F16 || t->dtype == DTYPE_BF16;
    bind_matrix(b, out, t, rows, cols, plain && b->be->weights != WEIGHTS_STORED);
}

void binder_stored(struct binder *b, struct tensor *out, struct tensor_names names, int layer,
                   int64_t rows, int64_t cols) {
    if (b->st < 0) return;
    const struct named_tensor *t = look_at(b, names, layer, rows, cols);
    if (t) bind_matrix(b, out, t, rows, cols, false);
}

void binder_upload(struct binder *b, const float **out, const float *data, int64_t n) {
    if (b->st < 0) return;
    const size_t bytes = (size_t)n * sizeof(float);
    void *device = b->be->ops->alloc(b->be, bytes);
    if (!device) {
        b->st = KARMA_E_NOMEM;
        return;
    }
    b->st = list_push(&b->own->vectors, &b->own->n_vectors, &b->own->cap_vectors, device);
    if (b->st < 0) {
        b->be->ops->free(b->be, device);
        return;
    }
    b->be->ops->upload(b->be, device, data, bytes);
    b->private_bytes += bytes;
    *out = device;
}

void binder_vector(struct binder *b, const float **out, struct tensor_names names, int layer,
                   int64_t n, float plus) {
    if (b->st < 0) return;
    const struct named_tensor *t = take(b, names, layer, 0, n);
    if (!t) return;
    size_t bytes;
    float *host = mul_size((size_t)n, sizeof(float), &bytes) ? mem_alloc(bytes) : NULL;
    if (!host) {
        b->st = KARMA_E_NOMEM;
        return;
    }
    dequantize(t->dtype, t->data, host, n);
    for (int64_t i = 0; plus != 0 && i < n; i++)
        host[i] += plus;
    binder_upload(b, out, host, n);
    mem_free(host);
}

void binder_row(struct binder *b, const float **out, struct tensor_names names, int64_t rows,
                int64_t cols, int64_t row) {
    if (b->st < 0) return;
    const struct named_tensor *t = take(b, names, 0, rows, cols);
    if (!t) return;
    size_t bytes;
    float *host = mul_size((size_t)cols, sizeof(float), &bytes) ? mem_alloc(bytes) : NULL;
    if (!host) {
        b->st = KARMA_E_NOMEM;
        return;
    }
    const uint8_t *data = t->data;
    dequantize(t->dtype, data + t->nbytes / (uint64_t)rows * (uint64_t)row, host, cols);
    binder_upload(b, out, host, cols);
    mem_free(host);
}

float *binder_host_matrix(struct binder *b, struct arena *a, struct tensor_names names, int layer,
                          int64_t rows, int64_t cols) {
    if (b->st < 0) return NULL;
    const struct named_tensor *t = take(b, names, layer, rows, cols);
    size_t n;
    if (!t) return NULL;
    float *host =
        mul_size((size_t)rows, (size_t)cols, &n) ? arena_calloc(a, n, sizeof(float)) : NULL;
    if (!host) {
        b->st = KARMA_E_NOMEM;
        return NULL;
    }
    dequantize(t->dtype, t->data, host, rows * cols);
    return host;
}

float *binder_host_vector(struct binder *b, struct arena *a, struct tensor_names names, int layer,
                          int64_t n) {
    if (b->st < 0) return NULL;
    const struct named_tensor *t = take(b, names, layer, 0, n);
    if (!t) return NULL;
    float *host = arena_calloc(a, (size_t)n, sizeof(float));
    if (!host) {
        b->st = KARMA_E_NOMEM;
        return NULL;
    }
    dequantize(t->dtype, t->data, host, n);
    return host;
}

/* '*' at the start: anywhere in the name; else at its end. */
static bool is_harmless(const char *name, const char *const *harmless) {
    for (int i = 0; harmless && harmless[i]; i++) {
        if (harmless[i][0] == '*') {
            if (strstr(name, harmless[i] + 1)) return true;
            continue;
        }
        const size_t len = strlen(name), end = strlen(harmless[i]);
        if (len >= end && strcmp(name + len - end, harmless[i]) == 0) return true;
    }
    return false;
}

static karma_status report_left(const struct binder *b, const char *const *harmless,
                                const char *const *allowed) {
    char names[512] = "";
    size_t left = 0;
    for (int64_t i = 0; i < checkpoint_tensor_count(b->ck); i++) {
        const struct named_tensor *t = checkpoint_tensor(b->ck, i);
        if (b->taken[i] || is_harmless(t->name, harmless) || is_harmless(t->name, allowed))
            continue;
        add_name(names, sizeof(names), left++, t->name);
    }
    if (!left) return KARMA_OK;
    return status_fail(KARMA_E_UNEXPECTED, "%zu tensor%s of no use to this architecture: %s", left,
                       left == 1 ? "" : "s", names);
}

karma_status binder_end(struct binder *b, const char *const *harmless, const char *const *allowed) {
    karma_status st = b->st;
    if (st == KARMA_OK && b->n_missing) {
        st = status_fail(KARMA_E_MISSING, "%zu tensor%s missing: %s", b->n_missing,
                         b->n_missing == 1 ? " is" : "s are", b->missing);
    }
    if (st == KARMA_OK) st = report_left(b, harmless, allowed);
    mem_free(b->taken);
    b->taken = NULL;
    return st;
}
