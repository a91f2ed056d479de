/* menu.c - see menu.h: the questions on a screen. Every key draws all of it anew. */
#include "cli/menu.h"

#include <string.h>

#include "cli/cli.h"

void menu_begin(struct menu *m) {
    m->screen = terminal_usable() && terminal_open();
    terminal_catch_signals();
}

void menu_end(struct menu *m) {
    if (m->screen) terminal_close();
}

/* Title, notes, error; fewer of them on a small screen. */
static void draw_head(struct frame *f, const char *title, const char *const *notes,
                      const char *error) {
    const int spare = f->rows - 6; /* for a list worth the name, and the line of keys */
    frame_line(f, LINE_BOLD, title);
    for (int i = 0; notes && notes[i] && f->row < spare; i++)
        frame_line(f, LINE_PLAIN, notes[i]);
    if (error) frame_line(f, LINE_ERROR, error);
}

static void draw_foot(struct frame *f, const char *keys) {
    while (f->row < f->rows - 1)
        frame_line(f, LINE_PLAIN, "");
    frame_line(f, LINE_DIM, keys);
}

/* How many items there is room for, and the screen. */
static size_t draw_list(const struct menu_list *list, struct list_state *l) {
    struct frame f;
    terminal_begin(&f);
    draw_head(&f, list->title, list->notes, list->error);
    if (l->filtered) {
        char line[128];
        snprintf(line, sizeof(line), "filter: %s", l->filter);
        f.cursor_row = f.row;
        f.cursor_column = (int)text_columns(line);
        frame_line(&f, LINE_PLAIN, line);
    }
    const size_t rows = f.rows - f.row > 2 ? (size_t)(f.rows - f.row - 1) : 1;
    list_draw(l, &f, rows);
    const bool narrow = f.columns < 60;
    draw_foot(&f, l->marked     ? narrow ? "Space mark, Enter go on, Esc back"
                                         : "type to filter, Space marks, Enter goes on, Esc back, "
                                           "Ctrl-C leaves"
                  : l->filtered ? narrow ? "type to filter, Enter, Esc back"
                                         : "type to filter, Enter chooses, Esc back, Ctrl-C leaves"
                  : narrow      ? "Enter chooses, Esc or q back"
                                : "Enter chooses, Esc or q back, Ctrl-C leaves");
    terminal_show(&f);
    return rows;
}

static enum menu_answer run_list(const struct menu_list *list, struct list_state *l) {
    for (;;) {
        const size_t rows = draw_list(list, l);
        const struct key key = terminal_read();
        switch (list_key(l, &key, rows)) {
        case LIST_TAKEN:
            return MENU_DONE;
        case LIST_BACK:
            return MENU_BACK;
        case LIST_LEAVE:
            return MENU_LEAVE;
        default:
            break;
        }
    }
}

enum menu_answer menu_choose(struct menu *m, const struct menu_list *list, size_t *at) {
    struct list_state l = {
        .items = list->items, .n = list->n, .filtered = list->filtered, .at = *at};
    if (!m->screen) return plain_choose(list, at);
    const enum menu_answer answer = run_list(list, &l);
    if (answer == MENU_DONE) *at = l.at;
    return answer;
}

enum menu_answer menu_mark(struct menu *m, const struct menu_list *list, bool *marked) {
    struct list_state l = {
        .items = list->items, .n = list->n, .filtered = list->filtered, .marked = marked};
    return m->screen ? run_list(list, &l) : plain_mark(list, marked);
}

enum menu_answer menu_ask(struct menu *m, const struct menu_question *q, char *answer) {
    struct line_state l = {0};
    char error[1024] = "";
    if (!m->screen) return plain_ask(q, answer);
    line_begin(&l, q->initial);
    for (;;) {
        struct frame f;
        terminal_begin(&f);
        draw_head(&f, q->title, q->notes, NULL);
        line_draw(&l, &f);
        if (error[0]) frame_line(&f, LINE_ERROR, error);
        draw_foot(&f, "Enter goes on, Ctrl-U clears, Esc back, Ctrl-C leaves");
        terminal_show(&f);
        const struct key key = terminal_read();
        if (key.kind == KEY_ESCAPE) return MENU_BACK;
        if (key.kind == KEY_INTERRUPT) return MENU_LEAVE;
        if (key.kind != KEY_ENTER) {
            line_key(&l, &key);
            continue;
        }
        memcpy(answer, l.text, l.len + 1);
        if (!q->check || q->check(q->user, answer) == KARMA_OK) return MENU_DONE;
        snprintf(error, sizeof(error), "%s", cli_message());
    }
}
