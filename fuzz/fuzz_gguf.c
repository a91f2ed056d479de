/*
 * fuzz_gguf.c - any bytes as a GGUF file. In an accepted one every value, string and tensor lies in
 * the file, keys find their values, and typed look-up answers or fails in good order.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf.h"

static void check(bool holds) {
    if (!holds) abort();
}

struct file {
    const uint8_t *data;
    size_t size;
    unsigned sum;
};

/* [p, p + len) lies in the file; read it. */
static void touch(struct file *f, const void *p, size_t len) {
    const uint8_t *begin = p;
    check(begin >= f->data && begin <= f->data + f->size);
    check(len <= (size_t)(f->data + f->size - begin));
    for (size_t i = 0; i < len; i++)
        f->sum += begin[i];
}

static void touch_array(struct file *f, const struct gguf_value *v) {
    if (v->item_type == GGUF_STRING) {
        const unsigned char *at = v->data;
        for (uint64_t i = 0; i < v->count; i++) {
            size_t len;
            const char *s = gguf_array_next_string(v, &at, &len);
            touch(f, s, len);
        }
        check(at == v->data + v->len);
        return;
    }
    double sum = 0;
    for (uint64_t i = 0; i < v->count; i++) {
        sum += gguf_array_real(v, i) + (double)gguf_array_int(v, i);
    }
    f->sum += sum > 0;
}

static void ask(const struct gguf *g, const char *key) {
    int64_t i;
    double d;
    bool b;
    const char *s;
    size_t len;
    const struct gguf_value *v;
    const karma_status answers[] = {
        gguf_int(g, key, 0, 1000, 0, &i), gguf_need_int(g, key, INT64_MIN, INT64_MAX, &i),
        gguf_real(g, key, 0, &d),         gguf_bool(g, key, false, &b),
        gguf_string(g, key, &s, &len),    gguf_array(g, key, GGUF_I32, &v),
    };
    for (size_t k = 0; k < sizeof(answers) / sizeof(*answers); k++)
        check(answers[k] <= KARMA_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct file f = {data, size, 0};
    struct gguf *g;
    if (gguf_parse(data, size, "fuzz", &g) < 0) {
        check(g == NULL && karma_error_message()[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < gguf_key_count(g); i++) {
        const struct gguf_value *v;
        const char *key = gguf_key(g, i, &v);
        check(gguf_find(g, key) == v);
        touch(&f, v->data, v->len);
        if (v->type == GGUF_ARRAY && v->count > 0) touch_array(&f, v);
        ask(g, key);
    }
    for (int64_t i = 0; i < gguf_tensor_count(g); i++) {
        const struct named_tensor *t = &gguf_tensors(g)[i];
        check(t->nbytes > 0 && t->n_dims <= 4);
        touch(&f, t->data, t->nbytes);
    }
    gguf_destroy(g);
    return 0;
}
