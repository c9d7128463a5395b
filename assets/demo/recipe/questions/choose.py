"""Which questions to ask about a scene: every family alike, and within a template every answer alike."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..scene.world import Scene
from .facts import FAMILIES, A, Fact, Plural, meant, members
from .wording import mentions, say, ways

CHINESE_SHARE = 0.1
"""Share of questions asked in Chinese in evaluation."""


@dataclass(frozen=True)
class Item:
    """One question about one scene.

    ``mentions``: the question up to each thing it refers to, and that object's index, None for the sign. ``groups``:
    the question up to each kind of things it speaks of, and the indices of all of them.
    """

    family: str
    template: str
    language: str
    question: str
    answer: str
    mentions: tuple[tuple[str, int | None], ...] = ()
    groups: tuple[tuple[str, tuple[int, ...]], ...] = ()


class Balancer:
    """Chooses questions so that guessing does not pay.

    Keeps count of what was chosen: families and templates that came up least go first, and within a template the
    outcome the scene allows that came up least. Families in ``more`` come up that many times as often as the others;
    ``chinese``: share of questions asked in Chinese, where there is a Chinese wording.
    """

    def __init__(self, more: dict[str, float] | None = None, chinese: float = CHINESE_SHARE) -> None:
        self._more, self._chinese = more or {}, chinese
        self._families = dict.fromkeys(FAMILIES, 0.0)
        self._outcomes: Counter[tuple[str, str]] = Counter()

    def choose(self, scene: Scene, rng: np.random.Generator, count: int) -> list[Item]:
        """Up to ``count`` different questions about ``scene``."""
        pool = {family: list(facts(scene, rng)) for family, facts in FAMILIES.items()}
        items: dict[str, Item] = {}
        for _ in range(3 * count):
            open_families = [family for family, facts in pool.items() if facts]
            if len(items) == count or not open_families:
                break
            family = min(open_families, key=lambda f: (self._families[f], rng.random()))
            fact = self._fact(pool[family], rng)
            pool[family].remove(fact)
            item = _word(scene, family, fact, rng, self._chinese)
            if item.question not in items:
                items[item.question] = item
                self._families[family] += 1 / self._more.get(family, 1)
                self._outcomes[fact.template, fact.balance] += 1
        chosen = list(items.values())
        return [chosen[i] for i in rng.permutation(len(chosen))]

    def _fact(self, facts: list[Fact], rng: np.random.Generator) -> Fact:
        templates = sorted({fact.template for fact in facts})
        template = templates[int(rng.integers(len(templates)))]
        facts = [fact for fact in facts if fact.template == template]
        least = min(self._outcomes[template, fact.balance] for fact in facts)
        facts = [fact for fact in facts if self._outcomes[template, fact.balance] == least]
        return facts[int(rng.integers(len(facts)))]


def _word(scene: Scene, family: str, fact: Fact, rng: np.random.Generator, chinese: float) -> Item:
    language = "zh" if rng.random() < chinese and ways(fact, "zh") else "en"
    way = int(rng.integers(ways(fact, language)))
    named, groups = [], []
    for text, spoken in mentions(fact, language, way):
        if isinstance(spoken, A | Plural):
            groups.append((text, members(scene, spoken.thing)))
        else:
            named.append((text, meant(scene, spoken)))
    return Item(family, fact.template, language, *say(fact, language, way), tuple(named), tuple(groups))
