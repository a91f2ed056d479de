"""Plugins of the library: shared objects that bring classes, metas, data sets, metrics, processors."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Union

from ._native import encode, library

__all__ = ["isolate_plugins", "list_plugins", "load_plugin", "load_user_plugins"]


def _see_new_metas() -> None:
    from .registries.model_registry import model_registry

    model_registry.rediscover()


def load_plugin(path: Union[str, "os.PathLike[str]"]) -> None:
    """Load a plugin; what it brings is known from then on. Twice is harmless."""
    library().karma_load_plugin(encode(os.fspath(path), "path"))
    _see_new_metas()


def load_user_plugins() -> None:
    """Load every plugin of the user's plugin folder; one that is broken is a warning."""
    library().karma_load_user_plugins()
    _see_new_metas()


def list_plugins() -> List[Dict[str, Any]]:
    """Name, version, path and contents of those that are loaded."""
    found: List[Dict[str, Any]] = library().json("karma_list_plugins")
    return found


def isolate_plugins(isolate: bool = True) -> None:
    """Load and run models of plugins' classes in child processes from now on."""
    library().karma_isolate_plugins(isolate)
