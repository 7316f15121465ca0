"""Which examples does a base or very small model go on with? What it is to write stands last."""

from __future__ import annotations

from collections.abc import Mapping

_PLAIN = """Text: The harbour bridge was opened in 1932 after eight years of work by 1,400 men.
Answer: 1932
Question: When was the harbour bridge opened?

Text: Agnes Tull, the widow of a mill owner, founded the town library and left it four thousand books.
Answer: Agnes Tull
Question: Who founded the town library?

"""
_JOINED = """Text: Agnes Tull founded the library of Morley in 1871.
Text: Morley lies on the river Scatch.
Answer: the river Scatch
Question: On which river lies the town whose library Agnes Tull founded?

"""
_COMPARED = """Text: The harbour bridge was opened in 1932.
Text: The town library was founded in 1871.
Answer: the town library
Question: Which is older, the harbour bridge or the town library?

"""
_OPEN = """Text: The harbour bridge was opened in 1932 after eight years of work by 1,400 men.
Question that the text does not answer: Who designed the harbour bridge?

Text: Agnes Tull, the widow of a mill owner, founded the town library.
Question that the text does not answer: How old was Agnes Tull when she founded the town library?

"""
_OFF = """Text: The harbour bridge was opened in 1932 after eight years of work by 1,400 men.
Question on quite another matter: How long should rice be boiled?

Text: Agnes Tull, the widow of a mill owner, founded the town library.
Question on quite another matter: Which vitamin is found in oranges?

"""
_PLAIN_KOREAN = """글: 항구 다리는 1,400명이 8년 동안 일한 끝에 1932년에 개통되었다.
답: 1932년
질문: 항구 다리는 언제 개통되었는가?

글: 방앗간 주인의 아내 김순이가 마을 도서관을 세우고 책 사천 권을 남겼다.
답: 김순이
질문: 마을 도서관을 세운 사람은 누구인가?

"""
QUESTION_SHOTS: Mapping[str, Mapping[str, str]] = {
    "English": {"plain": _PLAIN, "joined": _JOINED, "compared": _COMPARED, "open": _OPEN, "off": _OFF},
    "Korean": {"plain": _PLAIN_KOREAN},
}
READ_SHOTS = """Passage: The harbour bridge was opened in 1932 after eight years of work by 1,400 men.
Question: How many men worked on the bridge?
Answer: 1,400

Passage: The town library was founded in 1871 by Agnes Tull.
Question: Who designed the harbour bridge?
Answer: NONE

Passage: 마을 도서관은 1871년에 김순이가 세웠다.
Question: 마을 도서관을 세운 사람은 누구인가?
Answer: 김순이

"""
RECALL_SHOTS = """Question: What is the capital of France?
Answer: Paris

Question: How many men worked on the harbour bridge of Morley?
Answer: NONE

"""
