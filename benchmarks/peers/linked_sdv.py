"""Fit and sample linked tables with SDV's HMA: job = {source, links, out, seed}."""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    import pandas as pd
    from sdv.metadata import Metadata
    from sdv.multi_table import HMASynthesizer

    tables = {path.stem: pd.read_parquet(path) for path in sorted(Path(job["source"]).glob("*.parquet"))}
    metadata = Metadata.detect_from_dataframes(tables, infer_sdtypes=True, infer_keys=None)
    for name, key in job["keys"].items():
        metadata.update_column(column_name=key, sdtype="id", table_name=name)
        metadata.set_primary_key(column_name=key, table_name=name)
    for link in job["links"]:
        if len(link["columns"]) != 1:
            continue
        metadata.update_column(column_name=link["columns"][0], sdtype="id", table_name=link["table"])
        metadata.add_relationship(link["parent"], link["table"], link["parent_columns"][0], link["columns"][0])
        known = set(tables[link["parent"]][link["parent_columns"][0]])
        child = tables[link["table"]]
        tables[link["table"]] = child[child[link["columns"][0]].isin(known)]  # it refuses keys without a row
    start = time.process_time()
    synthesizer = HMASynthesizer(metadata)
    synthesizer.fit(tables)
    fitted = time.process_time() - start
    start = time.process_time()
    made = synthesizer.sample_scale(scale=1.0)
    out = Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in made.items():
        rows.to_parquet(out / f"{name}.parquet")
    answer = {"model_cpu_s": fitted, "sample_cpu_s": time.process_time() - start}
    answer["tables"] = {name: len(rows) for name, rows in made.items()}
    Path(job["answer"]).write_text(json.dumps(answer))


main()
