"""Does a text run do what its page promises, from the command line, against a real server?"""

import json
import random
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from llm_server import LLMServer, Told, chat
from text_runs import accepted, answering, check_output, kill_and_resume, paid_twice, spec_file, start
from veridical.cli import main as door


def _text(*arguments):
    return door.run(["text", *map(str, arguments)])


@pytest.mark.parametrize("honours_keys", [False, True])
def test_kill_9_loses_nothing_doubles_nothing_and_pays_little_twice(tmp_path, honours_keys):
    with LLMServer(answering(), honours_keys=honours_keys) as server:
        spec = spec_file(tmp_path, server.url, records=120)
        kill_and_resume(server, spec, tmp_path / "run", kills=4, records=120, seed=5)
        twice = paid_twice(server)
    assert twice <= (0 if honours_keys else 4 * 24)  # 24 in flight at each kill: asked, and not yet on disk


@pytest.mark.slow
def test_forty_kills(tmp_path):
    with LLMServer(answering()) as server:
        spec = spec_file(tmp_path, server.url, records=800)
        kill_and_resume(server, spec, tmp_path / "run", kills=40, records=800, seed=11)
        assert paid_twice(server) <= 40 * 24


def test_a_run_its_folder_and_its_lineage(tmp_path, capsys):
    checks = [{"length": {"words_at_least": 1, "words_at_most": 50}}]

    def answer(asked):
        if asked.number == 3:
            return chat("cut", finish="length")
        return chat("no", refusal="I will not") if asked.number == 5 else chat(f"r {asked.text}")

    with LLMServer(answer) as server:
        spec = spec_file(tmp_path, server.url, records=20, checks=checks, prices={"m": {"input": 1, "output": 2}})
        assert _text(spec, "-o", tmp_path / "run", "--quiet") == 0
    out = capsys.readouterr().out
    assert "accepted    20" in out
    assert "refusal 1" in out and "truncated 1" in out
    assert "an accepted record" in out
    check_output(tmp_path / "run", accepted(tmp_path / "run"), 20)
    table = pq.read_table(tmp_path / "run" / "synthesize" / "data.parquet")
    assert {"topic", "text", "_id", "_source", "_step", "_model", "_seed", "_cost", "_scores"} <= set(
        table.column_names
    )
    assert table.num_rows == 20
    rejected = [json.loads(x) for x in (tmp_path / "run" / "synthesize" / "rejected.jsonl").read_text().splitlines()]
    assert {entry["check"] for entry in rejected} >= {"refusal", "truncated"}
    assert _text("inspect", tmp_path / "run") == 0
    assert _text("inspect", tmp_path / "run", "--rejected") == 0
    assert "refusal: the model declined to answer" in capsys.readouterr().out


def test_running_it_again_or_resuming_it_asks_nobody(tmp_path, capsys):
    with LLMServer() as server:
        spec = spec_file(tmp_path, server.url, records=10)
        assert _text(spec, "-o", tmp_path / "run", "-q") == 0
        asked = len(server.asked)
        assert _text(spec, "-o", tmp_path / "run", "-q") == 0
        assert _text("resume", tmp_path / "run", "-q") == 0
        assert len(server.asked) == asked
        before = accepted(tmp_path / "run")
        wider = spec_file(tmp_path / "wider", server.url, records=30)
        assert _text(wider, "-o", tmp_path / "run", "-q") == 0
        assert len(server.asked) == asked + 20
        assert before.items() <= accepted(tmp_path / "run").items()


def test_one_option_points_a_run_at_another_server_and_resume_remembers(tmp_path, capsys):
    spec = spec_file(tmp_path, "http://127.0.0.1:9/v1", records=6)
    with LLMServer() as server:
        assert _text(spec, "-o", tmp_path / "run", "--endpoint", server.url, "-q") == 0
        assert _text("resume", tmp_path / "run", "-q") == 0
        assert len(server.asked) == 6


def test_another_spec_in_the_same_folder_is_refused(tmp_path, capsys):
    with LLMServer() as server:
        _text(spec_file(tmp_path / "a", server.url, records=4), "-o", tmp_path / "run", "-q")
        other = spec_file(tmp_path / "b", server.url, records=4, seed=9)
        assert _text(other, "-o", tmp_path / "run", "-q") == 2
    assert "seed changed since it was begun" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_on_one_folder(tmp_path):
    # Two at a time: the first is still at work when the second has started, on a busy machine too.
    with LLMServer(answering(delay_s=0.5)) as server:
        spec = spec_file(tmp_path, server.url, records=60, in_flight=2)
        first = start(spec, tmp_path / "run")
        while not server.asked:
            assert first.poll() is None, first.communicate()
        second = start(spec, tmp_path / "run")
        _, said = second.communicate(timeout=60)
        assert second.returncode == 2
        assert "another process is running in this folder" in said
        out, said = first.communicate(timeout=60)
        assert first.returncode == 0, out + said
    check_output(tmp_path / "run", {}, 60)


def test_faults_cost_only_their_retries(tmp_path):
    rng = random.Random(3)
    faults = []

    def answer(asked):
        roll = rng.random()
        if roll > 0.15:
            return Told(chat(f"reply to: {asked.text}"), delay_s=0.002)
        faults.append(asked.number)
        kinds = [Told(b"{}", 429, {"Retry-After": "0.05"}), Told(b"{}", 500), Told(chat("x"), cut_after=9)]
        return [*kinds, Told(b'{"choi'), Told(hangs=True)][int(roll * 1000) % 5]

    with LLMServer(answer) as server:
        limits = {"start_window": 32, "largest_window": 64, "patience": 20, "least_timeout_s": 0.5}
        spec = spec_file(tmp_path, server.url, records=400)
        document = json.loads(spec.read_text())
        document["models"]["teacher"]["limits"] = limits
        spec.write_text(json.dumps(document))
        assert _text(spec, "-o", tmp_path / "run", "-q") == 0
        assert len(faults) > 40
        assert len(server.asked) <= 400 + len(faults) + 4
    check_output(tmp_path / "run", {}, 400)


def test_the_key_is_nowhere(tmp_path, monkeypatch, capsys):
    key = "sk-do-not-tell-0123456789"
    monkeypatch.setenv("MY_KEY", key)

    def answer(asked):
        assert asked.headers["authorization"] == f"Bearer {key}"
        if asked.number % 5 == 1:
            return Told(f'{{"error": "wrong key {key}"}}'.encode(), 400)
        return Told(chat("fine " + asked.text))

    with LLMServer(answer) as server:
        spec = spec_file(tmp_path / "in", server.url, records=20)
        document = json.loads(spec.read_text())
        document["models"]["teacher"]["key_variable"] = "MY_KEY"
        spec.write_text(json.dumps(document))
        assert _text(spec, "-o", tmp_path / "run") == 0
        assert _text("inspect", tmp_path / "run", "--rejected", "--json") == 0
        assert _text(spec, "--dry-run") == 0
    shown = capsys.readouterr()
    assert "[key]" in shown.out  # the server's own words, without it
    for text in (shown.out, shown.err):
        assert key not in text
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path


def test_a_dry_run_shows_prompts_and_asks_nobody(tmp_path, capsys):
    with LLMServer() as server:
        spec = spec_file(tmp_path, server.url, records=10, prices={"m": {"input": 1, "output": 2}})
        assert _text(spec, "--dry-run") == 0
    out = capsys.readouterr().out
    assert server.asked == []
    assert "Write question 0 about tea." in out and "Write question 1 about rain." in out
    assert "forecast    at most $" in out


def test_a_forecast_covers_what_then_happens_and_its_pilot_counts(tmp_path, capsys):
    def answer(asked):
        good = asked.number % 3 != 0
        return chat(f"reply {asked.text}", prompt=20, completion=30, finish="stop" if good else "length")

    with LLMServer(answer) as server:
        spec = spec_file(tmp_path, server.url, records=200, prices={"m": {"input": 1000, "output": 1000}})
        assert _text("forecast", spec, "-o", tmp_path / "run", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        asked = len(server.asked)
        assert asked == found["candidates"] == 20
        assert found["yield_share"]["low"] < 2 / 3 < found["yield_share"]["high"]
        assert _text(spec, "-o", tmp_path / "run", "-q") == 0
    out = capsys.readouterr().out
    spent = len(server.asked) * 0.05
    assert found["cost_usd"]["low"] < spent < found["cost_usd"]["high"]
    assert f"${spent:.4f}" in out


def test_two_prompts_are_compared(tmp_path, capsys):
    def poor(asked):
        return chat("the same old words", finish="stop" if asked.number % 2 else "length")

    def rich(asked):
        return chat(f"{asked.text} {asked.number * 7919 % 1009} {asked.number * 104729 % 2003}")

    for name, answer in (("a", poor), ("b", rich)):
        with LLMServer(answer) as server:
            assert _text(spec_file(tmp_path / name, server.url, records=40), "-o", tmp_path / f"run-{name}", "-q") == 0
    capsys.readouterr()
    assert _text("compare", tmp_path / "run-a", tmp_path / "run-b", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"yield", "distinct pairs of words"} <= set(found["significant"])
    assert _text("compare", tmp_path / "run-a", tmp_path / "run-a") == 0
    assert "differs" not in capsys.readouterr().out


def test_max_cost_exits_4_and_resumes_with_more(tmp_path, capsys):
    with LLMServer(lambda asked: chat(asked.text, completion=10, prompt=0)) as server:
        spec = spec_file(tmp_path, server.url, records=40, max_cost=0.3, prices={"m": {"input": 0, "output": 1000}})
        assert _text(spec, "-o", tmp_path / "run", "-q") == 4
        assert "max_cost" in capsys.readouterr().out
        assert len(server.asked) * 0.01 <= 0.3
        assert _text("resume", tmp_path / "run", "--max-cost", "5", "-q") == 0
        assert len(server.asked) == 40


def test_a_server_that_is_not_there(tmp_path, capsys):
    spec = spec_file(tmp_path, "http://127.0.0.1:9/v1", records=4)
    document = json.loads(spec.read_text())
    document["models"]["teacher"]["limits"]["attempts"] = 2
    spec.write_text(json.dumps(document))
    assert _text(spec, "-o", tmp_path / "run", "-q") == 5
    assert "the same command resumes" in capsys.readouterr().err


def test_the_first_request_goes_out_before_anything_heavy_is_imported(tmp_path):
    code = (
        "import sys\nfrom veridical.llm import session\nfound = []\nask = session.Session._send_once\n"
        "async def spy(self, *rest):\n"
        "    heavy = ('numpy', 'pyarrow', 'sklearn', 'scipy', 'pandas', 'aiohttp')\n"
        "    found.extend(m for m in heavy if m in sys.modules and m not in found)\n"
        "    return await ask(self, *rest)\nsession.Session._send_once = spy\n"
        "from veridical.cli.main import run\ncode = run(sys.argv[1:])\nprint('heavy:', found, code)"
    )
    with LLMServer() as server:
        spec = spec_file(tmp_path, server.url, records=4)
        arguments = ["text", str(spec), "-o", str(tmp_path / "run"), "-q"]
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert "heavy: [] 0" in done.stdout, "numpy and pyarrow belong to the output's writing"


def test_wrong_specs_are_told_all_at_once_with_lines(tmp_path, capsys):
    path = tmp_path / "text.yaml"
    path.write_text(
        "recipe: {name: prompt, options: {promt: x}}\nmodels:\n  teacher: {model: m}\nrecords: 4\n"
        "checks:\n  - lenth\n  - {length: {nonsense: 1}}\n"
    )
    assert _text(path) == 2
    said = capsys.readouterr().err
    assert "line 1: prompt" in said
    assert "line 6" in said and "lenth" in said
    assert "line 7" in said


@pytest.mark.parametrize("command", [["run"], ["forecast"]])
def test_a_folder_that_is_a_file_is_told_before_anything_is_asked(tmp_path, capsys, command):
    (tmp_path / "taken").write_text("a file of somebody's")
    with LLMServer() as server:
        spec = spec_file(tmp_path, server.url, records=4)
        for place in (tmp_path / "taken", tmp_path / "taken" / "run"):
            assert _text(*command, spec, "-o", place) == 2
            assert "no folder can be made here" in capsys.readouterr().err
        assert server.asked == []
    assert (tmp_path / "taken").read_text() == "a file of somebody's"


def test_a_forecast_that_max_cost_does_not_pay_for_says_so(tmp_path, capsys):
    with LLMServer() as server:
        spec = spec_file(tmp_path, server.url, records=4, max_cost=0, prices={"m": {"input": 1, "output": 2}})
        assert _text("forecast", spec, "-o", tmp_path / "run") == 4
        assert server.asked == []
    told = capsys.readouterr().err
    assert "max_cost ends the pilot" in told and told.count("to mend") == 1
