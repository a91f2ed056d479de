#!/bin/sh
# Evaluates the toy checkpoint of demo/model on demo/questions.jsonl, offline. Called by `make demo`
# with the path of the program; results go to build/demo.
set -eu
karma=$1
out=$(dirname "$karma")/demo
mkdir -p "$out"
rm -f "$out/answers.db" "$out/answers.db-wal" "$out/answers.db-shm"

echo "\$ karma eval --model demo/model --datasets demo/questions.jsonl"
"$karma" eval --model demo/model --datasets demo/questions.jsonl \
    --output "$out/results.json" --store "$out/answers.db" --offline --no-progress
cat << 'END'

The model is a toy of two megabytes that has learnt these very questions by heart: the score shows
that the program works, not that the model knows medicine. The same with a real model:

    karma eval --model Qwen/Qwen3-0.6B --datasets demo/questions.jsonl
    karma eval --model path/to/model.gguf --datasets demo/questions.jsonl
END
