#!/usr/bin/env python3
"""Compare karma's encoders with transformers' on random checkpoints.

    tools/compare/encoders.py DRIVER [COUNT] [SEED]

DRIVER is build/tests/support/hidden_main. Makes COUNT (60) checkpoints of random shape, family,
activation, container type and prefix, gives both programs texts of random lengths and prints for
each the largest difference of any hidden state, relative to the largest magnitude. The reference
computes in f32 what was stored, each text alone. Exit status 1 when one is beyond 1e-5 and beyond
twice what the reference itself is off in f32 beside f64 (narrow models amplify every rounding); of
weights in bf16, whose products round activations unless KARMA_ISA names a set without such, when one
is beyond twice what the reference is off in bf16.
"""
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
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

import make_models  # noqa: E402

BOUND = 1e-5
IN_F32 = os.environ.get("KARMA_ISA", "avx512bf16") != "avx512bf16"  # products of bf16 weights


def bert_like(rng):
    t = transformers
    heads, per_head = rng.randint(1, 7), rng.choice([1, 2, 3, 5, 8, 12, 16, 32, 33, 64])
    kind = rng.choice(["Bert", "Roberta", "XLMRoberta", "Camembert"])
    tail = rng.choice(["Model", "ForMaskedLM"])
    values = dict(
        vocab_size=rng.randint(5, 400), hidden_size=heads * per_head, num_attention_heads=heads,
        num_hidden_layers=rng.randint(1, 4), intermediate_size=rng.randint(1, 300),
        hidden_act=rng.choice(["gelu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu"]),
        max_position_embeddings=rng.randint(90, 200), type_vocab_size=rng.randint(1, 3),
        layer_norm_eps=rng.choice([1e-12, 1e-5, 1e-3]))
    if kind == "Bert":
        tail = rng.choice([tail, "ForPreTraining"])
    else:
        values.update(pad_token_id=rng.choice([0, 1, 1, 1, 3]), bos_token_id=0, eos_token_id=2)
    config = getattr(t, kind + "Config")(**values)
    return getattr(t, kind + tail), config


def decoder(rng):
    t = transformers
    kv = rng.randint(1, 3)
    heads = kv * rng.randint(1, 4)
    values = dict(vocab_size=rng.randint(5, 400), num_hidden_layers=rng.randint(1, 7),
                  num_attention_heads=heads, num_key_value_heads=kv,
                  hidden_size=heads * rng.randint(2, 20), intermediate_size=rng.randint(2, 200),
                  head_dim=2 * rng.randint(1, 40), rope_theta=rng.choice([1e4, 1e6]),
                  tie_word_embeddings=rng.random() < 0.5, max_position_embeddings=512,
                  bos_token_id=None, eos_token_id=None, pad_token_id=0)
    kind = rng.choice(["Gemma", "Gemma", "Qwen", "Llama", "Mistral"])
    headless = rng.random() < 0.6
    if kind == "Gemma":
        values.update(sliding_window=rng.randint(1, 100), use_bidirectional_attention=rng.random() < 0.8,
                      query_pre_attn_scalar=rng.choice([4, 12, 256]), tie_word_embeddings=True,
                      rope_local_base_freq=1e3, rope_theta=1e6)
        return (t.Gemma3TextModel if headless else t.Gemma3ForCausalLM), t.Gemma3TextConfig(**values)
    if kind == "Qwen":
        return (t.Qwen3Model if headless else t.Qwen3ForCausalLM), t.Qwen3Config(**values)
    if kind == "Llama":
        return (t.LlamaModel if headless else t.LlamaForCausalLM), t.LlamaConfig(**values)
    values.update(sliding_window=rng.randint(1, 60))
    return (t.MistralModel if headless else t.MistralForCausalLM), t.MistralConfig(**values)


def check(driver, rng, seed, folder):
    cls, config = (bert_like if rng.random() < 0.6 else decoder)(rng)
    config._attn_implementation = "eager"
    dtype = rng.choice([torch.float32, torch.float32, torch.bfloat16, torch.float16])
    torch.manual_seed(seed)
    make_models.redraw(cls(config), seed).to(dtype).save_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    model = model.float().eval()
    texts = [[rng.randrange(config.vocab_size) for _ in range(rng.randint(1, 85))]
             for _ in range(rng.randint(1, 12))]
    words = [w for t in texts for w in [len(t)] + t]
    (folder / "texts").write_bytes(np.array(words, dtype=np.int32).tobytes())
    run = subprocess.run([driver, folder, folder / "texts", folder / "out",
                          str(rng.choice([0, 0, 1, 128, 300]))], capture_output=True, text=True)
    if run.returncode != 0:
        return cls.__name__, dtype, config, float("inf"), run.stderr.strip()
    got = np.fromfile(folder / "out", dtype=np.float32).reshape(-1, config.hidden_size)
    def reference(m):
        with torch.no_grad():
            return np.concatenate([
                m(torch.tensor([t]), attention_mask=torch.ones(1, len(t), dtype=torch.int64))
                .last_hidden_state[0].double().numpy() for t in texts])

    want = reference(model)
    largest = np.abs(want).max()
    error = float(np.abs(got - want).max() / largest)
    message = ""
    if error > BOUND and dtype == torch.bfloat16 and not IN_F32:
        own = float(np.abs(reference(model.to(torch.bfloat16)) - want).max() / largest)
        message = f"(reference in bf16: {own:.2e})"
        if error <= 2 * own:
            message = "within its kind " + message
    elif error > BOUND:
        own = float(np.abs(want - reference(model.double())).max() / largest)
        message = f"(reference in f32 beside f64: {own:.2e})"
        if error <= 2 * own:
            message = "excused " + message
    return cls.__name__, dtype, config, error, message


def main():
    driver, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    errors, beyond = [], 0
    for i in range(count):
        with tempfile.TemporaryDirectory() as folder:
            name, dtype, config, error, message = check(
                driver, random.Random(seed * 1000 + i), i, pathlib.Path(folder))
        errors.append(error)
        bad = not error <= BOUND and not message.startswith(("excused", "within"))
        beyond += bad
        print(f"{i:3d} {name:24s} {str(dtype)[6:]:9s} hidden {config.hidden_size:4d} heads "
              f"{config.num_attention_heads:2d} layers {config.num_hidden_layers} relative error "
              f"{error:.2e} {'BEYOND ' if bad else ''}{message}")
    finite = [e for e in errors if np.isfinite(e)]
    print(f"{count} checkpoints: median {np.median(finite):.2e}, largest {max(finite):.2e}, "
          f"{beyond} beyond {BOUND:g}")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
