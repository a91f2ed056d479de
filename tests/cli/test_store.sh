#!/bin/sh
# The store of answers: shared by processes, full, damaged, foreign; where it lies. Processes that
# share it are an oracle's (tests/support/oracle_main.c), which knows every answer.
. tests/cli/common.sh
oracle=$(dirname "$KARMA")/tests/support/oracle_main
tiny tiny
questions 200 > "$dir/data.jsonl"
questions 300 | tail -n 150 > "$dir/other.jsonl" # 50 of them are in data.jsonl too

if [ -x "$oracle" ]; then
    "$oracle" "$dir/data.jsonl" "$dir/alone.db" "$dir/alone.json" 0 > "$dir/out" || result 1 "an oracle's run"
    "$oracle" "$dir/other.jsonl" "$dir/alone2.db" "$dir/alone2.json" 0 > "$dir/out" || result 1 "an oracle's run"
    for n in 2 8; do
        pids=
        i=0
        while [ $i -lt $n ]; do
            case $((i % 2)) in
            0) "$oracle" "$dir/data.jsonl" "$dir/shared$n.db" "$dir/s$n.$i.json" 300 $((i + 1)) > "$dir/log$i" 2>&1 & ;;
            1) "$oracle" "$dir/other.jsonl" "$dir/shared$n.db" "$dir/s$n.$i.json" 300 $((i + 1)) > "$dir/log$i" 2>&1 & ;;
            esac
            pids="$pids $!"
            i=$((i + 1))
        done
        failed=0
        for pid in $pids; do wait $pid || failed=$((failed + 1)); done
        i=0
        while [ $i -lt $n ]; do
            expected=$dir/alone.json
            [ $((i % 2)) -eq 1 ] && expected=$dir/alone2.json
            cmp -s "$dir/s$n.$i.json" "$expected" || failed=$((failed + 1))
            i=$((i + 1))
        done
        cat "$dir"/log? > "$dir/out" 2> /dev/null
        [ $failed -eq 0 ]
        result $? "$n processes on one store at the same time, each with the bytes it gives alone"
        "$oracle" "$dir/data.jsonl" "$dir/shared$n.db" "$dir/again.json" 0 > "$dir/out" 2> "$dir/err"
        grep -qx 'cached 200' "$dir/out" && cmp -s "$dir/again.json" "$dir/alone.json"
        result $? "and nothing of what they did is lost"
    done
    i=0
    while [ $i -lt 4 ]; do
        "$oracle" "$dir/data.jsonl" "$dir/killed.db" "$dir/k$i.json" 400 3 > "$dir/log$i" 2>&1 &
        eval "pid$i=$!"
        i=$((i + 1))
    done
    sleep 0.05
    # shellcheck disable=SC2154 # set by eval
    kill -9 "$pid0" "$pid2"
    wait "$pid1" && wait "$pid3" && cmp -s "$dir/k1.json" "$dir/alone.json" && cmp -s "$dir/k3.json" "$dir/alone.json"
    result $? "two of four killed: the others end as if alone"
    wait

    # A byte of one stored answer.
    at=$(grep -obUa 'item-117' "$dir/alone.db" | head -n 1 | cut -d : -f 1)
    printf 'X' | dd of="$dir/alone.db" bs=1 seek="$at" conv=notrunc 2> /dev/null
    "$oracle" "$dir/data.jsonl" "$dir/alone.db" "$dir/mended.json" 0 > "$dir/out" 2> "$dir/err"
    grep -qx 'cached 199' "$dir/out" && cmp -s "$dir/mended.json" "$dir/alone.json"
    result $? "a damaged row is set aside and its sample run again"
else
    echo "skip - no $oracle"
fi

# evaluate OPTIONS...: 100 samples of the tiny model.
head -n 100 "$dir/data.jsonl" > "$dir/hundred.jsonl"
evaluate() {
    "$KARMA" eval --model "$dir/tiny" --datasets "$dir/hundred.jsonl" --model-args '{"max_tokens": 4}' --no-progress "$@"
}
run evaluate --output "$dir/whole.json" --store "$dir/whole.db"
[ "$rc" -eq 0 ]
result $? "a run with a store"

# What is no store, or not ours.
echo "these are notes, and long enough to look at" > "$dir/notes.db"
cp "$dir/notes.db" "$dir/notes.copy"
fails 4 E_MAGIC notes.db "a file that is no store" evaluate --output "$dir/x.json" --store "$dir/notes.db"
cmp -s "$dir/notes.db" "$dir/notes.copy"
result $? "it is left untouched"
cp "$dir/whole.db" "$dir/newer.db"
printf '\000\000\000\143' | dd of="$dir/newer.db" bs=1 seek=60 conv=notrunc 2> /dev/null # user_version
cp "$dir/newer.db" "$dir/newer.copy"
fails 4 E_VERSION "newer karma" "a store of a newer karma" evaluate --output "$dir/x.json" --store "$dir/newer.db"
cmp -s "$dir/newer.db" "$dir/newer.copy"
result $? "it is left untouched"
cp "$dir/whole.db" "$dir/foreign.db"
printf 'ABCD' | dd of="$dir/foreign.db" bs=1 seek=68 conv=notrunc 2> /dev/null # application_id
fails 4 E_MAGIC "not a store of karma's" "another program's database" evaluate --output "$dir/x.json" --store "$dir/foreign.db"
head -c 6000 "$dir/whole.db" > "$dir/short.db"
fails 4 E_MAGIC short.db "a store that ends early" evaluate --output "$dir/x.json" --store "$dir/short.db"
fails 4 E_PATH "is a folder" "a store that is a folder" evaluate --output "$dir/x.json" --store "$dir"
fails 4 E_PATH notes.db "a store below a file" evaluate --output "$dir/x.json" --store "$dir/notes.db/x/y.db"
[ ! -e "$dir/x.json" ]
result $? "none of these wrote results"

# Room ends: every limit on the size of files, in blocks of 512 bytes.
bad=0 full=0
for blocks in 0 1 2 4 8 16 24 32 40 48 56 64 72 80 96 112 128 160 192 256; do
    rm -f "$dir"/limited*
    (ulimit -f $blocks && exec "$KARMA" eval --model "$dir/tiny" --datasets "$dir/hundred.jsonl" --no-progress \
        --model-args '{"max_tokens": 4}' --output "$dir/limited.json" --store "$dir/limited.db") 2>&1 < /dev/null |
        cat > "$dir/out"
    if grep -q '^karma: error ' "$dir/out"; then
        full=$((full + 1))
        [ "$(grep -c '^karma: error ' "$dir/out")" -eq 1 ] && grep -q '^karma: error E_NOSPACE: .*limited' "$dir/out" ||
            { bad=$((bad + 1)); sed "s/^/# $blocks blocks: /" "$dir/out"; }
    elif ! cmp -s "$dir/limited.json" "$dir/whole.json"; then
        bad=$((bad + 1))
        sed "s/^/# $blocks blocks: /" "$dir/out"
    fi
    run evaluate --output "$dir/limited.json" --store "$dir/limited.db"
    [ "$rc" -eq 0 ] && cmp -s "$dir/limited.json" "$dir/whole.json" || { bad=$((bad + 1)); echo "# not resumed after $blocks blocks"; }
done
[ $bad -eq 0 ] && [ $full -gt 5 ]
result $? "a limit on the size of files, anywhere: E_NOSPACE, and with room again the same bytes ($full limits met)"
run sh -c 'ulimit -f 16; exec "$@"' sh "$KARMA" eval --model "$dir/tiny" --datasets "$dir/hundred.jsonl" --no-progress \
    --model-args '{"max_tokens": 4}' --output "$dir/status.json" --store "$dir/status.db"
[ "$rc" -eq 5 ]
result $? "with exit status 5"

mkdir "$dir/small"
if mount -t tmpfs -o size=400k tmpfs "$dir/small" 2> /dev/null; then
    trap 'umount "$dir/small"; rm -rf "$dir"' EXIT
    bad=0 full=0
    for size in 409600 400000 390000 370000 350000 330000 310000 290000 270000 0; do
        rm -f "$dir"/small/*
        head -c $size /dev/zero > "$dir/small/ballast" 2> /dev/null
        run evaluate --output "$dir/small/results.json" --store "$dir/small/store.db"
        case $rc in
        0) cmp -s "$dir/small/results.json" "$dir/whole.json" || bad=$((bad + 1)) ;;
        5)
            full=$((full + 1))
            [ "$(grep -c '^karma: error ' "$dir/err")" -eq 1 ] && grep -q '^karma: error E_NOSPACE: .*small' "$dir/err" || {
                bad=$((bad + 1))
                sed 's/^/# /' "$dir/err"
            }
            ;;
        *) bad=$((bad + 1)) ;;
        esac
        rm -f "$dir/small/ballast"
        run evaluate --output "$dir/full.json" --store "$dir/small/store.db"
        [ "$rc" -eq 0 ] && cmp -s "$dir/full.json" "$dir/whole.json" || { bad=$((bad + 1)); sed 's/^/# again: /' "$dir/err"; }
    done
    [ $bad -eq 0 ] && [ $full -gt 1 ]
    result $? "a full disk: exit status 5, E_NOSPACE, and with room again the same bytes ($full times full)"
else
    echo "skip - no right to mount a small file system: the full disk"
fi

# Killed for real, five times.
i=0
while [ $i -lt 5 ]; do
    evaluate --output "$dir/killed.json" --store "$dir/kill.db" > /dev/null 2>&1 &
    pid=$!
    sleep "0.0$((i * 2))"
    kill -9 $pid 2> /dev/null
    wait $pid 2> /dev/null
    i=$((i + 1))
done
run evaluate --output "$dir/killed.json" --store "$dir/kill.db"
[ "$rc" -eq 0 ] && cmp -s "$dir/killed.json" "$dir/whole.json"
result $? "killed five times, it ends with the same bytes"

# Where it lies.
mkdir "$dir/home"
run env HOME="$dir/home" "$KARMA" eval --model "$dir/tiny" --datasets "$dir/hundred.jsonl" --max-samples 1 \
    --output "$dir/place.json" --no-cache --model-args '{"max_tokens": 4}'
[ "$rc" -eq 0 ] && [ -z "$(ls -A "$dir/home")" ]
result $? "--no-cache leaves nothing"
run env HOME="$dir/home" "$KARMA" eval --model "$dir/tiny" --datasets "$dir/hundred.jsonl" --max-samples 1 \
    --output "$dir/place.json" --model-args '{"max_tokens": 4}'
[ "$rc" -eq 0 ] && [ -s "$dir/home/.cache/karma/results.db" ]
result $? "it lies in the cache folder of HOME"
run env XDG_CACHE_HOME="$dir/xdg" "$KARMA" eval --model "$dir/tiny" --datasets "$dir/hundred.jsonl" --max-samples 1 \
    --output "$dir/place.json" --model-args '{"max_tokens": 4}'
[ "$rc" -eq 0 ] && [ -s "$dir/xdg/karma/results.db" ]
result $? "or of XDG_CACHE_HOME"
run env KARMA_STORE="$dir/named.db" "$KARMA" eval --model "$dir/tiny" --datasets "$dir/hundred.jsonl" --max-samples 1 \
    --output "$dir/place.json" --model-args '{"max_tokens": 4}'
[ "$rc" -eq 0 ] && [ -s "$dir/named.db" ]
result $? "or where KARMA_STORE says"
