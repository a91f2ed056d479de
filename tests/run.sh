#!/bin/sh
# run.sh BUILD... - run every test program of each build folder, replay every fuzz target's seeds,
# and, with the program of the first folder, the scripts in tests/cli. Prints a line for each
# program, the output of those that failed, and at the end exactly one line of totals. The exit
# status is 0 only when something ran and nothing failed.
#
# Each program gets an empty HOME and TMPDIR of its own and no KARMA_*, HF_* or XDG_* variables.
# Its output says what happened: cmocka's TAP lines, or "ok - x", "not ok - x", "skip - why".
set -u
LIMIT_S=300

# run.sh --one WORK KIND BUILD NAME COMMAND...: what the parallel part calls.
if [ "${1-}" = --one ]; then
    work=$2 kind=$3 build=$4 name=$5
    shift 5
    id=$(echo "$build/$name" | tr '/' '_')
    for v in $(env | sed -n 's/^\(KARMA[A-Z_]*\|HF_[A-Z_]*\|XDG_[A-Z_]*\)=.*/\1/p'); do
        unset "$v"
    done
    export HOME="$work/$id/home" TMPDIR="$work/$id/tmp" LC_ALL=C
    export BUILD="$build" KARMA="$build/karma"
    export CMOCKA_MESSAGE_OUTPUT=TAP
    export ASAN_OPTIONS="allocator_may_return_null=1:detect_stack_use_after_return=1:strict_string_checks=1"
    export UBSAN_OPTIONS="print_stacktrace=1"
    mkdir -p "$HOME" "$TMPDIR"
    out="$work/$id.out"
    timeout -k 5 "$LIMIT_S" "$@" > "$out" 2>&1 < /dev/null
    status=$?
    # cmocka 1.1 writes a skipped test as "not ok 3 # SKIP name".
    awk -v status="$status" -v name="$name" -v kind="$kind" -v result="$work/$id.result" \
        -v limit="$LIMIT_S" -v build="$build" '
        /^1\.\.[0-9]+/ { planned += substr($1, 4); next }
        /^(not )?ok [0-9]* *# SKIP/ { skipped++; next }
        /^skip - / { if (kind == "cli") skipped++; reasons = reasons "; " substr($0, 8); next }
        /^ok / { passed++; next }
        /^not ok / { failed++; next }
        END {
            all = passed + failed + skipped
            if (status == 124 || status == 137) { failed++; why = "killed after " limit " s" }
            else if (status != 0 && !failed) { failed++; why = "ended with status " status }
            else if (all == 0 || (planned && planned != all)) {
                failed++; why = all + 0 " of " planned + 0 " tests ran"
            }
            printf "%d %d %d\n", passed, failed, skipped > result
            line = sprintf("%s %s: %d passed", build, name, passed)
            if (failed) line = line ", " failed " failed"
            if (skipped) line = line ", " skipped " skipped" (reasons ? " (" substr(reasons, 3) ")" : "")
            if (why) line = line ": " why
            print line > (result ".line")
            exit failed > 0
        }' "$out"
    if [ $? -ne 0 ]; then
        grep -vE '^(ok |1\.\.)' "$out" | tail -n 200 >> "$work/$id.result.line"
    fi
    cat "$work/$id.result.line" # one write, so that parallel ones do not mix
    rm -rf "${work:?}/$id"
    exit 0
fi

cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || set -- build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

first=$1
for build in "$@"; do
    for src in tests/unit/*/test_*.c tests/contract/test_*.c tests/golden/test_*.c; do
        [ -e "$src" ] || continue
        echo "unit $build ${src%.c} $build/${src%.c}"
    done
    for src in fuzz/fuzz_*.c; do
        [ -e "$src" ] || continue
        name=${src#fuzz/fuzz_}
        name=${name%.c}
        echo "fuzz $build fuzz/$name $build/fuzz/replay_$name fuzz/seeds/$name"
    done
    if [ "$build" = "$first" ]; then
        for src in tests/cli/test_*.sh; do
            [ -e "$src" ] || continue
            echo "cli $build ${src%.sh} sh $src"
        done
    fi
done > "$work/list"

xargs -P "$(nproc)" -L 1 sh tests/run.sh --one "$work" < "$work/list"

cat "$work"/*.result 2> /dev/null | awk '
    { passed += $1; failed += $2; skipped += $3 }
    END {
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failed > 0 || passed == 0
    }'
