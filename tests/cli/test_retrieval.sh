#!/bin/sh
# karma eval on retrieval sets: a folder, files, a description, metrics and their k, what is stored, what
# is refused. The model is a tiny embedding model with random weights: what matters is that its
# rankings are scored as they are, not that they are good.
. tests/cli/common.sh
model=$fixtures/embeddings/bert
cp -r $fixtures/retrieval "$dir/demo"
demo=$dir/demo

# evaluate NAME SET OPTIONS...: results in $dir/NAME/results.json.
evaluate() {
    name=$1 set=$2
    shift 2
    mkdir -p "$dir/$name"
    run "$KARMA" eval "$model" --datasets "$set" --output "$dir/$name/results.json" --no-progress "$@"
}
# score METRIC FILE: its score.
score() {
    sed -n "/^ *\"$1\": {/,/}/s/^ *\"score\": \(.*[^,]\),*\$/\1/p" "$2" | head -n 1
}

evaluate base "$demo" --store "$dir/store.db" --include-content --model-args '{"k_values": [1, 20]}' \
    --metric-args 'recall@k:k=20;mrr@k:k=20'
file=$dir/base/results.json
[ "$rc" -eq 0 ] && [ "$(value scored "$file")" = 10 ] && [ "$(value failed "$file")" = 0 ] &&
    [ "$(value in_file "$file")" = 11 ] && [ "$(value not_judged "$file")" = 1 ] &&
    [ "$(value documents "$file")" = 20 ] && [ "$(value unparsed "$file")" = 0 ] &&
    [ "$(value short_rankings "$file")" = 0 ]
result $? "scores every judged query of a folder and counts the others"
[ "$(score 'recall@k' "$file")" = 1.0 ] && grep -q '"k": 20' "$file"
result $? "all relevant documents are among all documents"
for metric in ndcg@k mrr@k map@k precision@k; do
    score $metric "$file" | grep -qE '^(0\.[0-9]+|1\.0)$' || echo "not ok - $metric is $(score $metric "$file")"
done
grep -q ': 1 left out: queries that no judgement names' "$dir/out"
result $? "the table says what was left out"

evaluate again "$demo" --store "$dir/store.db" --include-content --model-args '{"k_values": [1, 20]}' \
    --metric-args 'recall@k:k=20;mrr@k:k=20' --threads 1 --batch-size 3
[ "$rc" -eq 0 ] && cmp -s "$dir/again/results.json" "$file" && [ "$(value samples_run "$dir/again/run.json")" = 0 ]
result $? "the same bytes from the store"
evaluate fresh "$demo" --no-cache --include-content --model-args '{"k_values": [1, 20]}' \
    --metric-args 'recall@k:k=20;mrr@k:k=20' --threads 2 --batch-size 1
[ "$rc" -eq 0 ] && cmp -s "$dir/fresh/results.json" "$file"
result $? "and with another batch and more threads"

sed 's/q02\td16\t1/q02\td16\t2/' "$demo/qrels/test.tsv" > "$dir/test.tsv" && mv "$dir/test.tsv" "$demo/qrels/test.tsv"
evaluate mended "$demo" --store "$dir/store.db" --model-args '{"k_values": [1, 20]}'
[ "$rc" -eq 0 ] && [ "$(value samples_run "$dir/mended/run.json")" = 0 ] &&
    [ "$(value dataset_digest "$dir/mended/results.json")" != "$(value dataset_digest "$file")" ]
result $? "a mended judgement runs nothing again and shows in the digest"
sed 's/Metformin/Insulin/' "$demo/corpus.jsonl" > "$dir/c" && mv "$dir/c" "$demo/corpus.jsonl"
evaluate edited "$demo" --store "$dir/store.db" --model-args '{"k_values": [1, 20]}'
[ "$rc" -eq 0 ] && [ "$(value samples_run "$dir/edited/run.json")" = 10 ]
result $? "an edited document runs all queries again"

cat > "$demo/search.yaml" << 'END'
name: ours/search
kind: retrieval
path: .
metrics: [recall@20, mrr, ndcg@5]
END
evaluate yaml "$demo/search.yaml" --no-cache --model-args '{"k_values": [20]}'
[ "$rc" -eq 0 ] && [ "$(score 'recall@20' "$dir/yaml/results.json")" = 1.0 ] && [ -n "$(score mrr "$dir/yaml/results.json")" ]
result $? "a description chooses the metrics; a number in a name is its k"
evaluate terms ekacare/Eka-IndicMTEB --no-cache --model-args '{"k_values": [20]}' \
    --dataset-args "ekacare/Eka-IndicMTEB:path=$demo/terms"
[ "$rc" -eq 0 ] && [ "$(value scored "$dir/terms/results.json")" = 3 ] && [ "$(score 'recall@k' "$dir/terms/results.json")" = 1.0 ]
result $? "upstream's set from a local folder"
evaluate terms ekacare/Eka-IndicMTEB --no-cache --model-args '{"k_values": [20]}' \
    --dataset-args "ekacare/Eka-IndicMTEB:path=$demo/terms,language=ta"
[ "$rc" -eq 0 ] && [ "$(value scored "$dir/terms/results.json")" = 1 ]
result $? "one language of it"

ask() {
    "$KARMA" eval "$model" --datasets "$demo" --no-cache --output "$dir/no.json" --no-progress "$@"
}
fails 2 E_USAGE "metric ndcg@k looks at the first 10 documents, and the model gives 5" \
    "a metric that looks further than the model ranks" ask --model-args '{"k_values": [1, 3, 5]}'
fails 2 E_USAGE "looks at the first 10 documents" "in a dry run too" \
    ask --model-args '{"k_values": [1, 3, 5]}' --dry-run
fails 4 E_RANGE "metric argument k" "a k of nothing" ask --metric-args 'ndcg@k:k=0'
tiny text
fails 4 E_UNSUPPORTED "a retrieval set needs an embedding model" "a model that writes text" \
    "$KARMA" eval "$dir/text" --datasets "$demo" --no-cache --output "$dir/no.json" --no-progress
fails 2 E_USAGE "--model names the model already" "two models" \
    "$KARMA" eval "$model" --model "$model" --datasets "$demo" --output "$dir/no.json"
printf 'query-id\tcorpus-id\tscore\nq01\tnone\t1\n' > "$demo/qrels/dev.tsv"
fails 4 E_MISSING "qrels/dev.tsv: line 2: document 'none' is not in the corpus" "a judgement of no document" \
    ask --dataset-args "$demo:split=dev"
[ ! -e "$dir/no.json" ]
result $? "and nothing is written"

[ "$("$KARMA" list datasets --task-type retrieval --format simple | wc -l)" -eq 2 ] &&
    "$KARMA" list metrics --format simple | grep -qx 'recall@k'
result $? "sets and metrics are listed"
