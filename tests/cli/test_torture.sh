#!/bin/sh
# A part of `make torture`, of some twenty seconds: evaluations of 200 samples killed, starved and left
# without power (tests/torture), every other one of a real checkpoint.
set -u
program=$(dirname "$KARMA")/tests/torture/torture_main
[ -x "$program" ] || { echo "skip - no $program"; exit 0; }
# Where there is memory to write in, the disk's own waiting proves nothing more.
TMPDIR=$(mktemp -d /dev/shm/karma-torture-XXXXXX 2> /dev/null || mktemp -d) || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
"$program" kills 200
"$program" calls 20
"$program" errors 30
"$program" shared 6
"$program" memory 150
"$program" power 200
"$program" poison 1
exit 0
