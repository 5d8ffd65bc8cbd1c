"""Released features become shards."""

import math
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from extract.base.errors import InputError
from extract.check import check
from extract.failures import read_failures
from extract.npy.feature_folder import FeatureFolder
from extract.released import main as import_features
from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL, Shard

FIGHT, QUIET = "v=ab__#1_label_B1-0-0", "Some.Film@2001__#00-01-00_00-02-00_label_A"
ROWS = {FIGHT: (9, 11), QUIET: (300, 290)}
CROPS = (0, 1, 5)


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Features as their authors list them, moved to a folder of one's own."""
    random = np.random.default_rng(0)
    lines = ["path,audio_path,label"]
    for folder in ("features/XDTestClipFeatures", "features/audio"):
        (tmp_path / folder).mkdir(parents=True)
    for video_id, (visual, audio) in ROWS.items():
        label = video_id.rpartition("_")[2]
        np.save(tmp_path / f"features/audio/{video_id}.npy", random.standard_normal((audio, 512)).astype(np.float16))
        for crop in CROPS:
            rows = random.standard_normal((visual, 512)).astype(np.float16)
            np.save(tmp_path / f"features/XDTestClipFeatures/{video_id}__{crop}.npy", rows)
            listed = f"/home/author/Desktop/XDTestClipFeatures/{video_id}__{crop}.npy"
            lines.append(f"{listed},/home/author/Desktop/audio/{video_id}.npy,{label}")
    (tmp_path / "xd_CLIP_rgbtest.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def run(folder: Path, *words: str, name: str = "xd_CLIP_rgbtest.csv") -> Path:
    files = ["--list", str(folder / name), "--root", str(folder / "features"), "--out", str(folder / "shards")]
    import_features([*files, *words])
    return folder / "shards"


def feature_path(folder: Path, crop: int = 5) -> Path:
    return folder / f"features/XDTestClipFeatures/{FIGHT}__{crop}.npy"


def test_the_shard_holds_every_crop_bit_for_bit_and_the_audio_with_its_own_rows(released: Path) -> None:
    path = run(released) / "test-00000.h5"
    assert check(path) == ("shard", [])
    with Shard(path) as shard:
        header = shard.header
        assert (header.dataset, header.split, header.stride, header.crops) == ("xd", "test", 16, CROPS)
        assert (header.visual, header.audio, header.note) == (RELEASED_VISUAL, RELEASED_AUDIO, "released features")
        assert [video.video_id for video in shard.videos] == [FIGHT, QUIET]
        for video in shard.videos:
            assert (video.snippets, video.audio_rows) == ROWS[video.video_id]
            assert (video.audio_sounding, video.frames) == (video.audio_rows, -1)
            assert math.isnan(video.fps)
            for column, crop in enumerate(CROPS):
                stored = np.load(released / f"features/XDTestClipFeatures/{video.video_id}__{crop}.npy")
                np.testing.assert_array_equal(shard.visual_as_stored(video, column), stored, strict=True)
            stored = np.load(released / f"features/audio/{video.video_id}.npy")
            np.testing.assert_array_equal(shard.audio_as_stored(video), stored, strict=True)


def test_a_list_without_audio_makes_a_shard_without(released: Path) -> None:
    lines = (released / "xd_CLIP_rgbtest.csv").read_text().splitlines()
    kept = [",".join([*line.split(",")[:1], *line.split(",")[2:]]) for line in lines]
    (released / "xd_vadclip.csv").write_text("\n".join(kept) + "\n")
    with Shard(run(released, name="xd_vadclip.csv") / "train-00000.h5") as shard:
        assert shard.header.audio is None
        assert shard.header.split == "train"


def test_one_shard_of_several_can_be_made_alone(released: Path) -> None:
    folder = run(released, "--shards", "2", "--shard", "1")
    assert [path.name for path in folder.iterdir()] == ["test-00001.h5"]
    with Shard(folder / "test-00001.h5") as shard:
        assert [video.video_id for video in shard.videos] == [QUIET]


def test_finished_shards_are_kept_and_missing_ones_made(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(released, "--shards", "2")
    first = (folder / "test-00000.h5").stat().st_mtime_ns
    (folder / "test-00001.h5").unlink()
    run(released, "--shards", "2")
    assert (folder / "test-00000.h5").stat().st_mtime_ns == first
    assert (folder / "test-00001.h5").exists()
    assert "test-00000.h5: finished before, kept" in capsys.readouterr().err


def test_a_shard_of_another_import_is_not_overwritten(released: Path) -> None:
    run(released)
    with pytest.raises(InputError, match=r"test-00000\.h5: .* its note is 'released features', not 'another'"):
        run(released, "--note", "another")


def test_an_import_killed_while_it_writes_completes_when_it_is_run_again(released: Path) -> None:
    # The import of the second shard waits for ever before it reads the sound of its video.
    code = (
        "import time; from extract import released; from extract.npy import listed_features\n"
        "cast = listed_features._cast\n"
        "def slowly(path, *rest):\n"
        f"    path.match('audio/{QUIET}.npy') and time.sleep(3600)\n"
        "    return cast(path, *rest)\n"
        "listed_features._cast = slowly; released.main()"
    )
    command = [sys.executable, "-c", code, "--list", str(released / "xd_CLIP_rgbtest.csv")]
    command += ["--root", str(released / "features"), "--out", str(released / "shards"), "--shards", "2"]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 300
        while not list((released / "shards").glob(".*.tmp")) or not (released / "shards/test-00000.h5").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert not (released / "shards/test-00001.h5").exists()
    first = (released / "shards/test-00000.h5").stat().st_mtime_ns
    run(released, "--shards", "2")
    assert (released / "shards/test-00000.h5").stat().st_mtime_ns == first
    with Shard(released / "shards/test-00001.h5") as shard:
        assert [video.video_id for video in shard.videos] == [QUIET]


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def spoil(path: Path, how: str) -> None:
    rows = np.load(path, allow_pickle=False)
    match how:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(path.read_bytes()[:-100])
        case "text":
            path.write_text("not an array\n")
        case "archive":
            with path.open("wb") as file:
                np.savez(file, rows)
        case "pickled":
            path.write_bytes(pickle.dumps(Trap(path.with_suffix(".sprung"))))
        case "object array":
            np.save(path, np.array([Trap(path.with_suffix(".sprung"))], dtype=object), allow_pickle=True)
        case "no rows":
            np.save(path, rows[:0])
        case "wrong width":
            np.save(path, rows[:, :256])
        case "wrong rank":
            np.save(path, rows[None])
        case "integers":
            np.save(path, rows.astype(np.int32))
        case "nan":
            rows[3, 4] = np.nan
            np.save(path, rows)
        case "infinite":
            rows[0, 0] = np.inf
            np.save(path, rows)
        case "other length":
            np.save(path, rows[:-1])
        case "huge header":
            head = b"{'descr': '<f2', 'fortran_order': False, 'shape': (99999999999, 512), }"
            path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(64))


SPOILT = [
    "missing", "empty", "truncated", "text", "archive", "pickled", "object array", "no rows", "wrong width",
    "wrong rank", "integers", "nan", "infinite", "other length", "huge header",
]  # fmt: skip


@pytest.mark.parametrize("how", SPOILT)
def test_a_bad_file_stops_the_import_by_name_or_leaves_its_video_out(released: Path, how: str) -> None:
    path = feature_path(released)
    spoil(path, how)
    with pytest.raises(InputError) as refused:
        run(released)
    assert path.name in str(refused.value)
    assert not list((released / "shards").glob("*.h5"))

    folder = run(released, "--failures", str(released / "failures.csv"))
    (failure,) = read_failures(released / "failures.csv")
    assert (failure.video_id, failure.stage) == (FIGHT, "released")
    assert path.name in failure.reason
    with Shard(folder / "test-00000.h5") as shard:
        assert [video.video_id for video in shard.videos] == [QUIET]
    assert not path.with_suffix(".sprung").exists()


def test_a_path_that_climbs_out_of_the_root_is_refused(released: Path) -> None:
    (released / f"{FIGHT}__0.npy").write_bytes(feature_path(released).read_bytes())
    (released / "xd_out.csv").write_text(f"path,label\n../{FIGHT}__0.npy,B1-0-0\n")
    with pytest.raises(InputError, match=r"xd_out\.csv, line 2: .* has a part '\.\.'"):
        run(released, name="xd_out.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na__0.npy,B1\nb__0.npy,A\nb__1.npy,A\n", "line 3: 'b' has the crops 0, 1, not 0"),
        ("path,label\na__0.npy,Fighting\n", "line 2: unknown label code 'Fighting'"),
        ("path,audio_path,label\na__0.npy,a.npy,A\nb__0.npy,,A\n", "line 3: 'b' has none in column audio_path"),
        ("video_id,label\na,A\n", "names no feature files"),
    ],
)
def test_a_list_that_does_not_hang_together_is_refused(released: Path, text: str, message: str) -> None:
    (released / "xd_list.csv").write_text(text)
    with pytest.raises(InputError) as refused:
        run(released, name="xd_list.csv")
    assert f"{released / 'xd_list.csv'}" in str(refused.value)
    assert message in str(refused.value)


def test_a_list_whose_name_tells_no_data_set_asks_for_it(released: Path) -> None:
    (released / "list.csv").write_text("path,label\na__0.npy,A\n")
    with pytest.raises(InputError, match="give --dataset"):
        run(released, name="list.csv")


def test_a_broken_sidecar_is_refused_by_name(released: Path) -> None:
    for text in ("[]", "{", '{"format": "x", "version": 1}', '{"format": "avadclip-features", "version": 1}'):
        (released / "xd_CLIP_rgbtest.json").write_text(text)
        with pytest.raises(InputError, match=r"xd_CLIP_rgbtest\.json"):
            run(released)


def test_a_finished_shard_is_made_again_once_a_bad_file_is_mended(released: Path) -> None:
    failures = ("--failures", str(released / "failures.csv"))
    whole = feature_path(released).read_bytes()
    feature_path(released).unlink()
    path = run(released, *failures) / "test-00000.h5"
    first = path.stat().st_mtime_ns
    run(released, *failures)
    assert path.stat().st_mtime_ns == first
    assert [failure.video_id for failure in read_failures(released / "failures.csv")] == [FIGHT]
    feature_path(released).write_bytes(whole)
    run(released, *failures)
    assert read_failures(released / "failures.csv") == []
    with Shard(path) as shard:
        assert [video.video_id for video in shard.videos] == [FIGHT, QUIET]


def test_shards_beyond_those_that_are_made_are_refused(released: Path) -> None:
    run(released, "--shards", "2")
    with pytest.raises(InputError, match=r"test-00001\.h5: was made by another run"):
        run(released, "--shards", "1")


def test_a_float32_file_is_never_rounded_unless_asked_for(released: Path) -> None:
    exact = np.load(feature_path(released))
    np.save(feature_path(released), exact.astype(np.float32) + np.float32(1e-5))
    with Shard(run(released) / "test-00000.h5") as shard:
        stored = shard.visual_as_stored(shard.videos[0], 2)
        np.testing.assert_array_equal(stored, np.load(feature_path(released)), strict=True)
    rounded = run(released, "--dtype", "float16", "--shards", "3", "--shard", "1") / "test-00001.h5"
    with Shard(rounded) as shard:
        np.testing.assert_allclose(shard.visual_as_stored(shard.videos[0], 2), exact, atol=1e-2)
        assert shard.visual_as_stored(shard.videos[0], 2).dtype == np.float16


def test_a_float32_file_after_float16_ones_is_refused_with_the_way_out(released: Path) -> None:
    path = feature_path(released).with_name(f"{QUIET}__5.npy")
    np.save(path, np.load(path).astype(np.float32) + np.float32(1e-5))
    with pytest.raises(InputError, match=r"label_A__5\.npy: holds float32 numbers .* use --dtype float32"):
        run(released)
    run(released, "--dtype", "float32")


def test_numbers_too_large_for_the_asked_type_are_refused(released: Path) -> None:
    np.save(feature_path(released), np.full((9, 512), 1e6, np.float32))
    with pytest.raises(InputError, match="too large for float16"):
        run(released, "--dtype", "float16")


def test_rows_of_silence_do_not_count_as_sounding(released: Path) -> None:
    path = released / f"features/audio/{FIGHT}.npy"
    rows = np.load(path)
    rows[3:] = 0
    np.save(path, rows)
    with Shard(run(released) / "test-00000.h5") as shard:
        assert [(video.audio_rows, video.audio_sounding) for video in shard.videos] == [(11, 3), (290, 290)]


def test_the_longest_end_of_a_listed_path_that_exists_is_taken(tmp_path: Path) -> None:
    for name in ("c.npy", "b/c.npy", "a/b/c.npy"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "linked").symlink_to(tmp_path / "a")
    folder = FeatureFolder(tmp_path)
    assert folder.find("/home/x/a/b/c.npy", "list") == tmp_path / "a/b/c.npy"
    assert folder.find("/home/x/b/c.npy", "list") == tmp_path / "b/c.npy"
    assert folder.find("/home/x/d/c.npy", "list") == tmp_path / "c.npy"
    assert folder.find("//home/linked/./b//c.npy", "list") == tmp_path / "linked/b/c.npy"


def test_cctv_has_a_stride_of_its_own(released: Path) -> None:
    lines = (released / "xd_CLIP_rgbtest.csv").read_text()
    (released / "cctv_list.csv").write_text(lines)
    with Shard(run(released, name="cctv_list.csv") / "train-00000.h5") as shard:
        assert (shard.header.dataset, shard.header.stride) == ("cctv", 4)


def test_the_shard_number_may_be_written_as_in_its_name(released: Path) -> None:
    assert [path.name for path in run(released, "--shards", "2", "--shard", "00000").iterdir()] == ["test-00000.h5"]
    with pytest.raises(InputError, match="--shard"):
        run(released, "--shards", "2", "--shard", "2")


def test_a_finished_shard_of_another_type_or_other_features_is_not_kept(released: Path) -> None:
    run(released)
    with pytest.raises(InputError, match=r"test-00000\.h5: .*its features are float16, not float32"):
        run(released, "--dtype", "float32")
    rows = np.load(feature_path(released, 0), allow_pickle=False)
    for crop in CROPS:
        np.save(feature_path(released, crop), rows[:-2])
    with pytest.raises(InputError, match="has 9 rows there and 7 in its file"):
        run(released)
