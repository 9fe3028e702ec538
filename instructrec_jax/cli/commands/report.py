"""`instructrec report`: compare results in a table and on a page with plots."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from instructrec_jax.cli.shared import flags, values
from instructrec_jax.cli.shared.command import Command

_EXAMPLES = """
  instructrec report demo/results --out report.html --data_dir demo/data
  instructrec report runs/a runs/b --out both.md --out both.tex \\
    --baseline popularity --metrics hr@1,ndcg@20,mrr
  instructrec report runs/games runs/glm4 --form itdr --out itdr.md"""


def _add_flags(parser: argparse.ArgumentParser) -> None:
  flags.files_to_write(parser, ".html, .md, .csv or .tex")
  add = parser.add_argument
  add(
    "results",
    type=values.path,
    nargs="+",
    help="result folders, or folders of them",
  )
  add(
    "--data_dir",
    type=values.path,
    help="folder with all datasets, for titles, slices and what is recommended",
  )
  add(
    "--metrics",
    type=values.names,
    help="metrics to show, separated by commas: hr@K, precision@K, recall@K, "
    "ndcg@K, mrr, map, auc (those that were measured)",
  )
  add("--baseline", help="system to test the others against; adds p-values")
  add(
    "--form",
    default="systems",
    help="systems: a table of the systems that answered the same requests; "
    "itdr: a row for each of ITDR's 33 pairs, with the paper's figures "
    "(systems)",
  )
  add(
    "--trec_dir",
    type=values.folder_to_write,
    help="folder to write TREC's run and qrels files to",
  )
  add(
    "--training_log",
    type=values.path,
    help="metrics.jsonl of a run, to draw its training curve",
  )


def _run(results: Sequence[str], out: Sequence[str], **options: Any) -> None:
  from instructrec_jax.report import command

  print(command.report(results, out, **options))
  for path in out:
    print(f"written: {path}", file=sys.stderr)


COMMAND = Command(
  group="results",
  help="compare results in a table and on a page with plots",
  add_flags=_add_flags,
  run=_run,
  examples=_EXAMPLES,
  tensorflow=True,
)
