#!/bin/sh
# karma eval: several ways of answering side by side, and questions under all orders of their
# options. The demo's toy knows its questions by heart: the letter, not what it stands for.
. tests/cli/common.sh

# evaluate NAME OPTIONS...: results in $dir/NAME/results.json.
evaluate() {
    name=$1
    shift
    mkdir -p "$dir/$name"
    run "$KARMA" --quiet eval --model demo/model --datasets demo/questions.jsonl --max-samples 6 \
        --output "$dir/$name/results.json" --no-progress "$@"
}
same() { # NAME OTHER SENTENCE
    [ "$rc" -eq 0 ] && cmp "$dir/$1/results.json" "$dir/$2/results.json" > /dev/null 2>&1 &&
        cmp "$dir/$1/results.samples.jsonl" "$dir/$2/results.samples.jsonl" > /dev/null 2>&1
    result $? "$3"
}
scores() { # NAME: "generation 1.0 letters 1.0 ...", the headline first
    awk '/^      "(generation|letters|options[a-z_]*)": \{/ {gsub(/[": {]/, ""); way = $0}
        /"score":/ {gsub(/[",]/, ""); printf "%s%s ", (way ? way " " : "headline "), $2}' "$dir/$1/results.json"
}
one_of() { # NAME WAY: its score
    scores "$1" | tr ' ' '\n' | grep -A 1 "^$2\$" | tail -n 1
}

evaluate letters --no-cache --answer-by letters
evaluate options --no-cache --answer-by options
[ "$rc" -eq 0 ] && [ "$(value answer_by "$dir/options/results.json")" = '"options"' ] &&
    [ "$(value options_lead "$dir/options/results.json")" = '"Final Answer:"' ] &&
    [ "$(value generated_tokens "$dir/options/run.json")" = 0 ] &&
    [ "$(one_of options headline)" = "$(one_of options options)" ]
result $? "texts of options are weighed, and nothing is written"
evaluate all --no-cache --answer-by all
[ "$rc" -eq 0 ] && [ "$(one_of all headline)" = 1.0 ] && [ "$(one_of all generation)" = 1.0 ] &&
    [ "$(one_of all letters)" = "$(one_of letters headline)" ]
result $? "all ways stand side by side, and what is written is the headline"
found=0
for way in options options_normalized options_per_byte options_per_token; do
    [ -n "$(one_of all $way)" ] && [ "$(one_of all $way)" = "$(one_of options $way)" ] && found=$((found + 1))
done
[ $found -eq 4 ]
result $? "each has the score that it has alone"
evaluate list --no-cache --answer-by options,letters
[ "$rc" -eq 0 ] && [ "$(one_of list headline)" = "$(one_of options headline)" ] &&
    [ "$(one_of list letters)" = 1.0 ] && [ -z "$(one_of list generation)" ]
result $? "of a list the first is the headline"
[ "$(value prompt_tokens_shared "$dir/all/run.json")" -gt $(($(value prompt_tokens "$dir/all/run.json") / 3)) ]
result $? "and the ways of a question share its prompt"
[ "$(grep -c '"logprobs": {"letters": {"A": .*"options": {"A": .*"options_normalized": {"A": ' "$dir/all/results.samples.jsonl")" -eq 6 ]
result $? "the log has the log-probabilities of every option"
for batch in 1 7; do
    evaluate b$batch --no-cache --answer-by all --batch-size $batch --threads $(((batch + 1) / 2))
    same b$batch all "the same bytes with batches of $batch"
done
evaluate first --store "$dir/store.db" --answer-by options
evaluate second --store "$dir/store.db" --answer-by all
same second all "the same bytes with a store that has one of the ways"
[ "$(value samples_from_store "$dir/second/run.json")" = 6 ] && [ "$(value samples_run "$dir/second/run.json")" = 12 ]
result $? "and only the others are asked"

# --- all orders
evaluate orders --store "$dir/store.db" --answer-by all --rotations
[ "$rc" -eq 0 ] && [ "$(value selected "$dir/orders/results.json")" = 24 ] &&
    [ "$(one_of orders headline)" = 0.25 ] && [ "$(value rotations "$dir/orders/results.json")" = true ]
result $? "every question is asked in all four orders, and who knows only the letter is right in one"
grep -q '"key": "q001#r3", .*"group": "q001"' "$dir/orders/results.samples.jsonl"
result $? "each order is a sample of its question's group"
[ "$(value samples_from_store "$dir/orders/run.json")" = 18 ]
result $? "the first order is the question as it was asked before"
[ "$(value same_answer_in_all_orders "$dir/orders/results.json")" != "" ] &&
    [ "$(grep -c '"position_bias"' "$dir/orders/results.json")" = 7 ] && grep -q '"chi_square"' "$dir/orders/results.json"
result $? "the results say what places do to the answers, of every way"
evaluate again --store "$dir/store.db" --answer-by all --rotations --batch-size 3
same again orders "the same bytes from the store"
evaluate table --no-cache --answer-by letters,options --save-format csv --force
grep -q ',exact_match:options_normalized,' "$dir/table/results.json"
result $? "a table has a row for each way"

# --- refused before anything runs
fails 2 E_USAGE "answer_by: letters is named twice" "a way that is named twice" \
    "$KARMA" eval --model demo/model --datasets demo/questions.jsonl --answer-by letters,letters --output "$dir/r.json"
fails 2 E_USAGE "expected generation, letters, options" "a list with an unknown way" \
    "$KARMA" eval --model demo/model --datasets demo/questions.jsonl --answer-by letters,words --output "$dir/r.json"
questions 3 > "$dir/open.jsonl"
fails 2 E_USAGE "open.jsonl: its questions have no options" "ways of questions without options" \
    "$KARMA" eval --model demo/model --datasets "$dir/open.jsonl" --answer-by all --output "$dir/r.json"
fails 2 E_USAGE "open.jsonl: rotations: its questions have no options" "orders of questions without options" \
    "$KARMA" eval --model demo/model --datasets "$dir/open.jsonl" --rotations --output "$dir/r.json"
fails 2 E_USAGE "nothing is written that could be stopped" "an early end where nothing is written" \
    "$KARMA" eval --model demo/model --datasets demo/questions.jsonl --answer-by letters,options --stop-when-decided \
    --output "$dir/r.json"
