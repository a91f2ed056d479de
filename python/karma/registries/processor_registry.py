"""Processors by name: text clean-up before scoring."""

from __future__ import annotations

import weakref
from ctypes import byref, c_char_p, c_void_p
from typing import Any, Dict, List

from .._native import NamedInfo, decode, encode, encode_json, library
from ._common import lookup, named_info, names, split_args

__all__ = ["Processor", "ProcessorRegistry", "get_processor", "list_processors"]


def _destroy(lib: Any, address: int) -> None:
    lib.karma_processor_destroy(address)


class Processor:
    """One processor with its arguments."""

    def __init__(self, name: str, **args: Any) -> None:
        self.name = name
        self._lib = library()
        out = c_void_p()
        self._lib.karma_processor_create(
            encode(name, "processor"), encode_json(args, "arguments"), byref(out)
        )
        assert out.value is not None
        self._address: int = out.value
        weakref.finalize(self, _destroy, self._lib, self._address)

    def process(self, text: str) -> str:
        out = c_char_p()
        self._lib.karma_processor_run(self._address, encode(text), byref(out))
        return decode(out.value) or ""

    __call__ = process


class ProcessorRegistry:
    """A view of the library's processors."""

    def list_processors(self) -> List[str]:
        return names("karma_list_processors")

    def is_registered(self, name: str) -> bool:
        return name in self.list_processors()

    def get_processor_info(self, name: str) -> Dict[str, Any]:
        """ValueError when there is none of that name."""
        return named_info(
            lookup(
                "karma_get_processor_info", NamedInfo, "Processor", name, self.list_processors()
            )
        )

    def get_processor_all_args(self, name: str) -> Dict[str, Any]:
        return split_args(self.get_processor_info(name)["options"])

    def get_processor(self, name: str, **kwargs: Any) -> Processor:
        self.get_processor_info(name)
        return Processor(name, **kwargs)


processor_registry = ProcessorRegistry()
list_processors = processor_registry.list_processors
get_processor = processor_registry.get_processor
