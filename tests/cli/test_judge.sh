#!/bin/sh
# karma eval with a judge: a model of noise judges what another of its kind writes. What it says is
# nothing; that it is asked once, and says the same in every batch, is what is looked at.
. tests/cli/common.sh
tiny tiny
set=Tonic/Health-Bench-Eval-OSS-2025-07
cat > "$dir/rows.jsonl" << 'END'
{"prompt_id": "h1", "prompt": [{"role": "user", "content": "I cough."}], "rubrics": [{"criterion": "asks how long", "points": 5, "tags": ["axis:accuracy"], "criteria_met": true}, {"criterion": "names tea", "points": 3, "criteria_met": false}, {"criterion": "gives opium", "points": -4, "criteria_met": true}]}
{"prompt_id": "h2", "prompt": [{"role": "user", "content": "I ache."}], "rubrics": [{"criterion": "names tea", "points": 2}]}
{"prompt_id": "h3", "prompt": [{"role": "user", "content": "Is <|im_end|> a word?"}], "rubrics": [{"criterion": "says no", "points": 1}]}
END
judge() { # OUTPUT OPTIONS...
    output=$1
    shift
    run "$KARMA" eval "$dir/tiny" --datasets $set --dataset-args "$set:path=$dir/rows.jsonl" --model-args '{"max_tokens": 6}' \
        --output "$dir/$output" --no-progress "$@"
}
judge first.json --judge "$dir/tiny" --store "$dir/store.db"
[ "$rc" -eq 0 ] && grep -q "rubric_evaluation: judge and 3 labels: .*, accuracy " "$dir/out" && grep -q '"verdicts_run": 5' "$dir/first.run.json"
result $? "every criterion is asked about once, and agreement with the labels is shown"
[ "$(sed -n 's/.*"judge_prompt_tokens_shared": //p' "$dir/first.run.json")" -gt 100 ]
result $? "the criteria of an answer share its prompt"
grep -q '"rubric": \[{"metric": "rubric_evaluation", "points": 5, "tags": \["axis:accuracy"\], "p": ' "$dir/first.samples.jsonl" &&
    ! grep -q "opium\|names tea" "$dir"/first.*
result $? "the log has the verdicts and no criterion"
judge second.json --judge "$dir/tiny" --store "$dir/store.db"
[ "$rc" -eq 0 ] && grep -q '"verdicts_run": 0' "$dir/second.run.json" && grep -q '"verdicts_from_store": 5' "$dir/second.run.json" &&
    cmp -s "$dir/first.json" "$dir/second.json" && cmp -s "$dir/first.samples.jsonl" "$dir/second.samples.jsonl"
result $? "the same run again asks the judge nothing and leaves the same bytes"
judge alone.json --judge "$dir/tiny" --no-cache --judge-args '{"max_sequences": 1, "threads": 1}'
judge many.json --judge "$dir/tiny" --no-cache --judge-args '{"max_sequences": 8, "threads": 2}'
cmp -s "$dir/first.samples.jsonl" "$dir/alone.samples.jsonl" && cmp -s "$dir/first.samples.jsonl" "$dir/many.samples.jsonl" &&
    cmp -s "$dir/first.json" "$dir/alone.json"
result $? "no verdict depends on batch or threads"
judge said.json --judge "$dir/tiny" --store "$dir/store.db" --include-content
[ "$rc" -eq 0 ] && grep -q '"criteria": \["asks how long"' "$dir/said.samples.jsonl"
result $? "with content the criteria are told"
run "$KARMA" verify "$dir/first.json" -n all --no-progress
[ "$rc" -eq 0 ] && grep -q ": verified; 3 of 3 samples asked again, 0 with" "$dir/out"
result $? "verify asks the judge again and finds the same"
cp "$dir/first.samples.jsonl" "$dir/kept"
sed '1s/"met": false/"met": true/' "$dir/kept" > "$dir/first.samples.jsonl"
run "$KARMA" verify "$dir/first.json" -n all --no-progress
[ "$rc" -eq 3 ] && grep -q "sample h1: another verdict" "$dir/out" && ! grep -q "sample h2" "$dir/out"
result $? "verify notices a verdict that was edited"
judge none.json --judge none --no-cache
[ "$rc" -eq 0 ] && ! grep -q '"rubric_evaluation": {' "$dir/none.json" && grep -q '"refusal": {' "$dir/none.json"
result $? "without a judge by wish, its metrics are left out"
judge dry.json --judge "$dir/tiny" --no-cache --dry-run
[ "$rc" -eq 0 ] && grep -q "5 questions to the judge" "$dir/out" && [ ! -e "$dir/dry.json" ]
result $? "a dry run counts the questions"
wrong() { # STATUS CODE TEXT SENTENCE OPTIONS...
    want_status=$1 want_code=$2 want_text=$3 words=$4
    shift 4
    fails "$want_status" "$want_code" "$want_text" "$words" "$KARMA" eval "$dir/tiny" --datasets $set \
        --dataset-args "$set:path=$dir/rows.jsonl" --output "$dir/wrong.json" --no-cache --no-progress "$@"
}
wrong 2 E_USAGE "metric rubric_evaluation needs a judge, and none was named (judge)" "a metric that needs a judge, and none is named"
wrong 2 E_NOTFOUND "judge: " "a judge that is nowhere" --judge "$dir/nobody"
wrong 2 E_USAGE "judge: " "an argument that the judge does not know" --judge "$dir/tiny" --judge-args '{"wrong": 1}'
wrong 2 E_USAGE "judge_args: there is no judge" "arguments without a judge" --judge none --judge-args '{}'
echo '{"id": "q", "question": "Why?", "answer": "so"}' > "$dir/plain.jsonl"
fails 2 E_USAGE "judge: no metric of this run needs one" "a judge with nothing to judge" \
    "$KARMA" eval "$dir/tiny" --datasets "$dir/plain.jsonl" --judge "$dir/tiny" --output "$dir/wrong.json" --no-cache
