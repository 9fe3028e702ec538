"""SASRec: an epoch of ours and of PyTorch's, and the HR@1 that ours reaches.

    python benchmarks/baselines.py --raw FOLDER [--rounds 5] [--epochs 10]

FOLDER has the raw files of InstructRec's Games, see docs/sources.md. All sides
train SASRec of one size with a full softmax and AdamW on the same sequences, in
float32 on CPU:

  ours      the step of `instructrec train`: sequences share rows, and scores of
            the catalogue never exist as a whole
  torch     PyTorch as it is usually written: a row of --length places for each
            user, padded at the left, and scores of all places
  selected  the same, but scores only of the places that have a target

Each side is a process of its own, which compiles and warms up first. A turn is
--users sequences. Seconds are those of an epoch: of a turn, times the sequences
of all users over those of a turn.

Then ours is trained for --epochs with gin/models/sasrec.gin and evaluated on
the test split, ten candidates. --epochs=0 leaves this out.

The last line is a JSON object: sasrec_over_torch is our median over torch's,
sasrec_over_selected over selected's (null where PyTorch is absent), hr1 the
HR@1 of all test users.
"""

import argparse
import functools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import figures
import measured
import turns

# Sizes of gin/models/sasrec.gin.
WIDTH, LAYERS, HEADS, MLP, DROPOUT = 64, 2, 2, 256, 0.2


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """Returns the command line's options."""
  flags = figures.parser(__doc__, rounds=5)
  turns.add_flags(flags)
  add = flags.add_argument
  add("--raw", help="folder of the raw files; made-up sequences without it")
  add("--data_dir", help="folder for the data (a temporary one)")
  add("--length", type=int, default=50, help="places of a row (50)")
  add("--users", type=int, default=2560, help="sequences of a turn (2560)")
  add("--epochs", type=float, default=10, help="of the training (10)")
  return figures.parse(flags, arguments, users=64, epochs=0)


def prepare(args: argparse.Namespace) -> None:
  """Makes records of the raw files, if there are none yet."""
  data = Path(args.data_dir)
  for command in (
    ("normalize", "instructrec/games", f"--raw={args.raw}"),
    ("build", "games"),
  ):
    measured.run(
      measured.INSTRUCTREC,
      [*command, f"--data_dir={data}"],
      data / f"{command[0]}.log",
      args.here,
    )


@functools.cache
def _sequences(raw: str | None, data_dir: str | None, length: int):
  """Returns the examples of a dataset, and the number of items."""
  import numpy as np

  from instructrec_jax.batches import items, sequences

  if raw is None:
    rng = np.random.default_rng(0)
    lengths = 3 + rng.poisson(4, 256)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    flat = rng.integers(0, 500, offsets[-1])
    return sequences.Sequences(flat, offsets, "next", length), 500
  catalogue = items.item_catalogue("games", str(Path(data_dir) / "records"))
  return (
    sequences.sequence_data(catalogue, history_length=length),
    catalogue.num_items,
  )


def ours(args: argparse.Namespace) -> tuple[turns.Take, dict]:
  """The step of `instructrec train`."""
  import types

  import jax

  from instructrec_jax.batches import sequences
  from instructrec_jax.model import sharding
  from instructrec_jax.model.items.config import ItemConfig
  from instructrec_jax.model.items.item_model import ItemModel
  from instructrec_jax.optim import optimizers
  from instructrec_jax.train import step

  found, num_items = _sequences(args.raw, args.data_dir, args.length)
  config = ItemConfig(
    emb_dim=WIDTH,
    num_layers=LAYERS,
    num_heads=HEADS,
    mlp_dim=MLP,
    max_history=args.length,
    dropout_rate=DROPOUT,
  )
  model = ItemModel(
    types.SimpleNamespace(num_items=num_items, text_vectors=None), config
  )
  adamw = optimizers.adamw()
  mesh = sharding.make_mesh(devices=jax.devices()[:1])
  shapes = step.state_shapes(model, adamw)
  places = sharding.tree_shardings(mesh, shapes.params, shapes)
  state = step.make_state(model, adamw, 0, places)
  train_step = step.make_train_step(model, adamw, 0, mesh, places)
  rows = 32
  batches = sequences.sequence_batches(found, rows, shard=(0, 1))
  per_row = len(found.lengths_Ex2) / found.epoch_rows
  count = max(1, round(args.users / per_row / rows))

  def take() -> None:
    nonlocal state
    for _ in range(count):
      state, metrics = train_step(
        state, sharding.put_batch(mesh, next(batches))
      )
    jax.block_until_ready((state, metrics))

  turns_of_epoch = found.epoch_rows / (rows * count)
  return take, {"turns_of_epoch": turns_of_epoch}


def torch_side(
  args: argparse.Namespace, selected: bool
) -> tuple[turns.Take, dict]:
  """PyTorch's encoder layers, with a row for each user."""
  import numpy as np
  import torch

  found, num_items = _sequences(args.raw, args.data_dir, args.length)
  torch.manual_seed(0)
  item = torch.nn.Embedding(num_items + 1, WIDTH, padding_idx=0)
  place = torch.nn.Embedding(args.length, WIDTH)
  for table in (item, place):
    torch.nn.init.normal_(table.weight, std=0.02)
  layer = torch.nn.TransformerEncoderLayer(
    WIDTH, HEADS, MLP, DROPOUT, "gelu", batch_first=True, norm_first=True
  )
  encoder = torch.nn.TransformerEncoder(
    layer, LAYERS, torch.nn.LayerNorm(WIDTH), enable_nested_tensor=False
  )
  drop = torch.nn.Dropout(DROPOUT)
  modules = torch.nn.ModuleList([item, place, encoder])
  optimizer = torch.optim.AdamW(modules.parameters(), lr=1e-3)
  future = torch.nn.Transformer.generate_square_subsequent_mask(args.length)
  users = len(found.lengths_Ex2)
  inputs, targets = np.zeros((2, users, args.length), np.int64)
  for user, length in enumerate(found.lengths_Ex2[:, 0].tolist()):
    start = found.starts[user]
    inputs[user, -length:] = found.tokens[start : start + length]
    targets[user, -length:] = found.tokens[start + length :][:length]
  inputs, targets = map(torch.from_numpy, (inputs, targets))
  rng = np.random.default_rng(0)
  rows = 128
  count = max(1, round(args.users / rows))

  def step(some) -> None:
    x = drop(item(inputs[some]) + place.weight)
    hidden = encoder(x, mask=future, is_causal=True)
    wanted = targets[some]
    if selected:
      hidden, wanted = hidden[wanted > 0], wanted[wanted > 0]
    scores = hidden.reshape(-1, WIDTH) @ item.weight.T
    loss = torch.nn.functional.cross_entropy(
      scores, wanted.reshape(-1), ignore_index=0
    )
    loss.backward()
    torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()

  def take() -> None:
    for _ in range(count):
      step(torch.from_numpy(rng.integers(0, users, rows)))

  return take, {"turns_of_epoch": users / (rows * count)}


SIDES = {
  "ours": turns.Recipe(ours),
  "torch": turns.Recipe(
    functools.partial(torch_side, selected=False), ("torch",)
  ),
  "selected": turns.Recipe(
    functools.partial(torch_side, selected=True), ("torch",)
  ),
}


def trained(args: argparse.Namespace) -> tuple[float, float]:
  """Trains and evaluates SASRec; returns seconds of training, and HR@1."""
  data = Path(args.data_dir)
  model_dir = data / "sasrec"
  seconds, _ = measured.run(
    measured.INSTRUCTREC,
    [
      "train",
      "--gin_file=runs/native_finetune.gin",
      "--gin_file=models/sasrec.gin",
      "--gin.DATASET='games'",
      f"--gin.MODEL_DIR={str(model_dir)!r}",
      f"--gin.EPOCHS={args.epochs}",
      f"--tfds_data_dir={data / 'records'}",
    ],
    data / "train.log",
    args.here,
  )
  measured.run(
    measured.INSTRUCTREC,
    ["evaluate", f"--model_dir={model_dir}", f"--out={data / 'results'}"],
    data / "evaluate.log",
    args.here,
  )
  [result] = (data / "results").rglob("metrics.json")
  return seconds, json.loads(result.read_text())["metrics"]["hr@1"]["value"]


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs the rounds and prints the table and the line of figures."""
  args = parse(arguments)
  with tempfile.TemporaryDirectory() as folder:
    args.data_dir = args.data_dir or folder
    if args.side:
      turns.serve(SIDES, args)
      return
    if args.raw:
      prepare(args)
    figures.introduce(
      ("jax", "torch"),
      f"SASRec, {WIDTH} wide, {LAYERS} layers, {HEADS} heads, rows of "
      f"{args.length}, dropout {DROPOUT}, full softmax, AdamW, float32; "
      f"{args.rounds} rounds of {args.users} sequences after two of warming up",
    )
    sides = turns.begin(__file__, SIDES, list(SIDES), args)
    epochs = {name: side.said["turns_of_epoch"] for name, side in sides.items()}
    seconds = {
      name: [turn * epochs[name] for turn in found]
      for name, found in turns.play(sides, args.rounds).items()
    }
    medians = figures.table("seconds an epoch", seconds, "ours")
    hr1 = None
    if args.raw and args.epochs:
      took, hr1 = trained(args)
      print(f"\ntrained for {args.epochs:g} epochs in {took:.0f} s")
  figures.finish(
    {
      "sasrec_over_torch": figures.ratio(medians["ours"], medians.get("torch")),
      "sasrec_over_selected": figures.ratio(
        medians["ours"], medians.get("selected")
      ),
      "hr1": hr1 and round(hr1, 4),
    }
  )


if __name__ == "__main__":
  main()
