from pathlib import Path

import pytest

from extract.base.errors import InputError
from extract.labels.__main__ import main
from extract.labels.file import read_classes
from extract.labels.prompt_tokens import MOST_TOKENS


def written(folder: Path, text: str) -> Path:
    path = folder / "classes.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_names_the_classes_in_its_order(tmp_path: Path) -> None:
    labels = read_classes(written(tmp_path, "normal: normal\nSturz: ein Mensch stürzt\nfire: 火\n"))
    assert labels.codes == labels.model_codes == ("normal", "Sturz", "fire")
    assert labels.prompts == ("normal", "ein Mensch stürzt", "火")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("normal: normal\nfall: falling\nnormal: calm\n", "line 3: key normal stands in line 1 too"),
        ("normal: normal\nno: fire\n", "class False: False is no text to YAML; put it in quotes"),
        ("normal: normal\nfall: 7\n", "class 'fall': 7 is no text"),
        ("normal: normal\nfall:\n", "class 'fall': None is no text"),
        ("- normal\n- fall\n", "is no file of classes: write one line a class"),
        ("normal\n", "is no file of classes"),
        ("", "is no file of classes"),
        ("normal: [\n", "line 2: is no YAML"),
        ("normal: normal\nfall: 2026-13-50\n", "is no file of classes .*: write one line a class"),
        (f"normal: normal\nfall: {'9' * 5000}\n", "is no file of classes .*: write one line a class"),
        ("normal: normal\nfall: Normal\n", "class 'fall': 'Normal' cannot be told from 'normal'"),
    ],
)
def test_a_wrong_file_is_named_with_what_to_mend(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=rf"classes\.yaml.*{reason}"):
        read_classes(written(tmp_path, text))
    with pytest.raises(InputError, match=r"none\.yaml: no such file of classes; write one line a class"):
        read_classes(tmp_path / "none.yaml")


def test_a_prompt_that_is_too_long_in_tokens_is_refused(tmp_path: Path) -> None:
    longest = " ".join(["fire"] * MOST_TOKENS)
    assert len(read_classes(written(tmp_path, f"normal: normal\nfire: {longest}\n")).prompts[1]) > MOST_TOKENS
    with pytest.raises(InputError, match=rf"class 'fire': prompt .* has {MOST_TOKENS + 1} of CLIP's tokens"):
        read_classes(written(tmp_path, f"normal: normal\nfire: {longest} fire\n"))
    # CLIP was not made for this script: it spells every letter in several tokens.
    with pytest.raises(InputError, match=r"has \d+ of CLIP's tokens"):
        read_classes(written(tmp_path, "normal: normal\nx: " + "ሀለሐመሠረሰሸቀበተቸኀነኘአከኸወዐ" + "\n"))


def test_the_command_writes_what_it_was_given(tmp_path: Path) -> None:
    out = tmp_path / "work" / "classes.yaml"
    words = ["--class", "normal", "normal", "--class", "no", "it's: a {crash}", "--class", "火事", "火"]
    main([*words, "--out", str(out)])
    assert read_classes(out).prompts == ("normal", "it's: a {crash}", "火")
    assert read_classes(out).codes == ("normal", "no", "火事")
    with pytest.raises(InputError, match="--class: 'no' stands there twice"):
        main([*words, "--class", "no", "no way", "--out", str(tmp_path / "other.yaml")])
    assert not (tmp_path / "other.yaml").exists()
