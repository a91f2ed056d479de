"""Compares karma's DICOM pictures with pydicom's pixels under the standard's formulas.

    python tools/compare/dicom.py DRIVER LIBRARY

DRIVER is build/tests/support/dicom_main, LIBRARY build/libkarma-dicom.so. Stored values come from
pydicom (its own decoders, Pillow); modality and window are PS3.3 C.11.1 and C.11.2 in
double, rounded half up to 0..255. Grey must be equal where pixels are stored without loss; lossy
JPEG and conversions of colour may differ by what the table says. JPEG lossless and JPEG-LS are
compared with the file they were made of, where Debian's dcmtk is installed, which encodes them. Exit status 1 on a difference.
"""
import io
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian,
                         JPEGBaseline8Bit)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fixtures"))
import make_dicom as make

driver, library = sys.argv[1:3]
work = pathlib.Path(tempfile.mkdtemp())
bad = 0


def ours(path, frame=0, center=0, width=0):
    r = subprocess.run([driver, library, path, str(frame), str(center), str(width)],
                       capture_output=True)
    if r.returncode:
        raise SystemExit(f"{path.name}: {r.stderr.decode()}")
    w, h, c = struct.unpack("=3i", r.stdout[:12])
    a = np.frombuffer(r.stdout[12:], np.uint8)
    return a.reshape((h, w) if c == 1 else (h, w, 3))


def through_window(x, center, width, function):
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (x - center) / width))
    if function == "LINEAR_EXACT":
        return np.clip((x - center) / width + 0.5, 0, 1)
    if width == 1:
        return (x > center - 0.5).astype(float)
    return np.clip((x - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def table(item, x):
    count, first, bits = item.LUTDescriptor
    count = (count & 0xffff) or 65536
    data = np.frombuffer(item.LUTData, "<u2") if isinstance(item.LUTData, bytes) else np.array(item.LUTData)
    return data[np.clip(np.floor(x) - first, 0, count - 1).astype(int)], bits


def standard(d, frame=0, center=0, width=0):
    """The picture a frame should be."""
    stored = pixel_array(d)  # YBR is RGB here
    if getattr(d, "NumberOfFrames", 1) > 1:
        stored = stored[frame]
    if d.PhotometricInterpretation == "PALETTE COLOR":
        return (apply_color_lut(stored, d) >> 8).astype(np.uint8)
    if d.SamplesPerPixel == 3:
        return stored
    groups = [d]
    if "SharedFunctionalGroupsSequence" in d:
        groups.insert(0, d.SharedFunctionalGroupsSequence[0])
    if "PerFrameFunctionalGroupsSequence" in d:
        groups.insert(0, d.PerFrameFunctionalGroupsSequence[frame])

    def macro(name):
        for g in groups[:-1]:
            if name in g:
                return getattr(g, name)[0]
        return d

    x = stored.astype(np.float64)
    if "ModalityLUTSequence" in d:
        x = table(d.ModalityLUTSequence[0], x)[0].astype(np.float64)
    else:
        m = macro("PixelValueTransformationSequence")
        x = x * float(m.get("RescaleSlope", 1)) + float(m.get("RescaleIntercept", 0))
    m = macro("FrameVOILUTSequence")
    function = m.get("VOILUTFunction", "LINEAR")
    first = lambda v: float(v[0] if isinstance(v, pydicom.multival.MultiValue) else v)
    if width:
        y = through_window(x, center, width, function)
    elif "WindowWidth" in m:
        y = through_window(x, first(m.WindowCenter), first(m.WindowWidth), function)
    elif "VOILUTSequence" in d:
        y, bits = table(d.VOILUTSequence[0], x)
        y = y / (2 ** bits - 1)
    else:
        keep = x[stored != d.PixelPaddingValue] if "PixelPaddingValue" in d else x
        y = np.clip((x - keep.min()) / max(keep.max() - keep.min(), 1e-300), 0, 1)
    y = np.floor(y * 255 + 0.5).astype(np.uint8)
    return 255 - y if d.PhotometricInterpretation == "MONOCHROME1" else y


def compare(name, data, tolerance=0, frames=(0,), truth=None, **options):
    """truth: the file before it was compressed without loss, if data was."""
    global bad
    path = work / (name.replace(" ", "_").replace("/", "_") + ".dcm")
    path.write_bytes(data)
    d = pydicom.dcmread(io.BytesIO(truth or data))
    worst, differ, n = 0, 0, 0
    for frame in frames:
        got = ours(path, frame, **options)
        want = standard(d, frame, **options)
        assert got.shape == want.shape, (name, got.shape, want.shape)
        off = np.abs(got.astype(int) - want.astype(int))
        worst, differ, n = max(worst, off.max()), differ + (off > 0).sum(), n + off.size
    ok = worst <= tolerance
    bad += not ok
    print(f"{name}: largest difference {worst} (allowed {tolerance}), {differ} of {n} values"
          + ("" if ok else "  FAILED"))


def enhanced():
    stack = np.stack([make.picture(40, 30, 0, 3000, s) for s in range(3)])
    d = make.dataset("CT", stack, stored=12, frames=3)
    item = pydicom.Dataset
    per_frame, shared = [], item()
    for i in range(3):
        g, t, v = item(), item(), item()
        t.RescaleSlope, t.RescaleIntercept, t.RescaleType = 0.5 + i, -100 * i, "HU"
        g.PixelValueTransformationSequence = [t]
        if i != 1:
            v.WindowCenter, v.WindowWidth = 300 + 100 * i, 900
            g.FrameVOILUTSequence = [v]
        per_frame.append(g)
    v = item()
    v.WindowCenter, v.WindowWidth = 1000, 2500
    shared.FrameVOILUTSequence = [v]
    d.PerFrameFunctionalGroupsSequence = per_frame
    d.SharedFunctionalGroupsSequence = [shared]
    return make.encoded(d)


def main():
    p, ds, enc, window = make.picture, make.dataset, make.encoded, make.window
    ct = make.ct(201, 133)
    compare("CT, 12 bits signed, rescaled, window 40/400", enc(ct))
    compare("CT, window of the caller", enc(ct), center=-600, width=1500)
    compare("CT, width 1", enc(ct), center=50, width=1)
    for name, syntax in (("implicit", ImplicitVRLittleEndian), ("big endian", ExplicitVRBigEndian),
                         ("deflated", DeflatedExplicitVRLittleEndian)):
        compare("CT, " + name, enc(make.ct(64, 63), syntax))
    compare("CT, RLE", make.rle(make.ct(64, 63)))
    compare("CT, 16 bits, intercept -1024", enc(ds("CT", p(64, 64, -1024, 30000), signed=True,
            RescaleSlope=1, RescaleIntercept=-1024, **window(40, 400))))
    compare("MR, no window", enc(ds("MR", p(77, 50, 13, 1999), stored=12)))
    compare("MR, one value", enc(ds("MR", np.full((5, 5), 7))))
    compare("MR, padding, no window", enc(ds("MR", np.where(p(50, 50, 0, 9) > 5, -2000,
            p(50, 50, -300, 300)), signed=True, PixelPaddingValue=-2000)))
    compare("PET, slope 0.00123", enc(ds("PT", p(64, 64, 0, 32767), RescaleSlope=0.00123,
            RescaleIntercept=0, **window(20, 40))))
    compare("CR, MONOCHROME1", enc(ds("CR", p(80, 60, 0, 4095), "MONOCHROME1", stored=12,
            **window(2047, 4000))))
    compare("CR, MONOCHROME1, no window", enc(ds("CR", p(80, 60, 100, 900), "MONOCHROME1", stored=10)))
    compare("DX, 14 bits, several windows", enc(ds("DX", p(80, 60, 0, 16383), stored=14,
            **window([8000, 100], [12000, 50]))))
    compare("DX, 8 bits odd size", enc(ds("DX", p(7, 9, 0, 255), bits=8, **window(128, 256))))
    for f in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        compare("window " + f, enc(ds("DX", p(80, 60, 0, 4095), stored=12, **window(1500.5, 2000, f))))
    curve = np.rint(4095 * (np.arange(4096) / 4095) ** 0.5)
    compare("VOI LUT", enc(ds("DX", p(80, 60, 0, 4095), stored=12, VOILUTSequence=make.lut(curve, 0, 12))))
    compare("VOI LUT, signed start", enc(ds("CT", p(80, 60, -900, 1000), signed=True,
            VOILUTSequence=make.lut(curve[::4], -500, 12, "SS"))))
    compare("modality LUT", enc(ds("CR", p(80, 60, 0, 1023), stored=10, **window(2000, 4000),
            ModalityLUTSequence=make.lut(curve[::4], 0, 16))))
    stack = np.stack([p(40, 30, 0, 255, s) for s in range(5)])
    compare("frames, 8 bits", enc(ds("US", stack, bits=8, frames=5, **window(128, 256))), frames=range(5))
    stack = np.stack([p(40, 31, 0, 4000, s) for s in range(5)])
    compare("frames, 16 bits", enc(ds("MR", stack, frames=5)), frames=range(5))
    compare("frames, RLE", make.rle(ds("MR", stack, frames=5)), frames=range(5))
    compare("frames with their own windows", enhanced(), frames=range(3))
    rgb = make.colours(60, 44)
    compare("RGB", enc(ds("US", rgb, "RGB", 8)))
    compare("RGB, planes", enc(ds("US", rgb, "RGB", 8, planar=1)))
    compare("RGB, RLE", make.rle(ds("US", rgb, "RGB", 8)))
    compare("RGB, frames", enc(ds("US", np.stack([rgb, 255 - rgb]), "RGB", 8, frames=2)), frames=range(2))
    compare("palette, 16 bits", enc(make.palette(50, 40)))
    compare("YBR_FULL", enc(ds("US", rgb, "YBR_FULL", 8)), 2)
    d = ds("US", rgb, "YBR_FULL_422", 8)
    d.PixelData = np.stack([rgb[:, ::2, 0], rgb[:, 1::2, 0], rgb[:, ::2, 1], rgb[:, ::2, 2]], -1).astype(
        np.uint8).tobytes()
    compare("YBR_FULL_422", enc(d), 2)
    grey = p(64, 48, 0, 255)
    compare("JPEG baseline, grey", enc(ds("XA", grey, bits=8, **window(128, 256)), JPEGBaseline8Bit,
            [make.jpeg(grey)]), 2)
    compare("JPEG baseline, colour", enc(ds("US", rgb, "YBR_FULL_422", 8), JPEGBaseline8Bit,
            [make.jpeg(rgb)]), 4)
    frames = [make.jpeg(s) for s in stack * 255 // 4000]
    compare("JPEG baseline, frames", enc(ds("US", stack * 255 // 4000, bits=8, frames=5,
            **window(128, 256)), JPEGBaseline8Bit, frames), 2, frames=range(5))
    cases = (("CT", ct), ("DX, 16 bits", ds("DX", p(60, 61, 0, 65535), **window(30000, 50000))),
             ("MR, 8 bits", ds("MR", grey, bits=8, **window(128, 256))), ("RGB", ds("US", rgb, "RGB", 8)),
             ("frames", ds("MR", stack, frames=5)))
    for program, options, what in (("dcmcjpeg", ("+e1",), "JPEG lossless, first-order"),
                                   ("dcmcjpeg", ("+el",), "JPEG lossless"),
                                   ("dcmcjpls", ("+el",), "JPEG-LS lossless")):
        for name, d in cases:
            data = make.tool(program, enc(d), *options)
            if data:
                compare(f"{what}: {name}", data, truth=enc(d), frames=range(5 if name == "frames" else 1))
    if not shutil.which("dcmcjpeg"):
        print("dcmtk is not installed: no JPEG lossless and JPEG-LS")
    shutil.rmtree(work)
    print(f"{bad} failed")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
