#!/usr/bin/env python3
"""Vectors of karma beside those of sentence-transformers, on 1,000 texts in ten languages.

    embeddings.py KARMA FOLDER [FOLDER ...]

Each folder is a sentence-transformers model. Texts are drawn from word lists with a fixed seed, two
words to some hundreds, so that many reach past the model's limit; none occurs twice. Prints, for
f32 and for a copy of the folder in bf16, the largest component error, the smallest cosine and how
many texts have the same ten nearest neighbours in the same order. Exit status 1 when an f32
component is off by more than 1e-5, a neighbour differs there by more than its tie, or a bf16 cosine
is below 0.99999.

The bf16 copy is compared with the reference computing the same bf16 weights in f32: what is left is
karma's own error. How far rounding the weights moves the vectors is printed beside it.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.pop(0)  # tokenizers.py beside this file is not the library
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

N_TEXTS, N_NEAREST = 1000, 10
WORDS = {
    "en": "the patient has a high fever and pain in the chest; blood pressure is low, heart rate "
          "120/min. Insulin, aspirin (75 mg) or rest? Don't stop treatment!",
    "hi": "\u0930\u094b\u0917\u0940 \u0915\u094b \u0924\u0947\u091c \u092c\u0941\u0916\u093e\u0930 "
          "\u0914\u0930 \u0938\u0940\u0928\u0947 \u092e\u0947\u0902 \u0926\u0930\u094d\u0926 \u0939\u0948 "
          "\u0930\u0915\u094d\u0924\u091a\u093e\u092a \u0915\u092e \u0926\u0935\u093e \u0932\u0947\u0902\u0964",
    "ta": "\u0ba8\u0bcb\u0baf\u0bbe\u0bb3\u0bbf\u0b95\u0bcd\u0b95\u0bc1 \u0b95\u0bbe\u0baf\u0bcd\u0b9a\u0bcd\u0b9a\u0bb2\u0bcd "
          "\u0bae\u0bbe\u0bb0\u0bcd\u0baa\u0bc1 \u0bb5\u0bb2\u0bbf \u0bae\u0bb0\u0bc1\u0ba8\u0bcd\u0ba4\u0bc1 \u0b87\u0ba4\u0baf\u0bae\u0bcd",
    "de": "Der Patient hat hohes Fieber und Schmerzen in der Brust, Blutdruckmessung \u00fcber Nacht; "
          "Herzrhythmusst\u00f6rungen m\u00fcssen gr\u00fcndlich gepr\u00fcft werden. Stra\u00dfe",
    "fr": "le patient pr\u00e9sente une fi\u00e8vre \u00e9lev\u00e9e et l'\u0153d\u00e8me du c\u0153ur s'aggrave \u00e0 "
          "No\u00ebl; h\u00f4pital, o\u00f9 est-ce ?",
    "es": "\u00bfel paciente tiene fiebre alta y dolor en el pecho? presi\u00f3n arterial baja, ni\u00f1o "
          "de a\u00f1o y medio \u00a1urgente!",
    "ru": "\u0443 \u043f\u0430\u0446\u0438\u0435\u043d\u0442\u0430 \u0432\u044b\u0441\u043e\u043a\u0430\u044f "
          "\u0442\u0435\u043c\u043f\u0435\u0440\u0430\u0442\u0443\u0440\u0430 \u0438 \u0431\u043e\u043b\u044c \u0432 "
          "\u0433\u0440\u0443\u0434\u0438 \u0401\u043b\u043a\u0430 \u0439\u043e\u0434",
    "ar": "\u064a\u0639\u0627\u0646\u064a \u0627\u0644\u0645\u0631\u064a\u0636 \u0645\u0646 \u0627\u0644\u062d\u0645\u0651\u0649 "
          "\u0648\u0623\u0644\u0645 \u0641\u064a \u0627\u0644\u0635\u062f\u0631 \u0642\u064e\u0644\u0628",
    "zh": "\u60a3\u8005 \u53d1\u70e7\uff0c\u80f8\u75db\u3002 \u8840\u538b\u504f\u4f4e \u80f0\u5c9b\u7d20 \u5fc3\u810f\u75c5 \u836f\u7269\uff1f",
    "ja": "\u60a3\u8005\u306f \u9ad8\u71b1\u3068 \u80f8\u306e\u75db\u307f\u304c \u3042\u308a\u307e\u3059\u3002 \u30a4\u30f3\u30b9\u30ea\u30f3 "
          "\u8840\u5727\u304c\u4f4e\u3044 \uff76\uff9e",
}
ODD = ["\U0001f600", "e\u0301", "\u200d", "\ufb01", "\u00a0", "12.5%", "x" * 120, "[SEP]x", "\u2014"]


def make_texts():
    rng = np.random.default_rng(7)
    words = {k: v.split() for k, v in WORDS.items()}
    texts = []
    while len(texts) < N_TEXTS:
        own = words[list(words)[len(texts) % len(words)]]
        n = int(2 ** rng.uniform(1, 8))
        text = [own[k] for k in rng.integers(0, len(own), n)]
        if rng.random() < 0.2:
            text.insert(int(rng.integers(0, n + 1)), ODD[int(rng.integers(len(ODD)))])
        if rng.random() < 0.1:
            other = words[list(words)[int(rng.integers(len(words)))]]
            text += other[:3]
        text = " ".join(text)
        if text not in texts:  # a text given twice would be a tie of itself
            texts.append(text)
    return texts


def of_karma(karma, folder, texts, work):
    source, out = work / "texts.txt", work / "vectors.npy"
    source.write_text("\n".join(texts) + "\n", encoding="utf-8")
    subprocess.run([karma, "embed", str(folder), str(source), "--format", "npy", "--output",
                    str(out)], check=True, stderr=subprocess.DEVNULL)
    return np.load(out)


def of_reference(folder, texts):
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return model.encode(texts, batch_size=16, prompt="", convert_to_numpy=True)


def bf16_copy(folder, to):
    shutil.copytree(folder, to)
    for path in to.rglob("*.safetensors"):
        tensors = {k: v.to(torch.bfloat16) if v.is_floating_point() else v
                   for k, v in load_file(path).items()}
        save_file(tensors, path, metadata={"format": "pt"})
    return to


def unit(v):
    v = v.astype(np.float64)
    return v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)


def nearest(v):
    scores = unit(v) @ unit(v).T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :N_NEAREST], scores


def compare(name, got, want):
    error = float(np.abs(got - want).max())
    cosine = float((unit(got) * unit(want)).sum(1).min())
    a, _ = nearest(got)
    b, scores = nearest(want)
    same = (a == b).all(1)
    # A different order is excused where the reference's own scores lie within the error's reach.
    ties = max((abs(scores[i][a[i]] - scores[i][b[i]]).max() for i in np.flatnonzero(~same)),
               default=0.0)
    print(f"{name}: {got.shape[0]} x {got.shape[1]}, max-abs {error:.2e}, least cosine "
          f"{cosine:.9f}, same ten neighbours {int(same.sum())}/{len(same)} (largest tie {ties:.1e})")
    return error, cosine, ties


def main():
    karma, folders = sys.argv[1], [pathlib.Path(f) for f in sys.argv[2:]]
    texts, failed = make_texts(), False
    for folder in folders:
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            want = of_reference(folder, texts)
            error, _, ties = compare(f"{folder.name} f32", of_karma(karma, folder, texts, work), want)
            failed |= error > 1e-5 or ties > 2e-6
            rounded = bf16_copy(folder, work / "bf16")
            got, reference = of_karma(karma, rounded, texts, work), of_reference(rounded, texts)
            _, cosine, _ = compare(f"{folder.name} bf16", got, reference)
            failed |= cosine < 0.99999
            moved = float((unit(reference) * unit(want)).sum(1).min())
            print(f"{folder.name}: rounding the weights to bf16 alone moves a vector to cosine "
                  f"{moved:.6f} of its own in f32")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
