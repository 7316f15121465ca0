"""What does this rule or condition say, and which columns does it read?"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches

import pyarrow as pa

from veridical.core.errors import SpecError
from veridical.core.evaluation import FUNCTIONS, evaluate
from veridical.core.schema import Column

LONGEST_TEXT = 20_000  # characters
_OPERATORS = frozenset({"and", "or", "not", "in", "is", "if", "else", "None", "True", "False"})
_CONSTANTS: Mapping[str, bool | None] = {"null": None, "none": None, "true": True, "false": False}
# A name that is no plain word is parsed as one rare letter, padded to its own width so that positions stay.
_FIRST_MARK, _MARKS = 0x4E00, 20_000
_TOKEN = re.compile(
    r"""`(?P<quoted>[^`]+)` | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*') | (?P<number>\d[\w.]*)
      | (?P<word>[^\W\d]\w*(?:\.[^\W\d]\w*)*) | (?P<unequal><>)""",
    re.VERBOSE | re.DOTALL,
)
_BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)


@dataclass(frozen=True)
class Expression:
    """A parsed rule: safe to evaluate, because only nodes this module knows ever get here.

    Example:
        >>> adult = parse("age >= 18 and sex in ('F', 'M')", ["age", "sex"])
        >>> adult.evaluate(pa.table({"age": [20, 12, None], "sex": ["F", "M", "F"]})).to_pylist()
        [True, False, None]
        >>> adult.columns
        ('age', 'sex')
    """

    text: str
    tree: ast.expr = field(compare=False, repr=False)
    columns: tuple[str, ...]
    known: Mapping[str, Column] = field(default_factory=dict, compare=False, repr=False)

    def evaluate(self, table: pa.Table) -> pa.Array:
        """Return one value a row; null where a comparison meets a null (SQL's three-valued logic).

        Raises:
            SpecError: the columns' types do not fit the expression.
        """
        return evaluate(self.tree, table, known=self.known, text=self.text)

    def part(self, tree: ast.expr) -> Expression:
        """Return a part of this expression as one of its own."""
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        return Expression(spell(tree), tree, tuple(name for name in self.columns if name in names), self.known)


def parse(text: str, columns: Iterable[str] | Iterable[Column]) -> Expression:
    """Return the expression that `text` spells.

    `columns` lists the names that may be used; given as `Column`s, dates kept as text are read by their format
    and ordinal categories compare by rank. The language is Python's own for comparisons (chained too),
    `and or not`, `in (...)`, arithmetic and `a if c else b`; with `is null`, `is not null` and the functions
    abs round floor ceil min max len lower upper year month day hour weekday. Names that are no plain words stand
    in backticks. Two dates subtracted give days.

    Raises:
        SpecError: the text is no such expression, or names an unknown column.

    Example:
        >>> parse("ag > 3", ["age"])
        Traceback (most recent call last):
        veridical.core.errors.SpecError: 'ag > 3', position 1: no column `ag` (to mend: did you mean `age`?)
    """
    listed: list[str | Column] = list(columns)
    known = {column.name: column for column in listed if isinstance(column, Column)}
    reader = _Reader(text, tuple(column.name if isinstance(column, Column) else column for column in listed))
    tree = reader.read()
    return Expression(text, tree, tuple(reader.used), known)


def spell(tree: ast.expr) -> str:
    """Return the text of a tree, with names that are no plain words in backticks.

    Example:
        >>> spell(parse("`net pay`>0 and x is null", ["net pay", "x"]).tree)
        '`net pay` > 0 and x is None'
    """
    tree = deepcopy(tree)
    spelled: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not _is_word(node.id):
            mark = chr(_FIRST_MARK + len(spelled)) + "_"
            spelled[mark], node.id = f"`{node.id}`", mark
    return re.sub(r"[\u4e00-\u9c20]_", lambda found: spelled.get(found.group(), found.group()), ast.unparse(tree))


def quote(name: str) -> str:
    """Return a column's name as an expression spells it.

    Example:
        >>> quote("age"), quote("net pay")
        ('age', '`net pay`')
    """
    return name if _is_word(name) else f"`{name}`"


def _is_word(name: str) -> bool:
    plain = name.isidentifier() and name == unicodedata.normalize("NFKC", name)
    return plain and not keyword.iskeyword(name) and name.lower() not in _CONSTANTS


class _Reader:
    """Reads one text: marks the names, parses, then checks every node against the grammar."""

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self.text = text
        self.names = names
        self.used: dict[str, None] = {}
        self._marks: dict[str, str] = {}
        self._set = frozenset(names)
        self._lower = {name.lower(): name for name in names}
        self._normal = {unicodedata.normalize("NFKC", name): name for name in names}

    def read(self) -> ast.expr:
        if not isinstance(self.text, str) or not self.text.strip():
            raise SpecError("the expression is empty", fix="write a comparison such as: age >= 18")
        if len(self.text) > LONGEST_TEXT:
            raise SpecError("the expression is too long", fix=f"keep it under {LONGEST_TEXT:,} characters")
        marked = _TOKEN.sub(self._mark, self.text).replace("\n", " ").replace("\r", " ")
        indent = len(marked) - len(marked.lstrip())
        try:
            parsed = ast.parse(f"({marked[indent:]})" if indent else f"({marked})", mode="eval").body
            self._shift = indent - 1
            return self._check(parsed)
        except SyntaxError as wrong:
            at = max(0, (wrong.offset or 1) - 2 + indent)
            fix = "compare with == (one = assigns)" if re.search(r"[^=!<>]=[^=]", marked) else _SYNTAX_FIX
            raise self._error("this is not an expression", at, fix) from None
        except (RecursionError, MemoryError, ValueError):
            raise self._error("this is nested too deeply, or holds a character that cannot be read", 0) from None

    def _mark(self, found: re.Match[str]) -> str:
        token = found.group()
        if found["quoted"] is not None:
            return self._marker(found["quoted"], len(token))
        if found["unequal"]:
            return "!="
        word = found["word"]
        if word is None:
            return token
        if word in self._set:
            return token if _is_word(word) else self._marker(word, len(token))
        if word.lower() in _OPERATORS and word not in _OPERATORS:
            return word.lower()
        return token

    def _marker(self, name: str, width: int) -> str:
        mark = (chr(_FIRST_MARK + len(self._marks) % _MARKS) + "_").ljust(width, "_")
        self._marks[mark] = name
        return mark

    def _check(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.BoolOp():
                node.values = [self._check(value) for value in node.values]
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd()):
                node.operand = self._check(node.operand)
            case ast.BinOp() if isinstance(node.op, _BINARY):
                node.left, node.right = self._check(node.left), self._check(node.right)
            case ast.IfExp():
                node.test, node.body, node.orelse = map(self._check, (node.test, node.body, node.orelse))
            case ast.Compare():
                self._check_compare(node)
            case ast.Call():
                self._check_call(node)
            case ast.Name():
                return self._name(node)
            case ast.Constant(value=bool() | int() | float() | str() | None):
                pass
            case _:
                raise self._error("this is not allowed in an expression", self._at(node), _SYNTAX_FIX)
        return node

    def _check_compare(self, node: ast.Compare) -> None:
        node.left = self._as_column(self._check(node.left))
        for place, (op, right) in enumerate(zip(node.ops, node.comparators)):
            if isinstance(op, ast.In | ast.NotIn):
                items = right.elts if isinstance(right, ast.Tuple | ast.List | ast.Set) else [right]
                for item in items:
                    self._constant(item)
                kept = [self._check(item) for item in items]
                node.comparators[place] = ast.copy_location(ast.Tuple(elts=kept, ctx=ast.Load()), right)
                continue
            node.comparators[place] = right = self._check(right)
            is_null = isinstance(right, ast.Constant) and right.value is None
            if is_null and isinstance(op, ast.Eq | ast.NotEq):
                node.ops[place] = ast.Is() if isinstance(op, ast.Eq) else ast.IsNot()
            elif isinstance(op, ast.Is | ast.IsNot) and not is_null:
                raise self._error("`is` compares with null only", self._at(right), "use == or !=")

    def _as_column(self, node: ast.expr) -> ast.expr:
        # "net pay" > 3: a quoted text on the left that names a column which could not be written plainly.
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
            if name in self._set and not _is_word(name):
                self.used[name] = None
                return ast.copy_location(ast.Name(id=name, ctx=ast.Load()), node)
        return node

    def _constant(self, node: ast.expr) -> None:
        inner = node.operand if isinstance(node, ast.UnaryOp) else node
        named = isinstance(inner, ast.Name) and inner.id.lower() in _CONSTANTS
        if not (named or isinstance(inner, ast.Constant)):
            raise self._error("`in` takes a list of values", self._at(node), "write: column in ('a', 'b')")

    def _check_call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            close = get_close_matches(name, FUNCTIONS, n=1)
            fix = f"did you mean {close[0]}?" if close else f"the functions are {', '.join(sorted(FUNCTIONS))}"
            raise self._error(f"no function {name!r}" if name else "this cannot be called", self._at(node), fix)
        least, most = FUNCTIONS[name]
        if node.keywords or not least <= len(node.args) <= most:
            raise self._error(f"{name} takes {least} to {most} arguments", self._at(node))
        node.args = [self._check(argument) for argument in node.args]

    def _name(self, node: ast.Name) -> ast.expr:
        name = self._marks.get(node.id, node.id)
        if name not in self._set:
            name = self._normal.get(name, name)
        if name in self._set:
            node.id = name
            self.used[name] = None
            return node
        if name.lower() in _CONSTANTS and node.id not in self._marks:
            return ast.copy_location(ast.Constant(_CONSTANTS[name.lower()]), node)
        raise self._error(f"no column `{name}`", self._at(node), self._suggestion(name))

    def _suggestion(self, name: str) -> str:
        close = get_close_matches(name.lower(), self._lower, n=1, cutoff=0.5)
        close = close or [low for low in self._lower if low.startswith(name.lower()) and not _is_word(low)]
        if close:
            return f"did you mean {_in_backticks(self._lower[close[0]])}?"
        listed = ", ".join(quote(known) for known in self.names[:20])
        return f"the columns are {listed}; put text in quotes" if listed else "no column may be read here"

    def _at(self, node: ast.expr) -> int:
        line = f"({_TOKEN.sub(self._mark_again, self.text).lstrip()}"
        return len(line.encode()[: node.col_offset].decode(errors="ignore")) + self._shift

    def _mark_again(self, found: re.Match[str]) -> str:
        # Same widths as the text that was parsed, in characters and in bytes.
        width = len(found.group())
        by_name = {name: mark for mark, name in self._marks.items()}
        name = found["quoted"] or found["word"]
        return by_name[name] if name in by_name and len(by_name[name]) == width else found.group()

    def _error(self, what: str, at: int, fix: str | None = None) -> SpecError:
        shown = self.text if len(self.text) <= 200 else f"{self.text[:200]}..."
        return SpecError(what, where=f"{shown!r}, position {at + 1}", fix=fix)


_SYNTAX_FIX = "use comparisons, and, or, not, in, is null, + - * / // %, and `a if c else b`"


def _in_backticks(name: str) -> str:
    return f"`{name}`"
