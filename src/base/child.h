/*
 * child.h - a child process of our own program, and the channel to it: a pair of sockets over which
 * both sides send frames, each a length and that many bytes. The child is a copy of the calling
 * process with one thread; nothing is executed. It dies with its parent.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { CHILD_MAX_FRAME = 256 << 20 };

/* One side of the channel. All-zero is one that is not open. */
struct child {
    int pid; /* of the other side; 0 in the child itself */
    int fd;  /* 0: not open */
    struct buf in, out;
    size_t in_at, out_at; /* how much of them is done with */
    char how[128];        /* how it ended: "ended by signal 11 (Segmentation fault)"; "" before */
};

/* Copy this process. Both sides come back, with *in_child telling which it is, and c their side.
 * The child has signals at their defaults, but those that ask a program to end are ignored: it ends
 * when its parent closes the channel or dies. Its standard input is empty, its standard output is
 * the standard error, other descriptors than these and the channel are closed. Of a process with
 * several threads only the calling one is in the child: a lock that another held stays locked. */
karma_status child_start(struct child *c, bool *in_child);

/* Add a frame to what is to be sent; child_wait() and child_flush() send it. E_LIMIT, E_NOMEM. */
karma_status child_queue(struct child *c, const void *bytes, size_t len);
/* Send what is queued, and wait up to timeout_ns for a frame, which replaces the bytes of frame.
 * KARMA_DONE: none came (or a signal did). E_IO: the other side is gone, E_SYNTAX: what it sent is
 * no frame. In the parent how[] then says how the child ended. */
karma_status child_wait(struct child *c, uint64_t timeout_ns, struct buf *frame);
/* Send all that is queued, however long it takes. E_IO as above. */
karma_status child_flush(struct child *c);

/* In the parent: close the channel, wait up to grace_ns for the child to end, then kill it. Sets
 * how[]. Nothing is left of it, no descriptor and no zombie. One not open is fine. */
void child_stop(struct child *c, uint64_t grace_ns);
/* In the child: end it at once, without what exit() does. */
_Noreturn void child_exit(int status);

#endif
