"""What does a column's name, in English or Korean, say about it?"""

from __future__ import annotations

import re
from functools import cache


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

# What is personal, by words that all stand in a header. Korean words may be part of a longer one.
_PERSONAL: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("email", ("email", "e mail", "mail address"), ("이메일", "메일주소", "전자우편")),
    ("phone", ("phone", "telephone", "tel", "mobile", "cellphone", "cell phone", "fax", "msisdn"),
     ("전화", "휴대폰", "핸드폰", "연락처", "팩스")),
    ("national_id", ("ssn", "social security", "national id", "nino", "national insurance", "rrn", "passport",
                     "drivers", "driver license", "tax id", "sin number"),
     ("주민등록", "주민번호", "여권번호", "운전면허")),
    ("card", ("card number", "card no", "credit card", "cc number", "ccn", "pan"), ("카드번호",)),
    ("iban", ("iban", "bank account", "account iban"), ("계좌번호",)),
    ("ip", ("ip", "ip address", "ipaddr", "ipv4", "ipv6", "client ip"), ("아이피",)),
    ("first_name", ("first name", "firstname", "given name", "forename", "fname", "first", "middle name",
                    "middle"), ()),
    ("last_name", ("last name", "lastname", "surname", "family name", "lname", "last", "maiden name", "maiden"), ()),
    ("username", ("username", "user name", "login", "nickname", "screen name"), ("닉네임", "사용자명")),
    ("name", ("full name", "fullname", "customer name", "patient name", "employee name", "person name", "contact name",
              "doctor name", "owner name", "ownername", "member name", "student name", "client name", "name"),
     ("이름", "성명", "성함", "고객명", "환자명", "직원명", "회원명", "담당자")),
    ("address", ("address", "addr", "street", "street address", "home address", "address1", "address2",
                 "billing address"),
     ("주소",)),
)  # fmt: skip

# Words that tell of a name at a header's end only: "baker_first", but not "first_visit".
_ONLY_LAST = frozenset({"first", "last", "middle", "maiden"})
# Words that make a header speak of something that is shared by many people.
_NOT_PERSONAL = _set(
    "city town country county state province region nation nationality occupation job profession title airport airline"
    " carrier product item brand company store shop file table column field event species drug medication track album"
    " genre playlist media artist type kind class category code status count num score"
)
_CODES = _set(
    "sex gender education marriage marital race ethnic ethnicity religion region area zone district type class category"
    " code status group grade level segment vendor browser channel department dept store shop flag location"
    " rate payment"
    " sector industry country state province county city origin destination dest carrier airport zip zipcode postal"
    " postcode cluster label ward method mode platform os operating systems system weekday brand"
    " 성별 지역 등급 유형 코드 구분 우편번호"
)
_IDS = _set(
    "id ids key uuid guid code no nr nbr number num ref reference serial identifier index pk idx rowid 번호 아이디 코드"
)
_STRONG_IDS = _set("id ids key uuid guid identifier pk rowid index idx serial nbr 번호 아이디")
_QUANTITIES = _set(
    "age count amount amt total price cost quantity qty sum score rating weight height length width size duration days"
    " hours minutes seconds years months year month day hour minute time income salary balance revenue distance speed"
    " temperature percent ratio rate value volume population visits times 나이 연령 금액 수량 가격"
)
_ROW_NUMBERS = _set("rownames rowname rownum rownumber rowno rowid rowindex recordnumber recno obsnum obsno")
_COUNTED_TIME = _set("t week weeks period step quarter qtr")
_PROTECTED = _set(
    "sex gender race ethnicity ethnic religion nationality disability disabled age_group age_cat agegroup male female"
    " foreign_worker native_country 성별 인종 종교 국적 장애 연령대 personal_status_sex"
)
_TARGETS = (
    "target", "label", "class", "y", "outcome", "income", "churn", "churned", "exited", "fraud", "is_fraud", "isfraud",
    "default", "default_next_month", "survived", "revenue", "readmitted", "two_year_recid", "credit_risk", "diagnosis",
    "heart_disease", "heart_disease_status", "purchased", "converted", "attrition", "approved", "loan_status", "died",
    "deposit", "response", "목표", "이탈", "정답",
)  # fmt: skip


@cache
def words(name: str) -> tuple[str, ...]:
    """Return a header's words in lower case.

    Example:
        >>> words("CustomerID"), words("native.country_2")
        (('customer', 'id'), ('native', 'country', '2'))
    """
    return tuple(word.lower() for word in re.split(r"[\W_]+", _CAMEL.sub(" ", name)) if word)


def personal_type(name: str) -> str | None:
    """Return the type of personal data a header speaks of, if it does.

    Example:
        >>> personal_type("E-Mail"), personal_type("휴대폰 번호"), personal_type("airport_name"), personal_type("age")
        ('email', 'phone', None, None)
    """
    parts = words(name)
    padded = f" {' '.join(parts)} "
    plain = padded.rstrip("0123456789 ") + " "
    for kind, english, korean in _PERSONAL:
        if any(word in name for word in korean):
            return kind
        if kind in ("name", "address", "first_name", "last_name") and _NOT_PERSONAL & set(parts):
            continue
        if any(f" {word} " in padded or f" {word} " in plain for word in english if word not in _ONLY_LAST):
            return kind
        if any(plain.endswith(f" {word} ") for word in english if word in _ONLY_LAST):
            return kind
    return None


def says_id(name: str, *, strongly: bool = False) -> bool:
    """Return whether the header ends like a key's name does ("customer_id", "order no")."""
    parts = words(name)
    known = _STRONG_IDS if strongly else _IDS
    return (
        bool(parts)
        and not is_quantity(name)
        and (parts[-1] in known or any(name.endswith(w) for w in ("번호", "아이디")))
    )


def counts_rows(name: str) -> bool:
    """Return whether the header is one that tools give to row numbers ("Unnamed: 0", "rownames", "row_id").

    Example:
        >>> counts_rows("Unnamed: 0"), counts_rows("rownames"), counts_rows("row")
        (True, True, False)
    """
    parts = words(name)
    return parts[:1] == ("unnamed",) or "".join(parts) in _ROW_NUMBERS


def is_clock(name: str) -> bool:
    """Return whether the header speaks of steps of time that are counted ("t", "week", "season_start")."""
    parts = words(name)
    return bool(parts) and (parts[-1] in _COUNTED_TIME or bool({"year", "yr", "season"} & set(parts)))


def says_code(name: str) -> bool:
    """Return whether the header speaks of a coded category ("sex", "payment_type")."""
    parts = words(name)
    if not parts or parts[-1] in ("num", "number", "count"):
        return False
    if parts[-1].endswith("code"):
        return True
    return bool(_CODES & set(parts)) and not (_QUANTITIES & set(parts) - {"rate", "day", "class"})


def says_plain_code(name: str) -> bool:
    """Return whether the header calls its numbers codes outright ("zip", "postcode", "reason_code")."""
    parts = words(name)
    return bool(parts) and (parts[-1].endswith("code") or parts[-1] in ("zip", "postal", "우편번호"))


def is_quantity(name: str) -> bool:
    """Return whether the header speaks of an amount ("age", "total_price")."""
    parts = words(name)
    return bool(parts) and (parts[-1] in _QUANTITIES or parts[0] in ("n", "count", "number", "num", "total"))


def is_protected(name: str) -> bool:
    """Return whether the header names a group that fairness measures compare."""
    parts = words(name)
    return bool(parts) and bool({"_".join(parts), parts[0], parts[-1]} & _PROTECTED)


def target_rank(name: str) -> int | None:
    """Return how obviously the header names what a model would predict (0 is most), if it does."""
    joined = "_".join(words(name))
    return _TARGETS.index(joined) if joined in _TARGETS else None


def is_related(one: str, other: str) -> bool:
    """Return whether two headers share a word or are a known pair (low and high, start and end)."""
    left, right = set(words(one)), set(words(other))
    if {w for w in left & right if not w.isdigit()}:
        return True
    return any((left & low and right & high) or (left & high and right & low) for low, high in _PAIRS)


_PAIRS: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (_set(low), _set(high))
    for low, high in (
        ("low min minimum lower least bounce 최소 최저", "high max maximum upper most open close exit 최대 최고"),
        ("start begin from first open opened birth born in admission pickup 시작 입원",
         "end stop finish to last close closed death died out discharge dropoff 종료 퇴원"),
        ("open close adj", "high"),
        ("net", "gross"),
        ("created ordered order sold", "shipped delivered updated paid ship due"),
        ("part sub subtotal", "total whole"),
    )
)  # fmt: skip
