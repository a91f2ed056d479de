#!/bin/sh
# karma convert: graphs and archives become folders that load; mistakes and broken files end with
# their status and leave no weights behind.
. tests/cli/common.sh
models=$fixtures/conformer

# converts SENTENCE MODEL FOLDER [OPTIONS]
converts() {
    sentence=$1
    shift
    run "$KARMA" convert "$@"
    result $rc "$sentence"
}

converts "a folder of graphs is converted" $models/inline "$dir/inline"
converts "in bf16 too" $models/blobs "$dir/bf16" --dtype bf16
converts "an archive is converted" $models/tiny.nemo "$dir/nemo"
converts "what was converted can be converted again" "$dir/nemo" "$dir/again" --dtype f16
run "$KARMA" info model "$dir/nemo"
result $rc "what was converted is known"
fails 2 E_USAGE "is there already" "weights are not written over" \
    "$KARMA" convert $models/inline "$dir/inline"
fails 2 E_USAGE "expected f32, f16 or bf16" "an unknown element type is a mistake" \
    "$KARMA" convert $models/inline "$dir/x" --dtype int4
fails 4 E_UNSUPPORTED "karma convert" "an archive is not loaded as it is, and the hint says what to do" \
    "$KARMA" info model $models/tiny.nemo
head -c 20000 $models/tiny.nemo > "$dir/cut.nemo"
fails 4 E_TRUNCATED "ends early" "an archive that is cut is refused" \
    "$KARMA" convert "$dir/cut.nemo" "$dir/cut"
cp -r $models/blobs "$dir/outside"
blob=$(ls "$dir/outside/assets" | grep MatMul | head -n 1)
mv "$dir/outside/assets/$blob" "$dir/elsewhere"
ln -s "$dir/elsewhere" "$dir/outside/assets/$blob"
fails 4 E_PATH "leads out of the model's folder" "a blob that leads out of the folder is refused" \
    "$KARMA" convert "$dir/outside" "$dir/y"
[ ! -e "$dir/cut/model.safetensors" ] && [ ! -e "$dir/y/model.safetensors" ]
result $? "nothing is left of what failed"
