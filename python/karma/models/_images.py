"""Images into C and out of it.

An image is the bytes of a file, a path or data URL, an image of PIL, an array of pixels, or a mapping
with "bytes" or "path" as data sets have them, and a "frame" of a file with several. Of PIL's images
the reference sees what ``convert("RGB")`` makes of them, after the orientation that EXIF names: so do
we, but grey keeps its 16 bits, as a PNG, for ``image_mode`` to decide.
"""

from __future__ import annotations

import ctypes
import io
import os
import struct
import zlib
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .._native import Image, decode, encode
from ..errors import error_of


def _is_pil(value: Any) -> bool:
    return any(base.__module__.split(".")[0] == "PIL" for base in type(value).__mro__)


def all_images(value: Any) -> List[Any]:
    """One image or several as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _from_bytes(data: bytes, name: Optional[bytes] = None) -> Image:
    place = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p)
    image = Image(bytes=place, n_bytes=len(data), name=name)
    image.kept = data
    return image


def _from_pixels(data: bytes, width: int, height: int, channels: int) -> Image:
    if min(width, height) < 1 or len(data) != width * height * channels:
        raise error_of(
            "E_USAGE",
            f"images: {len(data)} bytes are not {width} x {height} pixels of {channels} channels",
        )
    image = Image(
        pixels=ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p),
        width=width,
        height=height,
        channels=channels,
    )
    image.kept = data
    return image


def _has_16_bits(value: Any) -> bool:
    if value.mode == "I":  # as PIL opens some files of 16 bits
        low, high = value.getextrema()
        return bool(0 <= low and high <= 65535)
    return bool(value.mode.startswith("I;16"))


def _from_pil(value: Any) -> Image:
    from PIL import ImageOps

    value = ImageOps.exif_transpose(value) or value
    if _has_16_bits(value):
        file = io.BytesIO()
        value.save(file, format="PNG")
        return _from_bytes(file.getvalue())
    if value.mode != "L":
        value = value.convert("RGB")
    channels = 1 if value.mode == "L" else 3
    return _from_pixels(value.tobytes(), value.width, value.height, channels)


def _png_16(rows: Any) -> bytes:
    """A PNG of grey with 16 bits."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = rows.shape
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(lines, 1))
        + chunk(b"IEND", b"")
    )


def _from_array(value: Any) -> Image:
    """[height, width] or [height, width, channels] of uint8; grey may be uint16."""
    if value.ndim == 3 and value.shape[2] == 1:
        value = value[:, :, 0]
    if value.ndim == 3 and value.shape[2] == 4:
        value = value[:, :, :3]  # alpha is dropped, as the reference does
    channels = value.shape[2] if value.ndim == 3 else 1
    if value.ndim == 2 and str(value.dtype) == "uint16" and value.size:
        return _from_bytes(_png_16(value))
    if value.ndim not in (2, 3) or channels not in (1, 3) or str(value.dtype) != "uint8":
        raise error_of(
            "E_USAGE",
            "images: expected an array [height, width] of uint8 or uint16 or [height, width, 3] of "
            f"uint8, found {list(value.shape)} of {value.dtype}",
        )
    return _from_pixels(value.tobytes(), value.shape[1], value.shape[0], channels)


def encode_image(value: Any) -> Image:
    """A C image; what it points to lives as long as it. KarmaError for what is none."""
    name, frame = None, 0
    if isinstance(value, Mapping):
        frame = value.get("frame") or 0
        if value.get("pixels") is not None:
            return _from_pixels(
                bytes(value["pixels"]), value["width"], value["height"], value["channels"]
            )
        if value.get("bytes") is not None and value.get("path"):
            name = encode(os.fspath(value["path"]), "images")
        value = value.get("path") if value.get("bytes") is None else value.get("bytes")
    if isinstance(value, (bytes, bytearray, memoryview)):
        image = _from_bytes(bytes(value), name)
    elif isinstance(value, (str, os.PathLike)):
        image = Image(path=encode(os.fspath(value), "images"))
    elif _is_pil(value):
        image = _from_pil(value)
    elif hasattr(value, "dtype") and hasattr(value, "shape"):
        image = _from_array(value)
    else:
        raise error_of(
            "E_USAGE",
            "images: expected bytes, a path, an image of PIL or an array, found "
            + type(value).__name__,
        )
    image.frame = int(frame)
    return image


def encode_images(value: Any) -> Tuple[Any, int]:
    """An array of C images for a field of that type, and how many they are."""
    encoded = [encode_image(image) for image in all_images(value)]
    if not encoded:
        return None, 0
    array = (Image * len(encoded))(*encoded)
    pointer = ctypes.cast(array, ctypes.POINTER(Image))
    pointer.kept = (array, encoded)  # type: ignore[attr-defined]
    return pointer, len(encoded)


def _decode_image(c: Image) -> Any:
    path = decode(c.path)
    frame: Dict[str, Any] = {"frame": c.frame} if c.frame else {}
    if path:
        return {"path": path, **frame} if frame else path
    if c.bytes:
        data, name = ctypes.string_at(c.bytes, c.n_bytes), decode(c.name)
        return {"bytes": data, "path": name, **frame} if frame or name else data
    size = c.width * c.height * c.channels
    return {
        "pixels": ctypes.string_at(c.pixels, size),
        "width": c.width,
        "height": c.height,
        "channels": c.channels,
    }


def decode_images(images: Any, n: int) -> Optional[List[Any]]:
    """As encode_images() takes them; None for none."""
    return [_decode_image(images[i]) for i in range(n)] or None
