/*
 * recogniser_main.c - what the scripts of tests/cli transcribe:
 *     recogniser_main model FOLDER               a tiny recogniser
 *     recogniser_main wav FILE RATE SECONDS SEED a recording, silent in its middle tenth
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/tiny_recogniser.h"

int main(int argc, char **argv) {
    karma_status st = KARMA_E_USAGE;
    if (argc == 3 && strcmp(argv[1], "model") == 0) {
        st = tiny_recogniser_write(argv[2]);
    } else if (argc == 6 && strcmp(argv[1], "wav") == 0) {
        const int32_t rate = atoi(argv[3]);
        const double seconds = atof(argv[4]);
        st = tiny_recording_write(argv[2], rate, (int64_t)(seconds * rate), (uint32_t)atoi(argv[5]),
                                  0.45 * seconds, 0.55 * seconds);
    }
    if (st < 0) fprintf(stderr, "recogniser_main: %s\n", karma_error_message());
    return st < 0;
}
