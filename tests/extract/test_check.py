import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from extract.base.errors import InputError
from extract.check import check, main
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


def test_every_other_kind_of_the_contracts_is_known(tmp_path: Path) -> None:
    metrics = dict.fromkeys(("videos", "missing", "classification", "alignment", "map", "per_class", "stride"))
    whole = metrics | {"format": "avadclip-metrics", "version": 1, "classes": ["A"], "provenance": {"ap": 12.5}}
    (tmp_path / "m.json").write_text(json.dumps(whole, indent=2))
    assert check(tmp_path / "m.json") == ("metrics", [])
    del whole["stride"]
    (tmp_path / "m.json").write_text(json.dumps(whole | {"version": 2, "map": {"released": {"0.1": float("nan")}}}))
    kind, problems = check(tmp_path / "m.json")
    assert kind == "metrics"
    assert [problem.removeprefix(f"{tmp_path}/m.json: ") for problem in problems] == [
        "version is 2, not 1",
        "field stride is missing",
        "field map.released.0.1 is nan; it must be a number, or null where undefined",
    ]
    (tmp_path / "d.json").write_text(json.dumps({"format": "avadclip-detections", "version": 1}))
    assert check(tmp_path / "d.json")[0] == "detections"
    assert "field segments is missing" in " ".join(check(tmp_path / "d.json")[1])
    (tmp_path / "c.csv").write_text("epoch,total,learning_rate\n1,0.5,0.1\n3,nan,0.1\n")
    kind, (jump, number) = check(tmp_path / "c.csv")
    assert kind == "curves"
    assert "line 3: epoch is '3', not 2" in jump
    assert "line 3: total is 'nan'" in number
    (tmp_path / "l.csv").write_text("path,label\nx/a__0.npy,A\nx/a__0.npy,A\n")
    assert check(tmp_path / "l.csv")[0] == "feature list"
    assert "crop 0 of 'a' is listed twice" in check(tmp_path / "l.csv")[1][0]
    np.save(tmp_path / "f.npy", np.zeros((3, 512), np.float32))
    assert check(tmp_path / "f.npy") == ("features", [])
    np.save(tmp_path / "f.npy", np.zeros((3, 9, 2), np.float32))
    assert "it must be" in check(tmp_path / "f.npy")[1][0]


def test_a_file_of_no_kind_counts_as_broken_and_the_others_are_still_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "poem.txt").write_text("roses are red\n")
    good = make_shard(tmp_path / "train-00000.h5", [Made("a", ("A",), 3)])
    with pytest.raises(InputError, match="1 of 2 files break their contract"):
        main([str(tmp_path / "poem.txt"), str(good)])
    said = capsys.readouterr().out.splitlines()
    assert "of none of the READMEs' formats" in said[0]
    assert said[-1] == f"{good}: shard, keeps its contract"


def test_metrics_that_say_a_thing_twice_are_no_broken_catalog(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{\n"format": "avadclip-metrics",\n"version": 1,\n"version": 1\n}\n')
    with pytest.raises(InputError, match=r"m\.json: no JSON that can be read: key 'version' stands there twice"):
        check(tmp_path / "m.json")
