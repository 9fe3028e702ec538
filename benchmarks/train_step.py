"""A training step at T5.1.1-small: ours, T5X's and Hugging Face's, on CPU.

    python benchmarks/train_step.py [--rounds 7]

Each side is a process of its own, which compiles and warms up first; then they
take a step in turns, so that noise of the machine falls on all alike. Medians
count. All train the same shape from random weights in float32 with Adafactor
on 8 rows of 512 and 128 tokens: ours and T5X's (as shipped) on packed rows,
Hugging Face's PyTorch, which cannot pack, on rows of one example.

T5X is used where it can be imported, PyTorch and transformers likewise. What
temporaries a step needs is the compiler's count.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable

import turns
from small_t5 import SIZES, VOCABULARY

ROWS, INPUTS, TARGETS = 8, 512, 128
# Examples that share a row, all of one length.
PACKED = 2

Step = Callable[[], None]


def packed_batch():
  """Returns rows without padding, as SeqIO's packing lays them out."""
  import numpy as np

  rng = np.random.default_rng(0)

  def part(length):
    tokens = rng.integers(2, 32100, (ROWS, length), dtype=np.int32)
    place = np.broadcast_to(np.arange(length, dtype=np.int32), tokens.shape)
    each = length // PACKED
    return tokens, place % each, place // each + 1

  inputs, input_places, input_segments = part(INPUTS)
  targets, target_places, target_segments = part(TARGETS)
  shifted = np.pad(targets[:, :-1], ((0, 0), (1, 0)))
  return {
    "encoder_input_tokens": inputs,
    "encoder_segment_ids": input_segments,
    "encoder_positions": input_places,
    "decoder_input_tokens": np.where(target_places > 0, shifted, 0),
    "decoder_target_tokens": targets,
    "decoder_loss_weights": np.ones_like(targets),
    "decoder_segment_ids": target_segments,
    "decoder_positions": target_places,
  }


def _ready(lowered, *arguments) -> tuple[Step, float]:
  """Returns a step that hands its state on, and its gigabytes."""
  import jax

  compiled = lowered.compile()
  state, *rest = arguments

  def take() -> None:
    nonlocal state
    state, *metrics = compiled(state, *rest)
    jax.block_until_ready((state, metrics))

  return take, compiled.memory_analysis().temp_size_in_bytes / 1e9


def ours(dropout_rate: float) -> tuple[Step, float]:
  """The step of `instructrec train`."""
  from instructrec_jax.model import network, ranking_model, sharding, stacking
  from instructrec_jax.optim import optimizers as optimizer
  from instructrec_jax.train import step

  config = network.T5Config(VOCABULARY, dropout_rate=dropout_rate, **SIZES)
  model = ranking_model.RankingModel(config)
  adafactor = optimizer.adafactor()
  mesh = sharding.make_mesh()
  shapes = step.state_shapes(model, adafactor)
  places = sharding.tree_shardings(mesh, shapes.params, shapes)
  state = step.make_state(model, adafactor, 0, places)
  stack, _, places = stacking.converters(places)  # As while it trains.
  state = stack(state)
  train_step = step.make_train_step(model, adafactor, 0, mesh, places)
  batch = sharding.put_batch(mesh, packed_batch())
  return _ready(train_step.lower(state, batch), state, batch)


def t5x(dropout_rate: float) -> tuple[Step, float]:
  """The step of T5X's trainer with T5X's network and loss."""
  import jax
  import jax.numpy as jnp
  import t5x.trainer
  from absl import logging
  from t5x import adafactor, models, train_state
  from t5x.examples.t5 import network

  logging.set_verbosity(logging.ERROR)  # Its Adafactor warns once a parameter.
  config = network.T5Config(
    VOCABULARY,
    mlp_activations=("gelu", "linear"),
    logits_via_embedding=False,
    dropout_rate=dropout_rate,
    **SIZES,
  )
  model = models.EncoderDecoderModel(
    network.Transformer(config),
    input_vocabulary=None,
    output_vocabulary=None,
    optimizer_def=adafactor.Adafactor(
      decay_rate=0.8,
      logical_factor_rules=adafactor.standard_logical_factor_rules(),
    ),
    z_loss=1e-4,
  )
  batch = packed_batch()
  variables = jax.jit(
    lambda key: model.get_initial_variables(
      key, {name: rows.shape for name, rows in batch.items()}
    )
  )(jax.random.PRNGKey(0))
  state = train_state.FlaxOptimTrainState.create(model.optimizer_def, variables)

  def train_step(state, batch, key):
    return t5x.trainer.train_with_lr(
      state, batch, jnp.float32(1e-3), key, model, None
    )

  arguments = state, batch, jax.random.PRNGKey(1)
  lowered = jax.jit(train_step, donate_argnums=0).lower(*arguments)
  return _ready(lowered, *arguments)


def hugging_face(dropout_rate: float) -> tuple[Step, None]:
  """PyTorch, transformers' T5 and transformers' Adafactor."""
  import small_t5
  import torch
  import transformers

  torch.manual_seed(0)
  # Its own random weights make logits so large that gradients are denormal
  # numbers, which a CPU is slow at.
  model = small_t5.hugging_face(
    small_t5.make_params()[1], dropout_rate=dropout_rate, use_cache=False
  ).train()
  optimizer = transformers.Adafactor(
    model.parameters(),
    lr=1e-3,
    scale_parameter=True,
    relative_step=False,
    warmup_init=False,
  )
  batch = packed_batch()
  inputs = torch.tensor(batch["encoder_input_tokens"]).long()
  labels = torch.tensor(batch["decoder_target_tokens"]).long()

  def take() -> None:
    loss = model(
      input_ids=inputs, attention_mask=torch.ones_like(inputs), labels=labels
    ).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()

  return take, None


# Side: what it is, and the modules that it needs beside ours.
SIDES = {
  "ours": (ours, ()),
  "t5x": (t5x, ("t5x",)),
  "hugging_face": (hugging_face, ("torch", "transformers")),
}


def serve(side: str, dropout_rate: float) -> None:
  """Takes a step for each line of the input, and answers with its seconds."""
  try:
    take, temporaries = SIDES[side][0](dropout_rate)
  except ModuleNotFoundError as error:
    if error.name.partition(".")[0] not in SIDES[side][1]:
      raise
    print(json.dumps({"absent": error.name}), flush=True)
    return
  for _ in range(2):
    take()
  print(json.dumps({"temporaries_gb": temporaries}), flush=True)
  for _ in sys.stdin:
    start = time.perf_counter()
    take()
    print(json.dumps(time.perf_counter() - start), flush=True)


def ratio(one: float | None, other: float | None) -> float | None:
  """Returns one / other, None where a side is absent."""
  return None if one is None or other is None else round(one / other, 3)


def main() -> None:
  """Runs the rounds and prints the table and the line of figures."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--rounds", type=int, default=7)
  parser.add_argument("--dropout", type=float, default=0.1)
  parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.side:
    serve(args.side, args.dropout)
    return

  print(
    f"{len(os.sched_getaffinity(0))} cores, Python "
    f"{platform.python_version()}, jax {importlib.metadata.version('jax')}; "
    f"T5.1.1-small, float32, {ROWS} rows of ({INPUTS}, {TARGETS}), dropout "
    f"{args.dropout}; {args.rounds} rounds after two steps of warming up"
  )
  running, temporaries = {}, {}
  for side in SIDES:
    process = turns.start(__file__, "--side", side, f"--dropout={args.dropout}")
    first = turns.answer(process)
    if "absent" in first:
      print(f"{side}: {first['absent']} is not installed")
      continue
    running[side], temporaries[side] = process, first["temporaries_gb"]
  seconds = {side: [] for side in running}
  for _ in range(args.rounds):
    for side, process in running.items():
      seconds[side].append(turns.take(process))
  for process in running.values():
    process.communicate()

  medians = {side: statistics.median(taken) for side, taken in seconds.items()}
  print(
    f"\n{'':14}{'median s':>9}{'min':>8}{'max':>8}{'tokens/s':>10}"
    f"{'temporaries GB':>16}{'ours / it':>11}"
  )
  tokens = ROWS * (INPUTS + TARGETS)
  for side, median in medians.items():
    memory = temporaries[side]
    print(
      f"{side:14}{median:9.2f}{min(seconds[side]):8.2f}"
      f"{max(seconds[side]):8.2f}{tokens / median:10,.0f}"
      f"{'' if memory is None else f'{memory:.2f}':>16}"
      f"{medians['ours'] / median:11.2f}"
    )
  t5x_memory = temporaries.get("t5x")
  print(
    json.dumps(
      {
        "step_over_t5x": ratio(medians["ours"], medians.get("t5x")),
        "step_over_hf": ratio(medians["ours"], medians.get("hugging_face")),
        "temporaries_over_t5x": ratio(temporaries["ours"], t5x_memory),
        "tokens_per_s": round(tokens / medians["ours"]),
      }
    )
  )


if __name__ == "__main__":
  main()
