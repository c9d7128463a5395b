"""Facts in words: English for every family, Chinese for some."""

from string import Formatter

from .facts import A, Borne, Fact, Plural, The, Thing

_ENGLISH: dict[str, tuple[tuple[str, ...], str]] = {
    "count": (("How many {group} are there?",), "{answer}"),
    "count all": (("How many objects are there?",), "{answer}"),
    "colour": (("What colour is {thing}?",), "{answer}"),
    "shape": (("What shape is {thing}?",), "{answer}"),
    "texture": (("What pattern does {thing} have?",), "{answer}"),
    "size": (("Is {thing} small or large?",), "{answer}"),
    "larger": (("Is {a} larger or smaller than {b}?",), "{answer}"),
    "across": (("Is {a} left or right of {b}?",), "{answer}"),
    "down": (("Is {a} above or below {b}?",), "{answer}"),
    "depth": (("Is {a} in front of {b} or behind it?",), "{answer}"),
    "distance": (("Is {a} closer to the {edge} edge than {b}?",), "{answer}"),
    "word": (("What does the sign say?", "Read the sign."), "{answer}"),
    "number": (("What number is on {thing}?",), "{answer}"),
    "numbered": (("Which object has the number {number}?",), "{answer:a}"),
    "existence": (("Is there {thing}?",), "{answer}"),
    "sign": (("Is there a sign?",), "{answer}"),
    "position": (("Where is {thing}?",), "{answer}"),
    "describe one": (("Describe {thing}.",), "It is {size} and {texture}."),
    "describe all": (("Describe the picture.",), "There are {number} objects and no sign."),
    "describe sign": (("Describe the picture.",), "There are {number} objects and a sign that says {word}."),
}  # fmt: skip

_CHINESE: dict[str, tuple[tuple[str, ...], str]] = {
    "count": (("有几个{group}？",), "{answer}"),
    "colour": (("{thing}是什么颜色？",), "{answer}"),
    "shape": (("{thing}是什么形状？",), "{answer}"),
    "word": (("牌子上写着什么？",), "{answer}"),
    "existence": (("有{thing}吗？",), "{answer}"),
}

WORDINGS = {"en": _ENGLISH, "zh": _CHINESE}
"""Per language and template: the ways to ask, and the answer."""

_PLURALS = {"cross": "crosses"}

_ZH = {
    "red": "红色", "orange": "橙色", "yellow": "黄色", "green": "绿色", "blue": "蓝色", "purple": "紫色",
    "white": "白色", "black": "黑色",
    "circle": "圆形", "square": "方形", "triangle": "三角形", "diamond": "菱形", "star": "星形", "cross": "十字形",
    "ring": "圆环", "moon": "月牙",
    "small": "小", "large": "大", "yes": "有", "no": "没有",
}  # fmt: skip

CHINESE_WORDS = (
    *_ZH.values(), "有几个", "物体", "是什么", "颜色", "形状", "牌子上写着什么", "吗", "的", "？",
)  # fmt: skip
"""What the tokenizer should know of Chinese as whole words."""


class _Writer(Formatter):
    """``str.format`` that knows how to say things; a field's format is a role, such as ``{answer}``."""

    def __init__(self, language: str) -> None:
        self.language = language

    def format_field(self, value: object, role: str) -> str:
        return _english(value, role) if self.language == "en" else _chinese(value, role)


_WRITERS = {language: _Writer(language) for language in WORDINGS}


def ways(fact: Fact, language: str) -> int:
    """In how many ways ``fact`` can be asked in ``language``; 0 if it cannot."""
    questions, _ = WORDINGS[language].get(fact.template, ((), ""))
    return len(questions)


def say(fact: Fact, language: str, way: int) -> tuple[str, str]:
    """Question and answer in words."""
    questions, answer = WORDINGS[language][fact.template]
    slots, writer = dict(fact.slots), _WRITERS[language]
    return writer.format(questions[way], **slots), writer.format(answer, **slots)


def mentions(fact: Fact, language: str, way: int) -> list[tuple[str, The | Borne | Plural | A]]:
    """The question up to and including each thing or kind of things it speaks of, and that."""
    questions, _ = WORDINGS[language][fact.template]
    slots, writer, text, found = dict(fact.slots), _WRITERS[language], "", []
    for literal, name, _, _ in writer.parse(questions[way]):
        text += literal
        if name is not None:
            text += writer.format_field(slots[name], "")
            if not isinstance(slots[name], str):
                found.append((text, slots[name]))
    return found


def _english(value: object, role: str) -> str:
    match value:
        case str():
            return value
        case Borne(number):
            return str(number)
        case The(thing):
            return "the sign" if thing is None else f"the {_noun(thing)}"
        case A(thing):
            noun = _noun(thing)
            return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
        case Plural(thing):
            shape = thing.shape or "object"
            return _noun(Thing(thing.size, thing.colour, _PLURALS.get(shape, f"{shape}s")))
        case Thing():
            return _english(A(value), "") if role == "a" else _noun(value)
    raise TypeError(f"cannot be said: {value!r}")


def _noun(thing: Thing) -> str:
    return " ".join(filter(None, (thing.size, thing.colour, thing.shape or "object")))


def _chinese(value: object, role: str) -> str:
    match value:
        case str():
            return _ZH.get(value, value)
        case The(thing) | A(thing) | Plural(thing):
            words = [f"{_ZH[word]}的" for word in (thing.size, thing.colour) if word is not None]
            return "".join(words) + (_ZH[thing.shape] if thing.shape else "物体")
    raise TypeError(f"cannot be said: {value!r}")
