"""The flags of each command, without what the commands themselves import."""

import argparse
from collections.abc import Callable


def add(added: dict[str, argparse.ArgumentParser]) -> None:
  """Gives each command's parser its flags.

  Args:
    added: the parsers, by command.
  """
  _data_flags(added)
  _annotate_flags(added["annotate"].add_argument)
  _itdr_flags(added["itdr"].add_argument)
  _describe_flags(added["describe"].add_argument)
  _export_flags(added["export"].add_argument)
  _run_flags(added)
  _plan_flags(added["plan"].add_argument)
  _convert_flags(added["convert"].add_argument)
  _result_flags(added)


def _data_flags(added: dict[str, argparse.ArgumentParser]) -> None:
  from instructrec_jax.data.sources import SOURCES

  add = added["sources"].add_argument
  add("name", nargs="?", help="one of them, in detail (all, in short)")
  add("--raw", help="a folder: what of each lies in it, and what is missing")
  for name in (
    "normalize",
    "annotate",
    "build",
    "prepare",
    "itdr",
    "describe",
    "baseline",
  ):
    added[name].add_argument(
      "--data_dir", default="data", help="folder of all datasets (data)"
    )
  roles = {r.removesuffix("?") for s in SOURCES.values() for r in s.files}
  options = {k: v for s in SOURCES.values() for k, v in s.options.items()}
  for name in ("normalize", "prepare"):
    add = added[name].add_argument
    add("source", help="`instructrec sources` lists them")
    add("--raw", required=True, help="the raw files' folder, or an archive")
    add("--dataset", help="short name for what is written (the source's)")
    add("--k_core", type=int, help="interactions of every user and item")
    for role in sorted(roles):
      add(f"--{role}_file", help=f"another name of the file of {role}")
    for option, meaning in options.items():
      add(f"--{option}", help=meaning)

  add = added["build"].add_argument
  add("dataset", help="short name of normalized tables")
  add("--seed", type=int, default=0, help="of negatives and orders (0)")
  add(
    "--variant",
    default="",
    help="other records of the same dataset: search, hard or of_100; see below",
  )
  add(
    "--candidates",
    help="what stands beside the target in validation and test: uniform, "
    "popularity, hard, or file; see below (uniform)",
  )
  add("--candidates_file", help="of a retriever, or your own; see below")
  add(
    "--among",
    type=int,
    help="hard: the retriever's first items to draw from (num_negatives)",
  )
  add("--num_negatives", type=int, help="of a request, drawn ones (9)")
  add("--max_history", type=int, default=50, help="newest items (50)")
  for name in ("build", "prepare", "itdr"):
    added[name].add_argument(
      "--vocabulary_size",
      type=int,
      help="train a vocabulary of so many pieces on titles and texts",
    )
  added["prepare"].add_argument(
    "--seed", type=int, default=0, help="of all stages (0)"
  )
  for name in ("annotate", "prepare"):
    added[name].add_argument(
      "--per_user", type=int, default=1, help="training targets of a user (1)"
    )
  for name in (
    "normalize",
    "annotate",
    "build",
    "prepare",
    "itdr",
    "cache",
    "export",
  ):
    added[name].add_argument(
      "--overwrite",
      action="store_true",
      help="replace what other options have made",
    )
  add = added["simulate"].add_argument
  add("out", help="folder for the files")
  add("--num_users", type=int, default=2000, help="customers (2000)")
  add("--num_items", type=int, default=300, help="items a domain (300)")
  add("--seed", type=int, default=0, help="of the world (0)")


def _annotate_flags(add: Callable[..., argparse.Action]) -> None:
  add("dataset", help="short name of normalized tables")
  add("--num_users", type=int, help="so many users, drawn by seed (all)")
  add("--seed", type=int, default=0, help="of draws and wordings (0)")
  add(
    "--judge",
    type=int,
    metavar="N",
    help="api, local: texts of each field that it is asked to judge (none)",
  )
  _teacher_flags(add)


def _itdr_flags(add: Callable[..., argparse.Action]) -> None:
  add(
    "pairs",
    nargs="*",
    metavar="PAIR",
    help="pairs, subtasks or root tasks (all whose tables are there)",
  )
  add(
    "--size",
    type=int,
    help="instances of a pair, 8 : 1 : 1 in train, validation and test (as "
    "many as the paper has)",
  )
  add(
    "--tables",
    action="append",
    default=[],
    metavar="DATASET=OTHER",
    help="take other tables, e.g. ml_32m=ml_latest_small; may be given several "
    "times",
  )
  add("--seed", type=int, default=0, help="of all draws (0)")
  _teacher_flags(add)


def _teacher_flags(add: Callable[..., argparse.Action]) -> None:
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
  add("--batch_size", type=int, help="local: requests at a time (8)")
  add("--cache", metavar="FILE", help="api, local: where answers are kept")


def _describe_flags(add: Callable[..., argparse.Action]) -> None:
  add("dataset", help="short name of built records")
  add(
    "--out",
    action="append",
    default=[],
    help="file to write: .md, .html or .json; may be given several times",
  )
  add(
    "--sample",
    type=int,
    default=500,
    help="training records of a family to render and measure (500)",
  )
  add("--inputs_length", type=int, default=512, help="tokens to fit (512)")
  add("--targets_length", type=int, default=128, help="tokens to fit (128)")
  add(
    "--vocabulary",
    default="t5",
    help="that tokens are counted in: t5, a dataset built with "
    "--vocabulary_size, or a SentencePiece file (t5)",
  )
  add("--seed", type=int, default=0, help="of wordings and negatives (0)")


def _export_flags(add: Callable[..., argparse.Action]) -> None:
  add("mixture_or_task_name", help="what to export, e.g. instructrec_shop")
  add("--out", required=True, help="file to write")
  add("--split", default="train", help="train, validation or test (train)")
  add(
    "--form",
    default="instruction",
    help="instruction, chat, completion or itdr; see below (instruction)",
  )
  add(
    "--num_instructions",
    type=int,
    help="so many, by the mixture's rates (every one of each task once)",
  )
  add("--num_epochs", type=int, default=1, help="times to take every one (1)")
  add("--inputs_length", type=int, help="tokens of what is told (any)")
  add("--targets_length", type=int, help="tokens of what is answered (any)")
  add(
    "--vocabulary",
    help="that lengths are counted in: t5, a dataset built with "
    "--vocabulary_size, or a SentencePiece file (t5)",
  )
  add("--seed", type=int, default=0, help="of wordings and negatives (0)")


def _run_flags(added: dict[str, argparse.ArgumentParser]) -> None:
  for name in ("export", "cache", "train", "evaluate", "plan"):
    add = added[name].add_argument
    add(
      "--gin_file",
      action="append",
      default=[],
      required=name not in ("export", "evaluate"),
      help="a gin file; may be given several times, later ones win",
    )
    add(
      "--gin_search_paths",
      type=lambda text: text.split(","),
      default=[],
      help="folders, with commas between",
    )
    add(
      "--gin.NAME=VALUE",
      dest="gin_bindings",
      default=[],
      nargs="?",
      help="binds a macro or a parameter, e.g. --gin.TRAIN_STEPS=100",
    )
  for name in ("export", "cache", "train"):
    added[name].add_argument(
      "--tfds_data_dir",
      default="data/records",
      help="folder of the records (data/records)",
    )
  for name in ("train", "evaluate"):
    add = added[name].add_argument
    add(
      "--coordinator_address", help="host:port of the first of many processes"
    )
    add("--num_processes", type=int, help="how many there are")
    add("--process_id", type=int, help="which one this is, from 0")
  add = added["cache"].add_argument
  add("--out", help="folder for the tokens (CACHED_TOKENS)")
  add("--epochs", type=int, help="times to draw wordings and negatives (1)")
  add = added["evaluate"].add_argument
  add("--model_dir", help="folder of a training run")
  add(
    "--predictions",
    metavar="FILE",
    help="instead of a run, a file with the answers of any model; see below",
  )
  add(
    "--exported",
    metavar="FILE",
    help="with --predictions: what was answered, line by line",
  )
  add(
    "--allow_missing",
    action="store_const",
    const=True,
    help="with --predictions: leave out requests that have none",
  )
  add(
    "--tfds_data_dir",
    help="folder of the records (the run's; with --predictions, data/records)",
  )
  add("--mixture_or_task_name", help="what to evaluate (the run's mixture)")
  add("--split", help="validation, test, or test_2k for a sample (test)")
  add(
    "--rank",
    help="candidates, or catalogue: the model writes NUM_BEAMS titles (10) out "
    "of the whole of it, in tasks that show no candidates (candidates)",
  )
  add(
    "--exclude_history",
    action=argparse.BooleanOptionalAction,
    help="of the catalogue, leave out what the user has had before (yes)",
  )
  add("--step", type=int, help="which checkpoint (the newest)")
  add("--batch_size", type=int, help="requests at a time (32)")
  add("--system", help="name in tables (that of MODEL_DIR)")
  add("--seed", type=int, help="of the bootstrap intervals (0)")
  add(
    "--procedure",
    help="ask by earlier answers: sorting (T1, few comparisons), rounds (T3, "
    "more candidates than fit a prompt) or orders (T1 and T3, how much their "
    "order matters); what each task declares",
  )
  add("--out", help="folder for results (MODEL_DIR/evaluation)")


def _plan_flags(add: Callable[..., argparse.Action]) -> None:
  add(
    "--topology",
    required=True,
    help="chip (v4, v5e, v5p or v6e) and shape, e.g. v5e:4x4 or v4:2x2x4",
  )
  add(
    "--scoring",
    action="store_true",
    help="plan the scoring of candidates instead of training",
  )
  add("--num_candidates", type=int, default=10, help="of a request (10)")
  add("--batch_size", type=int, help="rows over all chips (BATCH_SIZE)")
  add(
    "--largest_batch",
    action=argparse.BooleanOptionalAction,
    default=True,
    help="look for the largest batch that fits",
  )
  add(
    "--sweep",
    action="store_true",
    help="a table of every mesh of the chips: NUM_PARTITIONS by "
    "PARAMETER_PARTITIONING_DIMS",
  )
  add(
    "--quick",
    action="store_true",
    help="compile with less effort than a run: about a tenth more memory; time "
    "and bytes moved are not a run's then",
  )
  add("--json", dest="as_json", action="store_true", help="print JSON")


def _convert_flags(add: Callable[..., argparse.Action]) -> None:
  add("src", help="a checkpoint, or a run's folder; its format is found out")
  add("out", help="folder to make")
  add("--to", required=True, help="native (ours), t5x or hf")
  add(
    "--optimizer",
    default="reset",
    help="reset: parameters only, at step 0; carry: with Adafactor's state and "
    "the step, so that a run can go on with the other runner (reset)",
  )
  add("--step", type=int, help="which of the run's checkpoints (the newest)")
  add("--dtype", help="float32 or bfloat16 (as it is read)")
  add("--vocabulary", help="with hf: a SentencePiece file to put beside")
  add(
    "--max_shard_gb",
    type=float,
    default=5.0,
    help="with hf: largest file of weights, in GB (5)",
  )
  add(
    "--overwrite",
    action="store_true",
    help="replace what was converted from something else",
  )


def _result_flags(added: dict[str, argparse.ArgumentParser]) -> None:
  add = added["baseline"].add_argument
  add("baseline", help="popularity or random")
  add("dataset", help="short name of built records")
  add("--split", default="test", help="validation or test (test)")
  add(
    "--rank", default="candidates", help="candidates or catalogue (candidates)"
  )
  add(
    "--exclude_history",
    action=argparse.BooleanOptionalAction,
    default=True,
    help="of the catalogue, leave out what the user has had before (yes)",
  )
  add("--seed", type=int, default=0, help="of draws and intervals (0)")
  add("--out", help="folder for results (DATA_DIR/baselines/…)")

  add = added["report"].add_argument
  add("results", nargs="+", help="result folders, or folders of them")
  add(
    "--out",
    action="append",
    default=[],
    help="file to write: .html, .md, .csv or .tex; may be given several times",
  )
  add(
    "--data_dir",
    help="folder of all datasets, for titles, slices, and what is recommended",
  )
  add(
    "--metrics",
    type=lambda text: text.split(","),
    help="what to measure, with commas between: hr@K, precision@K, recall@K, "
    "ndcg@K, mrr, map, auc (what was measured)",
  )
  add("--baseline", help="system to test the others against, for p-values")
  add(
    "--form",
    default="systems",
    help="systems: a table of those that answered the same; or itdr: a row for "
    "each of its 33 pairs, beside the paper's figures (systems)",
  )
  add("--trec_dir", help="folder for TREC's run and qrels files")
  add("--training_log", help="a run's metrics.jsonl, for its curve")

  add = added["demo"].add_argument
  add("--out", default="demo", help="folder for everything (demo)")
  add("--seed", type=int, default=0, help="of world, build and training (0)")
