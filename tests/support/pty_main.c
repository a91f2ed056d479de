/*
 * pty_main.c - a person at a terminal, for tests of what is done with the keyboard.
 *
 *     pty_main SCRIPT COMMAND [ARGUMENT...]
 *
 * runs the command on a pseudo-terminal of its own and does what the lines of SCRIPT say:
 *
 *     expect TEXT     wait until the output since the last match holds it
 *     refuse TEXT     fail if the output since the last match holds it
 *     send TEXT       type; \r \n \t \\ \e \xHH
 *     size ROWS COLUMNS
 *     signal NAME     INT, TERM, TSTP, STOP, CONT, WINCH, SEGV to the command
 *     stopped         wait until the command is stopped
 *     cooked          the terminal is as it was at first
 *     raw             it is not
 *     exit STATUS     wait for the end; 128 + n for a signal n
 *
 * The terminal has 24 rows of 80 columns. All that was shown goes to standard output at the end.
 * Exit status 0: all came true; else a line says which did not. Nothing takes longer than 20 s.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

enum { LIMIT_MS = 20000, ROOM = 4 << 20 };

static struct {
    int fd, slave;     /* slave: kept open, so that its state can be looked at after the end */
    pid_t leader, pid; /* of the session, as a shell is; of the command */
    int news;          /* ints as of waitpid(), after the command's id */
    char *shown;
    size_t n, matched;
    struct termios before;
    bool ended, stopped;
    int status;
} t;

static long now_ms(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void take_output(int wait_ms) {
    struct pollfd p = {.fd = t.fd, .events = POLLIN};
    if (poll(&p, 1, wait_ms) <= 0) return;
    const ssize_t n = read(t.fd, t.shown + t.n, ROOM - 1 - t.n);
    if (n > 0) t.n += (size_t)n;
    t.shown[t.n] = '\0';
}

/* What the leader has said of the command. */
static void look_for_end(void) {
    int status;
    struct pollfd p = {.fd = t.news, .events = POLLIN};
    while (!t.ended && poll(&p, 1, 0) > 0 && read(t.news, &status, sizeof(status)) > 0) {
        t.stopped = WIFSTOPPED(status);
        t.ended = WIFEXITED(status) || WIFSIGNALED(status);
        if (t.ended) t.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

static void unescape(char *text) {
    char *to = text;
    for (const char *p = text; *p; p++) {
        if (*p != '\\') {
            *to++ = *p;
            continue;
        }
        char hex[3] = {0};
        switch (*++p) {
        case 'r':
            *to++ = '\r';
            break;
        case 'n':
            *to++ = '\n';
            break;
        case 't':
            *to++ = '\t';
            break;
        case 'e':
            *to++ = 27;
            break;
        case 'x':
            if (p[1] && p[2]) memcpy(hex, p + 1, 2);
            *to++ = (char)strtol(hex, NULL, 16);
            p += hex[0] ? 2 : 0;
            break;
        default:
            *to++ = *p;
        }
    }
    *to = '\0';
}

static bool is_cooked(void) {
    struct termios is;
    if (tcgetattr(t.slave, &is) < 0) return false;
    return is.c_iflag == t.before.c_iflag && is.c_oflag == t.before.c_oflag &&
           is.c_lflag == t.before.c_lflag && is.c_cflag == t.before.c_cflag;
}

static bool expect(const char *text) {
    const long until = now_ms() + LIMIT_MS;
    for (;;) {
        const char *at = memmem(t.shown + t.matched, t.n - t.matched, text, strlen(text));
        if (at) {
            t.matched = (size_t)(at - t.shown) + strlen(text);
            return true;
        }
        if (now_ms() > until) return false;
        if (t.ended && t.n == ROOM - 1) return false;
        const size_t had = t.n;
        take_output(50);
        look_for_end();
        if (t.ended && had == t.n) {
            take_output(100);
            if (had == t.n)
                return memmem(t.shown + t.matched, t.n - t.matched, text, strlen(text)) != NULL;
        }
    }
}

/* Wait until is() says so. */
static bool until(bool (*is)(void)) {
    const long end = now_ms() + LIMIT_MS;
    while (!is() && now_ms() < end) {
        take_output(20);
        look_for_end();
    }
    return is();
}

static bool has_ended(void) {
    return t.ended;
}

static bool is_stopped(void) {
    look_for_end();
    return t.stopped;
}

static bool is_raw(void) {
    return !is_cooked();
}

static bool send_signal(const char *name) {
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"INT", SIGINT},   {"TERM", SIGTERM},   {"TSTP", SIGTSTP}, {"STOP", SIGSTOP},
                   {"CONT", SIGCONT}, {"WINCH", SIGWINCH}, {"SEGV", SIGSEGV}};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (strcmp(signals[i].name, name) == 0) {
            if (signals[i].number == SIGCONT) t.stopped = false;
            return kill(t.pid, signals[i].number) == 0;
        }
    return false;
}

static bool set_size(const char *text) {
    char *end;
    struct winsize size = {0};
    size.ws_row = (unsigned short)strtol(text, &end, 10);
    size.ws_col = (unsigned short)strtol(end, NULL, 10);
    return ioctl(t.fd, TIOCSWINSZ, &size) == 0;
}

static bool obey(char *line) {
    char *text = line + strcspn(line, " ");
    if (*text) *text++ = '\0';
    if (strcmp(line, "send") == 0 || strcmp(line, "expect") == 0) unescape(text);
    if (strcmp(line, "expect") == 0) return expect(text);
    if (strcmp(line, "refuse") == 0)
        return !memmem(t.shown + t.matched, t.n - t.matched, text, strlen(text));
    if (strcmp(line, "send") == 0) {
        const ssize_t n = write(t.fd, text, strlen(text));
        return n == (ssize_t)strlen(text);
    }
    if (strcmp(line, "size") == 0) return set_size(text);
    if (strcmp(line, "signal") == 0) return send_signal(text);
    if (strcmp(line, "stopped") == 0) return until(is_stopped);
    if (strcmp(line, "cooked") == 0) return until(is_cooked);
    if (strcmp(line, "raw") == 0) return until(is_raw);
    if (strcmp(line, "exit") == 0) {
        if (until(has_ended)) take_output(50);
        return t.ended && t.status == (int)strtol(text, NULL, 10);
    }
    return false;
}

/* As a shell does: the command in a group of its own, in the foreground. A group without anybody
 * of its session beside it could not be stopped. */
static void lead(int news, char **argv) {
    if (login_tty(t.slave) < 0) _exit(126);
    const pid_t pid = fork();
    if (pid == 0) {
        close(news);
        signal(SIGTTOU, SIG_IGN);
        setpgid(0, 0);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGTTOU, SIG_DFL);
        execvp(argv[0], argv);
        _exit(127);
    }
    if (write(news, &pid, sizeof(pid)) != sizeof(pid)) _exit(126);
    for (int status;;) {
        if (waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid) {
            if (write(news, &status, sizeof(status)) < 0) _exit(126);
        } else if (errno == ECHILD) {
            pause(); /* the terminal lasts as long as its leader */
        }
    }
}

static bool start(char **argv) {
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    char name[256];
    t.shown = calloc(1, ROOM);
    if (!t.shown || openpty(&t.fd, &t.slave, name, NULL, &size) < 0) return false;
    if (tcgetattr(t.slave, &t.before) < 0) return false;
    int news[2];
    if (pipe(news) < 0) return false;
    t.news = news[0];
    t.leader = fork();
    if (t.leader == 0) {
        close(t.fd);
        close(news[0]);
        lead(news[1], argv);
    }
    close(news[1]);
    return t.leader > 0 && read(t.news, &t.pid, sizeof(t.pid)) == sizeof(t.pid);
}

int main(int argc, char **argv) {
    char line[4096];
    FILE *script = argc > 2 ? fopen(argv[1], "r") : NULL;
    if (!script || !start(argv + 2)) {
        fprintf(stderr, "usage: pty_main SCRIPT COMMAND...: %s\n", strerror(errno));
        return 2;
    }
    bool good = true;
    for (int n = 1; good && fgets(line, sizeof(line), script); n++) {
        line[strcspn(line, "\n")] = '\0';
        if (!line[0] || line[0] == '#') continue;
        char said[4096];
        memcpy(said, line, sizeof(said));
        good = obey(line);
        if (!good)
            fprintf(stderr, "line %d did not come true: %s (status %d)\n", n, said, t.status);
    }
    fclose(script);
    if (!t.ended) kill(t.pid, SIGKILL);
    kill(t.leader, SIGKILL);
    waitpid(t.leader, NULL, 0);
    if (!t.ended) {
        if (good) fprintf(stderr, "it had not ended\n");
        good = false;
    }
    fwrite(t.shown, 1, t.n, stdout);
    free(t.shown);
    return good ? 0 : 1;
}
