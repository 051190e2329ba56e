"""Personal data in texts, masked: telephone, identity and card numbers, mail addresses, account names, number plates.

Patterns read text after NFKC. What has a checksum must fulfil it; what has not must be written as such data is, so that
years, prices, versions and counts stay.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

MASK = "***"                        # no longer than the shortest thing that is masked

_START, _END = r"(?<![A-Za-z0-9.])", r"(?![A-Za-z0-9]|\.\d)"
_COUNTED = r"(?!\s*(?:元|块|次|人|个|件|米|公里|千米|吨|万|亿|倍|%|播放|观看|粉丝|点赞))"
_MAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]*@[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", re.ASCII)
_IDENTITY = re.compile(
    rf"{_START}[1-9]\d{{5}}(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{{3}}[\dXx]{_END}", re.ASCII
)
_CARD = re.compile(rf"{_START}[3-6]\d{{3}}(?:[ -]?\d{{4}}){{2,3}}(?:[ -]?\d{{1,4}}){_END}{_COUNTED}", re.ASCII)
_PHONE = re.compile(
    rf"""(?<![A-Za-z0-9.])
    (?:
        (?:\+?86[-\s]?)?1[3-9]\d(?:\d{{8}}|([-\s])\d{{4}}\1\d{{4}})         # mobile
      | 0\d{{2,3}}[-\s]\d{{7,8}} | \(0\d{{2,3}}\)\s?\d{{7,8}}              # with an area code
      | [48]00-\d{{3}}-\d{{4}} | [48]00-\d{{4}}-\d{{3}}
    ){_END}{_COUNTED}
  | [一幺1][三四五六七八九][零〇一二三四五六七八九幺]{{9}}(?![零〇一二三四五六七八九幺十百千万亿])     # as it is spoken
    """,
    re.ASCII | re.VERBOSE,
)
# An account: the service's name, then `号` or a sign, then the name; where nothing stands between, it must hold a digit.
_ACCOUNT = re.compile(
    r"""((?:微信|薇信|威信|徽信|wechat|weixin|(?<![a-z])(?:vx|wx|qq)|扣扣|企鹅|加\s?[v薇微]|➕\s?[v薇微]|[v薇]信|[v薇](?=\s?[:=]))
        (?:号码|号|群)?\s?)
    (?:
        (?:[:=]|是|为)\s?(?:[a-z][-_a-z0-9]{5,19}|[1-9]\d{4,11})
      | (?<=号)\s?(?:[a-z][-_a-z0-9]{5,19}|[1-9]\d{4,11})
      | (?:(?=[-_a-z]*\d)[a-z][-_a-z0-9]{5,19}|[1-9]\d{5,11})
    )(?![-_a-z0-9])""" + _COUNTED,
    re.ASCII | re.VERBOSE | re.IGNORECASE,
)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·\s]?(?=[A-Z]*\d[A-Z]*\d[A-Z]*\d)[A-HJ-NP-Z0-9]{5,6}"
    r"(?![A-Za-z0-9])",
    re.ASCII,
)
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def masked(text: str) -> tuple[str, Counter[str]]:
    """The text with personal data replaced by `MASK`, and how many of each kind there were.

    Kinds: mail, identity, card, account, phone, plate. The text must be NFKC, with links and @names out of it.
    """
    counts: Counter[str] = Counter()
    for kind, pattern, holds in _RULES:
        def replaced(match: re.Match[str], kind: str = kind, holds: Callable[[str], bool] = holds) -> str:
            if not holds(match.group()):
                return match.group()
            counts[kind] += 1
            return (match.group(1) if kind == "account" else "") + MASK

        text = pattern.sub(replaced, text)
    return text, counts


def is_identity_number(text: str) -> bool:
    """Whether the last of 18 places is the check digit of the others. Source: GB 11643-1999 (ISO 7064, MOD 11-2)."""
    total = sum(weight * int(digit) for weight, digit in zip(_IDENTITY_WEIGHTS, text, strict=False))
    return text[17].upper() == "10X98765432"[total % 11]


def is_card_number(text: str) -> bool:
    """Whether 16 to 19 digits, spaces and hyphens aside, fulfil the Luhn sum."""
    digits = [int(digit) for digit in text if digit.isdecimal()]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return 16 <= len(digits) <= 19 and sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _always(_: str) -> bool:
    return True


_RULES: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("mail", _MAIL, _always),
    ("identity", _IDENTITY, is_identity_number),
    ("card", _CARD, is_card_number),
    ("account", _ACCOUNT, _always),
    ("phone", _PHONE, _always),
    ("plate", _PLATE, _always),
)
PERSONAL_DATA = frozenset(kind for kind, _, _ in _RULES)
"""The kinds that there are."""
