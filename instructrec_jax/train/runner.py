"""Our own runner: trains a model over a mesh of devices, and resumes."""

import dataclasses
import math
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gin
import jax
import numpy as np
import optax
import tqdm
from absl import logging
from jax.experimental import multihost_utils

from instructrec_jax.batches.iterator import Batches
from instructrec_jax.errors import InputError
from instructrec_jax.model import sharding, stacking
from instructrec_jax.settings import kinds, macros
from instructrec_jax.train import checkpoint
from instructrec_jax.train import step as step_lib

# Processes agree on whether to stop once in this many steps.
_AGREE_PERIOD = 10


class Writer(Protocol):
  """Writes the figures of a run."""

  def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
    """Writes the figures of a step."""

  def flush(self) -> None:
    """Returns when all figures are written."""


@gin.configurable(module="instructrec_jax.runner")
def train(
  model: step_lib.Model,
  optimizer: optax.GradientTransformation,
  batches: Batches,
  writer: Writer,
  model_dir: str | os.PathLike[str],
  train_steps: int,
  *,
  checkpoint_period: int = 1000,
  keep_checkpoints: int | None = None,
  log_period: int = 50,
  seed: int = 0,
  num_partitions: int = 1,
  parameter_partitioning_dims: int = 1,
  num_microbatches: int | None = None,
  initial_checkpoint_path: str | os.PathLike[str] | None = None,
  max_seconds: float | None = None,
  ready: Callable[[], None] | None = None,
) -> step_lib.TrainState:
  """Trains up to step `train_steps`, counted over all restarts.

  A run that was stopped or killed resumes from its newest checkpoint when it is
  started again, with bit-identical results. On SIGTERM it saves first.

  Args:
    model: The model to train.
    optimizer: Its optimizer.
    batches: This process's batches, at their start.
    writer: Gets the figures of `_Log` every `log_period` steps.
    model_dir: The run's folder. Checkpoints go to <model_dir>/checkpoints.
    train_steps: The total number of steps.
    checkpoint_period: Steps between checkpoints. One is also saved at the end.
    keep_checkpoints: The number of newest checkpoints to keep, or None for all.
    log_period: Steps between figures.
    seed: Seed of the parameters and dropout.
    num_partitions: The number of devices that share a copy of the parameters.
    parameter_partitioning_dims: 2 also splits parameters and optimizer state
      over the other devices, see `sharding.rules`.
    num_microbatches: The number of parts of a batch, see `step`.
    initial_checkpoint_path: A checkpoint with the initial parameters. The step
      and the optimizer start anew.
    max_seconds: Save and stop after this time. By default there is no limit.
    ready: Called once before the first step, when everything is checked and
      the state to go on from has been read. It may write what belongs to the
      run.

  Returns:
    The last state. Its step tells whether training finished.

  Raises:
    InputError: A setting is out of its range, a batch or the model does not
      divide over the devices, a checkpoint does not match or is damaged or
      cannot be written, the data ends, or the loss is not finite.
  """
  started = time.monotonic()
  kinds.check("train.train_steps", kinds.Whole(0), train_steps)
  macros.check_parameters(
    "train",
    {
      "checkpoint_period": checkpoint_period,
      "keep_checkpoints": keep_checkpoints,
      "log_period": log_period,
      "random_seed": seed,
      "num_microbatches": num_microbatches,
      "max_seconds": max_seconds,
    },
  )
  mesh = sharding.make_mesh(num_partitions)
  shapes = step_lib.state_shapes(model, optimizer)
  shardings = sharding.tree_shardings(
    mesh, shapes.params, shapes, parameter_partitioning_dims
  )
  like = sharding.placed(shapes, shardings)
  with (
    _Stop(started, max_seconds) as stop,
    checkpoint.Checkpoints(model_dir, keep_checkpoints) as checkpoints,
  ):
    first, state = _first_state(
      checkpoints,
      like,
      batches,
      lambda: step_lib.make_state(model, optimizer, seed, shardings),
      initial_checkpoint_path,
    )
    if first:
      logging.info("Resuming from step %d of %s.", first, model_dir)
    if first >= train_steps:
      logging.info(
        "%s is already at step %d of %d: there is nothing to do.",
        model_dir,
        first,
        train_steps,
      )
      return state

    if ready is not None:
      ready()
    stack, unstack = (lambda tree: tree,) * 2
    if model.config.scan_layers:
      stack, unstack, shardings = stacking.converters(shardings)
    state = stack(state)
    train_step = step_lib.make_train_step(
      model,
      optimizer,
      seed,
      mesh,
      shardings,
      num_microbatches=num_microbatches,
      parameter_partitioning_dims=parameter_partitioning_dims,
    )
    log = _Log(writer, log_period, train_steps, first)
    with log:
      for step in range(first + 1, train_steps + 1):
        batch = sharding.put_batch(mesh, _next(batches, step))
        state, metrics = train_step(state, batch)
        stop.hold_signals()
        # While the device computes this step, handle the one before.
        log.handle_pending()
        log.pending = step, metrics
        last = step == train_steps or stop.asked(step)
        if last or step % checkpoint_period == 0:
          # Check this step first, so that no checkpoint holds a NaN, and write
          # all figures, so that a run that resumes here has them.
          log.handle_pending()
          writer.flush()
          checkpoints.save(unstack(state), batches)
        if last:
          break
  return unstack(state)


def _first_state(
  checkpoints: checkpoint.Checkpoints,
  like: step_lib.TrainState,
  batches: Batches,
  make_state: Callable[[], step_lib.TrainState],
  initial_checkpoint_path: str | os.PathLike[str] | None,
) -> tuple[int, step_lib.TrainState]:
  """Returns the first step and its state, and sets the batches' position."""
  # The start is the first of these that exists:
  # 1. The run's own newest checkpoint: everything, with the data's position.
  # 2. Another run's checkpoint: its parameters only.
  # 3. The seed.
  first = checkpoints.latest_step()
  if first is not None:
    return first, checkpoints.restore(first, like, batches)
  state = make_state()
  if initial_checkpoint_path is not None:
    params = checkpoint.load_params(initial_checkpoint_path, like.params)
    state = dataclasses.replace(state, params=params)
  return 0, state


def _next(batches: Batches, step: int) -> Mapping[str, Any]:
  """Returns the next batch, or raises InputError if there is none."""
  try:
    return next(batches)
  except StopIteration:
    raise InputError(
      f"the data ended before step {step}: repeat it, or train fewer steps"
    ) from None


class _Log:
  """Computes the run's figures from steps' metrics, on the first process.

  loss and z_loss are in nats a target token. weights is target tokens a step.
  tokens_per_second counts input and target tokens of all processes, without
  padding. input_fill and target_fill are their shares of positions. All are
  means or sums over the steps since the last figures. For a model of items, a
  token is an item.

  Attributes:
    pending: A step and its metrics, still on the device, or None.
  """

  def __init__(self, writer: Writer, period: int, train_steps: int, first: int):
    self.pending: tuple[int, dict[str, Any]] | None = None
    self._writer = writer
    self._period = period
    self._train_steps = train_steps
    self._first = self._since = self._step = first
    self._merged: dict[str, Any] = {}
    self._time = time.monotonic()

  def __enter__(self) -> "_Log":
    self._bar = tqdm.tqdm(
      total=self._train_steps,
      initial=self._first,
      unit="step",
      disable=True if jax.process_index() else None,
    )
    return self

  def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
    if kind is None and self._merged:
      self._write(self._step)  # The steps before an early stop.
    self._bar.close()
    self._writer.flush()

  def handle_pending(self) -> None:
    """Waits for the pending step, checks it, and writes figures when due."""
    if self.pending is None:
      return
    step, metrics = self.pending
    self.pending = None
    metrics = jax.device_get(metrics)
    _check_finite(step, metrics)
    self._merged = {
      name: metric.merge(self._merged[name]) if self._merged else metric
      for name, metric in metrics.items()
    }
    self._step = step
    self._bar.update()
    # The first step has its own figures, because it includes compilation.
    first, last = step == self._first + 1, step == self._train_steps
    if first or last or step % self._period == 0:
      self._write(step)

  def _write(self, step: int) -> None:
    now = time.monotonic()
    merged = self._merged
    tokens = merged["input_fill"].total + merged["target_fill"].total
    steps, seconds = step - self._since, now - self._time
    scalars = {name: float(m.compute()) for name, m in merged.items()} | {
      "weights": float(merged["loss"].count) / steps,
      "tokens_per_second": float(tokens) / seconds,
      "steps_per_second": steps / seconds,
    }
    if jax.process_index() == 0:
      self._writer.write_scalars(step, scalars)
    self._bar.set_postfix(
      loss=f"{scalars['loss']:.3f}", accuracy=f"{scalars['accuracy']:.3f}"
    )
    self._since, self._time = step, now
    self._merged = {}


def _check_finite(step: int, metrics: Mapping[str, Any]) -> None:
  """Raises `InputError` if the loss or the gradients are not finite."""
  for name in ("loss", "grad_norm"):
    value = float(metrics[name].compute())
    if not math.isfinite(value):
      raise InputError(
        f"training failed: {name} is {value} at step {step}. Nothing was saved "
        "since the last checkpoint. A lower learning rate or dtype float32 may "
        "help"
      )


class _Stop:
  """Tells when to stop early: after a time limit, or on SIGTERM.

  A scheduler sends SIGTERM before it takes the machine away. This context holds
  the signal back, so that training can save, and raises it again at the end, so
  that the scheduler sees a run that did not finish.

  Before the first step there is nothing to save, and the step's compilation,
  which heeds no handler of Python's, may take minutes. Until then the signal
  ends the program at once.
  """

  def __init__(self, started: float, max_seconds: float | None):
    self._end = math.inf if max_seconds is None else started + max_seconds
    self._signalled = False

  def __enter__(self) -> "_Stop":
    self._before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    self._holds = False
    return self

  def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
    signal.signal(signal.SIGTERM, self._before)
    if self._signalled and kind is None:
      signal.raise_signal(signal.SIGTERM)

  def hold_signals(self) -> None:
    """Holds signals back from now on, as there is something to save."""
    if not self._holds:
      self._holds = True
      signal.signal(signal.SIGTERM, self._on_signal)

  def _on_signal(self, *_: Any) -> None:
    self._signalled = True

  def asked(self, step: int) -> bool:
    """Returns whether to save and stop after this step."""
    asked = np.array([self._signalled, time.monotonic() >= self._end])
    if jax.process_count() == 1:
      return bool(asked.any())
    # All processes must stop at the same step. Agreeing waits for the devices,
    # so it is not done in every step.
    if step % _AGREE_PERIOD:
      return False
    asked = multihost_utils.process_allgather(asked)  # [processes, 2]
    self._signalled = bool(asked[:, 0].any())  # They all end in the same way.
    return bool(asked.any())
