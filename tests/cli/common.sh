# common.sh - what the scripts beside it share. They source it from the root of the repository, print
# a line for each thing they check, and keep everything in $dir, which goes with them.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fixtures=tests/fixtures

# result STATUS SENTENCE: one line; $dir/out and $dir/err are shown when it failed.
result() {
    if [ "$1" -eq 0 ]; then
        echo "ok - $2"
    else
        [ -f "$dir/out" ] && tail -n 20 "$dir/out" | cut -c 1-300 | sed 's/^/# out: /'
        [ -f "$dir/err" ] && tail -n 20 "$dir/err" | cut -c 1-300 | sed 's/^/# err: /'
        echo "not ok - $2"
    fi
}

# run COMMAND...: its output in $dir/out and $dir/err, its exit status in $rc.
run() {
    "$@" > "$dir/out" 2> "$dir/err" < /dev/null
    rc=$?
}

# fails STATUS CODE TEXT SENTENCE COMMAND...: the command ends with STATUS and one line on standard
# error, "karma: error CODE: ...", that holds TEXT; warnings and notes may stand before it. CODE is a
# pattern: E_ANY is any.
fails() {
    want=$1 code=$2 text=$3 sentence=$4
    [ "$code" = E_ANY ] && code='E_[A-Z]*'
    shift 4
    run "$@"
    [ "$rc" -eq "$want" ] && [ "$(grep -cv '^karma: \(warning\|note\): ' "$dir/err")" -eq 1 ] &&
        tail -n 1 "$dir/err" | grep -q "^karma: error $code: " &&
        grep '^karma: error' "$dir/err" | grep -qF -- "$text" &&
        [ "$(tail -n 1 "$dir/err" | wc -c)" -le 1100 ]
    status=$?
    [ $status -eq 0 ] || echo "# expected status $want, $code, \"$text\"; found status $rc"
    result $status "$sentence"
}

# tiny NAME: a checkpoint of forty thousand random weights in $dir/NAME, with room for 2,048 tokens.
# What it says is noise, and the same noise every time.
tiny() {
    mkdir -p "$dir/$1"
    cp $fixtures/models/qwen3_tied/model.safetensors $fixtures/api/tiny/tokenizer.json \
        $fixtures/api/tiny/tokenizer_config.json "$dir/$1/"
    sed 's/"max_position_embeddings": 256/"max_position_embeddings": 2048/' \
        $fixtures/models/qwen3_tied/config.json > "$dir/$1/config.json"
}

# questions N: that many rows, keys k0 to kN-1.
questions() {
    n=0
    while [ $n -lt "$1" ]; do
        printf '{"id": "k%d", "question": "Name of %d?", "answer": "item-%d"}\n' $n $n $n
        n=$((n + 1))
    done
}

# value KEY FILE: the first value of that key in a JSON file of ours, without its comma.
value() {
    sed -n "s/^ *\"$1\": \(.*[^,]\),*\$/\1/p" "$2" | head -n 1
}
