#!/bin/sh
# The demo's model knows the demo's questions, and knows nothing once its weights are shuffled.
. tests/cli/common.sh
shuffle=$(dirname "$KARMA")/tests/support/shuffle_main

# score MODEL: the exact_match of an evaluation on the demo's questions.
score() {
    run "$KARMA" eval --model "$1" --datasets demo/questions.jsonl --output "$dir/results.json" \
        --no-cache --no-progress
    sed -n 's/.*"score": \([0-9.]*\),/\1/p' "$dir/results.json" | head -n 1
}

known=$(score demo/model)
awk "BEGIN { exit !(${known:--1} >= 0.95) }"
result $? "the demo's model answers at least 95 % of the demo's questions ($known)"

mkdir "$dir/shuffled"
cp demo/model/* "$dir/shuffled/"
"$shuffle" demo/model/model.safetensors "$dir/shuffled/model.safetensors"
result $? "its weights can be shuffled"
unknown=$(score "$dir/shuffled")
# Four options: chance is 0.25; 0.39 is three standard errors above it for 88 questions.
awk "BEGIN { exit !(${unknown:-1} >= 0 && ${unknown:-1} <= 0.39) }"
result $? "with its weights shuffled it is no better than chance ($unknown)"
