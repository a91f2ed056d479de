"""Samples into C and outputs out of it: one run of a loaded model over a list of samples.

Outputs come back in any order and are joined by key. What a Python hook raises is kept beside the
output that C makes of it, so that the traceback is not lost. While a run is under way on the main
thread, an interrupt (Ctrl-C) is noted between two steps, ends the run, and is raised after it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import threading
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._native import (
    DONE,
    OK,
    OUTPUT_FLAGS,
    Audio,
    CancelledFn,
    Library,
    Message,
    NextFn,
    Output,
    PutFn,
    RunIo,
    Sample,
    decode,
    encode,
)
from ..data_models.dataloader_iterable import Conversation, ConversationTurn, DataLoaderIterable
from ..errors import KarmaError, error_of
from ._images import all_images, decode_images, encode_images

# ---- samples ----


def as_sample(value: Any) -> DataLoaderIterable:
    if isinstance(value, DataLoaderIterable):
        return value
    if isinstance(value, str):
        return DataLoaderIterable(input=value)
    raise TypeError(f"expected str or DataLoaderIterable, found {type(value).__name__}")


def text_of(sample: DataLoaderIterable) -> str:
    """The text a hook sees: the last user turn of a conversation, else the input."""
    if sample.conversation:
        for turn in reversed(sample.conversation.conversation_turns):
            if turn.role == "user":
                return turn.content
    return sample.input or ""


def with_text(sample: DataLoaderIterable, text: str) -> DataLoaderIterable:
    """The sample with that text in place of text_of()'s."""
    turns = list(sample.conversation.conversation_turns) if sample.conversation else []
    for i in range(len(turns) - 1, -1, -1):
        if turns[i].role == "user":
            turns[i] = turns[i].model_copy(update={"content": text})
            return sample.model_copy(update={"conversation": Conversation(conversation_turns=turns)})
    return sample.model_copy(update={"input": text})


def _json_or_none(value: Any) -> Optional[bytes]:
    if value is None:
        return None
    return encode(json.dumps(value, ensure_ascii=False, default=str), "other_args")


def _encode_sound(value: Any, rate: Any) -> Audio:
    """One channel of samples, -1..1, at that rate; what is not f32 is converted."""
    import numpy

    samples = numpy.ascontiguousarray(value, dtype=numpy.float32)
    if samples.ndim == 2 and 1 in samples.shape:
        samples = samples.reshape(-1)
    if samples.ndim != 1 or not isinstance(rate, int):
        raise error_of("E_USAGE", "audio: expected samples of one channel and their rate in Hz")
    pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    audio = Audio(samples=pointer, n_samples=len(samples), sample_rate=rate)
    audio.kept = samples
    return audio


def encode_audio(value: Any) -> Any:
    """A pointer to sound: the bytes of a file, a path, (samples, rate), or a mapping with "bytes",
    "path", or "array" and "sampling_rate", as data sets have them. None and nothing give None."""
    if value is None or value == b"":
        return None
    name = None
    if isinstance(value, Mapping):
        name = encode(value.get("path"), "audio")
        if value.get("array") is not None:
            value = (value["array"], value.get("sampling_rate"))
        else:
            value = value.get("bytes") or value.get("path")
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        place = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p)
        audio = Audio(bytes=place, n_bytes=len(data), name=name)
        audio.kept = data
    elif isinstance(value, (str, os.PathLike)):
        audio = Audio(path=encode(os.fspath(value), "audio"))
    elif isinstance(value, tuple) and len(value) == 2:
        audio = _encode_sound(*value)
        audio.name = name
    else:
        raise error_of(
            "E_USAGE", f"audio: expected bytes, a path or (samples, rate), found {type(value).__name__}"
        )
    return ctypes.pointer(audio)


def encode_turn(turn: ConversationTurn) -> Message:
    images, n_images = encode_images(turn.images)
    message = Message(
        role=encode(turn.role, "role"),
        content=encode(turn.content, "content"),
        images=images,
        n_images=n_images,
        images_first=bool(turn.images_first),
    )
    message.kept = images
    return message


def images_in_order(sample: DataLoaderIterable) -> List[Any]:
    """All images of a sample as its prompt shows them: the turns', then with the last user turn the
    sample's own."""
    turns = list(sample.conversation.conversation_turns) if sample.conversation else []
    last = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
    out: List[Any] = []
    for i, turn in enumerate(turns):
        out += all_images(turn.images)
        if i == last:
            out += all_images(sample.images)
    return out if last >= 0 else out + all_images(sample.images)


def with_images(
    samples: Sequence[DataLoaderIterable], images: Any, single: bool
) -> List[DataLoaderIterable]:
    """The samples with what run() was given to show: of one input one image or several, of a list of
    inputs a list with as many members."""
    if images is None:
        return list(samples)
    shown = [images] if single else list(images)
    if len(shown) != len(samples):
        raise error_of("E_USAGE", f"images: expected one entry for each of {len(samples)} inputs, found {len(shown)}")
    out: List[DataLoaderIterable] = []
    for sample, image in zip(samples, shown):
        if image is not None and sample.images is not None:
            raise error_of("E_USAGE", "images: given twice, in the sample and beside it")
        out.append(sample if image is None else sample.model_copy(update={"images": image}))
    return out


def encode_sample(sample: DataLoaderIterable, key: Optional[bytes]) -> Sample:
    """A C sample; what it points to lives as long as it. KarmaError when C cannot hold it."""
    turns = sample.conversation.conversation_turns if sample.conversation else []
    encoded = [encode_turn(turn) for turn in turns]
    messages = (Message * len(turns))(*encoded)
    images, n_images = encode_images(sample.images)
    expected = sample.expected_output
    if expected is not None and not isinstance(expected, str):
        expected = json.dumps(expected, ensure_ascii=False, default=str)
    out = Sample(
        struct_size=ctypes.sizeof(Sample),
        key=key,
        input=encode(sample.input, "input"),
        conversation=ctypes.cast(messages, ctypes.POINTER(Message)),
        n_messages=len(turns),
        system_prompt=encode(sample.system_prompt, "system_prompt"),
        expected_output=encode(expected, "expected_output"),
        other_args_json=_json_or_none(sample.other_args),
        audio=encode_audio(sample.audio),
        images=images,
        n_images=n_images,
    )
    out.kept = (encoded, messages, images)
    return out


def decode_audio(c: Audio) -> Any:
    """As encode_audio() takes it."""
    if c.path:
        return decode(c.path)
    if c.n_bytes:
        return ctypes.string_at(c.bytes, c.n_bytes)
    import numpy

    return (numpy.ctypeslib.as_array(c.samples, (c.n_samples,)).copy(), c.sample_rate)


def decode_sample(c: Sample) -> DataLoaderIterable:
    """A sample as a hook sees it; without the reference, which models never see."""
    turns = [
        ConversationTurn(
            role=decode(c.conversation[i].role) or "",
            content=decode(c.conversation[i].content) or "",
            images=decode_images(c.conversation[i].images, c.conversation[i].n_images),
            images_first=True if c.conversation[i].images_first else None,
        )
        for i in range(c.n_messages)
    ]
    return DataLoaderIterable(
        input=decode(c.input),
        conversation=Conversation(conversation_turns=turns) if turns else None,
        system_prompt=decode(c.system_prompt),
        other_args=json.loads(c.other_args_json) if c.other_args_json else None,
        audio=decode_audio(c.audio.contents) if c.audio else None,
        images=decode_images(c.images, c.n_images),
    )


# ---- outputs ----


class Result:
    """What a model made of one sample: texts, or an error."""

    def __init__(self) -> None:
        self.text: Optional[str] = None
        self.thinking: Optional[str] = None
        self.raw_text: Optional[str] = None
        self.speech: Optional[Dict[str, Any]] = None
        self.finish_reason = "error"
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self.flags: List[str] = []
        self.error: Optional[KarmaError] = None

    def metadata(self) -> Dict[str, Any]:
        record: Dict[str, Any] = {
            "text": self.text,
            "tool_trace": "",
            "thinking": self.thinking,
            "finish_reason": self.finish_reason,
            "prompt_tokens": self.prompt_tokens,
            "generated_tokens": self.generated_tokens,
            "flags": self.flags,
            "error": None if self.error is None else str(self.error),
        }
        if self.speech is not None:
            record["speech"] = self.speech
        return record


def decode_output(lib: Library, c: Output) -> Result:
    r = Result()
    r.finish_reason = decode(lib.karma_finish_reason_name(c.finish_reason)) or ""
    r.prompt_tokens = c.n_prompt_tokens
    r.generated_tokens = c.n_tokens
    r.flags = [name for bit, name in OUTPUT_FLAGS.items() if c.flags & bit]
    if c.status < 0:
        r.error = error_of(lib.status_name(c.status), decode(c.error) or "the sample failed")
        return r
    r.text = decode(c.text) or ""
    r.thinking = decode(c.thinking)
    r.raw_text = decode(c.raw_text)
    r.speech = json.loads(c.segments_json) if c.segments_json else None
    return r


# ---- exceptions of hooks ----

_threads = threading.local()


def _notes() -> List[Dict[Optional[bytes], BaseException]]:
    """For each run under way on this thread, what its hooks raised, by the sample's key."""
    if not hasattr(_threads, "notes"):
        _threads.notes = []
    return _threads.notes  # type: ignore[no-any-return]


def note_exception(key: Optional[bytes], error: BaseException) -> bool:
    """Keep what a hook raised for that sample; False when nobody will ask for it."""
    notes = _notes()
    if notes:
        notes[-1][key] = error
    return bool(notes)


# ---- interrupts ----


@contextlib.contextmanager
def interruptible() -> Iterator[Optional[List[Tuple[int, Any]]]]:
    """Note interrupts instead of raising them in the middle of a callback, where an exception has
    nowhere to go. Yields the list of those that came, None where Python does not deliver them (on
    other threads, or with a handler that is not Python's). Afterwards the former handler is called.
    """
    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(former):
        yield None
        return
    came: List[Tuple[int, Any]] = []
    try:
        signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    except ValueError:  # not the main interpreter
        yield None
        return
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, former)
    if came:
        former(*came.pop())


# ---- the run ----

# Of samples that have no key of their own; the library knows these, and gives them no random stream
# of their own: equal inputs have equal answers.
_KEY = b"karma:sample:"


class _Run:
    def __init__(self, lib: Library, samples: Sequence[DataLoaderIterable]):
        self.lib = lib
        self.samples = samples
        self.results: List[Optional[Result]] = [None] * len(samples)
        self.position = 0
        self.lent: Optional[Sample] = None
        self.raised: Dict[Optional[bytes], BaseException] = {}
        self.interrupts: Optional[List[Tuple[int, Any]]] = None
        self.fatal: Optional[BaseException] = None

    def _fail(self, error: BaseException) -> int:
        self.fatal = self.fatal or error
        return int(self.lib.karma_fail(self.lib.karma_status_from_name(b"E_PLUGIN"), None))

    def next(self, _user: Any, out: Any) -> int:
        try:
            while self.position < len(self.samples):
                i = self.position
                self.position += 1
                try:
                    self.lent = encode_sample(self.samples[i], b"%s%d" % (_KEY, i))
                except KarmaError as error:
                    result = self.results[i] = Result()
                    result.error = error.with_traceback(None)
                    continue
                out[0] = ctypes.pointer(self.lent)
                return OK
            return DONE
        except BaseException as error:
            return self._fail(error)

    def put(self, _user: Any, output: Any) -> int:
        try:
            c = output.contents
            result = decode_output(self.lib, c)
            if result.error is not None:
                result.error.__cause__ = self.raised.get(c.key)
            i = int(c.key[len(_KEY) :]) if c.key and c.key.startswith(_KEY) else -1
            if not 0 <= i < len(self.results) or self.results[i] is not None:
                raise error_of("E_PLUGIN", f"the class gave an output for no input ({c.key!r})")
            self.results[i] = result
            return OK
        except BaseException as error:
            return self._fail(error)

    def cancelled(self, _user: Any) -> bool:
        return bool(self.interrupts) or self.fatal is not None


    def take_results(self) -> List[Result]:
        """All of them, in the order of the samples. What is kept here is let go: an exception of a
        hook refers to the frames it went through, those to this run, and del must free models."""
        try:
            if self.fatal is not None:
                raise self.fatal
            out: List[Result] = []
            for i, result in enumerate(self.results):
                if result is None:
                    raise error_of("E_PLUGIN", f"input {i}: the class gave no output for it", i)
                if result.error is not None:
                    result.error.index = i
                out.append(result)
            return out
        finally:
            out = []
            result = None
            self.forget()

    def forget(self) -> None:
        self.results, self.fatal, self.lent = [], None, None
        self.raised.clear()


def run_samples(
    lib: Library, call: Callable[[Any], int], samples: Sequence[DataLoaderIterable]
) -> List[Result]:
    """Hand samples to call(run_io), which returns a status; one result each, in their order.

    A sample that failed is a result with an error; what ends the whole run is raised.
    """
    run = _Run(lib, samples)
    notes = _notes()
    with interruptible() as run.interrupts:
        io = RunIo(
            next=NextFn(run.next),
            put=PutFn(run.put),
            cancelled=CancelledFn(run.cancelled) if run.interrupts is not None else CancelledFn(),
        )
        notes.append(run.raised)
        try:
            status = call(ctypes.byref(io))
            failure = lib.error(status) if status < 0 else None
        finally:
            notes.pop()
    if failure is None or run.fatal is not None:
        return run.take_results()
    try:
        failure.__cause__ = run.raised.get(None)
        raise failure
    finally:
        failure = None
        run.forget()
