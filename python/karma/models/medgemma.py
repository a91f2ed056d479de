"""MedGemma 4B.

``MedGemmaModel`` is a class here, as the models reference uses it. The metadata that upstream keeps
under that name is ``karma.registries.model_registry.get_model_meta("google/medgemma-4b-it")``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Optional, Tuple

from .gemma_hf import GemmaHFLLM


class MedGemmaLLM(GemmaHFLLM):
    """MedGemma; its defaults differ from GemmaHFLLM's in temperature and top_k."""

    _c_names: ClassVar[Tuple[str, ...]] = ("MedGemmaLLM", "MedGemmaModel")

    def __init__(
        self, model_name_or_path: str, device: Optional[str] = None, **kwargs: Any
    ) -> None:
        super().__init__(model_name_or_path=model_name_or_path, device=device, **kwargs)


class MedGemmaModel(MedGemmaLLM):
    """MedGemmaLLM by the name of its C class."""

    _c_names: ClassVar[Tuple[str, ...]] = ("MedGemmaModel",)
