import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from extract.check import check, main
from extract.errors import InputError
from tests.shards import Made, make_shard

VIDEO = {"video_id": "a", "split": "test", "path": "a.mp4", "labels": ["B1"], "frames": 100}


def test_a_good_shard_keeps_its_contract(tmp_path: Path) -> None:
    assert check(make_shard(tmp_path / "train-00000.h5", [Made("a", ("A",), 3)])) == ("shard", [])


def test_everything_wrong_with_a_shard_is_listed(tmp_path: Path) -> None:
    path = make_shard(tmp_path / "train-00000.h5", [Made("a", ("A",), 3), Made("b", ("B3",), 2)])
    with h5py.File(path, "a") as file:
        file["visual"][4, 0, 7] = np.nan
        file["videos/frames"][0] = 100
    kind, problems = check(path)
    assert kind == "shard"
    assert len(problems) == 3
    assert "'a': 100 frames at stride 16 are 7 snippets, not 3" in problems[0]
    assert "'b': labels B3" in problems[1]
    assert "dataset visual: row 4 is not finite" in problems[2]


def test_a_segment_after_the_end_of_the_video_is_found(tmp_path: Path) -> None:
    path = tmp_path / "catalog.jsonl"
    path.write_text(json.dumps(VIDEO | {"segments": [{"label": "B1", "start": 90, "end": 101}]}))
    kind, (problem,) = check(path)
    assert kind == "catalog"
    assert "ends at frame 101, after the video's 100" in problem


def test_a_catalog_that_could_not_be_measured_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "catalog.jsonl"
    lines = [VIDEO, VIDEO | {"video_id": "b", "labels": ["Z9"], "segments": [{"label": "QQ", "start": 1, "end": 2}]}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    _, (without, unknown) = check(path)
    assert "'a': an abnormal test video needs the field segments" in without
    assert "'b': no data set has the label codes QQ, Z9" in unknown


def test_a_shard_or_scores_of_no_stride_are_found_out(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "train-00000.h5", [Made("a", ("A",), 3)])
    with h5py.File(shard, "a") as file:
        file.attrs["stride"] = 0
    assert "attribute stride is 0" in check(shard)[1][0]
    with h5py.File(tmp_path / "scores.h5", "w") as file:
        file.attrs.update({"format": "avadclip-scores", "version": 7, "stride": 0, "classes": ["A", "B1"]})
    assert len(check(tmp_path / "scores.h5")[1]) == 2


def test_scores_of_another_program_are_held_to_the_contract(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "scores.h5", "w") as file:
        file.attrs.update({"format": "avadclip-scores", "version": 1, "stride": 16, "classes": ["A", "B1"]})
        good, bad = file.create_group("good"), file.create_group("bad")
        for group, columns in ((good, 2), (bad, 3)):
            group["anomaly"] = np.full(4, 0.5)
            group["anomaly_alignment"] = np.full(4, 0.5)
            group["classes"] = np.full((4, columns), 0.5)
        good["anomaly"][0] = 1.5
    assert check(tmp_path / "scores.h5") == (
        "scores",
        [
            f"{tmp_path / 'scores.h5'}: 'bad': dataset classes is [4, 3], not [4, 2]",
            f"{tmp_path / 'scores.h5'}: 'good': dataset anomaly has values outside 0..1",
        ],
    )


@pytest.mark.parametrize("content", [b"", b"RIFF....AVI", b"\x80\x04\x95pickle"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match="no file of the pipeline"):
        check(tmp_path / "x")


def test_the_command_fails_if_one_file_breaks_its_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = make_shard(tmp_path / "train-00000.h5", [Made("a", ("A",), 3)])
    bad = tmp_path / "catalog.jsonl"
    bad.write_text("{}")
    main([str(good)])
    with pytest.raises(InputError, match="1 of 2"):
        main([str(good), str(bad)])
    assert "field split is missing" in capsys.readouterr().out
