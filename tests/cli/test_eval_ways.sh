#!/bin/sh
# karma eval: answers chosen among letters, answers that end when they are decided, and the order in
# which questions with common beginnings are asked. The demo's toy knows its questions by heart.
. tests/cli/common.sh

# evaluate NAME OPTIONS...: results in $dir/NAME/results.json.
evaluate() {
    name=$1
    shift
    mkdir -p "$dir/$name"
    run "$KARMA" --quiet eval --model demo/model --datasets demo/questions.jsonl --max-samples 20 \
        --output "$dir/$name/results.json" --no-progress "$@"
}
same() { # NAME SENTENCE
    [ "$rc" -eq 0 ] && cmp "$dir/$1/results.json" "$dir/letters/results.json" > /dev/null 2>&1
    result $? "$2"
}
counted() { # NAME KEY: a count of the run file
    value "$2" "$dir/$1/run.json"
}

evaluate letters --no-cache --answer-by letters
[ "$rc" -eq 0 ] && [ "$(value score "$dir/letters/results.json")" = 1.0 ] &&
    [ "$(value answer_by "$dir/letters/results.json")" = '"letters"' ] &&
    [ "$(value parsed_by_marker "$dir/letters/results.json")" = 20 ] && [ "$(counted letters generated_tokens)" = 0 ]
result $? "letters are compared, and nothing is written"
for batch in 1 7; do
    evaluate b$batch --no-cache --answer-by letters --batch-size $batch --threads 1
    same b$batch "the same bytes with batches of $batch"
done
evaluate first --store "$dir/store.db" --answer-by letters
same first "the same bytes with a store"
evaluate second --store "$dir/store.db" --answer-by letters
same second "the same bytes from the store"
[ "$(counted second samples_from_store)" = 20 ]
result $? "and no question is asked again"
evaluate written --store "$dir/store.db" --answer-by generation
[ "$rc" -eq 0 ] && [ "$(counted written samples_from_store)" = 0 ] && [ "$(counted written generated_tokens)" -gt 20 ] &&
    ! grep -q 'answer_by\|decided' "$dir/written/results.json"
result $? "answers that are written are others in the store"
evaluate stopped --store "$dir/store.db" --stop-when-decided
[ "$rc" -eq 0 ] && [ "$(counted stopped samples_from_store)" = 0 ] &&
    [ "$(value score "$dir/stopped/results.json")" = 1.0 ] && [ "$(value stop_when_decided "$dir/stopped/results.json")" = true ] &&
    [ "$(counted stopped answers_ended_early)" = "$(value ended_when_decided "$dir/stopped/results.json")" ]
result $? "and so are those that may end early"

# --- refused before anything runs
fails 2 E_USAGE "generation" "an unknown way to answer" \
    "$KARMA" eval --model demo/model --datasets demo/questions.jsonl --answer-by words --output "$dir/r.json"
fails 2 E_USAGE "stop_when_decided" "letters that would stop early" \
    "$KARMA" eval --model demo/model --datasets demo/questions.jsonl --answer-by letters --stop-when-decided \
    --output "$dir/r.json"
questions 3 > "$dir/open.jsonl"
fails 2 E_USAGE "no options" "letters of questions without options" \
    "$KARMA" eval --model demo/model --datasets "$dir/open.jsonl" --answer-by letters --output "$dir/r.json"
fails 2 E_USAGE "stop_when_decided: no data set" "nothing that could be decided" \
    "$KARMA" eval --model demo/model --datasets "$dir/open.jsonl" --stop-when-decided --output "$dir/r.json"
tiny tiny
cat > "$dir/one.jsonl" << 'END'
{"id": "c1", "question": "Which?", "options": {"A": "one", "B": "two"}, "answer": "A"}
END
mkdir -p "$dir/thinks"
cp "$dir/tiny/"* "$dir/thinks/"
sed 's/assistant\\n/assistant\\n<think>/' "$dir/tiny/tokenizer_config.json" > "$dir/thinks/tokenizer_config.json"
run "$KARMA" --quiet eval --model "$dir/thinks" --datasets "$dir/one.jsonl" --answer-by letters --no-cache \
    --no-progress --model-args '{"enable_thinking": true}' --output "$dir/thinks.json"
[ "$rc" -eq 3 ] && grep -q '"message": "the prompt opens a thought' "$dir/thinks.json"
result $? "a prompt that opens a thought has no place for letters: its sample fails and says so"

# --- what begins alike is asked together: 12 passages of 3 questions each, apart in the file
passage="A man of sixty years comes with pain in the chest that began an hour ago, sweat and a slow pulse. He takes a drug
for blood pressure and has smoked for thirty years. The examination shows a pale man, a loud first sound and no murmur."
for question in "What comes first?" "What is the cause?" "What is given?"; do
    for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
        printf '{"id": "p%dq%s", "question": "Case %d. %s %s", "options": {"A": "rest", "B": "air"}, "answer": "A"}\n' \
            $n "$(echo "$question" | cut -c 9-11)" $n "$(echo "$passage" | tr '\n' ' ')" "$question"
    done
done > "$dir/cases.jsonl"
sort "$dir/cases.jsonl" > "$dir/sorted.jsonl"
for set in cases sorted; do
    mkdir -p "$dir/$set"
    run "$KARMA" --quiet eval --model "$dir/tiny" --datasets "$dir/$set.jsonl" --model-args '{"max_tokens": 2, "n_ctx": 1024}' \
        --batch-size 2 --no-cache --no-progress --include-content --output "$dir/$set/results.json"
    grep -E '"(key|output)"' "$dir/$set/results.json" | paste - - | sort > "$dir/$set.answers"
done
[ -s "$dir/cases.answers" ] && cmp "$dir/cases.answers" "$dir/sorted.answers" > /dev/null
result $? "the order of a file changes no answer"
[ "$(grep '"key"' "$dir/cases/results.json" | head -n 2 | tr -dc 'pq0-9')" = "$(head -n 2 "$dir/cases.jsonl" |
    sed 's/"question".*//' | tr -dc 'pq0-9')" ]
result $? "results stay in the order of the file"
all=$(counted cases prompt_tokens) shared=$(counted cases prompt_tokens_shared)
[ "$rc" -eq 0 ] && [ $((shared * 10)) -gt $((all * 4)) ] && [ "$shared" = "$(counted sorted prompt_tokens_shared)" ]
result $? "questions on one passage share it wherever they stand ($shared of $all tokens)"
