#!/usr/bin/env python3
"""karma's speech path beside NeMo's encoder, onnxruntime, torchaudio and librosa; prints errors.

    speech.py tiny BUILD [N [SEED]]  N (20) random small recognisers in every form of files
    speech.py full BUILD FOLDER  the 600M sizes with random weights; FOLDER takes 2.6 GB, kept
    speech.py speed BUILD FOLDER BF16 [ROUNDS]  beside onnxruntime; BF16: FOLDER by karma convert
    speech.py int8 BUILD FOLDER  what int8 changes beside f32
    speech.py mel BUILD          log-mel features
    speech.py audio BUILD        loading and resampling

Needs what tools/fixtures/make_conformer.py needs, and onnxruntime, torchaudio, librosa, soundfile.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import zlib

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fixtures"))


def encode(build, folder, mels, work, threads=2):
    """Utterances [80, frames] through karma -> hidden of each, tokens of each, seconds."""
    work = pathlib.Path(work)
    np.concatenate([m.T for m in mels]).astype(np.float32).tofile(work / "mel")
    made = subprocess.run([f"{build}/tests/support/conformer_main", str(folder), work / "mel",
                           work / "out", str(threads)] + [str(m.shape[1]) for m in mels],
                          capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(made.stderr.strip())
    lines = [json.loads(line) for line in made.stdout.splitlines()]
    return np.fromfile(work / "out", dtype=np.float32), lines[:-1], lines[-1]


def tokens_differ(lines, golden, margins, double):
    """How many lists of tokens differ where the reference is sure of itself: no two scores within 1e-4,
    and the same tokens when it decodes in f64 (a predictor with random weights can be chaotic)."""
    wrong = 0
    for line, want, margin, exact in zip(lines, golden, margins, double):
        for code, both in line.items():
            for kind, got in both.items():
                tokens = want[f"{kind}_tokens.{code}"].tolist()
                if got == tokens:
                    continue
                at = next((i for i, (a, b) in enumerate(zip(got, tokens)) if a != b), min(len(got), len(tokens)))
                sure = margin[kind, code] >= 1e-4 and (kind == "ctc" or exact[code] == tokens)
                print(f"    {kind} {code} differs at token {at} of {len(tokens)}: smallest lead "
                      f"{margin[kind, code]:.0e}, {'sure' if sure else 'not sure'} of it")
                wrong += sure
    return wrong


def tiny(build, count=20, first=0):
    import make_conformer as make
    import torch
    make.lively = lambda name: 1  # with larger weights a predictor is chaotic: rounding decides
    worst, far, wrong, bad_bits = 0.0, 0, 0, 0
    for seed in range(first, first + count):
        draw = random.Random(seed)
        torch.manual_seed(seed)
        kind = draw.choice(["dw_striding", "striding"])
        heads = draw.choice([1, 2, 3, 4])
        sizes = dict(layers=draw.randint(1, 3), heads=heads, hidden=heads * 2 * draw.randint(4, 9),
                     channels=draw.choice([2, 5, 8]), taps=draw.choice([1, 3, 5, 9, 15, 31]), kind=kind,
                     factor=draw.choice([4, 8]), pieces=draw.randint(3, 20), lstm=draw.randint(1, 3),
                     predictor=draw.choice([5, 8, 16]), joint=draw.choice([7, 8, 16]), positions=400,
                     languages=tuple(draw.sample(["as", "bn", "hi", "kok", "gu", "sat"], 3)))

        def values(name, shape):
            scale = 1.0 if len(shape) == 1 else (3 / max(1, int(np.prod(shape[1:])))) ** 0.5
            if "running_var" in name:
                return np.random.default_rng(zlib.crc32(name.encode())).uniform(0.5, 2, shape)
            return torch.randn(shape).numpy() * scale * (0.3 if "bias" in name else 1)
        model = make.Model(sizes, values=values, equal=draw.random() < 0.2)
        lengths = [draw.randint(1, 400) for _ in range(4)]
        mels = [torch.randn(80, n) for n in lengths]
        options = dict(opset=draw.choice([16, 17]), keep_norms=draw.random() < 0.3,
                       split=draw.random() < 0.3, flat_joint=draw.random() < 0.3)
        changes = dict(mod=draw.random() < 0.3, short=draw.random() < 0.5)
        form = draw.choice([None, "blobs", "data"])
        with tempfile.TemporaryDirectory() as work:
            folder = pathlib.Path(work) / "model"
            make.write_assets(model, folder, **options)
            make.rename(folder / "assets/encoder.onnx", **changes)
            if form:
                make.store(folder / "assets/encoder.onnx", form)
            golden, margins, double = [], [], []
            for m in mels:
                golden.append(model.run(m))
                margins.append(dict(model.margins))
                double.append(model.transduce_in_double(golden[-1][f"layer.{model.s.layers - 1}"]))
            exact = np.concatenate([model.run_in_double(m).numpy() for m in mels])
            want = np.concatenate([g[f"layer.{model.s.layers - 1}"].numpy() for g in golden])
            got, lines, _ = encode(build, folder, mels, work)
            got = got.reshape(want.shape)
            alone = np.concatenate([encode(build, folder, [m], work)[0] for m in mels])
        error, own = float(np.abs(got - exact).max()), float(np.abs(want - exact).max())
        beside = float(np.abs(got - want).max())
        good = beside <= 1e-5 or error <= 2 * own
        here = tokens_differ(lines, golden, margins, double)
        same = got.tobytes() == alone.tobytes()
        print(f"{seed:2} {kind:11} {sizes['layers']} x {sizes['hidden']}, {sizes['taps']} taps, {form}, "
              f"{options} {changes} {lengths}: {beside:.1e}; beside f64 {error:.1e}, the reference "
              f"{own:.1e}; tokens differ {here}, same bits {same}")
        worst, far = max(worst, beside), far + (not good)
        wrong, bad_bits = wrong + here, bad_bits + (not same)
    print(f"{count} recognisers: largest difference {worst:.2e}, further than 1e-5 and than the "
          f"reference's own rounding {far}, lists of tokens that differ {wrong}, "
          f"batches with other bits {bad_bits}")
    return not far and not wrong and not bad_bits


def full(build, folder):
    import make_conformer as make
    import onnxruntime
    import torch
    folder = pathlib.Path(folder)
    torch.set_num_threads(2)
    torch.manual_seed(1)
    sizes = dict(layers=24, hidden=1024, channels=256, heads=8, taps=9, pieces=256, lstm=2,
                 predictor=640, joint=640, positions=5000)
    mel = torch.randn(80, 1001)
    if not (folder / "golden.npz").exists():
        model = make.Model(sizes, values=None)
        with torch.no_grad():
            for name, t in model.state.items():
                if name.endswith("running_var"):
                    t.uniform_(0.5, 2)
                elif t.dim() == 1 and name.endswith("weight"):
                    t.uniform_(0.9, 1.1)
                elif t.dim() == 1 or "pos_bias" in name:
                    t.uniform_(-0.1, 0.1)
                else:
                    bound = (3 / t[0].numel()) ** 0.5
                    t.uniform_(-bound, bound)
            model.decoder.prediction["embed"].weight[-1] = 0
        folder.mkdir(parents=True, exist_ok=True)
        make.write_assets(model, folder)
        with torch.no_grad():
            enc = model.encoder(audio_signal=mel[None], length=torch.tensor([1001]))[0][0].T
        np.savez(folder / "golden.npz", enc=enc.numpy())
        del model
    want = np.load(folder / "golden.npz")["enc"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    with tempfile.TemporaryDirectory() as work:
        got, _, told = encode(build, folder, [mel], work)
    print("karma", told)
    session = onnxruntime.InferenceSession(folder / "assets/encoder.onnx", options)
    inputs = {"audio_signal": mel[None].numpy(), "length": np.array([1001])}
    run = session.run(None, inputs)[0][0].T
    start = time.perf_counter()
    session.run(None, inputs)
    print(f"onnxruntime {time.perf_counter() - start:.3f} s")
    got = got.reshape(want.shape)
    errors = [float(np.abs(a - b).max()) for a, b in ((got, want), (got, run), (run, want))]
    print("largest error beside torch %.2e, beside onnxruntime %.2e; onnxruntime beside torch %.2e" %
          tuple(errors))
    return max(errors[:2]) <= 1e-3


def speed(build, folder, converted, rounds=5):
    """Ten seconds on two threads, in turns; folder as full() makes it, converted in bf16."""
    import os
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(pathlib.Path(folder) / "assets/encoder.onnx", options)
    inputs = {"audio_signal": np.random.default_rng(1).standard_normal((1, 80, 1001)).astype(np.float32),
              "length": np.array([1001])}
    session.run(None, inputs)

    def karma(model, isa, *more):
        made = subprocess.run([f"{build}/bench/bench_conformer", model, "10", "2", "2", *more],
                              capture_output=True, text=True, check=True,
                              env={**os.environ, "KARMA_ISA": isa})
        parts[model, isa, more] = made.stdout
        return float(made.stdout.split("best ")[1].split(")")[0])

    def theirs():
        best = 1e9
        for _ in range(2):
            start = time.perf_counter()
            session.run(None, inputs)
            best = min(best, time.perf_counter() - start)
        return best
    parts = {}
    runs = {"onnxruntime f32": theirs, "f32 avx512": lambda: karma(folder, "avx512"),
            "bf16 avx512": lambda: karma(converted, "avx512"),
            "bf16 avx512bf16": lambda: karma(converted, "avx512bf16"),
            "int8 avx512": lambda: karma(converted, "avx512", "int8")}
    took = {name: [] for name in runs}
    for _ in range(int(rounds)):
        for name, run in runs.items():
            took[name].append(run())
    base, f32 = np.array(took["onnxruntime f32"]), np.array(took["f32 avx512"])
    for name, times in took.items():
        print(f"{name:16} real-time factor {np.median(times) / 10:.4f} (best {min(times) / 10:.4f}), "
              f"onnxruntime's time over it {np.median(base / np.array(times)):.2f}, "
              f"f32's {np.median(f32 / np.array(times)):.2f}")
    for text in parts.values():
        print(text)
    return True


def int8(build, folder):
    """The same noise with matrices as stored and in eight bits, with one thread and two."""
    mels = [np.random.default_rng(seed).standard_normal((80, n)).astype(np.float32)
            for seed, n in enumerate([1001, 641, 333])]
    with tempfile.TemporaryDirectory() as work:
        runs = []
        for threads in (2, "2:int8", "1:int8"):
            hidden, lines, told = encode(build, folder, mels, work, threads)
            runs.append((hidden, np.fromfile(pathlib.Path(work) / "out.ctc", dtype=np.float32), lines))
            print(f"{threads}: {told}")
        alone = np.concatenate([encode(build, folder, [m], work, "2:int8")[0] for m in mels])
    (want, want_ctc, want_lines), (got, got_ctc, lines), again = runs
    print(f"encoder: largest difference {np.abs(got - want).max():.3f} of {np.abs(want).max():.2f}, root of "
          f"mean square {np.sqrt(np.mean((got - want) ** 2)):.4f} of {np.sqrt(np.mean(want ** 2)):.3f}")
    print(f"log-probabilities: largest difference {np.abs(got_ctc - want_ctc).max():.3f}, mean "
          f"{np.abs(got_ctc - want_ctc).mean():.4f}")
    best = [a.reshape(-1, width(want_lines, a)).argmax(1) for a in (want_ctc, got_ctc)]
    print(f"likeliest tokens that differ {np.sum(best[0] != best[1])} of {best[0].size}")
    same = got.tobytes() == alone.tobytes() == again[0].tobytes() and lines == again[2]
    print(f"same bits alone and with one thread {same}")
    return same


def width(lines, scores):
    """Tokens of a language, the blank included."""
    steps = sum((n + 7) // 8 for n in (1001, 641, 333))
    return scores.size // (steps * len(lines[0]))


if __name__ == "__main__":
    what, build, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    if what == "tiny":
        good = tiny(build, *map(int, rest))
    elif what in ("full", "speed", "int8"):
        good = {"full": full, "speed": speed, "int8": int8}[what](build, *rest)
    else:
        import speech_front
        good = getattr(speech_front, what)(build, *rest)
    sys.exit(not good)
