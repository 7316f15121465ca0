"""DataDesigner: a sampled number and one text column."""

import json
import sys
import time
from pathlib import Path

from data_designer.config.column_configs import LLMTextColumnConfig, SamplerColumnConfig
from data_designer.config.config_builder import DataDesignerConfigBuilder
from data_designer.config.models import ChatCompletionInferenceParams, ModelConfig, ModelProvider
from data_designer.interface import DataDesigner

job = json.loads(Path(sys.argv[1]).read_text())
folder = Path(job.get("folder") or Path(job["answer"]).parent / "artifacts")
provider = ModelProvider(name="mock", endpoint=job["url"], provider_type="openai", api_key="none")
parameters = ChatCompletionInferenceParams(max_parallel_requests=job["in_flight"], max_tokens=64, timeout=5)
model = ModelConfig(
    alias="writer", model="mock-model", provider="mock", inference_parameters=parameters, skip_health_check=True
)
builder = DataDesignerConfigBuilder(model_configs=[model])
builder.add_column(SamplerColumnConfig(name="number", sampler_type="uuid", params={}))
builder.add_column(LLMTextColumnConfig(name="text", model_alias="writer", prompt="Write question {{ number }}."))
start = time.perf_counter()
designer = DataDesigner(artifact_path=folder, model_providers=[provider])
made = designer.create(builder, num_records=job["records"]).load_dataset()
answer = {"delivered": len(made), "seconds": time.perf_counter() - start}
Path(job["answer"]).write_text(json.dumps(answer))
