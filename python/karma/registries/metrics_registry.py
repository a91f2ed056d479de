"""Metrics by name, and a metric that scores predictions."""

from __future__ import annotations

import ctypes
import json
import math
import weakref
from ctypes import byref, c_char_p, c_double, c_void_p
from typing import Any, Dict, List, Optional, Sequence

from .._native import (
    MetricResult,
    MetricSample,
    NamedInfo,
    decode,
    encode,
    encode_json,
    field_names,
    library,
)
from ._common import lookup, named_info, names, split_args

__all__ = ["Metric", "MetricRegistry", "get_metric", "list_metrics", "metric_registry"]


def _destroy(lib: Any, address: int) -> None:
    lib.karma_metric_destroy(address)


class Metric:
    """Add predictions with their references, then ask for the score."""

    def __init__(self, name: str, **args: Any) -> None:
        self.name = name
        self._lib = library()
        out = c_void_p()
        self._lib.karma_metric_create(
            encode(name, "metric"), encode_json(args, "arguments"), byref(out)
        )
        assert out.value is not None
        self._address: int = out.value
        weakref.finalize(self, _destroy, self._lib, self._address)

    def add(
        self,
        prediction: Optional[str],
        reference: Optional[str],
        *,
        other_args: Optional[Dict[str, Any]] = None,
        group: Optional[str] = None,
        confidence: Optional[float] = None,
        output: Optional[str] = None,
    ) -> float:
        """The score of this one; NaN where the metric does not apply to it. group: what samples
        that belong together have in common; output: the whole answer."""
        sample = MetricSample(
            struct_size=ctypes.sizeof(MetricSample),
            prediction=encode(prediction, "prediction"),
            reference=encode(reference, "reference"),
            other_args_json=None if other_args is None else encode_json(other_args, "other_args"),
            group=encode(group, "group"),
            confidence=math.nan if confidence is None else confidence,
            output=encode(output, "output"),
        )
        score = c_double()
        self._lib.karma_metric_add_sample(self._address, byref(sample), byref(score))
        return score.value

    def result(self) -> Dict[str, Any]:
        """Over what was added: score, n, standard_error, ci_low, ci_high (None: there is none),
        and the method of the interval."""
        r = MetricResult()
        self._lib.karma_metric_end(self._address, byref(r))
        values = {name: getattr(r, name) for name in field_names(MetricResult)}
        values["method"] = decode(values["method"])
        return {
            k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()
        }

    def details(self) -> Dict[str, Any]:
        """What the score is made of: counts, parts by group, a signature."""
        text = c_char_p()
        self._lib.karma_metric_details(self._address, byref(text))
        details: Dict[str, Any] = json.loads(text.value or b"{}")
        return details

    def evaluate(
        self, predictions: Sequence[Optional[str]], references: Sequence[Optional[str]]
    ) -> Dict[str, Any]:
        """add() for each pair, then result()."""
        if len(predictions) != len(references):
            raise ValueError(f"{len(predictions)} predictions for {len(references)} references")
        for prediction, reference in zip(predictions, references):
            self.add(prediction, reference)
        return self.result()


class MetricRegistry:
    """A view of the library's metrics."""

    def list_metrics(self) -> List[str]:
        return names("karma_list_metrics")

    def is_registered(self, name: str) -> bool:
        return name in self.list_metrics()

    def get_metric_info(self, name: str) -> Dict[str, Any]:
        """ValueError when there is none of that name."""
        return named_info(
            lookup("karma_get_metric_info", NamedInfo, "Metric", name, self.list_metrics())
        )

    def get_metric_all_args(self, name: str) -> Dict[str, Any]:
        return split_args(self.get_metric_info(name)["options"])

    def get_metric_class(self, name: str, **kwargs: Any) -> Metric:
        """A metric made with these arguments (upstream's name for it; it is no class)."""
        self.get_metric_info(name)
        return Metric(name, **kwargs)


metric_registry = MetricRegistry()
list_metrics = metric_registry.list_metrics
get_metric = metric_registry.get_metric_class
