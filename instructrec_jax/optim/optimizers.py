"""Optimizers and learning rate schedules, by name for gin files.

Each optimizer is an optax transform that keeps the learning rate of its last
update in its state, where `learning_rate` reads it. Schedules are evaluated in
every step, so a resumed run follows its gin file, not its checkpoint.

T5X needs a definition of its own class. T5X's gin files pass that class, and
the same function then makes the same optimizer for T5X. Its trainer also has
the schedule, to report the rate and, for Adafactor, to set it.
"""

from collections.abc import Callable
from typing import Any

import gin
import jax
import jax.numpy as jnp
import optax

from instructrec_jax.errors import InputError
from instructrec_jax.model import stacking
from instructrec_jax.optim import adafactor as adafactor_lib
from instructrec_jax.settings import kinds, macros

Schedule = Callable[[jax.typing.ArrayLike], jax.typing.ArrayLike]

_SHARE = kinds.Number(0, 1, below=True)
_POSITIVE = kinds.Number(above=True)
_AT_LEAST_0 = kinds.Number()


@gin.configurable(module="instructrec_jax.optimizer")
def constant(learning_rate: float = 1e-3) -> Schedule:
  """Returns a constant rate. 1e-3 is T5X's default for fine-tuning.

  Raises:
    InputError: The rate is not above 0.
  """
  macros.check_parameters("constant", {"learning_rate": learning_rate})
  return optax.constant_schedule(learning_rate)


@gin.configurable(module="instructrec_jax.optimizer")
def warmup_linear(
  learning_rate: float = 1e-3,
  warmup_steps: int = 1000,
  train_steps: int = gin.REQUIRED,
) -> Schedule:
  """Returns a linear rise, then a linear fall to zero.

  Args:
    learning_rate: The peak, reached after `warmup_steps`.
    warmup_steps: The steps of the rise, at least 1 and below `train_steps`.
    train_steps: The step after which the rate is zero.

  Raises:
    InputError: `warmup_steps` is not in this range, or the rate not above 0.
  """
  macros.check_parameters("warmup_linear", locals())
  if not 1 <= warmup_steps < train_steps:
    raise InputError(
      f"warmup_steps (WARMUP_STEPS) is {warmup_steps}: expected 1 or more, and "
      f"less than train_steps (TRAIN_STEPS), {train_steps}"
    )

  def schedule(count: jax.typing.ArrayLike) -> jax.Array:
    step = jnp.asarray(count, jnp.float32) + 1
    fall = (train_steps + 1 - step) / (train_steps + 1 - warmup_steps)
    return learning_rate * jnp.clip(jnp.minimum(step / warmup_steps, fall), 0.0)

  return schedule


@gin.configurable(module="instructrec_jax.optimizer")
def adafactor(
  schedule: Schedule | None = None,
  decay_rate: float = 0.8,
  clipping_threshold: float | None = 1.0,
  multiply_by_parameter_scale: bool = True,
  weight_decay_rate: float | None = None,
  t5x_adafactor: Callable[..., Any] | None = None,
) -> Any:
  """Returns Adafactor (Shazeer & Stern 2018) with T5X's defaults.

  Args:
    schedule: The learning rate by step. `constant()` by default.
    decay_rate: The exponent of the second moment's decay.
    clipping_threshold: The largest root mean square of a parameter's update,
      before the learning rate is applied, or None.
    multiply_by_parameter_scale: Whether the learning rate is relative to the
      root mean square of each parameter.
    weight_decay_rate: The share of each parameter subtracted in a step, or
      None.
    t5x_adafactor: T5X's class Adafactor, for T5X's runner.

  Returns:
    An optax transform, or an object of `t5x_adafactor`.

  Raises:
    InputError: A value is out of its range.
  """
  for name, kind, value in (
    ("decay_rate", kinds.Number(0, 1), decay_rate),
    ("clipping_threshold", kinds.OrNone(_POSITIVE), clipping_threshold),
    ("weight_decay_rate", kinds.OrNone(_AT_LEAST_0), weight_decay_rate),
  ):
    kinds.check(f"adafactor.{name}", kind, value)
  if t5x_adafactor is not None:
    return t5x_adafactor(
      decay_rate=decay_rate,
      clipping_threshold=clipping_threshold,
      multiply_by_parameter_scale=multiply_by_parameter_scale,
      weight_decay_rate=weight_decay_rate,
    )

  def make(learning_rate: jax.Array) -> optax.GradientTransformation:
    return stacking.per_layer(
      adafactor_lib.adafactor(
        learning_rate,
        decay_rate,
        clipping_threshold,
        multiply_by_parameter_scale,
        weight_decay_rate,
      )
    )

  return _scheduled(make, schedule)


@gin.configurable(module="instructrec_jax.optimizer")
def adamw(
  schedule: Schedule | None = None,
  b1: float = 0.9,
  b2: float = 0.999,
  eps: float = 1e-8,
  weight_decay: float = 0.01,
  clip_norm: float = 1.0,
  t5x_wrapper: Callable[[optax.GradientTransformation], Any] | None = None,
) -> Any:
  """Returns AdamW (Loshchilov & Hutter 2019) after clipping by global norm.

  Args:
    schedule: The learning rate by step. `constant()` by default.
    b1: The decay of the first moment.
    b2: The decay of the second moment.
    eps: Added to the square root of the second moment.
    weight_decay: The weight decay, relative to the learning rate.
    clip_norm: The largest global norm of the gradients.
    t5x_wrapper: T5X's OptaxWrapper, for T5X's runner.

  Returns:
    An optax transform, or an object of `t5x_wrapper`.

  Raises:
    InputError: A value is out of its range.
  """
  for name, kind, value in (
    ("b1", _SHARE, b1),
    ("b2", _SHARE, b2),
    ("eps", _AT_LEAST_0, eps),
    ("weight_decay", _AT_LEAST_0, weight_decay),
    ("clip_norm", _POSITIVE, clip_norm),
  ):
    kinds.check(f"adamw.{name}", kind, value)

  def make(
    learning_rate: jax.Array | Schedule,
  ) -> optax.GradientTransformation:
    return optax.chain(
      optax.clip_by_global_norm(clip_norm),
      optax.adamw(learning_rate, b1, b2, eps, weight_decay=weight_decay),
    )

  if t5x_wrapper is not None:
    return t5x_wrapper(make(schedule or constant()))
  return _scheduled(make, schedule)


def learning_rate(opt_state: Any) -> jax.Array:
  """Returns the learning rate of the update that led to this state."""
  return opt_state.hyperparams["learning_rate"]


def _scheduled(
  make: Callable[[jax.Array], optax.GradientTransformation],
  schedule: Schedule | None,
) -> optax.GradientTransformation:
  if schedule is None:
    schedule = constant()
  return optax.inject_hyperparams(make)(learning_rate=schedule)
