"""Records what scipy and numpy say of made-up results, for tests/statistics.rs: `python record_statistics.py`.

Needs numpy and scipy 1.11 or later. Writes data/statistics.json beside itself.
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats

REPLICATES = 40_000


def wilson() -> list[dict[str, float]]:
    cases = [(0, 1), (1, 1), (0, 10), (10, 10), (3, 7), (719, 1438), (1899, 2638), (2637, 2638)]
    found = []
    for right, of in cases:
        interval = stats.binomtest(right, of).proportion_ci(0.95, method="wilson")
        found.append({"right": right, "of": of, "low": interval.low, "high": interval.high})
    return found


def mcnemar() -> list[dict[str, float]]:
    cases = [(0, 0), (1, 0), (5, 1), (30, 12), (200, 260)]
    found = []
    for a, b in cases:
        p = 1.0 if a + b == 0 else stats.binomtest(a, a + b, 0.5).pvalue
        found.append({"only_a": a, "only_b": b, "p": p})
    return found


def results(rng: np.random.Generator) -> dict[str, object]:
    """Right and wrong under two conditions, of 400 clusters of one to four items that resemble each other."""
    cluster, a, b, kind, source = [], [], [], [], []
    for index in range(400):
        ease = rng.beta(2, 1)
        of_kind = int(rng.integers(2))
        of_source = int(rng.integers(2)) if of_kind == 0 else 2
        for _ in range(int(rng.integers(1, 5))):
            first = bool(rng.random() < ease)
            cluster.append(index)
            a.append(first)
            b.append(first if rng.random() < 0.8 else bool(rng.random() < 0.4))
            kind.append(of_kind)
            source.append(of_source)
    return {"cluster": cluster, "a": a, "b": b, "kind": kind, "source": source}


def score(kind: np.ndarray, source: np.ndarray, right: np.ndarray, weight: np.ndarray) -> float:
    """The mean over kinds of the mean over sources of the rate in each."""
    kinds = []
    for of_kind in np.unique(kind):
        rates = []
        for of_source in np.unique(source[kind == of_kind]):
            there = (kind == of_kind) & (source == of_source)
            if weight[there].sum() > 0:
                rates.append((right[there] * weight[there]).sum() / weight[there].sum())
        kinds.append(np.mean(rates))
    return float(np.mean(kinds))


def bootstrap(found: dict[str, object]) -> dict[str, dict[str, float]]:
    """Percentile intervals over clusters, by scipy: its samples are the numbers of the clusters."""
    cluster, kind, source = (np.array(found[name]) for name in ("cluster", "kind", "source"))
    a, b = (np.array(found[name], dtype=float) for name in ("a", "b"))
    numbers = np.arange(cluster.max() + 1)

    def interval(statistic) -> dict[str, float]:
        def of(sample: np.ndarray) -> float:
            return statistic(np.bincount(sample.astype(int), minlength=len(numbers))[cluster])

        result = stats.bootstrap(
            (numbers,), of, n_resamples=REPLICATES, method="percentile", vectorized=False, rng=np.random.default_rng(7)
        )
        ends = result.confidence_interval
        return {"low": ends.low, "high": ends.high, "error": float(result.standard_error)}

    return {
        "rate": interval(lambda weight: float((a * weight).sum() / weight.sum())),
        "difference": interval(lambda weight: float(((b - a) * weight).sum() / weight.sum())),
        "score": interval(lambda weight: score(kind, source, a, weight)),
    }


def main() -> None:
    found = results(np.random.default_rng(5))
    recorded = {"wilson": wilson(), "mcnemar": mcnemar(), "results": found, "bootstrap": bootstrap(found)}
    path = Path(__file__).parent / "data" / "statistics.json"
    path.write_text(json.dumps(recorded) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
