#!/bin/sh
# Runs karma beside the reference programs and writes build/compare/report.txt. Called by `make
# compare`. Needs Python 3.11 or later with venv, pip and npm; takes about an hour on two cores, most
# of it the build of llama.cpp and 28 MB of text through the reference tokenizers.
#
#   KARMA_VENV     a virtual environment with tools/requirements.txt (default: made in build/compare)
#   KARMA_MODELS   a folder as tools/compare/fetch.py makes it (default: made in build/compare)
#   KARMA_UPSTREAM a checkout of eka-care/KARMA-OpenMedEvalKit, KARMA_EVALUATE one of huggingface/evaluate as
#                  tools/compare/upstream.py says; the environment then has upstream_requirements.txt, too
#   KARMA_TEXT     a text file of at least 20,000 tokens for the perplexity (default: none)
set -eu
build=${BUILD:-build}
work=$build/compare
mkdir -p "$work"
venv=${KARMA_VENV:-$work/venv}
models=${KARMA_MODELS:-$work/models}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q -r tools/requirements.txt
fi
python=$venv/bin/python
"$python" tools/compare/fetch.py "$models"

failed=0
report=$work/report.txt
: > "$report"
step() {
    echo "== $1" | tee -a "$report"
    shift
    "$@" > "$work/step.log" 2>&1 || { failed=1; echo "FAILED" >> "$work/step.log"; }
    tee -a "$report" < "$work/step.log"
}

step "tokenizers" "$python" tools/compare/tokenizers.py "$build/tests/support/tokenize_main" made \
    "qwen3=$models/qwen3/tokenizer.json" "gemma3=$models/gemma3/tokenizer.json" \
    "llama3=$models/llama3_1/tokenizer.json" "smollm2=$models/smollm2-135m.gguf" \
    "gemma3-gguf=$models/gemma3-270m.gguf,$models/gemma3/tokenizer.json"
step "chat templates, published" "$python" tools/compare/templates.py \
    --driver "$build/tests/support/template_main" "$models/qwen3" "$models/gemma3" \
    "$models/llama3_1" "$models/smollm2-135m.gguf"
step "chat templates, random" "$python" tools/compare/templates.py \
    --driver "$build/tests/support/template_main" --random 2000
step "prompts and answers with pictures beside transformers" "$python" tools/compare/medgemma.py \
    "$build/tests/support/see_main" "$models/gemma3"
step "logits beside transformers" "$python" tools/compare/models.py \
    "$build/tests/support/logits_main" "$models/smollm2-135m.gguf" "$models/gemma3-270m.gguf"
step "encoders beside transformers, random" "$python" tools/compare/encoders.py \
    "$build/tests/support/hidden_main" 200
step "Parquet beside pyarrow, random" "$python" tools/compare/parquet.py "$build/tests/support/parquet_main" 800
step "pictures beside Pillow" "$python" tools/compare/images.py "$build/tests/support/image_pixels_main" 40
step "pictures as the model sees them beside transformers" "$python" tools/compare/image_processor.py \
    "$build/tests/support/image_processor_main"
if [ -f "$build/libkarma-dicom.so" ]; then
    step "DICOM beside pydicom" "$python" tools/compare/dicom.py "$build/tests/support/dicom_main" \
        "$build/libkarma-dicom.so"
fi
step "vision towers beside transformers, random" "$python" tools/compare/vision.py \
    "$build/tests/support/vision_main" 60
step "vectors beside sentence-transformers" "$python" tools/compare/embeddings.py "$build/karma" \
    "$models/all-MiniLM-L6-v2"
step "vectors of a BERT in a GGUF beside transformers" "$python" tools/compare/embeddings_gguf.py \
    "$build/karma" "$models/all-MiniLM-L6-v2"
for model in smollm2-135m gemma3-270m; do
    step "greedy steps and perplexity beside llama.cpp, $model" "$python" \
        tools/compare/peer_llama.py "$build/tests/support/logits_main" "$models/$model.gguf" \
        demo/questions.jsonl ${KARMA_TEXT:+"$KARMA_TEXT"}
done
if [ -n "${KARMA_UPSTREAM:-}" ]; then
    step "prompts, answers and scores beside KARMA's own code" "$python" tools/compare/upstream.py \
        --library "$build/libkarma.so" ${KARMA_EVALUATE:+--evaluate "$KARMA_EVALUATE"} "$KARMA_UPSTREAM"
fi
echo "report: $report"
exit $failed
