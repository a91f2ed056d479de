#!/bin/sh
# Nothing of a patient's leaves by a side door: marked texts in every field, then every message,
# progress line, run file and result is searched for the marks. And the program has no way to send,
# start or load anything.
. tests/cli/common.sh
tiny tiny
mark=ZQXJKV # in no other word

# --- texts ------------------------------------------------------------------------------------------
i=0
while [ $i -lt 8 ]; do
    printf '{"id": "row%d", "question": "%sq%d how is it?", "context": "%sc%d", "system": "%ss%d", "options": {"A": "%sa%d", "B": "no"}, "answer": "A"}\n' \
        $i $mark $i $mark $i $mark $i $mark $i
    i=$((i + 1))
done > "$dir/data.jsonl"
sed "s/how is it/$(head -c 3000 /dev/zero | tr '\0' a)/" "$dir/data.jsonl" > "$dir/long.jsonl"
seen=$dir/seen
: > "$seen"
# look COMMAND...: all that it says.
look() {
    "$@" >> "$seen" 2>&1 < /dev/null
}
evaluate() { # MODEL DATASETS OPTIONS...
    model=$1 sets=$2
    shift 2
    look "$KARMA" -v eval --model "$dir/$model" --datasets "$sets" --model-args \
        '{"max_tokens": 40, "do_sample": true, "temperature": 2}' --output "$dir/results.json" --store "$dir/store.db" "$@"
    cat "$dir/results.json" "$dir/run.json" >> "$seen" 2> /dev/null
}
evaluate tiny "$dir/data.jsonl"
evaluate tiny "$dir/data.jsonl" --format json
evaluate tiny "$dir/data.jsonl" --dry-run
evaluate tiny "$dir/long.jsonl"
grep -q '8 failed: 8 E_LIMIT' "$seen"
result $? "the runs to be searched have failures among them"
for format in yaml csv; do
    look "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --output "$dir/r.$format" --save-format $format \
        --model-args '{"max_tokens": 4}' --store "$dir/store.db"
    cat "$dir/r.$format" >> "$seen"
done
cp -r "$dir/tiny" "$dir/nan"
printf '\000\000\300\177' | dd of="$dir/nan/model.safetensors" bs=1 \
    seek=$(($(wc -c < "$dir/nan/model.safetensors") - 4)) conv=notrunc 2> /dev/null
evaluate nan "$dir/data.jsonl"
for edit in 's/"answer": "A"/"answer": "'$mark'"/' 's/"answer": "A"//' 's/"id": "row[0-9]"/"id": "row"/' 's/how is it?",/how is it?"/' \
    's/"question": "\([^"]*\)"/"question": ["\1"]/' 's/"question"/"'$mark'question"/' 's/}, "answer"/, "answer"/' \
    's/"options": {[^}]*}/"options": "'$mark'"/' 's/^{/[/' 's/"question": "/"question": "\\u12/' 's/"A": "/"A": '$mark'/' \
    's/$/ '$mark'/' 's/"B": "no"/"A": "no"/'; do
    sed "$edit" "$dir/data.jsonl" > "$dir/broken.jsonl"
    evaluate tiny "$dir/broken.jsonl"
done
LC_ALL=C sed "s/how/h$(printf '\377')w/" "$dir/data.jsonl" > "$dir/broken.jsonl"
evaluate tiny "$dir/broken.jsonl"
printf 'question,answer\n"%sq ""x,%s\n' $mark $mark > "$dir/broken.csv"
evaluate tiny "$dir/broken.csv"
printf 'question,answer\n%sq,%sa,%sb\n' $mark $mark $mark > "$dir/broken.csv"
evaluate tiny "$dir/broken.csv"
printf '[{"question": "%s", "answer": %s}]' $mark $mark > "$dir/broken.json"
evaluate tiny "$dir/broken.json"
for how in '{{ raise_exception(m.content) }}' '{{ m.content.nothing() }}' '{{ m.content + 1 }}' '{{ 1 / m.content }}' \
    '{{ m.content | nofilter }}' '{{ m[m.content].x.y }}' '{{ m.content is odder }}' '{{ range(m.content) }}'; do
    rm -rf "$dir/odd"
    cp -r "$dir/tiny" "$dir/odd"
    printf '{"chat_template": "{%% for m in messages %%}%s{%% endfor %%}"}' "$(printf %s "$how" | sed 's/"/\\"/g')" \
        > "$dir/odd/tokenizer_config.json"
    evaluate odd "$dir/data.jsonl"
    "$KARMA" run "$dir/odd" "${mark}p" --system "${mark}s" 2>> "$seen" > /dev/null < /dev/null
done
"$KARMA" -v run "$dir/tiny" "${mark}p" --system "${mark}s" --max-tokens 4 2>> "$seen" > /dev/null
"$KARMA" -v run "$dir/tiny" "${mark}p$(head -c 4000 /dev/zero | tr '\0' a)" 2>> "$seen" > /dev/null
printf '%sp\377' $mark | "$KARMA" run "$dir/tiny" - 2>> "$seen" > /dev/null
KARMA_ISA=ref "$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --no-cache --output "$dir/cut.json" --threads 1 \
    --model-args '{"max_tokens": 1500, "do_sample": true, "temperature": 60}' >> "$seen" 2>&1 < /dev/null &
pid=$!
sleep 0.3
kill -TERM $pid 2> /dev/null
wait $pid
cat "$dir/cut.json" "$dir/cut.run.json" >> "$seen" 2> /dev/null
[ "$(grep -c '^karma: error ' "$seen")" -ge 20 ]
result $? "and errors of $(grep -c '^karma: error ' "$seen") runs"
grep -n "$mark" "$seen" | cut -c 1-200 | sed 's/^/# /'
! grep -q "$mark" "$seen"
result $? "no text of a sample in any message, progress line, run file or result"

# What the model said, the same way.
"$KARMA" eval --model "$dir/tiny" --datasets "$dir/data.jsonl" --output "$dir/content.json" --store "$dir/store.db" \
    --model-args '{"max_tokens": 40, "do_sample": true, "temperature": 2}' --include-content >> "$seen" 2>&1
sed -n 's/^ *"output": "\(.*\)",$/\1/p' "$dir/content.json" | grep -E '.{12}' > "$dir/answers"
[ "$(wc -l < "$dir/answers")" -ge 4 ] && grep -q "${mark}q3" "$dir/content.json"
result $? "texts are in results only when --include-content asks for them"
# What is done with runs and stores afterwards.
for words in "verify $dir/content.json -n all" "export $dir/content.json -o $dir/exported.csv" \
    "export --store $dir/store.db -o $dir/exported.jsonl" "store stat --store $dir/store.db" \
    "store explain --store $dir/store.db --dataset $dir/data.jsonl --sample none" \
    "store gc --store $dir/store.db --failed --yes" \
    "eval $dir/tiny --datasets $dir/data.jsonl --store $dir/store.db --output $dir/content.json --dry-run" \
    "eval --answers $dir/data.jsonl --datasets $dir/data.jsonl --output $dir/imported.json"; do
    # shellcheck disable=SC2086 # words
    "$KARMA" $words >> "$seen" 2>&1
done
! grep -qFf "$dir/answers" "$seen"
result $? "no answer in any message, progress line, run file or result"
grep -rlF "$mark" "$dir" | grep -vE '/(data|long|broken)\.|/store\.db|/content\.(json|samples\.jsonl)$' > "$dir/out"
[ ! -s "$dir/out" ]
result $? "no other file holds a text of a sample"
[ "$(stat -c %a "$dir/store.db" "$dir/content.json" | tr '\n' ' ')" = "600 600 " ]
result $? "those that do are private"

# --- the program ------------------------------------------------------------------------------------
if command -v nm > /dev/null; then
    nm -D --undefined-only "$KARMA" | sed 's/.* U //; s/@.*//' |
        grep -xE 'socket|connect|bind|listen|accept4?|send(to|msg|mmsg)|recv(from|msg|mmsg)|getaddrinfo|gethostby.*|system|popen|vfork|clone|exec[lv].*|posix_spawn.*|syslog|mkstemp|tmpfile' > "$dir/out"
    [ ! -s "$dir/out" ]
    result $? "it calls nothing that reaches a network or starts a program"
else
    echo "skip - no nm"
fi
# A host has a dot: what a compiler makes of a comparison with "https://" may look like one without.
grep -aoE '(https?|ftp)://([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|localhost)' "$KARMA" | sort -u |
    grep -vxE 'https?://(huggingface\.co|ns\.adobe\.com)' > "$dir/out" # a name of data in pictures
[ ! -s "$dir/out" ]
result $? "the only addresses in it are where models are described"
mkfifo "$dir/wait"
(ulimit -c unlimited 2> /dev/null
 exec "$KARMA" run "$dir/tiny" - < "$dir/wait" > "$dir/out" 2> "$dir/err") &
pid=$!
exec 3> "$dir/wait"
sleep 0.2
if [ -r /proc/$pid/limits ]; then
    grep -q '^Max core file size  *0 ' /proc/$pid/limits
    result $? "it leaves no core file"
else
    echo "skip - no /proc to see the limit on core files"
fi
echo x >&3
exec 3>&-
wait $pid
