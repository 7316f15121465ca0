"""Would the tests notice if the solution were wrong? Small changes to its syntax tree stand for mistakes.

DeMillo, Lipton & Sayward 1978, "Hints on Test Data Selection": tests that no mutant fails say nothing of the program.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from veridical.core.rng import stream

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_REACHED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
Change = Callable[[ast.AST], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A solution with one change; `what` names it, as "comparison, line 3"."""

    what: str
    code: str


def mutants_of(code: str, *, most: int = 10, seed: int = 0) -> list[Mutant]:
    """Return up to `most` mutants of a program, drawn evenly from all there are, none equal to it or to another.

    Raises:
        SyntaxError: this is no Python.

    Example:
        >>> [mutant.what for mutant in mutants_of("def f(x):\\n    return x < 1")]
        ['returns nothing, line 2', 'comparison, line 2', 'number, line 2']
    """
    tree = ast.parse(code)
    nodes = list(ast.walk(tree))
    docstrings = {id(_docstring(node)) for node in nodes}
    found: dict[str, str] = {}
    known = {ast.unparse(tree)}
    for place, node in enumerate(nodes):
        if id(node) in docstrings:
            continue
        for what, change in _changes(node):
            made = copy.deepcopy(tree)
            change(list(ast.walk(made))[place])
            text = ast.unparse(ast.fix_missing_locations(made))
            if text not in known:
                known.add(text)
                found.setdefault(text, f"{what}, line {getattr(node, 'lineno', 1)}")
    order = stream(seed, "mutants", code).permutation(len(found))[:most]
    listed = list(found.items())
    return [Mutant(listed[i][1], listed[i][0]) for i in sorted(int(i) for i in order)]


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        yield "comparison", _set_comparison
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _REACHED:
        yield "arithmetic", _set_operator
    elif isinstance(node, ast.BoolOp):
        yield "and, or", _set_junction
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str) and node.value != "":
        yield ("text" if isinstance(node.value, str) else "number"), _set_constant
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "returns nothing", _set_return
    elif isinstance(node, ast.If | ast.IfExp):
        yield "condition", _set_condition
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "left out", _set_nothing


def _set_comparison(node: ast.AST) -> None:
    assert isinstance(node, ast.Compare)
    node.ops[0] = _COMPARED[type(node.ops[0])]()


def _set_operator(node: ast.AST) -> None:
    assert isinstance(node, ast.BinOp | ast.AugAssign)
    node.op = _REACHED[type(node.op)]()


def _set_junction(node: ast.AST) -> None:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _set_constant(node: ast.AST) -> None:
    assert isinstance(node, ast.Constant)
    value = node.value
    if isinstance(value, bool):
        node.value = not value
    elif isinstance(value, int | float):
        node.value = value + 1
    elif isinstance(value, str):
        node.value = f"{value}_"


def _set_return(node: ast.AST) -> None:
    assert isinstance(node, ast.Return)
    node.value = ast.Constant(None)


def _set_condition(node: ast.AST) -> None:
    assert isinstance(node, ast.If | ast.IfExp)
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _set_nothing(node: ast.AST) -> None:
    assert isinstance(node, ast.Expr)
    node.value = ast.Constant(None)


def _docstring(node: ast.AST) -> ast.Constant | None:
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[0].value
    return None
