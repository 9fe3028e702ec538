"""Requests that tests of the audit make up."""

import numpy as np
import polars as pl

from instructrec_jax.audit.facts import Facts
from instructrec_jax.data.records.requests import Requests


def facts(target, candidates, histories, texts=None, relevant=None, **columns):
  """Returns facts of requests.

  Args:
    target: the code of each request's target.
    candidates: lists of codes, all of one length, padded with -1.
    histories: lists of codes, oldest first.
    texts: texts of the requests, by feature.
    relevant: lists of codes; None if only the target is relevant.
    **columns: of the catalogue; some follow from the others.
  """
  count = max(len(column) for column in columns.values())
  catalogue = pl.DataFrame(
    {
      "item_id": [f"i{i}" for i in range(count)],
      "title": [f"Title {i}" for i in range(count)],
      "train_count": [0] * count,
      **columns,
    }
  )
  n = len(target)
  further = {}
  if relevant is not None:
    further = {
      "relevant": _values(relevant),
      "relevant_offsets": _ends(relevant),
    }
  requests = Requests(
    np.arange(n),
    np.arange(n),
    np.array(target),
    np.array(candidates),
    _values(histories),
    _ends(histories),
    np.array([len(codes) for codes in histories]),
    **further,
  )
  texts = {name: pl.Series(name, text) for name, text in (texts or {}).items()}
  return Facts(requests, catalogue, texts)


def random_world(seed, n=400, items=60, width=10):
  """Returns requests in which everything is drawn at random.

  Titles, ids, prices, labels, histories and texts have nothing to do with
  targets.
  """
  rng = np.random.default_rng(seed)
  drawn = np.argsort(rng.random((n, items)), axis=1)
  words = np.array([f"word{i}" for i in range(40)])
  texts = [" ".join(rng.choice(words, 6)) for _ in range(n)]
  return facts(
    drawn[:, 0],
    rng.permuted(drawn[:, :width], axis=1),
    [row[width : width + 1 + rng.integers(12)] for row in drawn],
    texts=dict.fromkeys(
      ("preference", "vague_intention", "specific_intention"), texts
    ),
    item_id=[str(i) for i in rng.permutation(items)],
    title=[
      " ".join(rng.choice(words, rng.integers(1, 6))) for _ in range(items)
    ],
    train_count=rng.integers(0, 50, items),
    price=[float(i) if rng.random() < 0.5 else None for i in range(items)],
    brand=["a brand" if rng.random() < 0.5 else None for _ in range(items)],
    categories=[["label"] * rng.integers(4) for _ in range(items)],
  )


def _values(lists):
  return np.array([code for codes in lists for code in codes], np.int64)


def _ends(lists):
  return np.cumsum([0, *(len(codes) for codes in lists)])
