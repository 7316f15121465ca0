"""Every check and pool: a planted fault trips it, a clean text does not."""

import asyncio
import json

import pytest

from veridical.core.errors import SpecError
from veridical.curate.calibration import calibrate, write_calibration
from veridical.curate.catalog import CHECKS, POOLS
from veridical.curate.judge import compare
from veridical.curate.near_duplicate import near_duplicate_clusters
from veridical.curate.personal import kinds_of
from veridical.llm.candidate import Candidate, Check, Pool, Rejection, Setting
from veridical.llm.chat import ChatReply

CARD = ["I lost my card.", "My card was stolen.", "Someone took my card.", "My card is missing, help.", "Where is my card?",
        "I cannot find my card anywhere.", "Please block my stolen card.", "My wallet with the card is gone."]  # fmt: skip
RATE = ["What is the exchange rate?", "How are exchange rates set?", "Is the euro rate good today?", "Tell me the rates.",
        "Which exchange rate do I get?", "Do you have the best exchange rates?", "How do you calculate the rate?",
        "What rate applies at weekends?"]  # fmt: skip
SEEDS = [{"text": t, "label": "lost"} for t in CARD] + [{"text": t, "label": "rate"} for t in RATE]
KOREAN_GOOD = "카드를 분실하셨다면 먼저 앱에서 정지해 주세요. 새 카드는 사흘 안에 받으실 수 있어요. 궁금한 점은 고객센터로 문의하시면 돼요."

FAULTS = [
    ("format", {}, {"text": ""}),
    ("format", {"required": ["text", "label"]}, {"text": "fine"}),
    ("format", {"types": {"n": "integer"}}, {"text": "fine", "n": "3"}),
    ("format", {"choices": {"label": ["a", "b"]}}, {"text": "fine", "label": "c"}),
    ("format", {"pattern": {"text": "[A-Z].*[.?!]"}}, {"text": "no capital"}),
    ("format", {}, {"text": "Hello {{name}}, welcome."}),
    ("format", {}, {"text": "Hello<|im_end|>"}),
    ("length", {"words_at_least": 3}, {"text": "Too short"}),
    ("length", {"words_at_most": 3}, {"text": "This is much too long"}),
    ("length", {"characters_at_most": 10}, {"text": "This is much too long"}),
    ("language", {}, {"text": "Mi tarjeta no ha llegado todavía, por favor ayúdenme con esto."}),
    ("language", {}, {"text": "카드가 아직 도착하지 않았어요."}),
    ("language", {"language": "ko"}, {"text": "My card has not arrived yet."}),
    ("refusal", {}, {"text": "I'm sorry, but I cannot help with that request."}),
    ("refusal", {}, {"text": "As an AI language model, I have no bank account."}),
    ("refusal", {}, {"text": "죄송하지만, 그 요청은 도와드릴 수 없습니다."}),
    ("refusal", {}, {"text": "Sure! Here is a question for you"}),
    ("personal", {}, {"text": "Write to jo.doe@example.org please."}),
    ("personal", {}, {"text": "My card is 4111 1111 1111 1111."}),
    ("personal", {}, {"text": "IBAN DE89 3704 0044 0532 0130 00"}),
    ("personal", {}, {"text": "SSN 123-45-6789"}),
    ("personal", {}, {"text": "전화는 010-1234-5678 입니다"}),
    ("personal", {}, {"text": "주민번호 900101-1234567"}),
    ("personal", {}, {"text": "Call +1 415 555 2671 now"}),
    ("toxicity", {}, {"text": "You are an asshole."}),
    ("toxicity", {}, {"text": "이런 씨발놈아"}),
    ("label_fit", {}, {"text": "What is the exchange rate for euros?", "label": "lost"}),
    ("label_fit", {"share_at_least": 0.99}, {"text": "Hello there my friend", "label": "lost"}),
    ("confidence", {}, {"text": "xq zw"}),
    ("korean_endings", {"fields": ["text"]}, {"text": "카드를 정지하세요. 새 카드 온다. 기다려라. 전화했다. 감사합니다."}),
    ("korean_endings", {"fields": ["text"]}, {"text": "카드를 정지. 새 카드 사흘. 고객센터 문의 전화번호."}),
    ("korean_endings", {"fields": ["text"]}, {"text": "당신은 당신의 카드를 정지해야 합니다. 그것은 중요합니다."}),
    ("korean_endings", {"fields": ["text"], "level": "해요체"}, {"text": "카드를 정지했다. 새 카드가 온다. 기다렸다."}),
    ("reward", {"weights": {"a": 1.0}, "at_least": 3.0}, {"text": "fine"}),
]  # fmt: skip
CLEAN = [
    ("format", {"required": ["text"], "types": {"n": "integer"}}, {"text": "Where is my card?", "n": 3}),
    ("length", {"words_at_least": 3, "words_at_most": 9}, {"text": "Where is my new card?"}),
    ("language", {}, {"text": "My card has not arrived yet, could you please help me with it?"}),
    ("language", {"language": "ko"}, {"text": "제 카드가 아직 도착하지 않았는데 확인해 주실 수 있나요?"}),
    ("refusal", {}, {"text": "I'm sorry to bother you, where is my card? I can't find it."}),
    ("refusal", {}, {"text": "죄송한데 카드를 어디서 받을 수 있나요?"}),
    ("personal", {}, {"text": "I paid 1,250.00 on 2024-03-05 at 10:30, order 12345678, version 1.2.3."}),
    ("toxicity", {}, {"text": "The cocktail was classic; I visited Scunthorpe. 시발점은 아닙니다".replace("시발점은 아닙니다", "")}),
    ("label_fit", {}, {"text": "My card has been stolen from me", "label": "lost"}),
    ("korean_endings", {"fields": ["text"]}, {"text": KOREAN_GOOD}),
]  # fmt: skip


def setting(tmp_path):
    return Setting(beside=tmp_path)


def check(name, options, tmp_path):
    made = CHECKS.load(name).from_options(
        {"seeds": SEEDS, **options} if name in ("label_fit", "critic") else options, setting(tmp_path)
    )
    assert isinstance(made, Check)
    return made


def decide(made, fields, ask=None, **scores):
    return asyncio.run(made(Candidate(fields=fields, scores=scores), ask))


@pytest.mark.parametrize(("name", "options", "fields"), FAULTS)
def test_a_planted_fault_trips_the_check(name, options, fields, tmp_path):
    found = decide(check(name, options, tmp_path), fields)
    assert isinstance(found, Rejection) and found.check == name
    assert "example.org" not in found.reason and "4111" not in found.reason


@pytest.mark.parametrize(("name", "options", "fields"), CLEAN)
def test_a_clean_text_passes(name, options, fields, tmp_path):
    found = decide(check(name, options, tmp_path), fields)
    assert isinstance(found, Candidate), found


def test_confidence_has_a_floor_and_a_ceiling(tmp_path):
    made = check("confidence", {"at_least": -2.0, "at_most": -0.05}, tmp_path)
    assert isinstance(decide(made, {"text": "x"}, confidence=-1.0), Candidate)
    assert isinstance(decide(made, {"text": "x"}, confidence=-2.5), Rejection)
    assert isinstance(decide(made, {"text": "x"}, confidence=-0.01), Rejection)


def test_reward_sums_with_weights_and_asks_for_what_is_missing(tmp_path):
    made = check("reward", {"weights": {"a": 1.0, "b": -0.5}, "at_least": 1.0, "role": "reward"}, tmp_path)

    async def ask(request, *, step="", role=""):
        assert role == "reward"
        return ChatReply(text='{"b": 2}')

    assert decide(made, {"text": "x"}, ask, a=2.5).scores["reward"] == pytest.approx(1.5)
    assert isinstance(decide(made, {"text": "x"}, ask, a=1.5), Rejection)


def test_classes_are_what_is_there_and_not_what_was_asked(tmp_path):
    made = check("classed", {"length": {"short": [1, 4], "long": [5, 9]}, "language": ["en", "ko"]}, tmp_path)
    assert made.dimensions == ("length", "language")
    asked = Candidate(fields={"text": "Where is the new card that I ordered?"}, attributes={"length": "short"})
    found = asyncio.run(made(asked, None))
    assert found.attributes == {"length": "long", "language": "en"}
    assert decide(made, {"text": "제 카드는 어디에 있나요"}).attributes == {"length": "short", "language": "ko"}
    assert isinstance(decide(made, {"text": "word " * 12}), Rejection)
    assert isinstance(decide(made, {"text": "Wo ist denn meine neue Karte geblieben?"}), Rejection)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("제 번호는 010-1234-5678입니다.", "telephone number"),
        ("주민번호는 900101-1234567이에요.", "Korean resident number"),
        ("메일은 kim@example.com으로 보내세요.", "e-mail address"),
        ("서버는 192.168.10.24에서 돌아요.", "IP address"),
        ("계좌는 DE89370400440532013000입니다.", "IBAN"),
        ("카드는 4111-1111-1111-1111입니다.", "payment card"),
    ],
)
def test_a_particle_behind_it_does_not_hide_personal_data(text, kind):
    assert kinds_of(text) == [kind]


def test_the_critic_refuses_what_looks_synthetic(tmp_path):
    odd = [f"Purple bananas fly over mountain number {n}." for n in range(30)]
    (tmp_path / "old.jsonl").write_text("".join(json.dumps({"fields": {"text": text}}) + "\n" for text in odd))
    seeds = [*SEEDS, *SEEDS]
    made = CHECKS.load("critic").from_options(
        {"synthetic": "old.jsonl", "synthetic_at_most": 0.6, "seeds": seeds}, setting(tmp_path)
    )
    assert isinstance(decide(made, {"text": "Purple bananas fly over the sea."}), Rejection)
    assert isinstance(decide(made, {"text": "I lost my card yesterday."}), Candidate)


def test_the_judge_grades_and_is_uncalibrated_until_shown(tmp_path):
    async def ask(request, *, step="", role=""):
        assert role == "judge"
        return ChatReply(text="It is vague.\nGrade: 2" if "bad" in request.messages[-1].content else "Good.\nGrade: 5")

    made = check("judge", {}, tmp_path)
    good = decide(made, {"text": "a fine one"}, ask)
    assert good.scores == {"judge": 5.0, "judge_calibrated": 0.0}
    assert isinstance(decide(made, {"text": "a bad one"}, ask), Rejection)
    labels = [n % 5 + 1 for n in range(100)]
    write_calibration(calibrate(labels, labels), tmp_path / "known.json", made.about)
    known = check("judge", {"calibration": "known.json"}, tmp_path)
    assert decide(known, {"text": "a fine one"}, ask).scores["judge_calibrated"] == 1.0
    other = check("judge", {"calibration": "known.json", "rubric": "It is short."}, tmp_path)
    assert decide(other, {"text": "a fine one"}, ask).scores["judge_calibrated"] == 0.0


def test_a_judge_that_says_no_grade_is_not_believed(tmp_path):
    async def ask(request, *, step="", role=""):
        return ChatReply(text="I like it.")

    assert isinstance(decide(check("judge", {}, tmp_path), {"text": "x"}, ask), Rejection)


def test_a_choice_that_turns_with_the_place_is_a_tie():
    async def always_first(request, *, step="", role=""):
        return ChatReply(text="A")

    async def honest(request, *, step="", role=""):
        return ChatReply(text="A" if "Answer A:\ngood" in request.messages[-1].content else "B")

    assert asyncio.run(compare(always_first, "q", "good", "poor")).winner == "tie"
    assert asyncio.run(compare(honest, "q", "good", "poor")).winner == "first"
    assert asyncio.run(compare(honest, "q", "poor", "good")).winner == "second"


def test_calibration_finds_agreement_and_each_planted_bias():
    import numpy as np

    rng = np.random.default_rng(3)
    labels = rng.integers(1, 6, 300)
    lengths = rng.integers(10, 400, 300)
    own = rng.random(300) < 0.5
    fair = calibrate(labels + rng.normal(0, 0.4, 300), labels, lengths=lengths, own=own)
    assert fair.trusted and fair.length.low < 0 < fair.length.high and fair.own.low < 0 < fair.own.high
    biased = calibrate(labels + 0.5 * np.log2(lengths) + 0.7 * own, labels, lengths=lengths, own=own)
    assert biased.length.low > 0.3 and biased.own.low > 0.4
    deaf = calibrate(rng.integers(1, 6, 300), labels)
    assert not deaf.trusted and deaf.kappa.low < 0.1
    places = calibrate(labels, labels, firsts=[("first", "first")] * 30 + [("first", "second")] * 10)
    assert places.position.value == 0.75 and places.position.low > 0.5


POOL_FAULTS = [
    ("duplicates", {}, "Where is my card?", "where is MY card"),
    ("near_duplicates", {"shingle_words": 2}, "Where in the world is my new bank card that I ordered last week",
     "Where in the world is my new bank card that I ordered last month"),
    ("near_duplicates", {"unit": "character", "shingle_words": 3}, "제 카드가 아직 도착하지 않았는데 확인해 주세요", "제 카드가 아직 도착하지 않았는데 확인해 주셔요"),
    ("semantic_duplicates", {"distance": 0.2}, "My card has been stolen.", "Someone has stolen my card."),
    ("rouge", {}, "How do I change the PIN of my card?", "How do I change the PIN of the card?"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "first", "twin"), POOL_FAULTS)
def test_a_pool_refuses_twins_and_only_twins(name, options, first, twin, tmp_path):
    pool = POOLS.load(name).from_options(options, setting(tmp_path))
    assert isinstance(pool, Pool)
    assert pool.refuses(Candidate(fields={"text": first})) is None
    pool.admit(Candidate(fields={"text": first}))
    assert pool.refuses(Candidate(fields={"text": twin})).check == name
    assert pool.refuses(Candidate(fields={"text": "What time does the branch in Leeds open on Sundays?"})) is None


def test_what_the_prompt_showed_is_not_given_back(tmp_path):
    shown = [{"text": "I ordered a card two weeks ago and it still has not come to my new house"}]
    pool = POOLS.load("memorised").from_options({"seeds": shown, "words": 8}, setting(tmp_path))
    copy = "Hello, I ordered a card two weeks ago and it still has not come, why?"
    assert pool.refuses(Candidate(fields={"text": copy})).check == "memorised"
    assert pool.refuses(Candidate(fields={"text": "My card ordered in May is still on its way."})) is None
    rouge = POOLS.load("rouge").from_options({"seeds": shown}, setting(tmp_path))
    assert rouge.refuses(Candidate(fields=shown[0])) is not None


def test_one_of_each_cluster_stays():
    long = "the quick brown fox jumps over the lazy dog while seven wizards box with vim and vigour every day"
    texts = [
        "something else entirely that nobody else says here today",
        long,
        long + " now",
        long + " then",
        "short one",
    ]
    assert near_duplicate_clusters(texts) == [[1, 2, 3]]


def test_label_fit_needs_seeds_of_two_labels(tmp_path):
    with pytest.raises(SpecError):
        check("label_fit", {"seeds": SEEDS[:3]}, tmp_path)
