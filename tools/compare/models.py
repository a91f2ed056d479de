#!/usr/bin/env python3
"""Compare karma's logits with transformers' in f32 on real checkpoints.

    tools/compare/models.py DRIVER CHECKPOINT [CHECKPOINT ...]

DRIVER is build/tests/support/logits_main; a checkpoint is a .gguf file (transformers then computes
with the dequantised weights) or a Hugging Face folder. Three prompts each: text, random ids, and a
long one that leaves Gemma's sliding window behind. Prints the largest difference of any logit, the
relative L2 error, the same two of the reference's own run in bf16, how often the first choices
agree, and where greedy continuations part (with the margin there).

Where karma computes in f32 (weights in F32, F16 or BF16, of any set but avx512bf16) a logit may be
off by 1e-3. Where activations are rounded (quantised weights: 16-bit integers; set avx512bf16:
bf16) neither figure may be above that of the reference's own run in bf16. Exit status 1 when one
is, or when a greedy token differs although the margin exceeds twice the largest difference.
"""
import copy
import os
import pathlib
import subprocess
import sys
import tempfile

# A neighbour is called tokenizers.py: this folder must not be searched.
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(os.path.abspath(__file__))]
import gguf  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

BOUND, N_GREEDY = 1e-3, 24
TEXT = ("Hypertension is a major risk factor for stroke and heart failure. In a randomised trial of 412 "
        "patients, systolic pressure fell by 9.3 mmHg (95% CI 6.1-12.4) with the combined treatment. "
        "Question: does early treatment reduce mortality? Answer:")


# Tensors of a GGUF file and of a Hugging Face checkpoint; post_attention_layernorm is another one in
# Gemma than in the rest.
NAMES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "attn_q_norm": "self_attn.q_norm",
         "attn_k_norm": "self_attn.k_norm", "post_attention_norm": "post_attention_layernorm",
         "post_ffw_norm": "post_feedforward_layernorm"}
OUTER = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
         "output.weight": "lm_head.weight"}


def hf_name(arch, name):
    if name in OUTER:
        return OUTER[name]
    _, layer, part, kind = name.split(".")
    ffn_norm = "pre_feedforward_layernorm" if arch == "gemma3" else "post_attention_layernorm"
    return f"model.layers.{layer}.{ffn_norm if part == 'ffn_norm' else NAMES[part]}.{kind}"


def gguf_model(path):
    reader = gguf.GGUFReader(path)
    keys = {k: f.contents() for k, f in reader.fields.items() if not k.startswith("tokenizer.")}
    arch = keys["general.architecture"]
    get = lambda name, default=None: keys.get(f"{arch}.{name}", default)  # noqa: E731
    heads = get("attention.head_count")
    values = dict(hidden_size=get("embedding_length"), intermediate_size=get("feed_forward_length"),
                  num_hidden_layers=get("block_count"), num_attention_heads=heads,
                  num_key_value_heads=get("attention.head_count_kv", heads),
                  head_dim=get("attention.key_length", get("embedding_length") // heads),
                  max_position_embeddings=get("context_length"),
                  rms_norm_eps=get("attention.layer_norm_rms_epsilon"),
                  rope_theta=get("rope.freq_base", 10000.0))
    tensors = {t.name: t for t in reader.tensors}
    assert "rope_freqs.weight" not in tensors and "rope.scaling.type" not in keys
    values["tie_word_embeddings"] = "output.weight" not in tensors
    values["vocab_size"] = int(tensors["token_embd.weight"].shape[1])
    if arch == "gemma3":
        values.update(sliding_window=get("attention.sliding_window"),
                      query_pre_attn_scalar=values["head_dim"])
    config = {"llama": transformers.LlamaConfig, "qwen3": transformers.Qwen3Config,
              "gemma3": transformers.Gemma3TextConfig}[arch](**values)
    config._attn_implementation = "eager"
    state = {}
    for name, t in tensors.items():
        data = gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32)
        data = data.reshape(tuple(int(d) for d in reversed(t.shape)))
        if arch == "gemma3" and name.endswith("norm.weight"):
            data = data - 1
        if arch == "llama" and name.split(".")[-2] in ("attn_q", "attn_k"):  # undo the interleaving
            n = heads if "attn_q" in name else values["num_key_value_heads"]
            data = data.reshape(n, data.shape[0] // n // 2, 2, -1).swapaxes(1, 2).reshape(data.shape)
        state[hf_name(arch, name)] = torch.from_numpy(data.copy())
    model = transformers.AutoModelForCausalLM.from_config(config)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    return model.float().eval()


def load(path):
    path = pathlib.Path(path)
    if path.suffix == ".gguf":
        model, where = gguf_model(path), dict(gguf_file=path.name)
        path = path.parent
    else:
        where = {}
        model = transformers.AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32, attn_implementation="eager").eval()
    try:
        text = transformers.AutoTokenizer.from_pretrained(path, **where)(TEXT)["input_ids"]
    except Exception as e:  # a checkpoint without a tokenizer
        print("  no tokenizer:", str(e).splitlines()[0][:80])
        text = None
    return model, text


def prompts(vocab, text):
    rng = np.random.default_rng(1)
    if text:
        yield "text", np.array(text, np.int32)
    yield "random", rng.integers(10, vocab, 100).astype(np.int32)
    yield "long", np.concatenate([np.array(text or [11, 12, 13], np.int32),
                                  rng.integers(10, min(vocab, 5000), 560).astype(np.int32)])


def ours(driver, path, ids, vocab):
    with tempfile.TemporaryDirectory() as folder:
        ids.tofile(folder + "/ids")
        done = subprocess.run([driver, str(path), folder + "/ids", folder + "/out", str(N_GREEDY)],
                              capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        data = np.fromfile(folder + "/out", np.float32)
        return (data[: len(ids) * vocab].reshape(len(ids), vocab),
                data[len(ids) * vocab:].view(np.int32), done.stdout.replace("\n", "; "))


def theirs(model, ids):
    at = torch.tensor(ids[None].astype(np.int64))
    greedy, margins = [], []
    with torch.no_grad():
        out = model(at, use_cache=True)
        logits = out.logits[0].numpy()
        for _ in range(N_GREEDY):
            top = torch.topk(out.logits[0, -1], 2)
            greedy.append(int(top.indices[0]))
            margins.append(float(top.values[0] - top.values[1]))
            out = model(torch.tensor([[greedy[-1]]]), past_key_values=out.past_key_values,
                        use_cache=True)
    return logits, np.array(greedy), margins


def distance(got, want):
    return (float(np.abs(got - want).max()), float(np.linalg.norm(got - want) / np.linalg.norm(want)))


def in_bf16(model, ids):
    """Logits of the reference's own run in bf16."""
    model = copy.deepcopy(model).to(torch.bfloat16)
    with torch.no_grad():
        return model(torch.tensor(ids[None].astype(np.int64))).logits[0].float().numpy()


def is_quantised(path):
    if not str(path).endswith(".gguf"):
        return False
    kinds = {t.tensor_type.name for t in gguf.GGUFReader(path).tensors}
    return not kinds <= {"F32", "F16", "BF16"}


def main():
    driver, bad = sys.argv[1], False
    print(f"{'checkpoint':26} {'prompt':7} {'n':>5} {'max-abs':>9} {'rel L2':>9} "
          f"{'(bf16 run':>9} {'of ref.)':>9} {'top-1':>7}  greedy")
    for path in sys.argv[2:]:
        model, text = load(path)
        vocab = model.config.get_text_config().vocab_size
        for name, ids in prompts(vocab, text):
            want, greedy, margins = theirs(model, ids)
            got, mine, notes = ours(driver, path, ids, vocab)
            worst, rel = distance(got, want)
            its_worst, its_rel = distance(in_bf16(model, ids), want)
            rounded = is_quantised(path) or "avx512bf16" in notes
            same = float((got.argmax(1) == want.argmax(1)).mean())
            parts = np.nonzero(mine != greedy)[0]
            verdict = f"{N_GREEDY} equal"
            if len(parts):
                verdict = f"part at {parts[0]}, margin {margins[parts[0]]:.1e}"
                bad |= margins[parts[0]] > 2 * worst
            good = (worst <= its_worst and rel <= its_rel) if rounded else worst <= BOUND
            bad |= not good
            print(f"{os.path.basename(path):26} {name:7} {len(ids):5} {worst:9.2e} {rel:9.2e} "
                  f"{its_worst:9.2e} {its_rel:9.2e} {same:7.4f}  {verdict}{'' if good else '  BEYOND'}   ({notes.strip('; ')})", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
