"""From the dotted name of a class to the class.

In this order: what the path names when it is imported; a model class that was defined in this
process, by its full path, then by its last part; a class of the C library, which a wrapper is made
for. A module that is there but cannot be imported is an error of its own: another class of the same
last name would not be what was asked for.
"""

from __future__ import annotations

import importlib
import weakref
from ctypes import POINTER, byref, c_void_p
from typing import Any, Dict, Optional

from ..errors import KarmaError

# By name, the classes defined last first to be found.
_defined: "weakref.WeakValueDictionary[str, Any]" = weakref.WeakValueDictionary()
_wrappers: Dict[str, Any] = {}


def remember(python_class: Any) -> None:
    """Make a class findable by its last part and by module and name."""
    if "_made_here" in python_class.__dict__:
        return
    _defined[python_class.__name__] = python_class
    _defined[f"{python_class.__module__}.{python_class.__qualname__}"] = python_class


def _imported(path: str) -> Optional[Any]:
    module_path, _, name = path.rpartition(".")
    if not module_path:
        return None
    try:
        module = importlib.import_module(module_path)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing == module_path or module_path.startswith(missing + "."):
            return None
        raise ImportError(f"{path}: its module cannot be imported: {error}") from error
    except ValueError:  # "..x" and the like
        return None
    found = getattr(module, name, None)
    return found if isinstance(found, type) else None


def _wrapper(path: str) -> Optional[Any]:
    """The wrapper of the C class of that name: this package's where it has one, else a new one."""
    from .._native import ModelClass, decode, library, read_list
    from .base_model_abs import BaseModel

    found = POINTER(ModelClass)()
    try:
        library().karma_find_model_class(path.encode("utf-8", "replace"), byref(found))
    except KarmaError:
        return None
    for alias in read_list(found.contents.aliases):
        known = _imported(alias) if alias.startswith("karma.models.") else None
        if known is not None:
            return known
    name = decode(found.contents.name) or ""
    if name not in _wrappers:
        base: Any = BaseModel
        c = found
        while c and not c.contents.embed:
            c = c.contents.base
        if c:
            from .embedding import EmbeddingModel

            base = EmbeddingModel
        doc = decode(found.contents.help)
        body = {"_c_names": (name,), "_made_here": True, "__doc__": doc}
        _wrappers[name] = type(name, (base,), body)
    return _wrappers[name]


def class_for(name: str) -> Any:
    """The class for a registered name or a path to a checkpoint, as the library chooses it."""
    from .._native import decode, encode, library

    lib = library()
    model = c_void_p()
    lib.karma_model_create(encode(name, "model"), None, byref(model))
    try:
        chosen = decode(lib.karma_model_get_class(model).contents.name) or ""
    finally:
        lib.karma_model_destroy(model)
    found = _wrapper(chosen)
    assert found is not None
    return found


def loader_class(path: str) -> Any:
    """The class of a meta's loader_class. ValueError naming the path when there is none."""
    found = _imported(path)
    if found is None:
        found = _defined.get(path) or _defined.get(path.rpartition(".")[2]) or _wrapper(path)
    if found is None:
        raise ValueError(f"Invalid loader class path: {path}")
    return found
