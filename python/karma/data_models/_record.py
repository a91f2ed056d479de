"""Records with typed fields, for the data models: what of pydantic their users rely on.

A record's fields are its annotations, base classes first. It is built from keywords, checks and
converts every value, collects all problems into one ValidationError, checks assignments too, and is
written out by ``model_dump()``. Fields without a default are required.
"""

from __future__ import annotations

import copy
import json
import typing
from enum import Enum
from typing import Any, Callable, ClassVar, Dict, List, Mapping, Type, TypeVar, Union

from ..errors import ValidationError

T = TypeVar("T", bound="Record")


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()


class _Factory:
    def __init__(self, make: Callable[[], Any]):
        self.make = make


def factory(make: Callable[[], Any]) -> Any:
    """A default made anew for each record."""
    return _Factory(make)


class Problem(Exception):
    """Why a value is refused; becomes part of a ValidationError."""

    def __init__(self, text: str, place: str = ""):
        super().__init__(text)
        self.text = text
        self.place = place


def _expected(what: str, value: Any) -> Problem:
    return Problem(f"expected {what}, found {type(value).__name__}")


def _check_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _expected("an integer", value)
    try:
        number = int(value)
    except (ValueError, OverflowError):
        raise Problem(f"expected an integer, found {value!r}") from None
    if isinstance(value, float) and number != value:
        raise Problem(f"expected an integer, found {value!r}")
    return number


def _check_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _expected("a number", value)
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise Problem(f"expected a number, found {value!r}") from None


def _check_enum(hint: Type[Enum], value: Any) -> Any:
    """Members are kept as their values."""
    try:
        return hint(value).value
    except ValueError:
        allowed = ", ".join(repr(member.value) for member in hint)
        shown = value.value if isinstance(value, Enum) else value
        raise Problem(f"expected one of {allowed}, found {shown!r}") from None


def _check_union(options: typing.Tuple[Any, ...], value: Any) -> Any:
    problem = None
    if value is None and type(None) in options:
        return None
    for option in options:
        if option is type(None):
            continue
        try:
            return _check(option, value)
        except Problem as error:
            problem = problem or error
    raise problem or _expected("nothing", value)


def _check_list(item_hint: Any, value: Any) -> List[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise _expected("a list", value)
    out = []
    for i, item in enumerate(value):
        try:
            out.append(_check(item_hint, item))
        except Problem as error:
            raise Problem(error.text, f"{i}.{error.place}".rstrip(".")) from None
    return out


def _check(hint: Any, value: Any) -> Any:
    """The value as that type, converted where nothing is lost; else Problem."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin is Union:
        return _check_union(arguments, value)
    if origin is list:
        return _check_list(arguments[0], value)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _expected("a mapping", value)
        return dict(value)
    if origin is typing.Literal:
        if value in arguments:
            return value
        raise Problem(f"expected one of {', '.join(map(repr, arguments))}, found {value!r}")
    if hint is int:
        return _check_int(value)
    if hint is float:
        return _check_float(value)
    if issubclass(hint, Enum):
        return _check_enum(hint, value)
    if issubclass(hint, Record) and isinstance(value, Mapping):
        try:
            return hint(**value)
        except ValidationError as error:
            place, text = next(iter(error.problems.items()))
            raise Problem(text, place) from None
    if hint is str and isinstance(value, Enum) and isinstance(value.value, str):
        return value.value
    if isinstance(value, hint):
        return value
    raise _expected("a string" if hint is str else f"a {hint.__name__}", value)


class Record:
    """The base of the data models."""

    # Unknown keywords: "allow" keeps them after the declared fields, "ignore" drops them.
    _extra: ClassVar[str] = "ignore"
    _hints: ClassVar[Dict[str, Any]] = {}
    # Fields that are shown only when they were given.
    _quiet: ClassVar[typing.FrozenSet[str]] = frozenset()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        hints = typing.get_type_hints(cls)
        cls._hints = {
            name: hint
            for name, hint in hints.items()
            if typing.get_origin(hint) is not ClassVar and not name.startswith("_")
        }

    def __init__(self, **data: Any) -> None:
        problems: Dict[str, str] = {}
        for name in self._hints:
            if name not in data:
                default = getattr(type(self), name, REQUIRED)
                if default is REQUIRED:
                    problems[name] = "field required"
                else:
                    made = default.make() if isinstance(default, _Factory) else default
                    self.__dict__[name] = made
                continue
            try:
                self.__dict__[name] = self._checked(name, data[name])
            except Problem as error:
                problems[f"{name}.{error.place}".rstrip(".")] = error.text
        if problems:
            raise ValidationError(type(self).__name__, problems)
        if self._extra == "allow":
            for name, value in data.items():
                if name not in self._hints:
                    self.__dict__[name] = value

    def _checked(self, name: str, value: Any) -> Any:
        return self._validate(name, _check(self._hints[name], value))

    def _validate(self, name: str, value: Any) -> Any:
        """For subclasses: a value of the right type, to be refused (ValueError) or changed."""
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._hints:
            try:
                self.__dict__[name] = self._checked(name, value)
            except Problem as error:
                place = f"{name}.{error.place}".rstrip(".")
                raise ValidationError(type(self).__name__, {place: error.text}) from None
        elif self._extra == "allow":
            self.__dict__[name] = value
        else:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")

    def _shown(self) -> Dict[str, Any]:
        """Declared fields in their order, then the extra ones."""
        names = [n for n in self._hints if n not in self._quiet or self.__dict__[n] is not None]
        names += [n for n in self.__dict__ if n not in self._hints]
        return {name: self.__dict__[name] for name in names}

    def model_dump(self, *, exclude_none: bool = False) -> Dict[str, Any]:
        """The fields as plain data."""
        out = {name: _plain(value) for name, value in self._shown().items()}
        return {k: v for k, v in out.items() if v is not None} if exclude_none else out

    def model_dump_json(self, *, indent: "int | None" = None, exclude_none: bool = False) -> str:
        return json.dumps(
            self.model_dump(exclude_none=exclude_none), indent=indent, ensure_ascii=False
        )

    dict = model_dump  # as older releases of pydantic call it

    @classmethod
    def model_validate(cls: Type[T], data: Any) -> T:
        """A record from a mapping, or the record itself."""
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise ValidationError(cls.__name__, {"": f"expected a mapping, found {type(data).__name__}"})
        return cls(**data)

    @classmethod
    def model_validate_json(cls: Type[T], text: Union[str, bytes]) -> T:
        return cls.model_validate(json.loads(text))

    def model_copy(self: T, *, update: "Mapping[str, Any] | None" = None, deep: bool = False) -> T:
        data = copy.deepcopy(self.__dict__) if deep else dict(self.__dict__)
        data.update(update or {})
        return type(self)(**data)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._shown().items())
        return f"{type(self).__name__}({fields})"


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.model_dump()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value
