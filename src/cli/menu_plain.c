/* menu_plain.c - see menu.h: the questions as lines, for pipes and terminals that cannot draw. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/menu.h"

static void print_head(const char *title, const char *const *notes, const char *error) {
    printf("\n%s\n", title);
    for (; notes && *notes; notes++)
        printf("%s\n", *notes);
    if (error) printf("! %s\n", error);
}

/* The list once; after a mistake only what it was. */
static void print_items(const struct menu_list *list, const bool *marked) {
    if (list->error) return;
    for (size_t i = 0; i < list->n; i++) {
        const struct list_item *item = &list->items[i];
        printf("%4zu%s %s%s%s\n", i + 1, marked && marked[i] ? "*" : ")", item->text,
               item->more && item->more[0] ? "  " : "", item->more ? item->more : "");
    }
}

/* A line without its end; false: there is none. */
static bool read_line(char *text) {
    fflush(stdout);
    if (!fgets(text, LINE_BYTES, stdin)) return false;
    size_t len = strlen(text);
    if (len + 1 == LINE_BYTES && text[len - 1] != '\n') { /* the rest of a line too long */
        for (int c = getchar(); c != '\n' && c != EOF;)
            c = getchar();
    }
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    return true;
}

/* Digits that fill [p, end), as a number of an item. */
static size_t number_of(const char *p, const char *end) {
    size_t v = 0;
    if (p == end) return 0;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9' || v > 100000) return 0;
        v = v * 10 + (size_t)(*p - '0');
    }
    return v;
}

bool plain_parse(const char *text, const struct list_item *items, size_t n, bool *marked, char *why,
                 size_t size) {
    memset(marked, 0, n * sizeof(*marked));
    for (const char *p = text;;) {
        p += strspn(p, " ");
        const char *end = p + strcspn(p, ","), *stop = end;
        while (stop > p && stop[-1] == ' ')
            stop--;
        const char *dash = memchr(p, '-', (size_t)(stop - p));
        size_t first = number_of(p, dash ? dash : stop), last = first;
        if (dash) last = number_of(dash + 1, stop);
        if (dash && (first == 0 || last == 0)) first = last = 0;
        for (size_t i = 0; i < n && first == 0; i++) {
            if (strlen(items[i].text) == (size_t)(stop - p) &&
                memcmp(items[i].text, p, (size_t)(stop - p)) == 0)
                first = last = i + 1;
        }
        if (first == 0 || last < first || last > n) {
            snprintf(why, size, "expected a number from 1 to %zu or a name, found %.*s", n,
                     (int)(stop - p < 64 ? stop - p : 64), p);
            return false;
        }
        for (size_t i = first; i <= last; i++)
            marked[i - 1] = true;
        if (!*end) return true;
        p = end + 1;
    }
}

enum menu_answer plain_choose(const struct menu_list *list, size_t *at) {
    enum { MAX_ITEMS = 4096 };
    bool marked[MAX_ITEMS];
    char line[LINE_BYTES], why[256];
    const size_t n = list->n < MAX_ITEMS ? list->n : MAX_ITEMS;
    print_head(list->title, list->notes, list->error);
    print_items(list, NULL);
    for (;;) {
        printf("number or name [%zu], < back: ", *at + 1);
        if (!read_line(line)) return MENU_NOBODY;
        if (strcmp(line, "<") == 0) return MENU_BACK;
        if (!line[0]) return MENU_DONE;
        if (!plain_parse(line, list->items, n, marked, why, sizeof(why))) {
            printf("! %s\n", why);
            continue;
        }
        size_t found = 0, count = 0;
        for (size_t i = 0; i < n; i++) {
            if (marked[i]) found = i;
            count += marked[i];
        }
        if (count == 1) {
            *at = found;
            return MENU_DONE;
        }
        printf("! one of them, please\n");
    }
}

enum menu_answer plain_mark(const struct menu_list *list, bool *marked) {
    char line[LINE_BYTES], why[256];
    print_head(list->title, list->notes, list->error);
    print_items(list, marked);
    for (;;) {
        printf("numbers or names, as 1,4-6 (empty: those with *), < back: ");
        if (!read_line(line)) return MENU_NOBODY;
        if (strcmp(line, "<") == 0) return MENU_BACK;
        if (!line[0]) return MENU_DONE;
        if (plain_parse(line, list->items, list->n, marked, why, sizeof(why))) return MENU_DONE;
        printf("! %s\n", why);
    }
}

enum menu_answer plain_ask(const struct menu_question *q, char *answer) {
    print_head(q->title, q->notes, NULL);
    for (;;) {
        if (q->initial && q->initial[0])
            printf("[%s], < back: ", q->initial);
        else
            printf("< back: ");
        if (!read_line(answer)) return MENU_NOBODY;
        if (strcmp(answer, "<") == 0) return MENU_BACK;
        if (!answer[0] && q->initial) snprintf(answer, LINE_BYTES, "%s", q->initial);
        if (!q->check || q->check(q->user, answer) == KARMA_OK) return MENU_DONE;
        printf("! %s\n", cli_message());
    }
}
