"""Mimesis: ten fields of a customer through its providers."""

import json
import sys
import time
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text())
from mimesis import Generic  # noqa: E402
from mimesis.locales import Locale  # noqa: E402

make = Generic(locale={"en_US": Locale.EN, "ko_KR": Locale.KO}[job["locale"]], seed=job["seed"])


def record():
    """Return one customer."""
    return {
        "name": make.person.full_name(),
        "email": make.person.email(),
        "phone": make.person.phone_number(),
        "address": make.address.address(),
        "city": make.address.city(),
        "postcode": make.address.postal_code(),
        "company": make.finance.company(),
        "birth_date": make.person.birthdate(),
        "uuid": make.cryptographic.uuid(),
        "amount": make.numeric.float_number(1, 1000, 2),
    }


record()
start = time.process_time()
rows = [record() for _ in range(job["rows"])]
Path(job["answer"]).write_text(json.dumps({"cpu_s": time.process_time() - start, "rows": len(rows)}))
