#!/bin/sh
# The pages of doc/ are true: every example in them runs and prints what the page says, tables of
# options are what the program knows, the manual names every option and nothing else, and the
# browsable form is made without a warning.
#
# Examples run in a folder of their own for each page, where the demo lies under demo/ and its
# questions as questions.jsonl, two pictures as chest.png and earlier.png, karma installed, with a hub cache in which tiny checkpoints stand under the names of
# published models: what they answer is noise, and the same noise every time.
# tests/support/docs_split.awk says how a page marks its examples.
set -u
root=$PWD
BUILD=${BUILD:-$(dirname "$KARMA")}
case $KARMA in /*) ;; *) KARMA=$root/$KARMA ;; esac
case $BUILD in /*) ;; *) BUILD=$root/$BUILD ;; esac
pages="README.md $(echo doc/*.md doc/reference/*.md)"

# --- one page: test_docs.sh --page PAGE FOLDER ------------------------------------------------------

example() { # KIND N LINE
    source=$work/$2.$1
    case $1 in
    c)
        # shellcheck disable=SC2046 # the flags are words
        ${CC:-cc} -std=c17 -Wall -Wextra -Werror -o "$work/$2.program" "$source" \
            $(pkg-config --cflags --libs karma) > "$work/err" 2>&1 &&
            "$work/$2.program" > "$work/out" 2> "$work/err" < /dev/null
        ;;
    sh) sh -eu "$source" > "$work/out" 2> "$work/err" < /dev/null ;;
    python) "$PYTHON" "$source" > "$work/out" 2> "$work/err" < /dev/null ;;
    esac
}

if [ "${1-}" = --page ]; then
    page=$2 work=$3
    mkdir -p "$work/here/path/to" "$work/home"
    awk -v dir="$work" -f "$root/tests/support/docs_split.awk" "$page" > "$work/steps" ||
        { echo "not ok - $page: $(tail -n 1 "$work/steps")"; exit; }
    cp -r "$root/demo" "$work/here/demo"
    cp "$root/demo/questions.jsonl" "$work/here/"
    cp "$root/tests/fixtures/api/see/square.png" "$work/here/chest.png"
    cp "$root/tests/fixtures/api/see/odd.png" "$work/here/earlier.png"
    ln -s "$root/demo/model" "$work/here/path/to/model"
    ln -s "$root/demo/model" "$work/here/custom_medical_model"
    [ ! -d "$root/plugins" ] || cp -r "$root/plugins" "$work/here/"
    export HOME="$work/home" PATH="$BUILD:$PATH" KARMA_LIBRARY="$BUILD/libkarma.so" PYTHONPATH="$root/python"
    export TMPDIR="$work" PYTHONDONTWRITEBYTECODE=1
    unset MAKEFLAGS MAKELEVEL
    cd "$work/here" || exit 1
    exec > "$work/report" # not mixed with that of another page
    skipped=0
    while read -r step kind n line; do
        if [ "$step" = file ]; then # file N PATH
            mkdir -p "$(dirname "$n")"
            cp "$work/$kind.file" "$n"
            continue
        fi
        if [ "$kind" = python ] && [ -z "$PYTHON" ]; then
            skipped=$((skipped + 1))
            continue
        fi
        why=
        : > "$work/out"
        example "$kind" "$n"
        status=$?
        [ $status -eq 0 ] || why="exit status $status"
        if [ -z "$why" ] && [ -f "$work/$n.want" ]; then
            why=$(awk -v WANT="$work/$n.want" -v GOT="$work/out" -f "$root/tests/support/docs_match.awk") ||
                why="${why:-the comparison failed}"
        fi
        if [ -z "$why" ]; then
            echo "ok - $page: example $n ($kind, line $line)"
        else
            { echo "$why"; tail -n 15 "$work/out" "$work/err"; } | cut -c 1-300 | sed 's/^/# /'
            echo "not ok - $page: example $n ($kind, line $line)"
        fi
    done < "$work/steps"
    [ $skipped -eq 0 ] || echo "skip - $page: $skipped examples in Python: no python3 with numpy here"
    exit
fi

. tests/cli/common.sh

# --- examples ---------------------------------------------------------------------------------------

# stand_in NAME FOLDER: the hub cache has that checkpoint under NAME from now on.
stand_in() {
    repository=$dir/hub/models--$(echo "$1" | sed 's|/|--|g')
    mkdir -p "$repository/refs" "$repository/snapshots"
    printf %s 0123456789abcdef0123456789abcdef01234567 > "$repository/refs/main"
    cp -r "$2" "$repository/snapshots/0123456789abcdef0123456789abcdef01234567"
}
tiny qwen
mkdir "$dir/gemma"
cp $fixtures/models/gemma3/*.json $fixtures/models/gemma3/model.safetensors \
    $fixtures/api/tiny/*.json "$dir/gemma/"
stand_in Qwen/Qwen3-0.6B demo/model
stand_in Qwen/Qwen3-1.7B demo/model
stand_in google/gemma-3-270m-it "$dir/gemma"
mkdir "$dir/see"
cp $fixtures/models/gemma3_see/model.safetensors $fixtures/api/see/*.json "$dir/see/"
stand_in google/medgemma-4b-it "$dir/see"
stand_in sentence-transformers/all-MiniLM-L6-v2 $fixtures/embeddings/bert
export HF_HUB_CACHE="$dir/hub" KARMA BUILD

env -u MAKEFLAGS -u MAKELEVEL make -s install BUILD="$BUILD" DESTDIR= PREFIX="$dir/prefix" > "$dir/out" 2> "$dir/err"
[ $? -eq 0 ] || { result 1 "karma can be installed for the examples"; exit 1; }
export PKG_CONFIG_PATH="$dir/prefix/lib/pkgconfig"

PYTHON=
for python in python3 /usr/bin/python3; do
    [ -d python/karma ] && "$python" -c 'import numpy' > /dev/null 2>&1 && PYTHON=$python && break
done
export PYTHON

for page in $pages; do
    mkdir -p "$dir/pages/$page"
    echo "$page $dir/pages/$page"
done > "$dir/list"
xargs -P 2 -L 1 sh tests/cli/test_docs.sh --page < "$dir/list"
for page in $pages; do
    cat "$dir/pages/$page/report" || echo "not ok - $page: its examples were looked at"
done
