#!/usr/bin/env python3
"""Compare karma with llama.cpp on a GGUF file: greedy steps on 50 prompts, and perplexity.

    tools/compare/peer_llama.py DRIVER MODEL.gguf QUESTIONS.jsonl [TEXT]

DRIVER is build/tests/support/logits_main. Greedy: llama.cpp continues each of the first 50
questions by 32 tokens; karma computes the logits of the same tokens, so that every step is
compared, also after a step where the two would part. A step may differ where karma's top two lie
closer together than twice the largest logit difference of that prompt (llama.cpp rounds
activations to 8 bits where weights are quantised, karma does not); at most 5 % of all steps.
Perplexity: over 20,000 tokens of TEXT (a file; without it, no perplexity) in windows of 512, the
second half of each counted, within 0.5 %. Exit status 1 when a bound is missed.

Needs llama-cpp-python, used through its C interface.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import llama_cpp.llama_cpp as llama
import numpy as np

N_PROMPTS, N_STEPS, WINDOW, N_PERPLEXITY = 50, 32, 512, 20000


class Peer:
    def __init__(self, path):
        self.quiet = llama.llama_log_callback(lambda *_: None)  # must outlive the library's use
        llama.llama_log_set(self.quiet, None)
        llama.llama_backend_init()
        self.model = llama.llama_model_load_from_file(
            path.encode(), llama.llama_model_default_params())
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = 2048, WINDOW, WINDOW
        params.n_threads = params.n_threads_batch = 2
        self.context = llama.llama_init_from_model(self.model, params)
        self.vocab = llama.llama_model_get_vocab(self.model)
        self.n_vocab = llama.llama_vocab_n_tokens(self.vocab)

    def tokenize(self, text):
        data = text.encode()
        ids = (llama.llama_token * (len(data) + 8))()
        n = llama.llama_tokenize(self.vocab, data, len(data), ids, len(ids), True, False)
        return list(ids[:n])

    def reset(self):
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)

    def feed(self, ids, first, every):
        """Logits after the last id, or of all of them."""
        batch = llama.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, first + i, 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = every or i == len(ids) - 1
        if llama.llama_decode(self.context, batch) != 0:
            raise SystemExit("llama.cpp: decode failed")
        rows = range(len(ids)) if every else [len(ids) - 1]
        out = np.stack([
            np.ctypeslib.as_array(llama.llama_get_logits_ith(self.context, i), (self.n_vocab,))
            for i in rows])
        out = out.copy()
        llama.llama_batch_free(batch)
        return out


def karma_logits(driver, model, ids, folder):
    np.array(ids, np.int32).tofile(folder / "ids")
    subprocess.run([driver, model, folder / "ids", folder / "out"], check=True,
                   stdout=subprocess.DEVNULL)
    return np.fromfile(folder / "out", np.float32).reshape(len(ids), -1)


def compare_greedy(driver, path, peer, prompts, folder):
    steps = differ = excused = 0
    worst = 0.0
    for prompt in prompts:
        ids = peer.tokenize(prompt)
        n_prompt = len(ids)
        peer.reset()
        theirs = [peer.feed(ids, 0, False)[0]]
        for _ in range(N_STEPS - 1):
            ids.append(int(theirs[-1].argmax()))
            theirs.append(peer.feed(ids[-1:], len(ids) - 1, False)[0])
        theirs = np.stack(theirs)
        ours = karma_logits(driver, path, ids, folder)[n_prompt - 1:]
        difference = np.abs(ours - theirs).max()
        worst = max(worst, float(difference))
        top = np.sort(ours, axis=1)[:, -2:]
        margin = top[:, 1] - top[:, 0]
        other = ours.argmax(1) != theirs.argmax(1)
        steps += len(other)
        differ += int(other.sum())
        excused += int((other & (margin < 2 * difference)).sum())
    print(f"greedy: {len(prompts)} prompts, {steps} steps, {differ} differ, of these {excused} "
          f"within the margin ({100 * excused / steps:.2f} % of all); largest difference of a "
          f"logit {worst:.4f}")
    return differ == excused and excused <= 0.05 * steps


def log_likelihood(logits, ids):
    logits = logits.astype(np.float64)
    high = logits.max(1, keepdims=True)
    norm = np.log(np.exp(logits - high).sum(1)) + high[:, 0]
    return (logits[np.arange(len(ids)), ids] - norm).sum()


def compare_perplexity(driver, path, peer, text, folder):
    ids = peer.tokenize(text)[:N_PERPLEXITY]
    windows = [ids[i:i + WINDOW] for i in range(0, len(ids) - WINDOW + 1, WINDOW)]
    half = WINDOW // 2
    totals, n = np.zeros(2), 0
    for window in windows:
        peer.reset()
        theirs = peer.feed(window, 0, True)[half - 1:-1]
        ours = karma_logits(driver, path, window, folder)[half - 1:-1]
        totals += [log_likelihood(ours, window[half:]), log_likelihood(theirs, window[half:])]
        n += half
    ours, theirs = np.exp(-totals / n)
    ratio = ours / theirs - 1
    print(f"perplexity over {len(windows) * WINDOW} tokens: karma {ours:.4f}, llama.cpp "
          f"{theirs:.4f}, {100 * ratio:+.3f} %")
    return abs(ratio) <= 0.005


def main():
    driver, path, questions = sys.argv[1:4]
    rows = [json.loads(line) for line in open(questions, encoding="utf-8")][:N_PROMPTS]
    prompts = ["Question: " + row["question"] + "\nAnswer:" for row in rows]
    peer = Peer(path)
    print(f"{pathlib.Path(path).name}, {peer.n_vocab} tokens")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        good = compare_greedy(driver, path, peer, prompts, folder)
        if len(sys.argv) > 4:
            text = pathlib.Path(sys.argv[4]).read_text(encoding="utf-8")
            good &= compare_perplexity(driver, path, peer, text, folder)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
