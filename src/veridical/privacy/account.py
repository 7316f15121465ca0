"""What have all runs on this source spent together, and has anybody rewritten that?

One file a source in `~/.config/veridical/ledger` (or under `VERIDICAL_HOME`): a line a run, each sealed together with
the line before by a key that only this user can read; a small head file tells how many lines there are. A line that
was edited, added, removed or cut off is found. Sources are known by a keyed fingerprint, which tells an outsider
nothing. What a run may spend is written *before* it looks at the data; a run that dies stays charged.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veridical.core.contracts import PrivacyEvent
from veridical.core.digest import canonical_json
from veridical.core.errors import ArtifactError, BudgetError
from veridical.privacy.accountants import Cost, epsilon_of, total
from veridical.privacy.ledger import Budget, plain_event
from veridical.store.runfolder import write_bytes

_START = "0" * 64


@dataclass(frozen=True, slots=True)
class Standing:
    """What a source's runs have cost together, and what they may."""

    cost: Cost
    runs: int
    limit: Budget | None

    def epsilon(self, delta: float) -> float:
        """Return the epsilon of all runs together."""
        return epsilon_of(self.cost, delta)


@dataclass(frozen=True, slots=True)
class Account:
    """The folder of all sources' ledgers on this machine.

    Example:
        >>> import tempfile
        >>> account = Account(Path(tempfile.mkdtemp()))
        >>> source = account.keyed("a fingerprint")
        >>> account.reserve(source, Budget(epsilon=1.0), "first run")
        >>> round(account.standing(source).epsilon(1e-6), 3)
        1.0
    """

    folder: Path

    @classmethod
    def default(cls) -> Account:
        """Return the account of this user."""
        home = os.environ.get("VERIDICAL_HOME")
        root = Path(home) if home else Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "veridical"
        return cls(root / "ledger")

    def keyed(self, fingerprint: str) -> str:
        """Return a name for a source that tells nothing of it to those without this user's key."""
        return hmac.new(self._key(), fingerprint.encode(), hashlib.sha256).hexdigest()

    def limit(self, source: str, budget: Budget) -> None:
        """Set what all runs on a source may spend together; a later, larger limit does not lift an earlier one.

        Raises:
            BudgetError: a limit is set already.
            ArtifactError: the ledger was edited.
        """
        with self._locked(source):
            if self._standing(source).limit is not None:
                raise BudgetError("this source has a budget already", where="project budget", fix="keep to it")
            self._append(source, {"kind": "limit", "epsilon": budget.epsilon, "delta": budget.delta})

    def reserve(self, source: str, budget: Budget, what: str) -> None:
        """Charge a run's whole budget before it looks at the data.

        Raises:
            BudgetError: all runs together would exceed the source's budget; nothing is charged.
            ArtifactError: the ledger was edited.
        """
        cost = Cost(budget.rho, budget.stability_delta)
        with self._locked(source):
            known = self._standing(source)
            if known.limit is not None:
                after = known.cost + cost
                epsilon = epsilon_of(after, known.limit.delta)
                if epsilon > known.limit.epsilon * (1 + 1e-9):
                    raise BudgetError(
                        f"with this run all {known.runs + 1} runs on this source would spend epsilon {epsilon:.4g} at "
                        f"delta {known.limit.delta:g}; {known.limit.epsilon:g} is the project's budget",
                        where="project budget",
                        fix="ask for a smaller epsilon, or use what was released already: reusing it costs nothing",
                    )
            entry = {"kind": "run", "what": what, "epsilon": budget.epsilon, "delta": budget.delta}
            self._append(source, {**entry, "rho": cost.rho, "own_delta": cost.delta})

    def settle(self, source: str, events: Sequence[PrivacyEvent]) -> None:
        """Write down what a run did with what was reserved (which stays charged in full)."""
        spent = total(event for event in events if event.mechanism != "seeded_noise")
        with self._locked(source):
            self._standing(source)
            entry = {"kind": "done", "rho": spent.rho, "own_delta": spent.delta}
            self._append(source, {**entry, "events": [plain_event(event) for event in events]})

    def standing(self, source: str) -> Standing:
        """Return what a source's runs have cost together.

        Raises:
            ArtifactError: the ledger was edited, or cut short.
        """
        return self._standing(source)

    def entries(self, source: str) -> list[dict[str, Any]]:
        """Return every line of a source's ledger after checking the chain.

        Raises:
            ArtifactError: the ledger was edited, or cut short.
        """
        path, before, found = self._path(source), _START, []
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for number, line in enumerate(lines, start=1):
            entry = _parsed(line)
            seal = entry.pop("seal", None)
            if seal != self._seal(source, before, entry):
                raise _edited(path, f"line {number} is not as it was written")
            before = str(seal)
            found.append(entry)
        head = self._head(source)
        stated = _parsed(head.read_text(encoding="utf-8")) if head.exists() else {"lines": 0, "seal": _START}
        right = {"lines": len(found), "seal": before}
        right["head"] = self._seal(source, "head", dict(right))
        if (head.exists() or lines) and stated != right:
            raise _edited(path, "lines were added or cut off")
        return found

    def _standing(self, source: str) -> Standing:
        cost, runs, limit = Cost(0.0), 0, None
        for entry in self.entries(source):
            if entry["kind"] == "limit" and limit is None:
                limit = Budget(epsilon=entry["epsilon"], delta=entry["delta"])
            elif entry["kind"] == "run":
                cost, runs = cost + Cost(entry["rho"], entry["own_delta"]), runs + 1
        return Standing(cost, runs, limit)

    def _append(self, source: str, entry: dict[str, Any]) -> None:
        entries = self.entries(source)
        path = self._path(source)
        before = _parsed(path.read_text(encoding="utf-8").splitlines()[-1])["seal"] if entries else _START
        entry = {**entry, "at": dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat()}
        seal = self._seal(source, before, entry)
        old = path.read_bytes() if path.exists() else b""
        write_bytes(path, old + (canonical_json({**entry, "seal": seal}) + "\n").encode())
        head: dict[str, Any] = {"lines": len(entries) + 1, "seal": seal}
        head["head"] = self._seal(source, "head", dict(head))
        write_bytes(self._head(source), canonical_json(head).encode())

    def _seal(self, source: str, before: str, entry: Mapping[str, Any]) -> str:
        content = canonical_json({"source": source, "before": before, "entry": dict(entry)})
        return hmac.new(self._key(), content.encode(), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        path = self.folder / "secret.key"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
        return path.read_bytes()

    def _path(self, source: str) -> Path:
        return self.folder / f"{source[:32]}.jsonl"

    def _head(self, source: str) -> Path:
        return self.folder / f"{source[:32]}.head"

    @contextmanager
    def _locked(self, source: str) -> Iterator[None]:
        """Let one process at a time read, decide and write."""
        import fcntl

        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{source[:32]}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


def _edited(path: Path, how: str) -> ArtifactError:
    fix = "restore it from a backup; without it nobody knows what was spent, so nothing more may be"
    return ArtifactError(f"the privacy ledger was edited: {how}", where=str(path), fix=fix)
