"""What does somebody do by saying this: ask, tell, confirm, thank, say goodbye?

Acts are named as in the Schema-Guided Dialogue data (Rastogi et al. 2020). The tagger is a list of patterns for English
and Korean service talk: coarse, and the same for real and made dialogues, so that their shares may be compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

CUSTOMER, AGENT = "customer", "agent"
_CUSTOMER: Mapping[str, str] = {
    "GOODBYE": r"\b(?:bye|goodbye|good night|have a (?:nice|good|great)|that(?:'s| is| will be|'ll be) all"
    r"|nothing else)\b"
    r"|수고하세요|안녕히",
    "THANK_YOU": r"\b(?:thanks?|thank you|thx|ty|appreciate)\b|감사|고맙|ㄱㅅ",
    "NEGATE": r"^(?:no|nope|nah|not)\b|\bdon't want\b|^아니",
    "AFFIRM": r"^(?:yes|yeah|yep|yup|sure|ok|okay|correct|right|that's right|that works|sounds good|go ahead"
    r"|please do)\b"
    r"|^네|^넹|^좋아요|^ㅇㅋ",
    "REQUEST_ALTS": r"\b(?:another|any others?|something else|anything else|other options?|different)\b",
    "INFORM_INTENT": r"\b(?:i want|i need|i'd like|i would like|i wanna|can you|could you"
    r"|(?<!yes )(?<!yes, )please|help me"
    r"|looking for|find me"
    r"|i am looking|i'm looking|where is|how do i)\b|하고 싶|부탁|문의|바꿔|해 주세요|궁금",
    "REQUEST": r"\?|\b(?:what|when|where|which|how|who)\b",
}
_AGENT: Mapping[str, str] = {
    "GOODBYE": r"\b(?:bye|goodbye|have a (?:nice|good|great|wonderful)|take care|enjoy|wish you)\b"
    r"|좋은 하루|문의해 주셔서",
    "REQ_MORE": r"\b(?:anything else|anything more|something else|more i can do|else i can|help (?:you )?further)\b"
    r"|더 도와|다른 문의",
    "CONFIRM": r"\b(?:confirm|is (?:that|it) (?:right|correct|ok)|shall i|may i go ahead"
    r"|just to be sure|are you ok)\b"
    r"|진행할까요|드릴까요|맞나요|맞으신",
    "NOTIFY_SUCCESS": r"\b(?:done|has been|have been|is (?:now )?(?:cancelled|booked|confirmed|reserved|set)"
    r"|i have (?:refunded"
    r"|booked|sent|cancelled)|success\w*|now goes to)\b|완료|변경되었|취소되었|환불되었",
    "NOTIFY_FAILURE": r"\b(?:sorry|unfortunately|unable|failed|cannot|couldn't|did not work|not possible)\b"
    r"|죄송|불가|못했",
    "OFFER_INTENT": r"\b(?:would you like (?:me )?to|do you want (?:me )?to|hand you over|get a colleague)\b"
    r"|연결해 드리",
    "REQUEST": r"\b(?:what|which|when|where|who|how (?:many|much|long)|could you tell|may i have|i need your)\b.*"
    r"|알려 주시|어떻게 되시|필요합니다",
    "OFFER": r"\b(?:how about|there(?:'s| is| are)|i found|(?<!may )(?<!can )(?<!could )(?<!if )i have|option"
    r"|what about)\b",
}


def acts_of(text: str, speaker: str) -> list[str]:
    """Return the acts of an utterance, by their usual order; INFORM where nothing more is recognised.

    Example:
        >>> acts_of("Yes please. Thanks!", "customer"), acts_of("What is your order number?", "agent")
        (['THANK_YOU', 'AFFIRM'], ['REQUEST'])
    """
    table = _CUSTOMER if speaker == CUSTOMER else _AGENT
    plain = text.strip().lower().replace("’", "'")
    found = [act for act, pattern in table.items() if re.search(pattern, plain)]
    if "REQUEST" in found and {"INFORM_INTENT", "REQ_MORE", "CONFIRM", "OFFER_INTENT"} & set(found):
        found.remove("REQUEST")
    return found or ["INFORM"]


def said_yes(text: str) -> bool:
    """Return whether a customer agrees to what was announced.

    Example:
        >>> said_yes("Yes, do it"), said_yes("No, wait")
        (True, False)
    """
    acts = acts_of(text, CUSTOMER)
    return "AFFIRM" in acts and "NEGATE" not in acts
