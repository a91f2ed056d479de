#!/usr/bin/env python3
"""transformers or vLLM on the shapes of karma bench, for cpu_peers.py; the same for Python as
bench/peer_llama.c.

    peer_python.py transformers|vllm FOLDER [threads=2] [dtype=bf16|f32] FIGURE[=SIZE]

Prints one JSON line with the figure's value. transformers has one figure, evaluation, as upstream
runs it: a batch of 8 prompts of 672 tokens, eager attention, 4 greedy tokens each; equal lengths
lose nothing to padding. vLLM keeps common beginnings (its prefix caching) and has evaluation and
letters (16 questions at once), prefill, decode and batch; the last two are the time of 32 tokens
more. A figure that a program does not have prints nothing.
"""
import json
import os
import pathlib
import random
import sys
import time

sys.path.remove(str(pathlib.Path(__file__).resolve().parent))  # tokenizers.py is another's name

PREFIX, STEM, ANSWER, GENERATE = 512, 160, 4, 32


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def transformers_value(folder, threads, dtype, figure, size):
    import torch
    import transformers
    if figure != "evaluation":
        return None
    n = size or 8
    torch.set_num_threads(threads)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype={"bf16": torch.bfloat16, "f32": torch.float32}[dtype],
        attn_implementation="eager").eval()

    def answer(n, length):
        ids = torch.randint(0, model.config.vocab_size, (n, length))
        model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, pad_token_id=0,
                       min_new_tokens=ANSWER, max_new_tokens=ANSWER, temperature=None,
                       top_p=None, top_k=None)

    with torch.inference_mode():
        answer(1, 16)  # pages, threads
        return n / timed(lambda: answer(n, PREFIX + STEM))


def vllm_value(folder, threads, dtype, figure, size):
    if figure not in ("evaluation", "letters", "prefill", "decode", "batch"):
        return None
    size = size or (512 if figure in ("prefill", "decode") else 16)
    os.environ.update(OMP_NUM_THREADS=str(threads), VLLM_CPU_OMP_THREADS_BIND="nobind",
                      VLLM_CPU_KVCACHE_SPACE="2", VLLM_ENABLE_V1_MULTIPROCESSING="0",
                      VLLM_NO_USAGE_STATS="1", HF_HUB_OFFLINE="1")
    import vllm
    longest = max(PREFIX + STEM, size if figure in ("prefill", "decode") else 0) + GENERATE + 1
    model = vllm.LLM(model=folder, dtype={"bf16": "bfloat16", "f32": "float32"}[dtype],
                     max_model_len=longest, max_num_seqs=16, enable_prefix_caching=True,
                     enforce_eager=True)
    vocab = model.llm_engine.model_config.get_vocab_size()

    def ids(n):
        return [random.randrange(vocab) for _ in range(n)]

    def run(prompts, n_new):
        how = vllm.SamplingParams(temperature=0, max_tokens=n_new, min_tokens=n_new,
                                  ignore_eos=True)
        model.generate([{"prompt_token_ids": p} for p in prompts], how, use_tqdm=False)

    run([ids(16)], 2)  # pages, threads
    if figure == "prefill":
        return size / timed(lambda: run([ids(size)], 1))
    prefix = ids(size if figure == "decode" else PREFIX)
    run([prefix + ids(1)], 1)
    if figure in ("decode", "batch"):
        n = size if figure == "batch" else 1
        prompts = [prefix + ids(1) for _ in range(n)]
        run(prompts, 1)
        first = timed(lambda: run(prompts, 1))
        return n * GENERATE / (timed(lambda: run(prompts, GENERATE + 1)) - first)
    prompts = [prefix + ids(STEM) for _ in range(size)]
    return size / timed(lambda: run(prompts, ANSWER if figure == "evaluation" else 1))


def main():
    program, folder = sys.argv[1:3]
    threads, dtype, figure, size = 2, "bf16", None, None
    for argument in sys.argv[3:]:
        name, _, value = argument.partition("=")
        if name == "threads":
            threads = int(value)
        elif name == "dtype":
            dtype = value
        else:
            figure, size = name, int(value) if value else None
    values = {"transformers": transformers_value, "vllm": vllm_value}
    value = values[program](folder, threads, dtype, figure, size)
    if value is not None:
        print(json.dumps({"figure": figure, "value": value}))


if __name__ == "__main__":
    main()
