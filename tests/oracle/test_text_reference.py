"""The fast ways of text measures against slow ones."""

import math
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical.curate.rouge import Rouge, common_subsequence, rouge_l
from veridical.curate.word import words_of
from veridical.llm.candidate import Candidate
from veridical.measures.text.variety import self_bleu, vendi

WORDS = st.lists(st.sampled_from("abcde"), max_size=12)


def slow_lcs(one, two):
    row = [0] * (len(two) + 1)
    for a in one:
        previous = row[:]
        for place, b in enumerate(two):
            row[place + 1] = previous[place] + 1 if a == b else max(previous[place + 1], row[place])
    return row[-1]


@given(WORDS, WORDS)
@settings(max_examples=200, deadline=None)
def test_bit_parallel_subsequences(one, two):
    assert common_subsequence(one, two) == slow_lcs(one, two)


@given(st.lists(WORDS.filter(bool), min_size=1, max_size=8), WORDS.filter(bool))
@settings(max_examples=100, deadline=None)
def test_the_bound_by_shared_words_loses_nothing(kept, new):
    pool = Rouge(at_most=0.6)
    for words in kept:
        pool.admit(Candidate(fields={"text": " ".join(words)}))
    refused = pool.refuses(Candidate(fields={"text": " ".join(new)})) is not None
    assert refused == any(rouge_l(words_of(" ".join(new)), words) > 0.6 for words in kept)


@given(st.integers(2, 30), st.integers(2, 40), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_vendi_is_exp_of_the_kernels_entropy(count, width, seed):
    points = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    kernel = points.astype(float) @ points.T.astype(float) / count
    values = np.linalg.eigvalsh(kernel)
    brute = math.exp(-sum(v * math.log(v) for v in values if v > 1e-12))
    assert abs(vendi(points) - brute) < 1e-4 * brute


def slow_self_bleu(texts):
    def grams(words, n):
        return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

    scores = []
    for place, words in enumerate(texts):
        others = [text for index, text in enumerate(texts) if index != place]
        logs = []
        for n in range(1, 5):
            own = grams(words, n)
            if not own:
                continue
            hits = sum(min(count, max(grams(o, n)[gram] for o in others)) for gram, count in own.items())
            logs.append(math.log(max(hits, 0.1) / sum(own.values())))
        nearest = min((len(o) for o in others), key=lambda length: (abs(length - len(words)), length))
        brevity = 1.0 if len(words) >= nearest else math.exp(1 - nearest / len(words))
        scores.append(brevity * math.exp(sum(logs) / len(logs)))
    return sum(scores) / len(scores)


@given(st.lists(WORDS.filter(bool), min_size=2, max_size=6))
@settings(max_examples=100, deadline=None)
def test_self_bleu(texts):
    assert abs(self_bleu(texts) - slow_self_bleu(texts)) < 1e-9
