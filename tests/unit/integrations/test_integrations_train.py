"""Do trainers take the exports as they are? A tiny model without weights makes one SFT step and one DPO step on them."""

import json

import pytest

from veridical.integrations.export import export

pytestmark = pytest.mark.slow
WHY = "trl is not installed: pip install 'veridical[train]'"
PAIRS = [
    {"instruction": f"What is {n} and {n}?", "input": "", "output": f"It is {2 * n}.", "chosen": f"It is {2 * n}.",
     "rejected": f"I believe it is {2 * n + 1}."} for n in range(8)
]  # fmt: skip
TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}> {{ message['content'] }} <end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


@pytest.fixture
def exported(tmp_path):
    folder = tmp_path / "run" / "synthesize"
    folder.mkdir(parents=True)
    making = {
        "source": "synthetic:test",
        "steps": ["answer"],
        "models": ["m"],
        "seed": 1,
        "cost": 0.1,
        "scores": {"a": 1},
    }
    rows = [json.dumps({"id": str(n), "fields": fields, **making}) + "\n" for n, fields in enumerate(PAIRS)]
    (folder / "data.jsonl").write_text("".join(rows))
    export(tmp_path / "run", tmp_path / "out", ["messages", "preference"])
    return tmp_path / "out"


@pytest.fixture
def tiny(tmp_path):
    """A Llama of two layers and its tokenizer of whole words, made and saved here: nothing is downloaded.

    DPO loads its reference model anew from where the model came from, so it must come from a folder.
    """
    pytest.importorskip("trl", reason=WHY)
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = sorted({word for record in PAIRS for text in record.values() for word in text.split()})
    marks = ["<pad>", "<unk>", "<end>", "<user>", "<assistant>", "<system>"]
    vocabulary = {word: place for place, word in enumerate([*marks, *words])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", unk_token="<unk>", eos_token="<end>", chat_template=TEMPLATE
    )
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, pad_token_id=0, eos_token_id=2,
    )  # fmt: skip
    folder = tmp_path / "model"
    LlamaForCausalLM(config).save_pretrained(folder)
    return LlamaForCausalLM.from_pretrained(folder), tokenizer


def loaded(path, cache):
    import datasets

    return datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(cache))


def trained(trainer):
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    result = trainer.train()
    assert result.training_loss == result.training_loss  # no NaN
    changed = [name for name, value in trainer.model.state_dict().items() if not value.equal(before[name])]
    assert changed, "the step changed no weight"


def settings(folder):
    return {
        "output_dir": str(folder), "max_steps": 1, "per_device_train_batch_size": 4, "report_to": [], "use_cpu": True,
        "save_strategy": "no", "logging_strategy": "no", "bf16": False, "learning_rate": 1e-2,
    }  # fmt: skip


def test_sft_steps_on_the_messages(exported, tiny, tmp_path):
    from trl import SFTConfig, SFTTrainer

    model, tokenizer = tiny
    data = loaded(exported / "messages.jsonl", tmp_path / "cache")
    options = SFTConfig(**settings(tmp_path / "sft"))
    trained(SFTTrainer(model=model, args=options, train_dataset=data, processing_class=tokenizer))


def test_dpo_steps_on_the_preferences(exported, tiny, tmp_path):
    from trl import DPOConfig, DPOTrainer

    model, tokenizer = tiny
    data = loaded(exported / "preference.jsonl", tmp_path / "cache")
    options = DPOConfig(**settings(tmp_path / "dpo"))
    trained(DPOTrainer(model=model, args=options, train_dataset=data, processing_class=tokenizer))
