#!/bin/sh
# Vectors from the command line: karma embed in both formats, and what karma run says of one text
# and of two.
. tests/cli/common.sh
E=$fixtures/embeddings
printf 'iron\nheart lung\n\nIs iron low?\n' > "$dir/texts"

run "$KARMA" embed $E/bert "$dir/texts"
[ "$rc" -eq 0 ] && [ "$(wc -l < "$dir/out")" -eq 4 ] &&
    [ "$(grep -c '^{"index": [0-9]*, "embedding": \[-*[0-9]' "$dir/out")" -eq 4 ]
result $? "a vector a line, an empty line among them"
cp "$dir/out" "$dir/four"
"$KARMA" embed $E/bert - < "$dir/texts" > "$dir/out" 2> "$dir/err"
cmp -s "$dir/four" "$dir/out"
result $? "standard input gives the same"
run "$KARMA" embed $E/bert "$dir/texts" --output "$dir/made.jsonl"
[ "$rc" -eq 0 ] && [ ! -s "$dir/out" ] && cmp -s "$dir/four" "$dir/made.jsonl"
result $? "--output gives the same in a file"
run "$KARMA" embed $E/bert "$dir/texts" --threads 1 --model-args '{"max_sequences": 1}'
cmp -s "$dir/four" "$dir/out"
result $? "threads change nothing"

{
    n=0
    while [ $n -lt 700 ]; do
        echo "iron $n"
        n=$((n + 1))
    done
} > "$dir/many"
run "$KARMA" embed $E/bert "$dir/many"
[ "$rc" -eq 0 ] && [ "$(wc -l < "$dir/out")" -eq 700 ] && tail -n 1 "$dir/out" | grep -q '^{"index": 699, '
result $? "more texts than a batch come in order"
tail -n 1 "$dir/many" > "$dir/last"
tail -n 1 "$dir/out" | sed 's/.*embedding/embedding/' > "$dir/want"
run "$KARMA" embed $E/bert "$dir/last"
sed 's/.*embedding/embedding/' "$dir/out" | cmp -s - "$dir/want"
result $? "and the last of them is what it is alone"

# --- JSON lines in ---
printf '{"id": "a", "text": "iron"}\n\n{"id": 7, "text": "x", "more": 1}\n{"text": "y"}\n' > "$dir/rows"
run "$KARMA" embed $E/bert "$dir/rows" --jsonl
[ "$rc" -eq 0 ] && [ "$(wc -l < "$dir/out")" -eq 3 ] &&
    sed -n 1p "$dir/out" | grep -q '^{"index": 0, "id": "a", "embedding": ' &&
    sed -n 2p "$dir/out" | grep -q '^{"index": 1, "id": 7, "embedding": ' &&
    sed -n 3p "$dir/out" | grep -q '^{"index": 2, "embedding": '
result $? "--jsonl reads objects and keeps their ids"
sed 's/"text"/"body"/' "$dir/rows" > "$dir/bodies"
cp "$dir/out" "$dir/first"
run "$KARMA" embed $E/bert "$dir/bodies" --jsonl --field body
[ "$rc" -eq 0 ] && cmp -s "$dir/first" "$dir/out"
result $? "--field names another field"

# --- npy ---
run "$KARMA" embed $E/bert "$dir/texts" --format npy --output "$dir/v.npy"
[ "$rc" -eq 0 ] && [ "$(wc -c < "$dir/v.npy")" -eq $((128 + 4 * 36 * 4)) ] &&
    head -c 128 "$dir/v.npy" | grep -aq "'descr': '<f4', 'fortran_order': False, 'shape': (4, 36)"
result $? "--format npy writes a NumPy file of its shape"
[ "$(ls "$dir" | grep -c 'v\.npy')" -eq 1 ]
result $? "and leaves no temporary file"
if python3 -c 'import numpy' 2> /dev/null; then
    python3 - "$dir/v.npy" "$dir/four" > "$dir/out" 2> "$dir/err" << 'END'
import json, sys
import numpy as np
v = np.load(sys.argv[1])
w = np.array([json.loads(line)["embedding"] for line in open(sys.argv[2])], dtype=np.float32)
assert v.dtype == np.float32 and v.shape == (4, 36) and v.flags.c_contiguous
assert (v == w).all()
assert abs(np.linalg.norm(v[0]) - 1) < 1e-6
END
    result $? "NumPy reads it, and the JSON has the same floats"
else
    echo "skip - no numpy"
fi
: > "$dir/empty"
run "$KARMA" embed $E/bert "$dir/empty" --format npy --output "$dir/none.npy"
[ "$rc" -eq 0 ] && head -c 128 "$dir/none.npy" | grep -aq "'shape': (0, 36)"
result $? "no texts are no rows"

# --- prompts, sizes ---
run "$KARMA" embed $E/gemma "$dir/last" --prompt-name query
cp "$dir/out" "$dir/named"
run "$KARMA" embed $E/gemma "$dir/last" --prompt "task: search result | query: "
[ "$rc" -eq 0 ] && cmp -s "$dir/named" "$dir/out"
result $? "a prompt by name is the prompt by its text"
run "$KARMA" embed $E/gemma "$dir/last"
! cmp -s "$dir/named" "$dir/out"
result $? "and not no prompt"
run "$KARMA" embed $E/bert "$dir/last" --truncate-dim 3 --no-normalize
[ "$rc" -eq 0 ] && [ "$(tr -cd , < "$dir/out" | wc -c)" -eq 3 ]
result $? "--truncate-dim keeps the leading components"
printf 'iron liver organ heart lung the and insulin iron liver organ heart lung the and insulin iron iron iron iron iron iron iron\n' > "$dir/long"
run "$KARMA" embed $E/bert "$dir/long"
[ "$rc" -eq 0 ] && grep -q '^karma: note: 1 of 1 texts' "$dir/err"
result $? "says that a text was cut"

# --- run ---
run "$KARMA" run $E/bert "iron" "iron"
[ "$rc" -eq 0 ] && [ "$(cat "$dir/out")" = 1.000000 ]
result $? "a text is like itself"
run "$KARMA" run $E/xlmr "iron" "liver" --json
[ "$rc" -eq 0 ] && grep -q '^{"similarity": -*[0-9.e-]*, "score_function": "dot", "dims": \[20, 20\]}$' "$dir/out"
result $? "--json says how it was compared"
run "$KARMA" run $E/bert "iron"
[ "$rc" -eq 0 ] && grep -q '^\[-*0\.[0-9]' "$dir/out" && [ "$(tr -cd , < "$dir/out" | wc -c)" -eq 35 ]
result $? "one text gives its vector"
run "$KARMA" run $E/bert "iron" --json
[ "$rc" -eq 0 ] && grep -q '^{"dim": 36, "embedding": \[' "$dir/out"
result $? "and as JSON"
tiny qwen
fails 2 E_USAGE "embedding models" "two texts need an embedding model" "$KARMA" run "$dir/qwen" a b
fails 2 E_USAGE "no embedding model" "so does embed" "$KARMA" embed "$dir/qwen" "$dir/texts"

# --- mistakes ---
fails 2 E_NOTFOUND nowhere "a file that is not there" "$KARMA" embed $E/bert "$dir/nowhere"
printf 'iron\na\377z\n' > "$dir/bad"
fails 4 E_ENCODING "line 2" "bytes that are no UTF-8 are named by line" "$KARMA" embed $E/bert "$dir/bad"
fails 4 E_ENCODING "line 2" "and leave no file" "$KARMA" embed $E/bert "$dir/bad" --output "$dir/bad.jsonl"
[ ! -e "$dir/bad.jsonl" ] && [ "$(ls "$dir" | grep -c 'bad\.jsonl')" -eq 0 ]
result $? "not even in part"
printf '{"text": "a"}\n{"text": 3}\n' > "$dir/bad"
fails 4 E_TYPE "line 2: field text" "a field of another type" "$KARMA" embed $E/bert "$dir/bad" --jsonl
printf '{"text": "a"}\n{"tex": "b"}\n' > "$dir/bad"
fails 4 E_MISSING "line 2: field text" "a field that is missing" "$KARMA" embed $E/bert "$dir/bad" --jsonl
printf '{"text": "a"}\n{\n' > "$dir/bad"
fails 4 E_SYNTAX "line 2" "a line that is no JSON" "$KARMA" embed $E/bert "$dir/bad" --jsonl
fails 2 E_USAGE "--output" "npy needs a file" "$KARMA" embed $E/bert "$dir/texts" --format npy
fails 2 E_USAGE "query, document" "an unknown prompt names those there are" \
    "$KARMA" embed $E/gemma "$dir/texts" --prompt-name quary
fails 2 E_USAGE "36 components" "more components than there are" \
    "$KARMA" embed $E/bert "$dir/texts" --truncate-dim 99
fails 2 E_USAGE "exclude" "both of two opposites" \
    "$KARMA" embed $E/bert "$dir/texts" --normalize --no-normalize
fails 2 E_NOTFOUND "folder" "an output where no folder is" \
    "$KARMA" embed $E/bert "$dir/texts" --output "$dir/no/where.npy" --format npy
fails 4 E_PATH "regular" "an output that is a folder" \
    "$KARMA" embed $E/bert "$dir/texts" --output "$dir"
ln -s linked.jsonl "$dir/link"
: > "$dir/linked.jsonl"
run "$KARMA" embed $E/bert "$dir/texts" --output "$dir/link"
[ "$rc" -eq 0 ] && [ -h "$dir/link" ] && cmp -s "$dir/linked.jsonl" "$dir/made.jsonl"
result $? "a link stays one, and where it leads is written"

# --- a reader that goes, a signal ---
"$KARMA" embed $E/bert "$dir/many" 2> "$dir/err" | head -n 1 > "$dir/out"
[ -s "$dir/out" ] && [ ! -s "$dir/err" ]
result $? "a reader that leaves early is no error"
mkfifo "$dir/pipe"
"$KARMA" embed $E/bert - --format npy --output "$dir/cut.npy" < "$dir/pipe" 2> "$dir/err" &
pid=$!
{
    cat "$dir/many"
    sleep 0.3
    kill -TERM $pid
    echo iron
} > "$dir/pipe"
wait $pid
rc=$?
[ $rc -eq 143 ] && [ "$(ls "$dir" | grep -c 'cut\.npy')" -eq 0 ]
result $? "a signal ends it with 143 and leaves no file"
