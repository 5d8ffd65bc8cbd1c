import zlib
from collections.abc import Sequence

import numpy as np
import pytest

from extract.audit.search import FLOAT16_NOISE, distance, search
from extract.audit.settings import Setting, changed, choices, differences, single_changes

OURS = Setting(stride=4)
VALUES = choices([4, 8], 4, enlarged=False)
ROWS = 6


class MadeUp:
    """Features in which every value of every field moves all rows in its own direction."""

    def __init__(self, sizes: dict[str, float]) -> None:
        self.sizes = sizes
        self.asked: list[Setting] = []
        self.base = np.random.default_rng(0).standard_normal((ROWS, 512))

    def __call__(self, settings: Sequence[Setting]) -> list[np.ndarray]:
        self.asked += settings
        return [self.features(setting) for setting in settings]

    def features(self, setting: Setting) -> np.ndarray:
        features = self.base.copy()
        for field, value in vars(setting).items():
            draw = np.random.default_rng(zlib.crc32(f"{field}{value}".encode()))
            features += self.sizes.get(field, 0.5) * draw.standard_normal((ROWS, 512))
        return features.astype(np.float32)


@pytest.mark.parametrize(
    "truth",
    [
        OURS,
        Setting(stride=4, offset=3),
        Setting(stride=8, channels="bgr"),
        Setting(stride=4, offset=-2, resize="bicubic-antialiased", activation="gelu"),
        Setting(stride=8, offset=4, resize="bilinear-antialiased", channels="bgr", activation="gelu", crop=7),
    ],
)
def test_any_number_of_causes_is_found_where_they_act_on_their_own(truth: Setting) -> None:
    made = MadeUp({"activation": 0.05, "resize": 0.02})
    given = made.features(truth).astype(np.float16).astype(np.float32)
    found = search(given, OURS, OURS, VALUES, made)
    assert found.best.setting == truth
    assert found.rivals == ()
    assert found.best.misfit < FLOAT16_NOISE
    assert found.margin > 10


def test_settings_that_give_equal_features_are_rivals_and_the_nearest_to_ours_is_named() -> None:
    made = MadeUp({"offset": 0.0})
    found = search(made.features(Setting(stride=4, offset=2, channels="bgr")), OURS, OURS, VALUES, made)
    assert found.best.setting == Setting(stride=4, channels="bgr")
    assert {rival.setting.offset for rival in found.rivals} == set(VALUES["offset"]) - {0}
    assert found.margin < 1.5


def test_changes_too_large_to_help_are_not_computed() -> None:
    made = MadeUp({"activation": 0.001})
    search(made.features(Setting(stride=4, offset=1, channels="bgr")), OURS, OURS, VALUES, made)
    everything = np.prod([len(values) for values in VALUES.values()])
    assert len(set(made.asked)) < 4 * sum(len(values) for values in VALUES.values()) < everything
    # Next to the answer only what is as small as the rounding is worth a look.
    near = {setting for setting in made.asked if (setting.offset, setting.channels) == (1, "bgr")}
    assert near <= {Setting(stride=4, offset=1, channels="bgr", activation=name) for name in ("quickgelu", "gelu")}


def test_what_no_setting_explains_leaves_a_large_misfit() -> None:
    made = MadeUp({})
    found = search(np.random.default_rng(9).standard_normal((ROWS, 512)).astype(np.float32), OURS, OURS, VALUES, made)
    assert found.best.misfit > 1
    assert found.margin < 1.5


def test_the_distance_of_rows_ignores_their_lengths() -> None:
    first = np.array([[3.0, 4.0], [0.0, 2.0]])
    assert distance(first, 7 * first) == pytest.approx(0, abs=1e-12)
    assert distance(first[:1], np.array([[-4.0, 3.0]])) == pytest.approx(np.sqrt(2))


def test_rounding_to_float16_stays_below_its_bound() -> None:
    rows = np.random.default_rng(1).standard_normal((500, 512)).astype(np.float32)
    for scale in (0.044, 1, 20):
        assert distance(rows * scale, (rows * scale).astype(np.float16)) < FLOAT16_NOISE


def test_rules_without_positions_know_only_the_mirror_image() -> None:
    squashed = Setting(stride=4, resize="squashed-bicubic", crop=2)
    assert [value for field, value in single_changes(squashed, VALUES) if field == "crop"] == [7]
    assert len([value for field, value in single_changes(OURS, VALUES) if field == "crop"]) == 9


def test_offsets_reach_beyond_a_snippet_in_whole_ones() -> None:
    assert set(choices([4], 4, enlarged=False)["offset"]) == {-8, -4, -3, -2, -1, 0, 1, 2, 3, 4, 8}


def test_antialiasing_is_no_choice_where_pictures_are_enlarged() -> None:
    dropped = set(VALUES["resize"]) - set(choices([4], 4, enlarged=True)["resize"])
    assert dropped == {"bilinear-antialiased"}


def test_differences_are_named_in_words() -> None:
    assert differences(OURS, OURS) == {}
    assert differences(changed(OURS, "offset", 8), OURS) == {"offset": "time offset +2 snippets"}
    assert differences(changed(OURS, "offset", -3), OURS) == {"offset": "time offset -3 frames"}
    assert differences(changed(OURS, "crop", 5), OURS) == {"crop": "mirrored"}
    assert differences(changed(OURS, "crop", 6), OURS) == {"crop": "crop 0 is our crop 6"}
