"""What karma raises: one class for each kind of failure a caller can act on.

Every error of the C library is a :class:`KarmaError` with the library's one line as its text and
the name of its status (``E_USAGE``). Some are also the built-in exception that Python users expect.
"""

from __future__ import annotations

from typing import Dict, Optional, Type

__all__ = [
    "KarmaArgumentError",
    "KarmaCancelled",
    "KarmaError",
    "KarmaMemoryError",
    "KarmaNotFoundError",
    "ValidationError",
]


class KarmaError(RuntimeError):
    """A failure in the C library, or in a hook that it called.

    ``status`` is the name of the status, ``message`` the library's line. ``index`` is the number,
    from 0, of the input that failed, where one did; ``__cause__`` then holds the exception of the
    Python hook, if it was one.
    """

    def __init__(self, message: str, status: str = "E_INTERNAL", index: Optional[int] = None):
        super().__init__(message)
        self.message = message
        self.status = status
        self.index = index


class KarmaArgumentError(KarmaError, TypeError, ValueError):
    """An argument that is unknown (the text names the nearest), ill-typed or out of its range."""


class KarmaNotFoundError(KarmaError, LookupError):
    """A name or a checkpoint that is not on this machine."""


class KarmaMemoryError(KarmaError, MemoryError):
    """Memory ran out, or the plan exceeds the ceiling."""


class KarmaCancelled(KarmaError):
    """A call that was cancelled."""


class ValidationError(ValueError):
    """Data that does not fit a data model; ``errors()`` lists every field that does not."""

    def __init__(self, model: str, problems: Dict[str, str]):
        count = len(problems)
        lines = [f"{count} validation error{'s' if count != 1 else ''} for {model}"]
        for place, text in problems.items():
            lines += [place, f"  {text}"]
        super().__init__("\n".join(lines))
        self.model = model
        self.problems = dict(problems)

    def errors(self) -> "list[Dict[str, str]]":
        """``[{"loc": field, "msg": text}, ...]``"""
        return [{"loc": place, "msg": text} for place, text in self.problems.items()]


_CLASSES: Dict[str, Type[KarmaError]] = {
    "E_USAGE": KarmaArgumentError,
    "E_NOTFOUND": KarmaNotFoundError,
    "E_NOMEM": KarmaMemoryError,
    "E_CANCELLED": KarmaCancelled,
}


def error_of(status: str, message: str, index: Optional[int] = None) -> KarmaError:
    """The exception for a status, not raised."""
    return _CLASSES.get(status, KarmaError)(message, status, index)
