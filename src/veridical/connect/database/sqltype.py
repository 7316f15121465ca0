"""What does an SQL type hold, which Arrow type carries it, and how does another database spell it?"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa

from veridical.connect.database.address import DUCKDB, MYSQL, POSTGRES, SQLITE
from veridical.connect.database.structure import Family, SqlType

_FORM = re.compile(
    r"^\s*(?P<name>[^(\[]*)(\((?P<arguments>[^)]*)\))?(?P<rest>[^\[(]*)(?P<array>(\[\d*\])*)\s*$", re.DOTALL
)
_INTEGERS = {
    "tinyint": 8, "smallint": 16, "int2": 16, "smallserial": 16, "mediumint": 24, "integer": 32, "int": 32, "int4": 32,
    "serial": 32, "bigint": 64, "int8": 64, "bigserial": 64, "utinyint": 8, "usmallint": 16, "uinteger": 32,
    "ubigint": 64, "oid": 32,
}  # fmt: skip
_FLOATS = {"real": 32, "float4": 32, "double precision": 64, "double": 64, "float8": 64, "float": 64}
_PLAIN = {
    "boolean": Family.BOOLEAN, "bool": Family.BOOLEAN, "text": Family.TEXT, "citext": Family.TEXT, "clob": Family.TEXT,
    "longtext": Family.TEXT, "mediumtext": Family.TEXT, "tinytext": Family.TEXT, "name": Family.TEXT,
    "date": Family.DATE,
    "bytea": Family.BYTES, "blob": Family.BYTES, "binary": Family.BYTES, "varbinary": Family.BYTES,
    "longblob": Family.BYTES, "mediumblob": Family.BYTES, "tinyblob": Family.BYTES, "interval": Family.INTERVAL,
    "uuid": Family.UUID, "json": Family.JSON, "jsonb": Family.JSON, "datetime": Family.TIMESTAMP,
}  # fmt: skip
_CHARACTERS = frozenset(
    (
        "character varying", "varchar", "character", "char", "nvarchar", "nchar", "bpchar", "native character",
        "varying character", "string",
    )
)  # fmt: skip


def read(text: str, *, dialect: str, labels: tuple[str, ...] = ()) -> SqlType:
    """Return what a type's text says.

    Example:
        >>> read("numeric(12,2)", dialect="postgresql").scale
        2
        >>> read("timestamp with time zone", dialect="postgresql").zoned
        True
        >>> read("NVARCHAR(40)", dialect="sqlite").length
        40
    """
    found = _FORM.match(text)
    if found is None:
        return SqlType(text=text, family=Family.OTHER)
    if found["array"]:
        return SqlType(text=text, family=Family.ARRAY, element=text[: found.start("array")].strip())
    if labels:
        return SqlType(text=text, family=Family.ENUM, labels=labels)
    name, rest = found["name"].strip().lower(), found["rest"].strip().lower()
    unsigned = "unsigned" in f"{name} {rest}" or (
        dialect == DUCKDB and name in ("utinyint", "usmallint", "uinteger", "ubigint")
    )
    name = name.replace(" unsigned", "").replace(" zerofill", "").strip()
    numbers = [int(part) for part in re.findall(r"\d+", found["arguments"] or "")]
    if dialect == MYSQL and name == "tinyint" and numbers == [1]:
        return SqlType(text=text, family=Family.BOOLEAN)
    if dialect == MYSQL and name in ("bit", "year"):
        bits = numbers[0] if name == "bit" and numbers else 1 if name == "bit" else 16
        return SqlType(text=text, family=Family.INTEGER, bits=bits, unsigned=name == "bit")
    if name in _INTEGERS:
        bits = 64 if dialect == SQLITE else _INTEGERS[name]
        return SqlType(text=text, family=Family.INTEGER, bits=bits, unsigned=unsigned)
    return _other(text, name, rest, numbers, dialect)


def _other(text: str, name: str, rest: str, numbers: list[int], dialect: str) -> SqlType:
    """The type of a name that is no integer."""
    if name in _FLOATS:
        return SqlType(
            text=text, family=Family.FLOAT, bits=64 if dialect in (SQLITE, MYSQL) and name != "float" else _FLOATS[name]
        )
    if name in ("hugeint", "uhugeint"):
        return SqlType(text=text, family=Family.DECIMAL, precision=38, scale=0)
    if name in ("numeric", "decimal", "dec", "money") and not (name == "money" and dialect == POSTGRES):
        return _decimal(text, numbers, dialect)
    if name in _CHARACTERS:
        default = (
            1 if name in ("character", "char", "bpchar", "nchar") and not numbers and dialect == POSTGRES else None
        )
        return SqlType(text=text, family=Family.TEXT, length=numbers[0] if numbers else default)
    if name.startswith("time"):
        return _time(text, name, rest)
    if name in _PLAIN:
        return SqlType(text=text, family=_PLAIN[name])
    return _by_affinity(text, name) if dialect == SQLITE else SqlType(text=text, family=Family.OTHER)


def _decimal(text: str, numbers: list[int], dialect: str) -> SqlType:
    if not numbers and dialect == DUCKDB:
        numbers = [18, 3]
    if not numbers and dialect == MYSQL:
        numbers = [10, 0]
    precision = numbers[0] if numbers else None
    scale = (numbers[1] if len(numbers) > 1 else 0) if numbers else None
    return SqlType(text=text, family=Family.DECIMAL, precision=precision, scale=scale)


def _time(text: str, name: str, rest: str) -> SqlType:
    words = f"{name} {rest}"
    zoned = "with time zone" in words or name in ("timestamptz", "timetz")
    family = Family.TIMESTAMP if name.startswith("timestamp") else Family.TIME
    return SqlType(text=text, family=family, zoned=zoned)


def _by_affinity(text: str, name: str) -> SqlType:
    """SQLite takes any word for a type and goes by its letters (sqlite.org/datatype3.html, 3.1)."""
    for letters, family in (
        ("bool", Family.BOOLEAN), ("int", Family.INTEGER), ("char", Family.TEXT), ("clob", Family.TEXT),
        ("text", Family.TEXT), ("blob", Family.BYTES), ("real", Family.FLOAT), ("floa", Family.FLOAT),
        ("doub", Family.FLOAT), ("guid", Family.UUID),
    ):  # fmt: skip
        if letters in name:
            return SqlType(text=text, family=family, bits=64 if family in (Family.INTEGER, Family.FLOAT) else None)
    return SqlType(text=text, family=Family.OTHER)


def arrow_of(kind: SqlType) -> pa.DataType:
    """Return the Arrow type that carries a type's values exactly; text where Arrow has none.

    Example:
        >>> arrow_of(read("numeric(12,2)", dialect="postgresql"))
        Decimal128Type(decimal128(12, 2))
    """
    match kind.family:
        case Family.INTEGER:
            if kind.unsigned:
                return {8: pa.uint8(), 16: pa.uint16(), 24: pa.uint32(), 32: pa.uint32()}.get(
                    kind.bits or 64, pa.uint64()
                )
            return {8: pa.int8(), 16: pa.int16(), 24: pa.int32(), 32: pa.int32()}.get(kind.bits or 64, pa.int64())
        case Family.FLOAT:
            return pa.float32() if kind.bits == 32 else pa.float64()
        case Family.DECIMAL:
            return _arrow_decimal(kind.precision, kind.scale)
        case Family.BOOLEAN:
            return pa.bool_()
        case Family.BYTES:
            return pa.binary()
        case Family.DATE:
            return pa.date32()
        case Family.TIME:
            return pa.string() if kind.zoned else pa.time64("us")
        case Family.TIMESTAMP:
            return pa.timestamp("us", tz="UTC" if kind.zoned else None)
    return pa.string()


def _arrow_decimal(precision: int | None, scale: int | None) -> pa.DataType:
    if precision is None or precision > 76:
        return pa.string()
    digits, after = max(precision, scale or 0), scale or 0
    return pa.decimal128(digits, after) if digits <= 38 else pa.decimal256(digits, after)


def spell(kind: SqlType, dialect: str, *, key: bool = False) -> str:
    """Return how another database spells a type; `key` says that a key needs a length (MySQL).

    Example:
        >>> spell(read("NVARCHAR(40)", dialect="sqlite"), "postgresql")
        'varchar(40)'
        >>> spell(read("uuid", dialect="postgresql"), "sqlite")
        'TEXT'
    """
    return _SPELLERS[dialect](kind, key)


def _postgres(kind: SqlType, key: bool) -> str:  # noqa: ARG001
    plain = {
        Family.BOOLEAN: "boolean", Family.BYTES: "bytea", Family.DATE: "date", Family.INTERVAL: "interval",
        Family.UUID: "uuid", Family.JSON: "jsonb", Family.ENUM: "text", Family.OTHER: "text", Family.ARRAY: "text",
    }  # fmt: skip
    match kind.family:
        case Family.INTEGER:
            wide = 16 if (kind.bits or 64) < 16 else kind.bits or 64
            if kind.unsigned and wide == 64:
                return "numeric(20,0)"
            return {16: "smallint", 24: "integer", 32: "integer"}.get(wide * 2 if kind.unsigned else wide, "bigint")
        case Family.FLOAT:
            return "real" if kind.bits == 32 else "double precision"
        case Family.TIMESTAMP:
            return "timestamp with time zone" if kind.zoned else "timestamp"
        case Family.TIME:
            return "time with time zone" if kind.zoned else "time"
        case Family.TEXT:
            return f"varchar({kind.length})" if kind.length else "text"
        case Family.DECIMAL:
            return _numeric(kind)
    return plain[kind.family]


def _numeric(kind: SqlType) -> str:
    return "numeric" if kind.precision is None else f"numeric({kind.precision},{kind.scale or 0})"


def _sqlite(kind: SqlType, key: bool) -> str:  # noqa: ARG001
    plain = {
        Family.INTEGER: "INTEGER", Family.FLOAT: "REAL", Family.BOOLEAN: "BOOLEAN", Family.BYTES: "BLOB",
        Family.DATE: "DATE", Family.TIME: "TIME", Family.TIMESTAMP: "TIMESTAMP",
    }  # fmt: skip
    if kind.family is Family.DECIMAL:
        return _numeric(kind).upper()
    if kind.family is Family.TEXT and kind.length:
        return f"VARCHAR({kind.length})"
    return plain.get(kind.family, "TEXT")


def _mysql(kind: SqlType, key: bool) -> str:
    sign = " unsigned" if kind.unsigned else ""
    integers = {8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int"}
    plain = {
        Family.BOOLEAN: "tinyint(1)", Family.FLOAT: "double", Family.BYTES: "varbinary(255)" if key else "longblob",
        Family.DATE: "date", Family.TIME: "time(6)", Family.TIMESTAMP: "datetime(6)", Family.UUID: "char(36)",
        Family.JSON: "json",
    }  # fmt: skip
    match kind.family:
        case Family.INTEGER:
            return integers.get(kind.bits or 64, "bigint") + sign
        case Family.DECIMAL:
            digits = min(kind.precision or 65, 65)
            return f"decimal({digits},{min(kind.scale if kind.scale is not None else 30, 30, digits)})"
        case Family.ENUM:
            return "enum(" + ",".join("'" + label.replace("'", "''") + "'" for label in kind.labels) + ")"
        case Family.TEXT if kind.length and kind.length <= 16_383:
            return f"varchar({kind.length})"
    return plain.get(kind.family, "varchar(255)" if key else "longtext")


def _duckdb(kind: SqlType, key: bool) -> str:  # noqa: ARG001
    integers = {8: "TINYINT", 16: "SMALLINT", 24: "INTEGER", 32: "INTEGER"}
    plain = {
        Family.BOOLEAN: "BOOLEAN", Family.BYTES: "BLOB", Family.DATE: "DATE", Family.UUID: "UUID", Family.TIME: "TIME",
    }  # fmt: skip
    match kind.family:
        case Family.INTEGER:
            return ("U" if kind.unsigned else "") + integers.get(kind.bits or 64, "BIGINT")
        case Family.FLOAT:
            return "FLOAT" if kind.bits == 32 else "DOUBLE"
        case Family.DECIMAL:
            if kind.precision is None or kind.precision > 38:
                return "VARCHAR"
            return f"DECIMAL({kind.precision},{kind.scale or 0})"
        case Family.TIMESTAMP:
            return "TIMESTAMPTZ" if kind.zoned else "TIMESTAMP"
    return plain.get(kind.family, "VARCHAR")


_SPELLERS: dict[str, Callable[[SqlType, bool], str]] = {
    POSTGRES: _postgres, SQLITE: _sqlite, MYSQL: _mysql, DUCKDB: _duckdb,
}  # fmt: skip
