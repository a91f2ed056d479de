#!/bin/sh
# karma eval: the results do not depend on batch size, threads, what is in the store, or how often
# the run was stopped; the account of samples; formats; arguments; what the plan checks before.
. tests/cli/common.sh
tiny tiny
questions 12 > "$dir/data.jsonl"
cat > "$dir/choice.jsonl" << 'END'
{"id": "c1", "question": "Which is a vitamin?", "options": {"A": "C", "B": "Fe"}, "answer": "A"}
{"id": "c2", "question": "Which is a metal?", "options": {"A": "C", "B": "Fe"}, "answer": "B"}
END
short='{"max_tokens": 6}'

# evaluate NAME OPTIONS...: results in $dir/NAME/results.json.
evaluate() {
    name=$1
    shift
    mkdir -p "$dir/$name"
    run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" \
        --output "$dir/$name/results.json" --no-progress "$@"
}
same() { # NAME SENTENCE
    [ "$rc" -eq 0 ] && cmp "$dir/$1/results.json" "$dir/base/results.json" > /dev/null 2>&1
    result $? "$2"
}

evaluate base --no-cache
[ "$rc" -eq 0 ] && [ "$(value selected "$dir/base/results.json")" = 12 ] &&
    [ "$(value scored "$dir/base/results.json")" = 12 ] && [ "$(value failed "$dir/base/results.json")" = 0 ]
result $? "scores every sample"
[ "$(stat -c %a "$dir/base/results.json")" = 600 ] && [ "$(stat -c %a "$dir/base/run.json")" = 600 ]
result $? "results and run file are private"
for batch in 1 2 3 7 16; do
    for threads in 1 2; do
        evaluate b$batch.$threads --no-cache --batch-size $batch --threads $threads
        same b$batch.$threads "the same bytes with batches of $batch and $threads threads"
    done
done
evaluate fresh --store "$dir/store.db"
same fresh "the same bytes with a store"
evaluate cached --store "$dir/store.db" --batch-size 3
same cached "the same bytes from the store"
[ "$(value samples_run "$dir/cached/run.json")" = 0 ] && [ "$(value samples_from_store "$dir/cached/run.json")" = 12 ]
result $? "and no sample is run again"
mv "$dir/tiny" "$dir/elsewhere"
run "$KARMA" eval --model "$dir/elsewhere" --datasets "$dir/data.jsonl" --model-args "$short" \
    --output "$dir/cached/results.json" --no-progress --store "$dir/store.db"
[ "$rc" -eq 0 ] && [ "$(value samples_run "$dir/cached/run.json")" = 0 ]
result $? "nor when the checkpoint has moved"
mv "$dir/elsewhere" "$dir/tiny"
evaluate refreshed --store "$dir/store.db" --refresh-cache
same refreshed "the same bytes made anew"
[ "$(value samples_run "$dir/refreshed/run.json")" = 12 ]
result $? "--refresh-cache runs all again"
evaluate part --store "$dir/part.db" --max-samples 5
[ "$rc" -eq 0 ] && [ "$(value selected "$dir/part/results.json")" = 5 ] && [ "$(value excluded "$dir/part/results.json")" = 7 ]
result $? "--max-samples: the others are counted as excluded"
evaluate part --store "$dir/part.db" --max-samples all
same part "the same bytes when five were there before"
[ "$(value samples_run "$dir/part/run.json")" = 7 ]
result $? "and seven are run"
sed 's/item-3"/item-four"/' "$dir/data.jsonl" > "$dir/mended.jsonl"
mv "$dir/data.jsonl" "$dir/kept.jsonl" && mv "$dir/mended.jsonl" "$dir/data.jsonl"
evaluate mended --store "$dir/part.db"
[ "$rc" -eq 0 ] && [ "$(value samples_run "$dir/mended/run.json")" = 0 ] &&
    [ "$(value dataset_digest "$dir/mended/results.json")" != "$(value dataset_digest "$dir/base/results.json")" ]
result $? "a mended reference runs nothing again and shows in the digest"
sed 's/Name of 3/Title of 3/' "$dir/kept.jsonl" > "$dir/data.jsonl"
evaluate edited --store "$dir/part.db"
[ "$rc" -eq 0 ] && [ "$(value samples_run "$dir/edited/run.json")" = 1 ]
result $? "an edited question is run again, alone"
mv "$dir/kept.jsonl" "$dir/data.jsonl"
evaluate other --store "$dir/part.db" --seed 7
[ "$rc" -eq 0 ] && [ "$(value samples_run "$dir/other/run.json")" = 12 ]
result $? "another seed is another answer"
for isa in ref avx2; do
    KARMA_ISA=$isa "$KARMA" info system > /dev/null 2>&1 || { echo "skip - no $isa here"; continue; }
    export KARMA_ISA=$isa
    evaluate $isa --store "$dir/store.db"
    unset KARMA_ISA
    [ "$rc" -eq 0 ] && [ "$(value samples_run "$dir/$isa/run.json")" = 12 ] ||
        [ "$("$KARMA" info system | sed -n 's/^instruction_set *//p')" = $isa ]
    result $? "answers of one instruction set are not taken for those of $isa"
done
for setting in LC_ALL=tr_TR.UTF-8 LC_ALL=de_DE.UTF-8 TZ=Asia/Kathmandu; do
    export "${setting?}"
    evaluate locale --no-cache
    same locale "the same bytes with $setting"
    export LC_ALL=C
    unset TZ
done
(umask 0 && "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" --no-progress \
    --output "$dir/base/open.json" --store "$dir/open/deep/store.db") > "$dir/out" 2> "$dir/err"
[ "$(stat -c %a "$dir/open" "$dir/open/deep" "$dir/open/deep/store.db" "$dir/base/open.json" | tr '\n' ' ')" = "700 700 600 600 " ]
result $? "folders and files are private whatever the umask"
(umask 777 && "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" --no-progress \
    --output "$dir/base/closed.json" --store "$dir/closed/store.db") > "$dir/out" 2> "$dir/err" &&
    [ "$(stat -c %a "$dir/closed" "$dir/closed/store.db" "$dir/base/closed.json" | tr '\n' ' ')" = "700 600 600 " ]
result $? "and they can be used whatever the umask"

# Samples that fail.
{ head -n 3 "$dir/data.jsonl"
  printf '{"id": "long", "question": "%s", "answer": "a"}\n' "$(head -c 9000 /dev/zero | tr '\0' a)"; } > "$dir/long.jsonl"
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/long.jsonl" --model-args "$short" --no-cache --output "$dir/long.json"
[ "$rc" -eq 3 ] && [ "$(value failed "$dir/long.json")" = 1 ] && [ "$(value scored "$dir/long.json")" = 3 ] &&
    [ "$(value E_LIMIT "$dir/long.json")" = 1 ] && [ "$(value score "$dir/long.json")" = null ] &&
    [ "$(value failed_left_out_n "$dir/long.json")" = 3 ] && [ "$(value failed_counted_as_wrong_n "$dir/long.json")" = 4 ]
result $? "a failed sample: exit status 3, no headline, both bounds with their counts"
grep -q 'long.jsonl: 1 failed: 1 E_LIMIT; the first, long: ' "$dir/out"
result $? "and the reason is shown"
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/long.jsonl" --no-cache --output "$dir/long.json" \
    --model-args '{"max_tokens": 6, "truncate": "left"}'
[ "$rc" -eq 0 ] && [ "$(value prompt_truncated "$dir/long.json")" = 1 ]
result $? "a shortened prompt is flagged and counted"

# What is shown and saved.
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl,$dir/choice.jsonl" --model-args "$short" \
    --no-cache --output "$dir/two.json" --format json
[ "$rc" -eq 0 ] && cmp -s "$dir/out" "$dir/two.json" && [ "$(value total_datasets "$dir/two.json")" = 2 ]
result $? "--format json shows what is saved"
for format in yaml csv; do
    run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" --no-cache \
        --output "$dir/r.$format" --save-format $format
    [ "$rc" -eq 0 ] && [ -s "$dir/r.$format" ] && [ -s "$dir/r.run.json" ]
    result $? "saves $format"
    run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" --no-cache \
        --output "$dir/r.$format" --save-format $format
    [ "$rc" -eq 0 ]
    result $? "and replaces its own $format"
done
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" --no-cache --output "$dir/c.json" \
    --include-content
[ "$rc" -eq 0 ] && grep -q '"input": "Name of 3?"' "$dir/c.json" && [ "$(stat -c %a "$dir/c.json")" = 600 ]
result $? "--include-content adds the texts"
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" --no-cache --output "$dir/d.json"
[ "$rc" -eq 0 ] && grep -q '^\[1/1\] .*data.jsonl: 12/12, ' "$dir/err" && ! grep -q "$(printf '\033')" "$dir/err"
result $? "progress goes to standard error, plain where there is no terminal"
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --dry-run --output "$dir/dry/none.json" --no-cache
[ "$rc" -eq 4 ]
result $? "a dry run checks the output too"
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --dry-run --output "$dir/dry.json" --store "$dir/dry.db"
[ "$rc" -eq 0 ] && grep -q 'nothing was run' "$dir/out" && [ ! -e "$dir/dry.json" ] && [ ! -e "$dir/dry.db" ]
result $? "a dry run writes nothing"
run "$KARMA" eval --model "$dir/tiny" --datasets multiple_choice --dataset-args "multiple_choice:path=$dir/choice.jsonl" \
    --metric-args 'exact_match:ignore_case=false' --model-args "$short" --no-cache --output "$dir/args.json"
[ "$rc" -eq 0 ] && [ "$(value selected "$dir/args.json")" = 2 ]
result $? "arguments of data sets and metrics by upstream's grammar"
run "$KARMA" eval --model "$dir/tiny" --datasets multiple_choice --dataset-args "{\"multiple_choice\": {\"path\": \"$dir/choice.jsonl\"}}" \
    --model-args "$short" --no-cache --output "$dir/args.json"
[ "$rc" -eq 0 ]
result $? "and as JSON"
printf '%s\n' "$dir/choice.jsonl" | "$KARMA" eval --model "$dir/tiny" --datasets multiple_choice --interactive \
    --model-args "$short" --no-cache --output "$dir/asked.json" > "$dir/out" 2> "$dir/err"
[ $? -eq 0 ] && [ "$(value selected "$dir/asked.json")" = 2 ]
result $? "--interactive asks for what is required"
printf 'question\tanswer\nWho?\tme\n' > "$dir/t.tsv"
printf 'question,answer\nWho?,me\n' > "$dir/t.csv"
printf '[{"question": "Who?", "answer": "me"}]' > "$dir/t.json"
printf 'name: mine\nkind: question_answer\npath: t.csv\nmetrics: [exact_match]\n' > "$dir/mine.yaml"
for file in t.tsv t.csv t.json mine.yaml; do
    run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/$file" --model-args "$short" --no-cache --output "$dir/t.out.json"
    [ "$rc" -eq 0 ] && [ "$(value selected "$dir/t.out.json")" = 1 ]
    result $? "evaluates on $file"
done

# Where the output goes.
fails 4 E_MISSING "folder is not there" "the output's folder is missing" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir/no/where.json"
fails 4 E_PATH "where.json" "the output lies below a file" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir/data.jsonl/where.json"
fails 4 E_PATH "is a folder" "the output is a folder" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir"
fails 4 E_PATH "is a device" "the output is a device" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output /dev/null
echo notes > "$dir/notes.txt"
fails 2 E_USAGE "is not a results file" "the output is a file of the user's" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir/notes.txt"
mkdir "$dir/own" && echo '{"mine": 1}' > "$dir/own/run.json"
fails 2 E_USAGE "is not a run file" "the run file's place is taken by a file of the user's" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir/own/results.json"
fails 2 E_USAGE "cannot be the output" "the output is the data set, even with --force" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/./data.jsonl" --no-cache --force --output "$dir/data.jsonl"
fails 2 E_USAGE "cannot be the output" "the output is the store" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --store "$dir/x.json" --output "$dir/x.json"
[ "$(cat "$dir/notes.txt")" = notes ] && [ "$(wc -l < "$dir/data.jsonl")" -eq 12 ]
result $? "and no file of the user's is touched"
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" --no-cache --force --output "$dir/notes.txt"
[ "$rc" -eq 0 ] && grep -q _summary "$dir/notes.txt"
result $? "--force replaces it"
run sh -c '"$@" > /dev/full' sh "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" \
    --no-cache --output "$dir/full.json" --no-progress
[ "$rc" -eq 5 ] && cmp -s "$dir/full.json" "$dir/base/results.json"
result $? "a full disk behind standard output is exit status 5, and the results are saved"
