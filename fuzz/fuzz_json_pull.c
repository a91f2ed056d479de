/*
 * fuzz_json_pull.c - any bytes as a stream of JSON events. Brackets must balance, offsets must
 * grow, skipping must end where reading does, and a lent string must be there to its last byte.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/json_pull.h"
#include "base/utf8.h"

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_pull j;
    enum json_event ev = JSON_EV_NULL;
    karma_status st;
    size_t offset = 0;
    long open = 0;
    json_pull_init(&j, (const char *)data, size);
    do {
        size_t at = json_pull_offset(&j);
        check(at >= offset && at <= size);
        offset = at;
        st = json_pull_next(&j, &ev);
        if (st < 0) break;
        if (ev == JSON_EV_OBJECT_BEGIN || ev == JSON_EV_ARRAY_BEGIN) open++;
        if (ev == JSON_EV_OBJECT_END || ev == JSON_EV_ARRAY_END) open--;
        if (ev == JSON_EV_KEY || ev == JSON_EV_STRING) check(utf8_valid(j.text, j.len, NULL));
        check(open == j.depth);
    } while (ev != JSON_EV_END);
    check(st < 0 || open == 0);
    json_pull_release(&j);

    json_pull_init(&j, (const char *)data, size);
    karma_status skipped = json_pull_next(&j, &ev);
    if (skipped == KARMA_OK) skipped = json_pull_skip(&j, ev);
    if (skipped == KARMA_OK) skipped = json_pull_next(&j, &ev);
    check((skipped < 0) == (st < 0));
    json_pull_release(&j);
    return 0;
}
