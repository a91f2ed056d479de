#!/bin/sh
# karma data: rows, columns and copies of data files, and what is said of wrong ones.
. tests/cli/common.sh
sets=$fixtures/datasets/parquet

# --- head -------------------------------------------------------------------------------------------
run "$KARMA" data head "$sets/vqa.parquet" -n 2
printf '%s\n' '{"image": {"bytes": "<png, 68 bytes>", "path": "0.png"}, "question": "How grey is 0?", "answer": "0"}' \
    '{"image": {"bytes": "<png, 68 bytes>", "path": "0.png"}, "question": "How grey is 1?", "answer": "0"}' > "$dir/want"
[ $rc -eq 0 ] && cmp -s "$dir/want" "$dir/out" && [ ! -s "$dir/err" ]
result $? "data head shows rows as JSON, and of binary values kind and size"
for kind in jsonl parquet; do
    "$KARMA" data head "$sets/mcq.$kind" -n all > "$dir/$kind"
done
[ "$(wc -l < "$dir/parquet")" -eq 9 ] && cmp -s "$dir/parquet" "$dir/jsonl"
result $? "the rows of a Parquet file are those of the same JSON Lines"
"$KARMA" data head "$sets/split/data/train-*-of-00003.parquet" -n all > "$dir/parts"
cmp -s "$dir/parts" "$dir/jsonl"
result $? "a name with a * stands for several files, in their order"
run "$KARMA" data head "$fixtures/formats/parquet/empty.parquet"
[ $rc -eq 0 ] && [ ! -s "$dir/out" ]
result $? "a file without rows has none to show"
"$KARMA" data head "$sets/mcq.jsonl" -n all 2> "$dir/err" | head -n 1 > "$dir/out"
[ "$(wc -l < "$dir/out")" -eq 1 ] && [ ! -s "$dir/err" ]
result $? "a pipe that closes early is quiet"

# --- schema -----------------------------------------------------------------------------------------
run "$KARMA" data schema "$sets/vqa.parquet"
[ $rc -eq 0 ] && grep -q ': parquet, 8 rows in 3 row groups, [0-9]* bytes$' "$dir/out" &&
    grep -q '^image.bytes  binary  0      snappy  [0-9]*' "$dir/out" &&
    grep -q '^written by parquet-cpp-arrow' "$dir/out"
result $? "data schema shows columns, types, nulls, codecs and row groups"
printf '{"a": 1, "b": {"c": "x"}}\n{"a": 2.5, "b": null, "d": [1, "y"]}\n' > "$dir/mixed.jsonl"
run "$KARMA" data schema --json "$dir/mixed.jsonl"
[ $rc -eq 0 ] && python3 - "$dir/out" <<'END' 2> "$dir/err"
import json, sys
s = json.load(open(sys.argv[1]))
got = [(c["path"], c["type"], c["nulls"]) for c in s["columns"]]
assert (s["kind"], s["rows"]) == ("jsonl", 2), s
assert got == [("a", "real", 0), ("b", "struct", 1), ("b.c", "string", 0), ("d", "list", 1),
               ("d.element", "integer or string", 0)], got
END
result $? "of other files the rows tell: missing and null values, mixed types, what lies within"
printf 'a\tb\n1\t2\n' > "$dir/t.tsv"
run "$KARMA" data schema "$dir/t.tsv"
[ $rc -eq 0 ] && grep -q ': tsv, 1 rows' "$dir/out"
result $? "a table of text is one of strings"

# --- convert ----------------------------------------------------------------------------------------
run "$KARMA" data convert "$sets/mcq.parquet" -o "$dir/mcq.jsonl"
cmp -s "$dir/mcq.jsonl" "$sets/mcq.jsonl" && [ $rc -eq 0 ] && grep -q '^9 rows in ' "$dir/err"
result $? "data convert writes JSON Lines"
fails 4 E_UNSUPPORTED "vqa.parquet: row 1: column image: holds binary values" \
    "binary values without a folder for them are refused, by the column's name" \
    "$KARMA" data convert "$sets/vqa.parquet" -o "$dir/vqa.jsonl"
[ ! -e "$dir/vqa.jsonl" ] && [ -z "$(find "$dir" -name '.karma*')" ]
result $? "nothing is left of an output that failed"
run "$KARMA" data convert "$sets/vqa.parquet" -o "$dir/vqa.jsonl" --media "$dir/pictures"
[ $rc -eq 0 ] && grep -q '^{"image": "pictures/image-000001.png", ' "$dir/vqa.jsonl" &&
    [ "$(find "$dir/pictures" -name '*.png' | wc -l)" -eq 8 ]
result $? "with --media they become files, named from where the output lies"
for kind in csv tsv; do
    printf '{"a": "x,\\"y\\"\\tz", "b": null}\n{"a": "line\\nline", "b": [1, 2]}\n' > "$dir/in.jsonl"
    run "$KARMA" data convert "$dir/in.jsonl" -o "$dir/in.$kind" && "$KARMA" data head "$dir/in.$kind" > "$dir/got"
    printf '%s\n' '{"a": "x,\"y\"\tz", "b": ""}' '{"a": "line\nline", "b": "[1, 2]"}' > "$dir/want"
    cmp -s "$dir/got" "$dir/want"
    result $? "$kind: cells are quoted, and read as they were"
done
fails 2 E_USAGE "exists; it is replaced only by force" "an output that is there stays" \
    "$KARMA" data convert "$sets/mcq.parquet" -o "$dir/mcq.jsonl"
run "$KARMA" data convert "$sets/mcq.parquet" -o "$dir/mcq.jsonl" --force
result $rc "unless --force is given"
fails 2 E_USAGE "cannot be the output" "a file is not written over itself" \
    "$KARMA" data convert "$dir/mcq.jsonl" -o "$dir/mcq.jsonl" --force
fails 4 E_UNSUPPORTED "expected .jsonl, .ndjson, .csv or .tsv" "an output of no kind is refused" \
    "$KARMA" data convert "$sets/mcq.parquet" -o "$dir/mcq.xml"
fails 4 E_MISSING "nowhere" "an output in no folder is refused" \
    "$KARMA" data convert "$sets/mcq.parquet" -o "$dir/nowhere/mcq.jsonl"

# --- mistakes ---------------------------------------------------------------------------------------
fails 2 E_USAGE "usage: karma data" "data alone is a mistake" "$KARMA" data
fails 2 E_USAGE "tail" "an unknown part is a mistake" "$KARMA" data tail "$sets/mcq.parquet"
fails 2 E_USAGE "--output is missing" "convert needs an output" "$KARMA" data convert "$sets/mcq.parquet"
fails 2 E_USAGE "-n is an option of data head" "an option of another part is a mistake" \
    "$KARMA" data schema "$sets/mcq.parquet" -n 3
for n in 0 -1 1.5 many ''; do
    fails 2 E_USAGE "-n" "data head -n '$n' is a mistake" "$KARMA" data head "$sets/mcq.parquet" -n "$n"
done
fails 4 E_MISSING "none.parquet" "a file that is not there" "$KARMA" data head "$dir/none.parquet"
fails 4 E_UNSUPPORTED "not a data file" "a file of another kind" "$KARMA" data head README.md
printf 'PAR1' > "$dir/short.parquet"
fails 4 E_TRUNCATED "short.parquet: 4 bytes, too few" "a Parquet file cut short" "$KARMA" data schema "$dir/short.parquet"
head -c 300 "$sets/vqa.parquet" > "$dir/cut.parquet"
fails 4 E_TRUNCATED "its last bytes are not PAR1" "a Parquet file without its end" "$KARMA" data head "$dir/cut.parquet"
printf '{"a": 1}\n{"a": \n' > "$dir/bad.jsonl"
fails 4 E_ANY "bad.jsonl: line 2" "a broken row ends it, by its line" "$KARMA" data schema "$dir/bad.jsonl"
