"""What ``model.model`` and ``model.tokenizer`` are: views of a loaded C model."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_float, c_int32, c_size_t, c_void_p
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Union

from .._native import Memory, Message, decode, encode, encode_json, field_names
from ..data_models.dataloader_iterable import ConversationTurn
from ..errors import error_of

if TYPE_CHECKING:
    import numpy

    from ._core import Core


class _View:
    """Refuses to work once the model was unloaded, also when it was loaded again."""

    def __init__(self, core: "Core"):
        self._core = core
        self._generation = core.generation

    @property
    def is_valid(self) -> bool:
        return self._core.is_loaded and self._core.generation == self._generation

    def _need(self) -> "Core":
        if not self.is_valid:
            raise error_of("E_USAGE", "this model was unloaded")
        return self._core


class LoadedModel(_View):
    """A loaded model of the C library."""

    def __init__(self, core: "Core"):
        super().__init__(core)
        self.tokenizer = Tokenizer(core)

    @property
    def name(self) -> str:
        """The name it answers to; after a fall-back, the one that was loaded."""
        core = self._need()
        return decode(core.lib.karma_model_name(core.address)) or ""

    @property
    def path(self) -> str:
        """Where the checkpoint lies."""
        core = self._need()
        return decode(core.lib.karma_model_path(core.address)) or ""

    @property
    def num_parameters(self) -> int:
        core = self._need()
        return int(core.lib.karma_model_num_parameters(core.address))

    @property
    def vocab_size(self) -> int:
        core = self._need()
        return int(core.lib.karma_model_vocab_size(core.address))

    def info(self) -> Dict[str, Any]:
        core = self._need()
        info: Dict[str, Any] = core.lib.json("karma_model_info", core.address)
        return info

    def memory(self) -> Dict[str, int]:
        """Bytes: weights, own, cache, estimate, current, peak, ceiling."""
        core = self._need()
        out = Memory(struct_size=ctypes.sizeof(Memory))
        core.lib.karma_model_memory(core.address, byref(out))
        return {name: getattr(out, name) for name in field_names(Memory)[1:]}

    def logits(self, ids: Sequence[int]) -> "numpy.ndarray[Any, Any]":
        """float32 [n, vocab_size]: after each of these tokens, from an empty context."""
        import numpy

        core, n = self._need(), len(ids)
        out = numpy.empty((n, self.vocab_size), dtype=numpy.float32)
        session = c_void_p()
        with core.use():
            core.lib.karma_session_create(core.address, max(n, 1), byref(session))
            try:
                core.lib.karma_session_feed_all(
                    session, (c_int32 * n)(*ids), n, out.ctypes.data_as(POINTER(c_float))
                )
            finally:
                core.lib.karma_session_destroy(session)
        return out

    def __repr__(self) -> str:
        if not self.is_valid:
            return "<LoadedModel, unloaded>"
        return f"<LoadedModel {self.name!r}, {self.num_parameters} parameters>"


class Tokenizer(_View):
    """Text to token ids and back."""

    @property
    def vocab_size(self) -> int:
        core = self._need()
        return int(core.lib.karma_model_vocab_size(core.address))

    def __len__(self) -> int:
        return self.vocab_size

    def encode(self, text: str, add_special_tokens: bool = True) -> List[int]:
        core = self._need()
        # With its length, so that a text may hold U+0000.
        data = text.encode("utf-8")
        ids, count = POINTER(c_int32)(), c_size_t()
        core.lib.karma_tokenize(
            core.address, data, len(data), add_special_tokens, byref(ids), byref(count)
        )
        try:
            return list(ids[: count.value])
        finally:
            core.lib.karma_free(ctypes.cast(ids, c_void_p))

    def decode(self, ids: Union[int, Sequence[int]], skip_special_tokens: bool = False) -> str:
        core = self._need()
        if isinstance(ids, int):
            ids = [ids]
        array = (c_int32 * len(ids))(*ids)
        return core.lib.text("karma_detokenize", core.address, array, len(ids), skip_special_tokens)

    def apply_chat_template(
        self,
        conversation: Sequence[Union[Mapping[str, str], ConversationTurn]],
        tokenize: bool = True,
        **variables: Any,
    ) -> Union[str, List[int]]:
        """Messages rendered for an answer to follow: ids, or with tokenize=False the text."""
        core = self._need()
        turns = [ConversationTurn.model_validate(turn) for turn in conversation]
        messages = (Message * len(turns))(
            *[Message(encode(t.role, "role"), encode(t.content, "content")) for t in turns]
        )
        given: Optional[bytes] = encode_json(variables, "variables") if variables else None
        text, ids, count = c_void_p(), POINTER(c_int32)(), c_size_t()
        core.lib.karma_apply_chat_template(
            core.address, messages, len(turns), given, False, byref(text), byref(ids), byref(count)
        )
        try:
            if tokenize:
                return list(ids[: count.value])
            return decode(ctypes.cast(text, c_char_p).value) or ""
        finally:
            core.lib.karma_free(text)
            core.lib.karma_free(ctypes.cast(ids, c_void_p))
