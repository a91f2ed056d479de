/*
 * in_flight.h - which samples a model has at this moment, told to whoever comes after a process
 * that died with them. Beside the store each run has a small file of store keys, locked as long as
 * the process lives, removed when the run ends in order, also when it was cancelled. The next run
 * finds the files that nobody holds any more: their samples are under suspicion and are asked one
 * by one. What was asked alone for that reason at two deaths is left out. The death before accuses
 * nobody: who happens to be there when somebody ends the program is a suspect and no more.
 *
 * Nothing is synced, because a process that dies takes no written byte with it, and after power is
 * lost nobody is to blame. A file that cannot be written disturbs no run: nobody is suspected then.
 */
#ifndef EVAL_IN_FLIGHT_H
#define EVAL_IN_FLIGHT_H

#include "eval/store.h"

enum { IN_FLIGHT_DEATHS = 2 };

enum suspicion {
    SUSPICION_NONE,
    SUSPICION_ALONE,   /* to be asked alone */
    SUSPICION_LEFT_OUT /* not to be asked */
};

struct in_flight;

/* Takes up what dead processes left beside the store, and begins a file of its own. *out NULL, and
 * OK: the store lies in memory. */
karma_status in_flight_open(struct store *s, struct in_flight **out);
void in_flight_close(struct in_flight *f); /* NULL is fine, here and below */

/* Of a sample that is to be asked. */
karma_status in_flight_look(struct in_flight *f, const unsigned char key[STORE_KEY_BYTES],
                            enum suspicion *out);
/* The model has it, alone because it is under suspicion, or not; it is done with it; it has none of
 * them any more. */
void in_flight_begin(struct in_flight *f, const unsigned char key[STORE_KEY_BYTES], bool alone);
void in_flight_end(struct in_flight *f, const unsigned char key[STORE_KEY_BYTES]);
void in_flight_clear(struct in_flight *f);

/* For store_tools.c: makes the table of deaths where it is not there yet; forgives those of samples
 * that have no answer. */
extern const char IN_FLIGHT_TABLE[], IN_FLIGHT_FORGIVE[];

#endif
