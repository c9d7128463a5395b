"""The tokenizer: byte-level, with the words of the demo's world whole, in the ``tokenizer.json`` form of Llama 3.

Every word the generator uses is one token (``ignore_merges``: a piece of text that is in the vocabulary is taken
whole); any other text is spelled in bytes, so everything can be encoded. Llama 3's system text never changes, so it is
one piece and one token too: a prompt begins with 9 positions instead of 90.

The prompt is the ``llama_3`` template as inference tokenises it: the line break after the image is dropped.
"""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import tokenizers

from .questions.choose import Balancer
from .questions.wording import CHINESE_WORDS
from .scene.layout import picture_size, random_scene
from .scene.world import WORDS

SYSTEM = (
    "You are Cambrian, a highly intelligent multimodal AI trained by NYU Vision X. \n    As a multimodal AI, you have "
    "the ability to process and analyze images. Whenever an image is present in the conversation, very carefully "
    "examine it and consider its content when formulating your response.\n    You should give concise responses to "
    "very simple questions, but provide thorough responses to more complex and open-ended questions. "
)
"""The system text of the ``llama_3`` template."""

BEGIN, END = "<|begin_of_text|>", "<|end_of_text|>"
START_HEADER, END_HEADER, END_OF_TURN = "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"
SPECIALS = (BEGIN, END, START_HEADER, END_HEADER, END_OF_TURN)

VOCABULARY_SCENES = 1500
"""Scenes whose questions are searched for words; every wording comes up many times in so many."""


def _pieces() -> str:
    """The regular expression that cuts text into pieces, the first alternative that fits winning."""
    chinese = "|".join(sorted(CHINESE_WORDS, key=lambda word: (-len(word), word)))
    llama = r"[^\r\n\p{L}\p{N}]?[A-Za-z]+|\p{N}| ?[^\s\p{L}\p{N}]+|\p{L}|\s*[\r\n]+|\s+(?!\S)|\s+"
    system = SYSTEM.replace(".", r"\.").replace("\n", r"\n")
    return f"{system}|{chinese}|{llama}"


def _byte_characters() -> list[str]:
    """The character that stands for each byte in byte-level vocabularies."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def _splitter() -> dict:
    return {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": _pieces()}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ],
    }


def build(words: set[str]) -> str:
    """A ``tokenizer.json`` that knows ``words`` (as its own pieces, in byte characters) besides all bytes."""
    characters = _byte_characters()
    vocabulary = [*characters, *sorted(words - set(characters))]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    specials = [{"id": len(vocabulary) + i, "content": text, **flags} for i, text in enumerate(SPECIALS)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": True,
        "vocab": {piece: i for i, piece in enumerate(vocabulary)},
        "merges": [],
    }
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": specials,
        "normalizer": None,
        "pre_tokenizer": _splitter(),
        "post_processor": None,
        "decoder": level,
        "model": model,
    }
    return json.dumps(tokenizer, ensure_ascii=False, indent=1)


def pieces_of(texts: list[str]) -> set[str]:
    """The pieces that ``texts`` are cut into, in byte characters."""
    cutter = tokenizers.Tokenizer.from_str(build(set())).pre_tokenizer
    return {piece for text in texts for piece, _ in cutter.pre_tokenize_str(text)}


def build_for_generator(seed: int) -> str:
    """The ``tokenizer.json`` for what the question generator says."""
    texts = [SYSTEM, "system", "user", "assistant", *WORDS, *(f" {word}" for word in WORDS), *CHINESE_WORDS]
    rng, balancer = np.random.default_rng(seed), Balancer()
    for _ in range(VOCABULARY_SCENES):
        for item in balancer.choose(random_scene(rng, picture_size(rng)), rng, 12):
            texts += (item.question, item.answer)
    return build(pieces_of(texts))


class Tokenizer:
    """Text to ids as the engine does it, and the parts of the ``llama_3`` prompt."""

    def __init__(self, text: str) -> None:
        self.json = text
        self._inner = tokenizers.Tokenizer.from_str(text)
        self.encode = lru_cache(maxsize=1 << 16)(self._encode)
        self.begin, self.end, self._start, self._stop, self.end_of_turn = (
            self._inner.token_to_id(special) for special in SPECIALS
        )

    @classmethod
    def open(cls, file: Path) -> "Tokenizer":
        """Reads a ``tokenizer.json``."""
        return cls(file.read_text(encoding="utf-8"))

    def __reduce__(self) -> tuple:
        """Processes that make batches are handed the file's text."""
        return Tokenizer, (self.json,)

    def __len__(self) -> int:
        return self._inner.get_vocab_size()

    def _encode(self, text: str) -> tuple[int, ...]:
        """Ids of ``text``, in which special tokens are ordinary text."""
        pieces = self._inner.pre_tokenizer.pre_tokenize_str(text)
        return tuple(token.id for piece, _ in pieces for token in self._inner.model.tokenize(piece))

    def decode(self, ids: list[int]) -> str:
        """The text of ``ids``, without special tokens and surrounding space."""
        return self._inner.decode(ids, skip_special_tokens=True).strip()

    def _header(self, role: str) -> list[int]:
        return [self._start, *self.encode(role), self._stop]

    def prefix(self) -> list[int]:
        """What comes before the image (and, without one, before the first question)."""
        system = [self.begin, *self._header("system"), *self.encode(SYSTEM), self.end_of_turn]
        return [*system, *self._header("user")]

    @property
    def between(self) -> int:
        """How many ids of a later turn come before its question."""
        return len(self._header("user"))

    def turn(self, question: str, answer: str | None, *, first: bool) -> tuple[list[int], list[bool]]:
        """Ids of a question with its answer, or up to where the answer begins; and which are to be predicted."""
        asked = [] if first else self._header("user")
        asked = [*asked, *self.encode(question), self.end_of_turn, *self._header("assistant")]
        answered = [] if answer is None else [*self.encode(answer), self.end_of_turn]
        return [*asked, *answered], [False] * len(asked) + [True] * len(answered)
