import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.base.errors import InputError
from extract.datasets import DATA_SETS, labels_of
from extract.labels.label_set import LabelSet, one_word_each, parse_label_set

GOOD = {"normal": "normal", "fall": "a person falling"}


@pytest.mark.parametrize(
    "prompts",
    [
        {"ruhig": "nichts Ungewöhnliches", "Sturz": "ein Mensch stürzt"},
        {"正常": "正常", "火事": "建物が燃えている"},
        {"عادي": "لا شيء", "سرقة": "شخص يسرق"},
        {"सामान्य": "सामान्य", "गिरना": "कोई गिर रहा है"},
        {"عادی": "عادی", "می‌افتد": "کسی می‌افتد"},
        {"no": "nothing happens", "fire and smoke": "fire, smoke: both"},
    ],
)
def test_codes_and_prompts_may_be_words_of_any_script(prompts: dict[str, str]) -> None:
    labels = one_word_each("own", prompts)
    assert labels.normal == next(iter(prompts))
    assert dict(zip(labels.codes, labels.words, strict=True)) == prompts


def test_there_may_be_two_classes_or_a_thousand() -> None:
    assert len(one_word_each("own", GOOD).codes) == 2
    assert len(one_word_each("own", {f"c{number}": f"word {number}" for number in range(1000)}).codes) == 1000


@pytest.mark.parametrize(
    ("prompts", "reason"),
    [
        ({"normal": "normal"}, "at least 2 classes"),
        ({}, "at least 2 classes"),
        (GOOD | {"quiet": "normal"}, r"'quiet': 'normal' cannot be told from 'normal' of class 'normal'"),
        (GOOD | {"Normal": "usual"}, r"'Normal': 'Normal' cannot be told from 'normal' of class 'normal'"),
        (GOOD | {"FALL": "stumbling"}, r"'FALL' cannot be told from 'fall'"),
        (GOOD | {"slip": "A  person falling"}, "of class 'fall'"),
        (GOOD | {"slip": "fall"}, r"class 'slip': 'fall' cannot be told from 'fall' of class 'fall'"),
        (GOOD | {"fa\u200dll": "tumbling"}, "cannot be told from 'fall'"),
        (GOOD | {"\uff46all": "tumbling"}, "cannot be told from 'fall'"),
        (GOOD | {"hit-run": "a crash"}, "class 'hit-run': files and HDF5 groups cannot be named so"),
        (GOOD | {"a/b": "a crash"}, "cannot be named so"),
        (GOOD | {"a\\b": "a crash"}, "cannot be named so"),
        (GOOD | {"a;b": "a crash"}, "cannot be named so"),
        (GOOD | {"..": "a crash"}, "cannot be named so"),
        (GOOD | {"a\x00b": "a crash"}, "cannot be named so"),
        (GOOD | {"a\nb": "a crash"}, "cannot be named so"),
        (GOOD | {"": "a crash"}, "a code must be text"),
        (GOOD | {" x": "a crash"}, "a code must be text"),
        (GOOD | {"0": "a crash"}, "'0' stands for none"),
        (GOOD | {"é" * 26: "a crash"}, "longer than 50 bytes"),
        (GOOD | {"x": " "}, "prompt ' ' must be words"),
        (GOOD | {"x": "two\nlines"}, "must be words in one line"),
        (GOOD | {"x": "--out"}, "must be words in one line"),
    ],
)
def test_classes_that_clash_or_cannot_be_written_are_refused(prompts: dict[str, str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        one_word_each("own", prompts)


@pytest.mark.parametrize(
    ("codes", "model_codes", "reason"),
    [
        (("a", "x"), ("a", "b"), "x must be classes of the model"),
        (("a", "b", "b"), ("a", "b"), "each once"),
        (("b", "a"), ("a", "b"), "both must be normal"),
    ],
)
def test_the_classes_of_the_videos_are_classes_of_the_model(
    codes: tuple[str, ...], model_codes: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        LabelSet("own", codes, model_codes, ("normal", "fall"))


@pytest.mark.parametrize("values", [None, [], {}, {"codes": ["a", "b"]}, {"codes": "ab"}, {"codes": [1, 2]}])
def test_what_is_no_label_set_is_refused_by_its_field(values: object) -> None:
    with pytest.raises(InputError, match=r"^(codes|model_codes|prompts): "):
        parse_label_set("own", values)


def test_built_in_sets_are_label_sets_of_the_same_kind() -> None:
    for name, one in DATA_SETS.items():
        assert labels_of(name) == LabelSet(name, one.codes, one.model_codes, one.prompts)
    assert DATA_SETS["cctv"].words == ("normal", "fighting")
    assert labels_of("own") is None


@given(st.lists(st.text(max_size=6), min_size=2, max_size=4), st.lists(st.text(max_size=8), min_size=2, max_size=4))
def test_whatever_is_accepted_can_be_joined_in_lists_and_parted_again(codes: list[str], prompts: list[str]) -> None:
    try:
        labels = one_word_each("own", dict(zip(codes, prompts, strict=False)))
    except InputError:
        return
    assert tuple("-".join(labels.codes).split("-")) == labels.codes
    assert len({code.casefold() for code in labels.codes}) == len(labels.codes)
    assert not any(code in (".", "..") or "/" in code for code in labels.codes)
