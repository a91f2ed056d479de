#!/bin/sh
# A model that was trained (tools/fixtures/tiny_vlm.py) answers questions on pictures of scenes it was
# not trained on: the whole path from a picture's file to a score, beside what the same weights answer
# in transformers.
. tests/cli/common.sh
vision=$fixtures/vision_tiny
model=$vision/model

# evaluate NAME OPTIONS...: results in $dir/NAME.json, "question TAB answer" of each in $dir/NAME.texts.
evaluate() {
    name=$1
    shift
    run "$KARMA" eval "$model" --datasets $vision/manifest.jsonl --no-cache \
        --no-progress --include-content --output "$dir/$name.json" "$@"
    sed -n 's/^ *"key": "\(.*\)",$/\1/p; s/^ *"output": "\(.*\)",$/\1/p' "$dir/$name.json" | paste - - | sort > "$dir/$name.texts"
}

# score LABEL: the share of exact matches that the table in $dir/out shows for it.
score() {
    sed -n "s|.* exact_match$1  *\([0-9.]*\) .*|\1|p" "$dir/out" | head -n 1
}

at_least() { # A B
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a >= b) }'
}

size=$(cat $model/* | wc -c)
[ "$size" -le 4000000 ]
result $? "the model takes no more than 4 MB"
evaluate many --batch-size 8
status=$rc all=$(score '') closed=$(score ', closed') open=$(score ', open')
echo "# right: $all of all questions, $closed of closed ones, $open of open ones"
[ "$status" -eq 0 ] && at_least "$all" 0.9
result $? "nine of ten questions or more are answered rightly"
at_least "$closed" 0.8 && at_least "$open" 0.8
result $? "closed and open ones are told apart, and both are answered"
sed -n 's/^{"id": "\([^"]*\)", "answer": "\(.*\)"}$/\1\t\2/p' $vision/answers.jsonl | sort > "$dir/reference"
[ "$(wc -l < "$dir/reference")" -ge 100 ] && cmp "$dir/many.texts" "$dir/reference" > "$dir/out"
result $? "every answer is the one transformers gives"
evaluate alone --batch-size 1 --threads 1
cmp -s "$dir/alone.texts" "$dir/many.texts"
result $? "questions alone and in company have the same answers"
evaluate int8 --batch-size 8 --model-args '{"dtype": "int8"}'
echo "# right in eight bits: $(score '')"
[ "$rc" -eq 0 ] && at_least "$(score '')" 0.85
result $? "and in eight bits it still knows what it sees"

first=$(head -n 1 $vision/manifest.jsonl)
image=$(echo "$first" | sed 's/.*"image": "\([^"]*\)".*/\1/')
question=$(echo "$first" | sed 's/.*"question": "\([^"]*\)".*/\1/')
answer=$(head -n 1 $vision/answers.jsonl | sed 's/.*"answer": "\([^"]*\)".*/\1/')
run "$KARMA" run $model "$question" --image "$vision/$image"
[ "$rc" -eq 0 ] && [ "$(cat "$dir/out")" = "$answer" ]
result $? "karma run says it of one picture"
