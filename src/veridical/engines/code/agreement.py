"""What should a test expect, where nobody knows but several solutions, written apart, say the same?

Chen et al. 2023, "CodeT": solutions of one problem that give equal values for equal arguments are likelier right than
tests that a model wrote by head. Arguments come from those tests, and are varied by their type (Liu et al. 2023,
"EvalPlus"). What agrees may still be wrong together: records say which of the two they rest on.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from veridical.engines.code.program import parsed

_RAISED = "!"
_PROBE = """
def _veridical_said(call):
    try:
        return repr(call())
    except Exception:
        return "!"

result = [{calls}]
"""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The places of the solutions that agree, and what they say to each call (None where they raise)."""

    solutions: tuple[int, ...]
    values: tuple[str | None, ...]


def name_of(function: str) -> str:
    """Return a function's name from its first line.

    Example:
        >>> name_of("def half(x: int) -> float:")
        'half'
    """
    return function.removeprefix("def ").partition("(")[0].strip()


def calls_of(tests: str, function: str) -> list[str]:
    """Return the different calls of a function, with plain values as arguments, that tests make.

    Example:
        >>> calls_of("def test_1():\\n    assert half(4) == 3\\n    assert half(x) == half(4)", "half")
        ['half(4)']
    """
    tree = parsed(tests)
    found = [] if tree is None else [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    own = [node for node in found if isinstance(node.func, ast.Name) and node.func.id == function]
    plain = [node for node in own if all(_is_literal(part) for part in [*node.args, *(k.value for k in node.keywords)])]
    return list(dict.fromkeys(ast.unparse(node) for node in plain))


def varied(calls: Sequence[str], *, most: int = 10) -> list[str]:
    """Return calls and, up to `most` in all, such with one argument varied by its type, each once.

    Example:
        >>> varied(["half(4)", "half(4)"], most=4)
        ['half(4)', 'half(5)', 'half(0)', 'half(-4)']
    """
    kin = zip_longest(*(_kin(call) for call in dict.fromkeys(calls)))
    every = [*calls, *(made for row in kin for made in row if made is not None)]
    return list(dict.fromkeys(every))[:most]


def probe_of(calls: Sequence[str]) -> str:
    """Return a program whose `result` is the repr of each call's value."""
    return _PROBE.format(calls=", ".join(f"_veridical_said(lambda: {call})" for call in calls))


def said_in(result: str, calls: Sequence[str]) -> tuple[str | None, ...]:
    """Return what a solution said to each call: None where it raised, or its value cannot be written down."""
    try:
        said = ast.literal_eval(result)
    except (ValueError, SyntaxError):
        return (None,) * len(calls)
    return tuple(text if text != _RAISED and _is_written(text) else None for text in said)


def agreement_of(
    said: Sequence[Sequence[str | None]], codes: Sequence[str], *, at_least: int, calls: int
) -> Agreement | None:  # fmt: skip
    """Return the largest group of solutions that say the same to all calls, and to `calls` of them a value.

    A group needs `at_least` solutions, two of them written differently; the first such group stands.
    """
    groups: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
    for place, values in enumerate(said):
        if sum(value is not None for value in values) >= calls:
            groups[tuple(values)].append(place)
    able = [
        (values, places)
        for values, places in groups.items()
        if len(places) >= at_least and len({_written(codes[place]) for place in places}) > 1
    ]
    if not able:
        return None
    values, places = max(able, key=lambda group: len(group[1]))
    return Agreement(tuple(places), values)


def tests_of(calls: Sequence[str], values: Sequence[str | None]) -> str:
    """Return a test for each call that has a value.

    Example:
        >>> print(tests_of(["half(4)", "half(0)"], ["2.0", None]))
        def test_1():
            assert half(4) == 2.0
    """
    told = [(call, value) for call, value in zip(calls, values, strict=True) if value is not None]
    return "\n\n".join(f"def test_{n}():\n    assert {call} == {value}" for n, (call, value) in enumerate(told, 1))


def _kin(call: str) -> Iterator[str]:
    """Yield a call with each of its arguments varied, one at a time."""
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Call)
    values = [ast.literal_eval(part) for part in tree.args]
    name = ast.unparse(tree.func)
    others = [f"{word.arg}={ast.unparse(word.value)}" for word in tree.keywords]
    for place, value in enumerate(values):
        for other in _others(value):
            given = [repr(other if at == place else one) for at, one in enumerate(values)]
            yield f"{name}({', '.join([*given, *others])})"


def _others(value: Any) -> Iterator[Any]:
    """Yield other values of a value's own type: near ones, and the extreme ones."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value * 0, -value, value * 7 + 3)
    elif isinstance(value, str):
        yield from ("", value[::-1], value.upper(), f"{value} {value}", value[: len(value) // 2])
    elif isinstance(value, list):
        yield from (value[:0], value[::-1], value + value[:1], value[1:])
        if value:
            yield from ([*value, other] for other in _others(value[-1]))


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _is_written(text: str) -> bool:
    """Return whether a value's repr reads back as a value equal to itself."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return bool(value == value)


def _written(code: str) -> str:
    tree = parsed(code)
    return code if tree is None else ast.unparse(tree)
