"""IndicConformer: speech recognition for Indian languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Optional, Tuple

from ._catalog import constants
from .base_model_abs import BaseModel

if TYPE_CHECKING:
    from ..data_models.model_meta import ModelMeta

    INDIC_CONFORMER_MULTILINGUAL_META: ModelMeta


class IndicConformerASR(BaseModel):
    """Metadata and arguments are complete; loading is the C library's to do, and it says what it
    cannot."""

    _c_names: ClassVar[Tuple[str, ...]] = ("IndicConformerASR",)

    def __init__(
        self, model_name_or_path: str, device: Optional[str] = "cpu", **kwargs: Any
    ) -> None:
        super().__init__(model_name_or_path=model_name_or_path, device=device, **kwargs)


__getattr__ = constants(
    __name__,
    {"INDIC_CONFORMER_MULTILINGUAL_META": "ai4bharat/indic-conformer-600m-multilingual"},
)
