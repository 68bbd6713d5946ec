"""Just enough PromQL to ask which series an expression reads, and through which functions.

Whether an expression is valid is promtool's to say; on a valid one this finds every selector.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
      | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
      | (?P<variable>\$(?:\{\w+\}|\w+))
      | (?P<number>[0-9][0-9A-Za-z_.]*)
      | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],@:.])""",
    re.VERBOSE,
)
_GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"})


class PromqlError(ValueError):
    """The expression cannot be read; the text says where."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """`label op value`, the value without quotes."""

    label: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """One vector selector: `window` is the text between brackets (None for an instant vector), `inside` the
    functions and aggregations around it, outermost first."""

    name: str
    matchers: tuple[Matcher, ...]
    window: str | None
    inside: tuple[str, ...]

    @property
    def function(self) -> str | None:
        """The function directly around it."""
        return self.inside[-1] if self.inside else None


def selectors(expression: str) -> tuple[Selector, ...]:
    """Every selector of a valid expression, in order. Dashboard variables count as words.

    Raises PromqlError for a character PromQL does not have or a bracket that never closes.
    """
    return tuple(_Reader(_tokens(expression)).read())


def _tokens(expression: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise PromqlError(f"cannot read {expression[position : position + 20]!r} in {expression!r}")
        if match.lastgroup != "space":
            found.append((str(match.lastgroup), match.group()))
        position = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._around: list[str] = []

    def read(self) -> Iterator[Selector]:
        pending = ""  # an aggregation whose parenthesis comes after its grouping: sum by (x) (
        while self._at < len(self._tokens):
            kind, text = self._next()
            if kind == "name" and text in _GROUPING:
                if self._peek() == "(":
                    self._until(")")
            elif kind == "name" and text.lower() not in _WORDS:
                if self._peek() == "(" or self._peek() in _GROUPING:
                    pending = text
                else:
                    yield self._selector(text)
            elif text == "{":
                self._at -= 1
                yield self._selector("")
            elif text == "(":
                self._around.append(pending)
                pending = ""
            elif text == ")":
                if not self._around:
                    raise PromqlError("a parenthesis closes that never opened")
                self._around.pop()
            elif text == "[":  # the range of a subquery
                self._until("]")
        if self._around:
            raise PromqlError("a parenthesis opens that never closes")

    def _selector(self, name: str) -> Selector:
        matchers: list[Matcher] = []
        if self._peek() == "{":
            words = [text for _, text in self._until("}") if text not in "{},"]
            if len(words) % 3:
                raise PromqlError(f"the matchers of {name or 'a selector'} are not label, operator, value")
            for label, op, value in zip(words[::3], words[1::3], words[2::3], strict=True):
                matchers.append(Matcher(label, op, value[1:-1]))
        window = None
        if self._peek() == "[":
            window = "".join(text for _, text in self._until("]"))[1:-1]
        return Selector(name, tuple(matchers), window, tuple(word for word in self._around if word))

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _until(self, closing: str) -> list[tuple[str, str]]:
        """The tokens up to and including `closing`."""
        start = self._at
        while self._at < len(self._tokens):
            if self._next()[1] == closing:
                return self._tokens[start : self._at]
        opened = " ".join(text for _, text in self._tokens[max(start - 1, 0) :][:4])
        raise PromqlError(f"no {closing!r} to end what begins with {opened!r}")
