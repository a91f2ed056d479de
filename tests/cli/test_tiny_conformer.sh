#!/bin/sh
# A recogniser that was trained (tools/fixtures/tiny_conformer.py) hears recordings it was not trained
# on: the whole path from files of sound to error rates, by both decoders and in both languages, beside
# what the same weights hear in PyTorch.
. tests/cli/common.sh
speech=$fixtures/speech_tiny
model=$speech/model
more= # model arguments
for language in hi en; do
    grep "\"language\": \"$language\"" $speech/manifest.jsonl | sed "s|\"clips/|\"$PWD/$speech/clips/|" > "$dir/$language.jsonl"
done

# evaluate NAME DECODER OPTIONS...: results in $dir/NAME.json, "clip TAB text" of each in $dir/NAME.texts.
evaluate() {
    name=$1 decoder=$2
    shift 2
    run "$KARMA" eval "$model" --datasets "$dir/hi.jsonl,$dir/en.jsonl" --no-cache --no-progress --include-content \
        --output "$dir/$name.json" --model-args "{\"decoding_method\": \"$decoder\"$more}" "$@"
    sed -n 's/^ *"key": "\(.*\)",$/\1/p; s/^ *"output": "\(.*\)",$/\1/p' "$dir/$name.json" | paste - - | sort > "$dir/$name.texts"
}

# rate LANGUAGE: the word error rate that the table in $dir/out shows.
rate() {
    sed -n "s|^[^ ]*$1.jsonl  *transcription  *wer  *\([0-9.]*\) .*|\1|p" "$dir/out"
}

below() { # A B
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a < b) }'
}

size=$(cat $model/* | wc -c)
[ "$size" -le 2000000 ]
result $? "the recogniser takes no more than 2 MB"
for decoder in ctc rnnt; do
    evaluate $decoder $decoder --batch-size 8
    status=$rc hi=$(rate hi) en=$(rate en)
    echo "# $decoder: word error rate Hindi $hi, English $en"
    [ "$status" -eq 0 ] && below "$hi" 0.1 && below "$en" 0.1
    result $? "by $decoder, fewer than one word in ten is wrong, in Hindi and in English"
    sed -n "s/^{\"id\": \"\([^\"]*\)\", .*\"$decoder\": \"\([^\"]*\)\".*/\1\t\2/p" $speech/hypotheses.jsonl | sort > "$dir/reference"
    [ "$(wc -l < "$dir/reference")" -ge 40 ] && cmp "$dir/$decoder.texts" "$dir/reference" > "$dir/out"
    result $? "by $decoder, every clip is heard as PyTorch hears it"
    evaluate alone $decoder --batch-size 1 --threads 1
    cmp -s "$dir/alone.texts" "$dir/$decoder.texts"
    result $? "by $decoder, clips alone and in company have the same texts"
done

more=', "dtype": "int8"'
evaluate eight ctc
more=
below "$(rate hi)" 0.1 && below "$(rate en)" 0.1
result $? "and in eight bits it still hears them"

text() { # DECODER: what PyTorch hears in the first clip
    grep '"id": "hi00"' $speech/hypotheses.jsonl | sed "s/.*\"$1\": \"\([^\"]*\)\".*/\1/"
}
run "$KARMA" transcribe $model $speech/clips/hi00.flac --language hi
[ "$rc" -eq 0 ] && [ "$(cat "$dir/out")" = "$(text ctc)" ]
result $? "karma transcribe says it of one clip"
run "$KARMA" transcribe $model $speech/clips/hi00.flac --language hi --decoding rnnt --format json
[ "$rc" -eq 0 ] && grep -qF "\"text\": \"$(text rnnt)\"" "$dir/out" && grep -q '"begin": 0' "$dir/out"
result $? "and the transducer's words with their times"
run "$KARMA" transcribe $model $speech/clips/hi00.flac $speech/clips/en00.flac --language auto --format json
[ "$rc" -eq 0 ] && head -n 1 "$dir/out" | grep -q '"language": "hi"' && tail -n 1 "$dir/out" | grep -q '"language": "en"'
result $? "--language auto tells Hindi from English"
run "$KARMA" convert $model "$dir/wide" --dtype f32
model=$dir/wide
evaluate wide ctc
cmp -s "$dir/wide.texts" "$dir/ctc.texts"
result $? "the same weights in f32 hear the same"
