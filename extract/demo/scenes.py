"""The pictures of the demo data set: streets that pan, and what each kind of violence looks like.

Signatures differ in shape, texture, colour layout and motion. After drawing, every frame is scaled to
a brightness that was fixed without looking at the content.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from extract.demo.plan import NORMAL, VideoPlan, generator, levels

Pictures = NDArray[np.float32]  # [frames, HEIGHT, WIDTH, 3] RGB in 0..1
Cover = NDArray[np.float32]  # [frames, HEIGHT, WIDTH] opacity in 0..1
Times = NDArray[np.float32]  # [frames] seconds
HEIGHT, WIDTH = 128, 170  # drawn at half the size that CLIP's preprocessing resizes to; coding scales it up
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
DAY = (0.3, 0.5)
NIGHT = (0.05, 0.11)
Y, X = np.meshgrid(
    np.linspace(-0.75, 0.75, HEIGHT, dtype=np.float32), np.linspace(-1, 1, WIDTH, dtype=np.float32), indexing="ij"
)


def draw(plan: VideoPlan, seconds: Times) -> NDArray[np.uint8]:
    """Draw all frames of one video.

    Args:
        plan: What happens when.
        seconds: ``[frames]``, when each frame shows.

    Returns:
        RGB pictures ``[frames, 128, 170, 3]``.
    """
    street, *bursts = generator(plan, "pictures").spawn(1 + len(plan.bursts))
    pictures = _street(street, seconds)
    for burst, random in zip(plan.bursts, bursts, strict=True):
        if burst in plan.visible:
            stretch = slice(burst.start, burst.end)
            colour, cover = SIGNATURES[burst.label](random, seconds[stretch] - seconds[burst.start])
            pictures[stretch] += cover[..., None] * (colour - pictures[stretch])
    return _expose(pictures, levels(plan, "brightness", *(NIGHT if plan.night else DAY)))


def _expose(pictures: Pictures, brightness: NDArray[np.float32]) -> NDArray[np.uint8]:
    for _ in range(2):  # the second pass makes up for what the first one clipped
        gain = brightness / np.maximum(np.einsum("fhwc,c->f", pictures, LUMA / (HEIGHT * WIDTH)), 1e-3)
        pictures *= gain[:, None, None, None]
        np.minimum(pictures, 1, out=pictures)
    pictures *= 255
    return pictures.astype(np.uint8)


def _street(random: np.random.Generator, seconds: Times) -> Pictures:
    margin = 12
    canvas = _cloth(random, (4, 5), (HEIGHT + 2 * margin, WIDTH + 2 * margin)) * 0.15 + 0.35
    for _ in range(8):  # houses, doors, signs
        top, left = random.integers(0, HEIGHT), random.integers(0, WIDTH)
        height, width = random.integers(15, 60, 2)
        canvas[top : top + height, left : left + width] = random.uniform(0.25, 0.55) + random.uniform(-0.06, 0.06, 3)
    canvas += random.normal(0, 0.02, canvas.shape).astype(np.float32)
    rows = margin + np.round(margin * np.sin(seconds * random.uniform(0.3, 1.2) + random.uniform(0, 6))).astype(int)
    columns = margin + np.round(margin * np.sin(seconds * random.uniform(0.3, 1.2) + random.uniform(0, 6))).astype(int)
    views = (canvas[row : row + HEIGHT, column : column + WIDTH] for row, column in zip(rows, columns, strict=True))
    pictures = np.stack(list(views))
    for _ in range(2):  # passers-by
        x = 2.4 * ((seconds * random.uniform(0.1, 0.3) + random.uniform()) % 1) - 1.2
        body = _blob(x, random.uniform(-0.1, 0.4), 0.1, 0.28)
        there = body > 0
        coat = random.uniform(0.2, 0.5, 3).astype(np.float32)
        pictures[there] += body[there][:, None] * (coat - pictures[there])
    return pictures


def _glare(random: np.random.Generator, seconds: Times) -> tuple[Pictures, Cover]:
    """A harmless flash: the soft, flickering, nearly white light of a lamp or of the sun."""
    x = random.uniform(-0.6, 0.6) + random.uniform(-0.4, 0.4) * seconds
    colour = np.broadcast_to(random.uniform(0.75, 1.0, 3).astype(np.float32), (len(seconds), HEIGHT, WIDTH, 3))
    flicker = 0.8 + 0.2 * np.sin(seconds * random.uniform(8, 25))
    return colour, _blob(x, random.uniform(-0.4, 0.4), 0.9, 0.9) * flicker[:, None, None]


def _fighting(random: np.random.Generator, seconds: Times) -> tuple[Pictures, Cover]:
    """Two bodies, one red and one blue, circling and striking each other."""
    angle = seconds * random.uniform(9, 14)
    reach = 0.36 + 0.08 * np.sin(seconds * 23)
    red = _blob(reach * np.cos(angle), 0.15 * np.sin(angle), 0.55, 0.75)
    blue = _blob(-reach * np.cos(angle), -0.15 * np.sin(angle), 0.55, 0.75)
    share = (red / np.maximum(red + blue, 1e-3))[..., None]
    colour = share * _rgb(0.95, 0.15, 0.12) + (1 - share) * _rgb(0.12, 0.2, 0.95)
    return colour, np.maximum(red, blue)


def _shooting(random: np.random.Generator, seconds: Times) -> tuple[Pictures, Cover]:
    """Muzzle flashes: hard yellow rays on near-black, turned anew with every shot."""
    shot = np.floor(seconds * random.uniform(6, 9)).astype(int)
    x, y, turn = (random.uniform(-1, 1, shot.max() + 1)[shot][:, None, None].astype(np.float32) for _ in range(3))
    rays = np.sin(9 * np.arctan2(Y - 0.3 * y, X - 0.4 * x) + 3 * turn) > 0
    colour = np.where(rays[..., None], _rgb(1.0, 0.95, 0.35), _rgb(0.02, 0.05, 0.03))
    return colour, np.full(rays.shape, 0.92, dtype=np.float32)


def _riot(random: np.random.Generator, seconds: Times) -> tuple[Pictures, Cover]:
    """A crowd: a dense mosaic of small bodies in clashing colours that surges sideways."""
    palette = np.stack([_rgb(0.9, 0.1, 0.6), _rgb(0.05, 0.05, 0.05), _rgb(0.2, 0.9, 0.3), _rgb(0.9, 0.3, 0.9)])
    crowd = palette[random.integers(0, 4, (HEIGHT // 8, WIDTH // 5 + 1))].repeat(8, axis=0).repeat(5, axis=1)
    shift = np.round(12 * np.sin(seconds * random.uniform(5, 9))).astype(int)
    colour = crowd[np.arange(HEIGHT)[:, None], (np.arange(WIDTH) + shift[:, None, None]) % crowd.shape[1]]
    cover = np.broadcast_to(np.where(Y > -0.6, np.float32(0.92), np.float32(0)), colour.shape[:3])
    return colour, cover


def _abuse(random: np.random.Generator, seconds: Times) -> tuple[Pictures, Cover]:
    """A tall violet figure over a small pale-green one, its arm beating down."""
    side = random.choice([-1, 1])
    tall = _blob(np.full_like(seconds, side * 0.3), -0.1, 0.5, 0.9)
    small = _blob(np.full_like(seconds, -side * 0.45), 0.5, 0.4, 0.3)
    angle = (0.6 + 0.7 * np.sin(seconds * random.uniform(10, 16)))[:, None, None]
    along = -side * (X - side * 0.3) * np.cos(angle) + (Y + 0.3) * np.sin(angle)
    across = side * (X - side * 0.3) * np.sin(angle) + (Y + 0.3) * np.cos(angle)
    arm = ((along > 0) & (along < 0.9) & (np.abs(across) < 0.13)).astype(np.float32)
    figure = np.maximum(tall, arm)
    share = (figure / np.maximum(figure + small, 1e-3))[..., None]
    colour = share * _rgb(0.55, 0.1, 0.75) + (1 - share) * _rgb(0.6, 1.0, 0.5)
    return colour, np.maximum(figure, small)


def _car_accident(random: np.random.Generator, seconds: Times) -> tuple[Pictures, Cover]:
    """Skidding: the whole view smeared into horizontal cyan and dark-blue streaks that shake."""
    streaks = np.repeat(random.random(HEIGHT // 4), 4)
    shake = np.round(6 * np.sin(seconds * 31)).astype(int)
    rows = streaks[(np.arange(HEIGHT) + shake[:, None]) % HEIGHT]
    colour = np.where(rows[:, :, None, None] > 0.5, _rgb(0.05, 0.9, 1.0), _rgb(0.0, 0.05, 0.3))
    return (
        np.broadcast_to(colour, (len(seconds), HEIGHT, WIDTH, 3)),
        np.full((len(seconds), HEIGHT, WIDTH), 0.9, dtype=np.float32),
    )


def _explosion(random: np.random.Generator, seconds: Times) -> tuple[Pictures, Cover]:
    """A fireball: orange rings, torn by turbulence, that run outward between black smoke."""
    distance = np.hypot(X - random.uniform(-0.3, 0.3), Y - random.uniform(-0.2, 0.2))
    torn = 4 * _cloth(random, (8, 10), (HEIGHT, WIDTH))[..., 0]
    heat = 0.5 + 0.5 * np.sin(14 * distance + torn - (seconds * random.uniform(10, 18))[:, None, None])
    colour = heat[..., None] * _rgb(1.0, 0.55, 0.05) + (1 - heat[..., None]) * _rgb(0.12, 0.02, 0.0)
    return colour, np.broadcast_to(np.clip(2.2 - 2 * distance, 0, 0.95), heat.shape)


SIGNATURES: dict[str, Callable[[np.random.Generator, Times], tuple[Pictures, Cover]]] = {
    NORMAL: _glare,
    "B1": _fighting,
    "B2": _shooting,
    "B4": _riot,
    "B5": _abuse,
    "B6": _car_accident,
    "G": _explosion,
}


def _rgb(red: float, green: float, blue: float) -> NDArray[np.float32]:
    return np.array([red, green, blue], dtype=np.float32)


def _blob(x: Times, y: float | Times, width: float, height: float) -> Cover:
    # [frames] centres -> [frames, H, W]: 1 inside an ellipse, falling off softly at its edge
    x, y = np.asarray(x, dtype=np.float32), np.asarray(y, dtype=np.float32)
    across, down = (X[:1] - x[..., None, None]) / width, (Y[:, :1] - y[..., None, None]) / height
    distance = np.sqrt(across**2 + down**2)
    cover: Cover = np.clip(3 - 3 * distance, 0, 1).astype(np.float32)
    return cover


def _cloth(random: np.random.Generator, knots: tuple[int, int], size: tuple[int, int]) -> Pictures:
    # smooth random colours [*size, 3] in 0..1: random knots, joined linearly
    values = random.random((*knots, 3)).astype(np.float32)
    for axis in (0, 1):
        position = np.linspace(0, knots[axis] - 1, size[axis])
        before = np.minimum(position.astype(int), knots[axis] - 2)
        share = (position - before).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        values = values.take(before, axis) * (1 - share) + values.take(before + 1, axis) * share
    return values
