"""The losses of models of items, by name.

A loss compares the score of a place's target with those of other items. Scores
are dot products of the network's output and item vectors.

Letters: T places, N sampled items, R rows of the table, D the width.
"""

import dataclasses
from collections.abc import Callable, Mapping

import gin
import jax
import jax.numpy as jnp

from instructrec_jax.model import sharding
from instructrec_jax.model.items import full_softmax
from instructrec_jax.settings import kinds

# Returns the vectors [..., D] of rows [...] of the table.
Embed = Callable[[jax.Array], jax.Array]


@gin.configurable(module="instructrec_jax")
@dataclasses.dataclass(frozen=True)
class ItemLoss:
  """The loss of a model of items.

  Attributes:
    name: A key of `LOSSES`.
    num_negatives: Items that are sampled, uniformly and with replacement, for
      all places of a batch together. "softmax" needs none, and "bce" samples
      one for each place.
    calibration: t of gBCE: 0 is the plain binary cross-entropy, 1 gives the
      probabilities of a softmax.

  Raises:
    InputError: A value is none of its kind.
  """

  name: str = "softmax"
  num_negatives: int = 256
  calibration: float = 0.75

  def __post_init__(self) -> None:
    for name, kind in (
      ("name", kinds.Choice(tuple(LOSSES))),
      ("num_negatives", kinds.Whole()),
      ("calibration", kinds.Number(0, 1)),
    ):
      kinds.check(f"ItemLoss.{name}", kind, getattr(self, name))

  def __call__(self, places: "Places") -> tuple[jax.Array, jax.Array]:
    """Returns two sums over places, float32 scalars.

    The first is the loss in nats. The second counts the places whose target no
    other item that was scored surpasses.
    """
    return LOSSES[self.name](self, places)


@dataclasses.dataclass(frozen=True)
class Places:
  """The places of a batch whose item is to be predicted.

  Attributes:
    hidden: float32 [T, D], the network's output.
    targets: int32 [T], rows of the table.
    weights: float32 [T], 0 for a place without a target.
    embed: Returns the vectors of rows.
    table: Returns the whole table, float32 [R, D].
    num_items: The number of items; rows from it on are no items.
    key: The key to sample items with.
    log_shares: float32 [T], the log of each target's share of all targets.
  """

  hidden: jax.Array
  targets: jax.Array
  weights: jax.Array
  embed: Embed
  table: Callable[[], jax.Array]
  num_items: int
  key: jax.Array
  log_shares: jax.Array

  def target_scores(self) -> jax.Array:
    """Returns the score of each place's target, float32 [T]."""
    return jnp.sum(self.hidden * self.embed(self.targets), axis=1)

  def sampled_scores(self, count: int) -> tuple[jax.Array, jax.Array]:
    """Samples items, and returns their scores.

    Returns:
      float32 [T, N], and bool [T, N], whether the item is not the target.
    """
    item_N = jax.random.randint(self.key, (count,), 0, self.num_items)
    scores_TxN = self.hidden @ self.embed(item_N).T
    return scores_TxN, item_N[None] != self.targets[:, None]

  def sums(
    self, of_loss: jax.Array, highest: jax.Array, target: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Returns the weighted sums of a loss and of targets that are highest."""
    first = (target >= highest).astype(jnp.float32)
    return jnp.sum(of_loss * self.weights), jnp.sum(first * self.weights)


def _softmax(settings: ItemLoss, places: Places) -> tuple[jax.Array, jax.Array]:
  """The negative log-likelihood over the whole catalogue."""
  del settings
  logp, first = full_softmax.log_likelihood(
    places.hidden,
    places.table(),
    places.targets,
    places.weights,
    places.num_items,
  )
  return -logp, first


def _sampled_softmax(
  settings: ItemLoss, places: Places
) -> tuple[jax.Array, jax.Array]:
  """The softmax over the target and sampled items.

  Each of N items stands for num_items / N, so the log of this rate is added to
  its score: the sum of exponentials is then an unbiased estimate of the whole
  catalogue's (Bengio & Senécal 2003).
  """
  count = settings.num_negatives
  target_T = places.target_scores()
  scores_TxN, other_TxN = places.sampled_scores(count)
  scores_TxN = jnp.where(other_TxN, scores_TxN, -jnp.inf)
  rest_T = jax.nn.logsumexp(scores_TxN, axis=1)
  rest_T += jnp.log(jnp.float32(places.num_items / count))
  loss_T = jnp.logaddexp(target_T, rest_T) - target_T
  return places.sums(loss_T, jnp.max(scores_TxN, axis=1), target_T)


def _in_batch(
  settings: ItemLoss, places: Places
) -> tuple[jax.Array, jax.Array]:
  """The softmax over the target and the targets of the batch's other places.

  A target comes up in proportion to its share q of all targets, so popular
  items are compared too often. The target u of one of N other places stands for
  1 / (N q_u) items: the log of it is added to its score (Yi et al. 2019), and
  the sum of exponentials is then an unbiased estimate of the whole catalogue's.
  Places with the same target are left out.
  """
  del settings
  scores_TxT = places.hidden @ places.embed(places.targets).T
  scores_TxT = sharding.constrain(scores_TxT, "batch", None)
  target_T = jnp.diagonal(scores_TxT)
  other_TxT = places.targets[:, None] != places.targets[None]
  other_TxT &= (places.weights > 0)[None]
  scores_TxT = jnp.where(other_TxT, scores_TxT, -jnp.inf)
  count = jnp.maximum(jnp.sum(places.weights > 0) - 1, 1)
  rest_T = jax.nn.logsumexp(scores_TxT - places.log_shares[None], axis=1)
  rest_T -= jnp.log(count.astype(jnp.float32))
  loss_T = jnp.logaddexp(target_T, rest_T) - target_T
  return places.sums(loss_T, jnp.max(scores_TxT, axis=1), target_T)


def _bce(settings: ItemLoss, places: Places) -> tuple[jax.Array, jax.Array]:
  """Binary cross-entropy of the target and one other item.

  It is the loss of the SASRec paper (Kang & McAuley 2018).
  """
  del settings
  target_T = places.target_scores()
  # The row after a target's, and so on, is any item but the target.
  step_T = jax.random.randint(
    places.key, target_T.shape, 1, max(places.num_items, 2)
  )
  other_T = (places.targets + step_T) % places.num_items
  scores_T = jnp.sum(places.hidden * places.embed(other_T), axis=1)
  loss_T = jax.nn.softplus(-target_T) + jax.nn.softplus(scores_T)
  return places.sums(loss_T, scores_T, target_T)


def _gbce(settings: ItemLoss, places: Places) -> tuple[jax.Array, jax.Array]:
  """Generalized binary cross-entropy of gSASRec (Petrov & Macdonald 2023).

  The target's probability is sigmoid(score)^β, which takes back that only a
  share α = N / (items - 1) of the other items is sampled: β = α (t (1 - 1/α) +
  1/α), where t is the calibration.
  """
  count = settings.num_negatives
  alpha = min(count / max(places.num_items - 1, 1), 1.0)
  t = settings.calibration
  beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
  target_T = places.target_scores()
  scores_TxN, other_TxN = places.sampled_scores(count)
  of_others_T = jnp.sum(
    jnp.where(other_TxN, jax.nn.softplus(scores_TxN), 0.0), axis=1
  )
  loss_T = beta * jax.nn.softplus(-target_T) + of_others_T
  scores_TxN = jnp.where(other_TxN, scores_TxN, -jnp.inf)
  return places.sums(loss_T, jnp.max(scores_TxN, axis=1), target_T)


Loss = Callable[[ItemLoss, Places], tuple[jax.Array, jax.Array]]
LOSSES: Mapping[str, Loss] = {
  "softmax": _softmax,
  "sampled_softmax": _sampled_softmax,
  "in_batch": _in_batch,
  "bce": _bce,
  "gbce": _gbce,
}
