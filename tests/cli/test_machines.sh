#!/bin/sh
# The machines people have: more threads than processors, one processor only, a processor without
# vector instructions, little memory. The same answer everywhere, and a word where it takes longer.
. tests/cli/common.sh
brain=demo/model
question="Which organ makes insulin?"
greedy='{"temperature": 0}'
answer() {
    run "$@" "$KARMA" run $brain "$question" --max-tokens 12 --model-args "$greedy" $more
}
warnings() {
    grep -c '^karma: warning: ' "$dir/err"
}
more=
answer env
cp "$dir/out" "$dir/first"
[ "$rc" -eq 0 ] && [ -s "$dir/first" ] && [ "$(warnings)" -eq 0 ]
result $? "as the machine is: an answer and no warning"

allowed=$("$KARMA" info system --json | sed -n 's/^ *"threads": \([0-9]*\).*/\1/p')
for threads in 1 2 7; do
    more="--threads $threads"
    answer env
    cmp -s "$dir/out" "$dir/first"
    result $? "the same bytes with $threads threads"
done
more="--threads $((allowed + 5))"
answer env
[ "$rc" -eq 0 ] && cmp -s "$dir/out" "$dir/first" && [ "$(warnings)" -eq 1 ] &&
    grep -q "^karma: warning: threads: $((allowed + 5)) on $allowed processor" "$dir/err"
result $? "more threads than processors: the same bytes and one warning"

cpu=$(taskset -cp $$ 2> /dev/null | sed 's/.*: \([0-9]*\).*/\1/')
if [ -n "$cpu" ] && taskset -c "$cpu" true 2> /dev/null; then
    more=
    answer taskset -c "$cpu"
    [ "$rc" -eq 0 ] && cmp -s "$dir/out" "$dir/first" && [ "$(warnings)" -eq 0 ]
    result $? "on one processor of the mask: the same bytes, and no warning"
    run taskset -c "$cpu" "$KARMA" info system --json
    grep -q '"threads": 1\b' "$dir/out"
    result $? "and one thread is what it takes by itself"
    more="--threads 2"
    answer taskset -c "$cpu"
    [ "$rc" -eq 0 ] && cmp -s "$dir/out" "$dir/first" &&
        grep -q '^karma: warning: threads: 2 on 1 processor that may be used' "$dir/err"
    result $? "two threads on one processor: the same bytes and a warning"
else
    echo "skip - no taskset here"
fi

# The reference path, as on a processor without AVX2.
more=
answer env KARMA_ISA=ref
[ "$rc" -eq 0 ] && [ "$(warnings)" -eq 1 ] && grep -q '^karma: warning: .*plain reference code' "$dir/err"
result $? "without vector instructions: an answer and one warning"
cp "$dir/out" "$dir/plain"
for threads in 1 2 7; do
    more="--threads $threads"
    answer env KARMA_ISA=ref
    cmp -s "$dir/out" "$dir/plain"
    result $? "and the same bytes with $threads threads"
done
more=
run env KARMA_ISA=ref "$KARMA" --quiet run $brain "$question" --max-tokens 2
[ "$rc" -eq 0 ] && ! grep -q warning "$dir/err"
result $? "--quiet leaves the warning out"
fails 2 E_USAGE "KARMA_ISA: avx9 is not one of" "a set that nobody knows is an error" \
    env KARMA_ISA=avx9 "$KARMA" run $brain x
for isa in avx2 avx512 avx512bf16; do
    env KARMA_ISA=$isa "$KARMA" info system > /dev/null 2>&1 && continue
    fails 2 E_USAGE "KARMA_ISA: this processor has no $isa" "a set that is not there is an error" \
        env KARMA_ISA=$isa "$KARMA" run $brain x
done

# Too little memory for weights, cache and scratch.
fails 4 E_LIMIT "memory: " "a memory ceiling below what the model takes is an error" \
    "$KARMA" run $brain x --max-memory 1M
more="--max-memory 64M"
answer env
[ "$rc" -eq 0 ] && cmp -s "$dir/out" "$dir/first"
result $? "a ceiling with room: the same bytes"

# What needs no model makes no thread and opens no file of one.
if command -v strace > /dev/null && strace -o "$dir/calls" true 2> /dev/null; then
    for command in --help --version "list models" "list datasets" "run --help"; do
        # shellcheck disable=SC2086 # two words
        run strace -f -o "$dir/calls" -e trace=clone,clone3,fork,vfork,openat "$KARMA" $command
        [ "$rc" -eq 0 ] && ! grep -q '^[0-9]* *\(clone\|clone3\|fork\|vfork\)(' "$dir/calls" &&
            ! grep -q '"[^"]*\(safetensors\|gguf\|tokenizer\|config.json\)' "$dir/calls"
        result $? "karma $command makes no thread and opens no model"
    done
else
    echo "skip - no strace here"
fi
