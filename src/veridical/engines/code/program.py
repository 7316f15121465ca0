"""Which code does a reply hold, may it be run as a solution, and was it copied?"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from functools import cached_property

from veridical.curate.span import Grams, Words, grams_of, longest_run, run_hashes

_FENCE = re.compile(r"```[ \t]*(?:python|py)?[^\n]*\n(.*?)(?:```|\Z)", re.S | re.I)
_TEST = re.compile(r"^\s*def test\w*\s*\(|^\s*assert ", re.M)
# What takes a test runner apart, or looks into it: no honest solution of a small problem needs it.
_TRICKS = frozenset(
    {"_getframe", "gc", "inspect", "ctypes", "_exit", "__builtins__", "builtins", "settrace", "setprofile", "linecache"}
)
_COPIED_TOKENS = 40


def code_blocks(reply: str) -> list[str]:
    """Return the fenced blocks of a reply, else the reply itself where it is Python.

    Example:
        >>> code_blocks("Sure:" + chr(10) + "```python" + chr(10) + "x = 1" + chr(10) + "```")
        ['x = 1']
    """
    blocks = [block.strip("\n").rstrip() for block in _FENCE.findall(reply)]
    if blocks:
        return [block for block in blocks if block]
    return [reply.strip("\n").rstrip()] if reply.strip() and parsed(reply) is not None else []


def is_tests(code: str) -> bool:
    """Return whether a block holds tests rather than a solution."""
    return bool(_TEST.search(code)) and not re.search(r"^def (?!test)\w+", code, re.M)


def parsed(code: str) -> ast.Module | None:
    """Return the syntax tree, None where this is no Python."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def as_functions(tests: str) -> str:
    """Return tests as functions: bare assertions at the top are put into one each, so that each is told apart."""
    tree = parsed(tests)
    if tree is None:
        return tests
    shared: list[ast.stmt] = []
    loose: list[ast.stmt] = []
    for node in tree.body:
        (loose if isinstance(node, ast.Assert) else shared).append(node)
    lines = [ast.unparse(ast.Module(shared, []))]
    lines += [f"def test_assertion_{n}():\n    {ast.unparse(node)}" for n, node in enumerate(loose, 1)]
    return "\n\n".join(line for line in lines if line)


def distinct_tests(tests: str) -> int:
    """Return how many tests say something of their own: equal bodies count once.

    Example:
        >>> distinct_tests("def test_a():\\n    assert f(1)\\n\\ndef test_b():\\n    assert f(1)")
        1
    """
    tree = parsed(tests)
    functions = [] if tree is None else [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    return len({ast.dump(ast.Module(f.body, [])) for f in functions if f.name.startswith("test")})


def tricks_in(code: str) -> str:
    """Return why a solution may not be run as one: what it uses to get at the tests, or ""."""
    tree = parsed(code)
    if tree is None:
        return "this is no Python"
    for node in ast.walk(tree):
        names = [getattr(node, "id", ""), getattr(node, "attr", "")]
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += [alias.name.partition(".")[0] for alias in node.names] + [getattr(node, "module", "") or ""]
        for name in names:
            if name in _TRICKS:
                return f"it uses {name}, which gets at the test runner"
        if isinstance(node, ast.FunctionDef) and node.name == "__eq__" and _always(node):
            return "it calls everything equal"
    return ""


def _always(function: ast.FunctionDef) -> bool:
    returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    return bool(returns) and all(isinstance(value, ast.Constant) and value.value is True for value in returns)


class Originals:
    """Real code that no solution may repeat: 40 tokens in a row, or a function with other names."""

    def __init__(self, texts: Iterable[str], *, tokens: int = _COPIED_TOKENS) -> None:
        self._texts = tuple(texts)
        self._tokens = tokens
        self._words = Words()

    def copied(self, code: str) -> str:
        """Return how a program repeats the originals, or ""."""
        hits = self._grams.find(run_hashes(self._words.codes(tokens_of(code)), self._tokens)) >= 0
        if hits.any():
            return f"{longest_run(hits, self._tokens)} tokens in a row stand in the code it started from"
        if self._shapes & set(shapes_of(code)):
            return "a function is one of the code it started from, with other names"
        return ""

    @cached_property
    def _grams(self) -> Grams:
        return grams_of([self._words.codes(tokens_of(text)) for text in self._texts], self._tokens)

    @cached_property
    def _shapes(self) -> set[str]:
        return {shape for text in self._texts for shape in shapes_of(text)}


def tokens_of(code: str) -> list[str]:
    """Return a program's tokens, comments and layout left out; of broken code those up to the break."""
    found: list[str] = []
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type not in skipped and token.string:
                found.append(token.string)
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return found


def shapes_of(code: str) -> list[str]:
    """Return each function of five statements or more with its names replaced by their order of coming.

    Example:
        >>> one = "def f(a):\\n    b = a\\n    b += 1\\n    b *= 2\\n    b -= 3\\n    return b"
        >>> shapes_of(one) == shapes_of(one.replace("b", "total").replace("f(a)", "g(a)"))
        True
    """
    tree = parsed(code)
    functions = [] if tree is None else [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    return [_shape(f) for f in functions if sum(isinstance(n, ast.stmt) for n in ast.walk(f)) > 5]


def _shape(function: ast.FunctionDef) -> str:
    names: dict[str, str] = {}
    copy = ast.parse(ast.unparse(function))
    for node in ast.walk(copy):
        for field in ("id", "arg", "name"):
            if isinstance(name := getattr(node, field, None), str):
                setattr(node, field, names.setdefault(name, f"n{len(names)}"))
    return ast.dump(copy)
