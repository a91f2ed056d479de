"""libkarma through ctypes: found, loaded once at first use, its functions typed, its errors raised.

The library is looked for in ``$KARMA_LIBRARY``, then inside this package (``karma/_lib``, where a
wheel carries it), then in the build folder of the source tree that this package lies in, then where
the system keeps libraries. One of another version is refused: the structures below are those of
one version. ctypes gives up the interpreter lock during each call.
"""

from __future__ import annotations

import atexit
import ctypes
import ctypes.util
import json
import logging
import os
import threading
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint,
    c_uint32,
    c_void_p,
)
from typing import Any, Callable, Dict, List, Optional, Tuple

from ._version import __version__
from .errors import KarmaError, error_of

SONAME = "libkarma.so.0"
logger = logging.getLogger("karma")

OK = 0
DONE = 1
FINISH_ERROR = 3  # karma_finish_reason

# ---- structures, as in include/karma ----


class Image(Structure):
    kept: Any = None  # what it points to

    _fields_ = [
        ("path", c_char_p),
        ("bytes", c_void_p),
        ("n_bytes", c_size_t),
        ("name", c_char_p),
        ("pixels", c_void_p),
        ("width", c_int32),
        ("height", c_int32),
        ("channels", c_int32),
        ("frame", c_int32),
        ("digest", c_char_p),
    ]


class Message(Structure):
    kept: Any = None

    _fields_ = [
        ("role", c_char_p),
        ("content", c_char_p),
        ("images", POINTER(Image)),
        ("n_images", c_size_t),
        ("images_first", c_bool),
    ]


class Audio(Structure):
    kept: Any = None  # what it points to

    _fields_ = [
        ("path", c_char_p),
        ("bytes", c_void_p),
        ("n_bytes", c_size_t),
        ("name", c_char_p),
        ("samples", POINTER(c_float)),
        ("n_samples", c_size_t),
        ("sample_rate", c_int32),
        ("digest", c_char_p),
    ]


class Sample(Structure):
    kept: Any = None

    _fields_ = [
        ("struct_size", c_uint32),
        ("key", c_char_p),
        ("input", c_char_p),
        ("conversation", POINTER(Message)),
        ("n_messages", c_size_t),
        ("system_prompt", c_char_p),
        ("expected_output", c_char_p),
        ("other_args_json", c_char_p),
        ("audio", POINTER(Audio)),
        ("images", POINTER(Image)),
        ("n_images", c_size_t),
        ("candidates", POINTER(c_char_p)),
        ("n_candidates", c_size_t),
        ("answer_lead", c_char_p),
        ("candidate_texts", c_bool),
    ]


class Output(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("key", c_char_p),
        ("status", c_int),
        ("error", c_char_p),
        ("text", c_char_p),
        ("thinking", c_char_p),
        ("raw_text", c_char_p),
        ("tokens", POINTER(c_int32)),
        ("n_tokens", c_size_t),
        ("n_prompt_tokens", c_size_t),
        ("n_cached_tokens", c_size_t),
        ("finish_reason", c_int),
        ("flags", c_uint),
        ("logprobs", c_void_p),
        ("prompt_logprobs", POINTER(c_float)),
        ("segments_json", c_char_p),
        ("candidate_logits", POINTER(c_float)),
        ("candidate_logprobs", POINTER(c_float)),
        ("n_candidates", c_size_t),
        ("candidate_sums", POINTER(c_double)),
        ("candidate_tokens", POINTER(c_int32)),
        ("candidate_bytes", POINTER(c_int32)),
    ]


OUTPUT_FLAGS = {
    1: "cut",
    2: "prompt_truncated",
    4: "thought_cut",
    8: "special_in_text",
    16: "decided",
}

NextFn = CFUNCTYPE(c_int, c_void_p, POINTER(POINTER(Sample)))
PutFn = CFUNCTYPE(c_int, c_void_p, POINTER(Output))
CancelledFn = CFUNCTYPE(c_bool, c_void_p)
StreamFn = CFUNCTYPE(None, c_void_p, c_char_p, POINTER(ctypes.c_char), c_size_t)
EnoughFn = CFUNCTYPE(c_bool, c_void_p, c_char_p, POINTER(ctypes.c_char), c_size_t)


class RunIo(Structure):
    _fields_ = [
        ("next", NextFn),
        ("put", PutFn),
        ("cancelled", CancelledFn),
        ("stream", StreamFn),
        ("user", c_void_p),
        ("enough", EnoughFn),
    ]


class OptionSpec(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("type", c_int),
        ("default_json", c_char_p),
        ("min", c_double),
        ("max", c_double),
        ("choices", POINTER(c_char_p)),
        ("nullable", c_bool),
        ("required", c_bool),
        ("help", c_char_p),
    ]


LoadFn = CFUNCTYPE(c_int, c_void_p)
PreprocessFn = CFUNCTYPE(c_int, c_void_p, POINTER(Sample), c_void_p)
RunFn = CFUNCTYPE(c_int, c_void_p, POINTER(RunIo))
PostprocessFn = CFUNCTYPE(c_int, c_void_p, POINTER(Output))


class ModelClass(Structure):
    """karma_model_class; the slots that this package never fills are plain pointers."""


ModelClass._fields_ = [
    ("abi_version", c_uint32),
    ("struct_size", c_uint32),
    ("name", c_char_p),
    ("aliases", POINTER(c_char_p)),
    ("base", POINTER(ModelClass)),
    ("options", POINTER(OptionSpec)),
    ("help", c_char_p),
    ("load", LoadFn),
    ("preprocess", PreprocessFn),
    ("run", RunFn),
    ("postprocess", PostprocessFn),
    ("embed", c_void_p),
    ("embedding_dim", c_void_p),
    ("unload", c_void_p),
]
CLASS_ABI = 2


class ModelMetaStruct(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("model_path", c_char_p),
        ("revision", c_char_p),
        ("reference", c_char_p),
        ("description", c_char_p),
        ("loader_class", c_char_p),
        ("loader_kwargs_json", c_char_p),
        ("default_eval_kwargs_json", c_char_p),
        ("model_type", c_int),
        ("modalities", c_uint),
        ("languages", POINTER(c_char_p)),
        ("release_date", c_char_p),
        ("version", c_char_p),
        ("n_parameters", c_int64),
        ("memory_usage_mb", c_int64),
        ("max_tokens", c_int64),
        ("embed_dim", c_int64),
        ("framework", POINTER(c_char_p)),
        ("extra_json", c_char_p),
    ]


class Memory(Structure):
    _fields_ = [("struct_size", c_uint32)] + [
        (name, c_int64)
        for name in ("weights", "own", "cache", "estimate", "current", "peak", "ceiling")
    ]


class EmbedOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("prompt", c_char_p),
        ("prompt_name", c_char_p),
        ("truncate_dim", c_int32),
        ("normalize", c_int),
        ("cancelled", CancelledFn),
        ("user", c_void_p),
    ]


class DatasetInfo(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("description", c_char_p),
        ("task_type", c_char_p),
        ("metrics", POINTER(c_char_p)),
        ("processors", POINTER(c_char_p)),
        ("split", c_char_p),
        ("commit_hash", c_char_p),
        ("options", POINTER(OptionSpec)),
        ("prompt", c_char_p),
        ("extraction", c_char_p),
        ("source", c_char_p),
    ]


class NamedInfo(Structure):
    """karma_metric_info and karma_processor_info."""

    _fields_ = [
        ("name", c_char_p),
        ("description", c_char_p),
        ("options", POINTER(OptionSpec)),
    ]


class MetricResult(Structure):
    _fields_ = [
        ("score", c_double),
        ("n", c_size_t),
        ("standard_error", c_double),
        ("ci_low", c_double),
        ("ci_high", c_double),
        ("method", c_char_p),
    ]


class MetricSample(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("prediction", c_char_p),
        ("reference", c_char_p),
        ("other_args_json", c_char_p),
        ("group", c_char_p),
        ("confidence", c_double),
        ("output", c_char_p),
        ("thinking", c_char_p),
        ("verdicts", POINTER(c_double)),
        ("n_verdicts", c_size_t),
    ]


class EvalOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("datasets", POINTER(c_char_p)),
        ("dataset_args_json", c_char_p),
        ("metric_args_json", c_char_p),
        ("processor_args_json", c_char_p),
        ("output", c_char_p),
        ("format", c_char_p),
        ("store_path", c_char_p),
        ("use_store", c_bool),
        ("refresh", c_bool),
        ("max_samples", c_int64),
        ("dry_run", c_bool),
        ("force", c_bool),
        ("include_content", c_bool),
        ("keep_failed", c_bool),
        ("samples_page", c_char_p),
        ("answer_by", c_char_p),
        ("stop_when_decided", c_bool),
        ("slices", POINTER(c_char_p)),
        ("slice_min", c_int64),
        ("rotations", c_bool),
        ("answers", c_char_p),
        ("answers_model", c_char_p),
        ("missing_answers", c_char_p),
        ("rate_prefill", c_double),
        ("rate_decode", c_double),
        ("protocol", c_char_p),
        ("judge", c_char_p),
        ("judge_args_json", c_char_p),
    ]


class EvalProgress(Structure):
    _fields_ = [
        ("dataset", c_char_p),
        ("dataset_index", c_size_t),
        ("n_datasets", c_size_t),
        ("done", c_size_t),
        ("total", c_size_t),
        ("cached", c_size_t),
        ("failed", c_size_t),
        ("elapsed_s", c_double),
        ("rate", c_double),
        ("remaining_s", c_double),
    ]


ProgressFn = CFUNCTYPE(None, c_void_p, POINTER(EvalProgress))


class EvalEvents(Structure):
    _fields_ = [("progress", ProgressFn), ("cancelled", CancelledFn), ("user", c_void_p)]


class EvalSummary(Structure):
    _fields_ = [
        ("n_datasets", c_size_t),
        ("n_datasets_complete", c_size_t),
        ("n_samples", c_size_t),
        ("n_scored", c_size_t),
        ("n_failed", c_size_t),
        ("n_cached", c_size_t),
        ("elapsed_s", c_double),
        ("partial", c_bool),
        ("results_json", c_char_p),
        ("results_path", c_char_p),
    ]


LogFn = CFUNCTYPE(None, c_void_p, c_int, c_char_p)


def field_names(struct: Any) -> List[str]:
    """The fields of a structure, in their order."""
    return [field[0] for field in struct._fields_]


# ---- functions ----

_text_out = POINTER(c_void_p)  # char **, to be freed
_names_out = POINTER(POINTER(c_char_p))
_count_out = POINTER(c_size_t)

# name: (result, arguments). "status" marks results that are checked: a negative one is raised. The
# status of what runs or is called by hooks is c_int: its caller looks at it.
_STATUS = "status"
_PROTOTYPES: Dict[str, Tuple[Any, Tuple[Any, ...]]] = {
    "karma_version": (c_char_p, ()),
    "karma_system_info": (_STATUS, (_text_out,)),
    "karma_status_name": (c_char_p, (c_int,)),
    "karma_status_from_name": (c_int, (c_char_p,)),
    "karma_error_message": (c_char_p, ()),
    "karma_fail": (c_int, (c_int, c_char_p)),
    "karma_free": (None, (c_void_p,)),
    "karma_set_log": (None, (LogFn, c_void_p)),
    "karma_finish_reason_name": (c_char_p, (c_int,)),
    # models
    "karma_model_create": (_STATUS, (c_char_p, c_char_p, POINTER(c_void_p))),
    "karma_model_create_as": (
        _STATUS,
        (POINTER(ModelClass), c_char_p, c_char_p, POINTER(c_void_p)),
    ),
    "karma_model_load": (_STATUS, (c_void_p,)),
    "karma_model_is_loaded": (c_bool, (c_void_p,)),
    "karma_model_unload": (None, (c_void_p,)),
    "karma_model_destroy": (None, (c_void_p,)),
    "karma_model_run": (c_int, (c_void_p, POINTER(RunIo))),
    "karma_model_preprocess": (_STATUS, (c_void_p, POINTER(Sample), _text_out)),
    "karma_model_postprocess": (_STATUS, (c_void_p, c_char_p, _text_out)),
    "karma_model_to": (_STATUS, (c_void_p, c_char_p)),
    "karma_model_repr": (_STATUS, (c_void_p, _text_out)),
    "karma_model_name": (c_char_p, (c_void_p,)),
    "karma_model_requested_name": (c_char_p, (c_void_p,)),
    "karma_model_fallback_reason": (c_char_p, (c_void_p,)),
    "karma_model_path": (c_char_p, (c_void_p,)),
    "karma_model_args": (c_char_p, (c_void_p,)),
    "karma_model_get_class": (POINTER(ModelClass), (c_void_p,)),
    "karma_model_num_parameters": (c_int64, (c_void_p,)),
    "karma_model_info": (_STATUS, (c_void_p, _text_out)),
    "karma_model_memory": (_STATUS, (c_void_p, POINTER(Memory))),
    "karma_model_vocab_size": (c_int32, (c_void_p,)),
    "karma_tokenize": (
        _STATUS,
        (c_void_p, c_char_p, c_size_t, c_bool, POINTER(POINTER(c_int32)), _count_out),
    ),
    "karma_detokenize": (_STATUS, (c_void_p, POINTER(c_int32), c_size_t, c_bool, _text_out)),
    "karma_apply_chat_template": (
        _STATUS,
        (
            c_void_p,
            POINTER(Message),
            c_size_t,
            c_char_p,
            c_bool,
            _text_out,
            POINTER(POINTER(c_int32)),
            _count_out,
        ),
    ),
    "karma_session_create": (_STATUS, (c_void_p, c_int32, POINTER(c_void_p))),
    "karma_session_destroy": (None, (c_void_p,)),
    "karma_session_feed_all": (
        _STATUS,
        (c_void_p, POINTER(c_int32), c_size_t, POINTER(c_float)),
    ),
    # classes
    "karma_find_model_class": (_STATUS, (c_char_p, POINTER(POINTER(ModelClass)))),
    "karma_base_load": (c_int, (POINTER(ModelClass), c_void_p)),
    "karma_base_preprocess": (
        c_int,
        (POINTER(ModelClass), c_void_p, POINTER(Sample), c_void_p),
    ),
    "karma_base_run": (c_int, (POINTER(ModelClass), c_void_p, POINTER(RunIo))),
    "karma_base_postprocess": (c_int, (POINTER(ModelClass), c_void_p, POINTER(Output))),
    "karma_prompt_add_message": (c_int, (c_void_p, POINTER(Message))),
    "karma_prompt_add_image": (c_int, (c_void_p, c_size_t, POINTER(Image))),
    "karma_prompt_raw": (c_int, (c_void_p, c_char_p)),
    "karma_output_set_text": (c_int, (POINTER(Output), c_char_p, c_size_t)),
    "karma_output_set_thinking": (c_int, (POINTER(Output), c_char_p, c_size_t)),
    # embeddings
    "karma_embed_defaults": (EmbedOptions, ()),
    "karma_model_embedding_dim": (c_int64, (c_void_p, POINTER(EmbedOptions))),
    "karma_model_embed": (
        _STATUS,
        (
            c_void_p,
            POINTER(c_char_p),
            c_size_t,
            POINTER(EmbedOptions),
            POINTER(c_float),
            _count_out,
        ),
    ),
    "karma_model_similarity_kind": (c_int, (c_void_p,)),
    "karma_model_set_corpus": (
        _STATUS,
        (c_void_p, POINTER(c_char_p), POINTER(c_char_p), c_size_t),
    ),
    # registries
    "karma_register_model_meta": (_STATUS, (POINTER(ModelMetaStruct),)),
    "karma_get_model_meta": (_STATUS, (c_char_p, POINTER(POINTER(ModelMetaStruct)))),
    "karma_model_meta_to_json": (_STATUS, (POINTER(ModelMetaStruct), _text_out)),
    "karma_is_registered": (c_bool, (c_char_p,)),
    "karma_unregister_model": (c_bool, (c_char_p,)),
    "karma_clear_registry": (None, ()),
    "karma_list_models": (_STATUS, (_names_out, _count_out)),
    "karma_list_datasets": (_STATUS, (_names_out, _count_out)),
    "karma_get_dataset_info": (_STATUS, (c_char_p, POINTER(POINTER(DatasetInfo)))),
    "karma_dataset_open": (_STATUS, (c_char_p, c_char_p, POINTER(c_void_p))),
    "karma_dataset_close": (None, (c_void_p,)),
    "karma_dataset_count": (c_size_t, (c_void_p,)),
    "karma_dataset_get": (_STATUS, (c_void_p, c_size_t, POINTER(POINTER(Sample)))),
    "karma_dataset_args": (c_char_p, (c_void_p,)),
    "karma_list_metrics": (_STATUS, (_names_out, _count_out)),
    "karma_get_metric_info": (_STATUS, (c_char_p, POINTER(POINTER(NamedInfo)))),
    "karma_metric_create": (_STATUS, (c_char_p, c_char_p, POINTER(c_void_p))),
    "karma_metric_add": (_STATUS, (c_void_p, c_char_p, c_char_p, POINTER(c_double))),
    "karma_metric_add_sample": (_STATUS, (c_void_p, POINTER(MetricSample), POINTER(c_double))),
    "karma_metric_details": (_STATUS, (c_void_p, POINTER(c_char_p))),
    "karma_metric_end": (_STATUS, (c_void_p, POINTER(MetricResult))),
    "karma_metric_destroy": (None, (c_void_p,)),
    "karma_list_processors": (_STATUS, (_names_out, _count_out)),
    "karma_get_processor_info": (_STATUS, (c_char_p, POINTER(POINTER(NamedInfo)))),
    "karma_processor_create": (_STATUS, (c_char_p, c_char_p, POINTER(c_void_p))),
    "karma_processor_run": (_STATUS, (c_void_p, c_char_p, POINTER(c_char_p))),
    "karma_processor_destroy": (None, (c_void_p,)),
    # plugins
    "karma_load_plugin": (_STATUS, (c_char_p,)),
    "karma_load_user_plugins": (_STATUS, ()),
    "karma_list_plugins": (_STATUS, (_text_out,)),
    "karma_isolate_plugins": (None, (c_bool,)),
    # evaluation
    "karma_eval_defaults": (EvalOptions, ()),
    "karma_eval_run": (
        c_int,
        (c_void_p, POINTER(EvalOptions), POINTER(EvalEvents), POINTER(EvalSummary)),
    ),
}


def _places() -> List[str]:
    """Where the library may be, best first."""
    given = os.environ.get("KARMA_LIBRARY")
    if given:
        return [given]
    here = os.path.dirname(os.path.abspath(__file__))
    tree = os.path.dirname(os.path.dirname(here))
    places = [os.path.join(here, "_lib", name) for name in (SONAME, "libkarma.so")]
    if os.path.exists(os.path.join(tree, "include", "karma", "karma.h")):
        places.append(os.path.join(tree, "build", "libkarma.so"))
    places = [path for path in places if os.path.exists(path)]
    found = ctypes.util.find_library("karma")
    return places + ([found] if found else []) + [SONAME, "libkarma.so"]


def _open() -> Tuple[ctypes.CDLL, str]:
    failures = []
    for path in _places():
        try:
            # Plugins find the library's functions among the process's global ones.
            return ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL), path
        except OSError as error:
            failures.append(f"{path}: {error}")
    raise KarmaError(
        "libkarma was not found; set KARMA_LIBRARY to its path or install it. Tried: "
        + "; ".join(failures),
        "E_IO",
    )


def _series(version: str) -> Tuple[str, ...]:
    """Interfaces may change with the second number until the first is 1."""
    return tuple(version.split(".")[:2])


class Library:
    """The loaded library. Attributes are its functions; status results are checked."""

    def __init__(self) -> None:
        self._dll, self.path = _open()
        self.version = self._version()
        if _series(self.version) != _series(__version__):
            raise KarmaError(
                f"{self.path} is libkarma {self.version}, and this package is made for "
                f"{__version__}",
                "E_ABI",
            )
        self._log = LogFn(_on_log)
        self.karma_set_log(self._log, None)
        # A line that arrives while the interpreter goes down has nowhere to go.
        atexit.register(self.karma_set_log, LogFn(), None)

    def _version(self) -> str:
        try:
            return str(self.karma_version().decode())
        except KarmaError:
            raise KarmaError(f"{self.path} is not libkarma: no karma_version", "E_ABI") from None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in _PROTOTYPES:
            raise AttributeError(name)
        result, arguments = _PROTOTYPES[name]
        try:
            raw = getattr(self._dll, name)
        except AttributeError:
            raise KarmaError(
                f"{self.path} (libkarma {self.__dict__.get('version', '?')}) has no {name}",
                "E_UNSUPPORTED",
            ) from None
        raw.argtypes = arguments
        raw.restype = c_int if result is _STATUS else result
        function = self._checked(raw) if result is _STATUS else raw
        self.__dict__[name] = function
        return function

    def _checked(self, raw: Callable[..., int]) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            status = raw(*arguments)
            if status < 0:
                raise self.error(status)
            return status

        return call

    def error(self, status: int, index: Optional[int] = None) -> KarmaError:
        """The exception for a status that this thread was just given."""
        message = self.karma_error_message().decode("utf-8", "replace")
        return error_of(self.status_name(status), message, index)

    def status_name(self, status: int) -> str:
        return str(self.karma_status_name(status).decode())

    # ---- results that the caller owns ----

    def text(self, name: str, *arguments: Any) -> str:
        """The text of a call whose last parameter is char **."""
        out = c_void_p()
        getattr(self, name)(*arguments, ctypes.byref(out))
        try:
            return ctypes.string_at(out.value).decode("utf-8") if out.value else ""
        finally:
            self.karma_free(out)

    def json(self, name: str, *arguments: Any) -> Any:
        return json.loads(self.text(name, *arguments))

    def names(self, name: str, *arguments: Any) -> List[str]:
        """The names of a call that ends with char ***names, size_t *count."""
        block, count = POINTER(c_char_p)(), c_size_t()
        getattr(self, name)(*arguments, ctypes.byref(block), ctypes.byref(count))
        try:
            return [decode(block[i]) or "" for i in range(count.value)]
        finally:
            self.karma_free(ctypes.cast(block, c_void_p))


def _on_log(user: Any, level: int, line: Optional[bytes]) -> None:
    try:
        logger.log(logging.WARNING if level else logging.INFO, "%s", decode(line))
    except Exception:  # a broken handler must not reach C
        logger.debug("a log handler failed", exc_info=True)


_library: Optional[Library] = None
_lock = threading.Lock()


def library() -> Library:
    """The library, loaded at the first call."""
    global _library
    if _library is None:
        with _lock:
            if _library is None:
                _library = Library()
    return _library


# ---- text ----


def encode(text: Optional[str], what: str = "text") -> Optional[bytes]:
    """UTF-8 for C. A character that C's strings cannot hold is an error, never cut off."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise error_of("E_USAGE", f"{what}: expected str, found {type(text).__name__}")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise error_of("E_ENCODING", f"{what}: not valid Unicode: {error.reason}") from error
    if b"\0" in data:
        raise error_of("E_ENCODING", f"{what}: holds U+0000")
    return data


def decode(data: Optional[bytes]) -> Optional[str]:
    return None if data is None else data.decode("utf-8", "replace")


def encode_json(value: Any, what: str) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise error_of("E_USAGE", f"{what}: {error}") from error
    data = encode(text, what)
    assert data is not None
    return data


def string_list(texts: Optional[List[bytes]]) -> Any:
    """A NULL-terminated char *[]; None gives NULL."""
    if texts is None:
        return None
    return (c_char_p * (len(texts) + 1))(*texts, None)


def read_list(block: Any) -> List[str]:
    """The strings of a NULL-terminated char *[]."""
    out: List[str] = []
    while block and block[len(out)] is not None:
        out.append(decode(block[len(out)]) or "")
    return out


def read_options(table: Any) -> List[Dict[str, Any]]:
    """An option table as dictionaries."""
    kinds = ("int", "real", "bool", "string", "json")
    out: List[Dict[str, Any]] = []
    while table and table[len(out)].name is not None:
        spec = table[len(out)]
        entry: Dict[str, Any] = {"name": decode(spec.name), "type": kinds[spec.type]}
        if spec.default_json is not None:
            entry["default"] = json.loads(spec.default_json)
        if spec.max > spec.min:
            entry["min"], entry["max"] = spec.min, spec.max
        if spec.choices:
            entry["choices"] = read_list(spec.choices)
        entry["nullable"] = bool(spec.nullable)
        entry["required"] = bool(spec.required)
        entry["help"] = decode(spec.help) or ""
        out.append(entry)
    return out
