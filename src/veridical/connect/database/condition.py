"""What does this SQL condition say in the language of constraints, and the other way round?"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from veridical.connect.database.token import Token, closing, tokens
from veridical.core.errors import SpecError
from veridical.core.expression import Expression, parse, quote

_COMPARE = {"=": "==", "==": "==", "<>": "!=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_FUNCTIONS = {
    "LENGTH": "len", "CHAR_LENGTH": "len", "CHARACTER_LENGTH": "len", "LEN": "len", "LOWER": "lower", "LCASE": "lower",
    "UPPER": "upper", "UCASE": "upper", "ABS": "abs", "ROUND": "round", "FLOOR": "floor", "CEIL": "ceil",
    "CEILING": "ceil", "LEAST": "min", "GREATEST": "max",
}  # fmt: skip
_TYPE_WORDS = frozenset(
    (
        "character", "varying", "char", "varchar", "text", "numeric", "decimal", "integer", "int", "smallint", "bigint",
        "double", "precision", "real", "date", "time", "timestamp", "with", "without", "zone", "boolean", "bool",
        "bpchar", "citext", "name", "interval", "float",
    )
)  # fmt: skip


class Unreadable(Exception):
    """The condition uses what the language of constraints has no word for."""


def read(sql: str, columns: Sequence[str], *, value: str | None = None) -> Expression | None:
    """Return the expression of an SQL condition, or None when it says what our language cannot.

    `value` is the column that VALUE stands for in a domain's condition.

    Example:
        >>> read("((price >= (0)::numeric) AND (state = ANY (ARRAY['a'::text, 'b'::text])))", ["price", "state"]).text
        "((price >= 0) and (state in ('a', 'b')))"
        >>> read("name ~ '^x'", ["name"]) is None
        True
    """
    try:
        reader = _Reader(tokens(sql), {name.lower(): name for name in columns}, columns, value)
        return parse(reader.whole(), columns)
    except (Unreadable, SpecError):
        return None


class _Reader:
    """Reads words by precedence: or, and, not, comparison, sum, product, sign, value."""

    def __init__(self, words: list[Token], lower: Mapping[str, str], columns: Sequence[str], value: str | None) -> None:
        self.words, self.at, self.value = words, 0, value
        self.lower, self.columns = lower, frozenset(columns)

    def whole(self) -> str:
        text = self._or()
        if self.at < len(self.words):
            raise Unreadable
        return text

    def _peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.words[place].upper if place < len(self.words) else ""

    def _take(self, *spelled: str) -> bool:
        if all(self._peek(i) == word for i, word in enumerate(spelled)):
            self.at += len(spelled)
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise Unreadable

    def _or(self) -> str:
        parts = [self._and()]
        while self._take("OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"

    def _and(self) -> str:
        parts = [self._not()]
        while self._take("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else f"({' and '.join(parts)})"

    def _not(self) -> str:
        if self._take("NOT"):
            return f"not ({self._not()})"
        return self._comparison()

    def _comparison(self) -> str:
        left = self._sum()
        negated = self._take("NOT")
        if self._take("BETWEEN"):
            low = self._sum()
            self._need("AND")
            text = f"({left} >= {low} and {left} <= {self._sum()})"
            return f"not {text}" if negated else text
        if self._take("IN"):
            return f"{left} {'not in' if negated else 'in'} {self._list('(')}"
        if negated:
            raise Unreadable
        if self._take("IS"):
            return self._is(left)
        sign = _COMPARE.get(self._peek())
        if sign is None:
            return left
        self.at += 1
        if self._take("ANY") or self._take("ALL"):
            return f"{left} {'in' if sign == '==' else 'not in' if sign == '!=' else self._fail()} {self._array()}"
        return f"{left} {sign} {self._sum()}"

    def _fail(self) -> str:
        raise Unreadable

    def _is(self, left: str) -> str:
        negated = self._take("NOT")
        if self._take("NULL"):
            return f"{left} is {'not ' if negated else ''}null"
        for word, same in (("TRUE", "True"), ("FALSE", "False")):
            if self._take(word) and not negated:
                return f"({left} is not null and {left} == {same})"
        raise Unreadable

    def _array(self) -> str:
        """An array behind ANY or ALL, with its brackets and casts."""
        self._need("(")
        depth = 0
        while self._take("("):
            depth += 1
        self._need("ARRAY")
        text = self._list("[")
        for _ in range(depth):
            self._casts()
            self._need(")")
        self._casts()
        self._need(")")
        return text

    def _list(self, opening: str) -> str:
        self._need(opening)
        items = [self._sum()]
        while self._take(","):
            items.append(self._sum())
        self._need(")" if opening == "(" else "]")
        self._casts()
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"

    def _sum(self) -> str:
        text = self._product()
        while self._peek() in ("+", "-"):
            sign = self._peek()
            self.at += 1
            text = f"({text} {sign} {self._product()})"
        return text

    def _product(self) -> str:
        text = self._sign()
        while self._peek() in ("*", "/", "%"):
            sign = self._peek()
            self.at += 1
            text = f"({text} {sign} {self._sign()})"
        return text

    def _sign(self) -> str:
        if self._take("-"):
            return f"-{self._sign()}"
        self._take("+")
        text = self._value()
        self._casts()
        if self._take("COLLATE"):
            self.at += 1
        return text

    def _casts(self) -> None:
        while self._take("::"):
            if self.at >= len(self.words):
                raise Unreadable
            self.at += 1
            while self.at < len(self.words) and self.words[self.at].spelling.lower() in _TYPE_WORDS:
                self.at += 1
            if self._peek() == "(":
                self.at = closing(self.words, self.at) + 1
            while self._peek() in ("[", "]") or (
                self.at < len(self.words) and self.words[self.at].spelling.lower() in _TYPE_WORDS
            ):
                if self._peek() == "]" and self.words[self.at - 1].spelling != "[":
                    return
                self.at += 1

    def _value(self) -> str:
        if self.at >= len(self.words):
            raise Unreadable
        word = self.words[self.at]
        self.at += 1
        if word.spelling == "(":
            text = self._or()
            self._need(")")
            return text if text.startswith("(") else f"({text})" if " " in text else text
        if word.kind == "text":
            return repr(word.value)
        if word.kind == "number":
            return word.spelling
        if word.upper in ("TRUE", "FALSE", "NULL"):
            return {"TRUE": "True", "FALSE": "False", "NULL": "null"}[word.upper]
        if word.upper in ("DATE", "TIMESTAMP") and self.at < len(self.words) and self.words[self.at].kind == "text":
            return self._value()
        if word.kind == "word" and self._peek() == "(" and word.upper in _FUNCTIONS:
            return f"{_FUNCTIONS[word.upper]}{self._arguments()}"
        if word.kind == "word" and word.upper == "CAST" and self._take("("):
            text = self._or()
            self._need("AS")
            self.at = self._end_of_bracket()
            return text
        return self._column(word)

    def _end_of_bracket(self) -> int:
        depth = 1
        for place in range(self.at, len(self.words)):
            depth += {"(": 1, ")": -1}.get(self.words[place].spelling, 0)
            if depth == 0:
                return place + 1
        raise Unreadable

    def _arguments(self) -> str:
        self._need("(")
        items = [self._or()]
        while self._take(","):
            items.append(self._or())
        self._need(")")
        return f"({', '.join(items)})"

    def _column(self, word: Token) -> str:
        if word.kind not in ("word", "quoted"):
            raise Unreadable
        while self._take("."):  # table.column
            word = self.words[self.at]
            self.at += 1
        if self.value is not None and word.upper == "VALUE":
            return quote(self.value)
        name = word.name if word.name in self.columns else self.lower.get(word.name.lower())
        if name is None or self._peek() == "(":
            raise Unreadable
        return quote(name)


_SIGNS: Mapping[type[ast.AST], str] = {
    ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "IS", ast.IsNot: "IS NOT",
    ast.In: "IN", ast.NotIn: "NOT IN", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%",
    ast.And: " AND ", ast.Or: " OR ",
}  # fmt: skip
_SQL_FUNCTIONS = {name: name.upper() for name in ("lower", "upper", "abs", "round", "floor", "ceil")} | {
    "len": "length"
}


def spell(tree: ast.expr) -> str | None:
    """Return a condition as SQL that any database reads, or None when SQL has no common words for it.

    Example:
        >>> spell(parse("a >= 1 and not (b in ('x', 'y'))", ["a", "b"]).tree)
        '(("a" >= 1) AND (NOT ("b" IN (\\'x\\', \\'y\\'))))'
    """
    try:
        return _spelled(tree)
    except Unreadable:
        return None


def _spelled(tree: ast.expr) -> str:
    match tree:
        case ast.Name():
            return '"' + tree.id.replace('"', '""') + '"'
        case ast.Constant():
            return _literal(tree.value)
        case ast.Tuple():
            return f"({', '.join(_spelled(item) for item in tree.elts)})"
        case ast.BoolOp():
            return f"({_SIGNS[type(tree.op)].join(_spelled(value) for value in tree.values)})"
        case ast.UnaryOp():
            sign = {ast.Not: "NOT ", ast.USub: "-", ast.UAdd: "+"}[type(tree.op)]
            return f"({sign}{_spelled(tree.operand)})"
        case ast.BinOp() if type(tree.op) in _SIGNS:
            return f"({_spelled(tree.left)} {_SIGNS[type(tree.op)]} {_spelled(tree.right)})"
        case ast.Compare():
            sides = [tree.left, *tree.comparators]
            parts = [
                f"({_spelled(left)} {_SIGNS[type(op)]} {_spelled(right)})"
                for left, op, right in zip(sides, tree.ops, sides[1:], strict=False)
            ]
            return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"
        case ast.Call(func=ast.Name(id=name)) if name in _SQL_FUNCTIONS:
            return f"{_SQL_FUNCTIONS[name]}({', '.join(_spelled(item) for item in tree.args)})"
    raise Unreadable


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
