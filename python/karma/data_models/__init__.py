"""Data models: what a model is (ModelMeta) and what it is asked (DataLoaderIterable)."""

from .dataloader_iterable import (
    Conversation,
    ConversationTurn,
    DataLoaderIterable,
    RubricCriteria,
    ToolPolicy,
)
from .model_meta import ModalityType, ModelMeta, ModelType

__all__ = [
    "Conversation",
    "ConversationTurn",
    "DataLoaderIterable",
    "ModalityType",
    "ModelMeta",
    "ModelType",
    "RubricCriteria",
    "ToolPolicy",
]
