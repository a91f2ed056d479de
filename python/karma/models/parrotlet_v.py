"""Parrotlet-V-lite: MedGemma 4B fine-tuned on medical records."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Tuple

from ._catalog import constants
from .medgemma import MedGemmaLLM

if TYPE_CHECKING:
    from ..data_models.model_meta import ModelMeta

    ParrotletVLiteModel: ModelMeta


class ParrotletVLiteLLM(MedGemmaLLM):
    _c_names: ClassVar[Tuple[str, ...]] = ("ParrotletVLiteLLM",)


__getattr__ = constants(__name__, {"ParrotletVLiteModel": "ekacare/parrotlet-v-lite-4b"})
