#!/usr/bin/env python3
"""Random pictures of every kind, decoded by karma and by Pillow, byte by byte.

    images.py build/tests/support/image_pixels_main [COUNT] [SEED]

COUNT: how many of each kind (default 12). cjpeg (libjpeg-turbo-progs) adds JPEG files that Pillow does not
write; without it those are left out, and that is said.
"""
import collections
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import PIL
from PIL import Image, features

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "fixtures"))
import pictures as p  # noqa: E402

SIZES = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 23, 31, 33, 40, 63, 64, 65, 100]


def size(rng):
    return int(rng.choice(SIZES)), int(rng.choice(SIZES))


def pillow_picture(rng, mode):
    w, h = size(rng)
    n = {"1": 1, "L": 1, "LA": 2, "P": 3, "PA": 3, "RGB": 3, "RGBA": 4, "CMYK": 4, "I;16": 1}[mode]
    a = p.smooth(rng, w, h, n)
    if mode == "I;16":
        return Image.fromarray((a[:, :, 0].astype(np.uint16) << 8) | rng.integers(0, 256, (h, w)).astype(np.uint16))
    if mode in ("1", "L"):
        return Image.fromarray(a[:, :, 0]).convert(mode)
    if mode in ("P", "PA"):
        return Image.fromarray(a).quantize(int(rng.integers(2, 257))).convert(mode)
    return Image.fromarray(a, mode) if mode in ("LA", "CMYK") else Image.fromarray(a)


def oriented(rng, data, kind):
    """With an orientation in EXIF or XMP, of any byte order and type of number."""
    o = int(rng.integers(0, 10))
    big = bool(rng.integers(2))
    where = int(rng.choice([8, 30, 4000])).to_bytes(4, "big" if big else "little")
    before = [(0x10F, int(rng.choice([1, 2, 5, 99])), int(rng.choice([3, 9, 100])), where)] * int(rng.integers(0, 2))
    e = p.exif(o, big, int(rng.choice([1, 3, 3, 3, 4, 6, 8, 9, 11])), int(rng.choice([1, 1, 1, 2])), before)
    name = b"Exif\0\0"
    as_xmp = rng.random() < 0.3
    x = p.xmp(o, bool(rng.integers(2)))
    if kind == "JPEG":
        return p.jpeg_with(data, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + x if as_xmp else name + e)
    if kind == "PNG":
        at = 33 if rng.random() < 0.5 else len(data) - 12
        c = p.chunk("iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + x) if as_xmp else p.chunk("eXIf", e)
        return data[:at] + c + data[at:]
    w, h = Image.open(io.BytesIO(data)).size
    chunks = [c for c in p.webp_chunks(data) if c[0] != b"VP8X"]
    old = [c for c in p.webp_chunks(data) if c[0] == b"VP8X"]
    flags = (old[0][1][0] if old else 0) | (4 if as_xmp else 8)
    head = bytes([flags, 0, 0, 0]) + (w - 1).to_bytes(3, "little") + (h - 1).to_bytes(3, "little")
    extra = (b"XMP ", x) if as_xmp else (b"EXIF", e if rng.random() < 0.5 else name + e)
    return p.webp_joined([(b"VP8X", head)] + chunks + [extra])


def jpegs(rng, count):
    for _ in range(count):
        for name, mode in (("grey", "L"), ("colour", "RGB"), ("CMYK", "CMYK")):
            for progressive in (False, True):
                options = {"quality": int(rng.integers(1, 101)), "progressive": progressive,
                           "optimize": bool(rng.integers(2))}
                if mode == "RGB":
                    options["subsampling"] = int(rng.integers(0, 3))
                if rng.random() < 0.3:
                    options["restart_marker_blocks"] = int(rng.integers(1, 9))
                yield (f"JPEG {name} {'progressive' if progressive else 'baseline'}",
                       p.saved(pillow_picture(rng, mode), "JPEG", **options))
        data = p.saved(pillow_picture(rng, "RGB"), "JPEG", quality=90, keep_rgb=True)
        yield "JPEG stored as RGB", data
        yield "JPEG oriented", oriented(rng, p.saved(pillow_picture(rng, "RGB"), "JPEG"), "JPEG")
        cmyk = p.saved(pillow_picture(rng, "CMYK"), "JPEG", quality=95)
        segments, rest = p.jpeg_segments(cmyk)
        yield "JPEG CMYK without Adobe marker", p.jpeg_joined([s for s in segments if s[0] != 0xEE], rest)
        yield "JPEG YCCK", p.jpeg_joined([(m, s[:-1] + b"\2" if m == 0xEE else s) for m, s in segments], rest)


def cjpegs(rng, count, work):
    scans = {1: "0;\n", 3: "0;1;2;\n"}
    for _ in range(count):
        for sample in ("4x1", "1x2", "4x2", "2x2,1x2,2x1", "3x1", "2x1,2x1,2x1", "1x1,2x2,1x2"):
            source, script, out = (work / n for n in ("x.ppm", "x.scans", "x.jpg"))
            pillow_picture(rng, "RGB").save(source)
            script.write_text(scans[3])
            extra = ["-scans", script] if rng.random() < 0.3 else ["-progressive"] if rng.random() < 0.4 else []
            done = subprocess.run(["cjpeg", "-sample", sample, "-quality", str(rng.integers(10, 100)), *extra,
                                   "-outfile", out, source], capture_output=True)
            if done.returncode == 0:
                yield f"JPEG by cjpeg, {sample}", out.read_bytes()


def pngs(rng, count):
    for _ in range(count):
        for colour, depths in p.DEPTHS.items():
            for depth in depths:
                for interlaced in (False, True):
                    kind = ("grey", "", "RGB", "palette", "grey and alpha", "", "RGBA")[colour]
                    more = {"split": int(rng.integers(0, 30)), "level": int(rng.integers(0, 10)),
                            "before": b""}
                    if rng.random() < 0.3:
                        more["before"] += p.chunk("gAMA", b"\0\0\xb1\x8f") + p.chunk("tEXt", b"Comment\0text")
                    if colour in (p.GREY, p.RGB, p.PALETTE) and rng.random() < 0.4:
                        more["before"] += p.chunk("tRNS", {p.GREY: b"\0\1", p.RGB: bytes(6), p.PALETTE: b"\0"}[colour])
                    yield (f"PNG {kind} {depth} bits{' interlaced' if interlaced else ''}",
                           p.random_png(rng, colour, depth, *size(rng), interlaced, **more))
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            yield f"PNG by Pillow, {mode}", p.saved(pillow_picture(rng, mode), "PNG", optimize=bool(rng.integers(2)))
        colour, depth = [(c, d) for c in p.DEPTHS for d in p.DEPTHS[c]][int(rng.integers(0, 15))]
        yield "PNG oriented", oriented(rng, p.random_png(rng, colour, depth, *size(rng)), "PNG")


def webps(rng, count):
    for _ in range(count):
        for mode in ("RGB", "RGBA"):
            for lossless in (False, True):
                data = p.saved(pillow_picture(rng, mode), "WEBP", lossless=lossless, exact=bool(rng.integers(2)),
                               quality=int(rng.integers(0, 101)), method=int(rng.integers(0, 7)),
                               alpha_quality=int(rng.integers(0, 101)))
                name = "WebP " + ("lossless" if lossless else "lossy") + (" with alpha" if mode == "RGBA" else "")
                yield name, data
                if rng.random() < 0.5:
                    yield "WebP oriented", oriented(rng, data, "WebP")


def large(rng, count):
    for _ in range(max(1, count // 6)):
        w, h = (int(n) for n in rng.integers(700, 1600, 2))
        picture = Image.fromarray(p.smooth(rng, w, h, 3))
        for subsampling in (0, 1, 2):
            for progressive in (False, True):
                yield "JPEG, large", p.saved(picture, "JPEG", quality=int(rng.integers(60, 98)),
                                             subsampling=subsampling, progressive=progressive)
        yield "PNG, large", p.saved(picture, "PNG", compress_level=1)
        yield "WebP, large", p.saved(picture, "WEBP", quality=80, method=0)


def ours(program, files, work):
    out = work / "out"
    subprocess.run([program, out, *files], check=True)
    data, at = out.read_bytes(), 0
    for _ in files:
        end = data.index(b"\n", at)
        line, at = data[at:end].decode(), end + 1
        if line.startswith("E_"):
            yield line
            continue
        w, h, c, bits = map(int, line.split())
        kind = np.uint16 if bits == 16 else np.uint8
        n = w * h * c * bits // 8
        yield np.frombuffer(data[at:at + n], kind).reshape(h, w, c)
        at += n


def compare(kinds, program, work):
    count, wrong, worst = collections.Counter(), collections.Counter(), 0
    for at in range(0, len(kinds), 200):
        some = kinds[at:at + 200]
        files = []
        for i, (_, data) in enumerate(some):
            files.append(work / str(i))
            files[-1].write_bytes(data)
        for (name, data), got in zip(some, ours(program, files, work)):
            count[name] += 1
            want = p.by_pillow(data)
            if isinstance(got, np.ndarray) and got.shape[2] < want.shape[2]:
                got = got.repeat(3, 2) # grey and alpha of 16 bits: colours for Pillow
            if isinstance(got, np.ndarray) and got.shape == want.shape and (got == want).all():
                continue
            wrong[name] += 1
            if isinstance(got, np.ndarray) and got.shape == want.shape:
                worst = max(worst, int(np.abs(got.astype(int) - want.astype(int)).max()))
                got = f"{(got != want).sum()} of {want.size} samples differ"
            elif isinstance(got, np.ndarray):
                got = f"{got.shape}, expected {want.shape}"
            if wrong[name] <= 3:
                print(f"{name}: {got}")
    for name in sorted(count):
        print(f"{name}: {count[name]} pictures, {wrong[name]} differ")
    print(f"all: {sum(count.values())} pictures of {len(count)} kinds, {sum(wrong.values())} differ, "
          f"largest difference {worst}")
    return not wrong


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    rng = np.random.default_rng(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    print(f"Pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}, "
          f"WebP {features.version('webp')}, zlib {features.version('zlib')}")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        warnings.simplefilter("ignore")  # Pillow's, of EXIF data that is broken
        kinds = [*pngs(rng, count), *jpegs(rng, count), *webps(rng, count), *large(rng, count)]
        if shutil.which("cjpeg"):
            kinds += cjpegs(rng, count, work)
        else:
            print("cjpeg is not here: its files are left out")
        return 0 if compare(kinds, program, work) else 1


if __name__ == "__main__":
    sys.exit(main())
