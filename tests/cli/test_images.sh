#!/bin/sh
# karma run on images: what is shown, in which order, in which forms; what is refused, and how; what
# info says of a model that sees. The weights are random: an answer is noise, but the same noise for
# the same pictures.
. tests/cli/common.sh
pictures=$fixtures/api/see

# see NAME: a checkpoint that sees, in $dir/NAME.
see() {
    mkdir -p "$dir/$1"
    cp $fixtures/models/gemma3_see/model.safetensors "$pictures"/*.json "$dir/$1/"
}
# ask NAME PROMPT OPTIONS...: the answer's tokens and counts in $dir/NAME.
ask() {
    name=$1 prompt=$2
    shift 2
    run "$KARMA" --quiet run "$dir/see" "$prompt" --json --max-tokens 12 \
        --model-args '{"do_sample": false, "logprobs": 0}' "$@"
    [ "$rc" -eq 0 ] && tr -d ' \n' < "$dir/out" > "$dir/$name"
}
see see
tiny blind

ask one "What is this?" --image $pictures/square.png && [ -s "$dir/one" ] && grep -q '"prompt_tokens":37,' "$dir/one"
result $? "an image is shown after the prompt's words"
want=$(sed -n '/^name one picture$/,/^$/s/^greedy //p' $pictures/cases.txt | tr ' ' ',')
grep -qF "\"tokens\":[$want" "$dir/one"
result $? "the answer is the reference's"
ask none "What is this?" && ! cmp -s "$dir/one" "$dir/none"
result $? "without it the answer is another"

ask two "Compare." --image $pictures/square.png --image=$pictures/odd.png &&
    ask turned "Compare." --image $pictures/odd.png --image $pictures/square.png && ! cmp -s "$dir/two" "$dir/turned"
result $? "several are shown in their order"
want=$(sed -n '/^name two in a row$/,/^$/s/^greedy //p' $pictures/cases.txt | tr ' ' ',')
grep -qF "\"tokens\":[$want" "$dir/two"
result $? "as the reference shows them"

ask url "What is this?" --image "data:image/png;base64,$(base64 -w 0 $pictures/square.png)" && cmp -s "$dir/one" "$dir/url"
result $? "a data URL is the file it holds"
cp $pictures/square.png "$dir/odd#frame=1.png" && ask mark "What is this?" --image "$dir/odd#frame=1.png" &&
    cmp -s "$dir/one" "$dir/mark"
result $? "a file whose name has a frame in it is that file"
ask zero "What is this?" --image "$pictures/square.png#frame=0" && cmp -s "$dir/one" "$dir/zero"
result $? "frame 0 of a file of one is that one"

run "$KARMA" run "$dir/see" "Which bone?" --image $pictures/grey16.png --max-tokens 2
[ "$rc" -eq 0 ] && grep -q '^karma: warning: .*grey16.png.*16 bits' "$dir/err"
result $? "16 bits are cut with a warning"
run "$KARMA" run "$dir/see" "Which bone?" --image $pictures/grey16.png --max-tokens 2 --model-args '{"image_mode": "full_depth"}'
[ "$rc" -eq 0 ] && ! grep -q 'warning' "$dir/err"
result $? "full_depth shows them, without one"
ask typed "x <start_of_image> y" --image $pictures/square.png && grep -q '"prompt_tokens":' "$dir/typed"
result $? "an image token that a person types is text"

# --- what is refused ---------------------------------------------------------------------------------
fails 4 E_MISSING "nowhere.png" "a file that is not there is named" \
    "$KARMA" run "$dir/see" "x" --image nowhere.png
echo "no picture" > "$dir/words.png"
fails 4 E_MAGIC "words.png" "so is one that is no picture" "$KARMA" run "$dir/see" "x" --image "$dir/words.png"
: > "$dir/empty.png"
fails 4 E_ANY "empty.png" "one that is empty" "$KARMA" run "$dir/see" "x" --image "$dir/empty.png"
head -c 900 $pictures/odd.png > "$dir/cut.png"
fails 4 E_ANY "cut.png" "one that is cut" "$KARMA" run "$dir/see" "x" --image "$dir/cut.png"
fails 4 E_RANGE "odd.png" "a frame that it does not have" "$KARMA" run "$dir/see" "x" --image "$pictures/odd.png#frame=7"
fails 4 E_MISSING "odd.png#frame=two" "a frame that is no number is a part of the name" "$KARMA" run "$dir/see" "x" --image "$pictures/odd.png#frame=two"
fails 4 E_PATH "example.org" "nothing is fetched" "$KARMA" run "$dir/see" "x" --image https://example.org/a.png
fails 2 E_USAGE "--image" "standard input is the prompt's" "$KARMA" run "$dir/see" "x" --image -
fails 2 E_USAGE "--image needs a value" "an option without its value" "$KARMA" run "$dir/see" "x" --image
fails 4 E_UNSUPPORTED "cannot see" "a model of text alone says so" \
    "$KARMA" run "$dir/blind" "x" --image $pictures/square.png
fails 4 E_UNSUPPORTED "text_only" "and one that is loaded as such" \
    "$KARMA" run "$dir/see" "x" --image $pictures/square.png --model-args '{"text_only": true}'
set --
for i in $(seq 1 50); do set -- "$@" --image $pictures/square.png; done
fails 4 E_LIMIT "200 of them for 50 images" "fifty images where there is no room for them" \
    "$KARMA" run "$dir/see" "x" "$@"
fails 4 E_LIMIT "text_only" "no memory for images under the ceiling" \
    "$KARMA" run "$dir/see" "x" --image $pictures/square.png --max-memory 20M

# --- what is told ------------------------------------------------------------------------------------
run "$KARMA" info model "$dir/see" --json
[ "$rc" -eq 0 ] && tr -d ' \n' < "$dir/out" | grep -q '"vision":{"image_size":28,"tokens_per_image":4'
result $? "info says what a model sees"
run "$KARMA" info model "$dir/blind" --json
[ "$rc" -eq 0 ] && ! grep -q '"vision"' "$dir/out"
result $? "and nothing of one that does not"
run "$KARMA" info model google/medgemma-4b-it
[ "$rc" -eq 0 ] && grep -q '^modalities .*image' "$dir/out" && grep -q '^image_mode' "$dir/out"
result $? "the published model is one of text and images"
