"""How strong is a sandbox, and what does each strength hold against?"""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """What stands between a program and the machine, from weak to strong.

    LIMITS: CPU, memory, file, process, output and time limits, an empty environment, no surviving children. Any file of
    the user can still be read, and the network reached: for programs one trusts not to want harm.
    FILTERED: also no network, no files but Python's own and a scratch folder, no signals to others, no other process's
    memory (seccomp and Landlock; Linux 5.13).
    NAMESPACES: also a root of its own that holds Python and an empty /tmp, its own processes, network and users
    (user namespaces, root's own, or bubblewrap).

    Example:
        >>> Level.named("filtered") < Level.NAMESPACES
        True
    """

    LIMITS = 1
    FILTERED = 2
    NAMESPACES = 3

    @classmethod
    def named(cls, name: str) -> Level:
        """Return the level of a name, as a spec writes it.

        Raises:
            SpecError: no level is called so.
        """
        from veridical.core.errors import SpecError

        try:
            return cls[name.upper()]
        except KeyError:
            known = ", ".join(level.name.lower() for level in cls)
            raise SpecError(f"no sandbox level is called {name!r}", where="sandbox", fix=f"use {known}") from None
