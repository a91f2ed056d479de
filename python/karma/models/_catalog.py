"""Module constants that are metas of the built-in catalog, read from the library when asked for."""

from __future__ import annotations

from typing import Any, Callable, Dict


def constants(module: str, names: Dict[str, str]) -> Callable[[str], Any]:
    """A module's __getattr__: a constant's name gives the catalog's meta of that model."""

    def getter(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        from ..registries.model_registry import catalog_meta

        return catalog_meta(names[name])

    return getter
