"""Flags that several commands have."""

import argparse
import functools
from collections.abc import Callable


def data_dir(parser: argparse.ArgumentParser) -> None:
  """Adds the folder of all datasets."""
  parser.add_argument(
    "--data_dir", default="data", help="folder of all datasets (data)"
  )


def overwrite(parser: argparse.ArgumentParser) -> None:
  """Adds whether to replace what is there."""
  parser.add_argument(
    "--overwrite",
    action="store_true",
    help="replace what other options have made",
  )


def vocabulary_size(parser: argparse.ArgumentParser) -> None:
  """Adds whether to train a vocabulary."""
  parser.add_argument(
    "--vocabulary_size",
    type=int,
    help="train a vocabulary of so many pieces on titles and texts",
  )


def per_user(parser: argparse.ArgumentParser) -> None:
  """Adds how many training targets of a user are annotated."""
  parser.add_argument(
    "--per_user", type=int, default=1, help="training targets of a user (1)"
  )


def source(parser: argparse.ArgumentParser) -> None:
  """Adds a source of raw files, and what its reader must know."""
  from instructrec_jax.data.sources import SOURCES

  add = parser.add_argument
  add("source", help="`instructrec sources` lists them")
  add("--raw", required=True, help="the raw files' folder, or an archive")
  add("--dataset", help="short name for what is written (the source's)")
  add("--k_core", type=int, help="interactions of every user and item")
  roles = {r.removesuffix("?") for s in SOURCES.values() for r in s.files}
  for role in sorted(roles):
    add(f"--{role}_file", help=f"another name of the file of {role}")
  options = {k: v for s in SOURCES.values() for k, v in s.options.items()}
  for option, meaning in options.items():
    add(f"--{option}", help=meaning)


def exclude_history(parser: argparse.ArgumentParser) -> None:
  """Adds whether a ranking of the catalogue leaves out a user's history."""
  parser.add_argument(
    "--exclude_history",
    action=argparse.BooleanOptionalAction,
    default=argparse.SUPPRESS,
    help="of the catalogue, leave out what the user has had before (yes)",
  )


def gin(parser: argparse.ArgumentParser, required: bool = True) -> None:
  """Adds gin files and bindings.

  Args:
    parser: the command's.
    required: whether there must be a file.
  """
  add = parser.add_argument
  add(
    "--gin_file",
    action="append",
    default=[],
    required=required,
    help="a gin file; may be given several times, later ones win",
  )
  add(
    "--gin_search_paths",
    type=lambda text: text.split(","),
    default=[],
    help="folders, with commas between",
  )
  gin_bindings(parser)


def gin_bindings(parser: argparse.ArgumentParser) -> None:
  """Adds single bindings of gin."""
  parser.add_argument(
    "--gin.NAME=VALUE",
    dest="gin_bindings",
    default=[],
    nargs="?",
    help="binds a macro or a parameter, e.g. --gin.TRAIN_STEPS=100",
  )


def left_to_gin(
  parser: argparse.ArgumentParser,
) -> Callable[..., argparse.Action]:
  """Returns what adds flags that, where they are not given, gin decides on."""
  return functools.partial(parser.add_argument, default=argparse.SUPPRESS)


def records(parser: argparse.ArgumentParser) -> None:
  """Adds the folder of the records."""
  parser.add_argument(
    "--tfds_data_dir",
    default="data/records",
    help="folder of the records (data/records)",
  )


def processes(parser: argparse.ArgumentParser) -> None:
  """Adds how several processes find each other."""
  add = parser.add_argument
  add("--coordinator_address", help="host:port of the first of many processes")
  add("--num_processes", type=int, help="how many there are")
  add("--process_id", type=int, help="which one this is, from 0")


def files_to_write(parser: argparse.ArgumentParser, kinds: str) -> None:
  """Adds files to write, of several kinds.

  Args:
    parser: the command's.
    kinds: their suffixes, in words.
  """
  parser.add_argument(
    "--out",
    action="append",
    default=[],
    help=f"file to write: {kinds}; may be given several times",
  )


def teacher(parser: argparse.ArgumentParser) -> None:
  """Adds which teacher writes texts, and how it is asked."""
  add = parser.add_argument
  add(
    "--teacher",
    default="extractive",
    help="extractive, api or local; see below (extractive)",
  )
  add("--model", help="api: by the server's name; local: a folder")
  add(
    "--base_url",
    help="api: what /chat/completions follows (https://api.openai.com/v1)",
  )
  add(
    "--key_variable",
    help="api: variable of the environment with the key, or none "
    "(OPENAI_API_KEY)",
  )
  _server(add)
  add("--batch_size", type=int, help="local: requests at a time (8)")
  add("--cache", metavar="FILE", help="api, local: where answers are kept")


def _server(add: Callable[..., argparse.Action]) -> None:
  """Adds how a server is asked, and what is done instead of asking."""
  add("--concurrency", type=int, help="api: requests at a time (8)")
  add("--requests_per_minute", type=float, help="api: at most (no limit)")
  add("--tokens_per_minute", type=float, help="api: at most (no limit)")
  add("--max_tries", type=int, help="api: of a request that fails (6)")
  add("--timeout_s", type=float, help="api: seconds without an answer (60)")
  add(
    "--sampling",
    help="api: JSON of more fields of a request; null leaves one out "
    '({"temperature": 0.7, "max_tokens": 400})',
  )
  add(
    "--response_format",
    help="api: how JSON is asked for: json_schema, json_object or text "
    "(json_schema)",
  )
  add(
    "--estimate",
    action="store_true",
    help="api: what is left to ask, its tokens and cost; asks nothing",
  )
  add("--price_input", type=float, help="api: of a million tokens read")
  add("--price_output", type=float, help="api: of a million tokens written")
  add(
    "--write_requests",
    metavar="FOLDER",
    help="api: write what is left to ask for a batch endpoint; asks nothing",
  )
  add(
    "--read_answers",
    nargs="+",
    metavar="FILE",
    help="api: keep the answers of a batch endpoint; asks nothing",
  )
