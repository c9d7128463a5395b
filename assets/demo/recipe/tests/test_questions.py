"""Questions, answers and their tokens."""

import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from recipe.questions.choose import Balancer, Item
from recipe.questions.facts import FAMILIES, references
from recipe.questions.wording import CHINESE_WORDS, WORDINGS, say, ways
from recipe.scene.layout import picture_size, random_scene
from recipe.scene.world import Object, Scene, Sign
from recipe.tokens import SYSTEM, Tokenizer, build, build_for_generator, pieces_of
from recipe.train.batch import IGNORED, ROW, pack


def thing(shape: str, colour: str, x: int, y: int, **more) -> Object:
    size = more.pop("size", "small")
    return Object(shape, colour, more.pop("texture", "plain"), size, x, y, 28 if size == "large" else 15, **more)


SCENE = Scene(
    256,
    176,
    (
        thing("circle", "red", 40, 40, size="large", texture="striped"),
        thing("square", "blue", 75, 50, height=2),
        thing("circle", "red", 130, 130),
        thing("star", "orange", 225, 150, number=7),
    ),
    Sign("CAFE", 220, 30),
    (0, 1),
    5,
)


def asked(scene: Scene, language: str = "en") -> dict[str, str]:
    rng = np.random.default_rng(0)
    found = {}
    for facts in FAMILIES.values():
        for fact in facts(scene, rng):
            for way in range(ways(fact, language)):
                question, answer = say(fact, language, way)
                assert found.setdefault(question, answer) == answer, question
    return found


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many red circles are there?", "2"),
        ("How many circles are there?", "2"),
        ("How many objects are there?", "4"),
        ("What colour is the star?", "orange"),
        ("What colour is the large circle?", "red"),
        ("What shape is the blue object?", "square"),
        ("What pattern does the large red circle have?", "striped"),
        ("Is the blue square small or large?", "small"),
        ("Is the sign left or right of the blue square?", "right"),
        ("Is the orange star above or below the sign?", "below"),
        ("Is the large red circle in front of the blue square or behind it?", "behind"),
        ("Is the blue square in front of the large red circle or behind it?", "in front"),
        ("Is the small red circle closer to the bottom edge than the sign?", "yes"),
        ("Is the small red circle closer to the right edge than the sign?", "no"),
        ("What does the sign say?", "CAFE"),
        ("What number is on the orange star?", "7"),
        ("Which object has the number 7?", "an orange star"),
        ("Is there an orange star?", "yes"),
        ("Is there a sign?", "yes"),
        ("Where is the sign?", "top right"),
        ("Where is the large red circle?", "top left"),
        ("Describe the blue square.", "It is small and plain."),
        (
            "Describe the picture.",
            "There are 4 objects and a sign that says CAFE.",
        ),
    ],
)
def test_answers_about_a_scene_made_by_hand(question, answer):
    assert asked(SCENE)[question] == answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("有几个红色的圆形？", "2"),
        ("星形是什么颜色？", "橙色"),
        ("牌子上写着什么？", "CAFE"),
        ("有橙色的星形吗？", "有"),
    ],
)
def test_answers_in_chinese(question, answer):
    assert asked(SCENE, "zh")[question] == answer


def test_nothing_ambiguous_is_asked():
    questions = asked(SCENE)
    assert "What colour is the circle?" not in questions
    assert not any(re.search(r"the red circle\b", question) for question in questions)
    assert "What shape is the red object?" not in questions
    assert set(references(SCENE)) == {0, 1, 2, 3}


def test_what_is_said_not_to_be_there_is_not_there():
    rng = np.random.default_rng(1)
    for _ in range(40):
        scene = random_scene(rng, picture_size(rng))
        kinds = {f"{o.colour} {o.shape}" for o in scene.objects}
        for question, answer in asked(scene).items():
            if question.startswith("Is there a") and "picture" not in question and "sign" not in question:
                assert (question.split(" ", 3)[3].rstrip("?") in kinds) == (answer == "yes"), question


def test_answers_are_balanced():
    rng, balancer = np.random.default_rng(2), Balancer()
    answers, families = defaultdict(Counter), Counter()
    for _ in range(400):
        for item in balancer.choose(random_scene(rng, picture_size(rng)), rng, 8):
            families[item.family] += 1
            if item.language == "en":
                answers[item.template][item.answer] += 1
    assert set(families) == set(FAMILIES)
    assert min(families.values()) > 0.6 * max(families.values())
    for template, limit in (("count", 0.3), ("colour", 0.2), ("texture", 0.35), ("existence", 0.6), ("across", 0.6)):
        count = answers[template]
        assert max(count.values()) < limit * count.total(), (template, count)
    assert set(answers["existence"]) == set(answers["distance"]) == {"yes", "no"}


def test_every_wording_can_be_said():
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(80):
        scene = random_scene(rng, picture_size(rng))
        for facts in FAMILIES.values():
            for fact in facts(scene, rng):
                for language in WORDINGS:
                    for way in range(ways(fact, language)):
                        assert all(say(fact, language, way))
                        seen.add((language, fact.template))
    assert seen == {(language, template) for language, templates in WORDINGS.items() for template in templates}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(build_for_generator(0))


@pytest.mark.parametrize(
    "text",
    [
        "How many red circles are there?",
        "牌子上写着什么？",
        "Ünïcode, 漢字 🦀\n  and\ttabs",
        "<|eot_id|> is text",
        "x" * 50,
        SYSTEM,
    ],
)
def test_any_text_survives(tokenizer, text):
    assert tokenizer._inner.decode(list(tokenizer.encode(text)), skip_special_tokens=False) == text


def test_words_of_the_world_are_whole(tokenizer):
    assert len(tokenizer.encode("How many red circles are there?")) == 7
    assert len(tokenizer.encode("有几个红色的圆形？")) == 5
    assert len(tokenizer.encode(SYSTEM)) == 1
    assert len(tokenizer.prefix()) == 9
    assert len(tokenizer) < 700


def test_bytes_come_first_and_specials_last():
    tokenizer = Tokenizer(build(pieces_of(["red"])))
    assert len(tokenizer) == 256 + 1 + 5
    assert tokenizer.encode("red") == (256,)
    assert tokenizer.encode("blue") != tokenizer.encode("red") and len(tokenizer.encode("blue")) == 4


def test_packed_conversations_predict_their_answers_only(tokenizer):
    rng = np.random.default_rng(4)
    items = Balancer().choose(random_scene(rng, (192, 192)), rng, 5)
    talks = [[items[:2], items[2:3], items[3:]], [items[:1]]]
    text = pack(tokenizer, talks)
    assert text.scenes == 2 and text.ids.shape[1] <= ROW and set(text.owner.tolist()) == {0, 1}
    for owner, about in enumerate(talks):
        for segment, talk in enumerate(about, start=1):
            here = (text.owner == owner)[:, None] & (text.segments == segment)
            assert here.any(dim=1).sum() == 1, "a conversation lies in one row"
            targets = text.targets[here & (text.targets != IGNORED)]
            expected = [id for item in talk for id in (*tokenizer.encode(item.answer), tokenizer.end_of_turn)]
            assert targets.tolist() == expected
            positions = text.positions[here].tolist()
            assert positions == list(range(len(positions)))


def test_mentions_are_where_a_thing_has_been_named(tokenizer):
    rng, found = np.random.default_rng(5), 0
    for _ in range(20):
        scene = random_scene(rng, (192, 192))
        items = Balancer().choose(scene, rng, 8)
        text = pack(
            tokenizer,
            [[items[:2], *([item] for item in items[2:])]],
            lambda owner, index: -1 if index is None else index,
        )
        for row, column, _, index in text.mentions.tolist():
            last = tokenizer.decode([int(text.ids[row, column])])
            if index < 0:
                assert last == "sign"
            else:
                o = scene.objects[index]
                assert last in (o.shape, "object", str(o.number), *CHINESE_WORDS)
            found += 1
    assert found > 100


def test_groups_are_all_of_the_kind_that_is_spoken_of(tokenizer):
    rng = np.random.default_rng(6)
    for _ in range(20):
        scene = random_scene(rng, (192, 192))
        items = [item for item in Balancer().choose(scene, rng, 12) if item.template == "count"]
        text = pack(tokenizer, [[[item] for item in items]], lambda owner, index: index)
        sizes = Counter(text.members[:, 0].tolist())
        assert sorted(sizes[group] for group in range(len(text.groups))) == sorted(int(item.answer) for item in items)


def test_conversations_are_cut_where_a_row_ends(tokenizer):
    item = Item("word", "word", "en", "What does the sign say? " * 4, "CAFE")
    text = pack(tokenizer, [[[item] * 3]])
    assert text.ids.shape == (1, len(tokenizer.turn(item.question, item.answer, first=True)[0]))
