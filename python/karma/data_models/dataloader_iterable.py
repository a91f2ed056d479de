"""One sample for a model, and the parts it is made of."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, FrozenSet, List, Literal, Optional

from ._record import REQUIRED, Record, factory


class ConversationTurn(Record):
    """One turn; ``images`` are shown with it, after its words unless ``images_first``."""

    _quiet: ClassVar[FrozenSet[str]] = frozenset(["images", "images_first"])

    content: str = REQUIRED
    role: str = REQUIRED
    images: Any = None
    images_first: Optional[bool] = None


class Conversation(Record):
    conversation_turns: List[ConversationTurn] = REQUIRED


class RubricCriteria(Record):
    """One thing an answer is judged by; points may be negative."""

    criterion: str = REQUIRED
    points: float = REQUIRED
    tags: List[str] = factory(list)


class ToolPolicy(Record):
    tool_instruction: Optional[str] = None
    first_turn_tool_choice: Literal["auto", "required"] = "auto"
    later_turn_tool_choice: Literal["auto", "required"] = "auto"
    force_tool_call_name: Optional[str] = None


class DataLoaderIterable(Record):
    """One sample. Every field may be left out; unknown ones are dropped.

    ``images``, one or a list, are shown with the last user turn: the bytes of a file, a path, a data
    URL, an image of PIL, an array of pixels, or a mapping with "bytes" or "path" (and "frame").
    """

    input: Optional[str] = None
    images: Any = None
    expected_output: Any = None
    audio: Any = None
    other_args: Optional[Dict[str, Any]] = None
    conversation: Optional[Conversation] = None
    rubric_to_evaluate: Optional[List[RubricCriteria]] = None
    system_prompt: Optional[str] = None
    tool_policy: Optional[ToolPolicy] = None

    def model_dump(self, *, exclude_none: bool = True) -> Dict[str, Any]:
        """The fields that are not null."""
        return super().model_dump(exclude_none=exclude_none)
