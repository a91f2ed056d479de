"""BaseModel, what every model class derives from; BaseHFModel is its other name.

A model is created by path or hub id and the options of its class, loaded, run on one input or many,
and unloaded. A class of one's own overrides preprocess and postprocess (see _hooks for the shapes
they may have), or run, or load_model.
"""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar

from .._native import decode, encode, library
from ..data_models.dataloader_iterable import DataLoaderIterable
from ..errors import KarmaError
from ._core import Core, current_output, native_class, overridden, past_overrides, samples_of, wrapper_of
from ._core import class_options as _class_options
from ._hooks import call_run
from ._handle import LoadedModel, Tokenizer
from ._lookup import remember
from ._samples import (
    Result,
    encode_sample,
    images_in_order,
    run_samples,
    text_of,
    with_images,
)

M = TypeVar("M", bound="BaseModel")

__all__ = ["BaseHFModel", "BaseModel"]

# Arguments of the C class that have other names in Python's attributes.
_OTHER_NAMES = {"max_new_tokens": "max_tokens"}


class BaseModel:
    """Any causal language model with a checkpoint and a chat template.

    ``model_name_or_path`` is a folder, a file, or a hub id that is looked for in the local hub
    cache. ``device`` is "cpu", "cuda" or "auto". All other keywords are options of the class,
    checked here: see ``options()``. An argument can be read as an attribute, and set as one: a
    loaded model is then loaded anew with it.
    """

    _c_names: ClassVar[Tuple[str, ...]] = ("BaseModel",)
    _core: Core

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        remember(cls)

    def __init__(
        self, model_name_or_path: str, device: Optional[str] = None, **kwargs: Any
    ) -> None:
        given = dict(kwargs)
        if device is not None:
            given["device"] = str(device)
        given.update(self.__dict__.pop("_early", {}))
        self._set("_given", given)
        self._set("_place", _path_text(model_name_or_path))
        self._set("_meta", None)
        self._set("_handle", None)
        self._set("_own", {})  # what a subclass assigned to model, tokenizer, is_loaded
        self._new_core()

    # ---- arguments ----

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _new_core(self) -> None:
        core = Core(self, self._place, self._given)
        self._set("_core", core)
        self._set("_arguments", json.loads(core.arguments()))
        self._set("_options", {option["name"] for option in core.options()})

    def _change(self, name: str, value: Any) -> None:
        """Make an argument that; a loaded model is loaded anew. The former stays if that fails."""
        name = _OTHER_NAMES.get(name, name)
        if self._arguments.get(name) == value and type(self._arguments.get(name)) is type(value):
            return
        former = (self._core, self._given, self._arguments, self._options, self._handle)
        was_loaded = self._core.is_loaded
        given = {_OTHER_NAMES.get(k, k): v for k, v in self._given.items()}
        given[name] = value
        try:
            self._set("_given", given)
            self._new_core()
            self._set("_handle", None)
            if was_loaded:
                self._core.load()
        except BaseException:
            for attribute, old in zip(
                ("_core", "_given", "_arguments", "_options", "_handle"), former
            ):
                self._set(attribute, old)
            raise
        if was_loaded:
            former[0].unload()

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        elif "_core" in self.__dict__ and name in self._options:
            self._change(name, value)
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and "_options" in self.__dict__:
            if name in self._options:
                return self._arguments.get(_OTHER_NAMES.get(name, name))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def arguments(self) -> Dict[str, Any]:
        """All arguments the model was made with: given ones over the class's defaults."""
        return dict(self._arguments)

    @classmethod
    def options(cls) -> List[Dict[str, Any]]:
        """The arguments the class has: name, type, default, range and help of each."""
        return _class_options(native_class(library(), wrapper_of(cls)))

    @property
    def model_name_or_path(self) -> str:
        return str(self._arguments.get("model_name_or_path") or self._place)

    @model_name_or_path.setter
    def model_name_or_path(self, value: str) -> None:
        if "_core" in self.__dict__ and value not in (self._place, self.model_name_or_path):
            self._set("_place", _path_text(value))
            self._change("model_name_or_path", self._place)

    @property
    def device(self) -> str:
        """Where it computes; before loading, where it will: "auto" is resolved."""
        wanted = str(self._arguments.get("device") or "auto")
        if wanted != "auto":
            return wanted
        devices = library().json("karma_system_info").get("devices", [])
        return "cuda" if any(str(d).startswith("cuda") for d in devices) else "cpu"

    @device.setter
    def device(self, value: Optional[str]) -> None:
        if "_core" not in self.__dict__:
            self.__dict__.setdefault("_early", {})["device"] = value
        elif value is not None and str(value) != self.device:
            self._change("device", str(value))

    # ---- load and unload ----

    def load_model(self, **kwargs: Any) -> None:
        """Load the checkpoint. Twice is harmless; after a failure it can be tried again."""
        if kwargs:
            raise TypeError(
                f"load_model() takes no arguments; give {next(iter(kwargs))!r} to the constructor"
            )
        self._core.load()

    def unload(self) -> None:
        """Give back everything that loading took."""
        self._set("_handle", None)
        self._own.clear()
        self._core.unload()

    @property
    def is_loaded(self) -> bool:
        return bool(self._own.get("is_loaded", False)) or self._core.is_loaded

    @is_loaded.setter
    def is_loaded(self, value: bool) -> None:
        self._own_attribute("is_loaded", bool(value))

    @property
    def model(self) -> Any:
        """The loaded model (a LoadedModel); None before load_model() and after unload()."""
        if self._own.get("model") is not None:
            return self._own["model"]
        if not self._core.is_loaded:
            return None
        if self._handle is None or not self._handle.is_valid:
            self._set("_handle", LoadedModel(self._core))
        return self._handle

    @model.setter
    def model(self, value: Any) -> None:
        self._own_attribute("model", value)

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer (encode, decode, apply_chat_template); None when not loaded."""
        if self._own.get("tokenizer") is not None:
            return self._own["tokenizer"]
        handle = self.model
        return handle.tokenizer if isinstance(handle, LoadedModel) else None

    @tokenizer.setter
    def tokenizer(self, value: Optional[Tokenizer]) -> None:
        self._own_attribute("tokenizer", value)

    def _own_attribute(self, name: str, value: Any) -> None:
        self.__dict__.setdefault("_own", {})[name] = value

    def to(self: M, device: str) -> M:
        """Compute on that device from now on; a loaded model is loaded again there."""
        if hasattr(self._own.get("model"), "to"):
            self._own["model"] = self._own["model"].to(device)
        self._core.to(str(device))
        self._given["device"] = str(device)
        self._set("_arguments", {**self._arguments, "device": str(device)})
        return self

    def eval(self: M) -> M:
        """As in PyTorch; models of karma are always in evaluation mode."""
        if hasattr(self._own.get("model"), "eval"):
            self._own["model"].eval()
        return self

    # ---- run ----

    def run(self, inputs: Any, **kwargs: Any) -> Any:
        """The answer to a text or sample, or the list of answers to a list of them, in its order.

        ``images`` shows a model that sees one image or several with the input; for a list of inputs
        it is a list with an entry for each (see DataLoaderIterable). Loads first if need be. One
        input that fails is a KarmaError with its number in ``index``.
        """
        samples, single = samples_of(inputs)
        samples = with_images(samples, kwargs.pop("images", None), single)
        results = self._results(samples, kwargs)
        error: Optional[KarmaError] = None
        try:
            for error in (r.error for r in results if r.error is not None):
                raise _numbered(error, single)
            answers = [result.text for result in results]
            return answers[0] if single else answers
        finally:
            # An exception refers to this frame; were it kept here, they would hold each other.
            results, error = [], None

    def run_with_metadata(self, inputs: Any, **kwargs: Any) -> List[Dict[str, Any]]:
        """For each input its text, thought, counts and flags, or its error; always a list."""
        samples, single = samples_of(inputs)
        samples = with_images(samples, kwargs.pop("images", None), single)
        if "run" in overridden(type(self)):
            outputs = call_run(self.run, samples, text_of, kwargs)
            return [_plain_metadata(output) for output in outputs]
        return [r.metadata() for r in self._results(samples, kwargs)]

    def _results(
        self, samples: Sequence[DataLoaderIterable], kwargs: Mapping[str, Any]
    ) -> List[Result]:
        """One result for each sample, by the C class's run with this class's hooks."""
        if kwargs:
            raise TypeError(
                f"run() takes no arguments beside its inputs; give {next(iter(kwargs))!r} to the "
                "constructor"
            )
        if not self._core.is_loaded:
            self.load_model()
        with self._core.use():
            return run_samples(self._core.lib, self._core.run_call(hooks=False), samples)

    def preprocess(self, inputs: Any, **kwargs: Any) -> Any:
        """What the class makes of an input before it is rendered: of a text that text, of a sample
        its messages (or one raw prompt); of a list, a list."""
        if isinstance(inputs, str):
            return inputs
        if isinstance(inputs, DataLoaderIterable):
            sample = encode_sample(inputs, None)
            with past_overrides(self):
                made = self._core.lib.json("karma_model_preprocess", self._core.address, sample)
            return _with_shown(made, images_in_order(inputs))
        return [BaseModel.preprocess(self, item) for item in inputs]

    def postprocess(self, outputs: Any, **kwargs: Any) -> Any:
        """The answer in a generated text, as the C class finds it; of a list, a list."""
        if outputs is None:
            return ""
        if isinstance(outputs, str):
            return self._base_postprocess(outputs)
        return [self._base_postprocess(text or "") for text in outputs]

    def _base_postprocess(self, text: str) -> str:
        output, core = current_output(self), self._core
        if output is not None and core.table is not None:
            return core.table.base_postprocess(core.address, output, text)
        with past_overrides(self):
            made = core.lib.json("karma_model_postprocess", core.address, encode(text))
        return str(made["text"] or "")

    # ---- what it is ----

    def get_num_parameters(self) -> int:
        """0 when not loaded."""
        return int(self._core.lib.karma_model_num_parameters(self._core.address))

    def get_model_info(self) -> Dict[str, Any]:
        """Name, class, device, whether it is loaded, parameters, memory, arguments."""
        info: Dict[str, Any] = self._core.lib.json("karma_model_info", self._core.address)
        info["class"] = type(self).__name__
        info["device_description"], info["device"] = info["device"], self.device
        if not self._core.is_loaded:
            info["is_loaded"] = self.is_loaded
        if self._meta is not None:
            info["name"] = self._meta.name
            info["model_type"] = self._meta.model_type
        return info

    @property
    def fallback_reason(self) -> Optional[str]:
        """Why another model was loaded in its place; None when none was."""
        return decode(self._core.lib.karma_model_fallback_reason(self._core.address))

    def __repr__(self) -> str:
        if "_core" not in self.__dict__:
            return f"<{type(self).__name__} that is not initialised>"
        return (
            f"{type(self).__name__}(model_name_or_path={self.model_name_or_path!r}, "
            f"device={self.device!r})"
        )

    def __enter__(self: M) -> M:
        return self

    def __exit__(self, *exception: object) -> None:
        self.unload()


def _with_shown(made: Dict[str, Any], images: List[Any]) -> Any:
    """What preprocess() made, its images in place of their numbers."""
    for message in made["messages"] if "messages" in made else [made]:
        n = message.get("images")
        if n:
            message["images"], images = images[:n], images[n:]
    return made["messages"] if "messages" in made else made


def _plain_metadata(output: Any) -> Dict[str, Any]:
    """What upstream makes of an output; one that failed has its error."""
    if isinstance(output, Exception):
        error = f"{type(output).__name__}: {output}"
        return {"text": None, "tool_trace": "", "error": error}
    return {"text": "" if output is None else str(output).strip(), "tool_trace": ""}


def _path_text(path: Any) -> str:
    return str(os.fspath(path))


def _numbered(error: KarmaError, single: bool) -> KarmaError:
    """The error of a result, with its input's number in the text when there are several."""
    if single:
        return error
    numbered = type(error)(f"input {error.index}: {error.message}", error.status, error.index)
    numbered.__cause__ = error.__cause__
    return numbered


BaseHFModel = BaseModel
remember(BaseModel)
