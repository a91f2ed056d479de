#!/bin/sh
# An evaluation killed at random instants, again and again, ends with the bytes of one that was left
# alone, and never runs a sample again that it had reported complete. KILLS: how often (default 200).
set -u
program=$(dirname "$KARMA")/tests/support/oracle_main
kills=${KILLS:-200}
[ -x "$program" ] || { echo "skip - no $program"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

i=0
while [ $i -lt 200 ]; do
    printf '{"id": "k%04d", "question": "Name of %d?", "answer": "item-%d"}\n' $i $i $i
    i=$((i + 1))
done > "$dir/data.jsonl"

"$program" "$dir/data.jsonl" "$dir/whole.db" "$dir/results.json" 0 > /dev/null || exit 1
mv "$dir/results.json" "$dir/expected.json"

reported=0 lost=0 killed=0 ended=0
while [ $killed -lt "$kills" ]; do
    # The log goes too: a process killed before it could open it must not pass for the one before.
    rm -f "$dir/results.json" "$dir/log"
    [ $ended -eq 1 ] && { rm -f "$dir"/cut.db*; reported=0 ended=0; }
    "$program" "$dir/data.jsonl" "$dir/cut.db" "$dir/results.json" 400 7 > "$dir/log" 2> "$dir/err" &
    pid=$!
    # 5 to 124 ms; a whole run takes about 110
    sleep "0.$(printf %03d $(($(od -An -N2 -tu2 /dev/urandom) % 120 + 5)))"
    kill -9 $pid 2> /dev/null && killed=$((killed + 1))
    wait $pid 2> /dev/null
    cached=$(sed -n 's/^cached //p' "$dir/log" 2> /dev/null | head -n 1)
    [ -n "$cached" ] && [ "$cached" -lt "$reported" ] && lost=$((lost + 1))
    now=$(sed -n 's/^done //p' "$dir/log" 2> /dev/null | tail -n 1)
    [ -n "$now" ] && reported=$now
    if [ -f "$dir/results.json" ]; then
        ended=1
        cmp -s "$dir/results.json" "$dir/expected.json" || {
            echo "not ok - a killed run ends with the same bytes"
            exit 1
        }
    fi
done
"$program" "$dir/data.jsonl" "$dir/cut.db" "$dir/results.json" 0 > /dev/null 2> "$dir/err"
if cmp -s "$dir/results.json" "$dir/expected.json"; then
    echo "ok - a run killed $killed times ends with the same bytes"
else
    echo "not ok - a run killed $killed times ends with the same bytes"
fi
if [ $lost -eq 0 ]; then
    echo "ok - no sample reported complete was lost"
else
    echo "not ok - no sample reported complete was lost ($lost times)"
fi
