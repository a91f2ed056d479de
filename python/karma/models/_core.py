"""A model of the C library that a Python object owns, and C classes made of Python ones.

A Python class whose bases are all plain wrappers uses the C class as it is. One that overrides
load_model, preprocess, run or postprocess gets a C class of its own whose slots call the methods;
its base is the C class of the nearest wrapper, so an override's ``super()`` ends there. No exception
leaves a callback: it becomes the status and message of the sample, or of the load.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import logging
import threading
import traceback
import weakref
from ctypes import POINTER, byref, c_void_p
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from .._native import (
    CLASS_ABI,
    DONE,
    FINISH_ERROR,
    OK,
    Library,
    LoadFn,
    ModelClass,
    Output,
    PostprocessFn,
    PreprocessFn,
    RunFn,
    Sample,
    decode,
    encode,
    encode_json,
    library,
    read_options,
)
from ..data_models.dataloader_iterable import ConversationTurn, DataLoaderIterable
from ..errors import KarmaArgumentError, KarmaError, error_of
from ._hooks import call_hook, call_run
from ._images import encode_images
from ._samples import (
    as_sample,
    decode_sample,
    encode_sample,
    encode_turn,
    images_in_order,
    note_exception,
    text_of,
    with_text,
)

logger = logging.getLogger("karma")

HOOKS = ("load_model", "preprocess", "run", "postprocess")

# The Python object of each C model, for callbacks.
_owners: "weakref.WeakValueDictionary[int, Any]" = weakref.WeakValueDictionary()
_threads = threading.local()


def current_output(owner: Any) -> Any:
    """The C output whose postprocess is under way on this thread for that object, or None."""
    stack = getattr(_threads, "outputs", None)
    return stack[-1][1] if stack and stack[-1][0] is owner else None


@contextlib.contextmanager
def _entered(name: str, value: Any) -> Iterator[None]:
    stack = _threads.__dict__.setdefault(name, [])
    stack.append(value)
    try:
        yield
    finally:
        stack.pop()


@contextlib.contextmanager
def past_overrides(owner: Any) -> Iterator[None]:
    """Within it, callbacks for that object do what the C base does: its override has called up."""
    with _entered("past", owner):
        yield


def _is_past(owner: Any) -> bool:
    return any(o is owner for o in _threads.__dict__.get("past", ()))


# ---- C classes of Python ones ----


def native_class(lib: Library, python_class: Any) -> Any:
    """The C class of a wrapper, by the first of its names that the library knows."""
    failure: Optional[KarmaError] = None
    for name in python_class._c_names:
        found = POINTER(ModelClass)()
        try:
            lib.karma_find_model_class(name.encode(), byref(found))
            return found
        except KarmaError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def wrapper_of(python_class: Any) -> Any:
    for base in python_class.__mro__:
        if "_c_names" in base.__dict__:
            return base
    raise TypeError(f"{python_class.__name__} is no model class")


def overridden(python_class: Any) -> List[str]:
    wrapper = wrapper_of(python_class)
    return [h for h in HOOKS if getattr(python_class, h) is not getattr(wrapper, h)]


def _code_digest(python_class: Any, hooks: List[str]) -> str:
    """Of what the hooks do, so that answers stored for other code are not taken for theirs."""

    def feed(code: Any) -> None:
        digest.update(code.co_code)
        digest.update(repr(code.co_names).encode())
        for constant in code.co_consts:
            if hasattr(constant, "co_code"):
                feed(constant)
            else:
                digest.update(repr(constant).encode())

    digest = hashlib.sha256()
    for hook in hooks:
        digest.update(hook.encode())
        function = getattr(getattr(python_class, hook), "__wrapped__", getattr(python_class, hook))
        code = getattr(function, "__code__", None)
        if code is not None:
            feed(code)
    return digest.hexdigest()[:8]


def _with_images(turns: List[ConversationTurn], images: List[Any]) -> List[ConversationTurn]:
    for i in range(len(turns) - 1, -1, -1):
        if turns[i].role == "user":
            turns[i] = turns[i].model_copy(update={"images": images})
            return turns
    raise ValueError("the sample has images, and no message of the user to show them with")


class _Table:
    """A C class whose slots are a Python class's methods. Its models keep it alive."""

    def __init__(self, lib: Library, python_class: Any, hooks: List[str], base: Any):
        self.lib = lib
        self.base = base
        digest = _code_digest(python_class, hooks)
        slots: Dict[str, Any] = {}
        if "load_model" in hooks:
            slots["load"] = LoadFn(self.load)
        if "preprocess" in hooks:
            slots["preprocess"] = PreprocessFn(self.preprocess)
        if "run" in hooks:
            slots["run"] = RunFn(self.run)
        if "postprocess" in hooks:
            slots["postprocess"] = PostprocessFn(self.postprocess)
        self.struct = ModelClass(
            abi_version=CLASS_ABI,
            struct_size=ctypes.sizeof(ModelClass),
            name=f"{python_class.__name__}@{digest}".encode(),
            base=base,
            help=b"a class of Python",
            **slots,
        )
        self.pointer = ctypes.pointer(self.struct)

    # Callbacks: each one ends in a status, whatever happens.

    def _fail(self, owner: Any, hook: str, key: Optional[bytes], error: BaseException) -> int:
        status, name = "E_PLUGIN", type(owner).__name__
        if isinstance(error, KarmaError):
            status, message = error.status, error.message
        else:
            what = traceback.format_exception_only(type(error), error)[-1].strip()
            message = f"{name}.{hook}: {what}"
        kept = note_exception(key, error)
        if not kept:
            logger.error("%s.%s failed", name, hook, exc_info=error)
        text = message.encode("utf-8", "replace").replace(b"\0", b"?")
        return int(self.lib.karma_fail(self.lib.karma_status_from_name(status.encode()), text))

    def load(self, address: int) -> int:
        owner = None
        try:
            owner = _owner(address)
            if owner._core.loading == "python":
                return int(self.lib.karma_base_load(self.pointer, address))
            owner._core.loading = "c"
            try:
                owner.load_model()
            finally:
                owner._core.loading = None
            return OK
        except BaseException as error:
            return self._fail(owner, "load_model", None, error)

    def preprocess(self, address: int, c_sample: Any, prompt: int) -> int:
        owner, key = None, None
        try:
            owner = _owner(address)
            if _is_past(owner):
                return int(
                    self.lib.karma_base_preprocess(self.pointer, address, c_sample, prompt)
                )
            key = c_sample.contents.key
            sample = decode_sample(c_sample.contents)
            made = call_hook(owner.preprocess, text_of(sample), sample)
            return self._take_prompt(address, key, sample, made, prompt)
        except BaseException as error:
            return self._fail(owner, "preprocess", key, error)

    def _take_prompt(
        self, address: int, key: Optional[bytes], sample: DataLoaderIterable, made: Any, prompt: int
    ) -> int:
        """A text takes the place of the sample's; messages are taken as they are, and if none has
        images, the last of the user's shows the sample's."""
        if isinstance(made, str):
            made = with_text(sample, made)
        if isinstance(made, DataLoaderIterable):
            c = encode_sample(made, key)
            return int(self.lib.karma_base_preprocess(self.pointer, address, byref(c), prompt))
        if isinstance(made, Mapping) and isinstance(made.get("prompt"), str):
            return self._take_raw(sample, made, prompt)
        if isinstance(made, Mapping) and "messages" in made:
            made = made["messages"]
        if not isinstance(made, (list, tuple)):
            raise TypeError(
                "expected a text, messages, {'prompt': text} or a DataLoaderIterable, found "
                + type(made).__name__
            )
        turns = [ConversationTurn.model_validate(message) for message in made]
        shown = images_in_order(sample)
        if shown and all(turn.images is None for turn in turns):
            turns = _with_images(turns, shown)
        for turn in turns:
            c_turn = encode_turn(turn)
            status = self.lib.karma_prompt_add_message(prompt, byref(c_turn))
            if status < 0:
                return int(status)
        return OK

    def _take_raw(self, sample: DataLoaderIterable, made: Mapping[str, Any], prompt: int) -> int:
        """A whole prompt; its images, else the sample's, stand where it marks them."""
        images = made.get("images")
        shown = images_in_order(sample) if images is None else images
        status = int(self.lib.karma_prompt_raw(prompt, encode(made["prompt"], "prompt")))
        c_images, n = encode_images(shown)
        for i in range(n):
            if status == OK:
                status = int(self.lib.karma_prompt_add_image(prompt, 0, byref(c_images[i])))
        return status

    def postprocess(self, address: int, output: Any) -> int:
        owner, key = None, None
        try:
            owner = _owner(address)
            if _is_past(owner):
                return int(self.lib.karma_base_postprocess(self.pointer, address, output))
            key = output.contents.key
            text = decode(output.contents.text) or ""
            with _entered("outputs", (owner, output)):
                made = call_hook(owner.postprocess, text, text)
            return self.set_text(output, made)
        except BaseException as error:
            return self._fail(owner, "postprocess", key, error)

    def set_text(self, output: Any, text: Any) -> int:
        if not isinstance(text, str):
            raise TypeError(f"expected a text, found {type(text).__name__}")
        data = encode(text) or b""
        return int(self.lib.karma_output_set_text(output, data, len(data)))

    def base_postprocess(self, address: int, output: Any, text: str) -> str:
        """What the C base makes of a text, from within an override."""
        status = self.set_text(output, text)
        if status == OK:
            status = self.lib.karma_base_postprocess(self.pointer, address, output)
        if status < 0:
            raise self.lib.error(status)
        return decode(output.contents.text) or ""

    def run(self, address: int, io: Any) -> int:
        owner = None
        try:
            owner = _owner(address)
            size = int(owner.arguments.get("max_sequences") or 8)
            drained = False
            while not drained:
                batch, status = self._take(io.contents, size)
                drained = status == DONE
                if status < 0:
                    return status
                if batch:
                    status = self._answer(owner, io.contents, batch)
                if status < 0:
                    return status
            return OK
        except BaseException as error:
            return self._fail(owner, "run", None, error)

    def _take(self, io: Any, size: int) -> Tuple[List[Tuple[Any, DataLoaderIterable]], int]:
        batch: List[Tuple[Any, DataLoaderIterable]] = []
        status = OK
        while status == OK and len(batch) < size:
            lent = POINTER(Sample)()
            status = io.next(io.user, byref(lent))
            if status == OK:
                batch.append((lent.contents.key, decode_sample(lent.contents)))
        return batch, status

    def _answer(self, owner: Any, io: Any, batch: List[Tuple[Any, DataLoaderIterable]]) -> int:
        """Run a batch; fewer or more outputs than inputs fail all of it, never shift it."""
        try:
            made = call_run(owner.run, [sample for _, sample in batch], text_of, {})
        except Exception as error:
            made = [error] * len(batch)
        for (key, _), text in zip(batch, made):
            out = Output(struct_size=ctypes.sizeof(Output), key=key)
            try:
                if isinstance(text, BaseException):
                    raise text
                if not isinstance(text, str):
                    raise TypeError(f"expected a text, found {type(text).__name__}")
                out.text = out.raw_text = encode(text)
            except Exception as error:
                out.status = self._fail(owner, "run", key, error)
                out.error = self.lib.karma_error_message()
                out.finish_reason = FINISH_ERROR
            status = int(io.put(io.user, byref(out)))
            if status < 0:
                return status
        return OK


def class_table(lib: Library, python_class: Any) -> Tuple[Any, Optional[_Table]]:
    """The C class for models of a Python class, and what must live as long as they do."""
    table = python_class.__dict__.get("_c_table")
    if table is None:
        hooks = overridden(python_class)
        base = native_class(lib, wrapper_of(python_class))
        if not hooks:
            return base, None
        table = _Table(lib, python_class, hooks, base)
        type.__setattr__(python_class, "_c_table", table)
    return table.pointer, table


def class_options(c_class: Any) -> List[Dict[str, Any]]:
    """The options of a C class: its own, then those of its bases that it does not override."""
    lib = library()
    out: Dict[str, Dict[str, Any]] = {}
    root = POINTER(ModelClass)()
    lib.karma_find_model_class(b"BaseModel", byref(root))
    chain = []
    while c_class:
        chain.append(c_class)
        c_class = c_class.contents.base
    for c in chain + [root]:
        for option in read_options(c.contents.options):
            out.setdefault(option["name"], option)
    return list(out.values())


# ---- the model ----


def _owner(address: int) -> Any:
    owner = _owners.get(address)
    if owner is None:
        raise error_of("E_INTERNAL", "the Python object of this model is gone")
    return owner


def _destroy(lib: Library, address: int) -> None:
    lib.karma_model_destroy(address)


class Core:
    """One karma_model. It is destroyed with this object, whatever still refers to its parts."""

    def __init__(self, owner: Any, model_name_or_path: str, arguments: Mapping[str, Any]):
        self.lib = library()
        c_class, self.table = class_table(self.lib, type(owner))
        place = encode(model_name_or_path, "model_name_or_path")
        out = c_void_p()
        given = encode_json(dict(arguments), "arguments")
        try:
            self.lib.karma_model_create_as(c_class, place, given, byref(out))
        except KarmaError as error:
            if error.status in ("E_TYPE", "E_RANGE"):
                raise KarmaArgumentError(error.message, error.status) from None
            raise
        assert out.value is not None
        self.address: int = out.value
        self._finalizer = weakref.finalize(self, _destroy, self.lib, self.address)
        _owners[self.address] = owner
        self.loading: Optional[str] = None  # by whom, while a load is under way
        self.generation = 0  # counts unloads, so that old handles know
        self.lock = threading.RLock()
        self._users = 0

    @contextlib.contextmanager
    def use(self) -> Iterator[int]:
        """The address, while nothing may unload the model."""
        with self.lock:
            self._users += 1
        try:
            yield self.address
        finally:
            with self.lock:
                self._users -= 1

    @property
    def is_loaded(self) -> bool:
        return bool(self.lib.karma_model_is_loaded(self.address))

    def load(self) -> None:
        with self.lock:
            if self.loading == "c":  # C asked for it, through an override
                assert self.table is not None
                status = self.lib.karma_base_load(self.table.pointer, self.address)
                if status < 0:
                    raise self.lib.error(status)
                return
            self.loading = "python"
            try:
                self.lib.karma_model_load(self.address)
            finally:
                self.loading = None

    def to(self, device: str) -> None:
        with self.lock:
            self.loading = "python"
            try:
                self.lib.karma_model_to(self.address, encode(device, "device"))
            finally:
                self.loading = None

    def unload(self) -> None:
        with self.lock:
            if self._users:
                raise error_of("E_USAGE", "the model is in use; it cannot be unloaded now")
            self.lib.karma_model_unload(self.address)
            self.generation += 1

    def run_call(self, hooks: bool) -> Callable[[Any], int]:
        """The C function for a run; hooks: through the class's own run, if it has one."""
        if hooks or self.table is None or not self.table.struct.run:
            return lambda io: int(self.lib.karma_model_run(self.address, io))
        pointer = self.table.pointer
        return lambda io: int(self.lib.karma_base_run(pointer, self.address, io))

    def arguments(self) -> bytes:
        return self.lib.karma_model_args(self.address) or b"{}"

    def options(self) -> List[Dict[str, Any]]:
        return class_options(self.lib.karma_model_get_class(self.address))


def samples_of(inputs: Any) -> Tuple[List[DataLoaderIterable], bool]:
    """Inputs of run() as samples, and whether it was just one."""
    if isinstance(inputs, (str, DataLoaderIterable)):
        return [as_sample(inputs)], True
    if isinstance(inputs, (bytes, Mapping)) or not hasattr(inputs, "__iter__"):
        raise TypeError(
            "expected str, DataLoaderIterable or a list of them, found " + type(inputs).__name__
        )
    return [as_sample(item) for item in inputs], False
