#!/usr/bin/env python3
"""One picture through the tower of Gemma 3 4B: karma beside transformers and llama.cpp.

    vision_speed.py BUILD [ROUNDS [LAYERS [LLAMA]]]   3 rounds, all 27 layers
    vision_speed.py peer NAME LAYERS FOLDER           what it starts for each peer

All have random weights of the same shapes, two threads, and 896 x 896 pixels; each round runs all
of them in turns, one picture each. Printed are seconds by the clock and of processor time (all
threads together; what company leaves as it is): medians, and the medians of the rounds' ratios.
BUILD holds bench/bench_vision. LLAMA is a folder with libmtmd.so and the libraries it needs
(bench/peers.md); without it that peer is left out. Needs torch, transformers, and gguf for LLAMA.
"""
import ctypes
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.pop(0)  # tokenizers.py beside this file is not what transformers means

import numpy as np

WIDTH, INNER, HEADS, IMAGE, PATCH, DECODER, TOKENS = 1152, 4304, 16, 896, 14, 2560, 256
THREADS = 2


# --- peers: each function makes one that encodes when called ------------------------------------

def transformers_peer(dtype, layers):
    import torch
    import transformers
    from transformers.models.gemma3.modeling_gemma3 import Gemma3MultiModalProjector
    torch.set_num_threads(THREADS)
    vision = transformers.SiglipVisionConfig(
        hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=layers,
        num_attention_heads=HEADS, image_size=IMAGE, patch_size=PATCH, vision_use_head=False)
    config = transformers.Gemma3Config(
        text_config=transformers.Gemma3TextConfig(hidden_size=DECODER, vocab_size=300,
                                                  num_hidden_layers=1),
        vision_config=vision, mm_tokens_per_image=TOKENS)
    vision._attn_implementation = "sdpa"
    with torch.no_grad():
        tower = transformers.SiglipVisionModel(vision).eval().to(dtype)
        projector = Gemma3MultiModalProjector(config).eval().to(dtype)
    pixels = torch.rand(1, 3, IMAGE, IMAGE).to(dtype) * 2 - 1

    def encode():
        with torch.inference_mode():
            hidden = tower(pixel_values=pixels).last_hidden_state
            assert projector(hidden).shape == (1, TOKENS, DECODER)
    return encode


def write_projector(path, layers):
    import gguf
    q = gguf.GGMLQuantizationType
    rng = np.random.default_rng(1)
    w = gguf.GGUFWriter(path, "clip")
    w.add_bool("clip.has_vision_encoder", True)
    w.add_string("clip.projector_type", "gemma3")
    w.add_bool("clip.use_gelu", True)
    for key, value in {"image_size": IMAGE, "patch_size": PATCH, "embedding_length": WIDTH,
                       "feed_forward_length": INNER, "block_count": layers,
                       "attention.head_count": HEADS, "projection_dim": DECODER}.items():
        w.add_uint32("clip.vision." + key, value)
    w.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    w.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    w.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])

    def matrix(name, *shape, kind=np.float16):
        data = rng.standard_normal(shape, dtype=np.float32) * np.prod(shape[1:]) ** -0.5
        w.add_tensor(name, data.astype(kind))

    def affine(name, rows, cols):
        matrix(name + ".weight", rows, cols)
        w.add_tensor(name + ".bias", np.full(rows, 0.01, np.float32))

    def norm(name):
        w.add_tensor(name + ".weight", np.ones(WIDTH, np.float32))
        w.add_tensor(name + ".bias", np.zeros(WIDTH, np.float32))

    matrix("v.patch_embd.weight", WIDTH, 3, PATCH, PATCH)
    w.add_tensor("v.patch_embd.bias", np.zeros(WIDTH, np.float32))
    matrix("v.position_embd.weight", (IMAGE // PATCH) ** 2, WIDTH, kind=np.float32)
    for i in range(layers):
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            affine(f"v.blk.{i}.{part}", WIDTH, WIDTH)
        affine(f"v.blk.{i}.ffn_up", INNER, WIDTH)
        affine(f"v.blk.{i}.ffn_down", WIDTH, INNER)
        norm(f"v.blk.{i}.ln1")
        norm(f"v.blk.{i}.ln2")
    norm("v.post_ln")
    matrix("mm.input_projection.weight", WIDTH, DECODER)
    w.add_tensor("mm.soft_emb_norm.weight", np.ones(WIDTH, np.float32))
    finish(w)


def write_text(path):
    """The smallest model of that width: a picture's rows are for a text model."""
    import gguf
    rng = np.random.default_rng(2)
    inner, heads, dim = 64, 2, 32
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_image>", "<end_of_image>", "\n"]
    w = gguf.GGUFWriter(path, "gemma3")
    w.add_block_count(1)
    w.add_context_length(1024)
    w.add_embedding_length(DECODER)
    w.add_feed_forward_length(inner)
    w.add_head_count(heads)
    w.add_head_count_kv(1)
    w.add_key_length(dim)
    w.add_value_length(dim)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_tokenizer_model("llama")
    w.add_token_list(pieces + [f"<0x{i:02X}>" for i in range(256)])
    w.add_token_scores([0.0] * (len(pieces) + 256))
    w.add_token_types([3, 3, 3, 2, 3, 3, 1] + [6] * 256)
    w.add_bos_token_id(2)
    w.add_eos_token_id(1)
    w.add_unk_token_id(3)

    def matrix(name, rows, cols):
        w.add_tensor(name, (rng.standard_normal((rows, cols)) * cols ** -0.5).astype(np.float32))

    matrix("token_embd.weight", len(pieces) + 256, DECODER)
    matrix("blk.0.attn_q.weight", heads * dim, DECODER)
    matrix("blk.0.attn_k.weight", dim, DECODER)
    matrix("blk.0.attn_v.weight", dim, DECODER)
    matrix("blk.0.attn_output.weight", DECODER, heads * dim)
    matrix("blk.0.ffn_gate.weight", inner, DECODER)
    matrix("blk.0.ffn_up.weight", inner, DECODER)
    matrix("blk.0.ffn_down.weight", DECODER, inner)
    for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
        w.add_tensor(f"blk.0.{name}.weight", np.ones(DECODER, np.float32))
    w.add_tensor("blk.0.attn_q_norm.weight", np.ones(dim, np.float32))
    w.add_tensor("blk.0.attn_k_norm.weight", np.ones(dim, np.float32))
    w.add_tensor("output_norm.weight", np.ones(DECODER, np.float32))
    finish(w)


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


class ContextParams(ctypes.Structure):
    """mtmd_context_params of mtmd.h."""
    _fields_ = [("use_gpu", ctypes.c_bool), ("device", ctypes.c_void_p),
                ("print_timings", ctypes.c_bool), ("n_threads", ctypes.c_int),
                ("image_marker", ctypes.c_char_p), ("media_marker", ctypes.c_char_p),
                ("flash_attn_type", ctypes.c_int), ("warmup", ctypes.c_bool),
                ("image_min_tokens", ctypes.c_int), ("image_max_tokens", ctypes.c_int),
                ("cb_eval", ctypes.c_void_p), ("cb_eval_user_data", ctypes.c_void_p),
                ("batch_max_tokens", ctypes.c_int32), ("progress_callback", ctypes.c_void_p),
                ("progress_callback_user_data", ctypes.c_void_p)]


class InputText(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char_p), ("text_len", ctypes.c_size_t),
                ("add_special", ctypes.c_bool), ("parse_special", ctypes.c_bool)]


class ModelParams(ctypes.Structure):
    """llama_model_params is passed as it came: only its size matters, and this is larger."""
    _fields_ = [("bytes", ctypes.c_char * 256)]


def llama_peer(layers, folder, libraries):
    folder = pathlib.Path(folder)
    write_projector(str(folder / "mmproj.gguf"), layers)
    write_text(str(folder / "text.gguf"))
    libraries = pathlib.Path(libraries)
    llama = ctypes.CDLL(libraries / "libllama.so", mode=ctypes.RTLD_GLOBAL)
    mtmd = ctypes.CDLL(libraries / "libmtmd.so")

    def function(library, name, result, *arguments):
        f = getattr(library, name)
        f.restype, f.argtypes = result, arguments
        return f

    pointer = ctypes.c_void_p
    function(llama, "llama_backend_init", None)()
    model = function(llama, "llama_model_load_from_file", pointer, ctypes.c_char_p, ModelParams)(
        str(folder / "text.gguf").encode(),
        function(llama, "llama_model_default_params", ModelParams)())
    params = function(mtmd, "mtmd_context_params_default", ContextParams)()
    params.use_gpu, params.n_threads, params.print_timings = False, THREADS, False
    context = function(mtmd, "mtmd_init_from_file", pointer, ctypes.c_char_p, pointer,
                       ContextParams)(str(folder / "mmproj.gguf").encode(), model, params)
    pixels = np.random.default_rng(3).integers(0, 256, IMAGE * IMAGE * 3, dtype=np.uint8).tobytes()
    bitmap = function(mtmd, "mtmd_bitmap_init", pointer, ctypes.c_uint32, ctypes.c_uint32,
                      ctypes.c_char_p)(IMAGE, IMAGE, pixels)
    chunks = function(mtmd, "mtmd_input_chunks_init", pointer)()
    marker = function(mtmd, "mtmd_default_marker", ctypes.c_char_p)()
    text = InputText(marker, len(marker), False, True)
    made = function(mtmd, "mtmd_tokenize", ctypes.c_int32, pointer, pointer,
                    ctypes.POINTER(InputText), ctypes.POINTER(pointer), ctypes.c_size_t)(
        context, chunks, ctypes.byref(text), ctypes.byref(pointer(bitmap)), 1)
    assert made == 0, "mtmd_tokenize"
    get = function(mtmd, "mtmd_input_chunks_get", pointer, pointer, ctypes.c_size_t)
    tokens = function(mtmd, "mtmd_input_chunk_get_n_tokens", ctypes.c_size_t, pointer)
    kind = function(mtmd, "mtmd_input_chunk_get_type", ctypes.c_int, pointer)
    count = function(mtmd, "mtmd_input_chunks_size", ctypes.c_size_t, pointer)(chunks)
    picture = [c for c in (get(chunks, i) for i in range(count)) if kind(c) != 0]
    assert len(picture) == 1 and tokens(picture[0]) == TOKENS
    run = function(mtmd, "mtmd_encode_chunk", ctypes.c_int32, pointer, pointer)

    def encode():
        assert run(context, picture[0]) == 0
    return encode


def peer(name, layers, folder):
    if name.startswith("transformers"):
        import torch
        encode = transformers_peer(torch.bfloat16 if "bf16" in name else torch.float32, layers)
    else:
        encode = llama_peer(layers, folder, os.environ["LLAMA"])
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, busy = time.perf_counter(), time.process_time()
        encode()
        print("took", time.perf_counter() - wall, time.process_time() - busy, flush=True)


# --- rounds ---------------------------------------------------------------------------------------

class Peer:
    def __init__(self, name, layers, folder):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "peer", name, str(layers), folder], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.until("ready")

    def until(self, word):
        for line in self.process.stdout:
            if line.split()[:1] == [word]:
                return line.split()[1:]
        raise SystemExit("a peer ended before it had encoded a picture")

    def __call__(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        wall, busy = self.until("took")
        return float(wall), float(busy), None, None


def ours(build, kind, isa, layers):
    env = dict(os.environ, KARMA_ISA=isa) if isa else None

    def run():
        out = subprocess.run([f"{build}/bench/bench_vision", str(THREADS), "1", kind, str(layers)],
                             env=env, capture_output=True, text=True, check=True).stdout
        row = next(line.split() for line in out.splitlines() if line.split()[:1] == ["all"])
        ratio = re.search(r"([\d.]+) times the bound by the clock, ([\d.]+) in", out)
        return (float(row[1]) / 1e3, float(row[4]) / 1e3, float(ratio[1]), float(ratio[2]))
    return run


def has_bf16():
    flags = pathlib.Path("/proc/cpuinfo")
    return flags.exists() and "avx512_bf16" in flags.read_text()


def main():
    build = sys.argv[1]
    rounds, layers = (int(a) for a in (sys.argv[2:4] + ["3", "27"][len(sys.argv[2:4]):]))
    if len(sys.argv) > 4:
        os.environ["LLAMA"] = sys.argv[4]
    with tempfile.TemporaryDirectory() as folder:
        runs = {f"karma {kind}": ours(build, kind, None, layers) for kind in ("bf16", "f32")}
        if has_bf16():
            runs["karma bf16, avx512bf16"] = ours(build, "bf16", "avx512bf16", layers)
        for name in ["transformers f32", "transformers bf16"]:
            runs[name] = Peer(name, layers, folder)
        if "LLAMA" in os.environ:
            runs["llama.cpp f16"] = Peer("llama.cpp", layers, folder)
        for name, run in runs.items():
            if isinstance(run, Peer):
                run()  # pages, threads, what is made once
        taken = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                taken[name].append(run())
    base = taken["karma bf16"]
    print(f"{layers} layers, {rounds} rounds in turns, {THREADS} threads, load {os.getloadavg()[0]:.1f}")
    print(f"{'':24}{'seconds':>9}{'of karma':>10}{'threads':>9}{'of karma':>10}{'bound':>7}{'busy':>6}")
    for name, rows in taken.items():
        line = f"{name:24}{statistics.median(r[0] for r in rows):9.2f}"
        line += f"{statistics.median(r[0] / b[0] for r, b in zip(rows, base)):10.2f}"
        line += f"{statistics.median(r[1] for r in rows):9.2f}"
        line += f"{statistics.median(r[1] / b[1] for r, b in zip(rows, base)):10.2f}"
        if rows[0][2]:
            line += f"{statistics.median(r[2] for r in rows):7.2f}"
            line += f"{statistics.median(r[3] for r in rows):6.2f}"
        print(line)


if __name__ == "__main__":
    if sys.argv[1] == "peer":
        peer(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        main()
