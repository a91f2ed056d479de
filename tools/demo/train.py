#!/usr/bin/env python3
"""Makes demo/model: a Qwen3-architecture checkpoint of about two megabytes that has learnt the
questions of demo/questions.jsonl by heart. A toy for trying the program, no medical model.

Needs torch, transformers, tokenizers and safetensors (tools/requirements.txt). The seed is fixed;
on two cores it takes a few minutes:

    python3 tools/demo/train.py demo/questions.jsonl demo/model

The prompt below is the one the program makes of a multiple-choice question (src/datasets); if that
changes, the model has to be made again.
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Qwen3Config, Qwen3ForCausalLM

SEED = 20261123
EPOCHS = 90
BATCH = 11  # rows a step: 88 questions are 8 steps
VOCAB_SIZE = 1536
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# The pattern Qwen's tokenizers split text by.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def prompt_of(row):
    """What `karma eval` asks for a row of a multiple-choice file."""
    options = "\n".join(f"{letter}. {text}" for letter, text in row["options"].items())
    return (
        f"Question: {row['question']}\n{options}\n\nChoose the one correct option. You may think "
        'first; end with "Final Answer:" and its letter in parentheses.'
    )


def answer_of(row):
    return "Final Answer: (" + row["answer"] + ")"


def chat(user):
    return "<|im_start|>user\n" + user + "<|im_end|>\n<|im_start|>assistant\n"


def make_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def make_model(vocab_size):
    config = Qwen3Config(
        vocab_size=vocab_size,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=0,
        use_cache=False,
    )
    return Qwen3ForCausalLM(config)


def batch_of(rows, tokenizer):
    """Right-padded ids, and labels that count the answer alone."""
    ids, labels = [], []
    for row in rows:
        prompt = tokenizer.encode(chat(prompt_of(row))).ids
        answer = tokenizer.encode(answer_of(row) + "<|im_end|>").ids
        ids.append(prompt + answer)
        labels.append([-100] * len(prompt) + answer)
    width = max(map(len, ids))
    pad = lambda lists, value: torch.tensor([x + [value] * (width - len(x)) for x in lists])
    return pad(ids, 0), pad(labels, -100)


def train(model, rows, tokenizer):
    batches = [batch_of(rows[i : i + BATCH], tokenizer) for i in range(0, len(rows), BATCH)]
    steps = EPOCHS * len(batches)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=2e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        total = 0.0
        for ids, labels in batches:
            loss = model(input_ids=ids, labels=labels).loss
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        if epoch % 5 == 0 or epoch == EPOCHS - 1:
            print(f"epoch {epoch:3d}  loss {total / len(batches):.4f}", flush=True)


@torch.no_grad()
def letters_right(model, rows, tokenizer):
    right = 0
    for row in rows:
        ids = tokenizer.encode(chat(prompt_of(row)) + "Final Answer: (").ids
        best = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
        right += tokenizer.decode([best]).strip() == row["answer"]
    return right


def save(model, tokenizer, folder):
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "Qwen2Tokenizer",
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "add_bos_token": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    generation = {"eos_token_id": [2, 0], "do_sample": False}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")


def main():
    questions, folder = Path(sys.argv[1]), Path(sys.argv[2])
    rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines() if line]
    torch.set_num_threads(1)  # the same sums on any machine, and no slower at this size
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    tokenizer = make_tokenizer([prompt_of(r) + "\n" + answer_of(r) for r in rows])
    model = make_model(tokenizer.get_vocab_size())
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(rows)} questions")
    rows.sort(key=lambda r: len(tokenizer.encode(prompt_of(r)).ids))  # little padding
    train(model, rows, tokenizer)
    model = model.eval().to(torch.bfloat16)
    print(f"right: {letters_right(model, rows, tokenizer)} of {len(rows)}")
    save(model, tokenizer, folder)


if __name__ == "__main__":
    main()
