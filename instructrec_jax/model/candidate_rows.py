"""The layout of a request's candidates in the rows that the decoder reads.

The decoder's first input is the start token for all candidates. So a request
has only one such position, which gives the likelihood of every first token. The
rest of the decoder's input, a candidate's tokens but its last, is in rows with
several candidates each. (Titles share little more than their start. For random
titles of Amazon's Games, a tree over 20 candidates saves 0.5 % of the
positions, over 100 candidates 2 %. Rows without padding save half to three
quarters.)

Letters beside those of network.py: R rows of a request, S positions of a row.
"""

from typing import Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from instructrec_jax.model import packing

# Rows are NumPy arrays on the host, and JAX arrays in compiled functions.
Array = TypeVar("Array", jax.Array, np.ndarray)


class CandidateRows(NamedTuple, Generic[Array]):
  """The candidates of B requests, int32.

  Attributes:
    first: [B, C], the first token of each candidate, 0 for an absent one.
    tokens: [B, R, S], the decoder's inputs after the start token.
    following: [B, R, S], the token after each.
    candidate: [B, R, S], the candidate of each, from 1, or 0 for padding.
    place: [B, R, S], the place of each in its candidate, from 1.
  """

  first: Array
  tokens: Array
  following: Array
  candidate: Array
  place: Array


def one_a_row(candidates_BxCxT: jax.Array) -> CandidateRows[jax.Array]:
  """Returns rows of one candidate each, with the padding that they have."""
  _, C, T = candidates_BxCxT.shape
  if T == 1:  # A row has at least one position.
    candidates_BxCxT = jnp.pad(candidates_BxCxT, ((0, 0), (0, 0), (0, 1)))
  following = candidates_BxCxT[..., 1:]
  is_real = following > 0
  number_C_ = jnp.arange(1, C + 1)[None, :, None]
  place_T = jnp.arange(1, following.shape[2] + 1)[None, None]
  return CandidateRows(
    first=candidates_BxCxT[..., 0],
    tokens=candidates_BxCxT[..., :-1],
    following=following,
    candidate=jnp.where(is_real, number_C_, 0),
    place=jnp.where(is_real, place_T, 0),
  )


def size_of_one(candidates_BxCxT: jax.Array) -> jax.Array:
  """Returns the positions that each request's candidates need, int32 [B]."""
  length_BxC = jnp.sum(candidates_BxCxT > 0, axis=2)
  return jnp.sum(jnp.maximum(length_BxC - 1, 0), axis=1)


def in_one(candidates_BxCxT: jax.Array, size: int) -> CandidateRows[jax.Array]:
  """Returns one row a request, with its candidates one after the other.

  Args:
    candidates_BxCxT: int32, padded with 0. They may be traced.
    size: S, at least the values of `size_of_one`.
  """
  each = one_a_row(candidates_BxCxT)
  length_BxC = jnp.sum(each.candidate > 0, axis=2)
  begin_BxC = jnp.cumsum(length_BxC, axis=1) - length_BxC
  # Padding goes past the row's end, where it is dropped.
  at_BxCxT = jnp.where(
    each.candidate > 0, begin_BxC[..., None] + each.place - 1, size
  )
  request_Bx_x_ = jnp.arange(len(begin_BxC))[:, None, None]

  def put(values_BxCxT: jax.Array) -> jax.Array:
    row_BxS = jnp.zeros((len(begin_BxC), size), jnp.int32)
    row_BxS = row_BxS.at[request_Bx_x_, at_BxCxT].set(values_BxCxT, mode="drop")
    return row_BxS[:, None]

  return CandidateRows(each.first, *map(put, each[1:]))


class Places(NamedTuple):
  """The start of each candidate of N requests, int64 [N, C].

  Attributes:
    row: The row of its request.
    position: The position in that row.
    length: The positions that it needs: its tokens but the last.
  """

  row: np.ndarray
  position: np.ndarray
  length: np.ndarray


def places(candidates_NxCxT: np.ndarray, width: int) -> Places:
  """Places candidates into rows by first-fit decreasing.

  Args:
    candidates_NxCxT: int32, padded with 0.
    width: S, at least a candidate's tokens but the last.
  """
  N, C, _ = candidates_NxCxT.shape
  length_NxC = np.maximum((candidates_NxCxT > 0).sum(axis=2) - 1, 0)
  order_NxC = np.argsort(-length_NxC, axis=1, kind="stable")
  sorted_CxN = np.take_along_axis(length_NxC, order_NxC, axis=1).T
  # A row's second length is not used.
  row_CxN = packing.first_fit(
    np.stack([sorted_CxN, np.zeros_like(sorted_CxN)], axis=2), (width, 0), 1
  )
  row_NxC = np.empty((N, C), np.int64)
  np.put_along_axis(row_NxC, order_NxC, row_CxN.T, axis=1)
  by_row_NxC = np.argsort(row_NxC, axis=1, kind="stable")
  length = np.take_along_axis(length_NxC, by_row_NxC, axis=1)
  row = np.take_along_axis(row_NxC, by_row_NxC, axis=1)
  before = np.cumsum(length, axis=1) - length
  begins = np.diff(row, axis=1, prepend=-1) > 0
  row_start = np.maximum.accumulate(np.where(begins, before, 0), axis=1)
  position_NxC = np.empty((N, C), np.int64)
  np.put_along_axis(position_NxC, by_row_NxC, before - row_start, axis=1)
  return Places(row_NxC, position_NxC, length_NxC)


def fill(
  candidates_BxCxT: np.ndarray, places: Places, rows: int, width: int
) -> CandidateRows[np.ndarray]:
  """Returns the rows of some requests.

  Args:
    candidates_BxCxT: int32, padded with 0.
    places: The places of these candidates.
    rows: R, at least the rows of `places`.
    width: S, as for `places`.
  """
  B, _, T = candidates_BxCxT.shape
  b, c, t = np.nonzero(np.arange(T)[None, None] < places.length[..., None])
  at = b, places.row[b, c], places.position[b, c] + t

  def put(values: np.ndarray) -> np.ndarray:
    array_BxRxS = np.zeros((B, rows, width), np.int32)
    array_BxRxS[at] = values
    return array_BxRxS

  return CandidateRows(
    first=np.asarray(candidates_BxCxT[..., 0], np.int32),
    tokens=put(candidates_BxCxT[b, c, t]),
    following=put(candidates_BxCxT[b, c, t + 1]),
    candidate=put(c + 1),
    place=put(t + 1),
  )


def sums(
  rows: CandidateRows[jax.Array],
  of_first_BxC: jax.Array,
  of_rest_BxRxS: jax.Array,
) -> jax.Array:
  """Returns the sum over each candidate's tokens, [B, C].

  Args:
    rows: The candidates.
    of_first_BxC: A value for each candidate's first token.
    of_rest_BxRxS: A value for each token in `rows.following`.
  """
  B, C = of_first_BxC.shape
  number_C = jnp.arange(1, C + 1)[None, None]
  is_its_BxPxC = rows.candidate.reshape(B, -1, 1) == number_C
  rest_BxPx_ = of_rest_BxRxS.reshape(B, -1, 1)
  rest_BxC = jnp.sum(jnp.where(is_its_BxPxC, rest_BxPx_, 0), axis=1)
  return jnp.where(rows.first > 0, of_first_BxC, 0) + rest_BxC
