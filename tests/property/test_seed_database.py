"""Does a database take every row that was made up from its declarations, whatever they are?"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from veridical.connect.database import read
from veridical.engines.seed.maker import SeedRequest
from veridical.stages import database

COLUMNS = st.lists(
    st.sampled_from(
        [
            "amount NUMERIC(6,2) CHECK (amount >= 0)", "email VARCHAR(12) NOT NULL UNIQUE", "age INTEGER CHECK (age BETWEEN 18 AND 99)",
            "state TEXT NOT NULL CHECK (state IN ('new', 'old'))", "started DATE", "code CHAR(3) UNIQUE", "flag BOOLEAN NOT NULL",
            "note TEXT CHECK (length(note) > 2)", "born DATE NOT NULL CHECK (born >= '1990-01-01')", "ratio REAL CHECK (ratio < 1)",
            "level INTEGER NOT NULL UNIQUE", "raw BLOB", "seen TIMESTAMP NOT NULL", "twice INTEGER AS (id * 2) STORED",
        ]
    ),
    unique=True, max_size=7,
)  # fmt: skip
LINK = st.sampled_from(
    [
        "up INTEGER REFERENCES {0}", "up INTEGER NOT NULL REFERENCES {0}", "up INTEGER UNIQUE REFERENCES {0}",
        "up INTEGER REFERENCES {0}, other INTEGER NOT NULL REFERENCES {0}, CHECK (up <> other)",
        "up INTEGER NOT NULL REFERENCES {0}, place INTEGER NOT NULL, UNIQUE (up, place)", "up INTEGER REFERENCES {1}",
    ]
)  # fmt: skip
BETWEEN = st.sampled_from(
    ["", ", CHECK (low <= high)", ", CHECK (low < high OR high IS NULL)", ", CHECK (low + high > 10)"]
)


@st.composite
def scripts(draw: st.DrawFn) -> str:
    statements, made = [], []
    for number in range(draw(st.integers(1, 4))):
        name = f"t{number}"
        lines = ["id INTEGER PRIMARY KEY", "low INTEGER NOT NULL", "high INTEGER", *draw(COLUMNS)]
        rules = draw(BETWEEN)
        if made and draw(st.booleans()):
            text = draw(LINK).format(draw(st.sampled_from(made)), name)
            parts = text.split(", ")
            lines += [
                part for part in parts if not part.startswith(("CHECK", "UNIQUE (")) and not part.startswith("place)")
            ]
            if "UNIQUE (up" in text:
                rules += ", UNIQUE (up, place)"
            if "CHECK (up" in text:
                rules += ", CHECK (up <> other)"
        statements.append(f"CREATE TABLE {name} ({', '.join(lines)}{rules});")
        made.append(name)
    return "\n".join(statements)


@settings(max_examples=40, deadline=None)
@given(scripts(), st.integers(1, 60), st.booleans())
def test_every_row_is_taken(script: str, rows: int, edge_cases: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dev.db"
        connection = sqlite3.connect(path)
        connection.executescript(script)
        connection.close()
        seeded, written = database.seed(f"sqlite:///{path}", SeedRequest(rows=rows, seed=1, edge_cases=edge_cases))
        for name, count in written.rows.items():
            assert count == rows or any(note.startswith(name) for note in seeded.notes)
        assert read(f"sqlite:///{path}").dataset.rows == sum(written.rows.values())
