#!/bin/sh
# karma interactive: the whole way with the keyboard on a pseudo-terminal, and line by line without
# one; whatever ends it, the terminal is as it was.
. tests/cli/common.sh
case $KARMA in /*) ;; *) KARMA=$PWD/$KARMA ;; esac
driver=${BUILD:-build}/tests/support/pty_main
case $driver in /*) ;; *) driver=$PWD/$driver ;; esac
tiny tiny
questions 4 > "$dir/data.jsonl"
export KARMA_ISA=ref KARMA_STORE="$dir/store.db" LC_ALL=C.UTF-8
unset NO_COLOR
export TERM=xterm
cd "$dir" || exit 1

# play SENTENCE COMMAND...: the lines of standard input are what the person does.
play() {
    sentence=$1
    shift
    cat > script
    "$driver" script "$@" > shown 2> "$dir/err"
    rc=$?
    tr -d '\033' < shown | tail -c 1500 > "$dir/out"
    result $rc "$sentence"
}

if [ ! -x "$driver" ]; then
    echo "skip - no $driver: make tests builds it"
else
play "a walk with the keyboard ends in a finished evaluation" "$KARMA" interactive << 'END'
expect Which model?
raw
send path
expect filter: path
send \r
expect Which checkpoint?
send no-such-place\r
expect no-such-place
expect no
send \x15tiny\r
expect Arguments of tiny
send max_tokens
expect > max_tokens
send \r
expect new tokens at most
send many\r
expect expected a whole number
send \x156\r
expect Arguments of tiny
expect = 6 *
send \r
expect Which data sets?
send own
expect > [ ] data of your own
send \x20
expect [x] data of your own
send \r
expect Where are your data?
send data.jsonl\r
expect Arguments of data.jsonl (1 of 1)
send \r
expect Where do the results go?
send \x15out.json\r
expect How many samples
send 0\r
expect expected a whole number
send \x15all\r
expect This will be run
send \e[B
expect > save it as a run file
send \r
expect Save as
send \x15kept.txt\r
expect must end in
send \x15kept.yaml\r
expect saved as
expect > run it now
send \r
cooked
expect datasets 1/1 complete, 4 samples
exit 0
END
mv out.json first.json
mv out.samples.jsonl first.jsonl
run "$KARMA" eval kept.yaml --refresh-cache --no-progress
[ "$rc" -eq 0 ] && cmp -s out.json first.json && cmp -s out.samples.jsonl first.jsonl
result $? "the run file it saved gives the same results"
printf '%s\n' '# karma eval, as a run file' 'model: tiny' 'datasets:' '  - data.jsonl' 'model_args:' '  max_tokens: 6' \
    'output: out.json' > want.yaml
sort want.yaml > want.sorted
sort kept.yaml | cmp -s - want.sorted
result $? "and holds what was chosen, no more"

play "Escape goes back, q too, and at the first question it leaves" "$KARMA" interactive --model tiny --dataset data.jsonl << 'END'
expect Arguments of tiny
send \r
expect Arguments of data.jsonl
send \e
expect Which data sets?
send zzz
expect nothing fits
send \e
expect > [ ] data of your own
send \r
expect Arguments of data.jsonl
send \r
expect Where do the results go?
send \e
expect Arguments of data.jsonl
send \r
expect results go
send \r
expect How many samples
send \r
expect This will be run
send q
expect How many samples
send \e
expect results go
send \e
expect Arguments of data.jsonl
send \e
expect Which data sets?
send \e
expect Arguments of tiny
send \e
expect Which model?
send \e
exit 0
cooked
END
for where in 'Which model?' 'Arguments of tiny'; do
    more=
    [ "$where" = 'Which model?' ] || more='--model tiny'
    # shellcheck disable=SC2086 # words
    play "Ctrl-C leaves at \"$where\" with status 130 and the terminal as it was" "$KARMA" interactive $more << END
expect $where
raw
send \x03
exit 130
cooked
END
done
play "Ctrl-C in the midst of a line does the same" "$KARMA" interactive --model tiny << 'END'
expect Arguments of tiny
send seed\r
expect each sample has its own
send 12\x03
exit 130
cooked
END
for case in TERM:143 INT:130 SEGV:139; do
    play "so does SIG${case%:*}, with status ${case#*:}" "$KARMA" interactive << END
expect Which model?
raw
signal ${case%:*}
exit ${case#*:}
cooked
END
done
for stop in TSTP STOP; do
    play "SIG$stop and SIGCONT: the screen is drawn again" "$KARMA" interactive << END
expect Which model?
raw
signal $stop
stopped
signal CONT
expect Which model?
raw
send \x03
exit 130
cooked
END
done
play "Ctrl-Z stops it, with the terminal as it was" "$KARMA" interactive << 'END'
expect Which model?
raw
send \x1a
stopped
cooked
signal CONT
expect Which model?
raw
send \x03
exit 130
cooked
END
play "a new size draws anew, and 40 columns by 10 rows are enough" "$KARMA" interactive --model tiny --dataset data.jsonl << 'END'
expect Arguments of tiny
expect Enter chooses, Esc back, Ctrl-C leaves
size 10 40
expect Arguments of tiny
expect type to filter, Enter, Esc back
send \e[6~\e[6~\e[F\e[H
send \r
expect Arguments of data.jsonl
send \r
expect results go
send \r
expect How many samples
send \r
expect This will be run
expect > run it now
expect leave without running
send \e[B\e[B
expect > leave
send \r
exit 0
cooked
END
# No line of a screen is wider than the screen.
sed 's/\x1b\[H/\r/g; s/\x1b\[[?0-9;]*[A-Za-z]//g' shown | tr '\r' '\n' | awk '/type to filter, Enter, Esc/{n=1} n && length($0) > 40 {bad=1; print > "/dev/stderr"} END{exit bad}' 2> "$dir/err"
result $? "no line is wider than the terminal"

NO_COLOR=1 play "NO_COLOR: no colours" "$KARMA" interactive << 'END'
expect Which model?
send \x03
exit 130
END
! grep -q "$(printf '\033')\[[1-9][0-9]*m" shown
result $? "none at all"
LC_ALL=C play "a terminal without UTF-8 is sent none" "$KARMA" interactive << 'END'
expect Which model?
send \xc3\xa9
expect filter: ?
send \x03
exit 130
END
! LC_ALL=C grep -q "$(printf '\303')" shown
result $? "not a byte"
TERM=dumb play "TERM=dumb asks line by line" "$KARMA" interactive --model tiny --dataset data.jsonl << 'END'
expect Arguments of tiny
cooked
send 1\r
expect Arguments of data.jsonl
send 1\r
expect results go
send dumb.json\r
expect How many
send 2\r
expect This will be run
send 1\r
expect datasets 1/1 complete, 2 samples
exit 0
END
play "and Ctrl-C leaves there, too" env TERM=dumb "$KARMA" interactive << 'END'
expect Which model?
send \x03
exit 130
cooked
END
fi

# --- without a terminal -----------------------------------------------------------------------------
printf '%s\n' 99 1 tiny max_tokens abc 6 1 1 data.jsonl 1 piped.json all 2 piped.yaml 1 | "$KARMA" interactive > "$dir/out" 2> "$dir/err"
rc=$?
[ "$rc" -eq 0 ] && grep -qF '! expected a number from 1 to' "$dir/out" &&
    grep -qF '! max_tokens: expected a whole number' "$dir/out" &&
    grep -q 'datasets 1/1 complete, 4 samples' "$dir/out" && ! grep -q "$(printf '\033')" "$dir/out" && [ -s piped.yaml ]
result $? "the same from a pipe, with mistakes told and asked again"
[ ! -f first.json ] || cmp -s piped.json first.json
result $? "with the same results"
printf '1\n' | { "$KARMA" interactive; echo $? > rc; } > "$dir/out" 2> "$dir/err"
[ "$(cat rc)" -eq 2 ] && grep -q 'standard input ended' "$dir/err"
result $? "an input that ends too early is status 2"
printf '%s\n' '<' | { "$KARMA" interactive; echo $? > rc; } > "$dir/out" 2> "$dir/err"
[ "$(cat rc)" -eq 0 ]
result $? "< at the first question leaves"
printf '%s\n' 1 1 half.json 2 3 | "$KARMA" interactive --load-config piped.yaml > "$dir/out" 2> "$dir/err"
rc=$?
[ "$rc" -eq 0 ] && grep -q 'model_args  *{"max_tokens": 6}' "$dir/out" && grep -q 'max_samples  *2' "$dir/out" && [ ! -e half.json ]
result $? "--load-config begins with what the file says; leaving runs nothing"
fails 4 E_UNEXPECTED 'unknown key modle; did you mean model?' "a wrong file is told" sh -c \
    'printf "modle: x\ndatasets: [y]\n" > wrong.yaml; exec "$KARMA" interactive --load-config wrong.yaml'

run "$KARMA" interactive --auto --load-config piped.yaml
cp results.json auto.json 2> /dev/null
[ "$rc" -eq 0 ] && grep -q 'datasets 1/1 complete, 4 samples' "$dir/out"
result $? "--auto asks nothing"
fails 2 E_USAGE '--auto needs --model' "--auto without a model" "$KARMA" interactive --auto
fails 2 E_USAGE '--auto needs --dataset' "--auto without a data set" "$KARMA" interactive --auto --model tiny
fails 2 E_USAGE 'path is required' "--auto with a data set that needs a path" "$KARMA" interactive --auto --model tiny \
    --dataset question_answer
fails 2 E_NOTFOUND 'nothing-like-it' "a data set that is not there" "$KARMA" interactive --model tiny --dataset nothing-like-it
