#!/bin/sh
# Whatever is wrong with a model, a data set or an argument: one clear line that names it, the right
# exit status, and nothing evaluated.
. tests/cli/common.sh
tiny good
questions 3 > "$dir/data.jsonl"
ask() { # FOLDER
    "$KARMA" run "$dir/$1" "Is iron low?" --max-tokens 2
}
# broken NAME: a copy of the good checkpoint to spoil.
broken() {
    cp -r "$dir/good" "$dir/$1"
}
# config NAME SED: a copy with config.json edited.
config() {
    broken "$1"
    sed "$2" "$dir/good/config.json" > "$dir/$1/config.json"
}
# weights NAME SED: a copy with the names and shapes of tensors edited, byte for byte.
weights() {
    broken "$1"
    LC_ALL=C sed "$2" "$dir/good/model.safetensors" > "$dir/$1/model.safetensors"
    [ "$(wc -c < "$dir/$1/model.safetensors")" -eq "$(wc -c < "$dir/good/model.safetensors")" ] ||
        echo "not ok - $1 has the size it should have"
}
run ask good
[ "$rc" -eq 0 ]
result $? "the good checkpoint is good"

# --- the checkpoint ---------------------------------------------------------------------------------
fails 2 E_NOTFOUND "no such file or folder" "a missing checkpoint" ask nowhere
fails 2 E_NOTFOUND "nearest name: Qwen/Qwen3-0.6B" "an unknown model is told the nearest" \
    "$KARMA" run Qwen/Qwen3-0.6 x
mkdir "$dir/empty"
fails 4 E_MISSING config.json "a folder without config.json" ask empty
broken weightless && rm "$dir/weightless/model.safetensors"
fails 4 E_MISSING weightless "a folder without weights" ask weightless
broken textless && rm "$dir/textless/tokenizer.json"
fails 4 E_MISSING tokenizer "a folder without a tokenizer" ask textless
config alien 's/Qwen3ForCausalLM/QwenForCausalML/'
fails 4 E_UNSUPPORTED QwenForCausalML "an unknown architecture" ask alien
config tall 's/"num_hidden_layers": 3/"num_hidden_layers": 4/; s/"layer_types": \[/&"full_attention",/'
fails 4 E_MISSING model.layers.3 "missing tensors" ask tall
config low 's/"num_hidden_layers": 3/"num_hidden_layers": 2/; 0,/"full_attention",/{/"full_attention",/d}'
fails 4 E_ANY model.layers.2 "left-over tensors" ask low
config wide 's/"intermediate_size": 54/"intermediate_size": 56/'
fails 4 E_SHAPE mlp "tensors of another shape than the configuration says" ask wide
weights renamed 's/model\.norm\.weight/model.norm.weighs/'
fails 4 E_MISSING model.norm.weight "a tensor under another name" ask renamed
weights turned 's/"shape":\[38,54\]/"shape":[54,38]/'
fails 4 E_SHAPE down_proj "a tensor turned on its side" ask turned
weights small 's/"shape":\[38,54\]/"shape":[38,53]/'
fails 4 E_ANY down_proj "a shape that does not fill its bytes" ask small
weights typed 's/"dtype":"F32"/"dtype":"F99"/'
fails 4 E_DTYPE F99 "an unknown element type" ask typed
config fewer 's/"vocab_size": 97/"vocab_size": 96/'
fails 4 E_SHAPE embed_tokens "an embedding larger than the vocabulary says" ask fewer
broken many && sed 's/"id": 86/"id": 97/' "$dir/good/tokenizer.json" > "$dir/many/tokenizer.json"
fails 4 E_SHAPE 97 "a tokenizer with more tokens than the embedding has rows" ask many
broken cut && head -c 100000 "$dir/good/model.safetensors" > "$dir/cut/model.safetensors"
fails 4 E_RANGE "cut download" "weights that end early" ask cut
broken long && echo more >> "$dir/long/model.safetensors"
fails 4 E_UNEXPECTED model.safetensors "weights with bytes too many" ask long
broken nothing && : > "$dir/nothing/model.safetensors"
fails 4 E_TRUNCATED model.safetensors "empty weights" ask nothing
broken pickled && printf '\200\002}q\000.' > "$dir/pickled/model.safetensors"
fails 4 E_ANY pickle "weights that are a pickle" ask pickled
broken pointer && printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n' > "$dir/pointer/model.safetensors"
fails 4 E_ANY "Git LFS" "weights that are a pointer of Git LFS" ask pointer
broken piped && rm "$dir/piped/model.safetensors" && mkfifo "$dir/piped/model.safetensors"
fails 4 E_PATH pipe "weights that are a pipe do not make it wait" timeout 10 "$KARMA" run "$dir/piped" x
for field in head_dim num_attention_heads num_key_value_heads hidden_size num_hidden_layers max_position_embeddings; do
    config "zero_$field" "s/\"$field\": [0-9]*/\"$field\": 0/"
    fails 4 E_RANGE "$field" "$field of 0" ask "zero_$field"
    config "text_$field" "s/\"$field\": [0-9]*/\"$field\": \"many\"/"
    fails 4 E_TYPE "$field" "$field that is a word" ask "text_$field"
done
config rope 's/"rope_type": "default"/"rope_type": "spiral"/'
fails 4 E_UNSUPPORTED spiral "an unknown kind of rope scaling" ask rope
config act 's/"hidden_act": "silu"/"hidden_act": "wave"/'
fails 4 E_UNSUPPORTED wave "an unknown activation" ask act
broken json && printf '{"architectures": ["Qwen3ForCausalLM"],\n "vocab_size": }\n' > "$dir/json/config.json"
fails 4 E_SYNTAX "config.json: line 2" "a configuration that is no JSON: file and line" ask json
broken words && sed 's/"vocab": {/"vocab": [], "was": {/' "$dir/good/tokenizer.json" > "$dir/words/tokenizer.json"
fails 4 E_TYPE "tokenizer.json: model: vocab" "a vocabulary that is a list" ask words
broken split && sed 's/"type": "ByteLevel", "add_prefix_space": false/"type": "Mystery", "add_prefix_space": false/' \
    "$dir/good/tokenizer.json" > "$dir/split/tokenizer.json"
fails 4 E_UNSUPPORTED Mystery "an unknown pre-tokenizer" ask split
broken template && sed 's/{%- for m in messages -%}/{%- for m of messages -%}/' \
    "$dir/good/tokenizer_config.json" > "$dir/template/tokenizer_config.json"
fails 4 E_SYNTAX "chat template: line 1, column" "a chat template that is wrong: line and column" ask template
head -c 4096 /dev/zero > "$dir/zeros.gguf"
fails 4 E_MAGIC zeros.gguf "a GGUF file that is none" "$KARMA" run "$dir/zeros.gguf" x
for size in 3 23 24 100 1000 5000; do
    head -c $size $fixtures/models/llama_gguf_q8_0/model.gguf > "$dir/cut.gguf"
    fails 4 E_ANY cut.gguf "a GGUF file of $size bytes" "$KARMA" run "$dir/cut.gguf" x
done

# NaN in one place: a weight of the last norm, at the end of what is stored.
broken nan
size=$(wc -c < "$dir/nan/model.safetensors")
printf '\000\000\300\177' | dd of="$dir/nan/model.safetensors" bs=1 seek=$((size - 4)) conv=notrunc 2> /dev/null
fails 4 E_NONFINITE "" "a weight that is no number" ask nan
run "$KARMA" eval --model "$dir/nan" --datasets "$dir/data.jsonl" --no-cache --output "$dir/nan.json"
[ "$rc" -eq 3 ] && [ "$(value E_NONFINITE "$dir/nan.json")" = 3 ] && [ "$(value scored "$dir/nan.json")" = 0 ] &&
    [ "$(value score "$dir/nan.json")" = null ]
result $? "in an evaluation each sample fails, none is scored"
fails 4 E_LIMIT "leaves no room" "a prompt longer than the context" \
    "$KARMA" run "$dir/good" "$(head -c 5000 /dev/zero | tr '\0' a)"
fails 4 E_LIMIT "allowed" "more memory than may be used" \
    "$KARMA" run "$dir/good" x --model-args '{"max_memory_mb": 1, "max_sequences": 512}'

# --- data sets --------------------------------------------------------------------------------------
evaluate() { # DATASETS, OPTIONS...
    sets=$1
    shift
    "$KARMA" eval --model "$dir/good" --datasets "$sets" --no-cache --output "$dir/results.json" "$@"
}
fails 2 E_NOTFOUND pubmedqa "an unknown data set is told the nearest" evaluate pubmed_qa
fails 4 E_MISSING nowhere.jsonl "a missing data file" evaluate "$dir/nowhere.jsonl"
fails 2 E_USAGE "path" "a data set without its data file" evaluate multiple_choice
: > "$dir/none.jsonl"
fails 4 E_MISSING none.jsonl "an empty data set" evaluate "$dir/none.jsonl"
{ head -n 1 "$dir/data.jsonl"; echo '{"question": "x", "answer": }'; } > "$dir/line.jsonl"
fails 4 E_SYNTAX "line.jsonl: line 2" "a broken JSONL line: file and line" evaluate "$dir/line.jsonl"
{ head -n 2 "$dir/data.jsonl"; echo '["a list"]'; } > "$dir/list.jsonl"
fails 4 E_ANY "list.jsonl: line 3" "a JSONL line that is no object" evaluate "$dir/list.jsonl"
{ head -n 1 "$dir/data.jsonl"; echo '{"id": "k9", "answer": "x"}'; } > "$dir/field.jsonl"
fails 4 E_MISSING "field.jsonl: line 2" "a row without a question" evaluate "$dir/field.jsonl"
cat "$dir/data.jsonl" "$dir/data.jsonl" > "$dir/twice.jsonl"
fails 4 E_DUPLICATE "twice.jsonl: line 4" "an id given twice" evaluate "$dir/twice.jsonl"
echo '{"question": "x", "options": {"A": "a", "B": "b"}, "answer": "C"}' > "$dir/label.jsonl"
fails 4 E_ANY "label.jsonl: line 1" "an answer that is no choice" evaluate "$dir/label.jsonl"
printf '{"question": "caf\303", "answer": "x"}\n' > "$dir/bytes.jsonl"
fails 4 E_ANY "bytes.jsonl: line 1" "a row that is no UTF-8" evaluate "$dir/bytes.jsonl"
printf 'question,answer\n"open,1\n' > "$dir/quote.csv"
fails 4 E_SYNTAX quote.csv "a CSV file with an open quote" evaluate "$dir/quote.csv"
printf 'question,answer\na,b\nc\n' > "$dir/uneven.csv"
fails 4 E_ANY "uneven.csv: line 3" "a CSV row that is too short" evaluate "$dir/uneven.csv"
printf 'question,question\na,b\n' > "$dir/same.csv"
fails 4 E_DUPLICATE question "a CSV column given twice" evaluate "$dir/same.csv"
echo '[{"question": "a", "answer": "b"},' > "$dir/open.json"
fails 4 E_ANY open.json "a JSON file that ends early" evaluate "$dir/open.json"
printf 'name: x\nkind: question_answer\npath: data.jsonl\nmetrics: [exact_match\n' > "$dir/open.yaml"
fails 4 E_SYNTAX "open.yaml: line" "a YAML description with an open list: file and line" evaluate "$dir/open.yaml"
printf 'name: x\nkind: question_answer\npath: data.jsonl\npromt: x\n' > "$dir/key.yaml"
fails 4 E_UNEXPECTED prompt "an unknown key in a description is told the nearest" evaluate "$dir/key.yaml"
printf 'name: x\nkind: question_answer\npath: data.jsonl\nmetrics: [exact_mach]\n' > "$dir/metric.yaml"
run evaluate "$dir/metric.yaml"
[ "$rc" -ne 0 ] && grep -q '^karma: error E_[A-Z]*: .*exact_match' "$dir/err"
result $? "an unknown metric in a description is told the nearest"
printf 'a: &x [1]\nb: *x\n' > "$dir/alias.yaml"
fails 4 E_UNSUPPORTED alias.yaml "a YAML file with anchors" evaluate "$dir/alias.yaml"
fails 2 E_USAGE "named twice" "a data set named twice" evaluate "$dir/data.jsonl,$dir/data.jsonl"
fails 2 E_USAGE "a name is empty" "an empty name among the data sets" evaluate "$dir/data.jsonl,,x"
fails 4 E_MISSING "and 1 more" "of several wrong data sets the first is told, the others counted" \
    evaluate "$dir/nowhere.jsonl,$dir/none.jsonl"
fails 4 E_PATH data.jsonl/x "a path below a file" evaluate "$dir/data.jsonl/x.jsonl"

echo '{"question": "x", "options": {"A": "a", "B": "b"}, "answer": "B"}' > "$dir/choice.jsonl"

# --- arguments --------------------------------------------------------------------------------------
fails 2 E_USAGE "unknown command evil; did you mean eval" "an unknown command" "$KARMA" evil
fails 2 E_USAGE "unknown option --queit before the command; did you mean --quiet" \
    "an unknown option before the command" "$KARMA" --queit list models
run "$KARMA"
[ "$rc" -eq 2 ] && grep -q '^usage: ' "$dir/err"
result $? "no command: usage, exit status 2"
fails 2 E_USAGE "did you mean --max-samples" "an unknown option is told the nearest" \
    evaluate "$dir/data.jsonl" --max-sample 3
fails 2 E_USAGE "--model is missing" "no model" "$KARMA" eval --datasets "$dir/data.jsonl"
fails 2 E_USAGE "--seed needs a value" "an option without its value" evaluate "$dir/data.jsonl" --seed
fails 2 E_USAGE "--seed: the value is empty" "an option with an empty value" evaluate "$dir/data.jsonl" --seed ""
fails 2 E_USAGE "--seed is given twice" "an option given twice" evaluate "$dir/data.jsonl" --seed 1 --seed 2
fails 2 E_USAGE "--force takes no value" "a value for an option that takes none" evaluate "$dir/data.jsonl" --force=yes
fails 2 E_USAGE "unexpected argument" "a word too many" evaluate "$dir/data.jsonl" more
for value in -5 0 1e18 5.5 abc ' 3' 99999999999999999999; do
    fails 2 E_USAGE "--max-samples: expected a whole number" "--max-samples '$value'" \
        evaluate "$dir/data.jsonl" --max-samples "$value"
done
for value in -1 0 5.5 abc 1025; do
    fails 2 E_USAGE "--batch-size: expected a whole number" "--batch-size '$value'" \
        evaluate "$dir/data.jsonl" --batch-size "$value"
    fails 2 E_USAGE "--threads: expected a whole number" "--threads '$value'" \
        evaluate "$dir/data.jsonl" --threads "$value"
done
fails 2 E_USAGE "--seed: not valid UTF-8" "a value that is no UTF-8" \
    evaluate "$dir/data.jsonl" --seed "$(printf '1\377')"
run evaluate "$dir/data.jsonl" "--$(printf 'x\377\033[1m\nkarma: error')"
[ "$rc" -eq 2 ] && [ "$(wc -l < "$dir/err")" -eq 1 ] && ! LC_ALL=C grep -q "$(printf '[\377\033]')" "$dir/err"
result $? "an option of odd bytes: still one printable line"
for args in '{' '[1]' '{"a": 1, "a": 2}' '{"max_tokens": }' nonsense; do
    fails 2 E_USAGE "--model-args" "--model-args '$args'" evaluate "$dir/data.jsonl" --model-args "$args"
done
fails 2 E_USAGE "did you mean 'max_tokens'" "an unknown model argument is told the nearest" \
    evaluate "$dir/data.jsonl" --model-args '{"max_token": 3}'
for args in '{"max_tokens": "many"}' '{"max_tokens": 0}' '{"temperature": -1}' '{"top_p": 1.5}' '{"seed": -1}' '{"max_tokens": 1e99}'; do
    run evaluate "$dir/data.jsonl" --model-args "$args"
    { [ "$rc" -eq 2 ] || [ "$rc" -eq 4 ]; } && [ "$(grep -c '^karma: error E_' "$dir/err")" -eq 1 ]
    result $? "--model-args '$args'"
done
fails 2 E_USAGE "quantum" "an unknown device" evaluate "$dir/data.jsonl" --device quantum
fails 2 E_USAGE "expected key=value" "--dataset-args without '='" evaluate multiple_choice --dataset-args multiple_choice:path
fails 2 E_USAGE "expected NAME:key=value" "--dataset-args without a colon" evaluate multiple_choice --dataset-args path=x
fails 2 E_USAGE "expected NAME:key=value" "--dataset-args with a ';' at the end" \
    evaluate multiple_choice --dataset-args "multiple_choice:path=$dir/data.jsonl;"
fails 2 E_USAGE "did you mean multiple_choice" "--dataset-args for a data set that is not run" \
    evaluate multiple_choice --dataset-args "multiple_choice:path=$dir/choice.jsonl;multiple_chioce:path=y"
fails 2 E_USAGE "did you mean 'path'" "an unknown argument of a data set" \
    evaluate multiple_choice --dataset-args multiple_choice:pat=x
fails 2 E_USAGE "expected DATASET.PROCESSOR" "--processor-args without a dot" \
    evaluate "$dir/data.jsonl" --processor-args general:x=y
fails 2 E_USAGE "not part of this run" "--metric-args for a metric that is not used" \
    evaluate "$dir/data.jsonl" --metric-args tokenised_f2:x=y
fails 2 E_USAGE "ignore_case" "a metric argument of the wrong type" \
    evaluate "$dir/data.jsonl" --metric-args exact_match:ignore_case=maybe
fails 2 E_USAGE "expected one of json, yaml, csv" "an unknown format" evaluate "$dir/data.jsonl" --save-format xml
fails 4 E_MISSING nowhere.yaml "a missing model configuration" evaluate "$dir/data.jsonl" --model-config "$dir/nowhere.yaml"
printf 'max_tokens: 3\n temperature: 0\n' > "$dir/indent.yaml"
fails 4 E_SYNTAX "indent.yaml: line" "a broken model configuration: file and line" \
    evaluate "$dir/data.jsonl" --model-config "$dir/indent.yaml"
echo 'max_token: 3' > "$dir/key.conf.yaml"
fails 2 E_USAGE "did you mean 'max_tokens'" "an unknown key in a model configuration" \
    evaluate "$dir/data.jsonl" --model-config "$dir/key.conf.yaml"
fails 2 E_USAGE "HOME" "no place for the store" env -u HOME -u XDG_CACHE_HOME \
    "$KARMA" eval --model "$dir/good" --datasets "$dir/data.jsonl" --output "$dir/results.json"
[ ! -e "$dir/results.json" ]
result $? "none of these wrote results"
