import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kstest

from attack_cases import deal, evidence, noisy, of, schema_of
from veridical.attacks.anonymity import Anonymity
from veridical.attacks.catalog import ATTACKS
from veridical.attacks.combination import RareCombinations
from veridical.attacks.disclosure import Disclosure
from veridical.attacks.inference import Inference
from veridical.attacks.linkability import Linkability
from veridical.attacks.membership import Membership
from veridical.attacks.singling_out import SinglingOut
from veridical.core.contracts import Attack, Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SchemaError

SECRETS = ("age", "occupation", "capital_gain")
ALL = (
    SinglingOut(attacks=800),
    Linkability(attacks=800),
    Inference(attacks=800, secrets=SECRETS),
    Membership(targets=1000),
    RareCombinations(most_sets=60),
    Disclosure(),
)
JUDGED = (
    ("privacy.singling_out", ("1",)),
    ("privacy.singling_out", ("4",)),
    ("privacy.linkability", ()),
    *(("privacy.inference", (secret,)) for secret in SECRETS),
    ("privacy.membership.density_ratio", ()),
    ("privacy.membership.distance", ()),
    ("privacy.membership.distance.tpr_at_1_percent_fpr", ()),
    ("privacy.rare_combinations", ("2",)),
    ("privacy.rare_combinations", ("3",)),
    ("privacy.cap", None),
    ("privacy.disco", None),
    ("privacy.rep_u", None),
)


def run_all(train, holdout, synthetic, seed=0):
    given = evidence(train, holdout, synthetic)
    return [finding for attack in ALL for finding in attack.run(given, RunContext(seed=seed))]


@pytest.fixture(scope="module")
def real_against_real():
    """Findings of 12 splits in which a third real sample plays the synthetic one; train to holdout is 9 to 1."""
    return [run_all(*deal(seed, 9_000, 1_000, 3_000), seed=seed) for seed in range(12)]


@pytest.mark.slow
@pytest.mark.parametrize(("check", "scope"), JUDGED)
def test_real_rows_never_alarm_at_nine_to_one(real_against_real, check, scope):
    values = [of(findings, check, scope).p_value for findings in real_against_real]
    # 14 figures of 12 splits: the smallest of 168 uniform p-values is under this once in a hundred runs.
    assert min(values) > 0.01 / 168
    assert kstest(values, "uniform").pvalue > 0.001


@pytest.fixture(scope="module")
def memoriser():
    train, holdout = deal(3, 9_000, 3_000)
    return run_all(train, holdout, noisy(train, 0.01, np.random.default_rng(0)))


@pytest.mark.parametrize(("check", "scope"), [case for case in JUDGED if case[1] not in (("1",),)])
def test_a_memoriser_with_one_percent_noise_is_caught(memoriser, check, scope):
    assert of(memoriser, check, scope).p_value < 1e-4


def test_a_pure_memoriser_is_singled_out_by_one_column():
    train, holdout = deal(3, 9_000, 1_000)
    found = SinglingOut(attacks=500).run(evidence(train, holdout, train), RunContext())
    finding = of(found, "privacy.singling_out", ("1",))
    assert finding.detail["risk"] > 0.8
    assert finding.p_value < 1e-6


def test_holdout_played_as_synthetic_does_not_alarm():
    train, holdout = deal(4, 6_000, 2_000)
    for finding in run_all(train, holdout, holdout):
        assert not finding.measured or finding.p_value > 0.005, finding.check


def test_every_measured_finding_gives_attack_baseline_control_interval_and_p_value(memoriser):
    for finding in memoriser:
        if finding.measured:
            assert finding.interval is not None and finding.interval.low <= finding.value <= finding.interval.high
            assert finding.ceiling is not None and finding.baseline is not None and finding.p_value is not None
            beside_single = finding.check == "privacy.rare_combinations"  # what single values bring about is added
            assert finding.detail["control"] == finding.ceiling or (
                beside_single and finding.detail["control"] < finding.ceiling
            )
            assert finding.sentence and finding.n > 0


def test_the_same_seed_gives_the_same_findings():
    train, holdout, synthetic = deal(5, 2_000, 800, 800)
    one, two = run_all(train, holdout, synthetic, 7), run_all(train, holdout, synthetic, 7)
    assert [f.to_dict() for f in one] == [f.to_dict() for f in two]


def test_every_attack_of_the_catalog_runs_and_says_why_without_a_holdout():
    train, synthetic = deal(6, 300, 300)
    for card in ATTACKS:
        attack = ATTACKS.load(card.name)()
        assert isinstance(attack, Attack)
        found = attack.run(evidence(train, None, synthetic), RunContext())
        if card.name == "entities":  # of sequences alone
            assert not found
            continue
        assert found
        if card.name != "anonymity":
            assert all("holdout" in finding.reason for finding in found)


@pytest.mark.parametrize("card", list(ATTACKS), ids=lambda card: card.name)
def test_hostile_tables_do_not_break_an_attack(card):
    table = pa.table(
        {
            "constant": pa.array([1] * 120, pa.int64()),
            "empty": pa.array([None] * 120, pa.float64()),
            "text": pa.array(["a", None] * 60, pa.string()),
            "income": pa.array([str(i % 3) for i in range(120)], pa.large_string()),
        }
    )
    attack = ATTACKS.load(card.name)()
    cases = [
        evidence(table, table.slice(0, 110), table),
        evidence(table.slice(0, 3), table.slice(0, 2), table.slice(0, 1)),
        evidence(table.select(["text"]), table.select(["text"]), table.select(["text"])),
    ]
    for case in cases:
        assert bool(attack.run(case, RunContext())) is (card.name != "entities")  # those are of sequences alone


def test_a_secret_or_key_that_is_not_there_is_named():
    train, holdout, synthetic = deal(7, 200, 200, 200)
    with pytest.raises(SchemaError, match="shoe_size"):
        Disclosure(keys=("shoe_size",)).run(evidence(train, holdout, synthetic), RunContext())


def test_a_leaked_secret_column_is_inferred():
    train, holdout, synthetic = deal(8, 4_000, 2_000, 4_000)
    # The generator drew only these anew for each person and kept the rest.
    anew = ("race", "relationship", "hours_per_week")
    leaked = {name: (synthetic if name in anew else train)[name] for name in train.column_names}
    found = Inference(attacks=2000, secrets=("occupation",)).run(
        evidence(train, holdout, pa.table(leaked)), RunContext()
    )
    assert found[0].p_value < 1e-3


def test_shadow_generators_recognise_a_memoriser():
    class Memory:
        """Returns what it was given."""

        def fit(self, data, schema, ctx):
            return _Kept(data, schema)

    train, holdout = deal(9, 3_000, 3_000)
    found = Membership(engine=Memory(), targets=1000).run(evidence(train, holdout, train), RunContext())
    assert of(found, "privacy.membership.shadow").value > 0.95


class _Kept:
    def __init__(self, data, schema):
        self.data, self.schema, self.spent = data, schema, ()

    def sample(self, request, shard):
        return self.data


def test_anonymity_of_a_table_worked_out_by_hand():
    train = pa.table({"age": [1, 1, 2, 2], "sex": ["f"] * 4, "income": ["a", "b", "a", "a"]})

    given = Evidence(train=Dataset.of(train), synthetic=Dataset.of(train), schema=schema_of(train))
    k, l_, t = Anonymity(keys=("age",), secret="income").run(given, RunContext())
    assert (k.value, l_.value) == (2, 1)
    assert t.value == pytest.approx(0.25)  # group 2 is all "a" against 3 of 4 overall
