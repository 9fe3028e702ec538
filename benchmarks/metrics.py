"""Ranking metrics: ours against ranx and pytrec-eval-terrier.

    python benchmarks/metrics.py

20,000 requests of 100 candidates with random scores, a few of them relevant in
three grades. Each side measures the same eleven figures and adds them up, in
turns, in one process pinned to one core; seconds are the process's own, so that
what else the machine does counts less. The benchmark fails if means differ.

  ours                 arrays of scores and gains
  ranx                 its Qrels and Run, made from the same arrays; compiled
                       before the clock starts, and kept to one thread
  pytrec-eval-terrier  the dicts that it takes

What each takes is made before the clock starts; how long that took is told
beside, as scores come out of a model as arrays.

The last line is a JSON object with the median seconds of each side that is
there: of 20,000 requests of 100 candidates seconds_20000x100,
ranx_seconds_20000x100 and pytrec_eval_terrier_seconds_20000x100.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import figures
import numpy as np

from instructrec_jax.eval import metrics, resampling

# Ours, ranx's and trec_eval's names.
FIGURES = (
  ("hr@1", "hit_rate@1", "success_1"),
  ("hr@5", "hit_rate@5", "success_5"),
  ("hr@10", "hit_rate@10", "success_10"),
  ("precision@5", "precision@5", "P_5"),
  ("precision@10", "precision@10", "P_10"),
  ("recall@5", "recall@5", "recall_5"),
  ("recall@10", "recall@10", "recall_10"),
  ("ndcg@5", "ndcg@5", "ndcg_cut_5"),
  ("ndcg@10", "ndcg@10", "ndcg_cut_10"),
  ("map", "map", "map"),
  ("mrr", "mrr", "recip_rank"),
)
# trec_eval takes the cuts of a measure at once.
TREC_MEASURES = {
  "success.1,5,10", "P.5,10", "recall.5,10", "ndcg_cut.5,10", "map",
  "recip_rank",
}  # fmt: skip

Measure = Callable[[], Mapping[str, float]]


def draw(
  requests: int, candidates: int, relevant: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns scores and gains, [requests, candidates]."""
  rng = np.random.default_rng(0)
  shape = (requests, candidates)
  place = rng.random(shape).argsort(axis=1)
  count = rng.integers(1, relevant + 1, (requests, 1))
  gains = np.where(place < count, rng.integers(1, 4, shape), 0)
  return rng.standard_normal(shape), gains.astype(np.float64)


def ours(scores: np.ndarray, gains: np.ndarray) -> Measure:
  """Returns our measure of them."""
  names = [name for name, _, _ in FIGURES]

  def measure() -> Mapping[str, float]:
    outcomes = metrics.Outcomes.of(scores, gains)
    return resampling.means(metrics.measure(outcomes, names))

  return measure


def as_dicts(array: np.ndarray, kept: np.ndarray) -> dict[str, dict]:
  """Returns the kept cells as {request: {candidate: value}}."""
  return {
    f"q{row}": {
      f"d{column}": array[row, column].item()
      for column in np.flatnonzero(kept[row]).tolist()
    }
    for row in range(len(array))
  }


def ranx(scores: np.ndarray, gains: np.ndarray) -> Measure:
  """Returns ranx's measure of them."""
  import ranx as peer

  qrels = peer.Qrels(as_dicts(gains.astype(np.int64), gains > 0))
  run = peer.Run(as_dicts(scores, np.ones(scores.shape, bool)))
  names = {theirs: name for name, theirs, _ in FIGURES}

  def measure() -> Mapping[str, float]:
    found = peer.evaluate(
      qrels, run, list(names), threads=1, save_results_in_run=False
    )
    return {names[theirs]: float(mean) for theirs, mean in found.items()}

  return measure


def pytrec_eval(scores: np.ndarray, gains: np.ndarray) -> Measure:
  """Returns pytrec-eval-terrier's measure of them."""
  import pytrec_eval as peer

  qrels = as_dicts(gains.astype(np.int64), gains > 0)
  run = as_dicts(scores, np.ones(scores.shape, bool))

  def measure() -> Mapping[str, float]:
    found = peer.RelevanceEvaluator(qrels, TREC_MEASURES).evaluate(run)
    rows = list(found.values())
    return {
      name: sum(row[theirs] for row in rows) / len(rows)
      for name, _, theirs in FIGURES
    }

  return measure


SIDES = {
  "ours": ours,
  "ranx": ranx,
  "pytrec-eval-terrier": pytrec_eval,
}
PEERS = ("ranx", "pytrec_eval")


def made(
  scores: np.ndarray, gains: np.ndarray
) -> tuple[dict[str, Measure], dict[str, float]]:
  """Returns what measures each side that is there, and how long it took."""
  measures, seconds = {}, {}
  for side, make in SIDES.items():
    start = time.process_time()
    try:
      measures[side] = make(scores, gains)
    except ModuleNotFoundError as error:
      if error.name not in PEERS:
        raise
      print(f"{side} is absent: {error.name} is not installed")
      continue
    seconds[side] = time.process_time() - start
  return measures, seconds


def race(
  measures: Mapping[str, Measure], rounds: int
) -> dict[str, list[float]]:
  """Returns the seconds of each side; ends if their means differ."""
  seconds = {side: [] for side in measures}
  found = {}
  for number in range(-1, rounds):
    for side, measure in measures.items():
      start = time.process_time()
      found[side] = measure()
      if number >= 0:  # A round before, to warm up and to compile.
        seconds[side].append(time.process_time() - start)
  for side, means in found.items():
    for name, mean in means.items():
      np.testing.assert_allclose(
        mean, found["ours"][name], rtol=1e-6, err_msg=f"{name} of {side}"
      )
  return seconds


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs the rounds and prints the table and the line of figures."""
  flags = figures.parser(__doc__, rounds=7)
  flags.add_argument("--requests", type=int, default=20_000, help="(20000)")
  flags.add_argument("--candidates", type=int, default=100, help="(100)")
  flags.add_argument(
    "--relevant", type=int, default=5, help="of the candidates, at most (5)"
  )
  args = figures.parse(flags, arguments, requests=50, candidates=12)

  figures.introduce(
    ("numpy", "ranx", "numba", "pytrec-eval-terrier"),
    f"{args.requests:,} requests of {args.candidates} candidates, 1 to "
    f"{args.relevant} of them relevant, {len(FIGURES)} figures; {args.rounds} "
    "rounds, each side once a round",
  )
  scores, gains = draw(args.requests, args.candidates, args.relevant)
  measures, preparing = made(scores, gains)
  medians = figures.table(
    "seconds",
    race(measures, args.rounds),
    "ours",
    digits=4,
    made_in={side: f"{seconds:.4f}" for side, seconds in preparing.items()},
  )
  key = f"seconds_{args.requests}x{args.candidates}"
  figures.finish(
    {
      key if side == "ours" else f"{side.replace('-', '_')}_{key}": round(s, 4)
      for side, s in medians.items()
    }
  )


if __name__ == "__main__":
  figures.pin()
  main()
