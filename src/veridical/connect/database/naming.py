"""How is a name written in SQL?"""

from __future__ import annotations


def quoted(name: str, mark: str = '"') -> str:
    """Return a name in quotes, whatever it holds.

    Example:
        >>> quoted('a"b'), quoted("order", "`")
        ('"a""b"', '`order`')
    """
    return mark + name.replace(mark, mark * 2) + mark
