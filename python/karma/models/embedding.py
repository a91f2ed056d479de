"""Embedding models: one vector for each text, as numpy arrays."""

from __future__ import annotations

import json
from ctypes import POINTER, byref, c_float, c_size_t
from typing import TYPE_CHECKING, Any, ClassVar, Dict, Optional, Sequence, Tuple, Union

from .._native import CancelledFn, encode, string_list
from ..data_models.dataloader_iterable import DataLoaderIterable
from ..errors import KarmaArgumentError, KarmaCancelled, error_of
from ._core import samples_of
from ._samples import interruptible, text_of
from .base_model_abs import BaseModel

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

Texts = Union[str, Sequence[str]]

_KINDS = ("cosine", "dot", "euclidean", "manhattan")


class EmbeddingModel(BaseModel):
    """A sentence-transformers folder, a BERT, or a decoder made for embeddings."""

    _c_names: ClassVar[Tuple[str, ...]] = ("EmbeddingModel", "HFEmbeddingBaseModel")

    def __init__(
        self, model_name_or_path: str, device: Optional[str] = None, **kwargs: Any
    ) -> None:
        super().__init__(model_name_or_path=model_name_or_path, device=device, **kwargs)
        self._set("_has_corpus", False)

    @property
    def embedding_dim(self) -> int:
        """Components of a vector; 0 when not loaded."""
        return int(self._core.lib.karma_model_embedding_dim(self._core.address, None))

    def encode(
        self,
        sentences: Texts,
        prompt: Optional[str] = None,
        prompt_name: Optional[str] = None,
        normalize_embeddings: Optional[bool] = None,
        truncate_dim: Optional[int] = None,
    ) -> "Array":
        """float32 [n, dim] for a list of texts, [dim] for one text.

        prompt is put before every text, prompt_name is one of the checkpoint's. What is None is as
        the arguments and the checkpoint say.
        """
        import numpy

        single = isinstance(sentences, str)
        texts = [sentences] if isinstance(sentences, str) else list(sentences)
        data = []
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"text {i}: expected str, found {type(text).__name__}")
            data.append(encode(text, f"text {i}") or b"")
        if not self._core.is_loaded:
            self.load_model()
        lib = self._core.lib
        options = lib.karma_embed_defaults()
        options.prompt = encode(prompt, "prompt")
        options.prompt_name = encode(prompt_name, "prompt_name")
        if normalize_embeddings is not None:
            options.normalize = int(normalize_embeddings)
        if truncate_dim is not None:
            options.truncate_dim = truncate_dim
        with self._core.use() as address:
            dim = int(lib.karma_model_embedding_dim(address, byref(options)))
            if dim <= 0:
                raise error_of("E_UNSUPPORTED", f"{self.model_name_or_path}: makes no vectors")
            out = numpy.empty((len(texts), dim), dtype=numpy.float32)
            with interruptible() as came:
                if came is not None:
                    options.cancelled = CancelledFn(lambda _user: bool(came))
                try:
                    lib.karma_model_embed(
                        address,
                        string_list(data),
                        len(data),
                        byref(options),
                        out.ctypes.data_as(POINTER(c_float)),
                        byref(c_size_t()),
                    )
                except KarmaCancelled:
                    if not came:
                        raise
        return out[0] if single else out

    def embed(self, texts: Texts, **kwargs: Any) -> "Array":
        """encode() by its other name."""
        return self.encode(texts, **kwargs)

    def encode_query(self, sentences: Texts, **kwargs: Any) -> "Array":
        """encode() with the prompt that the checkpoint has for queries, if it has one."""
        return self._encode_as(("query",), sentences, kwargs)

    def encode_document(self, sentences: Texts, **kwargs: Any) -> "Array":
        """encode() with the prompt that the checkpoint has for documents, if it has one."""
        return self._encode_as(("document", "passage", "corpus"), sentences, kwargs)

    def _encode_as(
        self, names: Tuple[str, ...], sentences: Texts, kwargs: Dict[str, Any]
    ) -> "Array":
        """By the first of these prompts that the checkpoint has, else by its default one."""
        if "prompt" in kwargs or "prompt_name" in kwargs:
            return self.encode(sentences, **kwargs)
        for name in names:
            try:
                return self.encode(sentences, prompt_name=name, **kwargs)
            except KarmaArgumentError as error:
                if not error.message.startswith("prompt_name: there is no prompt"):
                    raise
        return self.encode(sentences, **kwargs)

    @property
    def similarity_fn_name(self) -> str:
        """How vectors are compared: cosine, dot, euclidean or manhattan."""
        return _KINDS[self._core.lib.karma_model_similarity_kind(self._core.address)]

    def similarity(self, a: Any, b: Any) -> "Array":
        """float32 [n, m]: how alike each vector of a is to each of b; larger is more alike."""
        import numpy

        x = numpy.atleast_2d(numpy.asarray(a, dtype=numpy.float64))
        y = numpy.atleast_2d(numpy.asarray(b, dtype=numpy.float64))
        kind = self.similarity_fn_name
        if kind == "cosine":
            # A vector of zeros is like none, not NaN.
            x = x / numpy.maximum(numpy.linalg.norm(x, axis=1, keepdims=True), 1e-300)
            y = y / numpy.maximum(numpy.linalg.norm(y, axis=1, keepdims=True), 1e-300)
        if kind in ("cosine", "dot"):
            scores = x @ y.T
        else:
            gaps = x[:, None, :] - y[None, :, :]
            scores = -numpy.linalg.norm(gaps, ord=2 if kind == "euclidean" else 1, axis=2)
        return numpy.asarray(scores, dtype=numpy.float32)

    def set_corpus(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        """Documents that run() ranks its inputs against; none: run() gives vectors again."""
        if len(ids) != len(texts):
            raise ValueError(f"{len(ids)} ids for {len(texts)} texts")
        if not self._core.is_loaded:
            self.load_model()
        with self._core.use() as address:
            self._core.lib.karma_model_set_corpus(
                address,
                string_list([encode(i, "id") or b"" for i in ids]),
                string_list([encode(t, "text") or b"" for t in texts]),
                len(ids),
            )
        self._set("_has_corpus", bool(ids))

    def run(self, inputs: Any, **kwargs: Any) -> Any:
        """The vectors of texts; with a corpus, for each text {id: score}, best first."""
        if not self._has_corpus:
            samples, single = samples_of(inputs)
            vectors = self.encode([text_of(s) for s in samples], **kwargs)
            return vectors[0] if single else vectors
        answers = super().run(inputs, **kwargs)
        if isinstance(inputs, (str, DataLoaderIterable)):
            return json.loads(answers)
        return [json.loads(answer) for answer in answers]
