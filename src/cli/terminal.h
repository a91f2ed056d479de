/*
 * terminal.h - the keyboard key by key and the screen as a whole, on any terminal that knows ANSI's
 * sequences. Whatever ends or stops the program, the terminal is as it was before.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/text_out.h"

enum key_kind {
    KEY_TEXT, /* one character, in text */
    KEY_ENTER,
    KEY_ESCAPE,
    KEY_TAB,
    KEY_UP,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_BACKSPACE,
    KEY_DELETE,
    KEY_CLEAR,     /* Ctrl-U: all of the line */
    KEY_WORD,      /* Ctrl-W: the word before the cursor */
    KEY_INTERRUPT, /* Ctrl-C, or the terminal is gone */
    KEY_SUSPEND,   /* Ctrl-Z */
    KEY_REDRAW,    /* no key: the screen must be drawn again; or Ctrl-L */
    KEY_OTHER      /* what means nothing here */
};
struct key {
    enum key_kind kind;
    char text[5]; /* UTF-8 */
};

/* The first key of n bytes of input; returns how many it took. 0: more bytes belong to it, which is
 * not said when it has ended: then a lone escape is the key, and what is incomplete means nothing.
 */
size_t key_decode(const unsigned char *bytes, size_t n, bool ended, struct key *out);

/* Are standard input and output one that can be drawn on? Not with TERM=dumb or without TERM. */
bool terminal_usable(void);
/* The signals that end the program restore the terminal first, and give its exit status. */
void terminal_catch_signals(void);
/* Take the screen, or give it back; both may be called twice. False: it cannot be had. */
bool terminal_open(void);
void terminal_close(void);
/* Wait for a key. Ctrl-Z and changes of the size are dealt with and become KEY_REDRAW. */
struct key terminal_read(void);
void terminal_size(int *rows, int *columns);

/* How a line looks; where there is no colour (NO_COLOR), all are plain. */
enum line_look { LINE_PLAIN, LINE_BOLD, LINE_DIM, LINE_CHOSEN, LINE_ERROR };
/* A screen under way: lines from the top, cut at the width. */
struct frame {
    struct text_out text;
    int rows, columns, row; /* row: lines there are */
    bool utf8, colour;
    int cursor_row, cursor_column; /* from 0; < 0: no cursor is shown */
};
/* Of a size, for what the terminal can show. */
void frame_begin(struct frame *f, int rows, int columns, bool utf8, bool colour);
void frame_line(struct frame *f, enum line_look look, const char *text);
/* Show what was drawn, at once, and release it. */
void terminal_begin(struct frame *f);
void terminal_show(struct frame *f);
/* The characters of text: how many columns it takes. */
size_t text_columns(const char *text);

#endif
