"""A PEP 517 backend for this package alone: wheel, editable wheel and sdist by the standard library.

A wheel carries libkarma in karma/_lib and is therefore one platform's. The library is
$KARMA_LIBRARY if that is set; else what `make lib` builds of the sources, which are the folder
above this one or, in an sdist, core/; else the installed one. pip shows what make says with -v.
"""

from __future__ import annotations

import base64
import ctypes.util
import hashlib
import io
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from typing import Any, Dict, Iterator, List, Optional, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "karma"
SONAME = "libkarma.so.0"
DICOM_PART = "libkarma-dicom.so"  # where the library was built with it
CORE_FILES = ("Makefile", "LICENSE", "include", "src")  # what `make lib` needs
EARLIEST = 315532800  # zip knows no time before 1980

Settings = Optional[Dict[str, Any]]


# ---- metadata ----


def _read(*parts: str) -> str:
    with open(os.path.join(HERE, *parts), encoding="utf-8") as f:
        return f.read()


def _version() -> str:
    found = re.search(r'^__version__ = "([^"]+)"', _read(NAME, "_version.py"), re.M)
    if not found:
        raise RuntimeError("karma/_version.py names no version")
    return found.group(1)


def _metadata() -> str:
    head = [
        "Metadata-Version: 2.1",
        f"Name: {NAME}",
        f"Version: {_version()}",
        "Summary: Language models run natively on the CPU and scored on medical question sets",
        "License: MIT",
        "Requires-Python: >=3.9",
        "Requires-Dist: numpy>=1.20",
        "Classifier: Programming Language :: Python :: 3",
        "Classifier: Operating System :: POSIX :: Linux",
        "Classifier: Typing :: Typed",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(head) + "\n\n" + _read("README.md")


def _dist_info() -> str:
    return f"{NAME}-{_version()}.dist-info"


def _platform_tag() -> str:
    return "py3-none-" + re.sub(r"[-.]", "_", sysconfig.get_platform())


def _wheel_file(tag: str) -> str:
    pure = "true" if tag.endswith("-any") else "false"
    return f"Wheel-Version: 1.0\nGenerator: karma\nRoot-Is-Purelib: {pure}\nTag: {tag}\n"


# ---- the library ----


def _core() -> Optional[str]:
    """The folder with the library's sources."""
    for folder in (os.path.dirname(HERE), os.path.join(HERE, "core")):
        if all(os.path.exists(os.path.join(folder, name)) for name in CORE_FILES):
            return folder
    return None


def _make(core: str) -> str:
    command = ["make", "-C", core, "-s", f"-j{os.cpu_count() or 1}", "lib"]
    try:
        subprocess.run(command, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(
            f"{' '.join(command)}: {error}; `make deps` there installs what it needs"
        ) from error
    return os.path.join(core, "build", "libkarma.so")


def _installed() -> Optional[str]:
    found = ctypes.util.find_library("karma")
    folders = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    folders += ["/usr/local/lib", "/usr/lib", "/usr/local/lib64", "/usr/lib64"]
    for name in filter(None, (found, SONAME, "libkarma.so")):
        for folder in filter(None, folders):
            if os.path.exists(os.path.join(folder, name)):
                return os.path.join(folder, name)
    return None


def _library() -> str:
    given = os.environ.get("KARMA_LIBRARY")
    if given:
        if not os.path.isfile(given):
            raise RuntimeError(f"KARMA_LIBRARY: there is no file {given}")
        return given
    core = _core()
    found = _make(core) if core else _installed()
    if not found:
        raise RuntimeError("libkarma: no sources beside this package, none installed; "
                           "set KARMA_LIBRARY to its path")
    return found


# ---- archives ----


def _time() -> int:
    return max(int(os.environ.get("SOURCE_DATE_EPOCH", EARLIEST)), EARLIEST)


def _files(top: str, suffixes: Tuple[str, ...] = ()) -> Iterator[str]:
    """Files below top, sorted, without what tools leave behind."""
    if os.path.isfile(top):
        yield top
        return
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(d for d in folders if d not in ("__pycache__", "_lib", "build"))
        for name in sorted(names):
            if not name.startswith(".") and (not suffixes or name.endswith(suffixes)):
                yield os.path.join(folder, name)


class _Wheel:
    """Written in one go; RECORD last."""

    def __init__(self, directory: str, tag: str):
        self.name = f"{NAME}-{_version()}-{tag}.whl"
        self.zip = zipfile.ZipFile(os.path.join(directory, self.name), "w", zipfile.ZIP_DEFLATED)
        self.record: List[str] = []
        self.tag = tag

    def add(self, path: str, data: bytes, mode: int = 0o644) -> None:
        entry = zipfile.ZipInfo(path, time.gmtime(_time())[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (0o100000 | mode) << 16
        self.zip.writestr(entry, data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        self.record.append(f"{path},sha256={digest},{len(data)}")

    def close(self) -> str:
        info = _dist_info()
        core = _core()
        self.add(f"{info}/METADATA", _metadata().encode())
        self.add(f"{info}/WHEEL", _wheel_file(self.tag).encode())
        self.add(f"{info}/top_level.txt", f"{NAME}\n".encode())
        if core:
            with open(os.path.join(core, "LICENSE"), "rb") as f:
                self.add(f"{info}/LICENSE", f.read())
        record = "\n".join(self.record + [f"{info}/RECORD,,"]) + "\n"
        entry = zipfile.ZipInfo(f"{info}/RECORD", time.gmtime(_time())[:6])
        entry.external_attr = 0o100644 << 16
        self.zip.writestr(entry, record)
        self.zip.close()
        return self.name


# ---- the hooks ----


def get_requires_for_build_wheel(config_settings: Settings = None) -> List[str]:
    return []


get_requires_for_build_editable = get_requires_for_build_wheel
get_requires_for_build_sdist = get_requires_for_build_wheel


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: Settings = None
) -> str:
    folder = os.path.join(metadata_directory, _dist_info())
    os.makedirs(folder, exist_ok=True)
    for name, text in (("METADATA", _metadata()), ("WHEEL", _wheel_file(_platform_tag()))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    return _dist_info()


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(
    wheel_directory: str,
    config_settings: Settings = None,
    metadata_directory: Optional[str] = None,
) -> str:
    library = _library()
    wheel = _Wheel(wheel_directory, _platform_tag())
    for path in _files(os.path.join(HERE, NAME), (".py", "py.typed")):
        with open(path, "rb") as f:
            wheel.add(os.path.relpath(path, HERE), f.read())
    with open(library, "rb") as f:
        wheel.add(f"{NAME}/_lib/{SONAME}", f.read(), 0o755)
    dicom = os.path.join(os.path.dirname(library), DICOM_PART)
    if os.path.isfile(dicom):  # the library looks for it in its own folder
        with open(dicom, "rb") as f:
            wheel.add(f"{NAME}/_lib/{DICOM_PART}", f.read(), 0o755)
    return wheel.close()


def build_editable(
    wheel_directory: str,
    config_settings: Settings = None,
    metadata_directory: Optional[str] = None,
) -> str:
    """A path to this folder. The library stays where make puts it, where the package looks too."""
    if not os.environ.get("KARMA_LIBRARY"):
        _library()
    wheel = _Wheel(wheel_directory, _platform_tag())
    wheel.add(f"__editable__.{NAME}.pth", (HERE + "\n").encode())
    return wheel.close()


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """The package and the sources of the library in core/, so that a wheel can be made of it."""
    base = f"{NAME}-{_version()}"
    name = base + ".tar.gz"
    core = _core()
    own = ["pyproject.toml", "build_backend.py", "README.md"]
    pairs = [(os.path.join(HERE, f), f) for f in own]
    pairs += [(p, os.path.relpath(p, HERE)) for p in _files(os.path.join(HERE, NAME), (".py", "py.typed"))]
    for part in CORE_FILES if core else ():
        top = os.path.join(str(core), part)
        pairs += [(p, "core/" + os.path.relpath(p, str(core))) for p in _files(top)]
    with tarfile.open(os.path.join(sdist_directory, name), "w:gz", format=tarfile.PAX_FORMAT) as tar:

        def add(path: str, data: bytes) -> None:
            entry = tarfile.TarInfo(f"{base}/{path}")
            entry.size, entry.mode, entry.mtime = len(data), 0o644, _time()
            tar.addfile(entry, io.BytesIO(data))

        add("PKG-INFO", _metadata().encode())
        for source, path in pairs:
            with open(source, "rb") as f:
                add(path, f.read())
    return name
