"""What the registries of data sets, metrics and processors share: the library's names and tables."""

from __future__ import annotations

from ctypes import POINTER, byref
from typing import Any, Dict, List

from .._native import NamedInfo, decode, encode, library, read_options
from ..errors import KarmaNotFoundError


def names(function: str) -> List[str]:
    return library().names(function)


def lookup(function: str, struct: Any, what: str, name: str, available: List[str]) -> Any:
    """The library's table for a name; ValueError with what there is when it knows none."""
    found = POINTER(struct)()
    try:
        getattr(library(), function)(encode(name, "name"), byref(found))
    except KarmaNotFoundError as error:
        raise ValueError(f"{what} '{name}' not found. Available: {available}") from error
    return found.contents


def named_info(info: NamedInfo) -> Dict[str, Any]:
    return {
        "name": decode(info.name),
        "description": decode(info.description),
        "options": read_options(info.options),
    }


def split_args(options: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Options as upstream's registries tell them: required, optional, defaults."""
    return {
        "required": [o["name"] for o in options if o["required"]],
        "optional": [o["name"] for o in options if not o["required"]],
        "defaults": {o["name"]: o["default"] for o in options if "default" in o},
    }
