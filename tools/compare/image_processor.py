"""Compares karma's picture processing with Pillow and with transformers' Gemma3ImageProcessor by
its PIL path, byte for byte.

    python tools/compare/image_processor.py DRIVER [ROUNDS]

DRIVER is build/tests/support/image_processor_main. Each round makes one picture of every kind and size class;
numbers that differ are counted and the first is described. Exit status 1 if there is one.
"""
import struct
import subprocess
import sys

sys.path.pop(0)  # beside this file lies one with the name of a package
import numpy as np
from PIL import Image
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

PAN_AND_SCAN, RESIZE_ONLY = 1, 2


class Driver:
    def __init__(self, path):
        self.p = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, a, size, flags=0, depth=0, pan=(256, 4, 1.2)):
        h, w = a.shape[:2]
        channels = 1 if a.ndim == 2 else 3
        head = struct.pack("=10id", w, h, channels, a.dtype.itemsize * 8, size[0], size[1], flags,
                           depth, pan[0], pan[1], pan[2])
        self.p.stdin.write(head + np.ascontiguousarray(a).tobytes())
        self.p.stdin.flush()
        (n,) = struct.unpack("=i", self.p.stdout.read(4))
        if flags & RESIZE_ONLY:
            raw = self.p.stdout.read(size[0] * size[1] * channels)
            return np.frombuffer(raw, np.uint8).reshape((size[1], size[0]) + a.shape[2:])
        raw = self.p.stdout.read(n * 3 * size[0] * size[1] * 4)
        return np.frombuffer(raw, np.float32).reshape(n, 3, size[1], size[0])


def picture(rng, kind, w, h, channels):
    """Float values 0..1 of shape [h, w, channels]."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    if kind == "smooth":
        a = np.zeros((h, w, channels), np.float32)
        for c in range(channels):
            for _ in range(4):
                fx, fy, p = rng.uniform(0, 0.2), rng.uniform(0, 0.2), rng.uniform(0, 6)
                a[..., c] += np.sin(fx * x + fy * y + p)
        a += rng.normal(0, 0.1, a.shape)
        return np.clip((a + 4) / 8, 0, 1)
    if kind == "checks":
        s = int(rng.integers(1, 5))
        a = ((x.astype(int) // s + y.astype(int) // s) % 2).astype(np.float32)
        return np.repeat(a[..., None], channels, 2)
    if kind == "text":
        a = (rng.random((h, w, channels)) > 0.85).astype(np.float32)
        return np.maximum(a, np.roll(a, 1, 0))
    return rng.random((h, w, channels), np.float32)


def sizes(rng, target):
    w, h = target
    yield w, h
    yield 1, 1
    yield 1, int(rng.integers(2, 3000))
    yield int(rng.integers(2, 3000)), 1
    yield 3, int(rng.integers(2, 500))
    yield int(rng.integers(1, 2 * w)), int(rng.integers(1, 2 * h))
    yield w, int(rng.integers(1, 2 * h))
    yield int(rng.integers(1, 2 * w)), h
    yield int(rng.integers(w, 4 * w)) | 1, int(rng.integers(h, 3 * h)) | 1
    yield int(rng.integers(1, w + 1)), int(rng.integers(1, h + 1))


def main():
    driver = Driver(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    rng = np.random.default_rng(20)
    counts, bad = {}, 0

    def check(what, got, want, detail):
        nonlocal bad
        ok = got.shape == want.shape and got.tobytes() == want.tobytes()
        counts.setdefault(what, [0, 0])[not ok] += 1
        if not ok:
            bad += 1
            if bad <= 5:
                shape = got.shape == want.shape
                off = np.abs(got.astype(np.float64) - want).max() if shape else "shape"
                print(f"{what} differs: {detail} {got.shape} {want.shape} largest {off}")

    def compare(a, target, kind, pan):
        kind_of = "RGB" if a.ndim == 3 else "grey" if a.dtype == np.uint8 else "16-bit grey"
        detail = f"{kind} {a.shape} {a.dtype} -> {target} pan {pan}"
        im = Image.fromarray(a)
        if a.dtype == np.uint8:
            want = np.asarray(im.resize(target, Image.Resampling.BILINEAR))
            check("resize " + kind_of, driver.ask(a, target, RESIZE_ONLY), want, detail)
        p = Gemma3ImageProcessorPil(size={"height": target[1], "width": target[0]}, image_mean=[0.5] * 3,
                                    image_std=[0.5] * 3, do_pan_and_scan=pan is not None,
                                    pan_and_scan_min_crop_size=pan and pan[0],
                                    pan_and_scan_max_num_crops=pan and pan[1],
                                    pan_and_scan_min_ratio_to_activate=pan and pan[2])
        want = p(im, return_tensors="np", do_convert_rgb=True)["pixel_values"]
        want = np.asarray(want).reshape(-1, 3, target[1], target[0])
        got = driver.ask(a, target, PAN_AND_SCAN if pan else 0, 0, pan or (256, 4, 1.2))
        check(f"pixel values {kind_of}{', pan and scan' if pan else ''}", got, want, detail)
        if pan:
            counts.setdefault("crops made", [0, 0])[0] += len(got) - 1

    targets = [(896, 896), (28, 28), (56, 56), (224, 224), (448, 448), (30, 17)]
    for _ in range(rounds):
        for target in targets:
            for i, (w, h) in enumerate(sizes(rng, target)):
                for kind in ("smooth", "checks", "text", "noise")[i % 2::2]:
                    for channels in (1, 3):
                        a = picture(rng, kind, w, h, channels)
                        a8 = np.rint(a * 255).astype(np.uint8)
                        compare(a8 if channels == 3 else a8[..., 0], target, kind, None)
                    a16 = np.rint(a[..., 0] * rng.choice([200, 600, 4095, 65535])).astype(np.uint16)
                    compare(a16, target, kind, None)
    for w, h in ((65535, 1), (1, 65535), (65535, 3)):
        for target in ((896, 896), (28, 28)):
            compare(np.rint(picture(rng, "noise", w, h, 3) * 255).astype(np.uint8), target, "long", None)
    for _ in range(40 * rounds):
        target = targets[int(rng.integers(1, len(targets)))]
        pan = (int(rng.choice([16, 64, 100, 256])), int(rng.integers(1, 9)), float(rng.choice([1.0, 1.2, 1.5])))
        w = int(rng.integers(100, 1500))
        h = int(w / rng.uniform(0.2, 5))
        channels = int(rng.choice([1, 3]))
        a = np.rint(picture(rng, "smooth", w, max(h, 1), channels) * 255).astype(np.uint8)
        compare(a if channels == 3 else a[..., 0], target, "pan", pan)

    for what, (same, differ) in sorted(counts.items()):
        print(f"{what}: {same}" + ("" if what == "crops made" else f" equal, {differ} differ"))
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
