#!/usr/bin/env python3
"""Products x[m, 1024] w[3072, 1024]^T of karma beside oneDNN (through torch) and onnxruntime.

    cpu_products.py BUILD [ROUNDS]    5 rounds in turns, two threads

BUILD holds bench/bench_matmul, whose row "gate,up" is two such products at once and SiLU behind
them. Every program goes over copies of the weight that together are larger than the caches. In
eight bits each starts from f32 activations: rounding them is part of the time. Weights are packed
before the time begins: by torch's mkldnn and onednn operators, by onnxruntime's session. Printed
are GFLOP/s (a multiply-add is two), medians, and the median of the rounds' ratios of karma to
each. Needs torch, onnx, onnxruntime.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

sys.path.remove(str(pathlib.Path(__file__).resolve().parent))  # tokenizers.py is another's name

ROWS, COLUMNS, COPIES, THREADS = 3072, 1024, 16, 2
TOKENS = (16, 512)


def rate(products, m):
    """GFLOP/s of one pass over the copies, after one that is not timed."""
    for product in products:
        product()
    start = time.perf_counter()
    for product in products:
        product()
    return 2e-9 * m * ROWS * COLUMNS * len(products) / (time.perf_counter() - start)


def torch_plain(dtype):
    import torch
    torch.set_num_threads(THREADS)
    packed = [torch.ops.mkldnn._reorder_linear_weight(torch.randn(ROWS, COLUMNS).to(dtype))
              for _ in range(COPIES)]

    def prepare(m):
        x = torch.randn(m, COLUMNS).to(dtype)
        return [lambda w=w: torch.ops.mkldnn._linear_pointwise(x, w, None, "none", [], "")
                for w in packed]
    return prepare


def torch_int8():
    import torch
    torch.set_num_threads(THREADS)
    torch.backends.quantized.engine = "onednn"
    packed = []
    for _ in range(COPIES):
        w = torch.randn(ROWS, COLUMNS)
        scales = w.abs().amax(1).double() / 127
        q = torch.quantize_per_channel(w, scales, torch.zeros(ROWS, dtype=torch.long), 0,
                                       torch.qint8)
        packed.append(torch.ops.quantized.linear_prepack(q, None))

    def prepare(m):
        x = torch.randn(m, COLUMNS)
        return [lambda w=w: torch.ops.quantized.linear_dynamic(x, w) for w in packed]
    return prepare


def onnx_session(int8):
    import onnx
    import onnxruntime
    from onnx import TensorProto as T, helper as h
    rng = np.random.default_rng(1)
    nodes, weights, outputs = [], [], []
    if int8:
        nodes.append(h.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]))
    weight = (rng.integers(-127, 128, (COLUMNS, ROWS)).astype(np.int8) if int8 else
              rng.standard_normal((COLUMNS, ROWS)).astype(np.float32))
    weights.append(onnx.numpy_helper.from_array(weight, "w"))
    if int8:
        nodes += [h.make_node("MatMulInteger", ["q", "w", "zero"], ["sums"]),
                  h.make_node("Cast", ["sums"], ["f"], to=T.FLOAT),
                  h.make_node("Mul", ["f", "scale"], ["y"])]
    else:
        nodes.append(h.make_node("MatMul", ["x", "w"], ["y"]))
    outputs.append(h.make_tensor_value_info("y", T.FLOAT, [None, ROWS]))
    graph = h.make_graph(nodes, "product", [h.make_tensor_value_info("x", T.FLOAT,
                                                                     [None, COLUMNS])],
                         outputs, weights)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    sessions = [onnxruntime.InferenceSession(model.SerializeToString(), options)
                for _ in range(COPIES)]

    def prepare(m):
        x = {"x": rng.standard_normal((m, COLUMNS)).astype(np.float32)}
        return [lambda s=s: s.run(None, x) for s in sessions]
    return prepare


def karma(build, kind, isa, m):
    env = dict(os.environ, KARMA_ISA=isa) if isa else None
    out = subprocess.run([f"{build}/bench/bench_matmul", str(THREADS), "1", kind, str(m)], env=env,
                         capture_output=True, text=True, check=True).stdout
    row = next(line.split() for line in out.splitlines() if line.split()[1:2] == ["gate,up"])
    return float(row[6])


def main():
    import torch
    build = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    groups = {
        "f32": {"karma": lambda m: karma(build, "F32", None, m),
                "oneDNN": torch_plain(torch.float32), "onnxruntime": onnx_session(False)},
        "bf16": {"karma": lambda m: karma(build, "BF16", "avx512bf16", m),
                 "oneDNN": torch_plain(torch.bfloat16)},
        "int8": {"karma": lambda m: karma(build, "I8", None, m),
                 "oneDNN": torch_int8(), "onnxruntime": onnx_session(True)},
    }
    taken = {}
    for _ in range(rounds):
        for kind, programs in groups.items():
            for m in TOKENS:
                row = {name: p(m) if name == "karma" else rate(p(m), m)
                       for name, p in programs.items()}
                taken.setdefault((kind, m), []).append(row)
    print(f"{rounds} rounds in turns, {THREADS} threads, load {os.getloadavg()[0]:.1f}\n")
    print("| product | karma | oneDNN | onnxruntime | karma over oneDNN | over onnxruntime |")
    print("|---|---|---|---|---|---|")
    for (kind, m), rows in taken.items():
        cells = [f"{kind}, {m} x {ROWS} x {COLUMNS}"]
        for name in ("karma", "oneDNN", "onnxruntime"):
            cells.append(f"{statistics.median(r[name] for r in rows):.0f}"
                         if name in rows[0] else "")
        for name in ("oneDNN", "onnxruntime"):
            cells.append(f"{statistics.median(r['karma'] / r[name] for r in rows):.2f}"
                         if name in rows[0] else "")
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
