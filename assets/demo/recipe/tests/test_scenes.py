"""Scenes, pictures and preprocessing."""

import math

import numpy as np
import pytest

from recipe.dimensions import FULL
from recipe.preprocess import Input, inputs, normalise, view
from recipe.question_set import held_out, write
from recipe.scene import draw as drawing
from recipe.scene.draw import SIGN_LABEL, draw
from recipe.scene.glyphs import ALPHABET, printed
from recipe.scene.layout import CELLS, cell_of, picture_size, random_scene
from recipe.scene.world import COLOURS, LONG_SIDE, SHAPES, TEXTURES, WORDS, Object, Scene
from recipe.train import labels


def scenes(count: int, *, dense: bool = False) -> list[Scene]:
    rng = np.random.default_rng(7)
    return [random_scene(rng, picture_size(rng), dense=dense) for _ in range(count)]


def test_the_same_seed_draws_the_same_pictures():
    for scene, again in zip(scenes(8), scenes(8)):
        assert scene == again
        assert np.array_equal(draw(scene).rgb, draw(again).rgb)


def test_held_out_sets_are_functions_of_their_seed(tmp_path):
    first, again, other = (list(held_out(seed, 4, 3)) for seed in (1, 1, 2))
    assert [one.items for one in first] == [one.items for one in again]
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(first, again))
    assert [one.scene for one in first] != [one.scene for one in other]
    assert write(tmp_path, 1, 4, 3) == sum(len(one.items) for one in first)
    assert len(list((tmp_path / "images").iterdir())) == 4


def test_pictures_are_square_landscape_and_portrait():
    shapes = {np.sign(scene.width - scene.height) for scene in scenes(60)}
    assert shapes == {-1, 0, 1}
    assert all(max(scene.width, scene.height) == LONG_SIDE for scene in scenes(20))


@pytest.mark.parametrize("dense", [False, True])
def test_things_keep_their_cells_and_lie_inside(dense):
    for scene in scenes(60, dense=dense):
        cells = [cell_of(o.x, o.y, scene.width, scene.height, CELLS) for o in scene.objects]
        assert len(set(cells)) == len(cells)
        for o in scene.objects:
            assert o.radius < o.x < scene.width - o.radius and o.radius < o.y < scene.height - o.radius


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("texture", TEXTURES)
def test_a_shape_has_its_colour_and_nothing_else_has(shape, texture):
    o = Object(shape, "red", texture, "large", 100, 80, 28)
    picture = draw(Scene(256, 176, (o,), None, None, 3))
    mine = picture.things == 1
    assert 500 < mine.sum() < 4 * 29 * 29
    red = picture.rgb[..., 0].astype(int) - picture.rgb[..., 1] > 50
    assert red[mine].mean() > 0.9 and not red[~mine & (picture.things == 0)].mean() > 0.02


def test_every_shape_can_be_told_from_every_other():
    masks = {shape: drawing._mask(shape, 15, 1.0) for shape in SHAPES}
    for a in SHAPES:
        for b in SHAPES:
            if a < b:
                assert abs(masks[a] - masks[b]).sum() > 60, (a, b)


def test_what_is_in_front_covers_what_is_behind():
    behind = Object("circle", "red", "plain", "large", 100, 100, 28)
    front = Object("square", "blue", "plain", "large", 130, 100, 28, height=2)
    picture = draw(Scene(256, 256, (behind, front), None, (0, 1), 0))
    assert picture.things[100, 115] == 2 and picture.things[100, 80] == 1
    assert np.allclose(picture.rgb[100, 120], COLOURS["blue"], atol=1)


def test_printed_text_is_where_the_labels_say():
    ink, characters = printed("CAT", 2)
    assert ink.shape == characters.shape == (14, 34)
    assert [ALPHABET[value - 1] for value in characters[0, [2, 14, 26]]] == list("CAT")
    assert set("".join(WORDS)) <= set(ALPHABET)
    scene = next(scene for scene in scenes(20) if scene.sign is not None)
    picture = draw(scene)
    assert (picture.things == SIGN_LABEL).any() and (picture.characters > 0).any()


def test_labels_say_what_is_at_each_place():
    o = Object("star", "green", "dotted", "small", 208, 32, 15)
    scene = Scene(256, 160, (o,), None, None, 0)
    dense = labels.dense(scene, draw(scene), 8)
    row, column = cell_of(208, 32, 256, 160, 8)
    token = row * 8 + column
    codes = [values.index(value) + 1 for values, value in ((SHAPES, "star"), (list(COLOURS), "green"))]
    assert dense["attributes"][token].tolist() == [*codes, TEXTURES.index("dotted") + 1, 1, 0]
    assert dense["attributes"].any(axis=1).sum() <= 4
    oracle = labels.oracle(scene, 8)
    assert oracle["cells"][token].tolist() == dense["attributes"][token].tolist()
    assert oracle["cells"].any(axis=1).sum() == 1
    assert np.allclose(oracle["place"][token], (2 * 208 / 256 - 1, 2 * (32 + 48) / 256 - 1))


def test_dense_scenes_show_more():
    few, many = scenes(30), scenes(30, dense=True)
    assert not any(scene.more_signs or scene.more_overlaps for scene in few)
    for count in (lambda s: len(s.objects), lambda s: len(s.signs), lambda s: len(s.overlaps)):
        assert sum(map(count, many)) > 1.5 * sum(map(count, few))


def reference_resize(picture: np.ndarray, size: int) -> np.ndarray:
    """Pillow's bicubic as the specification writes it down, pixel by pixel."""

    def cubic(t: float) -> float:
        a, t = -0.5, abs(t)
        if t < 1:
            return ((a + 2) * t - (a + 3)) * t * t + 1
        return (((t - 5) * t + 8) * t - 4) * a if t < 2 else 0.0

    def across(rows: np.ndarray) -> np.ndarray:
        length = rows.shape[1]
        out = np.empty((rows.shape[0], size, 3), dtype=np.uint8)
        scale = length / size
        spread = max(scale, 1.0)
        for o in range(size):
            centre = (o + 0.5) * scale
            low = max(0, math.trunc(centre - 2 * spread + 0.5))
            high = min(length, math.trunc(centre + 2 * spread + 0.5))
            weights = [cubic((i + low - centre + 0.5) / spread) for i in range(high - low)]
            total = sum(weights)
            whole = [math.trunc(w / total * 2**22 + (-0.5 if w < 0 else 0.5)) for w in weights]
            sums = np.tensordot(rows[:, low:high].astype(np.int64), np.array(whole), axes=(1, 0))
            out[:, o] = ((sums + 2**21) >> 22).clip(0, 255)
        return out

    return across(across(picture).transpose(1, 0, 2)).transpose(1, 0, 2)


@pytest.mark.parametrize("shown", inputs(FULL))
def test_preprocessing_is_the_specified_one(shown: Input):
    rgb = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    square = np.empty((90, 90, 3), dtype=np.uint8)
    square[:] = shown.background
    square[15:75] = rgb
    assert np.array_equal(view(rgb, shown), reference_resize(square, shown.size))


def test_inputs_are_the_released_ones():
    siglip, clip, dinov2, convnext = inputs(FULL)
    assert siglip.background == clip.background == convnext.background == (122, 116, 104)
    assert dinov2.background == (123, 116, 103)
    import torch

    steps = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(-1, -1, -1, 3)
    for shown in inputs(FULL):
        values = normalise(steps, shown)
        expected = (np.arange(256) / 255 - shown.mean[1]) / shown.std[1]
        assert np.allclose(values[0, 1].flatten().numpy(), expected, atol=1e-6)
