"""Query strings as the framework under Cal.com reads them: repeated names, `a[]=`, `a[0]=`, `a[0][b]=`."""

import re
from typing import Any
from urllib.parse import parse_qsl

_SUBSCRIPT = re.compile(r"\[([^\[\]]*)\]")


def parse(raw: bytes) -> dict[str, Any]:
    """Names to texts, lists of texts, or nested mappings turned lists.

    Undecodable bytes become replacement characters and so fail validation later, never parsing."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        if "[" in name:
            base, _, rest = name.partition("[")
            subscripts = _SUBSCRIPT.findall("[" + rest)
            if base and subscripts:
                _put(found, base, subscripts, value)
                continue
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return {name: _lists(value) for name, value in found.items()}


def _put(into: dict[str, Any], base: str, subscripts: list[str], value: str) -> None:
    node = into.get(base)
    if not isinstance(node, dict):
        # `a=1&a[]=2` is the list [1, 2].
        node = into[base] = {} if node is None else {"0": node}
    for subscript in subscripts[:-1]:
        child = node.setdefault(subscript, {})
        if not isinstance(child, dict):
            child = node[subscript] = {"0": child}
        node = child
    last = subscripts[-1]
    node[last if last and last not in node else str(len(node))] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(child) for key, child in value.items()}
