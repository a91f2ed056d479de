/*
 * page.c - see page.h. Every text of a sample goes through add_text(), every path through
 * add_link(); the page's own policy lets a browser run nothing and fetch nothing but pictures.
 */
#include "eval/page.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "eval/html.h"

/* ---- texts ---- */

static karma_status add_text(struct buf *b, const char *text) {
    return html_escape(b, text, strlen(text));
}

/* <TAG>text</TAG>, or nothing when there is no text. */
static karma_status add_element(struct buf *b, const char *tag, const char *text) {
    if (!text) return KARMA_OK;
    karma_status st = buf_printf(b, "<%s>", tag);
    if (st == KARMA_OK) st = add_text(b, text);
    return st == KARMA_OK ? buf_printf(b, "</%s>", tag) : st;
}

static karma_status add_cell(struct buf *b, const char *text) {
    return add_element(b, "td", text ? text : "");
}

/* ---- pictures ---- */

/* From the page's folder to the file, both without links. */
static karma_status add_link(struct buf *b, const char *folder, const char *path) {
    size_t same = 0, i = 0;
    for (; path[i] && path[i] == folder[i]; i++)
        if (path[i] == '/') same = i + 1;
    if (path[i] == '/' && !folder[i]) same = i + 1;
    karma_status st = KARMA_OK;
    for (const char *p = folder + (strlen(folder) < same ? same - 1 : same); *p && st == KARMA_OK;
         p += strcspn(p, "/")) {
        p += *p == '/';
        if (*p) st = buf_puts(b, "../");
    }
    for (const char *p = path + same; *p && st == KARMA_OK; p++) {
        if (ascii_is_alnum(*p) || strchr("-._~/", *p))
            st = buf_putc(b, *p);
        else
            st = buf_printf(b, "%%%02X", (unsigned)(unsigned char)*p);
    }
    return st;
}

static karma_status begin_picture(struct buf *b) {
    return buf_puts(b, "<img loading=\"lazy\" src=\"");
}

static karma_status end_picture(struct buf *b, const char *name) {
    karma_status st = buf_puts(b, "\" alt=\"");
    if (st == KARMA_OK) st = add_text(b, name);
    return st == KARMA_OK ? buf_puts(b, "\">") : st;
}

/* A file that is not there, or that no browser shows, is named. */
static karma_status add_file(struct page *p, const karma_image *im, const char *name) {
    struct file_map map = {0};
    const char *real, *mime = NULL;
    const bool there = im->digest && file_exists(im->path);
    karma_status st = there ? file_map_open(im->path, &map) : KARMA_OK;
    if (st == KARMA_OK && there) mime = html_image_type(map.data, map.size);
    file_map_close(&map);
    if (st == KARMA_OK && mime) st = file_real_path(&p->arena, im->path, &real);
    if (st < 0) return st;
    if (!mime) return add_element(&p->text, "em", there ? "not a picture for browsers" : "missing");
    st = begin_picture(&p->text);
    if (st == KARMA_OK) st = add_link(&p->text, p->folder, real);
    return st == KARMA_OK ? end_picture(&p->text, name) : st;
}

static karma_status add_bytes(struct page *p, const karma_image *im, const char *name) {
    const char *mime = im->bytes ? html_image_type(im->bytes, im->n_bytes) : NULL;
    if (!mime) return add_element(&p->text, "em", "not a picture for browsers");
    karma_status st = begin_picture(&p->text);
    if (st == KARMA_OK) st = buf_printf(&p->text, "data:%s;base64,", mime);
    if (st == KARMA_OK) st = base64_encode(&p->text, im->bytes, im->n_bytes);
    return st == KARMA_OK ? end_picture(&p->text, name) : st;
}

static karma_status add_images(struct page *p, const karma_image *images, size_t n) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        const karma_image *im = &images[i];
        const char *name = im->name ? im->name : im->path ? im->path : "";
        st = buf_puts(&p->text, "<figure>");
        if (st == KARMA_OK) st = im->path ? add_file(p, im, name) : add_bytes(p, im, name);
        if (st == KARMA_OK) st = add_element(&p->text, "figcaption", name);
        if (st == KARMA_OK) st = buf_puts(&p->text, "</figure>");
    }
    return st;
}

/* ---- samples ---- */

static karma_status flush(struct page *p, karma_status st) {
    if (st == KARMA_OK) st = file_writer_append(&p->writer, p->text.data, p->text.len);
    buf_clear(&p->text);
    arena_reset(&p->arena);
    return st;
}

karma_status page_begin(struct page *p, const char *path, const char *model) {
    static const char head[] =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n" PAGE_MARK
        "\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "img-src 'self' file: data:; style-src 'unsafe-inline'\">\n"
        "<meta name=\"referrer\" content=\"no-referrer\">\n<style>\n"
        "body { font: 14px sans-serif; margin: 1em }\n"
        "table { border-collapse: collapse; width: 100% }\n"
        "td, th { border: 1px solid #bbb; padding: 4px; text-align: left; vertical-align: top; "
        "white-space: pre-wrap; overflow-wrap: anywhere }\n"
        "figure { margin: 0 } img { max-width: 16em; max-height: 16em }\n"
        "figcaption, small { color: #555; font-size: 11px } .failed { background: #fdd }\n"
        "</style>\n<title>";
    *p = (struct page){0};
    if (!path) return KARMA_OK;
    karma_status st = file_writer_begin(&p->writer, path);
    if (st < 0) return st;
    p->open = true;
    const char *folder = file_dir_name(&p->kept, path);
    st = folder ? file_real_path(&p->kept, folder, &p->folder) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = buf_puts(&p->text, head);
    if (st == KARMA_OK) st = add_text(&p->text, model);
    if (st == KARMA_OK) st = buf_puts(&p->text, "</title></head><body>\n");
    if (st == KARMA_OK) st = add_element(&p->text, "h1", model);
    st = flush(p, st);
    return st < 0 ? page_end(p, st) : KARMA_OK;
}

karma_status page_dataset(struct page *p, const char *name) {
    if (!p->open) return KARMA_OK;
    karma_status st = p->in_table ? buf_puts(&p->text, "</table>\n") : KARMA_OK;
    p->in_table = true;
    if (st == KARMA_OK) st = add_element(&p->text, "h2", name);
    if (st == KARMA_OK)
        st = buf_puts(&p->text, "<table><tr><th>Pictures</th><th>Question</th><th>Answer</th>"
                                "<th>Reference</th><th>Scores</th></tr>\n");
    return flush(p, st);
}

static karma_status add_question(struct page *p, const struct page_sample *s) {
    const karma_sample *sample = s->sample;
    karma_status st = buf_puts(&p->text, "<td>");
    if (st == KARMA_OK && sample->input) st = add_text(&p->text, sample->input);
    for (size_t i = 0; i < sample->n_messages && st == KARMA_OK; i++) {
        st = add_element(&p->text, "b", sample->conversation[i].role);
        if (st == KARMA_OK) st = buf_putc(&p->text, '\n');
        if (st == KARMA_OK) st = add_text(&p->text, sample->conversation[i].content);
        if (st == KARMA_OK) st = buf_putc(&p->text, '\n');
    }
    if (st == KARMA_OK) st = buf_puts(&p->text, "\n<small>");
    if (st == KARMA_OK) st = add_text(&p->text, sample->key);
    if (st == KARMA_OK && s->answer_type) st = buf_puts(&p->text, ", ");
    if (st == KARMA_OK && s->answer_type) st = add_text(&p->text, s->answer_type);
    return st == KARMA_OK ? buf_puts(&p->text, "</small></td>") : st;
}

static karma_status add_answer(struct page *p, const struct page_sample *s) {
    const struct answer *a = s->answer;
    if (!s->prediction) {
        karma_status failed = buf_puts(&p->text, "<td class=\"failed\">");
        if (failed == KARMA_OK) failed = add_element(&p->text, "b", karma_status_name(a->status));
        if (failed == KARMA_OK) failed = buf_putc(&p->text, ' ');
        if (failed == KARMA_OK) failed = add_text(&p->text, a->error ? a->error : "");
        return failed == KARMA_OK ? buf_puts(&p->text, "</td>") : failed;
    }
    karma_status st = buf_puts(&p->text, "<td>");
    if (st == KARMA_OK) st = add_text(&p->text, s->prediction);
    if (st == KARMA_OK && a->text && strcmp(a->text, s->prediction) != 0) {
        st = buf_puts(&p->text, "<details><summary>all of it</summary>");
        if (st == KARMA_OK) st = add_text(&p->text, a->text);
        if (st == KARMA_OK) st = buf_puts(&p->text, "</details>");
    }
    return st == KARMA_OK ? buf_puts(&p->text, "</td>") : st;
}

karma_status page_add(struct page *p, const struct page_sample *s) {
    if (!p->open) return KARMA_OK;
    const karma_sample *sample = s->sample;
    karma_status st = buf_puts(&p->text, "<tr><td>");
    for (size_t i = 0; i < sample->n_messages && st == KARMA_OK; i++)
        st = add_images(p, sample->conversation[i].images, sample->conversation[i].n_images);
    if (st == KARMA_OK) st = add_images(p, sample->images, sample->n_images);
    if (st == KARMA_OK) st = buf_puts(&p->text, "</td>");
    if (st == KARMA_OK) st = add_question(p, s);
    if (st == KARMA_OK) st = add_answer(p, s);
    if (st == KARMA_OK) st = add_cell(&p->text, sample->expected_output);
    if (st == KARMA_OK) st = add_cell(&p->text, s->scores);
    if (st == KARMA_OK) st = buf_puts(&p->text, "</tr>\n");
    return flush(p, st);
}

karma_status page_end(struct page *p, karma_status st) {
    if (p->open && st == KARMA_OK) {
        st = buf_printf(&p->text, "%s</body></html>\n", p->in_table ? "</table>" : "");
        st = flush(p, st);
    }
    if (p->open && st == KARMA_OK)
        st = file_writer_end(&p->writer, 0600);
    else if (p->open)
        file_writer_abandon(&p->writer);
    buf_release(&p->text);
    arena_release(&p->arena);
    arena_release(&p->kept);
    *p = (struct page){0};
    return st;
}
