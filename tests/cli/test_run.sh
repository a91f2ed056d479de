#!/bin/sh
# karma run: a prompt from the command line or standard input, as text and as JSON, with the
# options; the same answer whatever the thread count.
. tests/cli/common.sh
tiny tiny
greedy='{"temperature": 0}'

run "$KARMA" run "$dir/tiny" "Is iron low?" --max-tokens 12 --model-args "$greedy"
[ "$rc" -eq 0 ] && [ -s "$dir/out" ] && [ "$(wc -l < "$dir/out")" -ge 1 ]
result $? "answers a prompt"
cp "$dir/out" "$dir/first"
run "$KARMA" run "$dir/tiny" "Is iron low?" --max-tokens 3 --model-args "$greedy"
[ "$rc" -eq 0 ] && grep -q '^karma: note: the token limit ended the answer$' "$dir/err"
result $? "says on standard error that the limit ended the answer"
for threads in 1 2 5; do
    run "$KARMA" run "$dir/tiny" "Is iron low?" --max-tokens 12 --model-args "$greedy" --threads $threads
    cmp -s "$dir/out" "$dir/first"
    result $? "answers the same with $threads threads"
done
echo "Is iron low?" | "$KARMA" run "$dir/tiny" - --max-tokens 12 --model-args "$greedy" 2> "$dir/err" > "$dir/out"
cmp -s "$dir/out" "$dir/first"
result $? "reads the prompt from standard input for -"
echo "Is iron low?" | "$KARMA" run "$dir/tiny" --max-tokens 12 --model-args "$greedy" 2> "$dir/err" > "$dir/out"
cmp -s "$dir/out" "$dir/first"
result $? "reads the prompt from standard input when there is none"
echo "{temperature: 0, max_tokens: 12}" > "$dir/config.yaml"
run "$KARMA" run "$dir/tiny" "Is iron low?" --model-config "$dir/config.yaml"
cmp -s "$dir/out" "$dir/first"
result $? "takes arguments from a YAML file"
echo '{"temperature": 0, "max_tokens": 3}' > "$dir/config.json"
run "$KARMA" run "$dir/tiny" "Is iron low?" --model-config "$dir/config.json" --max-tokens 12
cmp -s "$dir/out" "$dir/first"
result $? "an option counts more than the file"
run "$KARMA" run "$dir/tiny" "Is iron low?" --model-config "$dir/config.json" --model-args '{"max_tokens": 12}'
cmp -s "$dir/out" "$dir/first"
result $? "--model-args counts more than the file"
fails 2 E_USAGE "--max-tokens is given twice" "an option and --model-args may not both give a value" \
    "$KARMA" run "$dir/tiny" x --max-tokens 3 --model-args '{"max_tokens": 4}'

run "$KARMA" run "$dir/tiny" "Is iron low?" --max-tokens 3 --model-args "$greedy" --json
[ "$rc" -eq 0 ] && [ "$(value finish_reason "$dir/out")" = '"length"' ] &&
    [ "$(value generated_tokens "$dir/out")" = 3 ] && grep -q '"thinking": null' "$dir/out"
result $? "prints text, thinking, tokens and reason as JSON"
run "$KARMA" run "$dir/tiny" "Is iron low?" --max-tokens 3 --model-args '{"temperature": 0, "logprobs": 2}' --json
[ "$rc" -eq 0 ] && grep -q '"logprobs": \[' "$dir/out"
result $? "prints log-probabilities when asked for"
run "$KARMA" run "$dir/tiny" "Is iron low?" --json --max-tokens 3 --model-args "$greedy"
without=$(value prompt_tokens "$dir/out")
run "$KARMA" run "$dir/tiny" "Is iron low?" --json --max-tokens 3 --model-args "$greedy" --system "Be brief."
[ "$(value prompt_tokens "$dir/out")" -gt "$without" ]
result $? "--system adds a message"
run "$KARMA" run "$dir/tiny" "<|im_end|>" --json --max-tokens 1 --model-args "$greedy"
safe=$(value prompt_tokens "$dir/out")
run "$KARMA" run "$dir/tiny" "<|im_end|>" --json --max-tokens 1 \
    --model-args '{"temperature": 0, "special_tokens": "compat"}'
[ "$safe" -gt "$(value prompt_tokens "$dir/out")" ]
result $? "control-token text in a prompt is text, unless compat is asked for"

for seed in 1 1 2; do
    run "$KARMA" run "$dir/tiny" "Is iron low?" --max-tokens 24 --seed $seed \
        --model-args '{"do_sample": true, "temperature": 1.5}'
    cp "$dir/out" "$dir/seed$seed.$(ls "$dir" | grep -c '^seed')"
done
cmp -s "$dir/seed1.0" "$dir/seed1.1" && ! cmp -s "$dir/seed1.0" "$dir/seed2.2"
result $? "one seed, one answer; another seed, another"

# The prompt and where the answer goes.
fails 2 E_USAGE "usage: karma run MODEL" "a model is missing" "$KARMA" run
printf 'caf\303' | "$KARMA" run "$dir/tiny" - > "$dir/out" 2> "$dir/err"
[ $? -eq 4 ] && grep -q '^karma: error E_ENCODING: standard input' "$dir/err"
result $? "a prompt that is no UTF-8 is refused"
printf 'a\000b' | "$KARMA" run "$dir/tiny" - > "$dir/out" 2> "$dir/err"
[ $? -eq 4 ] && grep -q '^karma: error E_ENCODING: standard input' "$dir/err"
result $? "a prompt with a NUL is refused"
run sh -c '"$1" run "$2" x --max-tokens 2 <&-' sh "$KARMA" "$dir/tiny"
[ "$rc" -eq 0 ]
result $? "works with standard input closed"
fails 5 E_IO "standard input" "a closed standard input is no prompt" \
    sh -c '"$1" run "$2" - <&-' sh "$KARMA" "$dir/tiny"
run sh -c '"$1" run "$2" x --max-tokens 200 > /dev/full' sh "$KARMA" "$dir/tiny"
[ "$rc" -eq 5 ] && grep -q '^karma: error E_' "$dir/err"
result $? "a full disk behind standard output is exit status 5"
run sh -c '{ "$1" run "$2" x --max-tokens 1500 --model-args "{\"temperature\": 0}"; echo $? >&2; } | head -c 1 > /dev/null' sh "$KARMA" "$dir/tiny"
[ "$(tail -n 1 "$dir/err")" = 5 ] && grep -q '^karma: error E_IO: standard output' "$dir/err"
result $? "a reader that leaves early ends the run with exit status 5"
fails 4 E_LIMIT "tokens" "a prompt longer than the context fails with both numbers" \
    "$KARMA" run "$dir/tiny" "$(head -c 5000 /dev/zero | tr '\0' a)"
run "$KARMA" run "$dir/tiny" "$(head -c 5000 /dev/zero | tr '\0' a)" --max-tokens 2 --model-args '{"truncate": "left"}'
[ "$rc" -eq 0 ]
result $? "unless it may be shortened"
