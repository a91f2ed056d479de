"""What is known of a model before it is loaded."""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional

from ._record import REQUIRED, Problem, Record, factory


class ModelType(str, Enum):
    """What a model does. Members equal their values, which is what is stored and printed."""

    TEXT_GENERATION = "text_generation"
    AUDIO_RECOGNITION = "audio_recognition"
    EMBEDDING = "embedding"
    MULTIMODAL = "multimodal"

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)


class ModalityType(str, Enum):
    """What a model takes in."""

    TEXT = "text"
    AUDIO = "audio"
    IMAGE = "image"
    VIDEO = "video"

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)


class ModelMeta(Record):
    """A model's name, its class, that class's arguments, and what is known of the checkpoint.

    Built from keywords; a wrong value is a ValidationError (a ValueError), on assignment too. Keys
    beyond those declared are kept. Nothing is imported: ``loader_class`` is only a name until
    ``get_loader_class()``.
    """

    _extra: ClassVar[str] = "allow"
    _quiet: ClassVar[FrozenSet[str]] = frozenset(
        ["n_parameters", "memory_usage_mb", "max_tokens", "embed_dim", "framework"]
    )

    name: str = REQUIRED
    model_path: Optional[str] = None
    revision: Optional[str] = None
    reference: Optional[str] = None
    description: Optional[str] = None
    loader_class: str = REQUIRED
    loader_kwargs: Dict[str, Any] = factory(dict)
    default_eval_kwargs: Dict[str, Any] = factory(dict)
    model_type: ModelType = REQUIRED
    modalities: List[ModalityType] = factory(lambda: [ModalityType.TEXT.value])
    languages: Optional[List[str]] = factory(lambda: ["eng-Latn"])
    release_date: Optional[str] = None
    version: Optional[str] = None
    n_parameters: Optional[int] = None
    memory_usage_mb: Optional[int] = None
    max_tokens: Optional[int] = None
    embed_dim: Optional[int] = None
    framework: Optional[List[str]] = None

    def _validate(self, name: str, value: Any) -> Any:
        if name == "languages" and not value:
            return ["eng-Latn"]
        if name in ("name", "loader_class") and not value:
            raise Problem("must not be empty")
        if name in ("n_parameters", "memory_usage_mb", "max_tokens", "embed_dim"):
            if value is not None and value < 0:
                raise Problem(f"expected a number from 0, found {value}")
        return value

    def get_loader_class(self) -> Any:
        """The class: what the dotted path names, else a known class of its last part.

        ValueError ``Invalid loader class path: ...`` when there is neither.
        """
        from ..models._lookup import loader_class

        return loader_class(self.loader_class)

    def merge_kwargs(self, override_kwargs: Optional[Mapping[str, Any]] = None) -> Dict[str, Any]:
        """``loader_kwargs`` overlaid with others; nested mappings are replaced, not merged."""
        merged = dict(self.loader_kwargs)
        merged.update(override_kwargs or {})
        return merged

    def is_compatible_with_modality(self, modality: ModalityType) -> bool:
        return modality in self.modalities

    def get_model_info(self) -> Dict[str, Any]:
        return {
            "name": self.name,
            "type": self.model_type,
            "modalities": list(self.modalities),
            "languages": self.languages,
            "version": self.version or self.revision,
        }
