"""A catalogue's titles as a tree of tokens, in a few flat arrays.

Letters: N items, S different titles, E nodes other than the root.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import numpy as np

from instructrec_jax.errors import InputError, unknown
from instructrec_jax.model.decoding import EOS

_FIRST_TOKEN = 2  # 0 is padding and 1 is EOS.
_NAMED = 3  # The most items that an error names.


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Trie:
  """A prefix tree of the titles that can be generated.

  A node is a common prefix of titles. A leaf is a whole title with EOS. Nodes
  are numbered breadth-first from the root, 0, and children of a node by their
  tokens. So a node's children are contiguous, and the one with EOS comes first.
  Titles are numbered in lexicographic order of their tokens, so the titles
  below a node are contiguous.

  These arrays are all that a search needs. They are NumPy arrays, or on a
  device after `jax.device_put`.

  Attributes:
    token: int32 [1 + E], a node's last token, 0 for the root.
    first_child: int32 [2 + E]. The children of node n are first_child[n] up to,
      but without, first_child[n + 1].
    low: int32 [1 + E], the first title below a node.
    high: int32 [1 + E], the title after the last one below it.
    item: int32 [S], the item of each title.
    title: int32 [N], each item's title.
    length: Tokens of the longest title, with EOS.
    vocab_size: The size of the vocabulary. Tokens are below it.
  """

  token: jax.Array | np.ndarray
  first_child: jax.Array | np.ndarray
  low: jax.Array | np.ndarray
  high: jax.Array | np.ndarray
  item: jax.Array | np.ndarray
  title: jax.Array | np.ndarray
  length: int = dataclasses.field(metadata={"static": True})
  vocab_size: int = dataclasses.field(metadata={"static": True})


def from_titles(
  titles: Sequence[str],
  encode: Callable[[Sequence[str]], Sequence[Sequence[int]]],
  vocab_size: int,
  *,
  same_title: str = "error",
  max_length: int | None = None,
) -> Trie:
  """Returns the trie of texts; see `build`.

  Args:
    titles: Titles by item code.
    encode: Returns the tokens of many texts, without EOS.
    vocab_size: The size of the vocabulary.
    same_title: As for `build`.
    max_length: As for `build`.
  """
  tokens = encode(titles)
  lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
  flat = np.fromiter(
    (token for title in tokens for token in title), np.int32, lengths.sum()
  )
  return build(
    flat,
    lengths,
    vocab_size,
    titles=titles,
    same_title=same_title,
    max_length=max_length,
  )


def build(
  tokens: np.ndarray,
  lengths: np.ndarray,
  vocab_size: int,
  *,
  titles: Sequence[str] | None = None,
  same_title: str = "error",
  max_length: int | None = None,
) -> Trie:
  """Returns the trie of the titles.

  Args:
    tokens: Integers, the concatenated tokens of all titles, without EOS.
    lengths: Integers [N], tokens of each title, by item code.
    vocab_size: The size of the vocabulary.
    titles: Texts to quote in errors.
    same_title: What to do if several items' titles have the same tokens, which
      no search can tell apart. "error" raises. With "first" the title stands
      for the first of them: `Trie.item[Trie.title[n]]` is that item for each.
    max_length: The most tokens of a title, with EOS. By default no limit.

  Raises:
    InputError: There are no titles; a title has no tokens, too many, or an
      invalid token; two titles are the same; or `same_title` is unknown.
  """
  if same_title not in _SAME_TITLE:
    raise unknown("same_title", same_title, _SAME_TITLE)
  tokens, lengths = np.asarray(tokens), np.asarray(lengths)
  name = _Names(titles)
  _check(tokens, lengths, vocab_size, max_length, name)
  levels, order = _levels(tokens, lengths, vocab_size)
  counts = np.array([len(level.token) for level in levels])
  first_of_level = np.concatenate([[0], np.cumsum(counts)])
  token = np.concatenate([level.token for level in levels])
  low = np.concatenate([level.low for level in levels])
  high = np.concatenate([level.high for level in levels])
  # Nodes are in the order of their parents, so a node's children begin where
  # the children of earlier nodes end.
  parents = np.concatenate(
    [
      level.parent + first
      for level, first in zip(levels[1:], first_of_level[:-2], strict=True)
    ]
  )
  children = np.bincount(parents, minlength=len(token))
  first_child = np.concatenate([[1], 1 + np.cumsum(children)]).astype(np.int32)
  low, high, item, title = _titles_of(
    low, high, order, children == 0, same_title, name
  )
  return Trie(
    token=token,
    first_child=first_child,
    low=low,
    high=high,
    item=item,
    title=title,
    length=len(levels) - 1,
    vocab_size=vocab_size,
  )


# Choices of `same_title`.
_SAME_TITLE = ("error", "first")


@dataclasses.dataclass(frozen=True)
class _Level:
  """The nodes of one depth.

  Attributes:
    token: int32, each node's last token.
    parent: int64, its parent's place among the nodes of the level above.
    low: int32, the place in lexicographic order of the first title below it.
    high: int32, the place after the last title below it.
  """

  token: np.ndarray
  parent: np.ndarray
  low: np.ndarray
  high: np.ndarray


def _levels(
  tokens: np.ndarray, lengths: np.ndarray, vocab_size: int
) -> tuple[list[_Level], np.ndarray]:
  """Sorts titles token by token, and collects the nodes.

  Returns:
    A level for the root and for each position of a token; and int32 [N], the
    items in the order of their titles, and of codes for the same title.
  """
  n = len(lengths)
  start = np.cumsum(lengths) - lengths
  order = np.empty(n, np.int32)
  levels = [_Level(*(np.array([x], np.int32) for x in (0, 0, 0, n)))]
  # The unfinished titles, in the order of their prefixes; the places that they
  # will take; and the node of each.
  rows, places, nodes = np.arange(n), np.arange(n), np.zeros(n, np.int64)
  for depth in range(int(lengths.max()) + 1):
    ends = lengths[rows] == depth
    here = np.where(ends, 0, start[rows] + depth)
    token = np.where(ends, EOS, tokens[here])
    key = nodes * vocab_size + token
    by_key = np.argsort(key, kind="stable")
    rows, key, token, nodes = (x[by_key] for x in (rows, key, token, nodes))
    ends = token == EOS
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    size = np.diff(begins, append=len(key))
    levels.append(
      _Level(
        token[begins].astype(np.int32),
        nodes[begins],
        places[begins].astype(np.int32),
        (places[begins] + size).astype(np.int32),
      )
    )
    order[places[ends]] = rows[ends]
    nodes = np.repeat(np.arange(len(begins)), size)
    rows, places, nodes = (x[~ends] for x in (rows, places, nodes))
  return levels, order


def _titles_of(
  low: np.ndarray,
  high: np.ndarray,
  order: np.ndarray,
  is_leaf: np.ndarray,
  same_title: str,
  name: "_Names",
) -> tuple[np.ndarray, ...]:
  """Numbers the titles, and returns low, high, item and title.

  Raises:
    InputError: Items share a title, and `same_title` is "error".
  """
  shared = np.flatnonzero(is_leaf & (high - low > 1))
  if len(shared) and same_title == "error":
    one, other = order[low[shared[0]] :][:2]
    more = f" and {len(shared) - 1} more titles" if len(shared) > 1 else ""
    raise InputError(
      f"{name(one)} and {name(other)} have titles of the same tokens{more}, "
      "which no answer can tell apart: give each its own title, leave one out, "
      "or choose same_title = 'first', which takes the first item "
      f"(same_title: {', '.join(_SAME_TITLE)})"
    )
  is_first = np.zeros(len(order), bool)
  is_first[low[is_leaf]] = True
  number = np.cumsum(is_first, dtype=np.int32) - 1  # The title of each place.
  title = np.empty(len(order), np.int32)
  title[order] = number
  return number[low], number[high - 1] + 1, order[is_first], title


class _Names:
  """Names items in errors."""

  def __init__(self, titles: Sequence[str] | None):
    self._titles = titles

  def __call__(self, item: int) -> str:
    """Returns an item's code, and its title if there are texts."""
    quoted = "" if self._titles is None else f" {self._titles[item]!r}"
    return f"item {item}{quoted}"

  def some(self, items: np.ndarray) -> str:
    """Returns the names of the first few, and the number of others."""
    named = ", ".join(self(item) for item in items[:_NAMED])
    more = len(items) - _NAMED
    return named if more <= 0 else f"{named} and {more} more"


def _check(
  tokens: np.ndarray,
  lengths: np.ndarray,
  vocab_size: int,
  max_length: int | None,
  name: _Names,
) -> None:
  """Raises `InputError` if the titles are not valid."""
  if not len(lengths):
    raise InputError("the catalogue: expected at least one title, got none")
  if lengths.min() < 0 or lengths.sum() != len(tokens):
    raise InputError(
      f"titles: expected lengths that add up to {len(tokens)} tokens, got a "
      f"sum of {lengths.sum()}"
    )
  empty = np.flatnonzero(lengths == 0)
  if len(empty):
    raise InputError(
      f"the title of {name.some(empty)} has no tokens: give it a title with "
      "characters of the vocabulary, or leave it out"
    )
  if max_length is not None:
    long = np.flatnonzero(lengths >= max_length)
    if len(long):
      raise InputError(
        f"expected titles of at most {max_length} tokens with EOS, but the "
        f"longest has {lengths.max() + 1}; too long: {name.some(long)}. Allow "
        "more tokens for targets, or shorten the titles"
      )
  wrong = np.flatnonzero((tokens < _FIRST_TOKEN) | (tokens >= vocab_size))
  if len(wrong):
    item = np.searchsorted(np.cumsum(lengths), wrong[0], side="right")
    raise InputError(
      f"{name(item)}: expected tokens from {_FIRST_TOKEN} to {vocab_size - 1} "
      f"(0 is padding, 1 is EOS), got {tokens[wrong[0]]}: check that the "
      "vocabulary is the run's"
    )
