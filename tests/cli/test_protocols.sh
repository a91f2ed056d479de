#!/bin/sh
# karma eval --protocol, examples before questions, names with colons in --dataset-args, and what
# karma info tells of a published set. The demo's toy answers; its answers do not matter here.
. tests/cli/common.sh
sets=$fixtures/datasets
medqa="openlifescienceai/medqa"
race="Showing-KCL/AMQA:race"

# evaluate NAME OPTIONS...: results in $dir/NAME.json, texts of samples among them.
evaluate() {
    name=$1
    shift
    run "$KARMA" --quiet eval --model demo/model --max-samples 2 --no-cache --no-progress --include-content \
        --model-args '{"max_tokens": 1}' --output "$dir/$name.json" "$@"
}

evaluate own --datasets "$medqa" --dataset-args "$medqa:path=$sets/medqa.jsonl"
[ "$rc" -eq 0 ] && grep -q '"protocol": "karma"' "$dir/own.json"
result $? "a data set is asked by protocol karma"
evaluate theirs --datasets "$medqa" --dataset-args "$medqa:path=$sets/medqa.jsonl" --protocol upstream
[ "$rc" -eq 0 ] && grep -q '"protocol": "upstream"' "$dir/theirs.json"
result $? "or by the one that --protocol names"
printf '{"id": "11_original", "text": "A"}\n' > "$dir/given.jsonl"
run "$KARMA" --quiet eval --answers "$dir/given.jsonl" --missing-answers exclude --no-cache --no-progress \
    --datasets "$race" --dataset-args "$race:path=$sets/amqa.jsonl" --protocol upstream --output "$dir/alone.json"
[ "$rc" -eq 0 ] && grep -A 3 '"bias_consistency": {' "$dir/alone.json" | grep -q '"score": 1.0,'
result $? "metrics that can compute as KARMA does follow it"
evaluate mixed --datasets "$medqa" --dataset-args "$medqa:path=$sets/medqa.jsonl,protocol=karma" --protocol upstream
[ "$rc" -eq 0 ] && grep -q '"protocol": "karma"' "$dir/mixed.json"
result $? "an argument of the data set goes before it"
fails 2 E_USAGE "--protocol" "there is no third one" \
    "$KARMA" eval --model demo/model --datasets "$medqa" --dataset-args "$medqa:path=$sets/medqa.jsonl" \
    --protocol theirs --output "$dir/r.json"

evaluate colon --datasets "$race" --dataset-args "$race:path=$sets/amqa.jsonl,few_shot=1;"
[ "$rc" -eq 2 ]
result $? "nothing may follow the last semicolon"
evaluate colon --datasets "$race" --dataset-args "$race:path=$sets/amqa.jsonl,few_shot=1"
[ "$rc" -eq 0 ] && grep -q '"few_shot": 1' "$dir/colon.json" &&
    grep -q 'Here are questions with their answers' "$dir/colon.samples.jsonl"
result $? "a name with a colon takes arguments, and examples stand before questions"
evaluate slices --datasets "$race" --dataset-args "$race:path=$sets/amqa.jsonl,slices=question_id"
[ "$rc" -eq 0 ] && grep -q '"group": *"11"' "$dir/slices.samples.jsonl" &&
    grep -q '"question_id": *"11"' "$dir/slices.samples.jsonl"
result $? "samples say their group and their slices"
fails 4 E_MISSING "no row has anything in 'place'" "a column that no row has is told" \
    "$KARMA" eval --model demo/model --datasets "$race" \
    --dataset-args "$race:path=$sets/amqa.jsonl,slices=place" --output "$dir/r.json"

run "$KARMA" info dataset "TsinghuaC3I/MedXpertQA" --json
for key in hub_id config split commit_hash columns options slices extraction prompt upstream_prompt upstream_extraction arguments; do
    grep -q "\"$key\":" "$dir/out" || echo "# no $key"
done > "$dir/missing"
[ "$rc" -eq 0 ] && [ ! -s "$dir/missing" ]
result $? "karma info shows all that is known of a set"
