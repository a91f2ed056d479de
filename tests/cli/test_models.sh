#!/bin/sh
# Models on the command line: what info shows of a constructor and of each argument's origin, the
# levels of arguments, models that stand in for others, the memory ceiling.
. tests/cli/common.sh
tiny tiny

# from ARGUMENT VALUE ORIGIN: does the table in $dir/out say so?
from() {
    grep -q "^$1  *[a-z]*  *$2  *$3  " "$dir/out"
}

run "$KARMA" info model Qwen/Qwen3-0.6B
[ "$rc" -eq 0 ] && grep -q "^QwenThinkingLLM(model_name_or_path: str, device: str = 'auto', " "$dir/out" &&
    grep -q 'enable_thinking: bool = False, thinking_budget: Optional\[int\] = None' "$dir/out"
result $? "the constructor as upstream shows it"
from temperature 0.7 meta && from seed 0 'class default' && from top_k 50 meta &&
    from model_name_or_path '"Qwen/Qwen3-0.6B"' name && grep -q '^temperature .* 0\.\.100  ' "$dir/out"
result $? "each argument with its value, range and the level the value comes from"

printf '{"top_k": 7, "seed": 3}' > "$dir/c.json"
printf 'top_k: 7\nseed: 3\n' > "$dir/c.yaml"
for config in c.json c.yaml; do
    run "$KARMA" info model Qwen/Qwen3-0.6B --model-path "$dir/tiny" --model-config "$dir/$config" \
        --model-args '{"seed": 4, "max_new_tokens": 12}'
    [ "$rc" -eq 0 ] && from top_k 7 config && from seed 4 call && from max_tokens 12 call &&
        from top_p 0.9 meta && from min_p — — &&
        from model_name_or_path "\"$dir/tiny\"" 'model path'
    result $? "class < meta < model path < configuration ($config) < arguments"
done
run "$KARMA" info model Qwen/Qwen3-0.6B --model-args '{"seed": 4}' --json
[ "$rc" -eq 0 ] && grep -q '"signature": "QwenThinkingLLM(model_name_or_path: str' "$dir/out" &&
    grep -q '"from": "call"' "$dir/out" && grep -q '"from": "class default"' "$dir/out"
result $? "the same as JSON"
fails 2 E_USAGE "temperature" "a misspelt option is told the nearest" \
    "$KARMA" info model Qwen/Qwen3-0.6B --model-args '{"temperture": 1}'
fails 2 E_USAGE "cuda" "a device that is not there is an error" \
    "$KARMA" run "$dir/tiny" hi --device cuda:1

run "$KARMA" info model Qwen/Qwen3-0.6B --model-path "$dir/tiny"
[ "$rc" -eq 0 ] && grep -q '^memory, estimated' "$dir/out" &&
    grep -q '^  weights .*memory_usage_mb: 1.1 GB' "$dir/out" && grep -q '^  in all ' "$dir/out" &&
    grep -q '^  allowed ' "$dir/out"
result $? "the memory it would take, beside what its metadata says"
run "$KARMA" info model "$dir/tiny" --json
[ "$rc" -eq 0 ] && grep -q '"estimate": [0-9]' "$dir/out" && grep -q '"ceiling": [0-9]' "$dir/out"
result $? "the same as JSON"
run "$KARMA" info model "$dir/tiny" --max-memory 1M --model-args '{"max_sequences": 1024}'
[ "$rc" -eq 0 ] && grep -q 'it will not be loaded' "$dir/out"
result $? "a model too large for the ceiling is measured all the same"
fails 4 E_LIMIT "1 allowed" "and is not loaded" \
    "$KARMA" run "$dir/tiny" hi --max-memory 1M --model-args '{"max_sequences": 1024}'
for size in 2G 800M 1.5GiB 900000k 4096; do
    run "$KARMA" run "$dir/tiny" hi --max-tokens 2 --max-memory $size
    [ "$rc" -eq 0 ]
    result $? "a ceiling of $size"
done
for size in 0 2Q -1G 1K G x; do
    fails 2 E_USAGE "--max-memory" "a ceiling of $size is none" \
        "$KARMA" run "$dir/tiny" hi --max-memory=$size
done
fails 2 E_USAGE "given twice" "a ceiling given twice" \
    "$KARMA" run "$dir/tiny" hi --max-memory 2G --model-args '{"max_memory_mb": 9}'

run "$KARMA" run /no/where hi --max-tokens 2 --fallback "/nor/here,$dir/tiny"
[ "$rc" -eq 0 ] && grep -q '^karma: warning: /no/where could not be loaded; .*/tiny is used in its place' "$dir/err" &&
    grep -q '/nor/here: ' "$dir/err"
result $? "a model that is there stands in for one that is not, with a warning"
fails 2 E_NOTFOUND "/nor/here" "when none is there, all are named" \
    "$KARMA" run /no/where hi --fallback /nor/here
fails 2 E_USAGE "--fallback" "an empty name" "$KARMA" run /no/where hi --fallback "a,,b"
run "$KARMA" run Qwen/Qwen3-0.6B hi --max-tokens 2 --fallback "$dir/tiny" --model-path "$dir/tiny"
[ "$rc" -eq 0 ] && ! grep -q 'could not be loaded' "$dir/err"
result $? "a model that loads needs no stand-in"
questions 3 > "$dir/q.jsonl"
run env KARMA_STORE="$dir/s.db" "$KARMA" eval --model /no/where --fallback "$dir/tiny" \
    --datasets "$dir/q.jsonl" --model-args '{"max_tokens": 2}' --output "$dir/r.json" \
    --store "$dir/s.db" --no-progress
[ "$rc" -eq 0 ] && [ "$(value model "$dir/r.json")" = "\"$dir/tiny\"" ] &&
    [ "$(value requested_model "$dir/r.json")" = '"/no/where"' ] &&
    grep -q '"fallback_reason": "/no/where: ' "$dir/r.json"
result $? "results say which model answered, which was asked for, and why"

cat > "$dir/meta.json" <<JSON
[{"name": "web/chat", "loader_class": "some.package.WebChat", "model_type": "text_generation"}]
JSON
mkdir -p "$dir/path/models" && cp "$dir/meta.json" "$dir/path/models/"
KARMA_PATH="$dir/path" && export KARMA_PATH
run "$KARMA" list models --format simple
[ "$rc" -eq 0 ] && grep -q '^web/chat$' "$dir/out"
result $? "metadata whose class is not here is listed"
run "$KARMA" info model web/chat
[ "$rc" -eq 0 ] && grep -q "there is no class 'some.package.WebChat'" "$dir/out"
result $? "and shown"
fails 2 E_NOTFOUND some.package.WebChat "but no model can be made of it" "$KARMA" run web/chat hi
