"""karma: language models, run and measured by a C library.

Importing this package loads nothing; the library is looked for at the first call that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import (
    KarmaArgumentError,
    KarmaCancelled,
    KarmaError,
    KarmaMemoryError,
    KarmaNotFoundError,
    ValidationError,
)

if TYPE_CHECKING:
    from .evaluation import evaluate
    from .models.base_model_abs import BaseHFModel, BaseModel
    from .registries.model_registry import get_model, list_models, register_model_meta

__all__ = [
    "BaseHFModel",
    "BaseModel",
    "KarmaArgumentError",
    "KarmaCancelled",
    "KarmaError",
    "KarmaMemoryError",
    "KarmaNotFoundError",
    "ValidationError",
    "__version__",
    "evaluate",
    "get_model",
    "library_version",
    "list_models",
    "register_model_meta",
    "system_info",
]

_ELSEWHERE = {
    "BaseHFModel": "karma.models.base_model_abs",
    "BaseModel": "karma.models.base_model_abs",
    "evaluate": "karma.evaluation",
    "get_model": "karma.registries.model_registry",
    "list_models": "karma.registries.model_registry",
    "register_model_meta": "karma.registries.model_registry",
}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_ELSEWHERE[name]), name)


def library_version() -> str:
    """The version of the libkarma in use."""
    from ._native import library

    return library().version


def system_info() -> "dict[str, Any]":
    """What karma found on this machine: processor, threads, memory, devices."""
    from ._native import library

    info: "dict[str, Any]" = library().json("karma_system_info")
    return info
