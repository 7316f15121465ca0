"""Which codec does this JSON describe?"""

from __future__ import annotations

from veridical.core.errors import ArtifactError
from veridical.core.schema import TableSchema
from veridical.prepare.category import CategoryCodec
from veridical.prepare.codec import Codec, Plain
from veridical.prepare.fresh import ConstantCodec, FabricatedCodec, KeyCodec
from veridical.prepare.moment import MomentCodec
from veridical.prepare.number import NumberCodec
from veridical.prepare.unseen import UnseenCodec


def codec_of(plain: Plain, schema: TableSchema) -> Codec:
    """Return the codec that `Codec.to_plain` wrote.

    Raises:
        ArtifactError: the JSON describes no codec.
    """
    kind = plain.get("codec")
    column = schema.column(plain["column"])
    match kind:
        case "number":
            return NumberCodec(column, plain["whole"])
        case "moment":
            return MomentCodec(column, plain["unit"], plain["split"], plain["low"], plain["high"])
        case "category":
            return CategoryCodec(column, tuple(plain["values"]), tuple(plain["weights"]))
        case "key":
            return KeyCodec(column, plain["form"], plain["pattern"], plain["width"], plain["repeats"])
        case "constant":
            return ConstantCodec(column, plain["value"])
        case "fabricated":
            return FabricatedCodec(column, plain["with_nulls"], plain["model"], plain["unique"])
        case "unseen":
            return UnseenCodec(column)
    raise ArtifactError(f"no codec {kind!r}", where="restore.json", fix="fit the model again")
