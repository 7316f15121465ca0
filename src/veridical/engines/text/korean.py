"""Korean instructions, balanced over domains, styles and speech levels.

Written in Korean from the start: translated instructions keep foreign turns of phrase. The styles are question,
summary, translation and rewriting. Endings are checked by `korean_endings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from veridical.curate.setting import configured
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import drawn, rotated
from veridical.llm.trail import Sampling, Trail, identity_of

DOMAINS = (
    "금융과 생활 경제", "건강과 의학 상식", "법과 행정", "교육과 학습", "과학과 기술", "역사와 문화", "여행과 지리",
    "요리와 음식", "직장과 취업", "육아와 가족", "스포츠와 취미", "예술과 문학", "환경과 사회", "컴퓨터와 프로그래밍",
)  # fmt: skip
STYLES: Mapping[str, str] = {
    "question": "사용자가 궁금한 점을 묻는 질문. input은 비워 둔다.",
    "summary": "input에 주어진 글을 요약해 달라는 요청. input에는 다섯 문장 이상의 글을 쓴다.",
    "translation": "input에 주어진 글을 번역해 달라는 요청(한국어에서 영어로, 또는 영어에서 한국어로).",
    "rewriting": "input에 주어진 글을 다른 말투, 길이 또는 대상에 맞게 고쳐 써 달라는 요청.",
}
LEVELS: Mapping[str, str] = {
    "합쇼체": "'-습니다', '-습니까'로 끝나는 격식 있는 높임말",
    "해요체": "'-아요', '-어요'로 끝나는 부드러운 높임말",
}
_QUESTION = """한국어 지시문 학습 자료를 하나 만드세요.

분야: {domain}
유형: {style}
답변의 말투: {level}
{examples}
조건:
- 처음부터 한국어로 생각하고 쓰세요. 번역한 듯한 표현('당신은', '그것은', '~에 대해서의')을 쓰지 마세요.
- 한국의 실제 생활, 제도, 지명, 단위를 쓰세요.
- 조사와 어미가 자연스럽고, 한 답변 안에서 말투가 섞이지 않아야 합니다.
- 흔한 주제 대신 구체적인 상황을 고르세요.

instruction(지시문), input(자료, 필요 없으면 빈 문자열), output(답변)을 쓰세요."""


@configured
@dataclass(frozen=True, kw_only=True)
class Korean:
    """One Korean instruction with its answer a task; domains, styles and speech levels come equally often.

    Quotas may be set on `domain`, `style` and `level`. Seeds, where given, are shown as examples of form.
    """

    domains: tuple[str, ...] = DOMAINS
    styles: tuple[str, ...] = tuple(STYLES)
    levels: tuple[str, ...] = tuple(LEVELS)
    shots: int = 2
    sampling: Sampling = Sampling(temperature=0.9, max_tokens=1200)  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked."""
        return identity_of(self, "korean")

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What quotas may count: what it asks for."""
        return ("domain", "style", "level")

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the domain, style, level and examples of a task."""
        options = {"domain": self.domains, "style": self.styles, "level": self.levels}
        attributes = drawn(options, seed=self.seed, path="korean", turn=number)
        shots = rotated(len(self.seeds), self.shots, seed=self.seed, path="examples", turn=number)
        return {"task": number, **attributes, **wanted, "examples": shots}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for the instruction, its input and its answer."""
        trail = Trail.of(spec, ask, seed=self.seed)
        shown = "\n".join(f"예: {_shown(self.seeds[index])}" for index in spec["examples"])
        question = _QUESTION.format(
            domain=trail.kept["domain"],
            style=STYLES.get(trail.kept["style"], trail.kept["style"]),
            level=f"{trail.kept['level']} ({LEVELS.get(trail.kept['level'], '')})",
            examples=f"\n{shown}\n" if shown else "",
        )
        made = await trail.fill("write", question, ("instruction", "input", "output"), self.sampling)
        if isinstance(made, Candidate):
            return [made]
        return [trail.record(made)]


def _shown(record: Mapping[str, Any]) -> str:
    return next((value for value in record.values() if isinstance(value, str) and value.strip()), "")
