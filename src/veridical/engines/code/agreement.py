"""What should a test expect, where nobody knows but several solutions, written apart, say the same?

Chen et al. 2023, "CodeT": solutions of one problem that give equal values for equal arguments are likelier right than
tests that a model wrote by head. What agrees may still be wrong together: records say which of the two they rest on.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

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
