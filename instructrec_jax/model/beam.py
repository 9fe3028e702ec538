"""Beam search on the device, for any text or for a catalogue's titles.

Scores are log-likelihoods in nats of the whole sequence over the whole
vocabulary. So a title has the same score as it has as a candidate.

The search keeps the best W live beams and the best W ended sequences. A beam's
score can only fall, so the search stops when in all requests no live beam is
better than the last ended one.

If a catalogue leaves only one title for each beam, the rest of the titles is
scored in one pass, as for candidates.

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

# The sizes of the row that titles are completed in, as parts of the size that
# as many of the longest title would need.
_ROW_PARTS = 4, 2, 1


class Recommendations(NamedTuple):
  """The most likely items of each request, best first.

  If a request has fewer than W items, its row is padded.

  Attributes:
    items: int32 [B, W], item codes, -1 for none.
    scores: float32 [B, W], log-likelihoods in nats, -inf for none.
    ranks: int32 [B, W], from 1, 0 for none. Equal scores all have the last of
      their ranks.
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

  A search with as many beams as titles finds the most likely ones. One with
  fewer beams may miss a title with an unlikely start.

  Args:
    module: The network.
    params: Its parameters.
    encoder_input_tokens_BxL: int32, padded with 0.
    beams: W, the number of items to find for each request.
    trie: The catalogue.
    excluded_items_BxX: int32, codes of items to exclude from each request, in
      any order, padded with -1. Items with the same title are excluded too, and
      codes outside the catalogue are ignored.

  Raises:
    InputError: The trie's vocabulary is larger than the network's.
  """
  if trie.vocab_size > module.config.vocab_size:
    raise InputError(
      f"the catalogue's vocabulary has {trie.vocab_size} tokens, but the "
      f"network has {module.config.vocab_size}: build the trie with the "
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
    module: The network.
    params: Its parameters.
    encoder_input_tokens_BxL: int32, padded with 0.
    beams: W, the number of live beams, and of sequences to find.
    length: T, the most tokens, with EOS.
    choices: The sequences to choose from.

  Returns:
    The best W. Each ends with EOS, unless it was cut after `length` tokens.
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
  # Sequences that were cut. (A catalogue's titles always fit.)
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
  """The state of a search before a position.

  Attributes:
    position: int32 scalar, the position of the next token.
    live: The live beams.
    ended: The best ended sequences.
    ancestors: int32 [B, W, T], the place among beams that each position of a
      beam was read at; -1 if it was not read yet.
    caches: Caches of the network's layers.
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
    # All beams would start the same, so only one is live.
    live=none._replace(scores=none.scores.at[:, 0].set(0.0)),
    ended=none,
    ancestors=jnp.full((B, W, T), -1, jnp.int32),
    caches=model.apply("start", model.inputs, W, T),
  )


def _goes_on(state: _State) -> jax.Array:
  """Returns whether a live beam may still beat an ended sequence."""
  better_B = jnp.max(state.live.scores, axis=1) > state.ended.scores[:, -1]
  return (state.position < state.live.tokens.shape[2]) & jnp.any(better_B)


def _step(model: _Model, choices: Choices, state: _State) -> _State:
  """Reads one token of each beam, ends beams, and chooses the next tokens."""
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
  """Completes and scores the beams that have no choice left, in one pass."""
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

  A request's sequences share one row, which has one of a few sizes.
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
