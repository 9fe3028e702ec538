"""The best expected result on simulated data, with and without a query.

The world of data/simulate.py knows with which probabilities it drew a purchase,
and how a review follows from it. A query tells a part of that: labels tell
theme and kind, and an intention tells the theme of what somebody wants for
themselves, or that it is a present. The optimum ranks by the probability of an
item given what the user has bought and what the query tells:

  p(item | user, query) ~ p(item, purpose | user) · [item fits the query]

In product search there is no user. Each item has its labels as a query once, so
items of the same labels are equally likely. A review's intention is of one of
the purchases before each user's last two, so an item is as likely as the
expected number of those purchases whose reviews can tell that purpose.
"""

import re
from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax import parquet, paths
from instructrec_jax.baselines.world import World
from instructrec_jax.data import names, simulate, variants
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.vectors import stage

_FILE = "optimum.npz"
# What it holds.
_ARRAYS = (
  "users", "items", "theme", "own", "present", "own_told", "present_told",
)  # fmt: skip
# Words of somebody who looks for a present.
_PRESENT = re.compile(
  rf"\b(?:gift|presents?|{'|'.join(simulate.RECIPIENTS)})\b", re.IGNORECASE
)
_THEME = re.compile(rf"\b(?:{'|'.join(simulate.THEMES)})\b", re.IGNORECASE)
# The share of an item that does not fit the query: another teacher's text may
# mean something else than these rules read.
_UNFIT = 1e-9
# Equally likely items are in an order that is drawn.
_TIES = 1e-6


def optimum(world: World, requests: Requests, seed: int) -> np.ndarray:
  """Ranks by the probabilities with which a simulated world drew purchases.

  Without a query, it is the optimum of recommendation. With one it is that of
  personalised search, or of product search if there is no user.
  """
  found = _load(world)
  item = _rows(found, "items", world.items["item_id"])[requests.candidates]
  is_search = not requests.history_length.any()
  if is_search:
    prior = found["own_told"][item], found["present_told"][item]
  else:
    user = _users(world, found)[requests.user][:, None]
    prior = found["own"][user, item], found["present"][user, item]
  own, present = (np.asarray(part, np.float64) for part in prior)
  p = own + present
  if is_search or world.query is not None:
    queries = np.array(world.queries(requests), object)
    labels = np.array(stage.texts(world.items, ("categories",)), object)
    is_labels = np.isin(queries, labels)[:, None]
    of_labels = np.ones_like(p) if is_search else p
    fits = labels[requests.candidates] == queries[:, None]
    p = np.where(
      is_labels,
      of_labels * np.where(fits, 1, _UNFIT),
      _told(queries, found["theme"][item], own, present),
    )
  drawn = names.generator(seed, "baselines", "optimum").random(p.shape)
  with np.errstate(divide="ignore"):
    return np.log(p) + _TIES * drawn


def _told(
  queries: np.ndarray, theme: np.ndarray, own: np.ndarray, present: np.ndarray
) -> np.ndarray:
  """Returns p of candidates given intentions, [n, C].

  Args:
    queries: [n], the intentions.
    theme: [n, C], the themes of candidates.
    own: [n, C], p of a purchase for oneself.
    present: [n, C], p of a present.
  """
  is_present = np.array([bool(_PRESENT.search(q)) for q in queries])[:, None]
  said = [_THEME.search(query) for query in queries]
  named = np.array([m[0].lower() if m else "" for m in said])[:, None]
  fits = (named == "") | (theme == named)
  return np.where(is_present, present, own) * np.where(fits, 1, _UNFIT)


def _load(world: World) -> dict[str, np.ndarray]:
  """Returns the arrays of a world's file; see `simulate.write`.

  Raises:
    InputError: No folder is named, or it has no such file.
  """
  if world.planted is None:
    raise InputError(
      "the optimum is known of simulated data only: name the folder of a "
      "domain that `instructrec simulate` wrote, such as "
      "--planted=world/board_games"
    )
  path = Path(paths.expanded(world.planted)) / _FILE
  try:
    with np.load(path) as file:
      return {name: file[name] for name in _ARRAYS}
  except FileNotFoundError:
    raise InputError(
      f"no {path}: expected the folder of a domain that `instructrec simulate` "
      "wrote, such as world/board_games"
    ) from None
  except (KeyError, ValueError, OSError) as error:
    raise InputError(
      f"{path} is not of this version ({error}): run `instructrec simulate` "
      "with --overwrite"
    ) from None


def _users(world: World, found: dict[str, np.ndarray]) -> np.ndarray:
  dataset = variants.dataset_of(world.dataset)
  tables = names.tables_dir(world.data_dir, dataset)
  return _rows(
    found, "users", parquet.read(tables / "users.parquet")["user_id"]
  )


def _rows(found: dict[str, np.ndarray], key: str, ids: pl.Series) -> np.ndarray:
  """Returns the world's row of each id. The world sorts its ids.

  Raises:
    InputError: The world does not have an id.
  """
  wanted, known = ids.to_numpy().astype(str), found[key]
  rows = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
  if (known[rows] != wanted).any():
    odd = str(wanted[(known[rows] != wanted).argmax()])
    raise InputError(
      f"{odd!r} is not among the {key} of the simulated world: --planted is "
      "the folder of another world"
    )
  return rows
