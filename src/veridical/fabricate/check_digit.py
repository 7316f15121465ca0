"""Do the check digits of a card or an account hold?"""

from __future__ import annotations


def luhn_holds(digits: str) -> bool:
    """Return whether a card number's last digit is right (ISO/IEC 7812-1).

    Example:
        >>> luhn_holds("4111111111111111"), luhn_holds("4111111111111112")
        (True, False)
    """
    total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0 and len(set(digits)) > 1


def iban_holds(number: str) -> bool:
    """Return whether an IBAN's check digits are right (ISO 13616).

    Example:
        >>> iban_holds("DE89370400440532013000")
        True
    """
    moved = number[4:] + number[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
