"""How does a run become a folder that `datasets.load_dataset` opens, with its card?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from veridical.store.runfolder import write_bytes

_CARD = """---
{front}tags:
- synthetic
- veridical
size_categories:
- {size}
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# {title}

**Synthetic.** {count:,} records that a language model made; none is a real one. Each row carries how it was made: `id`,
`source`, `recipe_step`, `model`, `seed`, `cost` in US dollars and `scores` (JSON).

| column | type |
|---|---|
{columns}

```python
from datasets import load_dataset
data = load_dataset("PATH_OF_THIS_FOLDER", split="train")
```
"""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_dataset_folder(
    rows: Sequence[Mapping[str, Any]], folder: Path, *, title: str = "Synthetic texts", licence: str = ""
) -> None:
    """Write `data/train-00000-of-00001.parquet` and the card `README.md`."""
    table = pa.Table.from_pylist([dict(row) for row in rows])
    (folder / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "data" / "train-00000-of-00001.parquet", compression="zstd")
    columns = "\n".join(f"| `{field.name}` | {field.type} |" for field in table.schema)
    size = next((name for most, name in _SIZES if table.num_rows < most), "n>1M")
    front = f"license: {licence.lower()}\n" if licence else ""
    card = _CARD.format(front=front, size=size, title=title, count=table.num_rows, columns=columns)
    write_bytes(folder / "README.md", card.encode())
