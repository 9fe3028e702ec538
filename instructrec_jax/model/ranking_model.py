"""The model that both runners use: loss, evaluation and candidate scores.

`RankingModel` fulfils T5X's model contract without importing T5X. It has the
attributes and methods that T5X's trainer and evaluator call. T5X does not check
its base class.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import gin
import jax
import jax.numpy as jnp
from clu import metrics as clu_metrics

from instructrec_jax.errors import InputError
from instructrec_jax.model import (
  beam,
  candidate_pass,
  candidate_rows,
  choices,
  decoding,
  exchange,
  network,
  parameters,
  sharding,
  trie,
)
from instructrec_jax.model.likelihood import target_logit, token_log_likelihood
from instructrec_jax.settings import kinds, macros

Batch = Mapping[str, jax.Array]
Params = network.Params
Metrics = dict[str, clu_metrics.Metric]

# T5X's names of loss normalizing factors, as functions of the loss weights.
LOSS_NORMALIZERS: dict[str, Callable[[jax.Array], jax.Array | int]] = {
  "NUM_REAL_TARGET_TOKENS": jnp.sum,
  "NUM_TOTAL_TARGET_TOKENS": lambda weights: weights.size,
}


@gin.configurable(module="instructrec_jax.ranking_model")
class RankingModel:
  """A T5.1.1 that is trained on targets and scores candidates by likelihood.

  Attributes:
    config: The sizes of the network.
    module: The network, a `network.Transformer`.
    optimizer_def: T5X's optimizer. Our runner gets its optimizer separately.
    FEATURE_CONVERTER_CLS: The SeqIO converter for batches. It is an argument,
      because it needs TensorFlow.
  """

  def __init__(
    self,
    config: network.T5Config,
    input_vocabulary: Any = None,
    output_vocabulary: Any = None,
    optimizer_def: Any = None,
    feature_converter_cls: Any = None,
    z_loss: float = 1e-4,
    loss_normalizing_factor: float | str | None = None,
    num_beams: int = 1,
    catalogue: trie.Trie | None = None,
    length_power: float = 0.0,
    prior_weight: float = 0.0,
    popularity_weight: float = 0.0,
  ):
    """Builds the network, without parameters.

    Args:
      config: The sizes of the network.
      input_vocabulary: SeqIO's vocabulary of the inputs, for T5X.
      output_vocabulary: SeqIO's vocabulary of the targets, for T5X.
      optimizer_def: T5X's optimizer definition, for T5X.
      feature_converter_cls: SeqIO's feature converter, for T5X.
      z_loss: The weight of the squared log normalizer, which keeps logits near
        zero. 1e-4 is T5X's.
      loss_normalizing_factor: The divisor of the summed loss: a number, a key
        of `LOSS_NORMALIZERS`, or None for 1. Adafactor's steps depend on it
        only through its epsilons.
      num_beams: The beams of `predict_batch`. 1 without a catalogue is greedy
        decoding.
      catalogue: The titles that `predict_batch` chooses from, see
        `instructrec_jax.title_trie`. By default it writes any text.
      length_power: A candidate's log-likelihood is divided by (its tokens /
        the mean of its request)^length_power. 0 ranks by the sum over tokens,
        1 by the mean. Candidates of equal length, such as yes and no, keep
        their scores.
      prior_weight: The weight w of `exchange`.
      popularity_weight: The weight a of `exchange`.

    Raises:
      InputError: A value is none of its kind, or a catalogue comes with a
        weight.
    """
    macros.check_parameters(
      "RankingModel",
      {
        "z_loss": z_loss,
        "loss_normalizing_factor": loss_normalizing_factor,
        "num_beams": num_beams,
        "length_power": length_power,
        "prior_weight": prior_weight,
        "popularity_weight": popularity_weight,
      },
      others=kinds.Number(),
    )
    if catalogue is not None and (prior_weight or popularity_weight):
      raise InputError(
        f"PRIOR_WEIGHT is {prior_weight}, POPULARITY_WEIGHT is "
        f"{popularity_weight}: expected 0 and 0, because a catalogue's beams "
        "are ranked by the likelihood alone"
      )
    self.config = config
    self.module = network.Transformer(config)
    self.input_vocabulary = input_vocabulary
    self.output_vocabulary = output_vocabulary
    self.optimizer_def = optimizer_def
    self.FEATURE_CONVERTER_CLS = feature_converter_cls
    self._z_loss = z_loss
    self._loss_normalizing_factor = loss_normalizing_factor
    self._num_beams = num_beams
    self._catalogue = catalogue
    self._length_power = length_power
    self.prior_weight = prior_weight
    self.popularity_weight = popularity_weight

  def get_initial_variables(
    self,
    rng: jax.Array,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
    input_types: Mapping[str, Any] | None = None,
  ) -> dict[str, Any]:
    """Returns initial parameters and the logical axes of each.

    Args:
      rng: The key to draw them with.
      input_shapes: Not used. T5X passes it.
      input_types: Not used. T5X passes it.

    Returns:
      {"params", "params_axes"} in T5X's layout.
    """
    del input_shapes, input_types
    tokens = jnp.zeros((1, 1), jnp.int32)
    return parameters.with_axes(
      self.module.init(rng, tokens, tokens[None])["params"]
    )

  def parameter_shapes(self) -> Params:
    """Returns the parameters' shapes and dtypes, without making any."""
    return jax.eval_shape(
      lambda: self.get_initial_variables(jax.random.key(0))["params"]
    )

  def loss_fn(
    self, params: Params, batch: Batch, dropout_rng: jax.Array | None
  ) -> tuple[jax.Array, Metrics]:
    """Returns the loss to differentiate, and sums with counts to report.

    Args:
      params: The network's parameters.
      batch: int32 encoder_input_tokens [B, L], decoder_input_tokens and
        decoder_target_tokens [B, T]. Optional are decoder_loss_weights [B, T]
        (by default 1 except for padding) and, for packed rows,
        encoder_segment_ids [B, L] and decoder_segment_ids [B, T].
      dropout_rng: The key for dropout, or None for no dropout.

    Returns:
      The loss, summed over target tokens and divided by the normalizing factor,
      and metrics. "loss" is the negative log-likelihood in nats a target token,
      "accuracy" the share of targets with the highest logit, "z_loss" in nats a
      target token, and "input_fill" and "target_fill" the shares of positions
      without padding.
    """
    targets_BxT = batch["decoder_target_tokens"]
    weights_BxT = batch.get("decoder_loss_weights", targets_BxT > 0)
    weights_BxT = weights_BxT.astype(jnp.float32)
    logits_BxTxV = self._logits(params, batch, dropout_rng)
    logp_BxT, log_z_BxT = token_log_likelihood(logits_BxTxV, targets_BxT)
    z_loss_BxT = self._z_loss * jnp.square(log_z_BxT)
    loss = jnp.sum((z_loss_BxT - logp_BxT) * weights_BxT)
    loss /= self._normalizer(weights_BxT)

    count = jnp.sum(weights_BxT)
    # Cheaper than argmax. It differs only for tied logits.
    correct_BxT = target_logit(logits_BxTxV, targets_BxT) >= jnp.max(
      logits_BxTxV, axis=-1
    )

    def per_target(value_BxT: jax.Array) -> clu_metrics.Average:
      return clu_metrics.Average(jnp.sum(value_BxT * weights_BxT), count)

    def fill(tokens: jax.Array) -> clu_metrics.Average:
      real = jnp.sum(tokens > 0, dtype=jnp.float32)
      return clu_metrics.Average(real, jnp.float32(tokens.size))

    return loss, {
      "loss": per_target(-logp_BxT),
      "accuracy": per_target(correct_BxT),
      "z_loss": per_target(z_loss_BxT),
      "input_fill": fill(batch["encoder_input_tokens"]),
      "target_fill": fill(targets_BxT),
    }

  def eval_fn(self, params: Params, batch: Batch) -> tuple[jax.Array, Metrics]:
    """Returns the result of `loss_fn` without dropout."""
    return self.loss_fn(params, batch, None)

  def score_batch(self, params: Params, batch: Batch) -> jax.Array:
    """Returns the score of every candidate of every request.

    Args:
      params: The network's parameters.
      batch: int32 encoder_input_tokens [B, L] and candidate_tokens [B, C, T],
        where each candidate ends with EOS and is padded with 0. A candidate
        with only padding is absent. candidate_rows, the same candidates without
        padding, may replace candidate_tokens. With prior_weight also
        prior_input_tokens [B, K, L], and with popularity_weight also
        log_popularity, float32 [B, C].

    Returns:
      float32 [B, C], the scores of `exchange`; without weights the result of
      `likelihood_batch`.

    Raises:
      InputError: The batch lacks what a weight needs.
    """
    scores_BxC = self.likelihood_batch(params, batch)
    if not (self.prior_weight or self.popularity_weight):
      return scores_BxC
    for weight, value, feature in (
      ("PRIOR_WEIGHT", self.prior_weight, "prior_input_tokens"),
      ("POPULARITY_WEIGHT", self.popularity_weight, "log_popularity"),
    ):
      if value and feature not in batch:
        raise InputError(
          f"{weight} is {value}, but the requests have no {feature}: expected "
          "tasks of InstructRec's families, whose requests have it, or 0"
        )
    prior_BxC = None
    if self.prior_weight:
      # One after the other, so that memory is that of one.
      each_KxBxC = jax.lax.map(
        lambda inputs_BxL: self.likelihood_batch(
          params, {**batch, "encoder_input_tokens": inputs_BxL}, summed=True
        ),
        jnp.moveaxis(batch["prior_input_tokens"], 1, 0),
      )
      prior_BxC = self._normalized(
        exchange.log_mean(each_KxBxC), _rows_of(batch)
      )
    return exchange.exchanged(
      scores_BxC,
      prior_BxC,
      batch.get("log_popularity"),
      self.prior_weight,
      self.popularity_weight,
    )

  def likelihood_batch(
    self, params: Params, batch: Batch, summed: bool = False
  ) -> jax.Array:
    """Returns the log-likelihood of every candidate of every request.

    Args:
      params: The network's parameters.
      batch: encoder_input_tokens and candidate_tokens or candidate_rows, as in
        `score_batch`.
      summed: Whether it is not normalized.

    Returns:
      float32 [B, C], log-likelihoods in nats, summed over the candidate's
      tokens with EOS and normalized by `length_power`; -inf for an absent
      candidate.
    """
    rows = _rows_of(batch)
    # On a CPU copying all kernels into one array for a scan is slow. For an
    # accelerator compiling many layers is slow.
    one_cpu = sharding.on_one_cpu()
    module = decoding.unrolled(self.module) if one_cpu else self.module
    first_BxC, rest_BxRxS = network.apply(
      module,
      params,
      batch["encoder_input_tokens"],
      rows,
      method=candidate_pass.log_likelihoods,
    )
    scores_BxC = candidate_rows.sums(rows, first_BxC, rest_BxRxS)
    if not summed:
      scores_BxC = self._normalized(scores_BxC, rows)
    return jnp.where(rows.first > 0, scores_BxC, -jnp.inf)

  def normalized(
    self, sums_BxC: jax.Array, candidate_tokens_BxCxT: jax.Array
  ) -> jax.Array:
    """Divides sums over tokens as `length_power` says, [B, C]."""
    rows = candidate_rows.one_a_row(candidate_tokens_BxCxT)
    return self._normalized(sums_BxC, rows)

  def _normalized(
    self,
    sums_BxC: jax.Array,
    rows: candidate_rows.CandidateRows[jax.Array],
  ) -> jax.Array:
    if not self._length_power:
      return sums_BxC
    length_BxC = candidate_rows.sums(
      rows,
      jnp.ones_like(sums_BxC),
      jnp.ones_like(rows.tokens, sums_BxC.dtype),
    )
    there_Bx_ = jnp.sum(rows.first > 0, axis=1, keepdims=True)
    mean_Bx_ = jnp.sum(length_BxC, axis=1, keepdims=True) / there_Bx_
    share_BxC = jnp.where(rows.first > 0, length_BxC / mean_Bx_, 1)
    return sums_BxC / share_BxC**self._length_power

  def predict_batch(
    self, params: Params, batch: Batch, rng: jax.Array | None = None
  ) -> jax.Array:
    """Returns the tokens that `predict_batch_with_aux` decodes."""
    return self.predict_batch_with_aux(params, batch, rng)[0]

  def predict_batch_with_aux(
    self, params: Params, batch: Batch, rng: jax.Array | None = None
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Decodes the most likely answer that is found.

    Args:
      params: The network's parameters.
      batch: int32 encoder_input_tokens [B, L]. With a catalogue, also the
        features of `recommend_batch`. Otherwise decoder_input_tokens [B, T] or
        candidate_tokens [B, C, T], for the length T.
      rng: Not used. T5X passes it.

    Returns:
      int32 [B, T], ending with EOS and padded with 0; and "scores", float32
      [B], their log-likelihoods in nats. With a catalogue the first is the most
      likely title, and "scores" [B, W], "items" and "ranks" are those of
      `beam.Recommendations`.
    """
    del rng
    if self._catalogue is not None:
      found = self.recommend_batch(params, batch, self._catalogue)
      return found.tokens[:, 0], {
        "scores": found.scores, "items": found.items, "ranks": found.ranks
      }  # fmt: skip
    arguments = self.module, params, batch["encoder_input_tokens"]
    given = "decoder_input_tokens"
    if given not in batch:
      given = "candidate_tokens"
    length = batch[given].shape[-1]
    if self._num_beams == 1:
      tokens_BxT, scores_B = decoding.greedy(*arguments, length)
      return tokens_BxT, {"scores": scores_B}
    found = beam.search(*arguments, self._num_beams, length, choices.AnyText())
    return found.tokens[:, 0], {"scores": found.scores[:, 0]}

  def recommend_batch(
    self, params: Params, batch: Batch, catalogue: trie.Trie
  ) -> beam.Recommendations:
    """Generates items of a catalogue with `num_beams` beams.

    A large catalogue is better passed here than to the model. It is then an
    argument of the compiled function, and not a constant as in T5X.

    Args:
      params: The network's parameters.
      batch: int32 encoder_input_tokens [B, L] and, to exclude items,
        excluded_items [B, X], their codes, padded with -1.
      catalogue: The titles.
    """
    return beam.recommend(
      self.module,
      params,
      batch["encoder_input_tokens"],
      self._num_beams,
      catalogue,
      batch.get("excluded_items"),
    )

  def _logits(
    self, params: Params, batch: Batch, dropout_rng: jax.Array | None
  ) -> jax.Array:
    """Returns the logits [B, T, V] of a training batch."""
    segments_BxT = batch.get("decoder_segment_ids")
    logits_Bx_xTxV = network.apply(
      self.module,
      params,
      batch["encoder_input_tokens"],
      batch["decoder_input_tokens"][:, None],
      batch.get("encoder_segment_ids"),
      None if segments_BxT is None else segments_BxT[:, None],
      train=dropout_rng is not None,
      rngs=None if dropout_rng is None else {"dropout": dropout_rng},
    )
    return logits_Bx_xTxV[:, 0]

  def _normalizer(self, weights_BxT: jax.Array) -> jax.Array | float:
    factor = self._loss_normalizing_factor
    if isinstance(factor, str):
      return LOSS_NORMALIZERS[factor](weights_BxT)
    return 1.0 if factor is None else factor


def _rows_of(batch: Batch) -> candidate_rows.CandidateRows[jax.Array]:
  """Returns the rows of a batch's candidates."""
  if "candidate_rows" in batch:
    return cast(
      candidate_rows.CandidateRows[jax.Array], batch["candidate_rows"]
    )
  return candidate_rows.one_a_row(batch["candidate_tokens"])
