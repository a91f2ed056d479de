"""The shapes a class's preprocess and postprocess may have, and how each is called.

A hook takes one text and returns one (``preprocess(self, prompt: str) -> str``), or a list and
returns a list of the same length (``preprocess(self, inputs: List[...])``), or one sample
(``preprocess(self, sample: DataLoaderIterable)``). Which it is, is decided once, by the first of
these that says it: the annotation of its first parameter, its return annotation, the name of that
parameter (``inputs``, ``outputs``, ``model_outputs``, ``samples``, ``batch``: a list); a hook that
says nothing takes a text. Nothing is tried out: a hook with effects is called once a sample.

An overridden run has one of these shapes too; one that says nothing takes a list.
"""

from __future__ import annotations

import collections.abc
import inspect
import typing
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ..data_models.dataloader_iterable import DataLoaderIterable

TEXT = "text"
LIST = "list"
SAMPLE = "sample"

_LIST_NAMES = frozenset(
    ["inputs", "outputs", "model_outputs", "samples", "batch", "prompts", "responses", "texts"]
)
_SEQUENCES = (list, tuple, collections.abc.Sequence, collections.abc.Iterable)


def _shape_of_hint(hint: Any) -> Optional[str]:
    if isinstance(hint, str):  # an annotation that does not resolve
        name = hint.replace("typing.", "").strip()
        if name.startswith(("List", "list", "Sequence", "Iterable", "tuple", "Tuple")):
            return LIST
        return {"str": TEXT, "DataLoaderIterable": SAMPLE}.get(name)
    if hint is str:
        return TEXT
    if hint is DataLoaderIterable:
        return SAMPLE
    if hint in _SEQUENCES or typing.get_origin(hint) in _SEQUENCES:
        return LIST
    return None


def _hints(function: Callable[..., Any]) -> Dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # an annotation names what is not there; the text itself may do
        return dict(getattr(function, "__annotations__", {}))


def shape_of(hook: Callable[..., Any], otherwise: str = TEXT) -> str:
    """TEXT, LIST or SAMPLE, for a bound method."""
    function = getattr(hook, "__func__", hook)
    hints = _hints(function)
    names = [
        p.name
        for p in inspect.signature(hook).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
    ]
    first = names[0] if names else ""
    shape = _shape_of_hint(hints.get(first)) or _shape_of_hint(hints.get("return"))
    return shape or (LIST if first in _LIST_NAMES else otherwise)


def call_run(
    run: Callable[..., Any],
    samples: Sequence[DataLoaderIterable],
    text_of: Callable[[Any], str],
    kwargs: Mapping[str, Any],
) -> List[Any]:
    """What an overridden run gives for samples: a text, or the exception that one raised."""
    shape = shape_of(run, LIST)
    if shape != LIST:
        return [_one(run, text_of(s) if shape == TEXT else s, kwargs) for s in samples]
    made = run(list(samples), **kwargs)
    if isinstance(made, (str, bytes)) or not hasattr(made, "__iter__"):
        raise TypeError(f"expected a list of {len(samples)} texts, found {type(made).__name__}")
    outputs = list(made)
    if len(outputs) != len(samples):
        raise ValueError(f"expected {len(samples)} outputs, found {len(outputs)}")
    return outputs


def _one(run: Callable[..., Any], value: Any, kwargs: Mapping[str, Any]) -> Any:
    try:
        return run(value, **kwargs)
    except Exception as error:
        return error


def call_hook(hook: Callable[..., Any], text: str, sample: Any) -> Any:
    """What the hook makes of one sample."""
    shape = shape_of(hook)
    if shape == TEXT:
        return hook(text)
    if shape == SAMPLE:
        return hook(sample)
    made = hook([sample])
    if isinstance(made, (str, bytes)) or not isinstance(made, collections.abc.Sequence):
        raise TypeError(f"expected a list of 1, found {type(made).__name__}")
    if len(made) != 1:
        raise ValueError(f"expected 1 result for 1 input, found {len(made)}")
    return made[0]
