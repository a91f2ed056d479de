/* child.c - see child.h. Sockets, so that writing to a side that is gone is an error and not the
 * signal that ends a host which knows nothing of us. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { HEAD = 4, STEP = 64 << 10, CHANNEL = 3, KEEP = 1 << 20 };
static const uint64_t MS = 1000000;

/* ---- the child's beginning ---- */

static void reset_signals(void) {
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    sigemptyset(&action.sa_mask);
    for (int s = 1; s < NSIG; s++)
        sigaction(s, &action, NULL); /* some cannot be set, which is as well */
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        sigaction(ignored[i], &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_from(unsigned first) {
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 65536) limit.rlim_cur = 65536;
    for (unsigned fd = first; fd < limit.rlim_cur; fd++)
        close((int)fd);
}

/* Whatever numbers the parent's descriptors had. */
static bool arrange_files(int channel) {
    const int high = fcntl(channel, F_DUPFD, 16);
    if (high < 0 || dup2(high, CHANNEL) < 0) return false;
    close_from(CHANNEL + 1);
    if (fcntl(CHANNEL, F_SETFD, FD_CLOEXEC) < 0) return false;
    const int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (empty < 0 || dup2(empty, STDIN_FILENO) < 0) return false;
    if (empty > STDERR_FILENO) close(empty);
    return fcntl(STDERR_FILENO, F_GETFD) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
}

static void settle_in(pid_t parent, int channel) {
    const struct rlimit none = {0, 0};
    reset_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) child_exit(0);
    setrlimit(RLIMIT_CORE, &none); /* a dump would hold prompts and answers */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!arrange_files(channel)) child_exit(1);
}

karma_status child_start(struct child *c, bool *in_child) {
    int pair[2];
    *in_child = false;
    memset(c, 0, sizeof(*c));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return status_errno("a channel to a child process");
    if (pair[0] == 0) { /* a host that closed its standard input: 0 means "not open" here */
        const int other = fcntl(pair[0], F_DUPFD_CLOEXEC, CHANNEL);
        close(pair[0]);
        pair[0] = other;
    }
    buf_init(&c->in, (size_t)CHILD_MAX_FRAME + 2 * STEP);
    buf_init(&c->out, (size_t)CHILD_MAX_FRAME + 2 * STEP);
    const pid_t self = getpid();
    fflush(NULL); /* or what the host has not yet written would be written twice */
    const pid_t pid = pair[0] < 0 ? -1 : fork();
    if (pid == 0) {
        settle_in(self, pair[1]);
        c->fd = CHANNEL;
        *in_child = true;
        return KARMA_OK;
    }
    karma_status st = pid < 0 ? status_errno("a child process") : KARMA_OK;
    close(pair[1]);
    if (st < 0) {
        if (pair[0] >= 0) close(pair[0]);
        return st;
    }
    c->pid = pid;
    c->fd = pair[0];
    return KARMA_OK;
}

_Noreturn void child_exit(int status) {
    _exit(status);
}

/* ---- its end ---- */

static void tell_end(struct child *c, int status) {
    if (WIFSIGNALED(status)) {
        const char *text = sigdescr_np(WTERMSIG(status));
        snprintf(c->how, sizeof(c->how), "ended by signal %d (%s)", WTERMSIG(status),
                 text ? text : "unknown");
    } else {
        snprintf(c->how, sizeof(c->how), "ended with exit status %d", WEXITSTATUS(status));
    }
}

/* Has it ended? Waits up to timeout_ns. */
static bool reap(struct child *c, uint64_t timeout_ns) {
    const uint64_t start = clock_monotonic_ns();
    for (;;) {
        int status;
        const pid_t got = waitpid(c->pid, &status, WNOHANG);
        if (got == c->pid) {
            tell_end(c, status);
            return true;
        }
        if (got < 0 && errno != EINTR) { /* the host collects all children itself */
            snprintf(c->how, sizeof(c->how), "ended");
            return true;
        }
        if (clock_monotonic_ns() - start >= timeout_ns) return false;
        poll(NULL, 0, 2);
    }
}

void child_stop(struct child *c, uint64_t grace_ns) {
    if (!c->fd) return;
    close(c->fd);
    c->fd = 0;
    if (c->pid && !reap(c, grace_ns)) {
        kill(c->pid, SIGKILL);
        while (!reap(c, 1000 * MS))
            continue;
    }
    c->pid = 0;
    buf_release(&c->in);
    buf_release(&c->out);
    c->in_at = c->out_at = 0;
}

/* The other side is gone or unfit. In the parent: see how it ended, and make an end of it. */
static karma_status gone(struct child *c, karma_status st, const char *why) {
    if (!c->pid) return status_fail(st, "%s", why);
    char how[sizeof(c->how)];
    /* One that is dying of a signal closes its end before it can be waited for. */
    const bool by_itself = st == KARMA_E_IO && reap(c, 1000 * MS);
    snprintf(how, sizeof(how), "%s", by_itself ? c->how : why);
    if (by_itself) c->pid = 0;
    child_stop(c, 0);
    memcpy(c->how, how, sizeof(how));
    return status_fail(st, "%s", how);
}

/* ---- frames ---- */

static void put_length(unsigned char out[HEAD], size_t len) {
    for (int i = 0; i < HEAD; i++)
        out[i] = (unsigned char)(len >> (8 * i));
}

static size_t get_length(const char *in) {
    size_t len = 0;
    for (int i = 0; i < HEAD; i++)
        len |= (size_t)(unsigned char)in[i] << (8 * i);
    return len;
}

karma_status child_queue(struct child *c, const void *bytes, size_t len) {
    unsigned char head[HEAD];
    if (len > CHILD_MAX_FRAME)
        return status_fail(KARMA_E_LIMIT, "a message of %zu bytes for another process (at most %d)",
                           len, CHILD_MAX_FRAME);
    put_length(head, len);
    karma_status st = buf_reserve(&c->out, HEAD + len); /* both or nothing */
    if (st == KARMA_OK) st = buf_append(&c->out, head, HEAD);
    return st < 0 ? st : buf_append(&c->out, bytes, len);
}

/* A buffer that one large message made large is not kept so. */
static void forget(struct buf *b, size_t *at) {
    *at = 0;
    if (b->cap <= KEEP) {
        buf_clear(b);
        return;
    }
    const size_t max = b->max;
    buf_release(b);
    buf_init(b, max);
}

/* Take a whole frame off the input. KARMA_DONE: there is none yet. */
static karma_status take_frame(struct child *c, struct buf *frame) {
    const size_t have = c->in.len - c->in_at;
    if (have < HEAD) return KARMA_DONE;
    const char *head = c->in.data + c->in_at;
    const size_t len = get_length(head);
    if (len > CHILD_MAX_FRAME) return gone(c, KARMA_E_SYNTAX, "sent what is no message");
    if (have - HEAD < len) return KARMA_DONE;
    buf_clear(frame);
    karma_status st = buf_append(frame, head + HEAD, len);
    if (st < 0) return st;
    c->in_at += HEAD + len;
    if (c->in_at == c->in.len) forget(&c->in, &c->in_at);
    return KARMA_OK;
}

static karma_status receive(struct child *c) {
    if (c->in_at > STEP && c->in_at > c->in.len / 2) {
        memmove(c->in.data, c->in.data + c->in_at, c->in.len - c->in_at);
        c->in.len -= c->in_at;
        c->in_at = 0;
    }
    /* Only what has come is stored, whatever length was announced. */
    karma_status st = buf_reserve(&c->in, STEP);
    if (st == KARMA_E_LIMIT) return gone(c, KARMA_E_SYNTAX, "sent what is no message");
    if (st < 0) return st;
    const ssize_t n = recv(c->fd, c->in.data + c->in.len, STEP, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return KARMA_OK;
    if (n <= 0) return gone(c, KARMA_E_IO, "closed its channel");
    c->in.len += (size_t)n;
    c->in.data[c->in.len] = '\0';
    return KARMA_OK;
}

static void transmit(struct child *c) {
    const size_t left = c->out.len - c->out_at;
    const ssize_t n = send(c->fd, c->out.data + c->out_at, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) c->out_at += (size_t)n;
    /* A side that is gone will say so when it is read from. */
    if (n < 0 && errno != EAGAIN && errno != EINTR) c->out_at = c->out.len;
    if (c->out_at == c->out.len) forget(&c->out, &c->out_at);
}

/* One turn of waiting. KARMA_DONE: a signal came, or the time is over. */
static karma_status turn(struct child *c, int timeout_ms, bool reads) {
    struct pollfd p = {.fd = c->fd, .events = 0};
    if (reads) p.events |= POLLIN;
    if (c->out.len > c->out_at) p.events |= POLLOUT;
    const int n = poll(&p, 1, timeout_ms);
    if (n <= 0) return KARMA_DONE;
    if (p.revents & POLLOUT) transmit(c);
    return p.revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL) ? receive(c) : KARMA_OK;
}

karma_status child_wait(struct child *c, uint64_t timeout_ns, struct buf *frame) {
    const uint64_t start = clock_monotonic_ns();
    if (!c->fd) return status_fail(KARMA_E_IO, "%s", c->how[0] ? c->how : "there is no channel");
    for (;;) {
        karma_status st = take_frame(c, frame);
        if (st != KARMA_DONE) return st;
        const uint64_t passed = clock_monotonic_ns() - start;
        const uint64_t left_ms = passed < timeout_ns ? (timeout_ns - passed) / MS + 1 : 0;
        st = turn(c, left_ms > 60000 ? 60000 : (int)left_ms, true);
        if (st < 0) return st;
        if (left_ms == 0 || st == KARMA_DONE) return take_frame(c, frame);
    }
}

karma_status child_flush(struct child *c) {
    while (c->out.len > c->out_at) {
        if (!c->fd) return status_fail(KARMA_E_IO, "there is no channel");
        karma_status st = turn(c, -1, c->in.len < KEEP);
        if (st < 0) return st;
    }
    return KARMA_OK;
}
