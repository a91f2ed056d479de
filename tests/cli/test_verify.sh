#!/bin/sh
# What is done with a run that was made: karma verify, export and store; answers made elsewhere;
# scoring again without asking; the forecast. Wrong use of each.
. tests/cli/common.sh
tiny tiny
cat > "$dir/data.jsonl" << 'END'
{"id": "c1", "question": "Which is a vitamin?", "options": {"A": "C", "B": "Fe"}, "answer": "A"}
{"id": "c2", "question": "Which is a metal?", "options": {"A": "C", "B": "Fe"}, "answer": "B"}
{"id": "c3", "question": "Which is a gas?", "options": {"A": "He", "B": "Fe"}, "answer": "A"}
END
short='{"max_tokens": 6}'
evaluate() { # OUTPUT OPTIONS...
    output=$1
    shift
    run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --model-args "$short" \
        --store "$dir/store.db" --output "$dir/$output" --no-progress "$@"
}
evaluate results.json
[ "$rc" -eq 0 ] && [ "$(stat -c %a "$dir/results.samples.jsonl" "$dir/results.manifest.json" | sort -u)" = 600 ]
result $? "a run leaves a private log of samples and a private manifest"
[ "$(wc -l < "$dir/results.samples.jsonl")" -eq 3 ] && ! grep -q "vitamin" "$dir"/results.*
result $? "the log has a line a sample and no text"
cp "$dir/results.samples.jsonl" "$dir/first.log"
cp "$dir/results.manifest.json" "$dir/first.manifest"
evaluate results.json --batch-size 2 --threads 1
cmp -s "$dir/results.samples.jsonl" "$dir/first.log" && cmp -s "$dir/results.manifest.json" "$dir/first.manifest"
result $? "the same run again leaves the same bytes, whatever the batch"
echo "mine" > "$dir/mine.samples.jsonl"
fails 2 E_USAGE "mine.samples.jsonl" "a log that is not ours is not replaced" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir/mine.json"

# --- verify -----------------------------------------------------------------------------------------
run "$KARMA" verify "$dir/results.json" -n 2 --no-progress
[ "$rc" -eq 0 ] && grep -q ": verified; 2 of 3 samples asked again, 0 with" "$dir/out"
result $? "verify: a run that nobody touched comes out again"
run "$KARMA" verify "$dir/results.json" -n all --seed 7 --format json --no-progress
[ "$rc" -eq 0 ] && grep -q '"checked": 3' "$dir/out" && grep -q '"log": "whole"' "$dir/out"
result $? "verify: all samples, as JSON"
sed 's/"exact_match": 0.0/"exact_match": 1.0/' "$dir/first.log" > "$dir/results.samples.jsonl"
run "$KARMA" verify "$dir/results.json" -n 1 --no-progress
[ "$rc" -eq 3 ] && grep -q "its chain differs" "$dir/out"
result $? "verify: an edited log is noticed, status 3"
cp "$dir/first.log" "$dir/results.samples.jsonl"
cp "$dir/results.json" "$dir/first.json"
sed 's/"num_samples": 3/"num_samples": 4/' "$dir/first.json" > "$dir/results.json"
run "$KARMA" verify "$dir/results.json" -n 1 --no-progress
[ "$rc" -eq 3 ] && grep -q "their digest differs" "$dir/out" && ! cmp -s "$dir/first.json" "$dir/results.json"
result $? "verify: edited results are noticed, status 3"
cp "$dir/first.json" "$dir/results.json"
cp "$dir/data.jsonl" "$dir/data.kept"
sed 's/Which is a metal/Name the metal/' "$dir/data.kept" > "$dir/data.jsonl"
run "$KARMA" verify "$dir/results.json" -n all --no-progress
[ "$rc" -eq 3 ] && grep -q "digest: recorded" "$dir/out" && grep -q "sample c2: another prompt" "$dir/out" &&
    ! grep -q "sample c1" "$dir/out" && ! grep -q "metal" "$dir/out" "$dir/err"
result $? "verify: edited data are noticed, without their text"
cp "$dir/data.kept" "$dir/data.jsonl"
run env KARMA_ISA=ref "$KARMA" verify "$dir/results.json" -n 1 --no-progress
if grep -q '"isa": "ref"' "$dir/results.manifest.json"; then
    echo "skip - this machine has the reference instruction set alone"
else
    [ "$rc" -eq 3 ] && grep -q "model.instruction_set: recorded" "$dir/out"
    result $? "verify: another instruction set is named"
fi
fails 2 E_NOTFOUND "no such results file" "verify: a run that is not there" "$KARMA" verify "$dir/nowhere.json"
echo '{"_summary": {}}' > "$dir/old.json"
fails 4 E_MISSING "old.manifest.json" "verify: a run without a manifest" "$KARMA" verify "$dir/old.json"
fails 2 E_USAGE "-n: expected" "verify: a number of samples that is none" "$KARMA" verify "$dir/results.json" -n 0
fails 2 E_USAGE "usage: karma verify" "verify: no run" "$KARMA" verify

# --- export -----------------------------------------------------------------------------------------
run "$KARMA" export "$dir/results.json" -o "$dir/out.csv"
[ "$rc" -eq 0 ] && [ "$(wc -l < "$dir/out.csv")" -eq 4 ] && head -n 1 "$dir/out.csv" | grep -q "score.exact_match" &&
    [ "$(stat -c %a "$dir/out.csv")" = 600 ] && ! grep -q vitamin "$dir/out.csv"
result $? "export: a private CSV file without texts"
fails 4 E_MISSING "without texts" "export: texts that were not kept" \
    "$KARMA" export "$dir/results.json" -o "$dir/no.csv" --include-content
run "$KARMA" export --store "$dir/store.db" -o "$dir/store.jsonl" --include-content
[ "$rc" -eq 0 ] && [ "$(grep -c '"output": ' "$dir/store.jsonl")" -eq 3 ]
result $? "export: the answers of a store with their texts, when asked"
fails 2 E_USAGE "exists" "export: a file that is there stays" "$KARMA" export "$dir/results.json" -o "$dir/out.csv"
fails 2 E_USAGE "cannot be the output" "export: what is read is not written over" \
    "$KARMA" export "$dir/results.json" -o "$dir/results.samples.jsonl" --force
fails 2 E_USAGE "--output is missing" "export: no file" "$KARMA" export "$dir/results.json"
fails 2 E_USAGE "found neither" "export: neither run nor store" "$KARMA" export -o "$dir/x.csv"
fails 2 E_USAGE "jsonl or csv" "export: another format" "$KARMA" export "$dir/results.json" -o "$dir/x" --format xml

# --- store ------------------------------------------------------------------------------------------
short='{"max_tokens": 5}'
evaluate other.json
run "$KARMA" store stat --store "$dir/store.db"
[ "$rc" -eq 0 ] && grep -q "^6 answers, 0 of them failed" "$dir/out"
result $? "store stat: counts"
run "$KARMA" store explain --store "$dir/store.db" --dataset "$dir/data.jsonl" --sample c1
[ "$rc" -eq 0 ] && grep -q "model.arguments.max_tokens  \[[56], [56]\]" "$dir/out" && ! grep -q vitamin "$dir/out"
result $? "store explain: says which setting made two keys differ"
key=$(sed -n 's/^\([0-9a-f]\{64\}\)$/\1/p' "$dir/out" | head -n 1)
run "$KARMA" store explain "$key" --store "$dir/store.db" --json
[ "$rc" -eq 0 ] && grep -q '"sample": "c1"' "$dir/out"
result $? "store explain: a key"
run "$KARMA" store gc --store "$dir/store.db" --model "$dir/tiny"
[ "$rc" -eq 0 ] && grep -q "^6 rows would be removed" "$dir/out"
result $? "store gc: counts first"
run "$KARMA" store gc --store "$dir/store.db" --dataset "$dir/data.jsonl" --yes
[ "$rc" -eq 0 ] && grep -q "^6 rows removed; 0 answers" "$dir/out"
result $? "store gc: removes with --yes"
fails 2 E_USAGE "nothing was said" "store gc: without a condition" "$KARMA" store gc --store "$dir/store.db" --yes
fails 2 E_USAGE "expected one of stat, explain, gc" "store: another part" "$KARMA" store empty
fails 2 E_USAGE "hexadecimal" "store explain: no key" "$KARMA" store explain xyz --store "$dir/store.db"
fails 2 E_USAGE "--sample is missing" "store explain: half a sample" "$KARMA" store explain --dataset d
fails 2 E_NOTFOUND "no such store" "store stat: no store, and none is made" "$KARMA" store stat --store "$dir/none.db"
[ ! -e "$dir/none.db" ]
result $? "nor is one made"

# --- answers made elsewhere -------------------------------------------------------------------------
cat > "$dir/answers.jsonl" << 'END'
{"id": "c1", "text": "Final Answer: (A)"}
{"id": "c3", "text": "It is B, or A."}
{"id": "c2", "text": "Final Answer: (B)"}
END
run "$KARMA" eval some/api --answers "$dir/answers.jsonl" --datasets "$dir/data.jsonl" --no-progress \
    --output "$dir/imported.json"
[ "$rc" -eq 0 ] && [ "$(value scored "$dir/imported.json")" = 3 ] && grep -q '"model": "some/api"' "$dir/imported.json" &&
    grep -q '"imported": true' "$dir/imported.manifest.json"
result $? "answers made elsewhere are scored, and said to be that"
run "$KARMA" verify "$dir/imported.json" --no-progress
[ "$rc" -eq 0 ]
result $? "such a run is verified as far as it can be"
sed -i 2d "$dir/answers.jsonl"
fails 4 E_MISSING "sample c3 has no answer" "a sample without an answer is an error" \
    "$KARMA" eval --answers "$dir/answers.jsonl" --datasets "$dir/data.jsonl" --output "$dir/imported.json"
run "$KARMA" eval --answers "$dir/answers.jsonl" --missing-answers fail --datasets "$dir/data.jsonl" --no-progress \
    --output "$dir/imported.json"
[ "$rc" -eq 3 ] && [ "$(value failed "$dir/imported.json")" = 1 ]
result $? "or fails, with status 3"
run "$KARMA" eval --answers "$dir/answers.jsonl" --missing-answers exclude --datasets "$dir/data.jsonl" --no-progress \
    --output "$dir/imported.json"
[ "$rc" -eq 0 ] && [ "$(value excluded "$dir/imported.json")" = 1 ] && [ "$(value selected "$dir/imported.json")" = 2 ]
result $? "or is excluded"
echo '{"id": "c9", "text": "x"}' >> "$dir/answers.jsonl"
fails 4 E_RANGE "line 3: id c9" "an id that is no sample's is an error" \
    "$KARMA" eval --answers "$dir/answers.jsonl" --datasets "$dir/data.jsonl" --output "$dir/imported.json"
fails 2 E_USAGE "missing_answers" "--missing-answers without answers" \
    "$KARMA" eval "$dir/tiny" --missing-answers fail --datasets "$dir/data.jsonl" --output "$dir/imported.json"
fails 2 E_USAGE "only their text" "--answer-by with answers made elsewhere" \
    "$KARMA" eval --answers "$dir/answers.jsonl" --answer-by letters --datasets "$dir/data.jsonl" --output "$dir/imported.json"

# --- forecast ---------------------------------------------------------------------------------------
tokens() { value prompt_tokens "$1"; }
run "$KARMA" eval "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --no-progress --model-args "$short" --output "$dir/cast.json"
wanted=$(tokens "$dir/cast.run.json")
run "$KARMA" eval "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --model-args "$short" --format json --dry-run \
    --output "$dir/cast2.json" --rate-prefill 100 --rate-decode 10
[ "$rc" -eq 0 ] && [ "$(tokens "$dir/out")" = "$wanted" ] && [ "$(value generated_tokens_at_most "$dir/out")" = 15 ] &&
    grep -q '"sum_bytes"' "$dir/out" && [ ! -e "$dir/cast2.json" ]
result $? "a dry run foretells the tokens that the run has"
run "$KARMA" eval "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --model-args "$short" --dry-run --output "$dir/cast2.json"
[ "$rc" -eq 0 ] && grep -q "time unknown" "$dir/out"
result $? "and says when the time is not known"
fails 2 E_USAGE "tokens a second" "a rate that is none" \
    "$KARMA" eval "$dir/tiny" --datasets "$dir/data.jsonl" --dry-run --rate-decode fast
