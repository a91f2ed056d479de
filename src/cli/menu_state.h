/*
 * menu_state.h - what a list and a line do with a key, and how they look: without a terminal, so
 * that it can be tested.
 */
#ifndef CLI_MENU_STATE_H
#define CLI_MENU_STATE_H

#include "cli/terminal.h"

/* A list of which one, or several, are chosen. */
struct list_item {
    const char *text;
    const char *more; /* beside it; NULL: nothing */
};
struct list_state {
    const struct list_item *items; /* lent */
    size_t n;
    bool filtered; /* typing narrows it down: q is a letter then */
    bool *marked;  /* [n], lent: several are chosen, with the space bar; NULL: one */
    char filter[64];
    size_t at;  /* the item under the cursor; n: none is shown */
    size_t top; /* first item shown */
};

enum list_event { LIST_GOES_ON, LIST_TAKEN, LIST_BACK, LIST_LEAVE };

/* Is item i shown: does its text, or what is beside it, hold every word of the filter? */
bool list_shows(const struct list_state *l, size_t i);
/* rows: items that fit on the screen. */
enum list_event list_key(struct list_state *l, const struct key *k, size_t rows);
/* At most rows lines. */
void list_draw(struct list_state *l, struct frame *f, size_t rows);

/* A line that is written in. */
enum { LINE_BYTES = 4096 };
struct line_state {
    char text[LINE_BYTES];
    size_t len, at; /* bytes; the cursor stands before byte at */
};
void line_begin(struct line_state *l, const char *text);
void line_key(struct line_state *l, const struct key *k);
/* One line, scrolled so that the cursor is seen; sets the frame's cursor. */
void line_draw(const struct line_state *l, struct frame *f);

#endif
