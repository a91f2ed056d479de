#!/bin/sh
# torture.sh [MINUTES] - what is too long for the suite, within MINUTES (15): evaluations of 200 samples
# killed N times (2,000; half of them a real model's) at random instants, and at every call that changes
# a file; full and broken disks at every second call; processes that are killed while they share a
# store; N failing allocations; 5 N states of a disk that lost power; the evaluation under the thread
# sanitizer; every fuzz target with what time is left, a minute at most. Prints a line for each part and
# at the end one for the ledger in doc/robustness.md; exit status 1 when a part failed. A part that lacks
# its tool (clang) or for which no time is left says so and does not count as passed.
set -u
cd "$(dirname "$0")/.." || exit 1
minutes=${1:-15}
N=${N:-2000}
case $minutes in
'' | *[!0-9]*) echo "usage: sh tools/torture.sh [MINUTES]" >&2; exit 2 ;;
esac
case $N in
'' | 0 | *[!0-9]*) echo "torture.sh: N: expected a number of kills, found $N" >&2; exit 2 ;;
esac
end=$(($(date +%s) + minutes * 60))
left() { echo $((end - $(date +%s))); }
BUILD=${BUILD:-build}
make -s -j"$(nproc)" BUILD="$BUILD" all "$BUILD/tests/torture/torture_main" || exit 1
torture=$BUILD/tests/torture/torture_main
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
for v in $(env | sed -n 's/^\(KARMA[A-Z_]*\|HF_[A-Z_]*\|XDG_[A-Z_]*\)=.*/\1/p'); do unset "$v"; done
export HOME="$work/home" LC_ALL=C KARMA="$BUILD/karma"
mkdir "$HOME"
ledger="$(date -u +%Y-%m-%d) $(git rev-parse --short HEAD 2> /dev/null)"
status=0
missed() { # TEXT
    echo "NOT RUN: $1"
    status=1
    ledger="$ledger; not run: $1"
}
part() { # STATUS TEXT, which begins with a count of what was done
    if [ "${2%% *}" = 0 ]; then
        missed "$2"
        return
    elif [ "$1" -eq 0 ]; then echo "passed: $2"; else
        echo "FAILED: $2"
        status=1
    fi
    ledger="$ledger; $2"
}

# --- kills, faults, power: tests/torture --------------------------------------------------------------
# Where there is memory to write in, the disk's own waiting proves nothing more.
disk=$(mktemp -d /dev/shm/karma-torture-XXXXXX 2> /dev/null || mktemp -d)
trap 'rm -rf "$work" "$disk"' EXIT
# store PART AMOUNT: a part of torture_main, within the time that is left.
store() {
    [ "$(left)" -gt 0 ] || { missed "$1 (no time left)"; return; }
    TMPDIR=$disk timeout "$(left)" "$torture" "$1" "$2" > "$work/log" 2>&1
    rc=$?
    sed '$d' "$work/log" | tail -n 40
    said=$(tail -n 1 "$work/log" | sed 's/^\(not \)*ok - //')
    if [ $rc -eq 124 ]; then missed "$1 (no time left)"; else part $rc "${said:-0 $1}"; fi
}
store kills "$N"
store calls $((N < 2000 ? 2000 / N : 1))
store errors $((N < 2000 ? 4000 / N : 2))
store shared $((N / 10))
store memory "$N"
store power $((N * 5))
store poison 1

# --- threads ------------------------------------------------------------------------------------------
threads_are_clean() {
    tsan=$BUILD/tsan
    export TSAN_OPTIONS=halt_on_error=1
    make -s -j"$(nproc)" BUILD="$tsan" SAN=thread CFLAGS="-O1 -g" "$tsan/karma" "$tsan/tests/unit/base/test_pool" || return 1
    "$tsan/tests/unit/base/test_pool" || return 1
    mkdir -p "$work/tiny"
    i=0
    while [ $i -lt 20 ]; do
        printf '{"id": "k%d", "question": "Name of %d?", "answer": "item-%d"}\n' $i $i $i
        i=$((i + 1))
    done > "$work/data.jsonl"
    cp tests/fixtures/models/qwen3_tied/config.json tests/fixtures/models/qwen3_tied/model.safetensors \
        tests/fixtures/api/tiny/*.json "$work/tiny/"
    for threads in 2 3 8; do
        "$tsan/karma" eval --model "$work/tiny" --datasets "$work/data.jsonl" --no-cache --output "$work/tsan.json" \
            --threads $threads --model-args '{"max_tokens": 4}' --max-samples 20 || return 1
    done
}
if [ "$(left)" -gt 600 ]; then
    threads_are_clean > "$work/log" 2>&1
    clean=$?
    [ $clean -eq 0 ] || tail -n 40 "$work/log"
    part $clean "3 evaluations under the thread sanitizer"
else
    missed "thread sanitizer (no time left)"
fi

# --- fuzzing ------------------------------------------------------------------------------------------
targets=$(find fuzz -maxdepth 1 -name 'fuzz_*.c' | wc -l)
each=$(($(left) / (targets + 1)))
[ $each -le 60 ] || each=60
if ! command -v clang > /dev/null && ! ls /usr/bin/clang-[0-9]* > /dev/null 2>&1; then
    missed "fuzz targets (clang is missing)"
elif [ $each -lt 5 ]; then
    missed "fuzz targets (no time left)"
else
    FUZZ_SECONDS=$each sh tools/fuzz.sh
    part $? "$targets fuzz targets, $each s each"
fi

echo "ledger: $ledger"
exit $status
