"""Candidates to rank: the target among items the user never met."""

import numpy as np

from instructrec_jax.errors import InputError


def draw(
  rng: np.random.Generator,
  users: np.ndarray,
  targets: np.ndarray,
  interactions: tuple[np.ndarray, np.ndarray],
  num_items: int,
  num_negatives: int,
) -> np.ndarray:
  """Draws candidate lists: the target and distinct uniform negatives.

  Args:
    rng: where the draws come from.
    users: [n] codes, one a list.
    targets: [n] codes of the items to find.
    interactions: codes of users and items, [rows] each, no pair twice:
      everything that a user met, at whatever time; none of it becomes the
      user's negative.
    num_items: size of the catalogue.
    num_negatives: negatives in a list.

  Returns:
    [n, 1 + num_negatives] int64 item codes, the target at a random place.

  Raises:
    InputError: a user has met too many items to leave that many others.
  """
  n = users.size
  met_by, met = (column.astype(np.int64) for column in interactions)
  # A pair as one number, so that one sorted array answers "has u met i?".
  pairs = np.sort(met_by * num_items + met)
  _check_enough(users, pairs, num_items, num_negatives)
  negatives = rng.integers(num_items, size=(n, num_negatives))
  row, column = (a.ravel() for a in np.indices(negatives.shape))
  # Only refused draws are drawn again. Every round treats all items alike,
  # so each set of items that the user has not met stays equally likely.
  while row.size:
    drawn = negatives[row, column]
    pair = users[row].astype(np.int64) * num_items + drawn
    place = np.minimum(np.searchsorted(pairs, pair), pairs.size - 1)
    refused = pairs[place] == pair
    earlier = negatives[row] == drawn[:, None]
    earlier[np.arange(row.size), column] = False
    # Of two equal draws one goes; between rounds the accepted one stays.
    refused |= _beaten(earlier, row, column, n, num_negatives)
    row, column = row[refused], column[refused]
    negatives[row, column] = rng.integers(num_items, size=row.size)
  place = rng.integers(num_negatives + 1, size=n)
  lists = np.empty((n, num_negatives + 1), np.int64)
  is_target = np.arange(num_negatives + 1) == place[:, None]
  lists[is_target] = targets
  lists[~is_target] = negatives.ravel()
  return lists


def _beaten(
  equal: np.ndarray,
  row: np.ndarray,
  column: np.ndarray,
  n: int,
  num_negatives: int,
) -> np.ndarray:
  """Returns which fresh draws give way to an equal one in their list.

  Args:
    equal: [draws, num_negatives] where the list has the same item elsewhere.
    row: [draws] list of each draw.
    column: [draws] its place there.
    n: number of lists.
    num_negatives: places in a list.

  Returns:
    [draws] bool: true where an accepted draw, or a fresh one further left,
    has the same item.
  """
  fresh = np.zeros((n, num_negatives), bool)
  fresh[row, column] = True
  left = np.arange(num_negatives) < column[:, None]
  return (equal & (left | ~fresh[row])).any(axis=1)


def _check_enough(
  users: np.ndarray, pairs: np.ndarray, num_items: int, num_negatives: int
) -> None:
  met = np.bincount(pairs // num_items, minlength=int(users.max(initial=0)) + 1)
  left = num_items - met[users]
  short = left < num_negatives
  if short.any():
    worst = int(np.argmin(left))
    raise InputError(
      f"{num_negatives} negatives cannot be drawn for {int(short.sum())} of "
      f"{users.size} lists: user {users[worst]} has met {met[users[worst]]} "
      f"of {num_items} items, which leaves {left[worst]}. Give num_negatives "
      f"of at most {left[worst]}, or more items"
    )
