"""Which codec does this JSON describe?"""

from __future__ import annotations

from veridical.core.errors import ArtifactError
from veridical.core.schema import TableSchema
from veridical.prepare.category import CategoryCodec
from veridical.prepare.codec import Codec, Plain, Support
from veridical.prepare.combination import CombinationCodec
from veridical.prepare.fresh import ConstantCodec, FabricatedCodec, KeyCodec
from veridical.prepare.gap import GapCodec
from veridical.prepare.moment import MomentCodec
from veridical.prepare.moment_key import Calendar
from veridical.prepare.number import NumberCodec
from veridical.prepare.one_hot import OneHotCodec
from veridical.prepare.unseen import UnseenCodec


def codec_of(plain: Plain, schema: TableSchema) -> Codec:
    """Return the codec that `Codec.to_plain` wrote.

    Raises:
        ArtifactError: the JSON describes no codec.
    """
    kind = plain.get("codec")
    if kind in ("combination", "one_hot", "gap"):
        return _of_several(plain, schema)
    column = schema.column(plain["column"])
    match kind:
        case "number":
            return NumberCodec(column, plain["whole"], _support(plain))
        case "moment":
            return MomentCodec(column, plain["unit"], plain["split"], plain["low"], plain["high"], _support(plain))
        case "category":
            return CategoryCodec(column, tuple(plain["values"]), tuple(plain["weights"]))
        case "key":
            line = Calendar.from_plain(plain.get("calendar"))
            return KeyCodec(column, plain["form"], plain["pattern"], plain["width"], plain["repeats"], line)
        case "constant":
            return ConstantCodec(column, plain["value"])
        case "fabricated":
            return FabricatedCodec(column, plain["with_nulls"], plain["model"], plain["unique"])
        case "unseen":
            return UnseenCodec(column)
    raise ArtifactError(f"no codec {kind!r}", where="restore.json", fix="fit the model again")


def _of_several(plain: Plain, schema: TableSchema) -> Codec:
    if plain["codec"] == "one_hot":
        columns = tuple(schema.column(name) for name in plain["columns"])
        return OneHotCodec(columns, tuple(plain["on"]), tuple(plain["off"]), tuple(plain["seen"]))
    if plain["codec"] == "gap":
        low, high = codec_of(plain["low"], schema), codec_of(plain["high"], schema)
        if isinstance(low, NumberCodec | MomentCodec) and isinstance(high, NumberCodec | MomentCodec):
            return GapCodec(low, high, plain["strict"])
        raise ArtifactError("a gap is between numbers or dates", where="restore.json", fix="fit the model again")
    inner = tuple(codec_of(one, schema) for one in plain["inner"])
    return CombinationCodec(inner, tuple(tuple(row) for row in plain["rows"]), tuple(plain["counts"]), plain["lead"])


def _support(plain: Plain) -> Support | None:
    ends = plain["support"]
    return None if ends is None else (float(ends[0]), float(ends[1]))
