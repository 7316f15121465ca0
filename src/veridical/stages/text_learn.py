"""What are the seeds of a text run like: how long, in which words, languages and styles, about what?

No text of a seed is repeated: topics are told by words that stand in several seeds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from veridical.core.errors import DataError
from veridical.core.rng import stream
from veridical.curate.word import joined, words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOKED_AT = 2_000  # seeds that topics and languages are learned from
_SEEN_IN = 3  # seeds that a word must stand in before it is told
_STYLES: Mapping[str, re.Pattern[str]] = {
    "question": re.compile(r"[?？]\s*$"),
    "exclamation": re.compile(r"[!！]\s*$"),
    "first person": re.compile(r"\b(?:i|my|me|we|our)\b|나는|내가|제가|저는|우리", re.I),
    "addresses somebody": re.compile(r"\b(?:you|your)\b|당신|너는|네가", re.I),
    "holds a number": re.compile(r"\d"),
    "begins in lower case": re.compile(r"^[a-z]"),
    "polite (Korean)": re.compile(r"(?:요|니다|니까|세요|시오)[.?!]*\s*$"),
    "several lines": re.compile(r"\n"),
    "code or markup": re.compile(r"```|</?\w+>|\bdef |\bclass |[{};]\s*$", re.M),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A cluster of seeds: its share, and the words that set it apart."""

    share: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextProfile:
    """What was learned of seeds. Shares are of the seeds; `lengths` counts words at the quantiles named."""

    records: int
    fields: tuple[str, ...]
    lengths: Mapping[str, float]
    vocabulary: int
    common_words: tuple[str, ...]
    languages: Mapping[str, float]
    styles: Mapping[str, float]
    topics: tuple[Topic, ...]
    labels: Mapping[str, float]
    repeated: float  # equal to an earlier seed, case and punctuation aside
    personal: float  # hold personal data

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-like data."""
        return asdict(self)

    def lines(self, records: int, target: str | None) -> Iterator[str]:
        """Yield what a person wants to know, and the parts of a spec that follow from it."""
        q = self.lengths
        yield f"seeds       {self.records:,} with the text fields {', '.join(self.fields)}"
        span = f"5 % under {q['low']:g}, 5 % over {q['high']:g}"
        yield f"words       {q['median']:g} each ({span}); {self.vocabulary:,} different ones"
        yield f"languages   {_shares(self.languages)}"
        yield f"styles      {_shares(self.styles)}"
        for topic in self.topics:
            yield f"topic       {topic.share:.0%}  {', '.join(topic.words) or '(no word sets it apart)'}"
        yield f"repeated    {self.repeated:.1%} of the seeds; {self.personal:.1%} hold personal data"
        yield "for the spec:"
        main = next(iter(self.languages), "")
        fields = f"fields: [{', '.join(self.fields)}], " if self.fields else ""
        low, high = max(1, int(q["low"])), int(np.ceil(q["high"]))
        yield "  checks:"
        yield f"    - length: {{{fields}words_at_least: {low}, words_at_most: {high}}}"
        if self.languages.get(main, 0.0) >= 0.9:
            yield f"    - language: {{{fields}language: {main}}}"
        if target is not None and self.labels:
            from veridical.stages.text_best import shared_out

            counts = shared_out(records, {name: round(share * self.records) for name, share in self.labels.items()})
            yield f"  records: {sum(counts.values())}"
            yield f"  quotas: {{{target}: {{{', '.join(f'{name}: {count}' for name, count in counts.items())}}}}}"


def learn_texts(
    seeds: Path, *, target: str | None = None, fields: Sequence[str] = (), output: Path | None = None, seed: int = 0
) -> TextProfile:
    """Return what seeds are like, and write it as JSON where an output is named.

    Raises:
        DataError: the file cannot be read, or holds no texts.
    """
    from veridical.curate.personal import kinds_of
    from veridical.curate.setting import read_records
    from veridical.curate.word import plain
    from veridical.store.runfolder import write_json

    records = read_records(seeds)
    names = tuple(fields) or tuple(
        name for name, value in records[0].items() if isinstance(value, str) and name != target
    )
    texts = [text for record in records if (text := joined(record, names)).strip()]
    if not names or not texts:
        raise DataError("no seed holds a text", where=seeds.name, fix="name the text fields with --field")
    words = [words_of(text) for text in texts]
    counts = np.array([len(found) for found in words], float)
    known = Counter(word for found in words for word in set(found))
    some = [int(place) for place in stream(seed, "text", "learn").permutation(len(texts))[:LOOKED_AT]]
    kept = {plain(text) for text in texts}
    labels = Counter(str(record[target]) for record in records if record.get(target) is not None) if target else {}
    profile = TextProfile(
        records=len(texts),
        fields=names,
        lengths=dict(zip(("least", "low", "median", "high", "most"),
                         map(float, np.quantile(counts, [0, 0.05, 0.5, 0.95, 1])), strict=True)),
        vocabulary=len(known),
        common_words=tuple(word for word, count in known.most_common(400) if count >= _SEEN_IN and len(word) > 3)[:20],
        languages=_languages([texts[place] for place in some]),
        styles={name: found for name, pattern in _STYLES.items()
                if (found := sum(pattern.search(text) is not None for text in texts) / len(texts)) > 0},
        topics=_topics([texts[place] for place in some], [words[place] for place in some], seed),
        labels={name: count / sum(labels.values()) for name, count in sorted(labels.items())},
        repeated=1 - len(kept) / len(texts),
        personal=sum(bool(kinds_of(text)) for text in texts) / len(texts),
    )  # fmt: skip
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, profile.to_dict())
    return profile


def _languages(texts: Sequence[str]) -> dict[str, float]:
    from veridical.curate.language import language_of

    found = Counter(language_of(text) for text in texts)
    return {name: count / len(texts) for name, count in found.most_common(5)}


def _topics(texts: Sequence[str], words: Sequence[Sequence[str]], seed: int) -> tuple[Topic, ...]:
    count = min(10, len(texts) // 20)
    if count < 2:
        return ()
    from sklearn.cluster import KMeans

    from veridical.curate.sentence import embed

    places: NDArray[Any] = KMeans(count, n_init=4, random_state=seed).fit_predict(embed(texts))
    held = [
        Counter(word for n in np.flatnonzero(places == topic).tolist() for word in set(words[n]))
        for topic in range(count)
    ]
    every = Counter(word for found in words for word in set(found))
    topics = []
    for topic in range(count):
        size = int((places == topic).sum())
        # A word sets a topic apart by its share there above its share elsewhere.
        lift = {word: n / size - (every[word] - n) / max(1, len(texts) - size)
                for word, n in held[topic].items() if n >= _SEEN_IN and len(word) > 2}  # fmt: skip
        named = sorted(lift, key=lambda word: (-lift[word], word))[:5]
        topics.append(Topic(share=size / len(texts), words=tuple(named)))
    return tuple(sorted(topics, key=lambda topic: -topic.share))


def _shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in sorted(shares.items(), key=lambda item: -item[1]))
