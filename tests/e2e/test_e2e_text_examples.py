"""Does every example under examples/text run: its prompts shown, answered by a server, and by the embedded model?"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from llm_server import LLMServer
from veridical.cli.main import run
from veridical.core.contracts import RunContext
from veridical.engines.text.catalog import RECIPES
from veridical.spec.text import ModelSpec, read_text
from veridical.stages.text import run_text

FOLDER = Path(__file__).parents[2] / "examples" / "text"
EXAMPLES = sorted(path for path in FOLDER.glob("*.yaml"))
NAMES = [path.stem for path in EXAMPLES]


def plausible(asked):
    """Answer as a server would: JSON where a schema is asked for, else some words."""
    body = asked.json
    said = f"Where is the new bank card that I ordered {asked.number} days ago, and what does the fee of {asked.number} coins mean?"
    if "Come up with" in asked.text:
        return f"{said}\n2. Write two sentences about parcel number {asked.number}."
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    return json.dumps(dict.fromkeys(schema["properties"], said)) if schema else said


def first_of(spec, records):
    """Return quotas that want the first value of each dimension only."""
    return {name: {next(iter(values)): records} for name, values in spec.quotas.items()}


def test_every_recipe_has_an_example():
    named = {read_text(path).recipe.name for path in EXAMPLES}
    own = {card.name for card in RECIPES if card.target.startswith("veridical.engines.text.")}
    assert own | {"prompt"} <= named


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_an_example_shows_its_prompts(path, capsys):
    assert run(["text", str(path), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "nobody was asked" in told
    assert "--- question 1" in told or path.stem == "counterfactual"


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_an_example_runs_on_a_server(path, tmp_path):
    spec = read_text(path)
    with LLMServer(plausible) as server:
        options = {"model": "m", "base_url": server.url, "key_variable": ""}
        models = {"teacher": (ModelSpec(provider="openai_compatible", options=options),)}
        small = replace(spec, models=models, records=3, quotas=first_of(spec, 3), max_candidates=6, in_flight=1)
        done = run_text(small, tmp_path / "run", RunContext())
    assert done.harvested.failed_tasks == 0
    assert done.harvested.accepted + done.harvested.rejected + done.harvested.surplus > 0
    assert (tmp_path / "run" / "synthesize" / "data.parquet").exists()


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_an_example_runs_on_the_embedded_model(path, tmp_path):
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed: no embedded model here")
    spec = read_text(path)
    spec = replace(spec, records=2, quotas=first_of(spec, 2), max_candidates=3)
    done = run_text(spec, tmp_path / "run", RunContext())
    assert done.harvested.failed_tasks == 0
    assert done.harvested.accepted + done.harvested.rejected + done.harvested.surplus > 0
