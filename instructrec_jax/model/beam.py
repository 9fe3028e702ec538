"""Beam search on the device: of any text, or of a catalogue's titles alone.

Scores are log-likelihoods in nats, of the whole sequence and over the whole
vocabulary: of a title the same figure that it has as a given candidate.

Sequences that have ended are kept beside the beams that go on, the best W of
each. A beam's score can but fall, so that the search is over when none that
goes on is better than the last of those kept, in any request.

Where a catalogue leaves each beam a single title, there is nothing more to
choose: all of them are read to their ends in one pass, as given candidates are.

Letters beside those of network.py: W beams, X excluded items.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from instructrec_jax.errors import InputError
from instructrec_jax.model import (
  candidate_pass,
  candidate_rows,
  decoding,
  network,
)
from instructrec_jax.model.choices import Choices, InCatalogue
from instructrec_jax.model.hypotheses import Hypotheses, at, best_of, put
from instructrec_jax.model.trie import Trie

# Titles that are read to their ends take this part of the room that as many of
# the longest would take.
_ROW_PARTS = 4, 2, 1


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
  params: network.Params,
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
  titles = InCatalogue.of(trie, excluded_items_BxX)
  found = search(
    module, params, encoder_input_tokens_BxL, beams, trie.length, titles
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
  params: network.Params,
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
  model = _Model(module, params, encoder_input_tokens_BxL)
  state = _start(model, beams, length)

  def chooses(state: _State) -> jax.Array:
    if not isinstance(choices, InCatalogue):
      return _goes_on(state)
    live = state.live
    no_choice_BxW = choices.is_decided(live.node) | (live.scores == -jnp.inf)
    return _goes_on(state) & ~jnp.all(no_choice_BxW)

  state = jax.lax.while_loop(
    chooses, functools.partial(_step, model, choices), state
  )
  ended = state.ended
  if isinstance(choices, InCatalogue):
    ended = jax.lax.cond(
      _goes_on(state), lambda: _finish(model, choices, state), lambda: ended
    )
  # What has had no room for an end. (None in a catalogue, whose titles fit.)
  cut_BxW = jnp.where(state.position == length, state.live.scores, -jnp.inf)
  found = best_of(ended, state.live._replace(scores=cut_BxW))
  is_found_BxW = found.scores > -jnp.inf
  return found._replace(
    tokens=jnp.where(is_found_BxW[..., None], found.tokens, 0)
  )


class _Model(NamedTuple):
  """A network, its parameters, and its inputs: int32 [B, L]."""

  module: network.Transformer
  params: network.Params
  inputs: jax.Array

  def apply(self, method: str | Callable[..., Any], *arguments: Any) -> Any:
    """Calls a method of the network."""
    return self.module.apply({"params": self.params}, *arguments, method=method)


class _State(NamedTuple):
  """What a search knows before a position.

  Attributes:
    position: int32 scalar, of the token that comes next.
    live: the beams that go on.
    ended: the best of those that have ended.
    ancestors: int32 [B, W, T], the beam in whose place each position of a beam
      was read; -1 where none was yet.
    caches: of the network's layers.
  """

  position: jax.Array
  live: Hypotheses
  ended: Hypotheses
  ancestors: jax.Array
  caches: Any


def _start(model: _Model, W: int, T: int) -> _State:
  """Returns the state before the first token."""
  B = len(model.inputs)
  none = Hypotheses(
    jnp.full((B, W), -jnp.inf),
    jnp.zeros((B, W, T), jnp.int32),
    jnp.zeros((B, W), jnp.int32),
  )
  return _State(
    position=jnp.int32(0),
    # All beams start alike: one of them is enough.
    live=none._replace(scores=none.scores.at[:, 0].set(0.0)),
    ended=none,
    ancestors=jnp.full((B, W, T), -1, jnp.int32),
    caches=model.apply("start", model.inputs, W, T),
  )


def _goes_on(state: _State) -> jax.Array:
  """Returns whether a beam may still end better than what has ended."""
  better_B = jnp.max(state.live.scores, axis=1) > state.ended.scores[:, -1]
  return (state.position < state.live.tokens.shape[2]) & jnp.any(better_B)


def _step(model: _Model, choices: Choices, state: _State) -> _State:
  """Reads one token of each beam, ends beams, and chooses how they go on."""
  position, live, ended, ancestors_BxWxT, caches = state
  B, W = live.scores.shape
  ancestors_BxWxT = put(
    ancestors_BxWxT, jnp.tile(jnp.arange(W)[None], (B, 1)), position
  )
  before_BxW = jax.lax.dynamic_index_in_dim(
    live.tokens, jnp.maximum(position - 1, 0), axis=2, keepdims=False
  )
  logits_BxWxV, caches = model.apply(
    "step",
    jnp.where(position > 0, before_BxW, 0),
    caches,
    position,
    ancestors_BxWxT,
    model.inputs,
  )
  worth_BxW = live.scores - jax.nn.logsumexp(logits_BxWxV, axis=-1)
  may_end_BxW, end_BxW = choices.ends(live.node)
  end_scores_BxW = jnp.where(
    may_end_BxW, worth_BxW + logits_BxWxV[..., decoding.EOS], -jnp.inf
  )
  end_tokens_BxWxT = put(live.tokens, jnp.full((B, W), decoding.EOS), position)
  chosen = choices.best(logits_BxWxV, worth_BxW, live.node)
  return _State(
    position + 1,
    Hypotheses(
      chosen.scores,
      put(at(live.tokens, chosen.parent), chosen.token, position),
      chosen.node,
    ),
    best_of(ended, Hypotheses(end_scores_BxW, end_tokens_BxWxT, end_BxW)),
    at(ancestors_BxWxT, chosen.parent),
    caches,
  )


def _finish(model: _Model, choices: InCatalogue, state: _State) -> Hypotheses:
  """Reads the beams that have no choice left to their ends, in one pass."""
  live = state.live
  tokens_BxWxT, end_BxW = choices.whole(live.tokens, live.node, state.position)
  is_live_BxW = live.scores > -jnp.inf
  tokens_BxWxT = jnp.where(is_live_BxW[..., None], tokens_BxWxT, 0)
  cross = [cache["cross"] for cache in state.caches]
  scores_BxW = _scores(model, cross, tokens_BxWxT)
  scores_BxW = jnp.where(is_live_BxW, scores_BxW, -jnp.inf)
  return best_of(state.ended, Hypotheses(scores_BxW, tokens_BxWxT, end_BxW))


def _scores(
  model: _Model,
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
    first, rest = model.apply(
      candidate_pass.after_input, model.inputs, cross, rows
    )
    return candidate_rows.sums(rows, first, rest)

  fits = jnp.max(needed_B) <= jnp.array(sizes)
  return jax.lax.switch(
    jnp.argmax(fits), [lambda size=size: of_size(size) for size in sizes]
  )
