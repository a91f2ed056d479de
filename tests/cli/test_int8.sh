#!/bin/sh
# The value int8 of the argument dtype: answers, what is shown of it, its errors, and stored answers
# that are kept apart.
. tests/cli/common.sh
tiny tiny
int8='{"temperature": 0, "dtype": "int8"}'

run "$KARMA" run "$dir/tiny" "Is iron low?" --max-tokens 12 --model-args "$int8"
[ "$rc" -eq 0 ] && [ -s "$dir/out" ]
result $? "answers a prompt with int8"
cp "$dir/out" "$dir/first"
for threads in 1 3; do
    run "$KARMA" run "$dir/tiny" "Is iron low?" --max-tokens 12 --model-args "$int8" --threads $threads
    cmp -s "$dir/out" "$dir/first"
    result $? "answers the same with $threads threads"
done
for isa in ref avx2 avx512 avx512bf16; do
    run env KARMA_ISA=$isa "$KARMA" run "$dir/tiny" "Is iron low?" --max-tokens 12 --model-args "$int8"
    if grep -q 'this processor has no' "$dir/err"; then
        echo "skip - this processor has no $isa"
        continue
    fi
    cmp -s "$dir/out" "$dir/first"
    result $? "answers the same on $isa"
done

run "$KARMA" info model "$dir/tiny" --model-args '{"dtype": "int8"}'
[ "$rc" -eq 0 ] && grep -q '^weights  *int8$' "$dir/out" && grep -q '^dtype  *F32$' "$dir/out"
result $? "info shows what the weights were made into and of"
run "$KARMA" info model "$dir/tiny"
[ "$rc" -eq 0 ] && grep -q '^weights  *as stored$' "$dir/out"
result $? "and else that they are as stored"

fails 4 E_RANGE "float16, int8, found" "another value of dtype is an error that names the right ones" \
    "$KARMA" run "$dir/tiny" x --model-args '{"dtype": "int7"}'
fails 4 E_UNSUPPORTED "is quantised already (Q8_0); leave dtype out" "blocks are not quantised again" \
    "$KARMA" run tests/fixtures/models/llama_gguf_q8_0/model.gguf x --model-args '{"dtype": "int8"}'
echo fever > "$dir/texts"
run "$KARMA" embed tests/fixtures/embeddings/bert "$dir/texts" --model-args '{"dtype": "int8"}'
[ "$rc" -eq 0 ] && [ -s "$dir/out" ]
result $? "an embedding model makes vectors with int8"

