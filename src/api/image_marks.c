/*
 * image_marks.c - room for pictures in the text of a prompt, as the reference's processor makes it:
 * on text, before the one tokenisation, so that line ends around a picture merge with those beside
 * them.
 */
#include <string.h>

#include "api/text_assets.h"

struct expansion {
    const struct image_marks *marks;
    const char *text;
    size_t len;
    const struct text_span *spans; /* data in text */
    size_t n_spans, at_span;       /* those before at_span end before what is copied next */
    struct buf *out;
    struct text_span *out_spans;
    size_t n_out_spans;
};

/* One picture: begin, soft tokens, end. */
static karma_status put_picture(struct buf *out, const struct image_marks *m) {
    karma_status st = buf_printf(out, "\n\n%s", m->begin);
    for (int32_t i = 0; st == KARMA_OK && i < m->tokens_per_image; i++)
        st = buf_puts(out, m->soft);
    return st < 0 ? st : buf_printf(out, "%s\n\n", m->end);
}

static karma_status put_image(struct buf *out, const struct image_marks *m, size_t n_crops) {
    karma_status st = n_crops ? buf_puts(out, "Here is the original image ") : KARMA_OK;
    if (st == KARMA_OK) st = put_picture(out, m);
    if (st < 0 || n_crops == 0) return st;
    st = buf_puts(out, " and here are some crops to help you see better ");
    for (size_t i = 0; st == KARMA_OK && i < n_crops; i++) {
        if (i > 0) st = buf_putc(out, ' ');
        if (st == KARMA_OK) st = put_picture(out, m);
    }
    return st;
}

/* text[begin, end) as it is, and what of it is data. */
static karma_status copy(struct expansion *x, size_t begin, size_t end) {
    const size_t shift = x->out->len;
    while (x->at_span < x->n_spans && x->spans[x->at_span].end <= begin)
        x->at_span++;
    for (size_t i = x->at_span; i < x->n_spans && x->spans[i].begin < end; i++) {
        const size_t from = x->spans[i].begin > begin ? x->spans[i].begin : begin;
        const size_t to = x->spans[i].end < end ? x->spans[i].end : end;
        if (from < to)
            x->out_spans[x->n_out_spans++] =
                (struct text_span){from - begin + shift, to - begin + shift};
    }
    return buf_append(x->out, x->text + begin, end - begin);
}

/* Spans are sorted: the first that does not end before `begin`. */
static bool touches_data(const struct expansion *x, size_t begin, size_t end) {
    size_t low = 0, high = x->n_spans;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (x->spans[mid].end <= begin)
            low = mid + 1;
        else
            high = mid;
    }
    return low < x->n_spans && x->spans[low].begin < end;
}

/* The next mark at or after `from`; len if there is none. */
static size_t next_mark(const struct expansion *x, bool safe, size_t from) {
    const size_t n = strlen(x->marks->begin);
    const char *p;
    while (from < x->len &&
           (p = memmem(x->text + from, x->len - from, x->marks->begin, n)) != NULL) {
        const size_t at = (size_t)(p - x->text);
        if (!safe || !touches_data(x, at, at + n)) return at;
        from = at + 1;
    }
    return x->len;
}

static size_t count_marks(const struct expansion *x, bool safe) {
    size_t n = 0;
    for (size_t at = next_mark(x, safe, 0); at < x->len; n++)
        at = next_mark(x, safe, at + strlen(x->marks->begin));
    return n;
}

static karma_status wrong_count(const struct image_marks *m, size_t n_marks) {
    return status_fail(
        KARMA_E_SHAPE, "the prompt has %zu image mark%s %s for %zu image%s%s", n_marks,
        n_marks == 1 ? "" : "s", m->begin, m->n_images, m->n_images == 1 ? "" : "s",
        n_marks > m->n_images ? "; one that was typed is plain text with special_tokens safe" : "");
}

karma_status image_marks_expand(const struct image_marks *marks, bool safe, const char *text,
                                size_t len, const struct text_span *spans, size_t n_spans,
                                struct buf *out, struct text_span **out_spans,
                                size_t *n_out_spans) {
    struct expansion x = {
        .marks = marks, .text = text, .len = len, .spans = spans, .n_spans = n_spans, .out = out};
    const size_t n = count_marks(&x, safe);
    *out_spans = NULL;
    *n_out_spans = 0;
    if (n != marks->n_images) return wrong_count(marks, n);
    x.out_spans = mem_calloc(n_spans + n + 1, sizeof(*x.out_spans));
    if (!x.out_spans) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    size_t at = 0;
    for (size_t i = 0; st == KARMA_OK && i < n; i++) {
        const size_t mark = next_mark(&x, safe, at);
        st = copy(&x, at, mark);
        if (st == KARMA_OK) st = put_image(out, marks, marks->n_crops[i]);
        at = mark + strlen(marks->begin);
    }
    if (st == KARMA_OK) st = copy(&x, at, len);
    if (st < 0) {
        mem_free(x.out_spans);
        return st;
    }
    *out_spans = x.out_spans;
    *n_out_spans = x.n_out_spans;
    return KARMA_OK;
}
