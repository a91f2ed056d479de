#!/usr/bin/env python3
"""Vectors of karma from a BERT in a GGUF, f32 and Q8_0, beside transformers, on 300 texts in ten
languages.

    embeddings_gguf.py KARMA FOLDER

FOLDER is a sentence-transformers model of the BERT kind with mean pooling and unit length; both
files are made from it (tools/fixtures/make_bert_gguf.py). Exit status 1 when an f32 component is off
from karma's own of the folder by more than 1e-6 or from the reference by more than 1e-5; when one of
Q8_0, whose products round activations to 16-bit integers, is further from the reference with the
same weights in f32 than that reference is when it computes in bf16; or when a cosine between Q8_0
and the weights as they were is below 0.999.
"""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent / "fixtures")  # tokenizers.py beside this file is not the library
import numpy as np
import torch
from make_bert_gguf import convert, reference
from tokenizers import Tokenizer

import importlib.util
spec = importlib.util.spec_from_file_location("embeddings", HERE / "embeddings.py")
embeddings = importlib.util.module_from_spec(spec)
sys.path.insert(0, "")  # that file drops its own folder
spec.loader.exec_module(embeddings)

N_TEXTS, MAX_LENGTH = 300, 256


def of_karma(karma, path, source, out):
    subprocess.run([karma, "embed", str(path), str(source), "--format", "npy", "--output", str(out),
                    "--model-args", '{"max_length": %d}' % MAX_LENGTH], check=True,
                   stderr=subprocess.DEVNULL)
    return np.load(out)


def show(name, got, want):
    error = float(np.abs(got - want).max())
    cosines = (embeddings.unit(got) * embeddings.unit(want)).sum(1)
    print(f"{name}: {got.shape[0]} x {got.shape[1]}, max-abs {error:.2e}, cosine least "
          f"{cosines.min():.8f}, mean {cosines.mean():.8f}", flush=True)
    return error, float(cosines.min())


def main():
    karma, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    texts = embeddings.make_texts()[:N_TEXTS]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_LENGTH)
    ids = [e.ids for e in tokenizer.encode_batch(texts)]
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        source = work / "texts.txt"
        source.write_text("\n".join(texts) + "\n", encoding="utf-8")
        kept = {k: convert(folder, work / (k + ".gguf"), k) for k in ("f32", "q8_0")}
        got = {k: of_karma(karma, work / (k + ".gguf"), source, work / "v.npy") for k in kept}
        same, _ = show("f32 beside karma's of the folder", got["f32"],
                       of_karma(karma, folder, source, work / "v.npy"))
        want = {k: reference(folder, kept[k], ids) for k in kept}
    error, _ = show("f32 beside the reference", got["f32"], want["f32"])
    own, _ = show("Q8_0 beside the reference with the same weights in f32", got["q8_0"],
                  want["q8_0"])
    rounded, _ = show("of that, what the reference in bf16 is off",
                      reference(folder, kept["q8_0"], ids, torch.bfloat16), want["q8_0"])
    _, cosine = show("Q8_0 beside the reference in f32", got["q8_0"], want["f32"])
    show("of that, what rounding the weights alone moves in the reference", want["q8_0"],
         want["f32"])
    return 1 if same > 1e-6 or error > 1e-5 or own > rounded or cosine < 0.999 else 0


if __name__ == "__main__":
    sys.exit(main())
