"""The letters and digits that are printed in scenes: 5 x 7 dots each, written down here dot by dot."""

from functools import lru_cache

import numpy as np

ROWS, COLUMNS = 7, 5

_DOTS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "B": "11110 10001 10001 11110 10001 10001 11110",
    "C": "01111 10000 10000 10000 10000 10000 01111",
    "D": "11110 10001 10001 10001 10001 10001 11110",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "F": "11111 10000 10000 11110 10000 10000 10000",
    "G": "01111 10000 10000 10011 10001 10001 01111",
    "H": "10001 10001 10001 11111 10001 10001 10001",
    "I": "11111 00100 00100 00100 00100 00100 11111",
    "J": "00111 00010 00010 00010 00010 10010 01100",
    "K": "10001 10010 10100 11000 10100 10010 10001",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "M": "10001 11011 10101 10101 10001 10001 10001",
    "N": "10001 11001 11001 10101 10011 10011 10001",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "Q": "01110 10001 10001 10001 10101 10010 01101",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "V": "10001 10001 10001 10001 01010 01010 00100",
    "W": "10001 10001 10001 10101 10101 11011 10001",
    "X": "10001 10001 01010 00100 01010 10001 10001",
    "Y": "10001 10001 01010 00100 00100 00100 00100",
    "Z": "11111 00001 00010 00100 01000 10000 11111",
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00110 01000 10000 11111",
    "3": "11110 00001 00001 01110 00001 00001 11110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
}

ALPHABET = "".join(_DOTS)
"""Everything that can be printed; a character's label is its index here plus one."""


@lru_cache(maxsize=None)
def printed(text: str, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """``text`` as a mask of ink [h, w] (bool) and the label of the character each pixel belongs to [h, w] (uint8).

    Characters are one dot apart; the last has no gap after it.
    """
    ink = np.zeros((ROWS, len(text) * (COLUMNS + 1) - 1), dtype=bool)
    labels = np.zeros(ink.shape, dtype=np.uint8)
    for i, character in enumerate(text):
        left = i * (COLUMNS + 1)
        rows = _DOTS[character].split()
        ink[:, left : left + COLUMNS] = [[dot == "1" for dot in row] for row in rows]
        labels[:, left : left + COLUMNS + 1] = ALPHABET.index(character) + 1
    grow = np.ones((scale, scale), dtype=np.uint8)
    return np.kron(ink, grow).astype(bool), np.kron(labels, grow)
