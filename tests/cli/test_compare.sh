#!/bin/sh
# karma compare: two real runs of a tiny model joined sample by sample, as a table and as JSON; what is
# in one of them alone; slices of a run; what is refused.
. tests/cli/common.sh
tiny tiny
questions 24 > "$dir/data.jsonl"
mkdir -p "$dir/a" "$dir/b" "$dir/c"

# evaluate FOLDER DATA OPTIONS...: results in $dir/FOLDER/results.json.
evaluate() {
    folder=$1 data=$2
    shift 2
    run "$KARMA" --quiet eval --model "$dir/tiny" --datasets "$data" --no-cache --no-progress --force \
        --output "$dir/$folder/results.json" "$@"
}
compare() {
    run "$KARMA" --quiet compare "$@"
}

evaluate a "$dir/data.jsonl" --model-args '{"max_tokens": 6}'
[ "$rc" -eq 0 ] && evaluate b "$dir/data.jsonl" --model-args '{"max_tokens": 4}' && [ "$rc" -eq 0 ]
result $? "two runs of one data set"
a=$dir/a/results.json b=$dir/b/results.json
compare "$a" "$b"
[ "$rc" -eq 0 ] && grep -q '^Dataset .*Metric .*First .*Second .*Difference .*p (Holm)' "$dir/out" &&
    grep -q 'no difference shown; smallest difference this n could show: ' "$dir/out" && [ ! -s "$dir/err" ]
result $? "are compared as a table with a sentence"
compare "$a" "$b" --format json
[ "$rc" -eq 0 ] && [ "$(value joined "$dir/out")" = 24 ] && [ "$(value scored_in_both "$dir/out")" = 24 ] &&
    [ "$(value test "$dir/out")" = '"mcnemar_exact"' ] && [ "$(value p "$dir/out")" = 1.0 ]
result $? "and as JSON"
cp "$dir/out" "$dir/want"
compare "$a" "$b" --output "$dir/comparison.json"
[ "$rc" -eq 0 ] && cmp "$dir/want" "$dir/comparison.json" && [ "$(stat -c %a "$dir/comparison.json")" = 600 ]
result $? "--output writes the same JSON, for its owner alone"
compare "$a" "$b" --output "$dir/comparison.json"
[ "$rc" -eq 0 ]
result $? "and replaces its own"
compare "$a" "$a" --delta 0.5 --metric "$(sed -n 's/.*"scores": {"\([a-z_0-9]*\)".*/\1/p' "$dir/a/results.samples.jsonl" | head -n 1)"
[ "$rc" -eq 0 ] && grep -q '; equivalent within 50.0 points' "$dir/out"
result $? "a run is equivalent to itself"

# Answers that changed: what the first run answered is made the reference of half of the questions.
evaluate a "$dir/data.jsonl" --model-args '{"max_tokens": 6}' --include-content
n=0
while [ $n -lt 24 ]; do
    said=$(sed -n "s/.*\"key\": \"k$n\",.*\"prediction\": \"\(\([^\"\\\\]\|\\\\.\)*\)\".*/\1/p" "$dir/a/results.samples.jsonl")
    [ $((n % 2)) -eq 0 ] || said=nothing
    printf '{"id": "k%d", "question": "Name of %d?", "answer": "%s", "half": "%d"}\n' $n $n "$said" $((n % 2))
    n=$((n + 1))
done > "$dir/data.jsonl"
evaluate a "$dir/data.jsonl" --model-args '{"max_tokens": 6}' --slice half --slice-min 5
[ "$rc" -eq 0 ] && grep -q '"by_slice": {' "$a" && [ "$(grep -c '"test": "two_proportion_z"' "$a")" -ge 2 ] &&
    grep -q '"slices": {"half": "1"}' "$dir/a/results.samples.jsonl"
result $? "slices of a field that the user names"
grep -q 'data.jsonl, by slices:$' "$dir/out" && grep -q '^half: 0  *12  .*to.*[+-][0-9.]* to ' "$dir/out"
result $? "and a table of them"
evaluate b "$dir/data.jsonl" --model-args '{"max_tokens": 1}' --slice half --slice-min 13
[ "$rc" -eq 0 ] && [ "$(grep -c '"difference_to_rest"' "$b")" -eq 0 ] && grep -q '"n": 12' "$b"
result $? "below the minimum n the count alone"
compare "$a" "$b" --flips 3
[ "$rc" -eq 0 ] && grep -q 'the second is worse by [0-9.]* points (' "$dir/out" &&
    grep -qE ': [0-9]+ right to wrong: k[0-9]+, k[0-9]+, k[0-9]+ and [0-9]+ more$' "$dir/out" &&
    grep -q ': 0 wrong to right$' "$dir/out"
result $? "a difference is told with the answers that changed"
compare "$b" "$a" --flips 0
[ "$rc" -eq 0 ] && grep -q 'the second is better by' "$dir/out" && ! grep -q 'right to wrong' "$dir/out"
result $? "the other way round the second is better; --flips 0 names none"

# One run has more samples, and another data set.
questions 30 | tail -n 10 > "$dir/other.jsonl"
cp "$dir/data.jsonl" "$dir/kept.jsonl"
questions 30 | tail -n 10 > "$dir/data.jsonl"
evaluate c "$dir/data.jsonl,$dir/other.jsonl" --model-args '{"max_tokens": 6}'
run "$KARMA" compare "$a" "$dir/c/results.json"
[ "$rc" -eq 0 ] && grep -q 'data.jsonl: 20 in the first run alone, left out: k0, k1, ' "$dir/out" &&
    grep -q 'data.jsonl: 6 in the second run alone, left out: k24, ' "$dir/out" &&
    grep -q 'not in the other run: .*other.jsonl' "$dir/out" &&
    grep -q '^karma: warning: .*data.jsonl: the two runs had different data (digests differ)' "$dir/err"
result $? "what one run alone has is counted and named, and other data warned of"

# Refused.
evaluate c "$dir/other.jsonl" --model-args '{"max_tokens": 6}'
fails 4 E_MISSING "no sample is in both" "runs without a sample in common" "$KARMA" compare "$a" "$dir/c/results.json"
fails 2 E_NOTFOUND "there is no such results file" "a results file that is not there" "$KARMA" compare "$a" "$dir/none.json"
sed -i '3d' "$dir/c/results.samples.jsonl"
fails 4 E_DIGEST "c/results.samples.jsonl: its 9 lines are not those that the run wrote" "a log that lost a line" \
    "$KARMA" compare "$dir/c/results.json" "$a"
head -c 700 "$dir/b/results.samples.jsonl" > "$dir/cut" && cp "$dir/cut" "$dir/b/results.samples.jsonl"
fails 4 E_ANY "b/results.samples.jsonl: line " "a log that was cut" "$KARMA" compare "$a" "$b"
rm "$dir/c/results.samples.jsonl"
fails 4 E_MISSING "c/results.samples.jsonl: not there" "a run without its log" "$KARMA" compare "$a" "$dir/c/results.json"
fails 2 E_USAGE "--delta: expected a number above 0, found much" "a delta that is no number" "$KARMA" compare "$a" "$a" --delta much
fails 2 E_NOTFOUND "no metric 'bleu' in both runs" "a metric that was not measured" "$KARMA" compare "$a" "$a" --metric bleu
fails 2 E_USAGE "cannot be the output" "a run as the output" "$KARMA" compare "$a" "$a" --output "$a"
fails 4 E_MISSING "slices: no row has anything in 'ward'" "a field that no row has" "$KARMA" eval --model "$dir/tiny" \
    --datasets "$dir/other.jsonl" --no-cache --no-progress --slice ward --output "$dir/slice.json"
fails 2 E_USAGE "--slice-min" "a minimum of none" "$KARMA" eval --model "$dir/tiny" --datasets "$dir/other.jsonl" --no-cache \
    --slice-min 0 --output "$dir/slice.json"
