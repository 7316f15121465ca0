"""Every example of grounded, agentic and executable text is pointed at a server by one line: OpenAI's form or Anthropic's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from llm_server import LLMServer, Told, chat
from veridical.cli.main import run

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVERS = ("openai_compatible", "openai_chat", "anthropic")


def said_to(text: str, fields: list[str]) -> str:
    """Return an answer of the form that was asked for: an object's fields, other words of a line, or a plain line."""
    if fields:
        return json.dumps(dict.fromkeys(fields, "What is the fee for a lost card of the library?"))
    if "Relevant query:" in text:
        return " ".join(text.rsplit("Document: ", 1)[1].split()[:8]) + "\nDocument: and on"
    if "Other words:" in text:
        return text.rsplit("Line: ", 1)[1].split("\n")[0] + " Okay then.\nLine: and on"
    return "what is the fee for a lost card\nand on"


def answer(asked):
    body = asked.json
    if asked.path == "/v1/messages":
        if body.get("tool_choice"):
            named = next(tool for tool in body["tools"] if tool["name"] == body["tool_choice"]["name"])
            told = json.loads(said_to("", list(named["input_schema"]["properties"])))
            content = [{"type": "tool_use", "id": "t", "name": named["name"], "input": told}]
        else:
            content = [{"type": "text", "text": said_to(body["messages"][-1]["content"], [])}]
        usage = {"input_tokens": 10, "output_tokens": 5}
        return json.dumps({"model": "m", "content": content, "stop_reason": "end_turn", "usage": usage}).encode()
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    text = said_to(asked.text, list(schema.get("properties", ())))
    if asked.path == "/v1/completions":
        # As a server that heeds stops would.
        for stop in body.get("stop", ()):
            text = text.split(stop)[0]
        choice = {"text": text, "finish_reason": "stop"}
        return json.dumps({"model": "m", "choices": [choice], "usage": {}}).encode()
    return chat(text)


def pointed(example: str, place: Path, url: str, server: str) -> list[str]:
    """Write a copy of an example whose one line `teacher:` names a server, and return the command that runs it."""
    spec = yaml.safe_load((EXAMPLES / example).read_text())
    if server == "anthropic":
        teacher = {"provider": "anthropic", "model": "m", "base_url": url.removesuffix("/v1"), "key_variable": ""}
    else:
        teacher = {"model": "m", "base_url": url, "key_variable": ""}
        teacher |= {"raw_prompts": "chat"} if server == "openai_chat" else {}
    spec["models"]["teacher"] = teacher
    spec |= {"records": 2}
    if spec["recipe"]["name"] != "private_evolution":
        spec |= {"max_candidates": 4}
    for options in [spec["recipe"].get("options", {})]:
        for name in ("documents", "examples"):
            if isinstance(options.get(name), str):
                options[name] = str((EXAMPLES / example).parent / options[name])
    if "seeds" in spec:
        spec["seeds"] = str(((EXAMPLES / example).parent / spec["seeds"]).resolve())
    (place / "spec.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True))
    word = "evolve" if spec["recipe"]["name"] == "private_evolution" else "text"
    return [word, str(place / "spec.yaml"), "-o", str(place / "run")]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("example", "least"),
    [
        ("grounded/queries.yaml", 1),
        ("grounded/triplets.yaml", 0),
        ("grounded/evolve.yaml", 2),
        ("dialogue/embedded.yaml", 1),
        ("dialogue/played.yaml", 0),
        ("code/embedded.yaml", 0),
        ("math/embedded.yaml", 0),
    ],
)
def test_one_line_points_an_example_at_a_server(example, least, server, tmp_path, monkeypatch):
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "home"))
    with LLMServer(answer) as asked:
        code = run(pointed(example, tmp_path, asked.url, server))
        paths = {one.path for one in asked.asked}
    assert code in (0, 3, 4), "it ends as a run ends: done, or short of what was wanted"
    lines = (tmp_path / "run" / "synthesize" / "data.jsonl").read_text().splitlines()
    assert len(lines) >= least
    raw = "/v1/completions"
    assert paths, "somebody was asked"
    assert paths <= ({"/v1/messages"} if server == "anthropic" else {"/v1/chat/completions", raw})
    assert server == "openai_compatible" or raw not in paths
    if least and example == "grounded/queries.yaml":
        questions = [json.loads(line)["fields"]["question"] for line in lines]
        assert all(len(question.split()) == 8 for question in questions), "what follows the line wanted is cut off"


def test_a_chat_template_is_not_asked_in_chat(tmp_path, capsys):
    spec = {
        "recipe": {"name": "magpie", "options": {"template": "chatml"}},
        "models": {"teacher": {"provider": "anthropic", "model": "m", "key_variable": ""}},
        "records": 1,
    }
    with LLMServer(lambda asked: Told(status=500)) as asked:
        spec["models"]["teacher"]["base_url"] = asked.url.removesuffix("/v1")
        (tmp_path / "m.yaml").write_text(json.dumps(spec))
        assert run(["text", str(tmp_path / "m.yaml"), "-o", str(tmp_path / "run"), "--quiet"]) == 2
        assert not asked.asked
    assert "chat template" in capsys.readouterr().err
