"""Data sets by name: built-in ones and the user's descriptions. Reading them is the library's."""

from __future__ import annotations

import json
from ctypes import POINTER, byref, c_void_p
from typing import Any, Dict, Iterator, List

from .._native import DatasetInfo, Sample, decode, encode, encode_json, library, read_list
from .._native import read_options
from ..data_models.dataloader_iterable import DataLoaderIterable
from ..models._samples import decode_sample
from ._common import lookup, names, split_args

__all__ = ["DatasetRegistry", "dataset_registry", "get_dataset_info", "list_datasets"]


class DatasetRegistry:
    """A view of the library's data sets."""

    def list_datasets(self) -> List[str]:
        """Names, in the library's order."""
        return names("karma_list_datasets")

    def is_registered(self, name: str) -> bool:
        return name in self.list_datasets()

    def get_dataset_info(self, name: str) -> Dict[str, Any]:
        """By name, or by the path of a description. ValueError when there is none."""
        info = lookup(
            "karma_get_dataset_info", DatasetInfo, "Dataset", name, self.list_datasets()
        )
        options = read_options(info.options)
        args = split_args(options)
        return {
            "name": decode(info.name),
            "description": decode(info.description),
            "task_type": decode(info.task_type),
            "metrics": read_list(info.metrics),
            "processors": read_list(info.processors),
            "split": decode(info.split),
            "commit_hash": decode(info.commit_hash),
            "required_args": args["required"],
            "optional_args": args["optional"],
            "default_args": args["defaults"],
            "options": options,
            "prompt": decode(info.prompt),
            "extraction": decode(info.extraction),
            "source": decode(info.source),
        }

    def get_dataset_metrics(self, name: str) -> List[str]:
        return list(self.get_dataset_info(name)["metrics"])

    def get_dataset_task_type(self, name: str) -> str:
        return str(self.get_dataset_info(name)["task_type"])

    def list_datasets_by_task_type(self, task_type: str) -> List[str]:
        return [n for n in self.list_datasets() if self.get_dataset_task_type(n) == task_type]

    def list_datasets_by_metric(self, metric: str) -> List[str]:
        return [n for n in self.list_datasets() if metric in self.get_dataset_metrics(n)]

    def samples(self, name: str, **args: Any) -> Iterator[DataLoaderIterable]:
        """The samples of a data set, rendered, with their references in expected_output."""
        lib = library()
        handle = c_void_p()
        lib.karma_dataset_open(encode(name, "name"), encode_json(args, "arguments"), byref(handle))
        try:
            for i in range(lib.karma_dataset_count(handle)):
                lent = POINTER(Sample)()
                lib.karma_dataset_get(handle, i, byref(lent))
                sample = decode_sample(lent.contents)
                sample.expected_output = decode(lent.contents.expected_output)
                yield sample
        finally:
            lib.karma_dataset_close(handle)

    def resolve_args(self, name: str, **args: Any) -> Dict[str, Any]:
        """All arguments a data set is opened with, defaults filled in and checked."""
        lib = library()
        handle = c_void_p()
        lib.karma_dataset_open(encode(name, "name"), encode_json(args, "arguments"), byref(handle))
        try:
            resolved: Dict[str, Any] = json.loads(lib.karma_dataset_args(handle) or b"{}")
            return resolved
        finally:
            lib.karma_dataset_close(handle)


dataset_registry = DatasetRegistry()
list_datasets = dataset_registry.list_datasets
get_dataset_info = dataset_registry.get_dataset_info
