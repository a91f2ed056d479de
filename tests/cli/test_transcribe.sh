#!/bin/sh
# karma transcribe, and karma run with a recording: formats, files beside each other, bad recordings,
# standard input, options. The recogniser is a tiny one of random weights: what it hears is noise,
# and the same noise every time.
. tests/cli/common.sh
maker=$(dirname "$KARMA")/tests/support/recogniser_main
model=$dir/model
"$maker" model "$model" && "$maker" wav "$dir/a.wav" 16000 3 1 && "$maker" wav "$dir/b.wav" 44100 2 2 &&
    "$maker" wav "$dir/long.wav" 8000 65 3
result $? "makes a recogniser and recordings"

run "$KARMA" transcribe "$model" "$dir/a.wav"
[ "$rc" -eq 0 ] && [ "$(wc -l < "$dir/out")" -eq 1 ] && [ "$(wc -c < "$dir/out")" -gt 5 ] && [ ! -s "$dir/err" ]
result $? "writes what is said, one line"
cp "$dir/out" "$dir/first"
run "$KARMA" run "$model" "$dir/a.wav"
[ "$rc" -eq 0 ] && cmp -s "$dir/out" "$dir/first"
result $? "karma run says the same of the file"
"$KARMA" run "$model" - < "$dir/a.wav" > "$dir/out" 2> "$dir/err" && cmp -s "$dir/out" "$dir/first"
result $? "karma run reads the recording from standard input"
"$KARMA" transcribe "$model" - < "$dir/a.wav" > "$dir/out" 2> "$dir/err" && cmp -s "$dir/out" "$dir/first"
result $? "reads a recording from standard input"
for threads in 1 3; do
    run "$KARMA" transcribe "$model" "$dir/a.wav" --threads $threads
    cmp -s "$dir/out" "$dir/first"
    result $? "says the same with $threads threads"
done

run "$KARMA" transcribe "$model" "$dir/b.wav" "$dir/a.wav" "$dir/long.wav"
[ "$rc" -eq 0 ] && [ "$(cut -f 1 "$dir/out" | tr '\n' ' ')" = "$dir/b.wav $dir/a.wav $dir/long.wav " ] &&
    [ "$(sed -n 2p "$dir/out" | cut -f 2)" = "$(cat "$dir/first")" ]
result $? "several recordings: name, tab, text, in the order given"
cp "$dir/out" "$dir/three"
for size in 1 2 64; do
    run "$KARMA" transcribe "$model" "$dir/b.wav" "$dir/a.wav" "$dir/long.wav" --batch-size $size
    cmp -s "$dir/out" "$dir/three"
    result $? "the texts do not depend on batches of $size"
done

printf 'This is no sound.' > "$dir/text.wav"
: > "$dir/empty.wav"
run "$KARMA" transcribe "$model" "$dir/a.wav" "$dir/text.wav" "$dir/absent.wav" "$dir/empty.wav" "$dir/b.wav"
[ "$rc" -eq 3 ] && [ "$(wc -l < "$dir/out")" -eq 2 ] && [ "$(grep -c '^karma: error E_' "$dir/err")" -eq 3 ] &&
    grep -q 'E_MAGIC: .*text.wav' "$dir/err" && grep -q 'E_MISSING: .*absent.wav' "$dir/err" &&
    grep -q 'E_RANGE: .*empty.wav: audio is empty' "$dir/err"
result $? "what cannot be heard is told, and does not stop the others"
fails 4 E_MAGIC "text.wav" "a single bad recording has its own exit status" "$KARMA" transcribe "$model" "$dir/text.wav"
fails 4 E_MAGIC "text.wav" "the same with karma run" "$KARMA" run "$model" "$dir/text.wav"

size=$(wc -c < "$dir/a.wav")
head -c $((size / 2)) "$dir/a.wav" > "$dir/half.wav"
run "$KARMA" transcribe "$model" "$dir/half.wav"
[ "$rc" -eq 0 ] && grep -q '^karma: warning: .*half.wav: is cut off: it holds' "$dir/err"
result $? "half a WAV file is heard as far as it goes, with a warning"
printf '{"id": "q", "question": "Is the secret seen?", "answer": "yes"}\n' > "$dir/questions.jsonl"
run "$KARMA" eval "$model" --datasets "$dir/questions.jsonl" --no-cache --no-progress --output "$dir/questions.json"
[ "$rc" -eq 3 ] && grep -q '"message": "the sample has no audio' "$dir/questions.json" && ! grep -q secret "$dir/questions.json" "$dir/out" "$dir/err"
result $? "a question is no path of a recording"

run "$KARMA" transcribe "$model" "$dir/a.wav" "$dir/b.wav" --format json
[ "$rc" -eq 0 ] && [ "$(wc -l < "$dir/out")" -eq 2 ] && head -n 1 "$dir/out" | grep -q '"duration": 3.0' &&
    head -n 1 "$dir/out" | grep -q '"segments": \[{"text": ' && grep -q '"confidence": 0' "$dir/out" &&
    head -n 1 "$dir/out" | grep -qF "\"text\": \"$(cat "$dir/first")\""
result $? "--format json: an object a line, words with times and confidence"
run "$KARMA" run "$model" "$dir/a.wav" --json
[ "$rc" -eq 0 ] && grep -q '"segments": \[' "$dir/out" && [ "$(value language "$dir/out")" = '"hi"' ]
result $? "karma run --json shows words and times"
run "$KARMA" transcribe "$model" "$dir/long.wav" --format srt
[ "$rc" -eq 0 ] && [ "$(head -n 1 "$dir/out")" = 1 ] &&
    sed -n 2p "$dir/out" | grep -Eq '^00:00:[0-9]{2},[0-9]{3} --> 00:00:[0-9]{2},[0-9]{3}$' &&
    [ "$(grep -c -- '-->' "$dir/out")" -ge 2 ] && grep -q -- '--> 00:01:0' "$dir/out"
result $? "--format srt: numbered cues over the whole recording"
run "$KARMA" transcribe "$model" "$dir/long.wav" --format vtt
[ "$rc" -eq 0 ] && [ "$(head -n 1 "$dir/out")" = WEBVTT ] &&
    sed -n 3p "$dir/out" | grep -Eq '^00:00:[0-9]{2}\.[0-9]{3} --> 00:00:[0-9]{2}\.[0-9]{3}$' &&
    grep -q '&lt;unk&gt;' "$dir/out"
result $? "--format vtt: cues, with what would be a tag written out"
fails 2 E_USAGE "needs --output DIR" "subtitles of several recordings need a folder" \
    "$KARMA" transcribe "$model" "$dir/a.wav" "$dir/b.wav" --format srt

run "$KARMA" transcribe "$model" "$dir/a.wav" "$dir/text.wav" "$dir/b.wav" --output "$dir/texts"
[ "$rc" -eq 3 ] && [ ! -s "$dir/out" ] && cmp -s "$dir/texts/a.txt" "$dir/first" && [ -s "$dir/texts/b.txt" ] &&
    [ "$(ls "$dir/texts" | wc -l)" -eq 2 ]
result $? "--output DIR: a file for each that was heard"
run "$KARMA" transcribe "$model" "$dir/a.wav" --output "$dir/a.json" --format json
[ "$rc" -eq 0 ] && [ "$(value language "$dir/a.json")" = '"hi"' ]
result $? "--output FILE: one recording's"
mkdir "$dir/other"
cp "$dir/a.wav" "$dir/other/a.wav"
fails 2 E_USAGE "would be written to" "two recordings for one file are refused" \
    "$KARMA" transcribe "$model" "$dir/a.wav" "$dir/other/a.wav" --output "$dir/texts"
fails 2 E_USAGE "several recordings need a folder" "several recordings are not written to one file" \
    "$KARMA" transcribe "$model" "$dir/a.wav" "$dir/b.wav" --output "$dir/a.json"
mkfifo "$dir/pipe"
fails 4 E_PATH "pipe: not a regular file" "what is no file is not replaced by one" \
    "$KARMA" transcribe "$model" "$dir/a.wav" --output "$dir/pipe"
[ -p "$dir/pipe" ]
result $? "it is as it was"
ln -s a.json "$dir/link"
run "$KARMA" transcribe "$model" "$dir/a.wav" --output "$dir/link"
[ "$rc" -eq 0 ] && [ -h "$dir/link" ] && cmp -s "$dir/a.json" "$dir/first"
result $? "a link stays one, and where it leads is written"
fails 2 E_USAGE "is the recording itself" "a recording is not replaced by its text" \
    "$KARMA" transcribe "$model" "$dir/other/a.wav" --output "$dir/other/a.wav"
cmp -s "$dir/a.wav" "$dir/other/a.wav"
result $? "it is as it was, too"
fails 5 E_ANY "absent/x" "an output that cannot be written is an error" \
    "$KARMA" transcribe "$model" "$dir/a.wav" --output "$dir/absent/x"

run "$KARMA" transcribe "$model" "$dir/a.wav" --language Bengali
cp "$dir/out" "$dir/bengali"
[ "$rc" -eq 0 ] && ! cmp -s "$dir/bengali" "$dir/first"
result $? "--language takes an English name"
run "$KARMA" run "$model" "$dir/a.wav" --model-args '{"language": "ben-Beng"}'
cmp -s "$dir/out" "$dir/bengali"
result $? "a tag is the same language"
fails 2 E_USAGE "did you mean 'bn'" "an unknown language names the nearest" \
    "$KARMA" transcribe "$model" "$dir/a.wav" --language Bangali
fails 2 E_USAGE "--language is given twice" "an option and --model-args may not both give a value" \
    "$KARMA" transcribe "$model" "$dir/a.wav" --language hi --model-args '{"language": "bn"}'
run "$KARMA" transcribe "$model" "$dir/a.wav" --language auto --format json
[ "$rc" -eq 0 ] && grep -Eq '"language": "(as|bn|hi)"' "$dir/out"
result $? "--language auto says which it took"
run "$KARMA" transcribe "$model" "$dir/a.wav" --decoding rnnt
[ "$rc" -eq 0 ] && ! cmp -s "$dir/out" "$dir/first"
result $? "--decoding rnnt is another decoder"
run "$KARMA" transcribe "$model" "$dir/a.wav" --hotwords "kamo,su na" --model-args '{"hotword_weight": 12}'
[ "$rc" -eq 0 ] && grep -q kamo "$dir/out"
result $? "--hotwords prefers words"
fails 2 E_USAGE "a word is empty" "an empty hot word is refused" "$KARMA" transcribe "$model" "$dir/a.wav" --hotwords "a,,b"
run "$KARMA" transcribe "$model" "$dir/a.wav" --hotwords wqx
[ "$rc" -eq 0 ] && grep -q "hot word 'wqx'" "$dir/err"
result $? "a hot word that the language has no pieces for is told"
run "$KARMA" transcribe "$model" "$dir/long.wav" --chunk off
[ "$rc" -eq 0 ] && ! cmp -s "$dir/out" "$dir/three"
result $? "--chunk off takes a long recording at once"
fails 4 E_LIMIT "chunk off" "a pass that memory does not allow is refused" \
    "$KARMA" transcribe "$model" "$dir/long.wav" --chunk off --max-memory 12M
tiny text
fails 2 E_USAGE "is no speech recogniser" "a text model transcribes nothing" "$KARMA" transcribe "$dir/text" "$dir/a.wav"
fails 2 E_USAGE "" "a file must be named" "$KARMA" transcribe "$model"
fails 2 E_USAGE "- is given twice" "standard input is read once" "$KARMA" transcribe "$model" - -
fails 2 E_USAGE "standard input is empty" "an empty standard input is told" "$KARMA" transcribe "$model" -

run "$KARMA" info model "$model"
[ "$rc" -eq 0 ] && grep -q '^model_type  *audio_recognition' "$dir/out" && grep -q 'IndicConformerASR' "$dir/out"
result $? "karma info shows what it is"

"$KARMA" transcribe "$model" "$dir/long.wav" "$dir/long.wav" --threads 1 > "$dir/out" 2> "$dir/err" &
pid=$!
kill -INT $pid 2> /dev/null
wait $pid
rc=$?
[ "$rc" -eq 130 ] || [ "$rc" -eq 0 ]
result $? "a signal ends it"
