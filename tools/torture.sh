#!/bin/sh
# torture.sh [MINUTES] - what is too long for the suite, within MINUTES (60): an evaluation killed
# 2,000 times at random instants and once at every call that touches a file; every such call failing
# once; two programs that are killed while they share a store; the evaluation under the thread
# sanitizer; every fuzz target for a minute. Prints a line for each part and at the end one for the
# ledger in doc/robustness.md; exit status 1 when a part failed. A part that lacks its tool (strace,
# clang) or for which no time is left says so and does not count as passed.
set -u
cd "$(dirname "$0")/.." || exit 1
minutes=${1:-60}
case $minutes in
'' | *[!0-9]*) echo "usage: sh tools/torture.sh [MINUTES]" >&2; exit 2 ;;
esac
end=$(($(date +%s) + minutes * 60))
left() { echo $((end - $(date +%s))); }
# part_of PERCENT: the part that begins may take that much of what is left; more: is there some left?
part_of() { stop=$(($(date +%s) + $(left) * $1 / 100)); }
more() { [ "$(date +%s)" -lt $stop ]; }
BUILD=${BUILD:-build}
make -s -j"$(nproc)" BUILD="$BUILD" all "$BUILD/tests/support/oracle_main" || exit 1
oracle=$BUILD/tests/support/oracle_main
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

# --- kills at random instants -------------------------------------------------------------------------
kills=0 bad=0
part_of 30
while [ $kills -lt 2000 ] && more; do
    KILLS=100 sh tests/cli/test_kill.sh > "$work/log" 2>&1
    grep -q '^not ok' "$work/log" || ! grep -q '^ok' "$work/log" && { bad=$((bad + 1)); cat "$work/log"; }
    kills=$((kills + 100))
done
part $bad "$kills kills at random instants"

# --- every call that touches a file -------------------------------------------------------------------
i=0
while [ $i -lt 150 ]; do
    printf '{"id": "k%04d", "question": "Name of %d?", "answer": "item-%d"}\n' $i $i $i
    i=$((i + 1))
done > "$work/data.jsonl"
"$oracle" "$work/data.jsonl" "$work/whole.db" "$work/results.json" 0 > /dev/null || exit 1
mv "$work/results.json" "$work/expected.json"
calls="openat read pread64 write pwrite64 fsync fdatasync ftruncate rename unlink close mkdir fchmod fstat newfstatat \
    faccessat2 fcntl mmap"

# resume NOTE: what a disturbed run left must lead to the same bytes.
resume() {
    reported=$(sed -n 's/^done //p' "$work/log" | tail -n 1)
    rm -f "$work/results.json"
    "$oracle" "$work/data.jsonl" "$work/cut.db" "$work/results.json" 0 > "$work/log2" 2> "$work/err2"
    if ! cmp -s "$work/results.json" "$work/expected.json"; then
        bad=$((bad + 1))
        echo "$1: the next run gives other bytes: $(cat "$work/err2")"
    fi
    cached=$(sed -n 's/^cached //p' "$work/log2" | head -n 1)
    if [ -n "$reported" ] && [ "${cached:-0}" -lt "$reported" ]; then
        bad=$((bad + 1))
        echo "$1: $reported reported complete, $cached found"
    fi
}
# disturbed INJECTION: one run under it; its exit status in $rc.
disturbed() {
    rm -f "$work"/cut.db* "$work/results.json"
    timeout 60 strace -f -qq -o "$work/trace" -e trace="${1%%:*}" -e inject="$1" \
        "$oracle" "$work/data.jsonl" "$work/cut.db" "$work/results.json" 0 16 > "$work/log" 2> "$work/err"
    rc=$?
}
if strace -f -qq -o /dev/null true 2> /dev/null; then
    points=0 bad=0
    part_of 30
    for call in $calls; do
        n=1
        while more; do
            disturbed "$call:signal=KILL:when=$n"
            [ $rc -eq 137 ] || break # there is no n-th call
            resume "killed at $call $n"
            points=$((points + 1))
            n=$((n + 1))
            [ $n -le 40 ] || n=$((n + 12)) # hundreds of locks are alike
        done
    done 2> /dev/null # the shell tells of each kill
    part $bad "$points kills at calls that touch a file"

    points=0 bad=0 went_on=0
    part_of 40
    for call in $calls; do
        for error in EIO ENOSPC EMFILE EACCES ENOMEM; do
            n=1
            while more; do
                disturbed "$call:error=$error:when=$n"
                grep -q INJECTED "$work/trace" || break
                points=$((points + 1))
                case $rc in
                0) went_on=$((went_on + 1)) ;;
                4 | 5 | 7)
                    [ "$(wc -l < "$work/err")" -eq 1 ] || { bad=$((bad + 1)); echo "$call $n $error: $(cat "$work/err")"; }
                    ;;
                127) ;; # the program was not yet running
                *)
                    if [ $rc -ne 1 ] || ! grep -q '^E_' "$work/err"; then
                        grep -q 'shared librar\|loading' "$work/err" || {
                            bad=$((bad + 1))
                            echo "$call $n $error: status $rc: $(cat "$work/err")"
                        }
                    fi
                    ;;
                esac
                [ $rc -ne 0 ] || cmp -s "$work/results.json" "$work/expected.json" || {
                    bad=$((bad + 1))
                    echo "$call $n $error: other bytes"
                }
                resume "$call $n $error"
                n=$((n + 1))
                [ $n -le 30 ] || n=$((n + 15))
            done
        done
    done
    part $bad "$points failing calls ($went_on did no harm)"

    points=0 bad=0
    part_of 15
    for call in read pread64 write pwrite64; do
        n=1
        while more && [ $n -le 60 ]; do
            disturbed "$call:error=EINTR:when=$n"
            grep -q INJECTED "$work/trace" || break
            if [ $rc -ne 0 ] || ! cmp -s "$work/results.json" "$work/expected.json"; then
                grep -q 'shared librar\|loading' "$work/err" || {
                    bad=$((bad + 1))
                    echo "$call $n EINTR: status $rc: $(cat "$work/err")"
                }
            fi
            points=$((points + 1))
            n=$((n + 1))
        done
    done
    part $bad "$points interrupted calls"
else
    missed "calls disturbed (strace is missing or may not trace)"
fi

# --- a shared store, processes killed -----------------------------------------------------------------
rounds=0 bad=0
part_of 15
while [ $rounds -lt 40 ] && more; do
    rm -f "$work"/shared.db*
    pids=
    i=0
    while [ $i -lt 8 ]; do
        "$oracle" "$work/data.jsonl" "$work/shared.db" "$work/s$i.json" 200 $((i + 1)) > /dev/null 2> "$work/e$i" &
        pids="$pids $!"
        i=$((i + 1))
    done
    # shellcheck disable=SC2086 # a list
    set -- $pids
    sleep "0.0$(($(od -An -N1 -tu1 /dev/urandom) % 9))"
    kill -9 "$1" "$5" "$7" 2> /dev/null
    for i in 1 3 5 7; do
        eval "wait \${$((i + 1))}" || { bad=$((bad + 1)); cat "$work/e$i"; }
        cmp -s "$work/s$i.json" "$work/expected.json" || bad=$((bad + 1))
    done
    wait
    rounds=$((rounds + 1))
done 2> /dev/null
part $bad "$rounds times 8 processes on one store, three of them killed"

# --- threads ------------------------------------------------------------------------------------------
threads_are_clean() {
    tsan=$BUILD/tsan
    export TSAN_OPTIONS=halt_on_error=1
    make -s -j"$(nproc)" BUILD="$tsan" SAN=thread CFLAGS="-O1 -g" "$tsan/karma" "$tsan/tests/unit/base/test_pool" || return 1
    "$tsan/tests/unit/base/test_pool" || return 1
    mkdir -p "$work/tiny"
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
