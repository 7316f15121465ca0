"""Faker: ten fields of a customer, one call a cell."""

import json
import sys
import time
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text())
from faker import Faker  # noqa: E402

fake = Faker(job["locale"], use_weighting=job["weighting"])
Faker.seed(job["seed"])


def record():
    """Return one customer."""
    return {
        "name": fake.name(),
        "email": fake.email(),
        "phone": fake.phone_number(),
        "address": fake.street_address(),
        "city": fake.city(),
        "postcode": fake.postcode(),
        "company": fake.company(),
        "birth_date": fake.date_of_birth(),
        "uuid": fake.uuid4(),
        "amount": fake.pyfloat(min_value=1, max_value=1000, right_digits=2),
    }


record()
start = time.process_time()
rows = [record() for _ in range(job["rows"])]
Path(job["answer"]).write_text(json.dumps({"cpu_s": time.process_time() - start, "rows": len(rows)}))
