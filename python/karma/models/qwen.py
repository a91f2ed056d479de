"""Qwen3: thinks before it answers, if asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Optional, Tuple

from ._catalog import constants
from .base_model_abs import BaseModel

if TYPE_CHECKING:
    from ..data_models.model_meta import ModelMeta

    QwenModel3_06B: ModelMeta
    QwenModel_1_7B: ModelMeta


class QwenThinkingLLM(BaseModel):
    """Made directly, enable_thinking is off; the registered metas switch it on. The thought is in
    run_with_metadata(), apart from the answer."""

    _c_names: ClassVar[Tuple[str, ...]] = ("QwenThinkingLLM",)

    def __init__(
        self, model_name_or_path: str, device: Optional[str] = None, **kwargs: Any
    ) -> None:
        super().__init__(model_name_or_path=model_name_or_path, device=device, **kwargs)

    def parse_thinking_content(self, output: str) -> Tuple[str, str]:
        """Thought and answer of a generated text; a text without an end of thought is an answer."""
        thought, mark, rest = output.partition("</think>")
        if not mark:
            return "", output.strip()
        return thought.replace("<think>", "").strip(), rest.partition("</think>")[0].strip()


__getattr__ = constants(
    __name__, {"QwenModel3_06B": "Qwen/Qwen3-0.6B", "QwenModel_1_7B": "Qwen/Qwen3-1.7B"}
)
