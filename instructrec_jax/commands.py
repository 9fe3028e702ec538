"""The commands: what each does, in words, and the function that does it.

A function imports what it needs itself: the others' help does not wait for it.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence

from instructrec_jax import paths


def _sources(name: str | None, raw: str | None) -> None:
  from instructrec_jax.data.sources import listing

  for line in listing.lines(name, raw):
    print(line)


def _normalize(source: str, raw: str, **options) -> None:
  from instructrec_jax.data import normalize

  _print_manifest(normalize.normalize(source, raw, **options))


def _annotate(**options) -> None:
  from instructrec_jax.teacher import command

  done = command.annotate(**options)
  if "did" not in done:
    _print_manifest(done)
    return
  print(f"annotate {options['dataset']}: {done['did']}")
  _print_counts(done["counts"])


def _build(vocabulary_size: int | None, **options) -> None:
  from instructrec_jax.data import records

  extras = {}
  if vocabulary_size is not None:
    from instructrec_jax import vocabulary

    extras = vocabulary.build_extras(vocabulary_size)
  _print_manifest(records.build(**options, **extras))


def _itdr(**options) -> None:
  from instructrec_jax.itdr import command

  done = command.itdr(**options)
  if isinstance(done, dict):
    print(f"itdr: {done['did']}")
    _print_counts(done["counts"])
    return
  for line in command.summary(done):
    print(line)


def _print_manifest(manifest: dict, of: str = "dataset") -> None:
  """Prints what a stage read, dropped and kept."""
  state = "is there already" if manifest["reused"] else "done"
  print(f"{manifest['stage']} {manifest['options'][of]}: {state}")
  _print_counts(manifest["counts"])


def _print_counts(counts: dict) -> None:
  rows = list(_flat(counts))
  width = max([44, *(len(name) for name, _ in rows)])
  for name, count in rows:
    print(f"  {name:<{width}} {count}")


def _flat(counts: dict, prefix: str = ""):
  for key, value in counts.items():
    if isinstance(value, dict):
      yield from _flat(value, f"{prefix}{key} / ")
    elif isinstance(value, int | float):
      yield f"{prefix}{key}", f"{value:>12,}"
    else:
      text = value if isinstance(value, str) else json.dumps(value)
      yield f"{prefix}{key}", text


def _prepare(**options) -> None:
  from instructrec_jax import prepare
  from instructrec_jax.describe import command

  done = prepare.prepare(**options)
  for manifest in done.values():
    _print_manifest(manifest)
  dataset = done["build"]["options"]["dataset"]
  print()
  print(command.describe(dataset, options["data_dir"], sample=0))


def _describe(**options) -> None:
  from instructrec_jax.describe import command

  print(command.describe(**options))
  for path in options["out"]:
    print(f"written: {path}", file=sys.stderr)


def _export(**options) -> None:
  from instructrec_jax.instructions import export

  counts = export.command(**options)
  print(f"export {options['mixture_or_task_name']}: {options['out']}")
  for name, count in _flat(counts):
    print(f"  {name:<44} {count}")


def _cache(**options) -> None:
  from instructrec_jax import runs

  _print_manifest(runs.cache(**options), "mixture")


def _train(
  coordinator_address: str | None,
  num_processes: int | None,
  process_id: int | None,
  **options,
) -> None:
  from instructrec_jax import runs
  from instructrec_jax.train import distributed

  with distributed.processes(coordinator_address, num_processes, process_id):
    manifest = runs.train(**options)
  print(f"{manifest['mixture']}: {manifest['step']} steps are trained")


def _evaluate(
  coordinator_address: str | None,
  num_processes: int | None,
  process_id: int | None,
  predictions: str | None,
  **options,
) -> None:
  import jax

  from instructrec_jax import predictions_file, runs
  from instructrec_jax.eval import report
  from instructrec_jax.train import distributed

  predictions_file.check_flags(predictions, options)
  options = {key: value for key, value in options.items() if value is not None}
  if predictions is not None:
    print(report.report(predictions_file.evaluate(predictions, **options)))
    return
  with distributed.processes(coordinator_address, num_processes, process_id):
    folders = runs.evaluate(**options)
    if jax.process_index() == 0:
      print(report.report(folders))


def _baseline(baseline: str, out: str | None, **options) -> None:
  from instructrec_jax.baselines import evaluate
  from instructrec_jax.eval import report

  where = f"{options['dataset']}_{options['split']}_{baseline}"
  if options["rank"] != "candidates":
    where += f"_{options['rank']}"
  folder = out or paths.anywhere(options["data_dir"]) / "baselines" / where
  evaluate.evaluate_baseline(baseline=baseline, out=folder, **options)
  print(report.report([folder]))


def _report(results: Sequence[str], **options) -> None:
  from instructrec_jax.eval import report

  print(report.report(results, **options))
  for path in options["out"]:
    print(f"written: {path}", file=sys.stderr)


def _simulate(out: str, **options) -> None:
  from instructrec_jax.data import simulate

  folder = paths.local(out, "write to a local one and copy it")
  world = simulate.write(folder, **options)
  for domain, interactions in world.interactions.items():
    print(f"{out}/{domain}: {len(interactions):,} interactions")


def _demo(**options) -> None:
  from instructrec_jax import demo

  demo.demo(**options)


def _plan(**options) -> None:
  from instructrec_jax.plan import command

  # There is nothing to save, and the compiler heeds no handler of Python's.
  signal.signal(signal.SIGINT, signal.SIG_DFL)
  signal.signal(signal.SIGTERM, signal.SIG_DFL)
  command.plan(**options)


def _convert(**options) -> None:
  from instructrec_jax.weights import convert

  manifest = convert.convert(**options)
  counts = manifest["counts"]
  state = "is there already" if manifest["reused"] else "done"
  print(
    f"{counts['from']} to {options['to']}: {state}: {counts['tensors']} "
    f"tensors, {counts['parameters']:,} parameters, {counts['bytes']:,} bytes "
    f"of {', '.join(counts['dtypes'])}"
  )
  print(f"  read     {counts['read']}")
  print(f"  written  {os.path.join(options['out'], counts['written'])}")
  print(f"  model    {counts['model']}")


def _gin_path() -> None:
  from instructrec_jax import gin_files

  print(gin_files.path())


# Command: function, what it does, and examples.
COMMANDS = {
  "sources": (
    _sources,
    "list the datasets that can be read, and what a folder has of them",
    """
  instructrec sources
  instructrec sources --raw ~/Downloads
  instructrec sources movielens/32m --raw ~/Downloads""",
  ),
  "normalize": (
    _normalize,
    "raw files to clean tables",
    """
  instructrec normalize movielens/100k --raw ~/ml-100k
  instructrec normalize table --raw ~/shop --dataset shop \\
    --user_column customer --item_column sku --time_column day""",
  ),
  "annotate": (
    _annotate,
    "preferences and intentions, written by a teacher",
    """
  instructrec annotate gift_cards
  instructrec annotate gift_cards --teacher api --model gpt-4o-mini \\
    --estimate --price_input 0.15 --price_output 0.6
  instructrec annotate gift_cards --teacher api --model my-model \\
    --base_url http://localhost:8000/v1 --key_variable none
  instructrec annotate gift_cards --teacher api --model gpt-4o-mini \\
    --write_requests batch
  instructrec annotate gift_cards --teacher api --model gpt-4o-mini \\
    --read_answers batch/answers.jsonl
  instructrec annotate gift_cards --teacher local --model ~/flan-t5-large

of each user's validation and test target, and of --per_user training targets
(those with the longest histories):
  preference          the taste, from up to 20 items before the target
  vague_intention     what the user was after, from the review of the target
  vague_intention_2   the same in other words
  specific_intention  the labels of the target
The last three look at the target. With --per_user 1 there are three instances
a user, as there are preferences in the paper (151,638 of 50,546 users); its
101,092 intentions are two a user, which two it does not say.
Teachers:
  extractive  no model: what histories share and reviews state; always the same
  api         any OpenAI-compatible server; its key is read from the environment
  local       a Hugging Face model by its folder (extra [teacher])
Every answer of a model is kept in DATA_DIR/annotations/answers.sqlite3, and is
asked for once: a run that was stopped goes on where it was. What got no answer
(the server failed each time) is counted as absent; once the run is finished,
--overwrite asks for that again, and for nothing else.""",
  ),
  "build": (
    _build,
    "tables to records: split, histories, candidates",
    """
  instructrec build ml_100k
  instructrec build shop --vocabulary_size 8000
  instructrec build shop --candidates popularity --num_negatives 99
  instructrec build shop --candidates hard --candidates_file retrieved.parquet
  instructrec build shop --candidates hard --candidates_file scores.npy \\
    --among 100
  instructrec build shop --candidates file --candidates_file mine.jsonl
  instructrec build shop --variant search
  instructrec build shop --variant hard --candidates_file retrieved.parquet

variants are records of their own, beside the plain ones:
  search      queries (labels of items, and vague intentions of training
              targets), items split 80/10/10; annotate first
  hard        for --candidates hard
  of_100      99 negatives
Their tasks are instructrec_DATASET_VARIANT_…, e.g.
instructrec_games_search_p0_i2_t3.

candidates of a validation or test request, drawn once by seed and kept in the
records, so that they are the same for every system. What is drawn is never
another item that the user has met:
  uniform     the target and items drawn uniformly
  popularity  drawn without replacement, in proportion to how often each was
              taken in training
  hard        what a retriever ranks highest; with --among M, drawn uniformly
              from its first M
  file        the lists of a file, as they stand there; items in them that the
              user has met are counted
A file has a line a user (JSON lines or Parquet), with the ids of the tables,
best items first:
  {"user_id": "u1", "items": ["i7", "i2", "i9"]}
and perhaps "split" (validation or test; else for both) and, of one's own lists,
"relevant" (those of the items that count as found; else the target). A matrix
of a retriever's scores, .npy, has the shape [users, items], in the order of
tables/DATASET/users.parquet and items.parquet.
To rank the whole catalogue nothing is drawn: `instructrec evaluate` and
`instructrec baseline` take --rank=catalogue, on any records.""",
  ),
  "itdr": (
    _itdr,
    "tables to ITDR's records: seven subtasks, 33 pairs with datasets",
    """
  instructrec itdr
  instructrec itdr top_k rating_prediction_ml_32m \\
    --tables ml_32m=ml_latest_small --size 600
  instructrec itdr understanding --vocabulary_size 8000
  instructrec itdr interests --teacher api --model gpt-4o-mini --estimate

A pair is a subtask and a dataset; it is built of the tables that `instructrec
normalize` has written, and is the SeqIO task itdr_PAIR then. Subtasks, under
their root tasks:
  interaction    rating_prediction, top_k, cross_domain, next_item
  understanding  user_attributes, interests, target_users
Without names all pairs are built whose tables are there, and the others are
listed. A user is in the same split of all pairs. What is to be written in
interests and target_users a teacher writes, as in `instructrec annotate`; who
has no good text is left out and counted, and somebody else is taken.
--vocabulary_size trains one vocabulary on the texts of all pairs that were
built: DATA_DIR/records/itdr_vocabulary/vocabulary.model.""",
  ),
  "prepare": (
    _prepare,
    "raw files to instructions: normalize, annotate, build and describe",
    """
  instructrec prepare amazon_2018/Gift_Cards --raw ~/amazon_2018
  instructrec prepare movielens/100k --raw ~/ml-100k --vocabulary_size 8000

is, with the extractive teacher and what each command does unless told otherwise
  instructrec normalize SOURCE --raw RAW
  instructrec annotate DATASET
  instructrec build DATASET
  instructrec build DATASET --variant search
  instructrec describe DATASET --sample 0
Annotations that are there already are kept, whoever wrote them.
Families whose texts a dataset cannot have, such as those of intentions where
there are no reviews, are left out when a mixture is used.""",
  ),
  "describe": (
    _describe,
    "what the instructions of built records are: counts, words, tokens",
    """
  instructrec describe gift_cards_2018 --vocabulary gift_cards_2018
  instructrec describe gift_cards_2018 --vocabulary t5 \\
    --out describe.html --out describe.md --out describe.json
  instructrec describe gift_cards_2018 --sample 0

prints, as Markdown, the paper's table of its data with ours beside it; records,
users and histories; texts that were written, rejected and absent; instances by
family and split; and, of a sample of rendered instructions, words and tokens,
and what is shortened or left out at given lengths.""",
  ),
  "export": (
    _export,
    "instructions as JSON, for trainers that do not read SeqIO",
    """
  instructrec export instructrec_gift_cards_2018 --out gift_cards.jsonl
  instructrec export instructrec_gift_cards_2018 --out mixed.jsonl \\
    --num_instructions 252730 --form chat \\
    --gin.FAMILY_RATES="{'p1_i0_t3': 2, 'p0_i1_t3': 1}"
  instructrec export instructrec_gift_cards_2018_p1_i0_t3 --split test \\
    --out test.jsonl --inputs_length 512 --targets_length 128 --vocabulary t5
  instructrec export itdr --form itdr --split test --out itdr_test.json

Every instruction of each task once, or --num_instructions of them, drawn by the
mixture's rates; a record comes again in other words. A line's fields, by form:
  instruction  instruction, input (empty), output: LLaMA-Factory's "alpaca"
  chat         messages of a user and an assistant: TRL, and LLaMA-Factory, with
               "formatting": "sharegpt", "columns": {"messages": "messages"} and
               "tags": {"role_tag": "role", "content_tag": "content",
               "user_tag": "user", "assistant_tag": "assistant"}
  completion   prompt, completion: TRL
  itdr         instruction, input, output, as in ITDR's own files: what the task
               is, the question, and the answer
ITDR's tasks say first what the task is: in a chat the system says it. A file
named .json holds one list, any other a line for each.
Beside them stand task, template, instance and user, and where there are any,
candidates.""",
  ),
  "cache": (
    _cache,
    "tokens of a run's training records, so that it needs no TensorFlow",
    """
  instructrec cache --gin_file=gin/experiments/games_tiny.gin --epochs=4 \\
    --out=data/tokens/games""",
  ),
  "train": (
    _train,
    "train with our own runner, as gin files say; goes on where it stopped",
    """
  instructrec train --gin_file=gin/runs/native_finetune.gin \\
    --gin_file=gin/experiments/demo.gin --tfds_data_dir=demo/data/records \\
    --gin.MODEL_DIR="'runs/long'" --gin.TRAIN_STEPS=2000""",
  ),
  "evaluate": (
    _evaluate,
    "measure what a trained model answers, or what any model has answered",
    """
  instructrec evaluate --model_dir=demo/model
  instructrec evaluate --model_dir=runs/games --split=test_2k \\
    --mixture_or_task_name=instructrec_games_p1_i0_t3
  instructrec evaluate --model_dir=runs/games --rank=catalogue \\
    --gin.NUM_BEAMS=20 --gin.title_trie.same_title="'first'" …
  instructrec evaluate --predictions=glm4.jsonl --system=GLM-4 \\
    --mixture_or_task_name=itdr --out=runs/glm4
  instructrec evaluate --predictions=generated_predictions.jsonl \\
    --exported=itdr_test.json --system=GLM-4 \\
    --mixture_or_task_name=itdr --out=runs/glm4

Of InstructRec's families those that rank are measured; those that write, where
they are named.
A file of predictions has a JSON object a line, and needs no checkpoint:
  {"task": "itdr_top_k_ml_32m", "instance": 17, "prediction": "1. …; 2. …"}
task and instance are those of `instructrec export --split test`, so that it is
enough to add the prediction to its lines. Of LLaMA-Factory's
generated_predictions.jsonl (prompt, predict, label) each line belongs to the
line of that number of --exported, the file that it was given.""",
  ),
  "baseline": (
    _baseline,
    "rank the same candidates at random or by popularity",
    """
  instructrec baseline popularity ml_100k --split test
  instructrec baseline popularity ml_100k --rank catalogue""",
  ),
  "report": (
    _report,
    "compare results: a table, and a page with plots",
    """
  instructrec report demo/results --out report.html --data_dir demo/data
  instructrec report runs/a runs/b --out both.md --out both.tex \\
    --baseline popularity --metrics hr@1,ndcg@20,mrr
  instructrec report runs/games runs/glm4 --form itdr --out itdr.md""",
  ),
  "simulate": (
    _simulate,
    "write the demo world's raw files",
    """
  instructrec simulate world --num_users 500""",
  ),
  "demo": (
    _demo,
    "everything on the embedded world: simulate to report",
    """
  instructrec demo --out demo""",
  ),
  "plan": (
    _plan,
    "what a run needs on a TPU topology, compiled without one (extra [tpu])",
    """
  instructrec plan --topology=v5e:4x4 --gin_file=runs/native_finetune.gin \\
    --gin_file=experiments/games_flan_t5_xl.gin
  instructrec plan --topology=v4:2x2x4 --scoring --sweep …

A step that does not fit is an answer, and exits with 0. To compile Flan-T5-XL
takes five minutes or more each time, half of it with --quick; the largest batch
takes up to three compilations more.""",
  ),
  "convert": (
    _convert,
    "weights to another format: ours, T5X's or Hugging Face's",
    """
  instructrec convert ~/flan-t5-xl runs/flan_t5_xl --to native
  instructrec convert runs/games games_hf --to hf --step 2000
  instructrec convert runs/games games_t5x --to t5x --optimizer carry
  instructrec convert \\
    gs://t5-data/pretrained_models/t5x/flan_t5_small/checkpoint_1198000 \\
    flan_t5_small_hf --to hf --dtype bfloat16""",
  ),
  "gin-path": (
    _gin_path,
    "print the folder of the gin files",
    """
  python -m t5x.train --gin_search_paths=$(instructrec gin-path) …""",
  ),
}
