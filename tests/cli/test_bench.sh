#!/bin/sh
# karma bench: each kind of model gives its figures, as a table and as JSON; wrong options, unknown
# models and a ceiling that is too low are told. What the figures are is the machine's business.
. tests/cli/common.sh
tiny tiny

# figures: names of the figures in $dir/out, on one line.
figures() {
    sed -n '/"figures"/,/^  \]/s/^      "name": "\(.*\)",$/\1/p' "$dir/out" | tr '\n' ','
}
# positive KEY...: all numbers of these names in $dir/out are above zero, and there are some.
positive() {
    for key; do
        grep -o "\"$key\": [-0-9.e+]*" "$dir/out" |
            awk '{ n++; if (!($2 > 0)) bad = 1 } END { exit bad || !n }' || return 1
    done
}

run "$KARMA" bench "$dir/tiny" --rounds 1 --prompt 16 --generate 4 --batch 2 --threads 1 --json
[ "$rc" -eq 0 ] && [ ! -s "$dir/err" ] &&
    [ "$(figures)" = "load,start,prefill,first token,decode,decode batch,evaluation,letters,options," ] &&
    [ "$(value kind "$dir/out")" = '"text"' ] && [ "$(value rounds "$dir/out")" = 1 ] &&
    [ "$(value threads "$dir/out")" = 1 ] && positive median least greatest
result $? "a generating model: nine figures, all of them above zero"
for key in model path architecture dtype weights num_parameters per_token machine notes limited_by would_help \
    processor instruction_set threads_allowed load_before others_busy processor_share stream_bytes f32_operations \
    bf16_operations int16_operations int8_operations peak memory_share arithmetic_share head_parameters weight_bytes \
    cache_bytes attention_operations what unit; do
    grep -q "^ *\"$key\": " "$dir/out" || echo "$key"
done > "$dir/missing"
[ ! -s "$dir/missing" ]
result $? "the JSON has every field that the page names"
# Products of a token: 3 layers of 2 * 60 * 38 + 2 * 20 * 38 + 3 * 54 * 38 weights in f32, and the head.
[ "$(value parameters "$dir/out")" = "$((3 * (120 + 40 + 162) * 38 + 97 * 38))" ] &&
    [ "$(value head_parameters "$dir/out")" = "$((97 * 38))" ] &&
    [ "$(value weight_bytes "$dir/out")" = "$((4 * (3 * 322 * 38 + 97 * 38)))" ] &&
    [ "$(value cache_bytes "$dir/out")" = "$((3 * 2 * 20 * 4))" ] &&
    [ "$(value attention_operations "$dir/out")" = "$((3 * 4 * 60))" ]
result $? "what a token takes is counted from the weights that are there"

run "$KARMA" bench "$dir/tiny" --rounds 2 --prompt 16 --generate 4 --batch 2
[ "$rc" -eq 0 ] && [ ! -s "$dir/err" ] && grep -q '^medians of 2 rounds$' "$dir/out" &&
    grep -q '^decode batch  *[0-9.]*  *[0-9.]*  *[0-9.]*  *tokens/s ' "$dir/out" &&
    grep -q '^stream  *[0-9.]*  .*GB/s' "$dir/out" &&
    [ "$(grep -c '^limited by: .' "$dir/out")" -eq 1 ] && [ "$(grep -c '^would help: .' "$dir/out")" -eq 1 ]
result $? "as text: a table, one line on what limits and one on what would help"

# Fewer positions than the usual sizes take.
cp -r "$dir/tiny" "$dir/short"
sed 's/"max_position_embeddings": 2048/"max_position_embeddings": 64/' "$dir/tiny/config.json" > "$dir/short/config.json"
run "$KARMA" bench "$dir/short" --rounds 1 --generate 4 --batch 2 --json
[ "$rc" -eq 0 ] && grep -q 'the model has 64 positions: prompts are of 60 tokens' "$dir/out" && positive median
result $? "a model of few positions is measured with what fits, and that is told"
fails 4 E_LIMIT "the model has 64 positions" "a prompt that was asked for and does not fit is an error" \
    "$KARMA" bench "$dir/short" --prompt 100

run env KARMA_ISA=ref "$KARMA" bench "$dir/tiny" --rounds 1 --prompt 8 --generate 2 --batch 1 --json
[ "$rc" -eq 0 ] && [ "$(value instruction_set "$dir/out")" = '"ref"' ] &&
    [ "$(value f32_operations "$dir/out")" = null ] && grep -q '"would_help": ".*KARMA_ISA unset' "$dir/out"
result $? "the plain instruction set has no peak, and the hint says why it is slow"
allowed=$("$KARMA" info system --json | sed -n 's/^ *"threads": \([0-9]*\).*/\1/p')
if [ "$allowed" -gt 1 ]; then
    run "$KARMA" bench "$dir/tiny" --rounds 1 --prompt 8 --generate 2 --batch 1 --threads 1
    grep -q "^would help: .*--threads $allowed" "$dir/out"
    result $? "fewer threads than may be used are pointed out"
else
    echo "skip - one processor: there are no further threads to point out"
fi

run "$KARMA" bench $fixtures/embeddings/bert --rounds 1 --prompt 12 --batch 8 --json
[ "$rc" -eq 0 ] && [ "$(figures)" = "load,start,embedding,texts," ] && [ "$(value kind "$dir/out")" = '"embedding"' ] &&
    positive median
result $? "an embedding model: tokens and texts a second"
run "$KARMA" bench $fixtures/speech_tiny/model --rounds 1 --seconds 2 --batch 2 --json
[ "$rc" -eq 0 ] && [ "$(figures)" = "load,real-time factor,speech," ] && [ "$(value kind "$dir/out")" = '"speech"' ] &&
    positive median
result $? "a recogniser: its real-time factor"
run "$KARMA" bench $fixtures/vision_tiny/model --rounds 1 --prompt 8 --generate 2 --batch 1 --json
[ "$rc" -eq 0 ] && figures | grep -q 'evaluation,letters,options,picture,$' && positive median
result $? "a model that sees: a picture too"

run "$KARMA" bench "$dir/tiny" --rounds 1 --prompt 16 --generate 4 --batch 2 --json --only "decode batch,start"
[ "$rc" -eq 0 ] && [ "$(figures)" = "start,decode batch," ] && positive median
result $? "figures that are named are measured, the others are not"
fails 2 E_USAGE "found prefil" "a figure that is none is an error" "$KARMA" bench "$dir/tiny" --only start,prefil
fails 2 E_USAGE "found speech" "and so is one of another kind of model" "$KARMA" bench "$dir/tiny" --only speech
fails 2 E_USAGE "--only picture" "a model that does not see has no picture to measure" \
    "$KARMA" bench "$dir/tiny" --only picture
fails 2 E_USAGE "--only" "no figure is no name" "$KARMA" bench "$dir/tiny" --only ""

fails 2 E_USAGE "--seconds" "an option of another kind of model is an error" \
    "$KARMA" bench "$dir/tiny" --seconds 3
fails 2 E_USAGE "--generate" "and so it is the other way round" \
    "$KARMA" bench $fixtures/speech_tiny/model --generate 3
fails 2 E_USAGE "--rounds: expected a whole number from 1 to 99" "no rounds are none" \
    "$KARMA" bench "$dir/tiny" --rounds 0
fails 2 E_USAGE "--batch" "a batch is a number" "$KARMA" bench "$dir/tiny" --batch many
fails 2 E_USAGE "did you mean --prompt" "an unknown option is told the nearest" \
    "$KARMA" bench "$dir/tiny" --promt 3
fails 2 E_USAGE "usage: karma bench MODEL" "without a model there is nothing to measure" "$KARMA" bench
fails 2 E_NOTFOUND nowhere "an unknown model is an error" "$KARMA" bench "$dir/nowhere"
run "$KARMA" bench "$dir/tiny" --rounds 1 --prompt 16 --generate 4 --batch 1024 --max-memory 3M
[ "$rc" -eq 0 ] && grep -q '^note: memory: the ceiling has room for a batch of [0-9]*, not of 1024$' "$dir/out" &&
    grep -q '^would help: .*a higher --max-memory' "$dir/out" && grep -q '^decode batch  *[0-9]' "$dir/out"
result $? "a ceiling that a batch does not fit makes it smaller, and that is told"
fails 4 E_LIMIT "" "a ceiling that the model does not fit is an error" \
    "$KARMA" bench "$dir/tiny" --max-memory 1M
