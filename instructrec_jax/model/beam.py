"""Beam search on the device: of any text, or of a catalogue's titles alone.

Scores are log-likelihoods in nats, of the whole sequence and over the whole
vocabulary: of a title the same figure that it has as a given candidate.

Sequences that have ended are kept beside the beams that go on, the best W of
each. A beam's score can but fall, so that the search is over when none that
goes on is better than the last of those kept, in any request.

Where a catalogue leaves each beam a single title, there is nothing more to
choose: all of them are read to their ends in one pass, as given candidates are.

Letters beside those of network.py: X excluded items, S titles of the catalogue,
E edges of the trie that are looked at together.
"""

import dataclasses
from typing import NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp

from instructrec_jax.errors import InputError
from instructrec_jax.model import (
  candidate_pass,
  candidate_rows,
  decoding,
  network,
)
from instructrec_jax.model.trie import Trie

# Edges of the trie that are looked at together, of each request. Few beams have
# more children together, but for those that have only just begun.
_EDGES = 512

# Titles that are read to their ends take this part of the room that as many of
# the longest would take.
_ROW_PARTS = 4, 2, 1


class Hypotheses(NamedTuple):
  """Sequences and what they are worth, of each request the best first.

  Attributes:
    scores: float32 [B, W], -inf where there is none.
    tokens: int32 [B, W, T], padded with 0.
    node: int32 [B, W], where in the trie each has come to.
  """

  scores: jax.Array
  tokens: jax.Array
  node: jax.Array


class Step(NamedTuple):
  """How W beams go on: whence, with which token, and whither in the trie.

  All [B, W], int32 but for the scores, which are -inf where there is none.
  """

  scores: jax.Array
  parent: jax.Array
  token: jax.Array
  node: jax.Array


Kept = TypeVar("Kept", Hypotheses, Step)


class Choices(Protocol):
  """What sequences may be made of.

  Attributes:
    decide: whether there are starts after which only one sequence is left;
      if there are, the last two methods are of use.
  """

  decide: bool

  def ends(self, node_BxW: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns whether a sequence may end here, and the node that it ends at."""

  def best(
    self, logits_BxWxV: jax.Array, scores_BxW: jax.Array, node_BxW: jax.Array
  ) -> Step:
    """Returns the best ways to go on.

    Args:
      logits_BxWxV: float32, of the next token; it is worth its logit.
      scores_BxW: float32, what is added to it; -inf where there is no beam.
      node_BxW: int32, where in the trie beams are.
    """

  def is_decided(self, node_BxW: jax.Array) -> jax.Array:
    """Returns whether there is one way to go on, to the end."""

  def whole(
    self, tokens_BxWxT: jax.Array, node_BxW: jax.Array, position: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Returns decided sequences with EOS, and the nodes they end at.

    Args:
      tokens_BxWxT: int32, what was decided before the position.
      node_BxW: int32, where in the trie beams are.
      position: int32.
    """


class Recommendations(NamedTuple):
  """The likeliest items of each request, best first.

  A request that has fewer than W items left has none at the end of its row.

  Attributes:
    items: int32 [B, W], item codes; -1 for none.
    scores: float32 [B, W], log-likelihoods in nats; -inf for none.
    ranks: int32 [B, W], from 1; those of equal score all have the last of their
      ranks; 0 for none.
    tokens: int32 [B, W, T], titles with EOS, padded with 0.
  """

  items: jax.Array
  scores: jax.Array
  ranks: jax.Array
  tokens: jax.Array


def recommend(
  module: network.Transformer,
  params: dict,
  encoder_input_tokens_BxL: jax.Array,
  beams: int,
  trie: Trie,
  excluded_items_BxX: jax.Array | None = None,
) -> Recommendations:
  """Generates items of a catalogue, each once.

  A search with as many beams as there are titles finds the likeliest of all for
  certain; one with fewer may miss a title that begins unlikely.

  Args:
    module: the network.
    params: its parameters.
    encoder_input_tokens_BxL: int32, padded with 0.
    beams: W, items to find for each request.
    trie: the catalogue.
    excluded_items_BxX: int32, codes of items that a request must not get, in
      any order, padded with -1; None for no such items. With an item goes what
      has the same title. Codes that the catalogue does not have say nothing.

  Raises:
    InputError: if the trie is of another vocabulary than the network.
  """
  if trie.vocab_size > module.config.vocab_size:
    raise InputError(
      f"the catalogue's tokens are of a vocabulary of {trie.vocab_size}, and "
      f"the network knows {module.config.vocab_size}: build the trie with the "
      "vocabulary that the network was trained with"
    )
  choices = InCatalogue.of(trie, excluded_items_BxX)
  found = search(
    module, params, encoder_input_tokens_BxL, beams, trie.length, choices
  )
  is_item_BxW = found.scores > -jnp.inf
  items_BxW = jnp.asarray(trie.item)[jnp.asarray(trie.low)[found.node]]
  as_good_BxWxW = found.scores[:, None, :] >= found.scores[:, :, None]
  return Recommendations(
    items=jnp.where(is_item_BxW, items_BxW, -1),
    scores=found.scores,
    ranks=jnp.where(is_item_BxW, jnp.sum(as_good_BxWxW, -1), 0),
    tokens=found.tokens,
  )


def search(
  module: network.Transformer,
  params: dict,
  encoder_input_tokens_BxL: jax.Array,
  beams: int,
  length: int,
  choices: Choices,
) -> Hypotheses:
  """Finds likely sequences.

  Args:
    module: the network.
    params: its parameters.
    encoder_input_tokens_BxL: int32, padded with 0.
    beams: W, sequences that go on, and that are found.
    length: T, tokens at most, with EOS.
    choices: what the sequences are made of.

  Returns:
    The best W, each with EOS at its end, unless it had not come to one after
    `length` tokens.
  """
  module = decoding.unrolled(module)
  B, W, T = len(encoder_input_tokens_BxL), beams, length
  variables = {"params": params}
  caches = module.apply(
    variables, encoder_input_tokens_BxL, W, T, method="start"
  )
  none = Hypotheses(
    jnp.full((B, W), -jnp.inf),
    jnp.zeros((B, W, T), jnp.int32),
    jnp.zeros((B, W), jnp.int32),
  )
  # All beams start alike: one of them is enough.
  live = none._replace(scores=none.scores.at[:, 0].set(0.0))
  ancestors_BxWxT = jnp.full((B, W, T), -1, jnp.int32)
  state = (jnp.int32(0), live, none, ancestors_BxWxT, caches)

  def goes_on(state: tuple) -> jax.Array:
    position, live, ended, _, _ = state
    better_B = jnp.max(live.scores, axis=1) > ended.scores[:, -1]
    return (position < T) & jnp.any(better_B)

  def chooses(state: tuple) -> jax.Array:
    if not choices.decide:
      return goes_on(state)
    live = state[1]
    no_choice_BxW = choices.is_decided(live.node) | (live.scores == -jnp.inf)
    return goes_on(state) & ~jnp.all(no_choice_BxW)

  def step(state: tuple) -> tuple:
    position, live, ended, ancestors_BxWxT, caches = state
    ancestors_BxWxT = _put(
      ancestors_BxWxT, jnp.tile(jnp.arange(W)[None], (B, 1)), position
    )
    before = jax.lax.dynamic_index_in_dim(
      live.tokens, jnp.maximum(position - 1, 0), axis=2, keepdims=False
    )
    logits_BxWxV, caches = module.apply(
      variables,
      jnp.where(position > 0, before, 0),
      caches,
      position,
      ancestors_BxWxT,
      encoder_input_tokens_BxL,
      method="step",
    )
    worth_BxW = live.scores - jax.nn.logsumexp(logits_BxWxV, axis=-1)
    may_end_BxW, end_BxW = choices.ends(live.node)
    end_scores_BxW = jnp.where(
      may_end_BxW, worth_BxW + logits_BxWxV[..., decoding.EOS], -jnp.inf
    )
    end_tokens = _put(live.tokens, jnp.full((B, W), decoding.EOS), position)
    ended = _best(ended, Hypotheses(end_scores_BxW, end_tokens, end_BxW))
    chosen = choices.best(logits_BxWxV, worth_BxW, live.node)
    live = Hypotheses(
      chosen.scores,
      _put(_at(live.tokens, chosen.parent), chosen.token, position),
      chosen.node,
    )
    ancestors_BxWxT = _at(ancestors_BxWxT, chosen.parent)
    return position + 1, live, ended, ancestors_BxWxT, caches

  state = jax.lax.while_loop(chooses, step, state)
  position, live, ended, _, caches = state
  if choices.decide:
    cross = [cache["cross"] for cache in caches]

    def finish() -> Hypotheses:
      tokens_BxWxT, end_BxW = choices.whole(live.tokens, live.node, position)
      is_live_BxW = live.scores > -jnp.inf
      tokens_BxWxT = jnp.where(is_live_BxW[..., None], tokens_BxWxT, 0)
      scores_BxW = _scores(
        module, params, encoder_input_tokens_BxL, cross, tokens_BxWxT
      )
      scores_BxW = jnp.where(is_live_BxW, scores_BxW, -jnp.inf)
      return _best(ended, Hypotheses(scores_BxW, tokens_BxWxT, end_BxW))

    ended = jax.lax.cond(goes_on(state), finish, lambda: ended)
  # What has had no room for an end. (None in a catalogue, whose titles fit.)
  cut_BxW = jnp.where(position == T, live.scores, -jnp.inf)
  found = _best(ended, live._replace(scores=cut_BxW))
  is_found_BxW = found.scores > -jnp.inf
  return found._replace(
    tokens=jnp.where(is_found_BxW[..., None], found.tokens, 0)
  )


def _scores(
  module: network.Transformer,
  params: dict,
  encoder_input_tokens_BxL: jax.Array,
  cross: list[tuple[jax.Array, jax.Array]],
  tokens_BxWxT: jax.Array,
) -> jax.Array:
  """Returns the log-likelihoods of whole sequences, [B, W].

  They lie one after the other in a row, for which there are a few sizes.
  """
  _, W, T = tokens_BxWxT.shape
  needed_B = candidate_rows.size_of_one(tokens_BxWxT)
  sizes = sorted({-(-W * T // parts) for parts in _ROW_PARTS})

  def of_size(size: int) -> jax.Array:
    rows = candidate_rows.in_one(tokens_BxWxT, size)
    first, rest = module.apply(
      {"params": params},
      encoder_input_tokens_BxL,
      cross,
      rows,
      method=candidate_pass.after_input,
    )
    return candidate_rows.sums(rows, first, rest)

  fits = jnp.max(needed_B) <= jnp.array(sizes)
  return jax.lax.switch(
    jnp.argmax(fits), [lambda size=size: of_size(size) for size in sizes]
  )


@dataclasses.dataclass(frozen=True)
class AnyText:
  """Every token of the vocabulary; a sequence may end anywhere."""

  decide = False

  def ends(self, node_BxW: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns yes, and the same node."""
    return jnp.ones(node_BxW.shape, bool), node_BxW

  def best(
    self, logits_BxWxV: jax.Array, scores_BxW: jax.Array, node_BxW: jax.Array
  ) -> Step:
    """Returns the best ways to go on."""
    W, V = logits_BxWxV.shape[1:]
    goes_on_V = jnp.arange(V) != decoding.EOS
    logits_BxWxV = jnp.where(goes_on_V[None, None], logits_BxWxV, -jnp.inf)
    # No beam has more than W of the best W.
    values_BxWxK, tokens_BxWxK = jax.lax.top_k(logits_BxWxV, min(W, V))
    K = values_BxWxK.shape[2]
    flat = (scores_BxW[..., None] + values_BxWxK).reshape(-1, W * K)
    scores_BxW, of_BxW = jax.lax.top_k(flat, W)
    tokens_BxW = _at(tokens_BxWxK.reshape(flat.shape), of_BxW)
    return Step(scores_BxW, of_BxW // K, tokens_BxW, jnp.zeros_like(of_BxW))


@dataclasses.dataclass(frozen=True)
class InCatalogue:
  """The titles of a trie, less those that a request excludes.

  Attributes:
    trie: the titles.
    excluded: int32 [B, X], numbers of the titles to leave out, each once; the
      number of titles, S, for none.
  """

  trie: Trie
  excluded: jax.Array
  decide = True

  @classmethod
  def of(
    cls, trie: Trie, excluded_items_BxX: jax.Array | None
  ) -> "InCatalogue":
    """Returns the choices, by items; see `recommend`."""
    trie = jax.tree.map(jnp.asarray, trie)
    if excluded_items_BxX is None:
      return cls(trie, jnp.zeros((1, 0), jnp.int32))
    N, S = len(trie.title), len(trie.item)
    is_item_BxX = (excluded_items_BxX >= 0) & (excluded_items_BxX < N)
    title_BxX = jnp.where(is_item_BxX, trie.title[excluded_items_BxX], S)
    title_BxX = jnp.sort(title_BxX, axis=1)
    again_BxX = title_BxX == jnp.roll(title_BxX, 1, axis=1)
    again_BxX &= jnp.arange(title_BxX.shape[1])[None] > 0
    return cls(trie, jnp.where(again_BxX, S, title_BxX))

  def ends(self, node_BxW: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns whether a title that is not excluded ends here, and its leaf."""
    leaf_BxW = self.trie.first_child[node_BxW]
    return self._has_end(node_BxW) & self._is_left(leaf_BxW), leaf_BxW

  def best(
    self, logits_BxWxV: jax.Array, scores_BxW: jax.Array, node_BxW: jax.Array
  ) -> Step:
    """Returns the best ways to go on.

    The children of all beams are numbered one beam after the other, and looked
    at in blocks: a node may have thousands, or one.
    """
    B, W = scores_BxW.shape
    first_BxW = self.trie.first_child[node_BxW] + self._has_end(node_BxW)
    count_BxW = self.trie.first_child[node_BxW + 1] - first_BxW
    count_BxW = jnp.where(scores_BxW > -jnp.inf, count_BxW, 0)
    until_BxW = jnp.cumsum(count_BxW, axis=1)
    total_B = until_BxW[:, -1]
    # A child's node less its number.
    shift_BxW = first_BxW - (until_BxW - count_BxW)
    rows_Bx_ = jnp.arange(B)[:, None]

    def block(state: tuple) -> tuple:
      start, best = state
      number_E = start + jnp.arange(_EDGES)
      beam_BxE = jnp.sum(number_E[None, None] >= until_BxW[..., None], axis=1)
      beam_BxE = jnp.minimum(beam_BxE, W - 1)
      is_edge_BxE = number_E[None] < total_B[:, None]
      child_BxE = _at(shift_BxW, beam_BxE) + number_E[None]
      child_BxE = jnp.where(is_edge_BxE, child_BxE, 0)
      token_BxE = self.trie.token[child_BxE]
      value_BxE = _at(scores_BxW, beam_BxE)
      value_BxE += logits_BxWxV[rows_Bx_, beam_BxE, token_BxE]
      value_BxE = jnp.where(
        is_edge_BxE & self._is_left(child_BxE), value_BxE, -jnp.inf
      )
      found = Step(value_BxE, beam_BxE, token_BxE, child_BxE)
      return start + _EDGES, _best(best, found)

    zeros_BxW = jnp.zeros((B, W), jnp.int32)
    none = Step(jnp.full((B, W), -jnp.inf), zeros_BxW, zeros_BxW, zeros_BxW)
    _, best = jax.lax.while_loop(
      lambda state: state[0] < jnp.max(total_B), block, (jnp.int32(0), none)
    )
    return best

  def is_decided(self, node_BxW: jax.Array) -> jax.Array:
    """Returns whether there is one title below a node."""
    return self.trie.high[node_BxW] - self.trie.low[node_BxW] == 1

  def whole(
    self, tokens_BxWxT: jax.Array, node_BxW: jax.Array, position: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Returns the titles below nodes that have one, and their leaves."""

    def add(at: jax.Array, state: tuple) -> tuple:
      tokens_BxWxT, node_BxW = state
      # A leaf's children are those of a node after it: it has none.
      is_leaf_BxW = self.trie.token[node_BxW] == decoding.EOS
      child_BxW = self.trie.first_child[node_BxW]
      node_BxW = jnp.where(is_leaf_BxW, node_BxW, child_BxW)
      token_BxW = jnp.where(is_leaf_BxW, 0, self.trie.token[node_BxW])
      return _put(tokens_BxWxT, token_BxW, at), node_BxW

    return jax.lax.fori_loop(
      position, tokens_BxWxT.shape[2], add, (tokens_BxWxT, node_BxW)
    )

  def _has_end(self, node: jax.Array) -> jax.Array:
    """Returns whether a title ends after a node that is no leaf."""
    return self.trie.token[self.trie.first_child[node]] == decoding.EOS

  def _is_left(self, node_BxE: jax.Array) -> jax.Array:
    """Returns whether some title below a node is not excluded."""
    low_BxEx_, high_BxEx_ = (
      bound[node_BxE][..., None] for bound in (self.trie.low, self.trie.high)
    )
    excluded_Bx_xX = self.excluded[:, None]
    below = (low_BxEx_ <= excluded_Bx_xX) & (excluded_Bx_xX < high_BxEx_)
    return jnp.sum(below, axis=-1) < (high_BxEx_ - low_BxEx_)[..., 0]


def _put(x_BxWxT: jax.Array, new_BxW: jax.Array, position: jax.Array):
  """Returns x with new values at one position."""
  return jax.lax.dynamic_update_index_in_dim(
    x_BxWxT, new_BxW.astype(x_BxWxT.dtype), position, axis=2
  )


def _at(x: jax.Array, places_BxW: jax.Array) -> jax.Array:
  """Returns [B, W, ...] of x [B, M, ...]: each request's own places."""
  places = places_BxW.reshape(*places_BxW.shape, *[1] * (x.ndim - 2))
  return jnp.take_along_axis(x, places, axis=1)


def _best(kept: Kept, new: Kept) -> Kept:
  """Returns as many of both as are kept, the best first."""
  both = jax.tree.map(lambda *xs: jnp.concatenate(xs, axis=1), kept, new)
  scores, places_BxW = jax.lax.top_k(both.scores, kept.scores.shape[1])
  chosen = jax.tree.map(lambda x: _at(x, places_BxW), both)
  return chosen._replace(scores=scores)
