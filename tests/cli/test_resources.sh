#!/bin/sh
# Too little of something: memory, file descriptors, a place to write. Each time one line and a
# status of the list, never a signal; and what had room gives the same bytes as ever.
. tests/cli/common.sh
tiny tiny
questions 20 > "$dir/data.jsonl"

# limited LIMIT VALUE NAME: an evaluation under that limit of the shell's.
limited() {
    run sh -c 'ulimit "-$1" "$2" && shift 2 && exec "$@"' sh "$1" "$2" "$KARMA" eval --model "$dir/tiny" \
        --datasets "$dir/data.jsonl" --store "$dir/$3.db" --output "$dir/$3.json" --threads 2 --no-progress \
        --model-args '{"max_tokens": 3}'
}
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir/whole.json" --model-args '{"max_tokens": 3}'
[ "$rc" -eq 0 ]
result $? "with room for all it works"

# sweep LIMIT SENTENCE VALUES...
sweep() {
    limit=$1 sentence=$2
    shift 2
    wrong=0 short=0 through=0
    for value in "$@"; do
        limited "$limit" "$value" "$limit$value"
        case $rc in
        0)
            through=$((through + 1))
            cmp -s "$dir/$limit$value.json" "$dir/whole.json" || wrong=$((wrong + 1))
            ;;
        5)
            short=$((short + 1))
            [ "$(grep -c '^karma: error E_[A-Z]*: ' "$dir/err")" -eq 1 ] || wrong=$((wrong + 1))
            ;;
        127) grep -q 'shared librar' "$dir/err" || wrong=$((wrong + 1)) ;; # it never began
        1) grep -q '^libgomp: Out of memory' "$dir/err" || wrong=$((wrong + 1)) ;; # a library did not
        *)
            wrong=$((wrong + 1))
            echo "# $limit $value: status $rc: $(tail -n 1 "$dir/err" | cut -c 1-200)"
            ;;
        esac
    done
    [ $wrong -eq 0 ] && [ $short -gt 0 ] && [ $through -gt 0 ]
    result $? "$sentence ($short times too little, $through times enough)"
}
sweep n "few file descriptors" 3 4 5 6 7 8 9 10 12 16
case $(nm -D --undefined-only "$KARMA" 2> /dev/null) in
*__asan_*) echo "skip - the sanitizer needs all of the address space" ;;
*) sweep v "little memory" 7000 7500 8000 9000 10000 11000 12000 13000 14000 15000 16000 17000 18000 20000 24000 32000 \
    50000 100000 200000 400000 ;;
esac

# A place that refuses.
fails 4 E_MISSING /proc/nowhere/results.json "an output where nothing can be made" \
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output /proc/nowhere/results.json
run "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --output "$dir/x.json" --store /proc/store.db
[ "$rc" -ne 0 ] && [ "$rc" -le 7 ] && [ "$(grep -c '^karma: error E_' "$dir/err")" -eq 1 ]
result $? "a store where nothing can be made"
mkdir "$dir/fixed"
if mount -t tmpfs -o ro tmpfs "$dir/fixed" 2> /dev/null; then
    trap 'umount "$dir/fixed"; rm -rf "$dir"' EXIT
    fails 5 E_PERM fixed/results.json "an output on a file system that cannot be written" \
        "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir/fixed/results.json"
    fails 5 E_PERM fixed/store.db "a store on a file system that cannot be written" \
        "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --output "$dir/y.json" --store "$dir/fixed/store.db"
else
    echo "skip - no right to mount a read-only file system"
fi
if [ "$(id -u)" -ne 0 ]; then
    chmod 500 "$dir/fixed"
    fails 5 E_PERM fixed/results.json "an output in a folder without the right to write" \
        "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir/fixed/results.json"
fi

# The output's folder goes away in the middle: the answers stay.
mkdir "$dir/gone"
rm -f "$dir/err"
KARMA_ISA=ref "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --store "$dir/gone.db" --threads 1 \
    --output "$dir/gone/results.json" --model-args '{"max_tokens": 200, "do_sample": true, "temperature": 1.5}' \
    > "$dir/out" 2> "$dir/err" < /dev/null &
pid=$!
tries=0
until grep -q '^store ' "$dir/err" 2> /dev/null || [ $tries -eq 500 ]; do
    sleep 0.02
    tries=$((tries + 1))
done
rmdir "$dir/gone"
wait $pid
rc=$?
[ "$rc" -eq 5 ] || [ "$rc" -eq 4 ] && grep -q '^karma: error E_.*gone/results\.' "$dir/err"
result $? "the output's folder goes away in the middle: one line"
run env KARMA_ISA=ref "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --store "$dir/gone.db" \
    --output "$dir/found.json" --model-args '{"max_tokens": 200, "do_sample": true, "temperature": 1.5}'
[ "$rc" -eq 0 ] && [ "$(value samples_run "$dir/found.run.json")" = 0 ]
result $? "and no sample has to be run again"

# Somebody cuts the weights short while they are in use: a line that names the file, not a signal.
rm -f "$dir/err" # its plan is waited for
KARMA_ISA=ref "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --store "$dir/cut.db" --threads 1 \
    --output "$dir/cut.json" --model-args '{"max_tokens": 200, "do_sample": true, "temperature": 1.5}' \
    > "$dir/out" 2> "$dir/err" < /dev/null &
pid=$!
tries=0
until grep -q "^store " "$dir/err" 2> /dev/null || [ $tries -eq 500 ]; do # the weights are loaded
    sleep 0.02
    tries=$((tries + 1))
done
truncate -s 4096 "$dir/tiny/model.safetensors"
wait $pid
rc=$?
[ "$rc" -eq 5 ] && grep -q '^karma: error E_IO: .*model.safetensors: byte [0-9]*: ' "$dir/err"
result $? "weights that are cut short while in use: one line that names file and byte"
