"""Are blueprints verified, ends held against them, and messes labelled? Planted faults must be turned away."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from shared_data import shared
from veridical.cli import main as door
from veridical.core.contracts import RunContext
from veridical.core.errors import SpecError
from veridical.curate.act import acts_of, said_yes
from veridical.curate.setting import read_records
from veridical.engines.dialogue import scripted
from veridical.engines.dialogue.blueprint import EPISODES, draw_blueprint
from veridical.engines.dialogue.desk import Desk
from veridical.engines.dialogue.noise import KINDS, messed
from veridical.engines.dialogue.played import calls_in
from veridical.engines.dialogue.recipe import Dialogue, is_said
from veridical.engines.dialogue.world import read_world
from veridical.integrations.tool_calls import hermes, tool_messages
from veridical.llm.chat import ChatReply, Finish
from veridical.measures.dialogue.shape import Shape, acts_apart, turns_apart
from veridical.measures.dialogue.success import Success
from veridical.measures.dialogue.view import DialogueView, Talk, talk_of

SHOP = read_world("shop", Path())


async def nobody(request, *, step="", role="teacher"):
    raise AssertionError("nobody shall be asked")


def scripted_record(**spec):
    recipe = Dialogue(actors="scripted", seed=2)
    plan = {**recipe.plan(0, {}), **spec}
    (candidate,) = asyncio.run(recipe.make(plan, nobody))
    return candidate


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("episode", EPISODES)
def test_scripted_agents_reach_every_goal_in_every_episode(language, episode):
    recipe = Dialogue(actors="scripted", languages=(language,), episodes=(episode,), noise=dict.fromkeys(KINDS, 0.4))
    for number in range(15):
        (made,) = asyncio.run(recipe.make(recipe.plan(number, {}), nobody))
        assert made.rejected is None, (made.rejected, made.fields["text"])
        tools = [tool for turn in made.fields["turns"] for tool in turn.get("tools", ())]
        if episode in ("wrong_tool", "wrong_argument"):
            assert any("error" in tool["result"] for tool in tools) and "error" not in tools[-1]["result"]
        if episode == "escalation":
            assert tools[-1]["name"] == "hand_over"
            assert "supervisor" in {turn["speaker"] for turn in made.fields["turns"]}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_talkative_customers_ask_beside_and_are_told_what_the_database_holds(language):
    quiet = Dialogue(actors="scripted", languages=(language,), episodes=("plain",))
    talkative = Dialogue(actors="scripted", languages=(language,), episodes=("plain",), asides=4, forthcoming=1.0)
    more = 0
    for number in range(15):
        (short,) = asyncio.run(quiet.make(quiet.plan(number, {}), nobody))
        (made,) = asyncio.run(talkative.make(talkative.plan(number, {}), nobody))
        assert made.rejected is None, made.fields["text"]
        turns = made.fields["turns"]
        knows = [made.fields["blueprint"]["values"][name] for name in SHOP.goals[made.fields["goal"]].knows]
        assert all(value in turns[0]["text"] for value in knows), "everything was told unasked"
        assert not any(turn["acts"] == ["REQUEST"] for turn in turns if turn["speaker"] == "agent")
        asked = [place for place, turn in enumerate(turns) if turn["acts"] == ["REQUEST"]]
        results = [str(v) for turn in turns for tool in turn.get("tools", ()) for v in tool["result"].values()]
        results += [f"{float(v):.2f}" for v in results if v.replace(".", "").isdigit()]
        for place in asked:
            assert turns[place + 1]["acts"] == ["INFORM"]
            assert any(value and value in turns[place + 1]["text"] for value in results)
        more += len(asked)
        assert [t for t in short.fields["turns"] if t["acts"] == ["REQUEST"] and t["speaker"] == "customer"] == []
    assert more > 15


def test_the_same_task_is_the_same_dialogue():
    assert scripted_record().fields == scripted_record().fields


def test_blueprints_are_replayed_before_anybody_speaks():
    blueprint = draw_blueprint(SHOP, goal="refund", episode="plain", language="en", seed=1, turn=3)
    desk = Desk(SHOP)
    for tool, arguments in blueprint.gold:
        desk.confirmed = True
        assert not desk.use(tool, arguments).failed
    assert desk.state() == blueprint.state != Desk(SHOP).state()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold": [{"tool": "cancel_order", "with": {"order_id": "W0000"}}]}, "does not hold"),
        ({"gold": [{"tool": "refund_order", "with": {"order_id": "{order_id}"}}]}, "does not hold"),
        ({"facts": ["a free gift"]}, "told by no tool"),
        ({"pick": "SELECT * FROM orders WHERE status = 'lost'"}, "finds no case"),
        ({"gold": [{"tool": "teleport", "with": {}}]}, "no tool is called"),
        (
            {"asides": [{"tool": "ask_around", "field": "x", "asks": {"en": ["?"]}, "answers": {"en": ["!"]}}]},
            "no tool is called",
        ),
    ],
)
def test_worlds_that_cannot_work_are_refused(tmp_path, change, message):
    place = Path(scripted.__file__).parent / "worlds"
    value = yaml.safe_load((place / "shop.yaml").read_text())
    value["asides"] = change.pop("asides", value["asides"])
    value["goals"] = {"cancel_order": {**value["goals"]["cancel_order"], **change}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(value))
    (tmp_path / "shop.sql").write_text((place / "shop.sql").read_text())

    def play():
        recipe = Dialogue(world="mine.yaml", actors="scripted", beside=tmp_path)
        asyncio.run(recipe.make(recipe.plan(0, {}), nobody))

    with pytest.raises(SpecError, match=message):
        play()


def test_a_world_may_bring_its_own_database(tmp_path):
    import sqlite3

    place = Path(scripted.__file__).parent / "worlds"
    with sqlite3.connect(tmp_path / "mine.sqlite") as database:
        database.executescript((place / "shop.sql").read_text())
    before = (tmp_path / "mine.sqlite").read_bytes()
    value = {**yaml.safe_load((place / "shop.yaml").read_text()), "setup": "", "database": "mine.sqlite"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(value))
    recipe = Dialogue(world="mine.yaml", actors="scripted", goals=("cancel_order",), beside=tmp_path)
    (made,) = asyncio.run(recipe.make(recipe.plan(0, {}), nobody))
    assert made.rejected is None
    assert (tmp_path / "mine.sqlite").read_bytes() == before


def test_rules_are_watched_and_tools_answer_errors():
    desk = Desk(SHOP)
    assert desk.use("cancel_order", {"order_id": "W4017"}).broken == ("customer_first", "own_orders", "confirmed")
    assert desk.use("get_order", {}).result == {"error": "get_order takes order_id"}
    assert desk.use("teleport", {}).result == {"error": "there is no tool teleport"}
    assert "error" in desk.use("cancel_order", {"order_id": "'; DROP TABLE orders; --"}).result
    found = Desk(SHOP)
    found.use("find_customer", {"email": "tom.becker@example.com"})
    found.confirmed = True
    assert found.use("cancel_order", {"order_id": "W4017"}).broken == ("own_orders",)
    late = Desk(SHOP)
    late.use("find_customer", {"email": "tom.becker@example.com"})
    late.confirmed = True
    assert late.use("refund_order", {"order_id": "W3902"}).broken == ("refund_window",)


def played(lines, **options):
    """Play one dialogue: `lines` are what the customer and the agent say in turn; a dict is a tool call."""
    recipe = Dialogue(goals=("cancel_order",), episodes=("plain",), seed=2, **options)
    plan = recipe.plan(0, {})
    told = {"customer": [], "agent": []}
    for who, line in lines(draw_blueprint(SHOP, seed=2, turn=0, goal="cancel_order", episode="plain", language="en")):
        told[who].append(line)

    async def ask(request, *, step="", role="teacher"):
        line = told[step.split(".")[0]].pop(0)
        if isinstance(line, str):
            return ChatReply(text=line, model="script")
        name, arguments = line
        if request.tools:
            call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            return ChatReply(text="", model="script", tool_calls=(call,), finish=Finish.TOOL)
        return ChatReply(
            text=f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>", model="script"
        )

    (made,) = asyncio.run(recipe.make(plan, ask))
    return made


def good(blueprint, *, fact=True, confirm=True, order=None):
    order = order or blueprint.values["order_id"]
    yield "customer", "Hi, I want to cancel an order."
    yield "agent", "May I have your e-mail address and order number?"
    yield "customer", f"{blueprint.values['email']}, {blueprint.values['order_id']}"
    yield "agent", ("find_customer", {"email": blueprint.values["email"]})
    if confirm:
        yield "agent", f"Shall I cancel order {order}?" if fact else "Shall I cancel it?"
        yield "customer", "Yes, please."
    yield "agent", ("cancel_order", {"order_id": order})
    yield "agent", f"Done: order {order} is cancelled." if fact else "Done."
    yield "customer", "###STOP###"


@pytest.mark.parametrize("tools", ["native", "hermes"])
def test_models_may_play_both_sides(tools):
    made = played(good, tools=tools, noise={"typo": 1.0})
    assert made.rejected is None, made.rejected
    assert any(turn.get("labels") for turn in made.fields["turns"])
    roles = [message["role"] for message in made.fields["messages"]]
    assert roles[:2] == ["system", "user"] and "tool" in roles


@pytest.mark.parametrize(
    ("lines", "check"),
    [
        (lambda b: good(b, fact=False), "facts"),
        (lambda b: good(b, confirm=False), "policy"),
        (lambda b: good(b, order="W4045" if b.values["order_id"] != "W4045" else "W4040"), "policy"),
        (lambda b: [("customer", "Hi"), ("agent", "Hello"), ("customer", "###STOP###")], "state"),
        (lambda b: [("customer", "Hi"), ("agent", "")], "state"),
        (lambda b: [("customer", "Hi")] + [("agent", ("get_order", {"order_id": "W1"}))] * 7, "policy"),
        (lambda b: [("customer", "Hi"), ("agent", "What is it?")] * 9, "state"),
    ],
)
def test_dialogues_that_end_otherwise_are_turned_away(lines, check):
    assert played(lines).rejected.check == check


def test_tools_are_read_in_three_forms():
    native = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    vendor = {"type": "tool_use", "id": "b", "name": "f", "input": {"x": 1}}
    text = 'I will. <tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>'
    for reply in (
        ChatReply(text="", tool_calls=(native,)),
        ChatReply(text="", tool_calls=(vendor,)),
        ChatReply(text=text),
    ):
        ((name, arguments, _),) = calls_in(reply)
        assert (name, arguments) == ("f", {"x": 1})
    assert calls_in(ChatReply(text="<tool_call>{broken</tool_call>")) == []


def test_exports_keep_every_call_and_its_answer():
    fields = scripted_record(goal="refund", episode="wrong_argument").fields
    logged = tool_messages(fields)
    calls = [call for message in logged["messages"] for call in message.get("tool_calls", ())]
    answers = [message for message in logged["messages"] if message["role"] == "tool"]
    assert [call["id"] for call in calls] == [answer["tool_call_id"] for answer in answers]
    assert {json.loads(call["function"]["arguments"]).keys() <= {"email", "order_id"} for call in calls} == {True}
    turns = hermes(fields)["conversations"]
    assert turns[0]["from"] == "system" and "<tools>" in turns[0]["value"]
    assert sum("<tool_call>" in turn["value"] for turn in turns if turn["from"] == "gpt") == len(calls)
    assert sum(turn["value"].startswith("<tool_response>") for turn in turns) == len(calls)


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Please cancel my order W4017, thank you."), ("ko", "주문 W4017 취소 부탁드려요. 감사합니다.")],
)
def test_messes_keep_values_and_say_what_they_did(language, text):
    seen = set()
    for seed in range(60):
        messy = messed(text, dict.fromkeys(KINDS, 0.5), np.random.default_rng(seed), language=language)
        assert "W4017" in messy.text
        for label in messy.labels:
            seen.add(label.kind)
            if label.start >= 0 and label.after:
                assert messy.text[label.start : label.start + len(label.after)].lower() == label.after.lower()
        assert bool(messy.labels) == (messy.text != text)
    assert seen >= set(KINDS) - ({"lowercase"} if language == "ko" else set())
    assert messed(text, {}, np.random.default_rng(0)).text == text


def test_facts_are_found_as_people_say_them():
    assert is_said("W4017", "주문 W4017이 취소되었습니다.")
    assert is_said("22 New Street, Leith", "It goes to 22 New Street Leith now")
    assert is_said("1200.00", "You get $1,200 back")
    assert not is_said("12", "order 112")
    assert not is_said("W401", "order W4017")


def test_acts_are_recognised():
    assert "CONFIRM" in acts_of("Shall I cancel order W1?", "agent")
    assert "AFFIRM" in acts_of("네, 그렇게 해 주세요.", "customer")
    assert not said_yes("No, please don't")
    assert acts_of("W4017", "customer") == ["INFORM"]


def test_measures_trip_on_planted_faults():
    def talk(texts, **about):
        return Talk(tuple("customer" if i % 2 == 0 else "agent" for i in range(len(texts))), tuple(texts), about)

    rng = np.random.default_rng(0)
    words = [
        "I want a taxi",
        "Where to?",
        "To the station",
        "Shall I book it?",
        "Yes",
        "It is booked",
        "Thanks, bye",
        "Goodbye",
    ]
    real = [talk([f"{w} {n}" for w in words[: 2 * int(rng.integers(2, 5))]]) for n in range(40)]
    alike = {f.check: f for f in Shape().measure(DialogueView(made=real[:20], real=real[20:]), RunContext())}
    loops = [talk(["Hello"] * 16) for _ in range(20)]
    bad = {f.check: f for f in Shape().measure(DialogueView(made=loops, real=real), RunContext())}
    assert alike["dialogue.turns"].value < 0.4 < bad["dialogue.turns"].value
    assert alike["dialogue.acts"].value < 0.2 < bad["dialogue.acts"].value
    assert alike["dialogue.repetition"].value == 0 and bad["dialogue.repetition"].value > 0.8
    assert bad["dialogue.same_utterances"].value == 1
    values = {"values": {"order_id": "W1"}}
    true, false = (
        talk(["my order is W1"], blueprint=values),
        talk(["my order is W9"], blueprint=values, policy_breaks=["x"]),
    )
    view = DialogueView(made=[true, true, true, false], failed={"state": 4, "length": 9})
    found = {f.check: f.value for f in Success().measure(view, RunContext())}
    assert found == {"dialogue.goal_success": 0.5, "dialogue.policy_breaks": 0.25, "dialogue.persona": 0.75}
    none = {f.check: f for f in Shape().measure(DialogueView(made=loops), RunContext())}
    assert not none["dialogue.turns"].measured


def test_real_dialogues_can_be_read():
    talks = [talk_of(record) for record in read_records(shared("sgd_dialogues/dialogues.jsonl.gz"))]
    assert len(talks) == 580
    assert turns_apart(talks[::2], talks[1::2]) < 0.1 and acts_apart(talks[::2], talks[1::2]) < 0.1


def test_a_run_is_judged_released_and_exported(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "home"))
    (tmp_path / "nobody.jsonl").write_text('{"match": "^$", "reply": ""}')
    spec = {
        "recipe": {"name": "dialogue", "options": {"actors": "scripted"}},
        "models": {"teacher": {"provider": "scripted", "transcript": "nobody.jsonl"}},
        "records": 20, "gates": "dialogue", "export": ["tool_messages", "hermes"],
    }  # fmt: skip
    (tmp_path / "run.yaml").write_text(json.dumps(spec))
    assert door.run(["text", str(tmp_path / "run.yaml"), "-o", str(tmp_path / "run"), "-q"]) == 0
    out = capsys.readouterr().out
    assert "9 of 9" in out or "7 of 9" in out
    rows = (tmp_path / "run" / "release" / "export" / "hermes.jsonl").read_text().splitlines()
    assert len(rows) == 20
    assert door.run(["text", "inspect", str(tmp_path / "run")]) == 0


def test_every_episode_mess_and_form_is_had_from_the_command_line(tmp_path, capsys):
    (tmp_path / "nobody.jsonl").write_text("")
    spec = {
        "recipe": {"name": "dialogue", "options": {"actors": "scripted", "noise": dict.fromkeys(KINDS, 0.5)}},
        "models": {"teacher": {"provider": "scripted", "transcript": "nobody.jsonl"}},
        "records": 8,
        "quotas": {"episode": dict.fromkeys(EPISODES, 2)},
        "export": ["tool_messages", "hermes"],
    }
    (tmp_path / "d.yaml").write_text(json.dumps(spec))
    assert door.run(["text", str(tmp_path / "d.yaml"), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    assert "not judged" in capsys.readouterr().out, "without gates the exports are there, and nobody vouches for them"
    records = [json.loads(line) for line in (tmp_path / "run/synthesize/data.jsonl").read_text().splitlines()]
    turns = [turn for record in records for turn in record["fields"]["turns"]]
    kinds = {label["kind"] for turn in turns for label in turn.get("labels", ())}
    assert kinds == set(KINDS)
    by_episode = {episode: [r["fields"] for r in records if r["fields"]["episode"] == episode] for episode in EPISODES}
    assert all(len(found) == 2 for found in by_episode.values())
    for episode in ("wrong_tool", "wrong_argument"):
        for fields in by_episode[episode]:
            used = [tool for turn in fields["turns"] for tool in turn.get("tools", ())]
            failed = [place for place, tool in enumerate(used) if "error" in tool["result"]]
            assert failed and failed[-1] < len(used) - 1, "a mistake, and its mending after it"
    assert all("Supervisor:" in fields["text"] for fields in by_episode["escalation"])
    exported = {
        name: [json.loads(line) for line in (tmp_path / f"run/export/{name}.jsonl").read_text().splitlines()]
        for name in ("tool_messages", "hermes")
    }
    for messages, conversation in zip(exported["tool_messages"], exported["hermes"], strict=True):
        asked = [call["id"] for m in messages["messages"] for call in m.get("tool_calls", ())]
        answered = [m["tool_call_id"] for m in messages["messages"] if m["role"] == "tool"]
        written = [turn["value"] for turn in conversation["conversations"]]
        assert asked and asked == answered
        assert sum("<tool_call>" in value and "<tools>" not in value for value in written) == len(asked)
        assert sum("<tool_response>" in value for value in written) == len(asked)
