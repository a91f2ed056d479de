/*
 * safetensors_write.c - see safetensors_write.h. One tensor at a time is in memory, so a model of
 * any size is written in the room of its largest tensor.
 */
#include "formats/safetensors_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/size.h"
#include "tensor/quant.h"

enum { ALIGN = 8, TILE = 16 };

static bool is_float(enum dtype t) {
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16;
}

static int in_file_order(const void *a, const void *b) {
    const struct safetensors_entry *x = a, *y = b;
    const size_t p = dtype_block_bytes(x->dtype), q = dtype_block_bytes(y->dtype);
    if (p != q) return p > q ? -1 : 1;
    return strcmp(x->tensor->name, y->tensor->name);
}

static karma_status check_entry(const struct safetensors_entry *e) {
    const struct named_tensor *t = e->tensor;
    const bool plain = dtype_block_elems(t->dtype) == 1 && dtype_block_bytes(t->dtype) > 0;
    const bool kept = e->dtype == t->dtype && !t->turned && !t->onnx_gates;
    if (plain && (kept || (is_float(e->dtype) && is_float(t->dtype)))) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED, "tensor %s: %s cannot be written as %s",
                       status_quotez(t->name), t->dtype_name, dtype_name(e->dtype));
}

static karma_status count_elems(const struct named_tensor *t, uint64_t *out) {
    *out = 1;
    for (int i = 0; i < t->n_dims; i++)
        if (t->dims[i] < 0 || !size_mul(*out, (uint64_t)t->dims[i], out))
            return status_fail(KARMA_E_OVERFLOW, "tensor %s: too large", status_quotez(t->name));
    return KARMA_OK;
}

static karma_status describe(struct buf *header, const struct safetensors_entry *e,
                             uint64_t *offset) {
    const struct named_tensor *t = e->tensor;
    uint64_t elems = 0, nbytes = 0, end = 0;
    karma_status st = check_entry(e);
    if (st == KARMA_OK) st = count_elems(t, &elems);
    if (st == KARMA_OK &&
        (!dtype_bytes(e->dtype, elems, &nbytes) || !size_add(*offset, nbytes, &end)))
        st = status_fail(KARMA_E_OVERFLOW, "tensor %s: too large", status_quotez(t->name));
    if (st == KARMA_OK) st = buf_putc(header, ',');
    if (st == KARMA_OK) st = json_write_string(header, t->name, strlen(t->name), 0);
    if (st == KARMA_OK)
        st = buf_printf(header, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name(e->dtype));
    for (int i = 0; st == KARMA_OK && i < t->n_dims; i++)
        st = buf_printf(header, "%s%lld", i ? "," : "", (long long)t->dims[i]);
    if (st == KARMA_OK)
        st = buf_printf(header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)*offset,
                        (unsigned long long)end);
    *offset = end;
    return st;
}

static karma_status make_header(struct buf *header, const struct safetensors_entry *entries,
                                size_t count) {
    uint64_t offset = 0;
    karma_status st = buf_puts(header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        if (i > 0 && strcmp(entries[i - 1].tensor->name, entries[i].tensor->name) == 0)
            return status_fail(KARMA_E_DUPLICATE, "tensor %s: there are two",
                               status_quotez(entries[i].tensor->name));
        st = describe(header, &entries[i], &offset);
    }
    if (st == KARMA_OK) st = buf_putc(header, '}');
    while (st == KARMA_OK && header->len % ALIGN != 0)
        st = buf_putc(header, ' ');
    return st;
}

/* ---- data ---- */

/* The matrix the right way round, some rows at a time, which stay in the cache. */
static void turn_back(const float *x, float *y, int64_t rows, int64_t cols) {
    for (int64_t i0 = 0; i0 < rows; i0 += TILE)
        for (int64_t k = 0; k < cols; k++)
            for (int64_t i = i0; i < rows && i < i0 + TILE; i++)
                y[i * cols + k] = x[k * rows + i];
}

/* i o f g to i f g o. */
static void order_gates(const float *x, float *y, size_t n) {
    static const size_t from[4] = {0, 2, 3, 1};
    for (size_t g = 0; g < 4; g++)
        memcpy(y + g * (n / 4), x + from[g] * (n / 4), n / 4 * sizeof(*y));
}

static void narrow(const float *x, enum dtype dtype, uint16_t *y, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = dtype == DTYPE_F16 ? f32_to_f16(x[i]) : f32_to_bf16(x[i]);
}

static karma_status write_changed(struct file_writer *w, const struct safetensors_entry *e,
                                  size_t n) {
    const struct named_tensor *t = e->tensor;
    size_t bytes;
    if (!mul_size(n, 2 * sizeof(float), &bytes))
        return status_fail(KARMA_E_OVERFLOW, "tensor %s: too large", status_quotez(t->name));
    float *values = mem_alloc(bytes), *other = values ? values + n : NULL;
    if (!values) return KARMA_E_NOMEM;
    dequantize(t->dtype, t->data, values, (int64_t)n);
    if (t->turned) turn_back(values, other, t->dims[0], t->dims[1]);
    if (t->onnx_gates) order_gates(values, other, n);
    if (t->turned || t->onnx_gates) memcpy(values, other, n * sizeof(*values));
    const void *out = values;
    size_t width = sizeof(float);
    if (e->dtype != DTYPE_F32) {
        narrow(values, e->dtype, (uint16_t *)(void *)other, n);
        out = other;
        width = sizeof(uint16_t);
    }
    karma_status st = file_writer_append(w, out, n * width);
    mem_free(values);
    return st;
}

static karma_status write_data(struct file_writer *w, const struct safetensors_entry *e) {
    const struct named_tensor *t = e->tensor;
    uint64_t elems;
    karma_status st = count_elems(t, &elems);
    if (st < 0 || elems == 0) return st;
    if (e->dtype == t->dtype && !t->turned && !t->onnx_gates)
        return file_writer_append(w, t->data, t->nbytes);
    return write_changed(w, e, (size_t)elems);
}

karma_status safetensors_write(const char *path, struct safetensors_entry *entries, size_t count,
                               bool (*cancelled)(void *user), void *user) {
    struct buf header = {0};
    struct file_writer w;
    if (count > 1) qsort(entries, count, sizeof(*entries), in_file_order);
    karma_status st = make_header(&header, entries, count);
    if (st == KARMA_OK) st = file_writer_begin(&w, path);
    if (st < 0) goto done;
    const uint64_t len = header.len;
    st = file_writer_append(&w, &len, sizeof(len));
    if (st == KARMA_OK) st = file_writer_append(&w, header.data, header.len);
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        st = write_data(&w, &entries[i]);
        if (st == KARMA_OK && cancelled && cancelled(user))
            st = status_fail(KARMA_E_CANCELLED, "cancelled");
    }
    if (st == KARMA_OK)
        st = file_writer_end(&w, 0644);
    else
        file_writer_abandon(&w);
done:
    buf_release(&header);
    return st;
}
