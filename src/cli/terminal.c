/*
 * terminal.c - see terminal.h. The screen is the terminal's second one, so that what stood there
 * comes back. What a signal handler does is tcsetattr() and write(), which it may.
 */
#include "cli/terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* --- keys ------------------------------------------------------------------------------------- */

static size_t utf8_length(unsigned char first) {
    if (first < 0x80) return 1;
    return first > 0xF4 ? 0 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
}

static enum key_kind control_key(unsigned char c) {
    switch (c) {
    case 3:
        return KEY_INTERRUPT;
    case 8:
    case 127:
        return KEY_BACKSPACE;
    case '\t':
        return KEY_TAB;
    case '\r':
    case '\n':
        return KEY_ENTER;
    case 1:
        return KEY_HOME;
    case 5:
        return KEY_END;
    case 12:
        return KEY_REDRAW;
    case 16:
        return KEY_UP;
    case 14:
        return KEY_DOWN;
    case 21:
        return KEY_CLEAR;
    case 23:
        return KEY_WORD;
    case 26:
        return KEY_SUSPEND;
    default:
        return KEY_OTHER;
    }
}

/* By the last byte of "ESC [ A" and "ESC O A", and by the number of "ESC [ 5 ~". */
static enum key_kind sequence_key(unsigned char last, int number) {
    static const struct {
        unsigned char last;
        int number;
        enum key_kind key;
    } keys[] = {{'A', 0, KEY_UP},       {'B', 0, KEY_DOWN},   {'C', 0, KEY_RIGHT},
                {'D', 0, KEY_LEFT},     {'H', 0, KEY_HOME},   {'F', 0, KEY_END},
                {'~', 1, KEY_HOME},     {'~', 7, KEY_HOME},   {'~', 4, KEY_END},
                {'~', 8, KEY_END},      {'~', 3, KEY_DELETE}, {'~', 5, KEY_PAGE_UP},
                {'~', 6, KEY_PAGE_DOWN}};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].last == last && (last != '~' || keys[i].number == number)) return keys[i].key;
    }
    return KEY_OTHER;
}

/* From the escape on. */
static size_t decode_sequence(const unsigned char *b, size_t n, bool ended, struct key *out) {
    int number = 0;
    if (n == 1) {
        out->kind = KEY_ESCAPE;
        return ended;
    }
    if (b[1] != '[' && b[1] != 'O') { /* an escape, and then another key */
        out->kind = KEY_ESCAPE;
        return 1;
    }
    for (size_t i = 2; i < n; i++) {
        if (b[i] >= '0' && b[i] <= '9' && number < 1000 && !memchr(b, ';', i))
            number = number * 10 + (b[i] - '0');
        if (b[i] >= 0x40 && b[i] <= 0x7E) {
            out->kind = sequence_key(b[i], number);
            return i + 1;
        }
        if (b[i] < 0x20 || i == 15) { /* no such sequence */
            out->kind = KEY_OTHER;
            return i;
        }
    }
    out->kind = KEY_OTHER;
    return ended ? n : 0;
}

size_t key_decode(const unsigned char *b, size_t n, bool ended, struct key *out) {
    *out = (struct key){.kind = KEY_OTHER};
    if (n == 0) return 0;
    if (b[0] == 27) return decode_sequence(b, n, ended, out);
    if (b[0] < 0x20 || b[0] == 127) {
        out->kind = control_key(b[0]);
        return 1;
    }
    const size_t len = utf8_length(b[0]);
    if (len == 0) return 1;
    for (size_t i = 1; i < len; i++) {
        if (i == n) return ended ? n : 0;
        if ((b[i] & 0xC0) != 0x80) return i;
    }
    out->kind = KEY_TEXT;
    memcpy(out->text, b, len);
    return len;
}

/* --- the terminal's state --------------------------------------------------------------------- */

static struct {
    struct termios before;
    volatile sig_atomic_t open;  /* before is to be restored */
    volatile sig_atomic_t stale; /* what is shown is not what should be */
    unsigned char input[64];
    size_t n_input;
    bool caught, utf8, colour;
} screen;

static void put(const char *text, size_t len) {
    while (len > 0) {
        const ssize_t n = write(STDOUT_FILENO, text, len);
        if (n < 0 && errno != EINTR && errno != EAGAIN) return; /* nobody is there to see it */
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
}

static void enter(void) {
    static const char begin[] = "\033[?1049h\033[H\033[J";
    struct termios raw = screen.before;
    raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON | INLCR | ISTRIP);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    put(begin, sizeof(begin) - 1);
}

static void restore(void) {
    static const char end[] = "\033[0m\033[?25h\033[?1049l";
    if (!screen.open) return;
    screen.open = 0;
    put(end, sizeof(end) - 1);
    tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_end(int signal_no) {
    restore();
    _exit(signal_no == SIGINT ? 130 : 143);
}

static void on_crash(int signal_no) { /* SA_RESETHAND: the second time it is the system's */
    restore();
    raise(signal_no);
}

static void on_change(int signal_no) {
    (void)signal_no;
    screen.stale = 1;
}

static void on_stop(int signal_no);

static void handle(int signal_no, void (*handler)(int), int flags) {
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&sa.sa_mask);
    sigaction(signal_no, &sa, NULL);
}

/* Stop as any program does, with the terminal as it was, and take it again afterwards. */
static void suspend(int signal_no) {
    const int reason = errno;
    const bool was_open = screen.open;
    sigset_t this_one;
    restore();
    handle(signal_no, SIG_DFL, 0);
    raise(signal_no);
    sigemptyset(&this_one);
    sigaddset(&this_one, signal_no);
    sigprocmask(SIG_UNBLOCK, &this_one, NULL); /* here it stops */
    handle(signal_no, on_stop, 0);
    if (was_open && tcgetattr(STDIN_FILENO, &screen.before) == 0) {
        screen.open = 1;
        enter();
    }
    screen.stale = 1;
    errno = reason;
}

static void on_stop(int signal_no) {
    suspend(signal_no);
}

/* After a SIGSTOP, which nobody can see coming: the shell has set the terminal its own way. */
static void on_continue(int signal_no) {
    const int reason = errno;
    (void)signal_no;
    if (screen.open) enter();
    screen.stale = 1;
    errno = reason;
}

void terminal_catch_signals(void) {
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    if (screen.caught) return;
    screen.caught = true;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        handle(ends[i], on_end, 0);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        handle(crashes[i], on_crash, (int)SA_RESETHAND);
    handle(SIGTSTP, on_stop, 0);
    handle(SIGCONT, on_continue, 0);
    handle(SIGWINCH, on_change, 0);
    atexit(restore);
}

/* --- open and close --------------------------------------------------------------------------- */

bool terminal_usable(void) {
    const char *term = getenv("TERM");
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && term && term[0] &&
           strcmp(term, "dumb") != 0;
}

static void look_around(void) {
    const char *no_colour = getenv("NO_COLOR");
    setlocale(LC_CTYPE, "");
    screen.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    setlocale(LC_CTYPE, "C");
    screen.colour = !no_colour || !no_colour[0];
}

bool terminal_open(void) {
    if (screen.open) return true;
    if (tcgetattr(STDIN_FILENO, &screen.before) < 0) return false;
    look_around();
    terminal_catch_signals();
    screen.open = 1;
    screen.n_input = 0;
    enter();
    return true;
}

void terminal_close(void) {
    restore();
}

void terminal_size(int *rows, int *columns) {
    struct winsize size;
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
    *rows = known ? size.ws_row : 24;
    *columns = known ? size.ws_col : 80;
}

/* --- input ------------------------------------------------------------------------------------ */

/* More bytes, or none within the time (< 0: any). A signal ends the waiting, too; those that change
 * the screen are let through only here, so that none goes unseen. */
static int fill(int milliseconds) {
    const struct timespec wait = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t changes, before;
    sigemptyset(&changes);
    sigaddset(&changes, SIGWINCH);
    sigaddset(&changes, SIGCONT);
    sigaddset(&changes, SIGTSTP);
    sigprocmask(SIG_BLOCK, &changes, &before);
    int got = 0;
    if (!screen.stale && ppoll(&p, 1, milliseconds < 0 ? NULL : &wait, &before) > 0) {
        const ssize_t n = read(STDIN_FILENO, screen.input + screen.n_input,
                               sizeof(screen.input) - screen.n_input);
        if (n > 0) screen.n_input += (size_t)n;
        got = n > 0 ? 1 : n < 0 && errno == EINTR ? 0 : -1;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return got;
}

struct key terminal_read(void) {
    enum { ESCAPE_MS = 50 }; /* the bytes of a key come together, over a network nearly so */
    struct key key = {.kind = KEY_REDRAW};
    for (bool ended = false;;) {
        if (screen.stale) {
            screen.stale = 0;
            return (struct key){.kind = KEY_REDRAW};
        }
        const size_t used = key_decode(screen.input, screen.n_input, ended, &key);
        if (used > 0) {
            screen.n_input -= used;
            memmove(screen.input, screen.input + used, screen.n_input);
            if (key.kind != KEY_SUSPEND) return key;
            suspend(SIGTSTP);
            continue;
        }
        const size_t before = screen.n_input;
        const int got = fill(before ? ESCAPE_MS : -1);
        if (got < 0) return (struct key){.kind = KEY_INTERRUPT};
        ended = before > 0 && got == 0 && !screen.stale;
    }
}

/* --- output ----------------------------------------------------------------------------------- */

size_t text_columns(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += (*text & 0xC0) != 0x80;
    return n;
}

void frame_begin(struct frame *f, int rows, int columns, bool utf8, bool colour) {
    *f = (struct frame){.rows = rows,
                        .columns = columns,
                        .utf8 = utf8,
                        .colour = colour,
                        .cursor_row = -1,
                        .cursor_column = -1};
}

/* As much of text as fits, without what would move the cursor; what the terminal cannot show is a
 * question mark. */
static void add_clipped(struct frame *f, const char *text) {
    int left = f->columns;
    char one[5];
    for (const char *p = text; *p && left > 0; left--) {
        const size_t len = utf8_length((unsigned char)*p);
        size_t n = 1;
        while (n < len && (p[n] & 0xC0) == 0x80)
            n++;
        const bool whole = len > 0 && n == len;
        const bool control =
            (unsigned char)*p < 0x20 || *p == 0x7F ||
            (whole && len == 2 && (unsigned char)p[0] == 0xC2 && (unsigned char)p[1] < 0xA0);
        const bool shown = whole && !control && (len == 1 || f->utf8);
        snprintf(one, sizeof(one), "%.*s", shown ? (int)n : 1, shown ? p : "?");
        text_add(&f->text, one);
        p += n;
    }
}

void frame_line(struct frame *f, enum line_look look, const char *text) {
    static const char *const begin[] = {"", "\033[1m", "\033[2m", "\033[7m", "\033[31m"};
    if (f->row >= f->rows) return;
    if (f->row++ > 0) text_add(&f->text, "\r\n");
    const bool dressed = f->colour && look != LINE_PLAIN;
    if (dressed) text_add(&f->text, begin[look]);
    add_clipped(f, text);
    if (dressed) text_add(&f->text, "\033[0m");
    text_add(&f->text, "\033[K");
}

void terminal_begin(struct frame *f) {
    int rows, columns;
    terminal_size(&rows, &columns);
    frame_begin(f, rows, columns, screen.utf8, screen.colour);
    text_add(&f->text, "\033[?25l\033[H");
}

void terminal_show(struct frame *f) {
    if (f->row < f->rows) text_add(&f->text, "\033[J");
    if (f->cursor_row >= 0) {
        text_addf(&f->text, "\033[%d;%dH\033[?25h", f->cursor_row + 1, f->cursor_column + 1);
    }
    if (f->text.text) put(f->text.text, f->text.len);
    text_free(&f->text);
}
