/* menu_state.c - see menu_state.h. */
#include "cli/menu_state.h"

#include <stdio.h>
#include <string.h>

/* --- lists ------------------------------------------------------------------------------------ */

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool holds(const char *text, const char *word, size_t len) {
    for (; text && *text; text++) {
        size_t i = 0;
        while (i < len && lower(text[i]) == lower(word[i]) && text[i])
            i++;
        if (i == len) return true;
    }
    return len == 0;
}

bool list_shows(const struct list_state *l, size_t i) {
    for (const char *p = l->filter; *p;) {
        p += strspn(p, " ");
        const size_t len = strcspn(p, " ");
        if (!holds(l->items[i].text, p, len) && !holds(l->items[i].more, p, len)) return false;
        p += len;
    }
    return true;
}

/* The next item that is shown, steps further; as far as there are some. */
static void move(struct list_state *l, long steps) {
    const long by = steps < 0 ? -1 : 1;
    size_t last = l->at;
    for (long i = (long)l->at + by; steps != 0 && i >= 0 && i < (long)l->n; i += by) {
        if (!list_shows(l, (size_t)i)) continue;
        last = (size_t)i;
        steps -= by;
    }
    l->at = last;
}

/* After the filter changed: the cursor goes to what is shown. */
static void settle(struct list_state *l) {
    if (l->at < l->n && list_shows(l, l->at)) return;
    for (l->at = 0; l->at < l->n && !list_shows(l, l->at);)
        l->at++;
    l->top = 0;
}

static void drop_last(char *text) {
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] & 0xC0) == 0x80)
        len--;
    if (len > 0) len--;
    text[len] = '\0';
}

static enum list_event type(struct list_state *l, const struct key *k) {
    const bool space = k->text[0] == ' ';
    if (space && l->marked) {
        if (l->at < l->n) l->marked[l->at] = !l->marked[l->at];
    } else if (l->filtered) {
        const size_t len = strlen(l->filter);
        if (len + strlen(k->text) < sizeof(l->filter))
            memcpy(l->filter + len, k->text, strlen(k->text) + 1);
        settle(l);
    } else if (strcmp(k->text, "q") == 0) {
        return LIST_BACK;
    }
    return LIST_GOES_ON;
}

enum list_event list_key(struct list_state *l, const struct key *k, size_t rows) {
    switch (k->kind) {
    case KEY_UP:
        move(l, -1);
        break;
    case KEY_DOWN:
        move(l, 1);
        break;
    case KEY_PAGE_UP:
        move(l, -(long)rows);
        break;
    case KEY_PAGE_DOWN:
        move(l, (long)rows);
        break;
    case KEY_HOME:
        move(l, -(long)l->n);
        break;
    case KEY_END:
        move(l, (long)l->n);
        break;
    case KEY_ENTER:
        return l->at < l->n || l->marked ? LIST_TAKEN : LIST_GOES_ON;
    case KEY_ESCAPE:
        if (!l->filter[0]) return LIST_BACK;
        l->filter[0] = '\0';
        settle(l);
        break;
    case KEY_INTERRUPT:
        return LIST_LEAVE;
    case KEY_BACKSPACE:
        drop_last(l->filter);
        settle(l);
        break;
    case KEY_CLEAR:
    case KEY_WORD:
        l->filter[0] = '\0';
        settle(l);
        break;
    case KEY_TEXT:
        return type(l, k);
    default:
        break;
    }
    return LIST_GOES_ON;
}

static size_t shown_between(const struct list_state *l, size_t from, size_t to) {
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        n += list_shows(l, i);
    return n;
}

/* The first line is the cursor's at the latest, and the last one at the earliest. */
static void scroll(struct list_state *l, size_t rows) {
    if (l->at >= l->n) return;
    if (l->top > l->at) l->top = l->at;
    while (rows > 0 && shown_between(l, l->top, l->at) >= rows)
        l->top++;
    /* A screen that has grown is filled. */
    while (l->top > 0 && shown_between(l, l->top - 1, l->n) <= rows)
        l->top--;
}

void list_draw(struct list_state *l, struct frame *f, size_t rows) {
    size_t width = 0, drawn = 0;
    for (size_t i = 0; i < l->n; i++) {
        const size_t w = text_columns(l->items[i].text);
        if (list_shows(l, i) && w > width) width = w;
    }
    if (width > 44) width = 44;
    scroll(l, rows);
    for (size_t i = l->top; i < l->n && drawn < rows; i++) {
        if (!list_shows(l, i)) continue;
        const struct list_item *item = &l->items[i];
        const size_t w = text_columns(item->text);
        char line[1024];
        snprintf(line, sizeof(line), "%c %s%.400s%*s%.500s", i == l->at ? '>' : ' ',
                 !l->marked     ? ""
                 : l->marked[i] ? "[x] "
                                : "[ ] ",
                 item->text, item->more ? (int)((w < width ? width - w : 0) + 2) : 0, "",
                 item->more ? item->more : "");
        frame_line(f, i == l->at ? LINE_CHOSEN : LINE_PLAIN, line);
        drawn++;
    }
    if (drawn == 0 && rows > 0) frame_line(f, LINE_DIM, "  (nothing fits)");
}

/* --- lines ------------------------------------------------------------------------------------ */

void line_begin(struct line_state *l, const char *text) {
    snprintf(l->text, sizeof(l->text), "%s", text ? text : "");
    l->len = l->at = strlen(l->text);
}

static size_t before(const struct line_state *l, size_t at) {
    while (at > 0 && (l->text[--at] & 0xC0) == 0x80)
        ;
    return at;
}

static size_t after(const struct line_state *l, size_t at) {
    if (at == l->len) return at;
    do
        at++;
    while (at < l->len && (l->text[at] & 0xC0) == 0x80);
    return at;
}

static void cut(struct line_state *l, size_t from, size_t to) {
    memmove(l->text + from, l->text + to, l->len - to + 1);
    l->len -= to - from;
    l->at = from;
}

void line_key(struct line_state *l, const struct key *k) {
    const size_t n = strlen(k->text);
    size_t from = l->at;
    switch (k->kind) {
    case KEY_TEXT:
        if (l->len + n >= sizeof(l->text)) return;
        memmove(l->text + l->at + n, l->text + l->at, l->len - l->at + 1);
        memcpy(l->text + l->at, k->text, n);
        l->len += n;
        l->at += n;
        break;
    case KEY_BACKSPACE:
        cut(l, before(l, l->at), l->at);
        break;
    case KEY_DELETE:
        cut(l, l->at, after(l, l->at));
        break;
    case KEY_CLEAR:
        cut(l, 0, l->len);
        break;
    case KEY_WORD:
        while (from > 0 && l->text[from - 1] == ' ')
            from--;
        while (from > 0 && l->text[from - 1] != ' ')
            from--;
        cut(l, from, l->at);
        break;
    case KEY_LEFT:
        l->at = before(l, l->at);
        break;
    case KEY_RIGHT:
        l->at = after(l, l->at);
        break;
    case KEY_HOME:
        l->at = 0;
        break;
    case KEY_END:
        l->at = l->len;
        break;
    default:
        break;
    }
}

void line_draw(const struct line_state *l, struct frame *f) {
    char line[LINE_BYTES + 3];
    size_t from = 0, column = 0;
    for (size_t i = 0; i < l->at; i = after(l, i))
        column++;
    const size_t room = f->columns > 4 ? (size_t)f->columns - 4 : 1;
    for (; column > room; column--)
        from = after(l, from);
    snprintf(line, sizeof(line), "> %s", l->text + from);
    f->cursor_row = f->row;
    f->cursor_column = (int)column + 2;
    frame_line(f, LINE_PLAIN, line);
}
