#!/bin/sh
# The argument kv_cache_dtype: what auto is, what is shown of it, its errors, and its part in the
# identity of answers.
. tests/cli/common.sh
tiny tiny
"$KARMA" --quiet convert "$dir/tiny" "$dir/half" --dtype bf16 > /dev/null 2>&1
half=$dir/half # weights in bf16
ask() { # ISA MODEL VALUE: the line kv_cache of `info`, or nothing
    run env KARMA_ISA="$1" "$KARMA" info model "$2" --model-args "{\"kv_cache_dtype\": \"$3\"}"
    awk '$1 == "kv_cache" { print $2 }' "$dir/out"
}

[ "$(ask ref "$half" auto)" = f32 ] && [ "$(ask ref "$dir/tiny" f32)" = f32 ]
result $? "keys and values are f32 where there are no products of pairs"
fails 2 E_USAGE "bf16 needs the instruction set avx512bf16" "asking for bf16 there is an error" \
    env KARMA_ISA=ref "$KARMA" run "$dir/tiny" x --model-args '{"kv_cache_dtype": "bf16"}'
fails 4 E_RANGE "auto, f32, bf16, int8, found" "another value is an error that names the right ones" \
    "$KARMA" run "$dir/tiny" x --model-args '{"kv_cache_dtype": "f16"}'
[ "$(ask ref "$half" int8)" = int8 ] && [ "$(ask ref "$dir/tiny" int8)" = int8 ]
result $? "eight bits are to be had everywhere"
bytes() { # ISA VALUE: of a token
    run env KARMA_ISA="$1" "$KARMA" info model "$half" --json \
        --model-args "{\"kv_cache_dtype\": \"$2\"}"
    awk -F'[:,]' '/"cache_bytes"/ { print $2 + 0 }' "$dir/out"
}
[ "$(bytes ref int8)" -gt 0 ] && [ "$(bytes ref f32)" -gt "$((2 * $(bytes ref int8)))" ]
result $? "and take less than half of the memory"

run env KARMA_ISA=avx512bf16 "$KARMA" info model "$half"
if grep -q 'this processor has no' "$dir/err"; then
    echo "skip - this processor has no avx512bf16"
    exit 0
fi
[ "$(ask avx512bf16 "$half" auto)" = bf16 ] && [ "$(ask avx512bf16 "$half" f32)" = f32 ]
result $? "weights in bf16 have a cache in bf16 unless one asks otherwise"
[ "$(ask avx512bf16 "$dir/tiny" auto)" = f32 ] && [ "$(ask avx512bf16 "$dir/tiny" bf16)" = bf16 ]
result $? "weights in f32 have one in f32 unless one asks otherwise"
[ "$(bytes avx512bf16 bf16)" -gt 0 ] &&
    [ "$(bytes avx512bf16 f32)" -eq "$((2 * $(bytes avx512bf16 bf16)))" ]
result $? "and take half the memory"
