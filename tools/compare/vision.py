#!/usr/bin/env python3
"""Compare karma's vision towers with transformers' on random checkpoints.

    tools/compare/vision.py DRIVER [COUNT] [SEED]

DRIVER is build/tests/support/vision_main. Makes COUNT (60) checkpoints of random shape, element type
and container (a folder, sparse or not; a GGUF with its projector file under new or old names), gives
both programs two random pictures each and prints the largest difference of any row's element,
relative to the largest of them. The reference computes in f32 what was stored; each line ends with
what it is off when it computes in bf16. Exit status 1 when one is beyond 1e-5 and beyond twice what
the reference itself is off in f32 beside f64; where karma rounds activations (weights in Q8_0, and
those in BF16 unless KARMA_ISA names a set without products in bf16), when one is beyond twice what the
reference is off in bf16, or the median of these beyond the reference's.
"""
import copy
import os
import pathlib
import random
import subprocess
import sys
import tempfile

# A neighbour is called tokenizers.py: this folder must not be searched.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != HERE]
sys.path.append(os.path.join(os.path.dirname(HERE), "fixtures"))
import gguf  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

import make_models  # noqa: E402
import make_vision  # noqa: E402

BOUND = 1e-5
IN_F32 = os.environ.get("KARMA_ISA", "avx512bf16") != "avx512bf16"  # products of bf16 weights
Q = gguf.GGMLQuantizationType


def shapes(rng, blocks):
    """blocks: widths are multiples of 32, for quantised files."""
    per_side, pool = rng.randint(1, 6), rng.choice([1, 2, 3, 4, 4, 6])
    patch, heads = rng.choice([1, 2, 3, 5, 7, 8, 14, 16]), rng.randint(1, 6)
    if patch >= 14:
        per_side = min(per_side, 3)
    head_dim = 32 if blocks else rng.choice([1, 2, 3, 5, 8, 12, 17, 32, 64, 72])
    vision = dict(hidden_size=heads * head_dim, num_attention_heads=heads,
                  num_hidden_layers=rng.randint(1, 4), patch_size=patch,
                  intermediate_size=32 * rng.randint(1, 9) if blocks else rng.randint(1, 300),
                  image_size=patch * per_side * pool, layer_norm_eps=rng.choice([1e-6, 1e-6, 1e-5]))
    text = make_models.gemma3(hidden_size=64 if blocks else 4 * rng.randint(1, 60),
                              intermediate_size=64, num_hidden_layers=1,
                              layer_types=["sliding_attention"])
    return text, vision, per_side * per_side


def features(model, pixels):
    with torch.no_grad():
        return model.model.get_image_features(pixels.to(model.dtype)).pooler_output.double()


def check(driver, rng, seed, folder):
    kind = rng.choice(["f32", "f32", "bf16", "bf16", "f16", "gguf F16", "gguf BF16", "gguf F32",
                       "gguf Q8_0"])
    text, vision, tokens = shapes(rng, kind.endswith("Q8_0"))
    model = make_vision.build(text, vision, seed, mm_tokens_per_image=tokens, boi_token_index=97,
                              eoi_token_index=98, image_token_index=99)
    pixels = make_vision.pictures(vision["image_size"], seed)
    args = []
    if kind.startswith("gguf"):
        old = rng.random() < 0.5 and vision["hidden_size"] != vision["intermediate_size"]
        kind += " old" if old else ""
        make_vision.write_text(folder / "model.gguf", model, Q.F32)
        path = folder / rng.choice(["mmproj.gguf", "eyes.gguf"])
        make_vision.write_projector(path, model, Q[kind.split()[1]], old=old)
        # Alone in its folder it is found; by another name it is told.
        found = path.name.startswith("mmproj")
        args = [folder if found else folder / "model.gguf"]
        tail = [] if found else [path]
    else:
        dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[kind]
        model.to(dtype).save_pretrained(folder)
        if rng.random() < 0.5:
            make_vision.make_sparse(folder, keep=["layer_norm_eps"], text_keep=[
                "num_attention_heads", "num_key_value_heads", "query_pre_attn_scalar"])
        model = type(model).from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
        args, tail = [folder], []
    in_bf16 = features(copy.deepcopy(model).to(torch.bfloat16), pixels)
    single = features(model.float(), pixels)
    truth = features(model.double(), pixels)
    pixels.numpy().tofile(folder / "pixels")
    subprocess.run([driver, *args, folder / "pixels", folder / "rows", *tail], check=True,
                   stdout=subprocess.DEVNULL)
    ours = torch.from_numpy(np.fromfile(folder / "rows", dtype=np.float32)).double()
    ours = ours.reshape(single.shape)
    most = truth.abs().max()
    error = ((ours - single).abs().max() / most).item()
    itself = ((single - truth).abs().max() / most).item()
    other = ((in_bf16 - single).abs().max() / most).item()
    rounded = "Q8_0" in kind or ("bf16" in kind.lower() and not IN_F32)
    good = error <= (2 * other if rounded else max(BOUND, 2 * itself)) and error == error
    v = vision
    line = (f"{'ok ' if good else 'BAD'} seed {seed}: {kind:13s} D {v['hidden_size']:3d} M "
            f"{v['intermediate_size']:3d} L {v['num_hidden_layers']} heads {v['num_attention_heads']} "
            f"image {v['image_size']:3d} patch {v['patch_size']:2d} tokens {tokens:2d} H "
            f"{text.hidden_size:3d}: {error:.1e} (reference in f32 {itself:.1e}")
    print(line + f", in bf16 {other:.1e})", flush=True)
    return good, error, other, rounded


def main():
    driver = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    results = []
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory() as name:
            results.append(check(driver, random.Random(seed), seed, pathlib.Path(name)))
    errors = sorted(r[1] for r in results)
    print(f"{count} towers: relative error at most {errors[-1]:.1e}, median {errors[len(errors) // 2]:.1e}; "
          f"nearer than the reference in bf16: {sum(r[1] < r[2] for r in results)} of {count}")
    median = lambda which: float(np.median([r[which] for r in results if r[3]] or [0]))  # noqa: E731
    return 0 if all(r[0] for r in results) and median(1) <= median(2) else 1


if __name__ == "__main__":
    sys.exit(main())
