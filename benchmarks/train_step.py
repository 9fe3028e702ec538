"""A training step at T5.1.1-small: ours, T5X's and Hugging Face's, on CPU.

    python benchmarks/train_step.py [--rounds 7]

All sides train the same shape from random weights in float32 with Adafactor on
8 rows of 512 and 128 tokens:

  ours           the step of `instructrec train`, on packed rows
  t5x            the step of T5X's trainer, its network and loss as shipped, on
                 the same rows
  hugging_face   PyTorch, transformers' T5 and Adafactor; it cannot pack, so its
                 rows are of one example

Each side is a process of its own, which compiles and warms up first. Then the
sides take a step in turns, so that noise of the machine falls on all alike.
Temporaries are the compiler's count.

The last line is a JSON object: step_over_t5x and step_over_hf are our median
over theirs, temporaries_over_t5x the same of memory (null where a peer is
absent); tokens_per_s is ours.
"""

import argparse
from collections.abc import Sequence

import figures
import small_t5
import turns

# Examples that share a row, all of one length.
PACKED = 2


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """Returns the command line's options."""
  flags = figures.parser(__doc__, rounds=7)
  turns.add_flags(flags)
  flags.add_argument("--dropout", type=float, default=0.1, help="rate (0.1)")
  flags.add_argument("--rows", type=int, default=8, help="of a batch (8)")
  flags.add_argument("--inputs", type=int, default=512, help="tokens (512)")
  flags.add_argument("--targets", type=int, default=128, help="tokens (128)")
  return figures.parse(flags, arguments, inputs=32, targets=8)


def packed_batch(args: argparse.Namespace):
  """Returns rows without padding, as SeqIO's packing lays them out."""
  import numpy as np

  rng = np.random.default_rng(0)

  def part(length):
    tokens = rng.integers(2, 32100, (args.rows, length), dtype=np.int32)
    place = np.broadcast_to(np.arange(length, dtype=np.int32), tokens.shape)
    each = length // PACKED
    return tokens, place % each, place // each + 1

  inputs, input_places, input_segments = part(args.inputs)
  targets, target_places, target_segments = part(args.targets)
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


def _ready(lowered, *arguments) -> tuple[turns.Take, dict]:
  """Returns a step that hands its state on, and its gigabytes."""
  import jax

  compiled = lowered.compile()
  state, *rest = arguments

  def take() -> None:
    nonlocal state
    state, *metrics = compiled(state, *rest)
    jax.block_until_ready((state, metrics))

  temporaries = compiled.memory_analysis().temp_size_in_bytes / 1e9
  return take, {"temporaries_gb": temporaries}


def ours(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """The step of `instructrec train`."""
  import jax

  from instructrec_jax.model import network, ranking_model, sharding, stacking
  from instructrec_jax.optim import optimizers
  from instructrec_jax.train import step

  config = network.T5Config(
    small_t5.VOCABULARY, dropout_rate=args.dropout, **small_t5.sizes(args)
  )
  model = ranking_model.RankingModel(config)
  adafactor = optimizers.adafactor()
  mesh = sharding.make_mesh(devices=jax.devices()[:1])  # As the peers have.
  shapes = step.state_shapes(model, adafactor)
  places = sharding.tree_shardings(mesh, shapes.params, shapes)
  state = step.make_state(model, adafactor, 0, places)
  stack, _, places = stacking.converters(places)  # As while it trains.
  state = stack(state)
  train_step = step.make_train_step(model, adafactor, 0, mesh, places)
  batch = sharding.put_batch(mesh, packed_batch(args))
  return _ready(train_step.lower(state, batch), state, batch)


def t5x(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """The step of T5X's trainer with T5X's network and loss."""
  import jax
  import jax.numpy as jnp
  import t5x.trainer
  from absl import logging
  from t5x import train_state

  logging.set_verbosity(logging.ERROR)  # Its Adafactor warns once a parameter.
  model = small_t5.t5x(args, args.dropout, z_loss=1e-4)
  batch = packed_batch(args)
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


def hugging_face(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """PyTorch, transformers' T5 and transformers' Adafactor."""
  import torch
  import transformers

  torch.manual_seed(0)
  # Its own random weights make logits so large that gradients are denormal
  # numbers, which a CPU is slow at.
  model = small_t5.hugging_face(
    args, dropout_rate=args.dropout, use_cache=False
  ).train()
  optimizer = transformers.Adafactor(
    model.parameters(),
    lr=1e-3,
    scale_parameter=True,
    relative_step=False,
    warmup_init=False,
  )
  batch = packed_batch(args)
  inputs = torch.tensor(batch["encoder_input_tokens"]).long()
  labels = torch.tensor(batch["decoder_target_tokens"]).long()

  def take() -> None:
    loss = model(
      input_ids=inputs, attention_mask=torch.ones_like(inputs), labels=labels
    ).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()

  return take, {}


SIDES = {
  "ours": turns.Recipe(ours),
  "t5x": turns.Recipe(t5x, ("t5x", "airio", "jestimator")),
  "hugging_face": turns.Recipe(hugging_face, ("torch", "transformers")),
}


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs the rounds and prints the table and the line of figures."""
  args = parse(arguments)
  if args.side:
    turns.serve(SIDES, args)
    return
  figures.introduce(
    ("jax", "t5x", "torch", "transformers"),
    f"T5.1.1-{'toy' if args.toy else 'small'}, float32, {args.rows} rows of "
    f"({args.inputs}, {args.targets}), dropout {args.dropout}; {args.rounds} "
    "rounds after two steps of warming up",
  )
  sides = turns.begin(__file__, SIDES, list(SIDES), args)
  seconds = turns.play(sides, args.rounds)
  tokens = args.rows * (args.inputs + args.targets)
  gigabytes = {
    name: side.said["temporaries_gb"]
    for name, side in sides.items()
    if side.said
  }
  medians = figures.table(
    "seconds",
    seconds,
    "ours",
    digits=3,
    tokens_a_second={n: f"{tokens / s.median:,.0f}" for n, s in sides.items()},
    temporaries_GB={name: f"{gb:.3f}" for name, gb in gigabytes.items()},
  )
  figures.finish(
    {
      "step_over_t5x": figures.ratio(medians["ours"], medians.get("t5x")),
      "step_over_hf": figures.ratio(
        medians["ours"], medians.get("hugging_face")
      ),
      "temporaries_over_t5x": figures.ratio(
        gigabytes["ours"], gigabytes.get("t5x")
      ),
      "tokens_per_s": round(tokens / medians["ours"]),
    }
  )


if __name__ == "__main__":
  main()
