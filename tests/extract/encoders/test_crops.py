import numpy as np
import torch

from extract.encoders.preprocessing import crop_frames

MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
STD = np.array([0.26862954, 0.26130258, 0.27577711])


def resized_plainly(picture: np.ndarray) -> np.ndarray:
    """Bilinear, half-pixel centres, no antialiasing, one output pixel after the other; [256, 340, 3] in 0..255."""
    height, width = picture.shape[:2]
    result = np.empty((256, 340, 3))
    for row in range(256):
        y = min(max((row + 0.5) * height / 256 - 0.5, 0), height - 1)
        top = int(y)
        below, down = min(top + 1, height - 1), y - top
        for column in range(340):
            x = min(max((column + 0.5) * width / 340 - 0.5, 0), width - 1)
            left = int(x)
            beside, right = min(left + 1, width - 1), x - left
            upper = picture[top, left] * (1 - right) + picture[top, beside] * right
            lower = picture[below, left] * (1 - right) + picture[below, beside] * right
            result[row, column] = upper * (1 - down) + lower * down
    return result


def test_ten_crops_equal_a_plain_version_of_one_picture_at_a_time() -> None:
    random = np.random.default_rng(0)
    # One shape is enlarged, the other shrunk far enough for antialiasing to matter.
    for height, width in [(120, 160), (600, 900)]:
        picture = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        whole = (resized_plainly(picture.astype(np.float64)) / 255 - MEAN) / STD
        windows = [(16, 58), (0, 0), (0, 116), (32, 0), (32, 116)]
        plain = [whole[top : top + 224, left : left + 224] for top, left in windows]
        plain += [window[:, ::-1] for window in plain]
        ours = crop_frames(torch.from_numpy(picture)[None], range(10))
        assert ours.shape == (1, 10, 3, 224, 224)
        assert ours.dtype == torch.float32
        # torch finds its sampling points in float32, to 6e-5 of a pixel at 900; a step from black to white over one
        # pixel is 1 / 0.26, and there are two directions.
        np.testing.assert_allclose(ours[0].permute(0, 2, 3, 1).numpy(), np.stack(plain), rtol=0, atol=5e-4)


def test_only_the_crops_asked_for_are_made_in_the_order_asked_for() -> None:
    frames = torch.randint(0, 256, (3, 60, 80, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    every = crop_frames(frames, range(10))
    assert torch.equal(crop_frames(frames, (5, 0, 9)), every[:, [5, 0, 9]])


def test_a_batch_equals_its_pictures_one_by_one() -> None:
    frames = torch.randint(0, 256, (4, 90, 70, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    together = crop_frames(frames, (0, 5))
    assert torch.equal(together, torch.cat([crop_frames(frame[None], (0, 5)) for frame in frames]))
