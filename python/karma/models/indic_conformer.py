"""IndicConformer: speech recognition for Indian languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Optional, Tuple

from ._catalog import constants
from .base_model_abs import BaseModel

if TYPE_CHECKING:
    from ..data_models.model_meta import ModelMeta

    INDIC_CONFORMER_MULTILINGUAL_META: ModelMeta


class IndicConformerASR(BaseModel):
    """Recordings to text: run() takes samples with audio (bytes of a file, a path, or samples and
    their rate), or the paths of files as strings. A sample's other_args may name its language. With
    timestamps="word", run_with_metadata() has words and their times under "speech"."""

    _c_names: ClassVar[Tuple[str, ...]] = ("IndicConformerASR",)

    def __init__(
        self, model_name_or_path: str, device: Optional[str] = "cpu", **kwargs: Any
    ) -> None:
        super().__init__(model_name_or_path=model_name_or_path, device=device, **kwargs)


__getattr__ = constants(
    __name__,
    {"INDIC_CONFORMER_MULTILINGUAL_META": "ai4bharat/indic-conformer-600m-multilingual"},
)
