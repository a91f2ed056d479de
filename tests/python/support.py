"""What the tests of the Python package share: checkpoints, a hub cache, an environment of their own.

Checkpoints are the demo's (it answers) and one of forty thousand random weights (it says noise, the
same noise every time, and loads in a millisecond).
"""

import json
import logging
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = os.path.join(ROOT, "demo", "model")
FIXTURES = os.path.join(ROOT, "tests", "fixtures")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def tiny(folder):
    """A small checkpoint with room for 2,048 tokens in that folder."""
    os.makedirs(folder)
    model = os.path.join(FIXTURES, "models", "qwen3_tied")
    shutil.copy(os.path.join(model, "model.safetensors"), folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(FIXTURES, "api", "tiny", name), folder)
    with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    config["max_position_embeddings"] = 2048
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)
    return folder


PICTURES = os.path.join(FIXTURES, "api", "see")


def see(folder):
    """A small checkpoint that sees in that folder, with room for 256 tokens."""
    os.makedirs(folder)
    shutil.copy(os.path.join(FIXTURES, "models", "gemma3_see", "model.safetensors"), folder)
    for name in os.listdir(PICTURES):
        if name.endswith(".json"):
            shutil.copy(os.path.join(PICTURES, name), folder)
    return folder


def picture(name):
    return os.path.join(PICTURES, name + ".png")


def hub(home, name, folder):
    """Put a checkpoint into the hub cache of HF_HOME=home under that name."""
    repository = os.path.join(home, "hub", "models--" + name.replace("/", "--"))
    snapshot = os.path.join(repository, "snapshots", COMMIT)
    os.makedirs(os.path.join(repository, "refs"))
    with open(os.path.join(repository, "refs", "main"), "w", encoding="ascii") as f:
        f.write(COMMIT)
    shutil.copytree(folder, snapshot)
    return snapshot


def change_weight(folder, tensor, index, bits):
    """Overwrite one bf16 element of a tensor in folder/model.safetensors."""
    with open(os.path.join(folder, "model.safetensors"), "r+b") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        entry = json.loads(f.read(length))[tensor]
        assert entry["dtype"] == "BF16", entry
        f.seek(8 + length + entry["data_offsets"][0] + 2 * index)
        before = f.read(2)
        f.seek(-2, os.SEEK_CUR)
        f.write(struct.pack("<H", bits))
    return struct.unpack("<H", before)[0]


def resident_kb():
    with open("/proc/self/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)


def run_python(code, env=None, python=None):
    """A fresh interpreter; its completed process, with text output."""
    import sys

    full = dict(os.environ)
    full.update(env or {})
    return subprocess.run(
        [python or sys.executable, "-c", code],
        env={k: v for k, v in full.items() if v is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=120,
    )


class Case(unittest.TestCase):
    """A test with a folder, a hub cache in it and a registry that others do not see."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="karma-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.hub_home = os.path.join(self.dir, "hf")
        self.set_env("HF_HOME", self.hub_home)
        self.set_env("KARMA_CONFIG_HOME", os.path.join(self.dir, "config"))
        self.set_env("KARMA_STORE", os.path.join(self.dir, "store.db"))
        from karma.registries.model_registry import clear_registry

        clear_registry()
        self.addCleanup(clear_registry)
        logging.getLogger("karma").addHandler(logging.NullHandler())

    def set_env(self, name, value):
        before = os.environ.get(name)

        def restore():
            if before is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = before

        os.environ[name] = value
        self.addCleanup(restore)

    def tiny(self, name="tiny"):
        path = os.path.join(self.dir, name)
        return path if os.path.exists(path) else tiny(path)

    def demo_copy(self, name="copy"):
        return shutil.copytree(DEMO, os.path.join(self.dir, name))

    def in_hub(self, name, folder=DEMO):
        return hub(self.hub_home, name, folder)
