"""Makes batches from cached tokens, seekable and for any number of processes.

The n-th batch depends only on the cache, the seed and n. Processes share its
rows. Each makes the whole plan, which takes little time, and reads only the
tokens of its own rows.

Examples are packed in windows. A window is a part of an epoch's order (see
order.py). Its packing depends only on its own examples, so seeking a window
needs no others. A batch takes rows from one window after another. Only the last
rows of a window may be less full than the rest.
"""

import dataclasses
import functools
import json
from collections.abc import Iterator

import numpy as np

from instructrec_jax.batches.order import Order, permute
from instructrec_jax.batches.rows import Batch, Rows
from instructrec_jax.batches.token_cache import TokenCache
from instructrec_jax.errors import InputError
from instructrec_jax.model import packing

# Examples of a window. A larger one would save less than 0.1 % of the rows;
# packing this one takes 0.05 s.
_WINDOW = 2**16


@dataclasses.dataclass(frozen=True)
class _Place:
  """The position of the next batch.

  Attributes:
    step: The number of batches before it.
    epoch: The epoch of its first row.
    window: The window in the epoch.
    row: The row in the window.
  """

  step: int = 0
  epoch: int = 0
  window: int = 0
  row: int = 0


class CachedBatches:
  """An endless iterator of this process's batches, see iterator.Batches.

  Its state is a position in the order of all rows. It is the same in every
  process, and any number of processes can resume from it. In a run with several
  processes each gets its share of the rows:

    index, count = sharding.data_shard(mesh)
    batches = CachedBatches(cache, batch_size=128, shard=(index, count))

  Batch features are those of `seqio.EncDecFeatureConverter`, int32 [rows,
  tokens of inputs or targets]: encoder_input_tokens, decoder_input_tokens,
  decoder_target_tokens, decoder_loss_weights and, packed, {encoder,decoder}_
  {segment_ids,positions}.
  """

  shares_position = True

  def __init__(
    self,
    cache: TokenCache,
    batch_size: int,
    seed: int = 0,
    pack: bool = True,
    shard: tuple[int, int] = (0, 1),
  ):
    """Starts before the first batch.

    Args:
      cache: The tokens. Rows have the cache's maximum lengths.
      batch_size: Rows of a batch, over all processes.
      seed: Seed of the order.
      pack: Whether several examples share a row.
      shard: Which share of each batch's rows to return, and of how many.

    Raises:
      InputError: The batch does not divide into shares.
    """
    index, count = shard
    if batch_size < 1 or batch_size % count:
      raise InputError(
        f"batch size {batch_size}: expected a multiple of {count} for {count} "
        "processes"
      )
    share = batch_size // count
    self._cache = cache
    self._batch_size = batch_size
    self._seed = seed
    self._pack = pack
    self._shard = slice(index * share, (index + 1) * share)
    self._order = Order(cache.parts(), cache.renderings, seed)
    self._windows = -(-self._order.epoch_examples // _WINDOW)
    self._place = _Place()
    # A batch may span two windows.
    self._plan = functools.lru_cache(maxsize=2)(self._make_plan)
    self._num_rows = functools.cache(self._count_rows)

  @property
  def epoch_examples(self) -> int:
    """The number of examples in an epoch."""
    return self._order.epoch_examples

  @property
  def examples_per_row(self) -> float:
    """The mean number of examples in a row, over the first window."""
    rows = self._plan(0, 0)
    return len(rows.examples) / len(rows)

  def __iter__(self) -> Iterator[Batch]:
    return self

  def __next__(self) -> Batch:
    rows, self._place = self._take(self._place)
    return rows[self._shard].batch(self._cache, self._pack)

  def seek(self, step: int) -> None:
    """Goes to the position after `step` batches.

    It packs the examples before, without reading them, which takes about a
    second for each million. `set_state` takes no time.
    """
    rows, place = step * self._batch_size, _Place(step)
    while rows >= (there := self._num_rows(place.epoch, place.window)):
      rows -= there
      place = self._next_window(place)
    self._place = dataclasses.replace(place, row=rows)

  def get_state(self) -> bytes:
    """Returns the position of the next batch."""
    state = {"of": self._made_of(), "place": dataclasses.asdict(self._place)}
    return json.dumps(state).encode()

  def set_state(self, state: bytes) -> None:
    """Restores a position.

    Raises:
      InputError: It is not a position in these batches.
      ValueError: It is a damaged one.
    """
    try:
      saved = json.loads(state)
    except ValueError:
      if not state or state.startswith(b"{"):
        raise ValueError("a position in cached tokens is cut") from None
      saved = None
    try:
      made_of, place = saved["of"], _Place(**saved["place"])
    except (TypeError, KeyError):
      raise InputError(
        "the position in the checkpoint is not one in cached tokens: the run "
        "was started without CACHED_TOKENS. Continue without it, or choose "
        "another MODEL_DIR"
      ) from None
    for name, now in self._made_of().items():
      if made_of.get(name) != now:
        raise InputError(
          f"the position in the checkpoint is for {name} {made_of.get(name)}, "
          f"got {name} {now}: use the setting that the run was started with, "
          "or choose another MODEL_DIR"
        )
    self._place = place

  def _made_of(self) -> dict[str, str | int | bool]:
    """Returns the values that determine the order of rows."""
    return {
      "tokens": self._cache.fingerprint,
      "seed": self._seed,
      "pack": self._pack,
    }

  def _take(self, place: _Place) -> tuple[Rows, _Place]:
    """Returns a batch's rows, and the position after it."""
    rows, missing = None, self._batch_size
    while rows is None or missing:
      plan = self._plan(place.epoch, place.window)
      part = plan[place.row : place.row + missing]
      rows = part if rows is None else rows + part
      missing -= len(part)
      place = dataclasses.replace(place, row=place.row + len(part))
      if place.row == len(plan):
        place = self._next_window(place)
    return rows, dataclasses.replace(place, step=place.step + 1)

  def _next_window(self, place: _Place) -> _Place:
    last = place.window + 1 == self._windows
    return _Place(
      place.step, place.epoch + last, 0 if last else place.window + 1
    )

  def _window(self, epoch: int, window: int) -> np.ndarray:
    """Returns int64 [examples], the examples of a window."""
    first, end = (
      self._order.epoch_examples * number // self._windows
      for number in (window, window + 1)
    )
    return self._order.examples(epoch, first, end)

  def _make_plan(self, epoch: int, window: int) -> Rows:
    """Returns the rows of a window."""
    examples_E = self._window(epoch, window)
    if not self._pack:
      return Rows(examples_E, np.arange(len(examples_E) + 1))
    row_E = packing.pack(
      self._cache.lengths_Ex2[examples_E], self._cache.max_lengths
    )
    # Shuffle, because packing sorts by length.
    rows = int(row_E.max()) + 1
    name = f"rows of window {window} of epoch {epoch}"
    row_E = permute(np.arange(rows), rows, self._seed, name)[row_E]
    place_E, begin_R = packing.by_row(row_E)
    return Rows(examples_E[place_E], begin_R)

  def _count_rows(self, epoch: int, window: int) -> int:
    return len(self._make_plan(epoch, window))
