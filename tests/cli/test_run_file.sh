#!/bin/sh
# Run files: karma eval's options as YAML or JSON, written by --save-run and read again; the command
# line over them; what is wrong in one is said with its line.
. tests/cli/common.sh
case $KARMA in /*) ;; *) KARMA=$PWD/$KARMA ;; esac
tiny tiny
questions 6 > "$dir/data.jsonl"
questions 3 > "$dir/more data.jsonl"
export KARMA_STORE="$dir/store.db"
cd "$dir" || exit 1
mkdir runs deep deep/er

same_run() { # the results in place are those kept as kept.*
    for part in json samples.jsonl manifest.json; do
        cmp "out.$part" "kept.$part" || return 1
    done
}
keep() {
    for part in json samples.jsonl manifest.json; do mv "out.$part" "kept.$part"; done
}

# --- round trip ------------------------------------------------------------------------------------
for file in run.yaml it.json runs/run.yml deep/er/run.yaml "$dir/runs/whole.yaml"; do
    run "$KARMA" eval tiny --datasets "data.jsonl,more data.jsonl" --output out.json --no-progress --refresh-cache \
        --model-args '{"max_tokens": 7, "stop": ["never: \"this\""]}' --seed 11 --batch-size 2 --threads 1 --max-samples 4 \
        --dataset-args 'data.jsonl:few_shot=1;more data.jsonl:few_shot=0' --metric-args 'exact_match:ignore_case=false' \
        --slice-min 2 --save-run "$file"
    first=$rc
    keep
    run "$KARMA" eval "$file" --refresh-cache
    [ "$first" -eq 0 ] && [ "$rc" -eq 0 ] && same_run > "$dir/err" 2>&1
    result $? "what --save-run writes gives the same results, log and manifest ($(basename "$(dirname "$file")")/$(basename "$file"))"
done
run "$KARMA" eval --run runs/run.yml --refresh-cache
[ "$rc" -eq 0 ] && same_run > "$dir/err" 2>&1
result $? "--run names one, too"
run "$KARMA" eval runs/run.yml --save-run runs/again.yml
[ "$rc" -eq 0 ] && cmp -s runs/run.yml runs/again.yml
result $? "a run file saved again is the same file"
grep -qF '"../more data.jsonl"' runs/run.yml && grep -qF 'model: "../tiny"' runs/run.yml
result $? "its paths are relative to it"
(cd deep && "$KARMA" eval ../runs/run.yml --output "$dir/elsewhere.json") > "$dir/out" 2> "$dir/err"
result $? "and hold from another folder"

# --- the same said in other ways -------------------------------------------------------------------
cat > ways.yaml << 'END'
model: tiny
datasets:
  data.jsonl:
    args: {few_shot: 1}
  more data.jsonl:
    args:
      few_shot: 0
  question_answer:
    args: {path: data.jsonl}
    processors: {}
metric_args: {exact_match: {ignore_case: false}}
model_args: {max_tokens: 7}
max_samples: 2
cache: false
progress: false
slice:
output: ways.json
END
run "$KARMA" eval ways.yaml
[ "$rc" -eq 0 ] && grep -q 'datasets 3/3 complete, 6 samples' "$dir/out" &&
    grep -q '"few_shot": 1' ways.json && grep -q '"ignore_case": false' ways.manifest.json
result $? "data sets as a map of arguments and processors"
printf '{"model": "tiny", "datasets": "data.jsonl, more data.jsonl", "dataset_args": "data.jsonl:few_shot=1", "max_tokens": 1}' > text.json
fails 4 E_UNEXPECTED 'unknown key max_tokens' "JSON, texts as on the command line; an option that eval has not" "$KARMA" eval text.json
printf '{"model": "tiny", "datasets": "data.jsonl, more data.jsonl", "dataset_args": "data.jsonl:few_shot=1", "max_samples": "all", "model_args": {"max_tokens": 2}}' > text.json
run "$KARMA" eval text.json --no-progress
[ "$rc" -eq 0 ] && grep -q '9 samples' "$dir/out"
result $? "and with it gone"

# --- the command line goes over it -----------------------------------------------------------------
run "$KARMA" eval ways.yaml --max-samples 1 --datasets question_answer --output over.json
[ "$rc" -eq 0 ] && grep -q 'datasets 1/1 complete, 1 samples' "$dir/out" && [ -s over.json ]
result $? "options of the command line win; arguments of data sets left out go with them"
run "$KARMA" eval ways.yaml --seed 5 --model-args '{"max_tokens": 3}' --dataset-args 'data.jsonl:few_shot=2' --save-run over.yaml
[ "$rc" -eq 0 ] && grep -q 'max_tokens: 3' over.yaml && grep -q 'seed: 5' over.yaml && grep -q 'few_shot: "2"' over.yaml &&
    grep -q 'path: data.jsonl' over.yaml
result $? "arguments go over arguments one by one"
run "$KARMA" eval ways.yaml --cache --progress --save-run flags.yaml
[ "$rc" -eq 0 ] && grep -q '^cache: true' flags.yaml && grep -q '^progress: true' flags.yaml
result $? "a flag over its opposite"
printf 'datasets: [data.jsonl]\nseed: 3\nmodel_args: {max_tokens: 2}\n' > bare.yaml
run "$KARMA" eval --model tiny bare.yaml --output bare.json --no-progress
[ "$rc" -eq 0 ]
result $? "the model may stand on the command line"
echo '{"max_tokens": 9}' > config.json
run "$KARMA" eval bare.yaml --model tiny --model-config config.json --dry-run --save-run bare2.yaml
[ "$rc" -eq 0 ] && grep -q 'max_tokens: 9' bare2.yaml && grep -q 'seed: 3' bare2.yaml
result $? "so does a file of model arguments on it"

# --- wrong ones ------------------------------------------------------------------------------------
wrong() { # STATUS CODE TEXT SENTENCE, the file on standard input
    cat > wrong.yaml
    rm -f results.json
    fails "$1" "$2" "$3" "$4" "$KARMA" eval wrong.yaml
    [ ! -e results.json ] || echo "not ok - nothing is run: $4"
}
wrong 4 E_UNEXPECTED 'wrong.yaml: line 3: unknown key max_sample; did you mean max_samples?' "an unknown key" << 'END'
model: tiny
datasets: [data.jsonl]
max_sample: 3
END
wrong 4 E_UNEXPECTED 'line 4: unknown key arg; did you mean args?' "an unknown key of a data set" << 'END'
model: tiny
datasets:
  data.jsonl:
    arg: {few_shot: 1}
END
wrong 4 E_TYPE 'line 3: cache: expected true or false, found text' "a word for a flag" << 'END'
model: tiny
datasets: [data.jsonl]
cache: no
END
wrong 4 E_TYPE 'line 1: model: expected text, found a list' "a list for a text" << 'END'
model: [tiny]
datasets: [data.jsonl]
END
wrong 4 E_TYPE 'line 2: datasets: expected a list of names' "a number among names" << 'END'
model: tiny
datasets: [7]
END
wrong 4 E_TYPE 'line 3: model_args: expected a map' "a list of model arguments" << 'END'
model: tiny
datasets: [data.jsonl]
model_args: [1]
END
wrong 4 E_DUPLICATE 'line 3' "a key twice" << 'END'
model: tiny
datasets: [data.jsonl]
model: tiny
END
wrong 4 E_DUPLICATE 'no_cache and cache say the same thing twice' "a flag and its opposite" << 'END'
model: tiny
cache: true
no_cache: true
END
wrong 4 E_DUPLICATE 'arguments of data.jsonl are given twice' "arguments in both places" << 'END'
model: tiny
datasets: {data.jsonl: {args: {few_shot: 1}}}
dataset_args: {data.jsonl: {few_shot: 2}}
END
wrong 4 E_UNSUPPORTED 'anchors are not supported' "an anchor" << 'END'
model: &m tiny
datasets: [data.jsonl]
END
wrong 4 E_UNSUPPORTED 'tags are not supported' "a tag" << 'END'
model: !!str tiny
datasets: [data.jsonl]
END
wrong 4 E_SYNTAX 'wrong.yaml: line' "a broken file" << 'END'
model: [tiny
END
wrong 4 E_MISSING 'neither model nor datasets' "another kind of file" << 'END'
output: x.json
END
wrong 4 E_TYPE 'a run file is a map' "a list" << 'END'
- model
END
wrong 4 E_UNEXPECTED 'unknown key run' "a run file that names another" << 'END'
model: tiny
run: other.yaml
END
wrong 2 E_USAGE '--max-samples: expected a whole number' "a value out of range" << 'END'
model: tiny
datasets: [data.jsonl]
max_samples: 0
END
wrong 2 E_USAGE 'max_tokenz' "a model argument that is none" << 'END'
model: tiny
datasets: [data.jsonl]
model_args: {max_tokenz: 3}
END
fails 4 E_ANY 'none.yaml' "a file that is not there" "$KARMA" eval none.yaml
fails 2 E_USAGE '--run names the run file already' "two of them" "$KARMA" eval --run ways.yaml bare.yaml
fails 2 E_USAGE '--model is missing' "none names the model" "$KARMA" eval bare.yaml
fails 2 E_USAGE 'exists and is no run file; --force replaces it' "--save-run over another file" \
    "$KARMA" eval ways.yaml --save-run config.json
run "$KARMA" eval ways.yaml --force --save-run config.json
[ "$rc" -eq 0 ] && grep -q '"datasets"' config.json
result $? "unless it is forced"
fails 2 E_NOTFOUND 'nowhere/run.yaml' "--save-run into no folder" "$KARMA" eval ways.yaml --save-run nowhere/run.yaml
