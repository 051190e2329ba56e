"""Licences: the many ways in which people write one, its normal form, and what it allows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrieval.text import fold

_VERSION = re.compile(r"[1-4]\.[0-9]")
_NOISE = re.compile(r"[\s_\-—–/,，、·・.()（）:：]+")
_ENDING = re.compile("(?:international|unported|国际|许可协议|协议)+$")
_CC_ADDRESS = re.compile(r"creativecommons\.org/(?:licenses/([a-z-]+)|publicdomain/(zero|mark))/([1-4]\.[0-9])")
_CC_DEFAULT = "4.0"


@dataclass(frozen=True, kw_only=True)
class Licence:
    """What an owner allows, as far as it is said. `code`: SPDX where there is one. share_alike: is asked for."""

    code: str
    commercial: bool
    derivatives: bool = True
    attribution: bool = True
    share_alike: bool = False


def licence(text: str) -> Licence | None:
    """The licence that `text` means (a code, an address of Creative Commons, a usual Chinese or English name), else None.

    A Creative Commons licence without a version is taken for version 4.0.
    """
    address = _CC_ADDRESS.search(text.lower())
    if address:
        kind, public, version = address.groups()
        return _creative_commons(f"cc-{kind}", version) if kind else _PUBLIC["cc0" if public == "zero" else "pdm"]
    found = _VERSION.search(text)
    name = _ENDING.sub("", _NOISE.sub("", fold(_VERSION.sub("", text))))
    name = _CC_WORDS.get(name, name)
    return _PUBLIC.get(name) or _OTHERS.get(name) or _creative_commons(name, found.group() if found else _CC_DEFAULT)


def allows(code: str | None, wish: str) -> bool:
    """Whether a row with this licence passes the filter `wish`: `commercial-ok`, `derivatives-ok`, or a licence itself.

    A licence that is unknown, or not stated, passes no filter.
    """
    known = licence(code) if code else None
    if known is None:
        return False
    if wish == COMMERCIAL_OK:
        return known.commercial
    if wish == DERIVATIVES_OK:
        return known.derivatives
    wanted = licence(wish)
    return wanted is not None and wanted.code == known.code


def is_filter(wish: str) -> bool:
    """Whether `allows` knows this filter."""
    return wish in (COMMERCIAL_OK, DERIVATIVES_OK) or licence(wish) is not None


def _creative_commons(name: str, version: str) -> Licence | None:
    match = _CC_PARTS.fullmatch(_NOISE.sub("", name))
    if match is None:
        return None
    non_commercial, ending = match.group("nc"), match.group("ending") or ""
    parts = ["CC-BY", *(["NC"] if non_commercial else []), *([ending.upper()] if ending else []), version]
    return Licence(
        code="-".join(parts), commercial=not non_commercial, derivatives=ending != "nd", share_alike=ending == "sa",
    )


COMMERCIAL_OK, DERIVATIVES_OK = "commercial-ok", "derivatives-ok"

_CC_PARTS = re.compile(r"ccby(?P<nc>nc)?(?P<ending>sa|nd)?")
# Folded, without punctuation. The Chinese names are those of creativecommons.org's own translations, and their short forms.
_CC_WORDS = {
    prefix + chinese: code
    for prefix in ("", "cc", "知识共享", "知识共享许可协议", "创作共用")
    for chinese, code in {
        "署名": "ccby", "署名相同方式共享": "ccbysa", "署名禁止演绎": "ccbynd", "署名非商业性使用": "ccbync",
        "署名非商业性使用相同方式共享": "ccbyncsa", "署名非商业性使用禁止演绎": "ccbyncnd",
        "署名非商业": "ccbync", "署名非商用": "ccbync",
    }.items()
}  # fmt: skip
_PUBLIC = {
    name: Licence(code=code, commercial=True, attribution=False)
    for code, names in {
        "CC0-1.0": ("cc0", "cczero", "cc0universal", "creativecommonszero"),
        "PDM-1.0": ("pdm", "publicdomain", "publicdomainmark", "公有领域", "公共领域", "公版"),
    }.items()
    for name in names
}
_OTHERS = {
    name: known
    for known, names in {
        Licence(code="MIT", commercial=True): ("mit", "mitlicense"),
        Licence(code="Apache-2.0", commercial=True): ("apache", "apache2", "apachelicense"),
        Licence(code="BSD-3-Clause", commercial=True): ("bsd", "bsd3", "bsd3clause"),
        Licence(code="Pexels", commercial=True, attribution=False): ("pexels", "pexelslicense"),
        Licence(code="Pixabay", commercial=True, attribution=False): ("pixabay", "pixabaylicense"),
        Licence(code="Unsplash", commercial=True, attribution=False): ("unsplash", "unsplashlicense"),
        Licence(code="Commercial-Use", commercial=True, derivatives=False): (
            "commercialuse", "可商用", "允许商用", "商用授权", "免费商用",
        ),
        Licence(code="NonCommercial", commercial=False, derivatives=False): (
            "noncommercial", "nc", "非商用", "非商业", "非商业用途", "非商业使用", "不可商用", "禁止商用",
        ),
        Licence(code="Research-Only", commercial=False, derivatives=False): (
            "research", "researchonly", "academic", "academicuse", "学术研究", "仅供研究", "仅限研究", "仅供学术研究",
            "科研用途",
        ),
        Licence(code="Own", commercial=True, attribution=False): ("own", "ours", "自有", "自有版权", "自制", "本人版权"),
    }.items()
    for name in names
}  # fmt: skip
