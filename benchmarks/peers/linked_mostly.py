"""Fit and sample linked tables with MOSTLY's SDK: job = {source, links, keys, out, seed, minutes}.

It knows keys of one column only; a link of several columns is left out, and so is a key that is a link as well. Each
table's first link is told as its context, the others as plain foreign keys.
"""

import json
import sys
import time
from pathlib import Path

import pandas as pd


def configured(job: dict, tables: dict[str, pd.DataFrame]) -> list[dict]:
    """Return a configuration for each table."""
    found = []
    for name, rows in tables.items():
        links = [link for link in job["links"] if link["table"] == name and len(link["columns"]) == 1]
        links = [link for link in links if link["parent"] != name and link["parent"] in job["keys"]]
        links = [link for link in links if link["parent_columns"] == [job["keys"][link["parent"]]]]
        keys = [
            {"column": link["columns"][0], "referenced_table": link["parent"], "is_context": place == 0}
            for place, link in enumerate(links)
        ]
        own = job["keys"].get(name)
        table = {
            "name": name,
            "data": rows,
            "tabular_model_configuration": {"max_training_time": job["minutes"]},
            "foreign_keys": keys,
        }
        if own is not None and own not in {key["column"] for key in keys}:
            table["primary_key"] = own
        found.append(table)
    return found


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    from mostlyai.sdk import MostlyAI

    tables = {path.stem: pd.read_parquet(path) for path in sorted(Path(job["source"]).glob("*.parquet"))}
    start = time.process_time()
    mostly = MostlyAI(local=True, quiet=True)
    generator = mostly.train(config={"name": "linked", "tables": configured(job, tables)}, progress_bar=False)
    fitted = time.process_time() - start
    start = time.process_time()
    made = mostly.generate(generator, progress_bar=False).data()
    made = made if isinstance(made, dict) else {next(iter(tables)): made}
    out = Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in made.items():
        rows[[column for column in tables[name].columns if column in rows]].to_parquet(out / f"{name}.parquet")
    answer = {"model_cpu_s": fitted, "sample_cpu_s": time.process_time() - start}
    answer["tables"] = {name: len(rows) for name, rows in made.items()}
    Path(job["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
