#!/bin/sh
# karma list: every kind in every format, filters, what cannot be listed; and that it takes nothing
# from models or data and speaks the same in every locale.
. tests/cli/common.sh

for kind in models datasets metrics processors; do # plugins: test_plugin.sh
    for format in table simple csv json; do
        run "$KARMA" list $kind --format $format
        [ "$rc" -eq 0 ] && [ -s "$dir/out" ] && [ ! -s "$dir/err" ]
        result $? "list $kind as $format"
    done
done
for format in table simple json; do
    run "$KARMA" list all --format $format
    [ "$rc" -eq 0 ] && [ -s "$dir/out" ]
    result $? "list all as $format"
done
fails 2 E_USAGE "holds one kind" "a CSV file holds one kind" "$KARMA" list all --format csv

run "$KARMA" list models --format simple
[ "$(sort "$dir/out")" = "$(cat "$dir/out")" ] && grep -qx 'Qwen/Qwen3-0.6B' "$dir/out"
result $? "models come by name, one a line"
[ "$("$KARMA" list models --format csv | head -n 1)" = name ]
result $? "CSV of models has the one column name"
columns=name,task_type,metrics,required_args,optional_args,processors,split,commit_hash
[ "$("$KARMA" list datasets --format csv | head -n 1)" = $columns ]
result $? "CSV of data sets has upstream's columns"
"$KARMA" list models | head -n 1 | grep -q '^Model Name'
result $? "the table begins with the header Model Name"

run "$KARMA" list models --type embedding --format simple
[ "$rc" -eq 0 ] && grep -q MiniLM "$dir/out" && ! grep -q Qwen3-0.6B "$dir/out"
result $? "models of one type"
run "$KARMA" list models --modality audio --format simple
[ "$rc" -eq 0 ] && grep -q conformer "$dir/out" && ! grep -q Qwen3-0.6B "$dir/out"
result $? "models of one modality"
run "$KARMA" list datasets --metric exact_match --task-type mcqa --format simple
[ "$rc" -eq 0 ] && grep -q pubmedqa "$dir/out"
result $? "data sets of one task and metric"
run "$KARMA" list datasets --show-args
[ "$rc" -eq 0 ] && head -n 1 "$dir/out" | grep -q 'Optional Args'
result $? "data sets with their optional arguments"

fails 2 E_USAGE "expected one of models, datasets" "an unknown kind is told the known ones" \
    "$KARMA" list model
fails 2 E_USAGE "expected one of table, simple" "an unknown format is told the known ones" \
    "$KARMA" list models --format xml
fails 2 E_USAGE text_generation "an unknown type is told the known ones" \
    "$KARMA" list models --type speech
fails 2 E_USAGE "did you mean --format" "an unknown option is told the nearest" \
    "$KARMA" list models --fromat csv

# A user's own entries; one broken file hides nothing else.
mkdir -p "$dir/mine/models"
cat > "$dir/mine/models/good.yaml" << 'END'
name: mine/model
loader_class: QwenThinkingLLM
model_type: text_generation
END
echo 'name: [unfinished' > "$dir/mine/models/broken.yaml"
run env KARMA_PATH="$dir/mine" "$KARMA" list models --format simple
[ "$rc" -eq 0 ] && grep -qx mine/model "$dir/out" && grep -qx Qwen/Qwen3-0.6B "$dir/out" &&
    grep -q '^karma: warning: .*broken.yaml' "$dir/err"
result $? "a broken file of the user's is a warning and hides nothing"
run env KARMA_PATH="$dir/mine" "$KARMA" -q list models --format simple
[ "$rc" -eq 0 ] && [ ! -s "$dir/err" ]
result $? "--quiet leaves warnings out"

# The same bytes whatever the surroundings.
"$KARMA" list all --format json > "$dir/plain"
for setting in LC_ALL=tr_TR.UTF-8 LC_ALL=de_DE.UTF-8 TZ=Asia/Kathmandu HOME=/nonexistent; do
    env "$setting" "$KARMA" list all --format json 2> "$dir/err" | cmp -s - "$dir/plain"
    result $? "lists the same with $setting"
done
env -i "$KARMA" list all --format json 2> "$dir/err" | cmp -s - "$dir/plain"
result $? "lists the same without any environment"

# Where the listing goes.
"$KARMA" list all --format json 2> "$dir/err" | head -c 1 > /dev/null
[ ! -s "$dir/err" ]
result $? "a reader that leaves early is no error"
run sh -c '"$1" list models > /dev/full' sh "$KARMA"
[ "$rc" -eq 5 ] && grep -q '^karma: error E_NOSPACE: standard output' "$dir/err"
result $? "a full disk behind standard output is exit status 5"
run sh -c '"$1" list models >&-' sh "$KARMA"
[ "$rc" -eq 5 ] && grep -q '^karma: error E_IO: standard output' "$dir/err"
result $? "a closed standard output is exit status 5"
run sh -c '(ulimit -f 8; "$1" list all --format json > "$2/limited")' sh "$KARMA" "$dir"
[ "$rc" -eq 5 ] && grep -q '^karma: error E_NOSPACE: standard output' "$dir/err"
result $? "a limit on the size of files is an error, not a signal"
run sh -c '"$1" list models <&- 2>&-' sh "$KARMA"
[ "$rc" -eq 0 ] && [ -s "$dir/out" ]
result $? "works with standard input and error closed"
