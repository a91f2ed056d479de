"""The embedding model by upstream's name."""

from __future__ import annotations

from typing import ClassVar, Tuple

from .embedding import EmbeddingModel


class HFEmbeddingBaseModel(EmbeddingModel):
    """EmbeddingModel with upstream's arguments: max_length, k_values, pooling, score."""

    _c_names: ClassVar[Tuple[str, ...]] = ("HFEmbeddingBaseModel",)
