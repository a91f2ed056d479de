#!/bin/sh
# karma info: models by name and by path, data sets, metrics, this system; as text and as JSON.
. tests/cli/common.sh
tiny tiny

run "$KARMA" info model Qwen/Qwen3-0.6B
[ "$rc" -eq 0 ] && grep -q '^n_parameters  *596049920$' "$dir/out" &&
    grep -q '^max_tokens .* new tokens at most' "$dir/out" && grep -q '^seed ' "$dir/out" &&
    grep -q 'karma eval --model Qwen/Qwen3-0.6B' "$dir/out"
result $? "a registered model: metadata, arguments of all its classes, usage"
run "$KARMA" info model Qwen/Qwen3-0.6B --json
[ "$rc" -eq 0 ] && grep -q '"n_parameters": 596049920' "$dir/out" && grep -q '"arguments": \[' "$dir/out"
result $? "the same as JSON"

run "$KARMA" info model "$dir/tiny"
[ "$rc" -eq 0 ] && grep -q '^num_parameters  *40720$' "$dir/out" &&
    grep -q '^architecture  *Qwen3ForCausalLM$' "$dir/out" &&
    grep -q '^max_position_embeddings  *2048$' "$dir/out"
result $? "a checkpoint by its path is opened and measured"
run "$KARMA" info model "$dir/tiny" --json
[ "$rc" -eq 0 ] && grep -q '"num_parameters": 40720' "$dir/out"
result $? "the same as JSON"
fails 4 E_MISSING "the file has no tokenizer" "a GGUF file by its path: what it lacks is told" \
    "$KARMA" info model $fixtures/models/llama_gguf_q8_0/model.gguf
echo 'print("no")' > "$dir/tiny/modeling.py"
run "$KARMA" info model "$dir/tiny"
[ "$rc" -eq 0 ] && grep -q 'checkpoint contains code; karma never runs it' "$dir/out"
result $? "code beside a checkpoint is pointed out and not run"

for name in openlifescienceai/pubmedqa multiple_choice question_answer; do
    run "$KARMA" info dataset $name
    [ "$rc" -eq 0 ] && grep -q '^prompt ' "$dir/out" && grep -q '^path .*(required)' "$dir/out"
    result $? "data set $name: prompt, extraction, arguments"
done
run "$KARMA" info dataset multiple_choice --json
[ "$rc" -eq 0 ] && grep -q '"task_type": "mcqa"' "$dir/out"
result $? "a data set as JSON"
run "$KARMA" info metric exact_match
[ "$rc" -eq 0 ] && grep -q '^ignore_case ' "$dir/out"
result $? "a metric with its arguments"
run "$KARMA" info processor general_text_processor
[ "$rc" -eq 0 ] && grep -q '^use_punc ' "$dir/out"
result $? "a processor with its arguments"
run "$KARMA" info system
[ "$rc" -eq 0 ] && grep -q '^instruction_set ' "$dir/out" && grep -q '^models  *[0-9]' "$dir/out"
result $? "this system"
run "$KARMA" info system --json
[ "$rc" -eq 0 ] && grep -q '"version": "' "$dir/out"
result $? "this system as JSON"
run env -u HOME -u XDG_CACHE_HOME "$KARMA" info system
[ "$rc" -eq 0 ]
result $? "this system without a HOME"
run env KARMA_ISA=ref "$KARMA" info system
[ "$rc" -eq 0 ] && grep -q '^instruction_set  *ref$' "$dir/out"
result $? "KARMA_ISA chooses the instruction set"

fails 2 E_NOTFOUND Qwen/Qwen3-0.6B "an unknown model is told the nearest" \
    "$KARMA" info model Qwen/Qwen3-0.6
fails 2 E_NOTFOUND pubmedqa "an unknown data set is told the nearest" \
    "$KARMA" info dataset pubmed_qa
fails 2 E_NOTFOUND exact_match "an unknown metric is told the nearest" "$KARMA" info metric exact_mach
fails 2 E_USAGE "info model NAME" "a name is missing" "$KARMA" info model
fails 2 E_USAGE "info model NAME" "a name too many" "$KARMA" info system here
fails 2 E_USAGE "expected one of model, dataset" "an unknown kind is told the known ones" \
    "$KARMA" info models x
