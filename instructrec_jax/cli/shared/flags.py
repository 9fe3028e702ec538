"""Flags that several commands have."""

import argparse
import contextlib
import functools
from collections.abc import Callable, Generator
from typing import Any

from instructrec_jax.cli.shared import values


def data_dir(parser: argparse.ArgumentParser, written: bool = False) -> None:
  """Adds the folder of all datasets.

  Args:
    parser: the command's.
    written: whether the command writes into it.
  """
  parser.add_argument(
    "--data_dir",
    type=values.folder_to_write if written else values.path,
    default="data",
    help="folder with all datasets (data)",
  )


def overwrite(parser: argparse.ArgumentParser) -> None:
  """Adds whether to replace what is there."""
  parser.add_argument(
    "--overwrite",
    action="store_true",
    help="replace output that was made with other options",
  )


def world(parser: argparse.ArgumentParser) -> None:
  """Adds how large a simulated world is."""
  add = parser.add_argument
  add(
    "--num_users",
    type=values.COUNT,
    default=2000,
    help="number of customers (2000)",
  )
  add(
    "--num_items",
    type=values.COUNT,
    default=300,
    help="items of each domain (300)",
  )


def vocabulary_size(parser: argparse.ArgumentParser) -> None:
  """Adds whether to train a vocabulary."""
  parser.add_argument(
    "--vocabulary_size",
    type=values.COUNT,
    help="train a vocabulary of so many pieces on the titles and texts",
  )


def max_history(parser: argparse.ArgumentParser) -> None:
  """Adds how many items a history keeps."""
  parser.add_argument(
    "--max_history",
    type=values.COUNT,
    default=50,
    help="newest items that a history keeps (50; InstructRec's paper has 20)",
  )


def per_user(parser: argparse.ArgumentParser) -> None:
  """Adds how many training targets of a user are annotated."""
  parser.add_argument(
    "--per_user",
    type=values.whole(0),
    default=1,
    help="training targets of each user (1)",
  )


# The types of options of sources that are not any text.
_OPTIONS = {"min_rating": values.number_text}


def source(parser: argparse.ArgumentParser) -> None:
  """Adds a source of raw files, and what its reader must know."""
  from instructrec_jax.data.sources import SOURCES

  add = parser.add_argument
  add("source", help="name of the source; `instructrec sources` lists them")
  add(
    "--raw",
    type=values.path,
    required=True,
    help="folder of the raw files, or an archive",
  )
  add("--dataset", help="short name of the dataset (that of the source)")
  add(
    "--k_core",
    type=values.COUNT,
    help="least number of interactions of a user and an item",
  )
  add(
    "--allow_large",
    action="store_true",
    help="read files that unpack to more than 200 times their size, or that "
    "may not fit into memory",
  )
  roles = {r.removesuffix("?") for s in SOURCES.values() for r in s.files}
  for role in sorted(roles):
    add(
      f"--{role}_file",
      type=values.path,
      help=f"name of the file of {role}, if it has another",
    )
  options = {k: v for s in SOURCES.values() for k, v in s.options.items()}
  for option, meaning in options.items():
    add(
      f"--{option}",
      type=_OPTIONS.get(option, values.some),
      help=meaning.replace("%", "%%"),
    )


def exclude_history(parser: argparse.ArgumentParser) -> None:
  """Adds whether a ranking of the catalogue leaves out a user's history."""
  parser.add_argument(
    "--exclude_history",
    action=argparse.BooleanOptionalAction,
    default=argparse.SUPPRESS,
    help="in the catalogue, leave out what the user had before (yes)",
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
    type=values.path,
    action="append",
    default=[],
    required=required,
    help="a gin file; may be given several times; later files win",
  )
  add(
    "--gin_search_paths",
    type=values.paths_with_commas,
    default=[],
    help="folders of gin files, separated by commas",
  )
  gin_bindings(parser)


def gin_bindings(parser: argparse.ArgumentParser) -> None:
  """Adds single bindings of gin."""
  parser.add_argument(
    "--gin.NAME=VALUE",
    dest="gin_bindings",
    default=[],
    nargs="?",
    help="bind a macro or a parameter, e.g. --gin.TRAIN_STEPS=100",
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
    type=values.path,
    default="data/records",
    help="folder of the records (data/records)",
  )


def request_sample(parser: argparse.ArgumentParser) -> None:
  """Adds which requests of a split are asked."""
  add = parser.add_argument
  add(
    "--num_requests",
    type=values.COUNT,
    help="ask so many requests of the split, drawn by --sample_seed (all)",
  )
  add(
    "--sample_seed",
    type=values.SEED,
    default=0,
    help="seed of that draw (0)",
  )


def processes(parser: argparse.ArgumentParser) -> None:
  """Adds how several processes find each other."""
  add = parser.add_argument
  add(
    "--coordinator_address",
    type=values.host_and_port,
    help="host:port of the first of several processes",
  )
  add("--num_processes", type=values.COUNT, help="number of processes")
  add(
    "--process_id",
    type=values.whole(0),
    help="number of this process, from 0",
  )


@contextlib.contextmanager
def joined_processes(options: dict[str, Any]) -> Generator[None]:
  """Takes the flags of `processes` out of options, and joins the processes."""
  from instructrec_jax.train import distributed

  names = ("coordinator_address", "num_processes", "process_id")
  with distributed.processes(*(options.pop(name) for name in names)):
    yield


def files_to_write(parser: argparse.ArgumentParser, kinds: str) -> None:
  """Adds files to write, of several kinds.

  Args:
    parser: the command's.
    kinds: their suffixes, in words.
  """
  parser.add_argument(
    "--out",
    type=values.file_to_write,
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
  asked_model(parser)


def asked_model(parser: argparse.ArgumentParser) -> None:
  """Adds the model that is asked, on a server or in a folder, and how."""
  add = parser.add_argument
  add(
    "--model",
    type=values.path,
    help="api: the server's name of a model; local: a folder, or a .gguf file",
  )
  add(
    "--base_url",
    type=values.url,
    help="api: the address before /chat/completions "
    "(https://api.openai.com/v1)",
  )
  add(
    "--key_variable",
    type=values.variable,
    help="api: environment variable that holds the key, or none "
    "(OPENAI_API_KEY)",
  )
  add(
    "--allow_http",
    action="store_true",
    help="api: send the key over http too, where others can read it",
  )
  _server(add)
  add("--batch_size", type=values.COUNT, help="local: requests in a batch (8)")
  add(
    "--cache",
    type=values.file_to_write,
    metavar="FILE",
    help="api, local: file that keeps the answers",
  )


def _server(add: Callable[..., argparse.Action]) -> None:
  """Adds how a server is asked, and what is done instead of asking."""
  count, rate = values.COUNT, values.number(above=0)
  add("--concurrency", type=count, help="api: requests at the same time (8)")
  add("--requests_per_minute", type=rate, help="api: upper limit (none)")
  add("--tokens_per_minute", type=rate, help="api: upper limit (none)")
  add("--max_tries", type=count, help="api: tries of a request that fails (6)")
  add("--timeout_s", type=rate, help="api: seconds to wait for an answer (60)")
  add(
    "--sampling",
    type=values.json_object,
    help="api: further fields of a request, as JSON; null leaves one out "
    '({"temperature": 0.7, "max_tokens": 400})',
  )
  add(
    "--response_format",
    help="api: how to ask for JSON: json_schema, json_object or text "
    "(json_schema)",
  )
  add(
    "--estimate",
    action="store_true",
    help="api: print how many requests are left, their tokens and their cost; "
    "send nothing",
  )
  price = values.number(0)
  add("--price_input", type=price, help="api: price of a million input tokens")
  add(
    "--price_output", type=price, help="api: price of a million output tokens"
  )
  add(
    "--write_requests",
    type=values.folder_to_write,
    metavar="FOLDER",
    help="api: write the requests that are left for a batch endpoint; send "
    "nothing",
  )
  add(
    "--read_answers",
    type=values.path,
    nargs="+",
    metavar="FILE",
    help="api: read the answers of a batch endpoint; send nothing",
  )
