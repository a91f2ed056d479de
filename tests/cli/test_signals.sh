#!/bin/sh
# What a signal does to a run: the first ends it orderly, the second at once; finished samples are
# kept, and the next run ends with the bytes of one that nobody disturbed.
. tests/cli/common.sh
tiny tiny
questions 40 > "$dir/data.jsonl"
export KARMA_ISA=ref # slow enough to be met in the middle

# evaluate NAME COMMAND...: in the background, through COMMAND; its process id in $pid.
evaluate() {
    name=$1
    shift
    mkdir -p "$dir/$name"
    rm -f "$dir/$name/err"
    "$@" "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --store "$dir/$name/store.db" \
        --output "$dir/$name/results.json" --threads 1 --batch-size 4 --no-progress \
        --model-args '{"max_tokens": 200, "do_sample": true, "temperature": 1.5}' \
        > "$dir/$name/out" 2> "$dir/$name/err" < /dev/null &
    pid=$!
}
# begun NAME: wait until its plan is shown, which is when the first sample is asked for.
begun() {
    tries=0
    until grep -q '^store ' "$dir/$1/err" 2> /dev/null || [ $tries -eq 500 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
    sleep 0.05
}
ended() { # its exit status in $rc, the milliseconds it took in $took
    from=$(date +%s%N)
    wait $pid
    rc=$?
    took=$((($(date +%s%N) - from) / 1000000))
    cp "$dir/$name/out" "$dir/$name/err" "$dir/"
}
resumed() { # SENTENCE
    before=$(value scored "$dir/$name/results.json" 2> /dev/null)
    evaluate "$name" env
    ended
    [ "$rc" -eq 0 ] && cmp -s "$dir/$name/results.json" "$dir/whole/results.json" &&
        [ "$(value samples_from_store "$dir/$name/run.json")" -ge "${before:-0}" ]
    result $? "$1"
}

evaluate whole env
ended
[ "$rc" -eq 0 ] && [ "$(value scored "$dir/whole/results.json")" = 40 ]
result $? "a run that nobody disturbs"

for case in INT:130 TERM:143 HUP:143; do
    signal=${case%:*} status=${case#*:}
    evaluate $signal env
    begun $signal
    kill -$signal $pid
    ended
    [ "$rc" -eq "$status" ]
    result $? "SIG$signal ends a run with exit status $status"
    [ "$took" -le 2000 ]
    result $? "within two seconds ($took ms)"
    [ "$(value partial "$dir/$signal/results.json")" = true ] &&
        [ "$(value status "$dir/$signal/results.json")" = '"partial"' ] &&
        [ "$(value not_run "$dir/$signal/results.json")" -gt 0 ] &&
        grep -q '^karma: stopped: [0-9]* of 40 samples are done and kept' "$dir/err"
    result $? "the report is marked partial and counts what was not run"
    resumed "the next run goes on from there and ends with the same bytes"
done

evaluate twice env
begun twice
kill -INT $pid
kill -INT $pid
ended
[ "$rc" -eq 130 ] && [ "$took" -le 500 ]
result $? "SIGINT twice ends it at once ($took ms)"
resumed "and the store is sound"
evaluate quit env
begun quit
kill -QUIT $pid
ended
[ "$rc" -eq 143 ] && [ "$took" -le 500 ] && [ -z "$(find "$dir" -name 'core*')" ]
result $? "SIGQUIT ends it at once, without a core ($took ms)"
resumed "and the store is sound"

evaluate calm env
begun calm
for i in 1 2 3 4 5 6 7 8; do
    for signal in WINCH CHLD PIPE; do kill -$signal $pid; done
done
kill -TSTP $pid
sleep 0.2
state=$(sed 's/.*) //; s/ .*//' /proc/$pid/stat 2> /dev/null)
kill -CONT $pid
ended
[ "$rc" -eq 0 ] && cmp -s "$dir/calm/results.json" "$dir/whole/results.json"
result $? "a storm of harmless signals and a pause change nothing"
if [ -r /proc/self/stat ]; then
    case $state in T | Z | '') true ;; *) false ;; esac # a slow shell comes too late
    result $? "SIGTSTP pauses it, or it had ended"
fi
evaluate nohup nohup
begun nohup
kill -HUP $pid
ended
[ "$rc" -eq 0 ] && cmp -s "$dir/nohup/results.json" "$dir/whole/results.json"
result $? "under nohup SIGHUP is nothing"

# The same from a keyboard.
if script -qec true /dev/null > /dev/null 2>&1; then
    mkdir "$dir/keys"
    cat > "$dir/keys/go" << END
stty -echo; exec "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --store "$dir/keys/store.db" \
--output "$dir/keys/results.json" --threads 1 --batch-size 4 \
--model-args '{"max_tokens": 200, "do_sample": true, "temperature": 1.5}'
END
    { tries=0
      until grep -q 'samples/s' "$dir/keys/log" 2> /dev/null || [ $tries -eq 500 ]; do
          sleep 0.02
          tries=$((tries + 1))
      done
      sleep 0.3
      printf '\003'
      sleep 0.5; } | script -qefc "sh $dir/keys/go" "$dir/keys/log" > /dev/null 2>&1
    rc=$?
    cp "$dir/keys/log" "$dir/out"
    [ "$rc" -eq 130 ] && grep -q 'are done and kept' "$dir/keys/log"
    result $? "Ctrl-C on a terminal does the same"
    grep -q "$(printf '\r\033\[K')\[1/1\] .*samples/s" "$dir/keys/log"
    result $? "on a terminal one line of progress is redrawn"
else
    echo "skip - no script(1), or no pseudo-terminal to be had"
fi

# One answer.
"$KARMA" run "$dir/tiny" "Is iron low?" --threads 1 \
    --model-args '{"max_tokens": 2000, "do_sample": true, "temperature": 60, "stop": "never"}' > "$dir/out" 2> "$dir/err" < /dev/null &
pid=$!
sleep 0.3
kill -INT $pid 2> /dev/null
wait $pid
rc=$?
[ "$rc" -eq 130 ] || { [ "$rc" -eq 0 ] && [ -s "$dir/out" ]; }
result $? "karma run ends by SIGINT, or had ended"
