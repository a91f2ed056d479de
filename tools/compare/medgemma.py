#!/usr/bin/env python3
"""Conversations with pictures: karma's prompts and answers beside those of transformers.

    medgemma.py build/tests/support/see_main TOKENIZER_FOLDER [COUNT] [SEED]

TOKENIZER_FOLDER: tokenizer.json and tokenizer_config.json of Gemma 3. A tiny random checkpoint with its
vocabulary is made, and COUNT (default 60) random conversations: pictures of any shape, before and after
words, in rows, in parts (pan and scan), words that end in line ends. The prompt's ids must be those
of Gemma3Processor. Greedy answers must be the reference's up to a step where its two best tokens are
less than 1e-3 apart; at most 5 % of the answers may end their comparison so.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.path[0] = os.path.join(os.path.dirname(__file__), "..", "fixtures")  # tokenizers.py beside this hides a package

import torch  # noqa: E402
import transformers  # noqa: E402
from PIL import Image  # noqa: E402
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil  # noqa: E402

import make_see  # noqa: E402
from make_vision import redraw  # noqa: E402

SIZE, TOKENS, N_NEW, MARGIN = 28, 4, 12, 1e-3
SOFT = 262144
WORDS = ["iron", "a fracture", "Röntgen", "low\n\nhigh", "\n\n", "  two", "छाती", "<b>", "\u2581x", "1,234", "\t", "?\n", "", "胸部"]


def save_model(folder, tokenizer_folder, seed):
    text = dict(vocab_size=262208, hidden_size=32, intermediate_size=48, num_hidden_layers=7, num_attention_heads=4,
                num_key_value_heads=2, head_dim=8, sliding_window=24, max_position_embeddings=4096)
    vision = dict(hidden_size=24, image_size=SIZE, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
                  patch_size=7, vision_use_head=False)
    config = transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=TOKENS)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = redraw(transformers.Gemma3ForConditionalGeneration(config), seed).eval()
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(tokenizer_folder, name), folder)
    (folder / "chat_template.jinja").write_text(make_see.TEMPLATE)
    (folder / "preprocessor_config.json").write_text(json.dumps(
        {"image_processor_type": "Gemma3ImageProcessor", "size": {"height": SIZE, "width": SIZE},
         "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "image_seq_length": TOKENS}))
    return transformers.Gemma3ForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()


def make_processor(folder):
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), bos_token="<bos>", eos_token="<eos>", pad_token="<pad>",
        unk_token="<unk>", padding_side="left",
        extra_special_tokens={"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>",
                              "image_token": "<image_soft_token>"})
    ip = Gemma3ImageProcessorPil(size={"height": SIZE, "width": SIZE}, image_seq_length=TOKENS)
    return transformers.Gemma3Processor(ip, tokenizer, make_see.TEMPLATE, image_seq_length=TOKENS)


def make_pictures(folder, rng):
    paths = []
    for i in range(12):
        size = (rng.randint(1, 90), rng.randint(1, 90)) if i % 2 else (rng.randint(60, 120), rng.randint(8, 24))
        path = folder / f"picture{i}.png"
        make_see.shade(*size, rng.randint(0, 1 << 30)).convert(rng.choice(["RGB", "L", "P"])).save(path)
        paths.append(str(path))
    return paths


def words(rng):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 6)))


def conversation(rng, paths):
    turns = [{"role": "system", "content": words(rng)}] if rng.random() < 0.3 else []
    for i in range(rng.choice([1, 1, 3])):
        turn = {"role": "assistant" if i % 2 else "user", "content": words(rng)}
        if i % 2 == 0:
            turn["images"] = rng.sample(paths, rng.choice([0, 1, 1, 2, 3]))
            turn["first"] = rng.random() < 0.4
        turns.append(turn)
    return {"turns": turns}


def reference(processor, model, case, pan):
    messages = [{"role": t["role"], "content": make_see.content(t["content"], t.get("images"), t.get("first"))}
                for t in case["turns"]]
    shown = [Image.open(p).convert("RGB") for t in case["turns"] for p in t.get("images", [])]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    kwargs = {"images": [shown], "do_pan_and_scan": pan, "pan_and_scan_min_crop_size": 8} if shown else {}
    batch = processor(text=[text], add_special_tokens=False, return_tensors="pt", **kwargs)
    ids, tokens, margins = batch["input_ids"][0].tolist(), [], []
    more = {"pixel_values": batch["pixel_values"]} if shown else {}
    for _ in range(N_NEW):
        at = torch.tensor([ids + tokens])
        with torch.no_grad():
            row = model(at, token_type_ids=(at == SOFT).long(), use_cache=False, logits_to_keep=1, **more).logits[0, -1]
        top = torch.topk(row, 2).values
        tokens.append(int(row.argmax()))
        margins.append(float(top[0] - top[1]))
        if tokens[-1] in (1, 106, SOFT):
            break
    return ids, tokens, margins


def run(driver, folder, cases, pan):
    arguments = {"do_sample": False, "max_tokens": N_NEW, "n_ctx": 2048, "pan_and_scan": pan,
                 "pan_and_scan_min_crop_size": 8}
    lines = "".join(json.dumps(c) + "\n" for c in cases)
    out = subprocess.run([driver, str(folder), json.dumps(arguments)], input=lines, capture_output=True, text=True)
    sys.stderr.write(out.stderr)
    return [json.loads(line) for line in out.stdout.splitlines()]


def main():
    driver, tokenizer_folder = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    rng = random.Random(seed)
    wrong = n_pictures = n_steps = excused = 0
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work) / "model"
        folder.mkdir()
        model = save_model(folder, tokenizer_folder, seed)
        processor = make_processor(folder)
        paths = make_pictures(pathlib.Path(work), rng)
        for pan in (False, True):
            cases = [conversation(rng, paths) for _ in range(count // 2)]
            results = run(driver, folder, cases, pan)
            assert len(results) == len(cases), "the driver ended early"
            for case, got in zip(cases, results):
                ids, tokens, margins = reference(processor, model, case, pan)
                n_pictures += ids.count(SOFT) // TOKENS
                if got.get("ids") != ids or "tokens" not in got:
                    wrong += 1
                    print("prompt differs:", json.dumps(case, ensure_ascii=False), got.get("error", ""))
                    continue
                for step, (ours, theirs) in enumerate(zip(got["tokens"], tokens)):
                    if margins[step] < MARGIN:
                        excused += 1
                        break
                    n_steps += 1
                    if ours != theirs:
                        wrong += 1
                        print(f"answer differs at step {step}:", json.dumps(case, ensure_ascii=False))
                        break
    print(f"{2 * (count // 2)} conversations, {n_pictures} pictures and parts, {n_steps} greedy steps alike, "
          f"{excused} answers not compared to their end, {wrong} wrong")
    sys.exit(wrong > 0 or excused > max(1, count // 20))


if __name__ == "__main__":
    main()
