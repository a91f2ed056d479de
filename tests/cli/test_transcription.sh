#!/bin/sh
# karma eval on recordings: a manifest, a folder, a published set, wer and cer with what they are made
# of, terms, alignments, what is stored, what is refused. The model is a plugin that hears what is
# written in a file behind its header.
. tests/cli/common.sh
BUILD=${BUILD:-$(dirname "$KARMA")}
plugin=$BUILD/tests/plugins/listener.so
if [ ! -f "$plugin" ]; then
    echo "skip - $plugin is not built"
    exit
fi

# recording FILE TEXT: a WAV header of 44 bytes, and the text for samples.
recording() {
    mkdir -p "$(dirname "$1")"
    printf 'RIFF\144\0\0\0WAVEfmt \020\0\0\0\1\0\1\0\200\076\0\0\0\175\0\0\2\0\020\0data\100\0\0\0%s' "$2" > "$1"
}
# evaluate NAME SET OPTIONS...: results in $dir/NAME/results.json.
evaluate() {
    name=$1 set=$2
    shift 2
    mkdir -p "$dir/$name"
    run "$KARMA" --plugin "$plugin" eval listener --datasets "$set" --output "$dir/$name/results.json" \
        --no-progress "$@"
}
# score METRIC FILE: its score.
score() {
    sed -n "/^ *\"$1\": {/,/}/s/^ *\"score\": \(.*[^,]\),*\$/\1/p" "$2" | head -n 1
}

recording "$dir/clips/a.wav" "no chest pain"
recording "$dir/clips/b.wav" "take paracetamal daily"
cat > "$dir/clips.jsonl" << 'END'
{"id": "a", "audio": "clips/a.wav", "text": "no chest pain", "language": "en"}
{"id": "b", "audio": "clips/b.wav", "text": "take paracetamol", "language": "en"}
END
evaluate base "$dir/clips.jsonl" --store "$dir/store.db"
file=$dir/base/results.json
[ "$rc" -eq 0 ] && [ "$(score wer "$file")" = 0.4 ] && [ "$(value scored "$file")" = 2 ] &&
    [ "$(value unparsed "$file")" = 0 ] && grep -q '"task_type": "transcription"' "$file"
result $? "a manifest of recordings is scored by word error rate"
grep -q 'Errors' "$dir/out" && grep -q '1 S, 0 D, 1 I of 5' "$dir/out"
result $? "the table says of what the rate is made"
evaluate again "$dir/clips.jsonl" --store "$dir/store.db"
cmp -s "$file" "$dir/again/results.json" && [ "$(value samples_run "$dir/again/run.json")" = 0 ]
result $? "the same bytes from the store"
recording "$dir/clips/b.wav" "take paracetamol"
evaluate edited "$dir/clips.jsonl" --store "$dir/store.db"
[ "$(score wer "$dir/edited/results.json")" = 0.0 ] && [ "$(value samples_run "$dir/edited/run.json")" = 1 ]
result $? "another sound under the same name is heard again"

recording "$dir/clips/b.wav" "take paracetamal daily"
printf 'paracetamol\nchest pain\n' > "$dir/terms.txt"
evaluate terms "$dir/clips.jsonl" --no-cache --include-content --metric-args "wer:terms=$dir/terms.txt,alignment=true"
[ "$rc" -eq 0 ] && grep -q '"n_terms": 2' "$dir/terms/results.json" && grep -q '"type": "substitute"' "$dir/terms/results.json" &&
    grep -q 'wer: terms 0.333 (1 of 2 without an error)' "$dir/out"
result $? "errors on terms are told apart, and the alignment is shown"

mkdir "$dir/folder"
cp "$dir/clips/a.wav" "$dir/folder/"
echo "No chest pain." > "$dir/folder/a.txt"
evaluate folder "$dir/folder" --no-cache
[ "$rc" -eq 0 ] && [ "$(score wer "$dir/folder/results.json")" = 0.6666666666666666 ]
result $? "a folder of recordings with their texts"
cat > "$dir/folder/metadata.csv" << 'END'
file_name,transcription
a.wav,no chest pain
END
evaluate folder "$dir/folder" --no-cache
[ "$rc" -eq 0 ] && [ "$(score cer "$dir/folder/results.json")" = 0.0 ]
result $? "a folder with metadata.csv"

printf '{"audio_filepath": {"bytes": "%s", "path": "x.wav"}, "text": "no chest pain"}\n' \
    "$(base64 < "$dir/clips/a.wav" | tr -d '\n')" > "$dir/voices.jsonl"
evaluate voices ai4bharat/IndicVoices --no-cache --include-content --model-args '{"say_language": true}' \
    --dataset-args "ai4bharat/IndicVoices:path=$dir/voices.jsonl,language=santali"
[ "$rc" -eq 0 ] && grep -qF '{\"language\": \"sat\"}' "$dir/voices/results.json"
result $? "a published set, bytes in its rows, and its language reaches the model"

cat > "$dir/set.yaml" << 'END'
name: ours/clips
kind: transcription
path: clips.jsonl
metrics: [mer, cer]
processors: [general_text_processor]
END
evaluate yaml "$dir/set.yaml" --no-cache
[ "$rc" -eq 0 ] && [ "$(score mer "$dir/yaml/results.json")" = 0.3333333333333333 ]
result $? "a description"

echo '{"id": "c", "audio": "clips/gone.wav", "text": "one two three"}' >> "$dir/clips.jsonl"
ask() {
    "$KARMA" --plugin "$plugin" eval listener --no-cache --output "$dir/no.json" --no-progress "$@"
}
fails 4 E_MISSING "clips.jsonl: line 3: audio: " "a recording that is not there" ask --datasets "$dir/clips.jsonl"
evaluate gone "$dir/clips.jsonl" --no-cache --dataset-args "$dir/clips.jsonl:missing_audio=fail"
[ "$rc" -eq 3 ] && [ "$(value failed "$dir/gone/results.json")" = 1 ] && [ "$(value scored "$dir/gone/results.json")" = 2 ] &&
    grep -q '"failed_counted_as_wrong": 0.625' "$dir/gone/results.json"
result $? "unless it is to be its sample's failure; then all its words are missed"
fails 4 E_MISSING "b.wav: its transcript b.txt is not beside it" "a recording without its text" \
    sh -c "rm '$dir/folder/metadata.csv'; cp '$dir/clips/b.wav' '$dir/folder/'; '$KARMA' --plugin '$plugin' eval listener --datasets '$dir/folder' --no-cache --output '$dir/no.json' --no-progress"
fails 2 E_USAGE "language" "a published set without its language" ask --datasets ai4bharat/IndicVoices \
    --dataset-args "ai4bharat/IndicVoices:path=$dir/voices.jsonl"
