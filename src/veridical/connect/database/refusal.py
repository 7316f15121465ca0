"""Why did a server not let us in? Asked of the network and of what the driver knows, never of its words."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from veridical.connect.database.address import MYSQL, POSTGRES, Address

PORTS = {POSTGRES: 5432, MYSQL: 3306}
_WAIT_S = 3.0
_VERIFYING = frozenset(("verify-ca", "verify-full"))
# MySQL's and MariaDB's own numbers (their manuals' list of errors).
_MYSQL = {
    "1045": ("the server refuses the user or the password", "check both"),
    "1044": ("the user has no right to this database", "GRANT it, or log in as another"),
    "1049": ("there is no database of this name", "check the end of the URL"),
    "1698": ("the server refuses the user or the password", "check both"),
    "3159": ("the server wants TLS", "add ?ssl_ca=ca.pem to the URL"),
    "2026": ("no TLS connection came about", "check ssl_ca, and the name in the server's certificate"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What went wrong, and how to mend it."""

    what: str
    fix: str


def refusal_of(wrong: BaseException, address: Address, state: str | None) -> Refusal | None:
    """Return why a connection did not come about; None where nothing is known."""
    if address.is_file:
        return None
    if address.dialect == MYSQL and state in _MYSQL:
        return Refusal(*_MYSQL[state])
    if type(wrong).__name__ == "ProgrammingError":
        return Refusal("the URL has an option that the driver does not know", "check what stands behind the `?`")
    return _unreachable(address) or (_postgres(wrong, address) if address.dialect == POSTGRES else None)


def _unreachable(address: Address) -> Refusal | None:
    host, port = address.host, address.port or PORTS[address.dialect]
    if host is None or host.startswith("/"):
        return None  # a socket of this machine
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return Refusal(f"the host {host} is unknown", "check its name in the URL")
    for family, kind, protocol, _, place in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.settimeout(_WAIT_S)
            if probe.connect_ex(place) == 0:
                return None
    return Refusal(f"nothing answers at {host}:{port}", "check that the server runs, and its port")


def _postgres(wrong: BaseException, address: Address) -> Refusal | None:
    held: Any = getattr(wrong, "pgconn", None)
    mode = address.options.get("sslmode", "prefer")
    if held is not None and (held.needs_password or held.used_password):
        fix = "check both" if address.password is not None else "give it in PGPASSWORD, ~/.pgpass or the URL"
        return Refusal("the server refuses the user or the password", fix)
    if mode in _VERIFYING:
        fix = "check sslrootcert, and that the certificate names the host; sslmode=require does not look at it"
        return Refusal(f"the server's certificate does not pass sslmode={mode}", fix)
    fix = "check the user and the database's name; where it lets in over TLS only, add ?sslmode=require"
    return Refusal("the server does not let this user in, or has no database of this name", fix)
