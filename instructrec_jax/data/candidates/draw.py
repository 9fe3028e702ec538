"""Draws candidates: the target, and items that the user never met."""

import numpy as np

from instructrec_jax.data.candidates.files import Lists
from instructrec_jax.data.ragged import gather, places
from instructrec_jax.errors import InputError

# Rounds in which refused draws are drawn again. A user who needs more has met
# most of the items, so the whole catalogue is used instead.
_ROUNDS = 50
# Keys that are then drawn at a time (128 MiB).
_BLOCK = 2**24


class Met:
  """Knows which user has met which item, for many pairs at once.

  With titles, a user who has met an item has met all items of its title: as a
  candidate, another edition of an item that the user had is as good as it.

  Attributes:
    editions: how many items `refuses` has refused for their titles alone.
  """

  def __init__(
    self,
    interactions: tuple[np.ndarray, np.ndarray],
    num_items: int,
    titles: np.ndarray | None = None,
  ):
    """Sorts the pairs.

    Args:
      interactions: codes of users and items, [rows] each, no pair twice.
      num_items: size of the catalogue.
      titles: int [num_items], a number below num_items of each item's title;
        None if every title is another.
    """
    self.num_items = num_items
    self.editions = 0
    self._title = None
    users, items = (column.astype(np.int64) for column in interactions)
    if titles is not None:
      self._title = titles.astype(np.int64)
      self._by_item = Met(interactions, num_items)
      self._by_title = np.argsort(self._title, kind="stable")
      counts = np.bincount(self._title, minlength=num_items)
      self._starts = np.concatenate([[0], np.cumsum(counts)])
      items = self._title[items]
    # A pair becomes one number, so one sorted array is enough.
    pairs = users * num_items + items
    self._pairs = np.sort(pairs) if titles is None else np.unique(pairs)

  def __call__(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Returns whether each user has met the item, bool [pairs]."""
    if self._title is not None:
      items = self._title[items]
    pair = users.astype(np.int64) * self.num_items + items
    place = np.minimum(np.searchsorted(self._pairs, pair), self._pairs.size - 1)
    return self._pairs[place] == pair

  def refuses(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Returns the same for negatives, and counts those met by title alone."""
    met = self(users, items)
    if self._title is not None:
      self.editions += int((met & ~self._by_item(users, items)).sum())
    return met

  def of(self, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns all items that some users have met.

    Args:
      users: [n] codes.

    Returns:
      Rows of `users` and items, int64 [pairs] each.
    """
    bounds = np.stack([users, users + 1]).astype(np.int64) * self.num_items
    start, end = np.searchsorted(self._pairs, bounds)
    rows = np.repeat(np.arange(users.size), end - start)
    pairs = self._pairs[start[rows] + places(rows, users.size)]
    items = pairs % self.num_items
    if self._title is None:
      return rows, items
    which, items = gather(self._by_title, self._starts, items)
    return rows[which], items


def draw(
  rng: np.random.Generator,
  users: np.ndarray,
  targets: np.ndarray,
  interactions: tuple[np.ndarray, np.ndarray],
  num_items: int,
  num_negatives: int,
  weights: np.ndarray | None = None,
  titles: np.ndarray | None = None,
) -> tuple[np.ndarray, int]:
  """Draws candidate lists: the target and distinct negatives.

  Negatives are drawn one after the other without replacement, from the items
  that the user has not met, with probability in proportion to their weights.
  Without weights, every set of such items is equally likely. The order of the
  draws does not affect the places in a list.

  Args:
    rng: the source of the draws.
    users: [n] codes, one per list.
    targets: [n] codes of the items to find.
    interactions: codes of users and items, [rows] each, no pair twice. They
      are all items that a user met at any time; none is a negative of the user.
    num_items: size of the catalogue.
    num_negatives: the number of negatives in a list.
    weights: non-negative integers [num_items], such as an item's count in
      training; an item of weight 0 is never drawn. None for equal weights.
    titles: as for `Met`; then no negative has the title of an item that the
      user has met, such as the target.

  Returns:
    [n, 1 + num_negatives] int64 item codes, the target at a random place; and
    how many negatives were drawn again for their titles.

  Raises:
    InputError: a user has met so many items that too few others are left.
  """
  met = Met(interactions, num_items, titles)
  _check_enough(users, met, num_negatives, weights)
  negatives = _successive(rng, users, met, num_negatives, weights)
  if weights is not None:
    negatives = rng.permuted(negatives, axis=1)
  return _with_targets(rng, targets, negatives), met.editions


def hardest(
  rng: np.random.Generator,
  users: np.ndarray,
  targets: np.ndarray,
  interactions: tuple[np.ndarray, np.ndarray],
  num_items: int,
  num_negatives: int,
  ranked: Lists,
  among: int,
  titles: np.ndarray | None = None,
) -> tuple[np.ndarray, int]:
  """Builds candidate lists with the negatives that a retriever ranks highest.

  Args:
    rng: as in `draw`.
    users: as in `draw`.
    targets: as in `draw`.
    interactions: as in `draw`.
    num_items: as in `draw`.
    num_negatives: as in `draw`.
    ranked: for each list, items of the catalogue, best first.
    among: negatives are drawn uniformly from this number of first items, not
      counting the target and items that the user has met, or from all if the
      retriever ranks fewer. num_negatives gives the hardest negatives.
    titles: as in `draw`.

  Returns:
    [n, 1 + num_negatives] int64 item codes, all at random places; and how many
    of the ranked items were left out for their titles.

  Raises:
    InputError: a list has too few items left; it names the file and line.
  """
  met = Met(interactions, num_items, titles)
  rows = np.repeat(np.arange(users.size), np.diff(ranked.offsets))
  new = ~met.refuses(users[rows], ranked.codes)
  new &= ranked.codes != targets[rows]
  rows, codes = rows[new], ranked.codes[new]
  chosen = places(rows, users.size) < among
  rows, codes = rows[chosen], codes[chosen]
  left = np.bincount(rows, minlength=users.size)
  if (left < num_negatives).any():
    row = int(left.argmin())
    raise InputError(
      f"{ranked.where(row)}: expected at least {num_negatives} items that "
      f"the user has not met, got {left[row]} of "
      f"{np.diff(ranked.offsets)[row]}; there are too few for "
      f"{int((left < num_negatives).sum())} of {users.size} requests. Rank "
      "more items, or use fewer negatives"
    )
  order = np.lexsort((rng.random(rows.size), rows))
  taken = places(rows, users.size) < num_negatives  # Rows are in order.
  negatives = codes[order][taken].reshape(users.size, num_negatives)
  return _with_targets(rng, targets, negatives), met.editions


def _with_targets(
  rng: np.random.Generator, targets: np.ndarray, negatives: np.ndarray
) -> np.ndarray:
  """Puts each target at a random place among its [n, C] negatives."""
  n, width = negatives.shape
  place = rng.integers(width + 1, size=n)
  lists = np.empty((n, width + 1), np.int64)
  is_target = np.arange(width + 1) == place[:, None]
  lists[is_target] = targets
  lists[~is_target] = negatives.ravel()
  return lists


def _successive(
  rng: np.random.Generator,
  users: np.ndarray,
  met: Met,
  num_negatives: int,
  weights: np.ndarray | None,
) -> np.ndarray:
  """Draws [n, num_negatives] one after the other without replacement.

  All draws of a list, by round and from left to right, are one stream of
  independent draws with replacement. Its first distinct items that the user has
  not met are distributed as draws without replacement. Each round draws only as
  many as are missing, so no draw is skipped.
  """
  n = users.size
  ends = None if weights is None else np.cumsum(weights, dtype=np.int64)

  def fresh(size: int | tuple[int, int]) -> np.ndarray:
    if ends is None:
      return rng.integers(met.num_items, size=size)
    return np.searchsorted(
      ends, rng.integers(ends[-1], size=size), side="right"
    )

  negatives = fresh((n, num_negatives))
  new = np.ones(negatives.shape, bool)
  for _ in range(_ROUNDS):
    rows = np.flatnonzero(new.any(axis=1))
    if not rows.size:
      return negatives
    drawn, is_new = negatives[rows], new[rows]
    refused = _repeats(drawn, is_new)
    owners = np.broadcast_to(users[rows, None], drawn.shape)
    refused[is_new] |= met.refuses(owners[is_new], drawn[is_new])
    new[rows] = refused
    negatives[new] = fresh(int(refused.sum()))
  block = max(1, _BLOCK // met.num_items)
  rows = np.flatnonzero(new.any(axis=1))
  for start in range(0, rows.size, block):
    some = rows[start : start + block]
    negatives[some] = _race(
      rng, users[some], met, negatives[some], new[some], weights
    )
  return negatives


def _race(
  rng: np.random.Generator,
  users: np.ndarray,
  met: Met,
  negatives: np.ndarray,
  missing: np.ndarray,
  weights: np.ndarray | None,
) -> np.ndarray:
  """Continues drawing without replacement, over the whole catalogue at once.

  Give each item an exponential clock with its weight as the rate. The order in
  which the clocks ring is that of drawing one after the other (Efraimidis and
  Spirakis, 2006).

  Args:
    rng: the source of the draws.
    users: [n] codes.
    met: the items that users have met.
    negatives: [n, num_negatives], the draws so far.
    missing: bool, the same shape, the places without a draw.
    weights: as in `draw`.

  Returns:
    The complete negatives.
  """
  n = users.size
  clocks = rng.standard_exponential((n, met.num_items))
  if weights is not None:
    with np.errstate(divide="ignore"):
      clocks /= weights
  clocks[met.of(users)] = np.inf
  rows = np.broadcast_to(np.arange(n)[:, None], negatives.shape)
  clocks[rows[~missing], negatives[~missing]] = np.inf
  first = np.argsort(clocks, axis=1)[:, : negatives.shape[1]]
  wanted = np.arange(negatives.shape[1]) < missing.sum(axis=1)[:, None]
  whole = negatives.copy()
  whole[missing] = first[wanted]
  return whole


def _repeats(drawn: np.ndarray, is_new: np.ndarray) -> np.ndarray:
  """Returns which new draws repeat another draw in their list.

  Args:
    drawn: [n, num_negatives] items.
    is_new: bool, the same shape, the draws of this round; the older draws are
      all different.

  Returns:
    bool, the same shape: true if an older draw, or a new one further left, has
    the same item.
  """
  # Among equal draws, an older one comes first, and then the leftmost.
  order = np.argsort(2 * drawn + is_new, axis=1, kind="stable")
  ordered = np.take_along_axis(drawn, order, axis=1)
  again = np.zeros(drawn.shape, bool)
  again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
  repeats = np.empty(drawn.shape, bool)
  np.put_along_axis(repeats, order, again, axis=1)
  return repeats & is_new


def _check_enough(
  users: np.ndarray,
  met: Met,
  num_negatives: int,
  weights: np.ndarray | None,
) -> None:
  may = np.ones(met.num_items, bool) if weights is None else weights > 0
  everyone, which = np.unique(users, return_inverse=True)
  rows, items = met.of(everyone)
  taken = np.bincount(rows, weights=may[items], minlength=everyone.size)
  taken = taken.astype(np.int64)[which]
  left = int(may.sum()) - taken
  short = left < num_negatives
  if short.any():
    worst = int(np.argmin(left))
    kind = "items" if weights is None else "items taken in training"
    raise InputError(
      f"{num_negatives} negatives cannot be drawn for {int(short.sum())} of "
      f"{users.size} lists: user {users[worst]} has met {taken[worst]} "
      f"of {int(may.sum())} {kind}, which leaves {left[worst]}. Set "
      f"num_negatives to at most {left[worst]}, or add items"
    )
