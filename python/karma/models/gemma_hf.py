"""Gemma 3 and the MedGemma checkpoints on its general loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Optional, Tuple

from ._catalog import constants
from .base_model_abs import BaseModel

if TYPE_CHECKING:
    from ..data_models.model_meta import ModelMeta

    MedGemma15_4B_IT: ModelMeta
    Gemma3_4B_IT: ModelMeta
    MedGemma27B_TextIT: ModelMeta
    Gemma3_27B_IT: ModelMeta


class GemmaHFLLM(BaseModel):
    """With few_shot=True the input is the whole prompt: no chat template."""

    _c_names: ClassVar[Tuple[str, ...]] = ("GemmaHFLLM", "GemmaModel")

    def __init__(
        self, model_name_or_path: str, device: Optional[str] = None, **kwargs: Any
    ) -> None:
        super().__init__(model_name_or_path=model_name_or_path, device=device, **kwargs)


class GemmaModel(GemmaHFLLM):
    """GemmaHFLLM by the name of its C class."""

    _c_names: ClassVar[Tuple[str, ...]] = ("GemmaModel",)


__getattr__ = constants(
    __name__,
    {
        "MedGemma15_4B_IT": "google/medgemma-1.5-4b-it",
        "Gemma3_4B_IT": "google/gemma-3-4b-it",
        "MedGemma27B_TextIT": "google/medgemma-27b-text-it",
        "Gemma3_27B_IT": "google/gemma-3-27b-it",
    },
)
