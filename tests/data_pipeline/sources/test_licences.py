"""Licences as people write them."""

from __future__ import annotations

import pytest

from data_pipeline.sources.licences import allows, is_filter, licence


@pytest.mark.parametrize(("written", "code"), [
    ("CC BY 4.0", "CC-BY-4.0"), ("cc-by-nc-sa-3.0", "CC-BY-NC-SA-3.0"), ("CC-BY-SA", "CC-BY-SA-4.0"),
    ("https://creativecommons.org/licenses/by-nc-nd/4.0/deed.zh", "CC-BY-NC-ND-4.0"),
    ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"), ("CC0 1.0 Universal", "CC0-1.0"),

    ("署名-非商业性使用-相同方式共享 4.0 国际", "CC-BY-NC-SA-4.0"), ("知识共享署名 3.0", "CC-BY-3.0"),
    ("署名—禁止演绎", "CC-BY-ND-4.0"),
    ("公有领域", "PDM-1.0"), ("公有領域", "PDM-1.0"), ("非商用", "NonCommercial"),
    ("僅供學術研究", "Research-Only"), ("可商用", "Commercial-Use"), ("Apache 2.0", "Apache-2.0"), ("mit license", "MIT"),
])  # fmt: skip
def test_a_licence_is_known_by_its_usual_names(written, code):
    assert licence(written).code == code


@pytest.mark.parametrize("written", [
    "all rights reserved", "版权所有", "?", "", "CC", "by", "YouTube", "CC BY 9.0", "CC-BY-XX-4.0", "not MIT", "不可以"
])
def test_what_is_no_known_licence_is_not_guessed(written):
    assert licence(written) is None


def test_a_normal_form_means_itself():
    for written in ("CC-BY-NC-SA-3.0", "CC0-1.0", "PDM-1.0", "Research-Only", "NonCommercial", "Commercial-Use", "Own", "MIT"):
        assert licence(written).code == written


def test_a_commercial_filter_lets_through_only_what_is_known_to_be_allowed():
    codes = ("CC-BY-4.0", "CC-BY-NC-4.0", "非商用", "CC0-1.0", None, "secret")
    passed = [code for code in codes if allows(code, "commercial-ok")]
    assert passed == ["CC-BY-4.0", "CC0-1.0"]
    assert not allows("CC-BY-ND-4.0", "derivatives-ok")
    assert allows("CC BY 4.0", "cc-by-4.0")
    assert not allows("CC-BY-3.0", "CC-BY-4.0")
    assert not is_filter("cheap")
