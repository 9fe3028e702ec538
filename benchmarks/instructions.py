"""From raw reviews to instructions: how long, and with how much memory.

    python benchmarks/instructions.py

A dataset of the size of InstructRec's Games with reviews (50,546 users, 16,859
items, 410,907 reviews) is made up by made_up_reviews.py, which is not timed.
There is no peer: no other project writes these instructions.
Then the command line's own commands run one after another, each in a process
of its own, from starting Python to the last byte on disk:

  normalize  gzip files of JSON lines to tables
  annotate   preferences and intentions by the extractive teacher, which needs
             no model, of each user's test and validation target and of
             --per_user training targets (one, as there are three preferences
             a user in the paper)
  build      records, and a small vocabulary
  export     instructions of the paper's families as JSON lines, drawn by the
             mixture's rates

The paper's 252,730 fine-grained instructions come of 151,638 preferences and
101,092 intentions, of which it does not say how many are vague. Those written
here are counted too, each text that the validators let through: preferences;
vague intentions, of which the second wording is counted apart; and specific
intentions.

Memory is what a process and all that it starts held at the most. To hold it to
two cores: taskset -c 0,1 python benchmarks/instructions.py

The last line is a JSON object: instructions exported, the seconds of all stages
(the median where there are several rounds), the largest peak_gb, the texts
written (preferences and intentions), and the share of Games's size.
"""

import argparse
import contextlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import figures
import made_up_reviews
import measured

PAPER = 252_730
SIZES = {"users": 50_546, "items": 16_859, "reviews": 410_907}
DATASET = f"{made_up_reviews.CATEGORY.lower()}_2018"
FIELDS = (
  "preference", "vague_intention", "vague_intention_2", "specific_intention",
)  # fmt: skip
MIXTURE = f"instructrec_{DATASET}"


def commands(folder: Path, args: argparse.Namespace) -> dict[str, list[str]]:
  """Returns the arguments of each stage's command."""
  data = ["--data_dir", str(folder / "data")]
  return {
    "normalize": [
      f"amazon_2018/{made_up_reviews.CATEGORY}",
      *("--raw", str(folder / "raw")),
      *data,
    ],
    "annotate": [DATASET, "--per_user", str(args.per_user), *data],
    "build": [DATASET, "--vocabulary_size", "4096", *data],
    "export": [
      args.mixture,
      *("--num_instructions", str(args.instructions)),
      *("--out", str(folder / "instructions.jsonl")),
      *("--tfds_data_dir", str(folder / "data/records")),
    ],
  }


def counts(folder: Path) -> tuple[dict[str, int], dict[str, int]]:
  """Returns what each stage wrote, in rows, and the texts written by field."""
  data = folder / "data"
  tables, texts, records = (
    json.loads((data / part / "manifest.json").read_text())["counts"]
    for part in (
      f"tables/{DATASET}",
      f"annotations/{DATASET}",
      f"records/{MIXTURE}/1.0.0",
    )
  )
  with (folder / "instructions.jsonl").open("rb") as file:
    lines = sum(1 for _ in file)
  rows = {
    "normalize": tables["interactions"]["kept"],
    "annotate": sum(texts["instances"].values()),
    "build": sum(records["records"].values()),
    "export": lines,
  }
  return rows, {field: texts[field]["written"] for field in FIELDS}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  """Returns the command line's options."""
  flags = figures.parser(__doc__, rounds=1)
  flags.add_argument(
    "--work", type=Path, help="empty folder to leave it all in (a passing one)"
  )
  flags.add_argument(
    "--per_user", type=int, default=1, help="annotated training targets (1)"
  )
  flags.add_argument(
    "--instructions", type=int, default=PAPER, help=f"to export ({PAPER})"
  )
  flags.add_argument(
    "--mixture", default=MIXTURE, help=f"to export of ({MIXTURE})"
  )
  flags.add_argument(
    "--share", type=float, default=1, help="of Games's size (1)"
  )
  flags.add_argument("--seed", type=int, default=0, help="of the reviews (0)")
  toy = {"share": 0.01, "instructions": 200, "mixture": f"{MIXTURE}_p1_i0_t0"}
  return figures.parse(flags, arguments, **toy, rounds=1)


def run(folder: Path, args: argparse.Namespace) -> dict[str, tuple]:
  """Runs the stages once; returns each one's seconds and gigabytes."""
  return {
    stage: measured.run(
      measured.INSTRUCTREC,
      [stage, *arguments],
      folder / f"{stage}.log",
      args.here,
    )
    for stage, arguments in commands(folder, args).items()
  }


def show_texts(texts: Mapping[str, int]) -> None:
  """Prints how many texts were written, beside the paper's."""
  print("\ntexts written")
  for field, written in texts.items():
    print(f"{field:<20} {written:10,}")
  one_wording = sum(texts.values()) - texts["vague_intention_2"]
  print(f"{'in one wording':<20} {one_wording:10,} (the paper's: {PAPER:,})")


def main(arguments: Sequence[str] | None = None) -> None:
  """Runs the stages and prints the tables and the line of figures."""
  args = parse(arguments)
  sizes = {name: round(n * args.share) for name, n in SIZES.items()}
  figures.introduce(
    ("polars", "tensorflow", "seqio"),
    ", ".join(f"{n:,} {name}" for name, n in sizes.items())
    + f"; rounds: {args.rounds}, seed {args.seed}",
  )
  stages, folder = {}, Path()
  with contextlib.ExitStack() as stack:
    for number in range(args.rounds):
      folder = stack.enter_context(tempfile.TemporaryDirectory())
      folder = Path(args.work or folder) / f"round_{number}"
      made_up_reviews.write(folder / "raw", **sizes, seed=args.seed)
      for stage, taken in run(folder, args).items():
        stages.setdefault(stage, []).append(taken)
    rows, texts = counts(folder)

  peaks = {stage: max(gb for _, gb in taken) for stage, taken in stages.items()}
  seconds = {stage: [s for s, _ in taken] for stage, taken in stages.items()}
  seconds["all"] = list(map(sum, zip(*seconds.values(), strict=True)))
  medians = figures.table(
    "seconds",
    seconds,
    "all",
    peak_GB={stage: f"{gb:.2f}" for stage, gb in peaks.items()},
    rows={stage: f"{n:,}" for stage, n in rows.items()},
  )
  show_texts(texts)
  figures.finish(
    {
      "instructions": rows["export"],
      "seconds": round(medians["all"], 1),
      "peak_gb": round(max(peaks.values()), 2),
      "preferences": texts["preference"],
      "intentions": sum(texts.values()) - texts["preference"],
      "share": args.share,
    }
  )


if __name__ == "__main__":
  main()
