"""The choices of a beam search: any text, or only a catalogue's titles.

Letters beside those of network.py: W beams, X excluded items, S titles of the
catalogue, E edges of the trie in a block.
"""

import dataclasses

import jax
import jax.numpy as jnp

from instructrec_jax.model import decoding
from instructrec_jax.model.hypotheses import Step, at, best_of, put
from instructrec_jax.model.trie import Trie

# Edges of the trie in a block, for each request. The beams rarely have more
# children together, except at the start.
_EDGES = 512

# Tokens [B, W, T] and nodes [B, W].
_Read = tuple[jax.Array, jax.Array]


@dataclasses.dataclass(frozen=True)
class AnyText:
  """Any token of the vocabulary. A sequence may end anywhere."""

  def ends(self, node_BxW: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns whether a sequence may end here, and the node of its end."""
    return jnp.ones(node_BxW.shape, bool), node_BxW

  def best(
    self, logits_BxWxV: jax.Array, scores_BxW: jax.Array, node_BxW: jax.Array
  ) -> Step:
    """Returns the best continuations.

    Args:
      logits_BxWxV: float32, logits of the next token.
      scores_BxW: float32, added to the logits; -inf if there is no beam.
      node_BxW: int32, the nodes of beams.
    """
    del node_BxW
    W, V = logits_BxWxV.shape[1:]
    goes_on_V = jnp.arange(V) != decoding.EOS
    logits_BxWxV = jnp.where(goes_on_V[None, None], logits_BxWxV, -jnp.inf)
    # At most W of the best W are from one beam.
    values_BxWxK, tokens_BxWxK = jax.lax.top_k(logits_BxWxV, min(W, V))
    K = values_BxWxK.shape[2]
    flat = (scores_BxW[..., None] + values_BxWxK).reshape(-1, W * K)
    scores_BxW, of_BxW = jax.lax.top_k(flat, W)
    tokens_BxW = at(tokens_BxWxK.reshape(flat.shape), of_BxW)
    return Step(scores_BxW, of_BxW // K, tokens_BxW, jnp.zeros_like(of_BxW))


@dataclasses.dataclass(frozen=True)
class InCatalogue:
  """The titles of a trie, without those that a request excludes.

  A beam is decided if only one title has its start.

  Attributes:
    trie: The titles.
    excluded: int32 [B, X], numbers of the titles to exclude, each once. The
      number of titles, S, stands for none.
  """

  trie: Trie
  excluded: jax.Array

  @classmethod
  def of(
    cls, trie: Trie, excluded_items_BxX: jax.Array | None
  ) -> "InCatalogue":
    """Returns the choices, given items to exclude; see `recommend`."""
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
    """Returns the best continuations.

    The children of all beams are numbered in the order of beams and processed
    in blocks, because a node may have one or thousands.
    """
    B, W = scores_BxW.shape
    first_BxW = self.trie.first_child[node_BxW] + self._has_end(node_BxW)
    count_BxW = self.trie.first_child[node_BxW + 1] - first_BxW
    count_BxW = jnp.where(scores_BxW > -jnp.inf, count_BxW, 0)
    until_BxW = jnp.cumsum(count_BxW, axis=1)
    total_B = until_BxW[:, -1]
    # A child's node, minus its number.
    shift_BxW = first_BxW - (until_BxW - count_BxW)
    rows_Bx_ = jnp.arange(B)[:, None]

    def block(state: tuple[jax.Array, Step]) -> tuple[jax.Array, Step]:
      start, best = state
      number_E = start + jnp.arange(_EDGES)
      beam_BxE = jnp.sum(number_E[None, None] >= until_BxW[..., None], axis=1)
      beam_BxE = jnp.minimum(beam_BxE, W - 1)
      is_edge_BxE = number_E[None] < total_B[:, None]
      child_BxE = at(shift_BxW, beam_BxE) + number_E[None]
      child_BxE = jnp.where(is_edge_BxE, child_BxE, 0)
      token_BxE = self.trie.token[child_BxE]
      value_BxE = at(scores_BxW, beam_BxE)
      value_BxE += logits_BxWxV[rows_Bx_, beam_BxE, token_BxE]
      value_BxE = jnp.where(
        is_edge_BxE & self._is_left(child_BxE), value_BxE, -jnp.inf
      )
      found = Step(value_BxE, beam_BxE, token_BxE, child_BxE)
      return start + _EDGES, best_of(best, found)

    zeros_BxW = jnp.zeros((B, W), jnp.int32)
    none = Step(jnp.full((B, W), -jnp.inf), zeros_BxW, zeros_BxW, zeros_BxW)
    _, best = jax.lax.while_loop(
      lambda state: state[0] < jnp.max(total_B), block, (jnp.int32(0), none)
    )
    return best

  def is_decided(self, node_BxW: jax.Array) -> jax.Array:
    """Returns whether there is only one title below a node."""
    return self.trie.high[node_BxW] - self.trie.low[node_BxW] == 1

  def whole(
    self, tokens_BxWxT: jax.Array, node_BxW: jax.Array, position: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Returns the titles below nodes with one title, and their leaves.

    Args:
      tokens_BxWxT: int32, the tokens before the position.
      node_BxW: int32, the nodes of beams.
      position: int32.
    """

    def add(at: jax.Array, state: _Read) -> _Read:
      tokens_BxWxT, node_BxW = state
      # A leaf has no children; `first_child` is then another node's child.
      is_leaf_BxW = self.trie.token[node_BxW] == decoding.EOS
      child_BxW = self.trie.first_child[node_BxW]
      node_BxW = jnp.where(is_leaf_BxW, node_BxW, child_BxW)
      token_BxW = jnp.where(is_leaf_BxW, 0, self.trie.token[node_BxW])
      return put(tokens_BxWxT, token_BxW, at), node_BxW

    return jax.lax.fori_loop(
      position, tokens_BxWxT.shape[2], add, (tokens_BxWxT, node_BxW)
    )

  def _has_end(self, node: jax.Array) -> jax.Array:
    """Returns whether a title ends after a node that is not a leaf."""
    return self.trie.token[self.trie.first_child[node]] == decoding.EOS

  def _is_left(self, node_BxE: jax.Array) -> jax.Array:
    """Returns whether some title below a node is not excluded."""
    low_BxEx_, high_BxEx_ = (
      bound[node_BxE][..., None] for bound in (self.trie.low, self.trie.high)
    )
    excluded_Bx_xX = self.excluded[:, None]
    below = (low_BxEx_ <= excluded_Bx_xX) & (excluded_Bx_xX < high_BxEx_)
    return jnp.sum(below, axis=-1) < (high_BxEx_ - low_BxEx_)[..., 0]


# The choices that a search can have.
Choices = AnyText | InCatalogue
