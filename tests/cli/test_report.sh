#!/bin/sh
# karma report: a real run of a tiny model, and two, as a page: well-formed, without scripts, without
# anything from elsewhere; what is first, what is left out; pictures in it; what is refused; a log of
# a hundred thousand lines in the memory of one.
. tests/cli/common.sh
tiny tiny
mkdir -p "$dir/a" "$dir/b"

# evaluate FOLDER DATA OPTIONS...: results in $dir/FOLDER/results.json.
evaluate() {
    folder=$1 data=$2
    shift 2
    run "$KARMA" --quiet eval --model "$dir/tiny" --datasets "$data" --no-cache --no-progress --force \
        --output "$dir/$folder/results.json" "$@"
}
# page SENTENCE OPTIONS...: a report in $dir/page.html that is well-formed and self-contained.
page() {
    sentence=$1
    shift
    rm -f "$dir/page.html"
    run "$KARMA" --quiet report "$@" -o "$dir/page.html"
    [ "$rc" -eq 0 ] && [ "$(stat -c %a "$dir/page.html")" = 600 ] &&
        awk -f tests/support/html_check.awk "$dir/page.html" > "$dir/out" && [ ! -s "$dir/out" ] &&
        ! grep -qiE 'https?:|//[a-z]|javascript:|<script' "$dir/page.html"
    result $? "$sentence"
}
# says TEXT...: each stands in the page.
says() {
    for text in "$@"; do
        grep -qF -- "$text" "$dir/page.html" || { echo "# not in the page: $text"; return 1; }
    done
}

# The checker can fail.
printf '<!DOCTYPE html>\n<html lang="en"><p>a<img src="http://x/y.png" alt=""><b>c</p></html>' > "$dir/bad.html"
awk -f tests/support/html_check.awk "$dir/bad.html" > "$dir/out"
grep -q 'src reaches out' "$dir/out" && grep -q '</p> ends <b>' "$dir/out"
result $? "the checker of pages finds what is wrong"

{ questions 20
  printf '{"id": "</summary><script>", "question": "</dd><script>alert(1)</script>\\u202e\\u0007 & \\"q\\"", "answer": "a<b"}\n'
  printf '{"id": "long", "question": "%s", "answer": "a"}\n' "$(head -c 9000 /dev/zero | tr '\0' a)"; } > "$dir/data.jsonl"
evaluate a "$dir/data.jsonl" --model-args '{"max_tokens": 6}' --include-content
a=$dir/a/results.json
page "a run with content as a page" "$a"
says 'This is a software evaluation.' 'no statement about a medical device' '>1 failed</span>' \
    '&lt;/dd&gt;&lt;script&gt;alert(1)&lt;/script&gt;[U+202E]' '&lt;/summary&gt;&lt;script&gt;' 'a&lt;b' \
    "$(sed -n 's/^ *"checkpoint": "\([0-9a-f]*\)",*$/\1/p' "$dir/a/results.manifest.json")"
result $? "it has the statement, the weights' digest, and hostile texts as text"
awk '/<h2/ { sub(/.*<h2[^>]*>/, ""); sub(/<.*/, ""); print }' "$dir/page.html" > "$dir/out"
printf '%s\n' 'Failed and flagged samples' Scores 'By data set' 'Other samples' 'What was run' | cmp -s - "$dir/out"
result $? "failed and flagged samples come before the scores"
cp "$dir/page.html" "$dir/once.html"
page "made again" "$a"
cmp -s "$dir/page.html" "$dir/once.html"
result $? "it has the same bytes"
mv "$dir/a/run.json" "$dir/run.json"
page "without its run file" "$a"
says 'Times and host were not kept' && mv "$dir/run.json" "$dir/a/run.json"
result $? "it says that there are no times"
page "with five samples" "$a" --samples 5
[ "$(grep -c '^<details class="sample' "$dir/page.html")" = 5 ] && says ' of them are left out' && grep -q '^5 of 22 samples in ' "$dir/err"
result $? "it says how many are left out"
page "with failed and flagged samples alone" "$a" --samples failed
says 'Only failed and flagged samples were asked for' && grep -q '^<details class="sample p">' "$dir/page.html" &&
    ! grep -q '^<details class="sample">' "$dir/page.html"
result $? "it has no others"
page "with all samples" "$a" --samples all
[ "$(grep -c '^<details class="sample' "$dir/page.html")" = 22 ]
result $? "it has each of them"

# Two runs, of which one lost answers.
n=0
while [ $n -lt 20 ]; do
    said=$(sed -n "s/.*\"key\": \"k$n\",.*\"prediction\": \"\(\([^\"\\\\]\|\\\\.\)*\)\".*/\1/p" "$dir/a/results.samples.jsonl")
    printf '{"id": "k%d", "question": "Name of %d?", "answer": "%s", "half": "%d"}\n' $n $n "$said" $((n % 2))
    n=$((n + 1))
done > "$dir/data.jsonl"
evaluate a "$dir/data.jsonl" --model-args '{"max_tokens": 6}' --include-content --slice half --slice-min 5
evaluate b "$dir/data.jsonl" --model-args '{"max_tokens": 1}' --include-content --slice half --slice-min 5
b=$dir/b/results.json
page "two runs as a page" "$a" "$b"
says 'What differs</h2>' 'McNemar, exact' 'the second is worse by ' ' right in the first run, wrong in the second' \
    'exact_match by half' 'First run' 'Second run'
result $? "it tells what differs, and shows the answers that changed"

# Options in all orders: places, confidence.
cat > "$dir/choice.jsonl" << 'END'
{"id": "c1", "question": "Which is a vitamin?", "options": {"A": "C", "B": "Fe"}, "answer": "A"}
{"id": "c2", "question": "Which is a metal?", "options": {"A": "C", "B": "Fe"}, "answer": "B"}
END
evaluate a "$dir/choice.jsonl" --answer-by letters,options --rotations
page "a run by letters and options in all orders" "$a"
says 'Ways to have an answer' 'How often each place was chosen' 'Reliability' 'Risk and coverage' \
    'no text of prompts, answers and references was kept'
result $? "it has places, ways and confidence"

# Pictures.
BUILD=${BUILD:-$(dirname "$KARMA")}
if [ -f "$BUILD/tests/plugins/viewer.so" ]; then
    mkdir -p "$dir/img" "$dir/v"
    printf '\211PNG\r\n\032\nYes' > "$dir/img/yes.png"
    printf '{"id": "p", "image": "img/yes.png", "question": "Seen?", "answer": "yes"}\n' > "$dir/vqa.jsonl"
    see() {
        run "$KARMA" --quiet --plugin "$BUILD/tests/plugins/viewer.so" eval viewer --datasets "$dir/vqa.jsonl" \
            --no-cache --no-progress --output "$dir/v/results.json" "$@"
    }
    see --include-content
    page "a run about a picture" "$dir/v/results.json" --media inline
    says "<img src=\"data:image/png;base64,$(base64 "$dir/img/yes.png")\" alt=\"" && grep -q '1 pictures and recordings, 0 left out' "$dir/err"
    result $? "it holds the picture"
    page "without --media" "$dir/v/results.json"
    ! grep -q '<img' "$dir/page.html" && says 'img/yes.png'
    result $? "it names the picture"
    printf 'more' >> "$dir/img/yes.png"
    page "when the picture has changed" "$dir/v/results.json" --media inline
    ! grep -q '<img' "$dir/page.html" && says 'the data are no longer those of the run' &&
        grep -q '0 pictures and recordings, 1 left out' "$dir/err"
    result $? "it is left out, and that is said"
else
    echo "skip - $BUILD/tests/plugins/viewer.so is not built"
fi

# Many samples: the heap stays as small as with few. Maps of files are no part of this limit; a build
# with sanitizers cannot run under it.
few() {
    (ulimit -d 32768 && exec "$KARMA" --quiet report "$dir/$1/results.json" -o "$dir/many.html" --samples "$2")
}
import() { # FOLDER N
    mkdir -p "$dir/$1"
    awk -v n="$2" 'BEGIN { for (i = 0; i < n; i++) printf "{\"id\": \"k%d\", \"question\": \"Name of %d?\", \"answer\": \"item-%d\", \"part\": \"p%d\"}\n", i, i, i, i % 7 }' \
        > "$dir/many.jsonl"
    awk -v n="$2" 'BEGIN { for (i = 0; i < n; i++) printf "{\"id\": \"k%d\", \"text\": \"item-%d\"}\n", i, i % 3 ? i : i + 1 }' \
        > "$dir/many.answers"
    run "$KARMA" --quiet eval --answers "$dir/many.answers" --datasets "$dir/many.jsonl" --no-cache --no-progress --force \
        --include-content --output "$dir/$1/results.json"
}
import many 50
if few many 5 > "$dir/out" 2> "$dir/err"; then
    import many 100000
    few many 200 > "$dir/out" 2> "$dir/err" && grep -q '^200 of 100000 samples in ' "$dir/err" &&
        [ "$(grep -c '^<details class="sample' "$dir/many.html")" = 200 ] && grep -q '99,800 of them are left out' "$dir/many.html"
    result $? "100,000 samples in 32 MiB of memory"
    [ "$(wc -c < "$dir/many.html")" -lt 1000000 ]
    result $? "and their page stays small"
else
    echo "skip - a heap of 32 MiB is too little for this build"
fi
rm -rf "$dir"/many*

# Refused.
fails 2 E_NOTFOUND "there is no such results file" "a results file that is not there" "$KARMA" report "$dir/none.json" -o "$dir/x.html"
fails 2 E_USAGE "--output is missing" "no output" "$KARMA" report "$b"
fails 2 E_USAGE "--samples: expected a number of 0 or more, all, or failed, found some" "samples that are no number" \
    "$KARMA" report "$b" -o "$dir/x.html" --samples some
fails 2 E_USAGE "cannot be the output" "the run's own file as the output" "$KARMA" report "$b" -o "$b"
echo mine > "$dir/mine.html"
fails 2 E_USAGE "is no report" "a file of the user's" "$KARMA" report "$b" -o "$dir/mine.html"
run "$KARMA" report "$b" -o "$dir/mine.html" --force
[ "$rc" -eq 0 ] && grep -q 'karma report' "$dir/mine.html"
result $? "--force replaces it"
cp "$dir/b/results.samples.jsonl" "$dir/kept"
sed -i '3d' "$dir/b/results.samples.jsonl"
fails 4 E_DIGEST "its 19 lines are not those that the run wrote" "a log that lost a line" "$KARMA" report "$b" -o "$dir/x.html"
head -c 700 "$dir/kept" > "$dir/b/results.samples.jsonl"
fails 4 E_ANY "results.samples.jsonl: line " "a log that was cut" "$KARMA" report "$b" -o "$dir/x.html"
sed '3s/"state": "scored"/"state": 7/' "$dir/kept" > "$dir/b/results.samples.jsonl"
fails 4 E_TYPE "results.samples.jsonl: line 3: state" "a line of another shape" "$KARMA" report "$b" -o "$dir/x.html"
rm "$dir/b/results.samples.jsonl"
fails 4 E_MISSING "not there" "a run without its log" "$KARMA" report "$b" -o "$dir/x.html"
[ ! -e "$dir/x.html" ] && [ -z "$(find "$dir" -name '.*.tmp*' -o -name 'x.html*')" ]
result $? "and nothing is left behind"
