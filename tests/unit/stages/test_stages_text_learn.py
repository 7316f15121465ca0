"""What is learned of seeds, and are texts of another tool judged by the same gates?"""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from text_bank import packaged, write_lines
from veridical.cli.main import run
from veridical.core.errors import DataError
from veridical.stages.text_learn import learn_texts


def test_lengths_styles_languages_topics_and_labels_are_learned(tmp_path, capsys):
    seeds = packaged("banking_seeds.jsonl")
    path = write_lines(tmp_path / "seeds.jsonl", seeds)
    profile = learn_texts(path, target="label", output=tmp_path / "learn" / "profile.json")
    assert profile.records == len(seeds) and profile.fields == ("text",)
    assert profile.languages["en"] > 0.95 and 0.4 < profile.styles["question"] < 0.7
    assert any("pin" in topic.words for topic in profile.topics)
    assert sum(profile.labels.values()) == pytest.approx(1.0)
    assert json.loads((tmp_path / "learn" / "profile.json").read_text())["records"] == len(seeds)
    assert run(["text", "learn", str(path), "--target", "label", "--records", "80"]) == 0
    told = capsys.readouterr().out
    assert "language: en" in told and "card_arrival: 10" in told


def test_no_text_of_a_seed_and_no_rare_word_is_repeated(tmp_path):
    seeds = [{"text": f"Where is my parcel? It was sent by Zbigniew{n} from Poland."} for n in range(60)]
    seeds += [{"text": f"How do I change password number {n}?"} for n in range(60)]
    profile = learn_texts(write_lines(tmp_path / "s.jsonl", seeds))
    told = json.dumps(profile.to_dict()) + "\n".join(profile.lines(10, None))
    assert "zbigniew" not in told.lower() and len(profile.topics) > 1


def test_korean_seeds_repeats_and_personal_data(tmp_path):
    texts = [
        "카드를 잃어버렸어요.",
        "카드를 잃어버렸어요!",
        "어제 주문한 카드가 아직 안 왔습니다.",
        "제 번호는 010-1234-5678입니다.",
    ]
    profile = learn_texts(write_lines(tmp_path / "s.jsonl", [{"text": text} for text in texts]))
    assert profile.styles["polite (Korean)"] == 1.0
    assert profile.repeated == 0.25 and profile.personal == 0.25


def test_seeds_without_a_text(tmp_path):
    with pytest.raises(DataError, match="no seed holds a text"):
        learn_texts(write_lines(tmp_path / "s.jsonl", [{"n": 1}]))


@pytest.mark.slow
def test_texts_of_another_tool_are_judged(tmp_path, capsys):
    held = packaged("banking_test.jsonl")
    seeds = write_lines(tmp_path / "seeds.jsonl", packaged("banking_seeds.jsonl"))
    real = write_lines(tmp_path / "held.jsonl", held[1::2])
    table = pa.table({"text": [row["text"] for row in held[::2]], "label": [row["label"] for row in held[::2]]})
    pq.write_table(table, tmp_path / "good.parquet")
    more = ["--seeds", str(seeds), "--holdout", str(real), "--target", "label", "-q"]
    assert run(["text", "validate", str(tmp_path / "good.parquet"), *more, "-o", str(tmp_path / "one")]) == 0
    assert "Another tool made these texts" in (tmp_path / "one" / "report.html").read_text()
    copied = write_lines(tmp_path / "copied.jsonl", packaged("banking_seeds.jsonl"))
    exam = write_lines(tmp_path / "exam.jsonl", [{"question": packaged("banking_seeds.jsonl")[0]["text"] * 3}])
    more += ["--benchmark", f"exam={exam}", "-o", str(tmp_path / "two")]
    assert run(["text", "validate", str(copied), *more]) == 3
    told = capsys.readouterr().out
    assert "failed      text.seed_copies" in told and "failed      text.contamination" in told
