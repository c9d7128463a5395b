"""Records what numpy and scipy say of a made-up table, for tests/correlation.rs: `python record_correlation.py`.

Needs numpy and scipy. Writes data/correlation.json beside itself.
"""

import json
from pathlib import Path

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform


def table(rng: np.random.Generator, models: int, benchmarks: int) -> np.ndarray:
    """Three abilities behind every benchmark, on scales of their own."""
    abilities = rng.normal(size=(models, 3))
    weights = rng.normal(size=(3, benchmarks))
    scores = abilities @ weights + 0.4 * rng.normal(size=(models, benchmarks))
    return scores * rng.uniform(0.5, 20, benchmarks) + rng.uniform(0, 60, benchmarks)


def of(scores: np.ndarray) -> dict[str, object]:
    standardised = (scores - scores.mean(0)) / scores.std(0)
    left, singular, right = np.linalg.svd(standardised, full_matrices=False)
    matrix = np.corrcoef(scores, rowvar=False)
    distances = squareform(1 - matrix, checks=False)
    linkage = hierarchy.linkage(distances, method="average")
    count = len(scores)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(1)])
    return {
        "scores": scores.tolist(),
        "r": matrix.tolist(),
        "explained": (singular**2 / (singular**2).sum()).tolist(),
        "loadings": (signs[:, None] * right * singular[:, None] / np.sqrt(count)).tolist(),
        "positions": (signs[:, None] * left.T * np.sqrt(count)).tolist(),
        "linkage": linkage.tolist(),
        "leaves": hierarchy.leaves_list(linkage).tolist(),
    }


def main() -> None:
    rng = np.random.default_rng(11)
    # More models than benchmarks, and fewer.
    recorded = [of(table(rng, 20, 8)), of(table(rng, 6, 12))]
    path = Path(__file__).parent / "data" / "correlation.json"
    path.write_text(json.dumps(recorded) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
