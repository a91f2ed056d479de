#!/bin/sh
# karma eval on questions about pictures: manifests, folders, the published sets, closed and open
# questions apart, what is stored, what fails, the page of samples. The model is a plugin that sees
# what is written in a file behind the signature of a PNG.
. tests/cli/common.sh
BUILD=${BUILD:-$(dirname "$KARMA")}
plugin=$BUILD/tests/plugins/viewer.so
if [ ! -f "$plugin" ]; then
    echo "skip - $plugin is not built"
    exit
fi

# picture FILE TEXT: the signature of a PNG, and the text for pixels.
picture() {
    mkdir -p "$(dirname "$1")"
    printf '\211PNG\r\n\032\n%s' "$2" > "$1"
}
# evaluate NAME SET OPTIONS...: results in $dir/NAME/results.json.
evaluate() {
    name=$1 set=$2
    shift 2
    mkdir -p "$dir/$name"
    run "$KARMA" --plugin "$plugin" eval viewer --datasets "$set" --output "$dir/$name/results.json" \
        --no-progress "$@"
}
# score METRIC FILE: its score of the whole set; score_of PART METRIC FILE: that of a part.
score() {
    sed -n "/^ *\"$1\": {/,/}/s/^ *\"score\": \(.*[^,]\),*\$/\1/p" "$2" | head -n 1
}
score_of() {
    sed -n "/^ *\"by_answer_type\": {/,\$p" "$3" | sed -n "/^ *\"$1\": {/,\$p" > "$dir/part"
    score "$2" "$dir/part"
}

picture "$dir/img/yes.png" Yes
picture "$dir/img/lung.png" "left lung"
cat > "$dir/rows.jsonl" << 'END'
{"id": "a", "image": "img/yes.png", "question": "Is a nodule seen?", "answer": "yes"}
{"id": "b", "image": "img/lung.png", "question": "Where is it?", "answer": "left lung"}
{"id": "c", "image": "img/yes.png", "question": "Is it gone?", "answer": "no"}
{"id": "d", "image": "img/lung.png", "question": "What is seen?", "answer": "lung"}
END
evaluate base "$dir/rows.jsonl" --store "$dir/store.db"
file=$dir/base/results.json
[ "$rc" -eq 0 ] && [ "$(score exact_match "$file")" = 0.5 ] && grep -q '"task_type": "vqa"' "$file" &&
    [ "$(score_of closed tokenised_f1 "$file")" = 0.5 ] && [ "$(score_of open tokenised_f1 "$file")" = 0.8333333333333333 ]
result $? "a manifest of pictures, questions and answers; closed and open ones apart"
grep -q 'exact_match, closed .*0\.500' "$dir/out" && grep -q 'tokenised_f1, open .*0\.833' "$dir/out"
result $? "the table has rows of both"
! LC_ALL=C grep -q '[^ -~]' "$dir/out"
result $? "what is shown on the terminal is plain"
evaluate again "$dir/rows.jsonl" --store "$dir/store.db"
cmp -s "$file" "$dir/again/results.json" && [ "$(value samples_run "$dir/again/run.json")" = 0 ]
result $? "the same bytes from the store"
picture "$dir/img/lung.png" "lung"
evaluate edited "$dir/rows.jsonl" --store "$dir/store.db"
[ "$(value samples_run "$dir/edited/run.json")" = 2 ] && [ "$(score_of open exact_match "$dir/edited/results.json")" = 0.5 ]
result $? "another picture under the same name is asked about again"

{ # a table, with several pictures of a question
    echo 'image,lateral,question,answer,closed'
    echo 'img/yes.png,img/lung.png,Which?,2,false'
    echo 'img/yes.png,,Which?,1,true'
} > "$dir/views.csv"
cat > "$dir/views.yaml" << 'END'
name: ours/views
kind: visual_question_answer
path: views.csv
fields: {image: [image, lateral], answer_type: closed}
metrics: [exact_match]
END
evaluate views "$dir/views.yaml" --no-cache --model-args '{"say_count": true}'
[ "$rc" -eq 0 ] && [ "$(score_of open exact_match "$dir/views/results.json")" = 1.0 ] &&
    [ "$(score_of closed exact_match "$dir/views/results.json")" = 1.0 ]
result $? "a description with two pictures a row and a column of its own for the part"

mkdir -p "$dir/folder"
cp "$dir/img/yes.png" "$dir/folder/"
printf 'image,question,answer\nyes.png,Seen?,yes\n' > "$dir/folder/metadata.csv"
evaluate folder "$dir/folder" --no-cache
[ "$rc" -eq 0 ] && [ "$(score exact_match "$dir/folder/results.json")" = 1.0 ]
result $? "a folder with metadata.csv"

printf '{"image": {"bytes": "%s", "path": null}, "question": "Seen?", "answer": "YES"}\n' \
    "$(base64 < "$dir/img/yes.png" | tr -d '\n')" > "$dir/rad.jsonl"
evaluate rad flaviagiammarino/vqa-rad --no-cache --include-content --dataset-args "flaviagiammarino/vqa-rad:path=$dir/rad.jsonl"
[ "$rc" -eq 0 ] && grep -q 'Given this radiology image.*following question: Seen?"' "$dir/rad/results.json" &&
    grep -q '"expected_output": "yes"' "$dir/rad/results.json" && [ "$(score exact_match "$dir/rad/results.json")" = 1.0 ]
result $? "a published set with bytes in its rows, asked as KARMA asks"
picture "$dir/img/reason.png" "There is one. Final Answer: Yes"
echo '{"image": "img/reason.png", "question": "Seen?", "answer": "yes"}' > "$dir/slake.jsonl"
evaluate slake mdwiratathya/SLAKE-vqa-english --no-cache --dataset-args "mdwiratathya/SLAKE-vqa-english:path=$dir/slake.jsonl"
[ "$rc" -eq 0 ] && [ "$(score exact_match "$dir/slake/results.json")" = 1.0 ]
result $? "another, whose answer stands behind a marker"

# --- what goes wrong --------------------------------------------------------------------------------
: > "$dir/img/empty.png"
{
    echo '{"id": "e", "image": "img/gone.png", "question": "Seen?", "answer": "yes"}'
    echo '{"id": "f", "image": "img/empty.png", "question": "Where?", "answer": "lung"}'
} >> "$dir/rows.jsonl"
evaluate broken "$dir/rows.jsonl" --no-cache
file=$dir/broken/results.json
[ "$rc" -eq 3 ] && grep -q '"scored": 4' "$file" && grep -q 'line 5: image: .*gone.png: no such file' "$dir/err" &&
    grep -q '"message": "img/empty.png: nothing to see"' "$file" && grep -q '2 failed: 2 E_TRUNCATED' "$dir/out"
result $? "a picture that is missing or broken is its sample's failure, named, and the run goes on"
echo '{"id": "t", "question": "And without a picture?", "answer": "no"}' > "$dir/mixed.jsonl"
head -n 2 "$dir/rows.jsonl" >> "$dir/mixed.jsonl"
tiny text
mkdir -p "$dir/blind"
run "$KARMA" eval --model "$dir/text" --datasets "$dir/mixed.jsonl" --no-cache --no-progress \
    --output "$dir/blind/results.json" --model-args '{"max_new_tokens": 4, "enable_thinking": false}'
[ "$rc" -eq 3 ] && grep -q '"scored": 1' "$dir/blind/results.json" && grep -q '"E_UNSUPPORTED": 2' "$dir/blind/results.json"
result $? "pictures for a model that reads text alone: those samples fail, the others are scored"
ask() {
    "$KARMA" --plugin "$plugin" eval viewer --no-cache --output "$dir/no.json" --no-progress "$@"
}
fails 4 E_MISSING "rows.jsonl: line 5: image: " "unless it is to be an error" ask --datasets "$dir/rows.jsonl" \
    --dataset-args "$dir/rows.jsonl:missing_image=error"
echo '{"image": "https://example.org/a.png", "question": "q", "answer": "a"}' > "$dir/url.jsonl"
fails 4 E_PATH "line 1: image: a URL (https://example.org/a.png)" "nothing is fetched" ask --datasets "$dir/url.jsonl"

# --- the page of samples ----------------------------------------------------------------------------
picture "$dir/img/markup.png" '<script>alert("x")</script>'
echo '{"id": "m", "image": "img/markup.png", "question": "<b>&</b>?", "answer": "a"}' > "$dir/markup.jsonl"
evaluate page "$dir/markup.jsonl" --no-cache --samples-page "$dir/page.html"
[ "$rc" -eq 0 ] && grep -qF '<img loading="lazy" src="img/markup.png" alt="img/markup.png">' "$dir/page.html" &&
    grep -qF '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;' "$dir/page.html" && ! grep -q '<script\|<b>&' "$dir/page.html"
result $? "--samples-page shows pictures beside answers, and none of their texts is markup"
[ "$(stat -c %a "$dir/page.html")" = 600 ]
result $? "the page is for its owner alone"
echo '<p>mine</p>' > "$dir/mine.html"
fails 2 E_USAGE "is not a page of samples" "another file is not replaced" ask --datasets "$dir/markup.jsonl" --samples-page "$dir/mine.html"

# --- a model that sees ------------------------------------------------------------------------------
# Its weights are random: an answer is noise, but the same noise for the same picture and question.
mkdir -p "$dir/see"
cp $fixtures/models/gemma3_see/model.safetensors $fixtures/api/see/*.json "$dir/see/"
cp $fixtures/api/see/*.png "$dir/img/"
head -c 900 $fixtures/api/see/odd.png > "$dir/img/cut.png"
echo "no picture" > "$dir/img/words.png"
{
    echo '{"id": "path", "image": "img/square.png", "question": "What is this?", "answer": "a"}'
    printf '{"id": "bytes", "image": {"bytes": "%s"}, "question": "What is this?", "answer": "a"}\n' \
        "$(base64 < $fixtures/api/see/square.png | tr -d '\n')"
    echo '{"id": "odd", "image": "img/odd.png", "question": "What is this?", "answer": "no"}'
    echo '{"id": "two", "images": ["img/odd.png", "img/grey.png"], "question": "Which?", "answer": "a"}'
    echo '{"id": "cut", "image": "img/cut.png", "question": "What?", "answer": "yes"}'
    echo '{"id": "words", "image": "img/words.png", "question": "What?", "answer": "a"}'
    echo '{"id": "last", "image": "img/square.png", "question": "Another question?", "answer": "a"}'
} > "$dir/seen.jsonl"
look() { # look NAME OPTIONS...
    name=$1
    shift
    mkdir -p "$dir/$name"
    run "$KARMA" eval --model "$dir/see" --datasets "$dir/seen.jsonl" --include-content --no-progress \
        --output "$dir/$name/results.json" --model-args '{"max_new_tokens": 8, "do_sample": false}' "$@"
}
# output KEY FILE: what the model said of a sample.
output() {
    sed -n "/\"key\": \"$1\"/,/\"output\"/s/^ *\"output\": \(.*\),\$/\1/p" "$2"
}
look one --batch-size 1 --store "$dir/see.db" --samples-page "$dir/seen.html"
file=$dir/one/results.json
[ "$rc" -eq 3 ] && grep -q '"scored": 5' "$file" && grep -q '"failed": 2' "$file" && grep -q 'words.png' "$file" && grep -q 'cut.png' "$file"
result $? "pictures that cannot be read fail by name, the others are seen"
[ -n "$(output path "$file")" ] && [ "$(output path "$file")" = "$(output bytes "$file")" ] &&
    [ "$(output path "$file")" != "$(output odd "$file")" ]
result $? "a file and its bytes are one picture, and another is another"
look many --batch-size 8 --no-cache
cmp -s "$file" "$dir/many/results.json"
result $? "eight at once give the bytes that one by one gave"
look again --store "$dir/see.db"
cmp -s "$file" "$dir/again/results.json" && [ "$(value samples_from_store "$dir/again/run.json")" = 5 ]
result $? "a second run takes what was seen from the store and tries again what failed"
[ "$(grep -c '<img ' "$dir/seen.html")" -ge 5 ] && grep -q 'class="failed"' "$dir/seen.html"
result $? "the page shows what was seen and what failed"
