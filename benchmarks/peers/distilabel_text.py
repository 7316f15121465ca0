"""distilabel: a pipeline of one TextGeneration step over given instructions."""

import json
import sys
import time
from pathlib import Path

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

job = json.loads(Path(sys.argv[1]).read_text())
folder = Path(job.get("folder") or Path(job["answer"]).parent / "cache")
start = time.perf_counter()
if __name__ == "__main__":
    with Pipeline(name="bench", cache_dir=str(folder)) as pipeline:
        data = [{"instruction": f"Write question {number}."} for number in range(job["records"])]
        load = LoadDataFromDicts(data=data, batch_size=job["in_flight"])
        llm = OpenAILLM(
            model="mock-model", base_url=job["url"], api_key="none", timeout=5, generation_kwargs={"max_new_tokens": 64}
        )
        load >> TextGeneration(llm=llm, input_batch_size=job["in_flight"])
    rows = pipeline.run(use_cache=True)["default"]["train"]
    delivered = sum(1 for text in rows["generation"] if text and "text" in json.loads(text))
    answer = {"delivered": delivered, "seconds": time.perf_counter() - start}
    Path(job["answer"]).write_text(json.dumps(answer))
