"""veridical: the same ten fields, through the rules engine."""

import json
import sys
import time
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text())
from veridical.engines.rules.family import Family  # noqa: E402
from veridical.engines.rules.generator import RulesGenerator  # noqa: E402
from veridical.engines.rules.writing import write  # noqa: E402

RULES = """
locale: {locale}
tables:
  customers:
    fields:
      name: person.name
      email: person.email
      phone: phone
      address: street
      city: city
      postcode: postcode
      company: company
      birth_date: {{type: date, start: 1940-01-01, end: 2006-12-31}}
      uuid: uuid
      amount: {{type: decimal, low: 1, high: 1000, decimals: 2}}
"""
spec = RulesGenerator.of_text(RULES.format(locale=job["locale"])).spec
first = Family(spec, 10, job["seed"])
list(map(first.tables, first.blocks()))
start = time.process_time()
family = Family(spec, job["rows"], job["seed"])
if job["csv"]:
    rows = write(family, Path(job["answer"]).parent / "made", "csv")["customers"]
else:
    rows = sum(family.tables(block)["customers"].num_rows for block in family.blocks())
Path(job["answer"]).write_text(json.dumps({"cpu_s": time.process_time() - start, "rows": rows}))
