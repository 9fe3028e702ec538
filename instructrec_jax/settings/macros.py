"""The table of all macros: what a run can be told by an experiment.

Checks, messages, `--help` and docs/settings.md follow from this table, and so
do the comments beside the macros in gin/, which a test compares. It imports
neither gin nor JAX, so that `--help` is quick.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from instructrec_jax import errors
from instructrec_jax.errors import InputError
from instructrec_jax.settings.kinds import (
  YES_OR_NO,
  ByName,
  Choice,
  Either,
  Kind,
  Made,
  Number,
  OrNone,
  Text,
  Whole,
  check,
)

# The kinds of run, each with what a person calls it. Those of T5X read
# finetune.gin; evaluate.gin and evaluate_catalogue.gin; and infer.gin.
RUNS = {
  "train": "instructrec train",
  "cache": "instructrec cache",
  "evaluate": "instructrec evaluate",
  "mixing": "instructrec measure and export",
  "t5x_train": "T5X's train",
  "t5x_eval": "T5X's eval",
  "t5x_infer": "T5X's infer",
}
_T5X = ("t5x_train", "t5x_eval", "t5x_infer")
_MODELS = ("train", "evaluate", *_T5X)
_ALL = ("train", "cache", "evaluate", *_T5X)
_TRAINING = ("train", "t5x_train")
_NATIVE = ("train", "evaluate")
_MIXING = ("train", "cache", "mixing", "t5x_train")
# A default that gin calls %gin.REQUIRED.
REQUIRED = "%gin.REQUIRED"


@dataclasses.dataclass(frozen=True)
class Macro:
  """A setting of a run.

  Attributes:
    section: Its heading in docs/settings.md. models/items.gin has those of
      "Models of items".
    name: Its name in gin files.
    kind: Its type and range.
    default: As the gin files of its runs, or models/t5.gin, write it.
    runs: The kinds of run that have it, keys of `RUNS`.
    meaning: What it says, which is also its comment in gin files.
  """

  section: str
  name: str
  kind: Kind
  default: str
  runs: tuple[str, ...]
  meaning: str

  @property
  def t5x_only(self) -> bool:
    """Whether only T5X has it."""
    return set(self.runs) <= set(_T5X)


_DATA, _MODEL, _ITEMS, _TRAIN, _DEVICES, _EVALUATION = SECTIONS = (
  "What to train on", "The model", "Models of items", "Training", "Devices",
  "Evaluation",
)  # fmt: skip

MACROS = (
  Macro(
    _DATA, "MIXTURE_OR_TASK_NAME", Text(), REQUIRED, _ALL,
    "The mixture, such as instructrec_games, or one task of it, such as "
    "instructrec_games_p1_i0_t3.",
  ),
  Macro(
    _DATA, "TASK_FEATURE_LENGTHS",
    Either(
      ByName(Whole(), '{"inputs": 512, "targets": 128}', ("inputs", "targets")),
      Made(("sequence_lengths", "query_lengths")),
    ),
    REQUIRED, _ALL,
    "The most tokens of inputs and targets. If an input is too long, its "
    "oldest history items are dropped until it fits. The instruction, the "
    "candidates and the target are never cut. A record that still does not fit "
    "is left out and counted.",
  ),
  Macro(
    _DATA, "VOCABULARY", Text(), '"t5"', _ALL,
    '"t5" (read from T5\'s public bucket), a dataset built with '
    "--vocabulary_size, or a SentencePiece file.",
  ),
  Macro(
    _DATA, "FAMILY_RATES",
    OrNone(ByName(Number(), '{"p1_i0_t3": 3, "p1_to_p2": 1}')),
    "None", _MIXING,
    'How often each family is sampled, such as {"p1_i0_t3": 3, "p1_to_p2": 1}. '
    "A family without a rate is left out. None samples each of the paper's "
    "templates equally often.",
  ),
  Macro(
    _DATA, "INSTANCES_PER_USER", OrNone(ByName(Whole(), '{"p1_i0_t3": 5}')),
    "None", _MIXING,
    "How many of a user's newest targets a family uses, by family. A family "
    "without a number uses all targets, and so do all families for None.",
  ),
  Macro(
    _DATA, "CACHED_TOKENS", OrNone(Text()), "None",
    ("train", "cache", "t5x_train"),
    "The folder that `instructrec cache` writes, to use instead of records. "
    "Our own runner then needs no TensorFlow.",
  ),
  Macro(
    _MODEL, "MODEL", Made(("RankingModel", "ItemModel")), REQUIRED, _MODELS,
    "The model. Every file in models/ binds it.",
  ),
  Macro(
    _MODEL, "VOCAB_SIZE", Whole(), "32128", _MODELS,
    "Rows of the token tables, at least as many as the vocabulary has pieces.",
  ),
  Macro(
    _MODEL, "DTYPE", Choice(("float32", "bfloat16")), '"float32"', _MODELS,
    "The type of activations. Parameters, norms and logits are always float32.",
  ),
  Macro(
    _MODEL, "SCAN_LAYERS", YES_OR_NO, "True", _MODELS,
    "Whether a stack's layers are one scan, which compiles once with less "
    "memory.",
  ),
  Macro(
    _MODEL, "REMAT", Choice(("none", "minimal", "full")), '"minimal"', _MODELS,
    'How much is recomputed for the gradient: "none", "minimal" or "full".',
  ),
  Macro(
    _MODEL, "DROPOUT_RATE", Number(0, 1, below=True), "0.1", _MODELS,
    "The share of activations that training drops.",
  ),
  Macro(
    _MODEL, "LENGTH_POWER", Number(), "0.0", _MODELS,
    "A candidate scores log-likelihood / (tokens / mean tokens) ** "
    "LENGTH_POWER. 0 ranks by the sum over tokens, 1 by the mean. Choose it on "
    "the validation set.",
  ),
  Macro(
    _MODEL, "PRIOR_WEIGHT", Number(), "0.0", _MODELS,
    "A candidate's score loses this times the log of its mean likelihood after "
    "other users' requests. 0, with POPULARITY_WEIGHT, is the paper's score. "
    "--tune_scores chooses both on the validation set.",
  ),
  Macro(
    _MODEL, "POPULARITY_WEIGHT", Number(), "0.0", _MODELS,
    "A candidate's score gains this times log(1 + its training interactions).",
  ),
  Macro(
    _ITEMS, "DATASET", Text(), REQUIRED, _NATIVE,
    "The dataset whose items a model of items knows, and whose users it learns "
    "from.",
  ),
  Macro(
    _ITEMS, "HISTORY_LENGTH", Whole(), "50", _NATIVE,
    "The most items of a history. Older ones are left out.",
  ),
  Macro(
    _ITEMS, "OBJECTIVE", Choice(("next", "masked", "query")), '"next"', _NATIVE,
    'What a model of items predicts: the "next" item at each place of a '
    'history, the "masked" items, or the item that a "query" looks for.',
  ),
  Macro(
    _ITEMS, "QUERY",
    OrNone(
      Choice((
        "preference", "vague_intention", "specific_intention", "intention",
      ))
    ),
    "None", _NATIVE,
    'The text of a record that is a query: "preference" (P2), '
    '"vague_intention" (I1), "specific_intention" (I2), or "intention", the '
    "one of I2 and I1 that the record has. None for models without queries.",
  ),
  Macro(
    _ITEMS, "ITEM_LOSS",
    Choice(("softmax", "sampled_softmax", "in_batch", "bce", "gbce")),
    '"softmax"', ("train",),
    'The loss of a model of items: "softmax" over the whole catalogue, '
    '"sampled_softmax", "in_batch" over the targets of a batch, "bce" or '
    '"gbce".',
  ),
  Macro(
    _ITEMS, "NUM_NEGATIVES", Whole(), "256", ("train",),
    "Items that are sampled for each batch, for the losses that sample.",
  ),
  Macro(
    _ITEMS, "TEXT_VECTORS", OrNone(Text()), "None", _NATIVE,
    "The folder that `instructrec vectors` writes, or an .npy file: a text "
    "vector for each item. None learns a vector for each item from histories "
    "alone.",
  ),
  Macro(
    _ITEMS, "NUM_ITEMS", OrNone(Whole()), "None", _NATIVE,
    "The number of items to make room for. None takes those of DATASET.",
  ),
  Macro(
    _ITEMS, "EPOCHS", Number(above=True), "10", ("train",),
    "Passes over all users' histories, where TRAIN_STEPS is computed from it.",
  ),
  Macro(
    _TRAIN, "MODEL_DIR", Text(), REQUIRED, _MODELS,
    "The folder of the run.",
  ),
  Macro(
    _TRAIN, "TRAIN_STEPS", Either(Whole(), Made(("steps_of_epochs",))),
    REQUIRED, _TRAINING,
    "The number of steps, over all restarts together.",
  ),
  Macro(
    _TRAIN, "BATCH_SIZE", Whole(), "128", _TRAINING,
    "Rows per batch over all devices; a row holds several packed examples.",
  ),
  Macro(
    _TRAIN, "OPTIMIZER", Made(("adafactor", "adamw")), "@adafactor()",
    _TRAINING,
    "The optimizer. Adafactor at a constant rate is T5X's default for "
    "fine-tuning.",
  ),
  Macro(
    _TRAIN, "SCHEDULE", Made(("optimizer.constant", "warmup_linear")),
    "@optimizer.constant()", _TRAINING,
    "The learning rate by step.",
  ),
  Macro(
    _TRAIN, "LEARNING_RATE", Number(above=True), "1e-3", _TRAINING,
    "The constant rate, or the highest one after the warm-up.",
  ),
  Macro(
    _TRAIN, "WARMUP_STEPS", Whole(), "100", _TRAINING,
    "Steps of the warm-up, in models/tiny.gin.",
  ),
  Macro(
    _TRAIN, "LOSS_NORMALIZING_FACTOR",
    OrNone(
      Either(
        Number(above=True),
        Choice(("NUM_REAL_TARGET_TOKENS", "NUM_TOTAL_TARGET_TOKENS")),
      )
    ),
    "None", _TRAINING,
    "The summed loss is divided by this; None does not divide. The public "
    "checkpoints were trained with 233472, their batch size times target "
    "length.",
  ),
  Macro(
    _TRAIN, "INITIAL_CHECKPOINT_PATH", OrNone(Text()), "None", _TRAINING,
    "The checkpoint with the initial parameters; None draws them. It is a run "
    "of ours, a T5X checkpoint (gs:// too) or a Hugging Face folder; T5X reads "
    "T5X checkpoints only. Steps count from 0.",
  ),
  Macro(
    _TRAIN, "TRAIN_ON_VALIDATION", YES_OR_NO, "False",
    (*_TRAINING, "cache", "evaluate", "t5x_eval"),
    "Whether to learn from the targets of validation, too. Choose the settings "
    "first, then train once more with it: validation then measures nothing.",
  ),
  Macro(
    _TRAIN, "CHECKPOINT_PERIOD", Whole(), "1000", _TRAINING,
    "Steps between checkpoints.",
  ),
  Macro(
    _TRAIN, "KEEP_CHECKPOINTS", OrNone(Whole()), "3", _TRAINING,
    "The number of newest checkpoints to keep; None keeps all.",
  ),
  Macro(
    _TRAIN, "LOG_PERIOD", Whole(), "50", _TRAINING,
    "Steps between log lines.",
  ),
  Macro(
    _TRAIN, "RANDOM_SEED", Whole(0, 2**31 - 1), "0", (*_TRAINING, "cache"),
    "The seed of parameters, batches and dropout, or of a cache's wordings and "
    "negatives.",
  ),
  Macro(
    _TRAIN, "MAX_SECONDS", OrNone(Number()), "None", ("train",),
    "Save a checkpoint and stop after this number of seconds of training. T5X "
    "has no such limit.",
  ),
  Macro(
    _DEVICES, "NUM_PARTITIONS", Whole(), "1", _MODELS,
    "The number of devices that share one copy of the parameters. The other "
    "devices split the batch.",
  ),
  Macro(
    _DEVICES, "PARAMETER_PARTITIONING_DIMS", Choice((1, 2)), "1", _TRAINING,
    "2 also splits parameters and optimizer over the remaining devices.",
  ),
  Macro(
    _DEVICES, "NUM_MICROBATCHES", OrNone(Whole()), "None", _TRAINING,
    "Parts of a batch that are computed one after the other, to save memory.",
  ),
  Macro(
    _EVALUATION, "NUM_BEAMS", Whole(), "10", ("evaluate", "t5x_eval"),
    "The number of titles generated for a request if the catalogue is ranked.",
  ),
  Macro(
    _EVALUATION, "PRIOR_REQUESTS", Whole(), "4", ("evaluate", *_T5X),
    "The number of other users whose requests make the mean for PRIOR_WEIGHT.",
  ),
  Macro(
    _EVALUATION, "EVAL_SPLIT", Text(), '"test"', ("t5x_eval",),
    '"validation", "test", or one of their samples, such as "test_2k".',
  ),
  Macro(
    _EVALUATION, "EVAL_SPLIT", Text(), '"validation_2k"', ("t5x_train",),
    "The split that T5X evaluates while it trains, or a fixed sample of it; "
    "our own runner does not.",
  ),
  Macro(
    _EVALUATION, "EVAL_BATCH_SIZE", Whole(), "32", _T5X,
    "Requests per batch over all devices; the last batch is padded.",
  ),
  Macro(
    _EVALUATION, "EVAL_PERIOD", Whole(0), "%CHECKPOINT_PERIOD", ("t5x_train",),
    "Steps between evaluations, a multiple or a divisor of CHECKPOINT_PERIOD; "
    "0 evaluates never.",
  ),
  Macro(
    _EVALUATION, "EVAL_STEPS", Whole(), "20", ("t5x_train",),
    "Batches for the loss on EVAL_SPLIT; its ranking uses all requests.",
  ),
  Macro(
    _EVALUATION, "EVAL_OUTPUT_DIR", Text(), REQUIRED, ("t5x_eval",),
    "The folder of the results.",
  ),
  Macro(
    _EVALUATION, "CHECKPOINT_PATH", Text(), "%MODEL_DIR",
    ("t5x_eval", "t5x_infer"),
    "A checkpoint of T5X, or a folder of checkpoints, of which the newest is "
    "used.",
  ),
  Macro(
    _EVALUATION, "EXCLUDE_HISTORY", YES_OR_NO, "True", ("t5x_eval",),
    "Whether a ranking of the catalogue leaves out items that the request's "
    "user already has.",
  ),
  Macro(
    _EVALUATION, "INFER_MODE",
    Choice(("score", "predict", "predict_with_aux")), '"score"',
    ("t5x_infer",),
    '"score", "predict", or "predict_with_aux", which adds a score to the '
    "text.",
  ),
  Macro(
    _EVALUATION, "INFER_SPLIT", Text(), '"test"', ("t5x_infer",),
    "The split that is answered.",
  ),
  Macro(
    _EVALUATION, "INFER_OUTPUT_DIR", Text(), REQUIRED, ("t5x_infer",),
    "The folder of the answers.",
  ),
  Macro(
    _EVALUATION, "NUM_CANDIDATES", Whole(), "10", ("t5x_infer",),
    "Candidates per request. A shorter list is padded; the padding scores "
    "minus infinity.",
  ),
)  # fmt: skip


def of_run(run: str | None) -> dict[str, Macro]:
  """Returns the macros of a kind of run, or of all kinds, by name."""
  return {m.name: m for m in MACROS if run is None or run in m.runs}


def check_value(name: str, value: Any) -> None:
  """Raises InputError if a value is none of a macro's kind."""
  check(name, of_run(None)[name].kind, value)


def check_parameters(
  of: str, values: Mapping[str, Any], others: Kind | None = None
) -> None:
  """Raises InputError if a configurable's parameter is out of its range.

  Args:
    of: The configurable's name.
    values: Its parameters. Those that a macro sets are called as the macro is.
    others: The kind of parameters that no macro sets.
  """
  table = of_run(None)
  for name, value in values.items():
    macro = table.get(name.upper())
    if macro is not None:
      check(f"{of}.{name} ({macro.name})", macro.kind, value)
    elif others is not None:
      check(f"{of}.{name}", others, value)


def unknown(name: str, run: str | None, own: Iterable[str] = ()) -> InputError:
  """Returns the error for a macro that nothing reads.

  Args:
    name: The macro that is bound.
    run: The kind of run, a key of `RUNS`; None for any.
    own: Macros that the run's files use beside those of the table.
  """
  known = of_run(None)
  if name in known and run is not None:
    runs = (other for m in MACROS if m.name == name for other in m.runs)
    others = ", ".join(RUNS[other] for other in dict.fromkeys(runs))
    return InputError(
      f"{name} is no setting of {RUNS[run]}, but of {others}; docs/settings.md "
      "lists them all"
    )
  error = errors.unknown("macro", name, {*of_run(run), *own})
  return InputError(f"{error}: nothing in this run uses it")
