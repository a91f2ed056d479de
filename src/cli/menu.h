/*
 * menu.h - questions to a person: one of a list, several of it, a line. On a terminal with the
 * keyboard; where there is none, as plain numbered questions of which each is answered by a line.
 */
#ifndef CLI_MENU_H
#define CLI_MENU_H

#include "cli/menu_state.h"
#include "karma/status.h"

struct menu {
    bool screen; /* drawn; else line by line */
};
/* Choose the way and take the terminal. */
void menu_begin(struct menu *m);
void menu_end(struct menu *m); /* the terminal is as before; may be called twice */

enum menu_answer {
    MENU_DONE,
    MENU_BACK,  /* Esc, q; plain: < */
    MENU_LEAVE, /* Ctrl-C */
    MENU_NOBODY /* plain: the input has ended */
};

struct menu_list {
    const char *title;
    const char *const *notes; /* lines below the title; NULL-terminated; NULL: none */
    const char *error;        /* what was wrong before; NULL: nothing */
    const struct list_item *items;
    size_t n;
    bool filtered; /* a long list: typing narrows it down */
};
/* *at: where the cursor stands at first, and what was chosen. */
enum menu_answer menu_choose(struct menu *m, const struct menu_list *list, size_t *at);
/* marked [n]: as it is at first, and what was chosen. */
enum menu_answer menu_mark(struct menu *m, const struct menu_list *list, bool *marked);

struct menu_question {
    const char *title;
    const char *const *notes;
    const char *initial; /* what the line holds at first, or an empty answer stands for; NULL: "" */
    /* Is it an answer? What is wrong comes from cli_message() and is shown; asked again. */
    karma_status (*check)(void *user, const char *text);
    void *user;
};
/* answer: LINE_BYTES. */
enum menu_answer menu_ask(struct menu *m, const struct menu_question *q, char *answer);

/* The plain ways, for menu.c. */
enum menu_answer plain_choose(const struct menu_list *list, size_t *at);
enum menu_answer plain_mark(const struct menu_list *list, bool *marked);
enum menu_answer plain_ask(const struct menu_question *q, char *answer);
/* "3", "1,4-6", or names between commas, of n items; marks them. False: *why says what is wrong. */
bool plain_parse(const char *text, const struct list_item *items, size_t n, bool *marked, char *why,
                 size_t size);

#endif
