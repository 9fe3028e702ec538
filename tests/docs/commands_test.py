"""Every command that README, docs and gin files show is one that works today.

`instructrec` lines go through the real parser, and what they name is looked up:
gin files, macros, datasets, tasks, and so on.
"""

import functools
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gin
import pytest

from instructrec_jax import configurables, gin_files
from instructrec_jax.baselines.asked.command import RANKERS
from instructrec_jax.baselines.rank import BASELINES
from instructrec_jax.cli import old_spellings, program
from instructrec_jax.data import sources, variants
from instructrec_jax.data.candidates import kinds
from instructrec_jax.errors import unknown
from instructrec_jax.eval import metrics
from instructrec_jax.eval.predictions import RANKED
from instructrec_jax.eval.procedures.adaptive import PROCEDURES
from instructrec_jax.export import write
from instructrec_jax.instructions.families import FAMILIES
from instructrec_jax.itdr import pairs
from instructrec_jax.plan import chips
from instructrec_jax.report import command as report
from instructrec_jax.tasks import editions, itdr, registration
from instructrec_jax.teacher.annotation.choosing import TEACHERS
from instructrec_jax.weights import formats
from tests.docs import pages

_KNOWN = program.commands_by_name()
_COMMANDS = pages.ROOT / "instructrec_jax/cli/commands"
_GIN = gin_files.path()
_MACROS = {
  macro
  for path in _GIN.rglob("*.gin")
  for macro in re.findall(r"%([A-Z_]+)", path.read_text())
}
# Of T5X's own programs: what our gin files and pages use.
_T5X = ("train", "eval", "infer")
_T5X_FLAGS = {
  "gin_file", "gin_search_paths", "tfds_data_dir", "multiprocess_gpu",
}  # fmt: skip


def _in(names: Any) -> Callable[[Any], None]:
  def check(value: str) -> None:
    if value not in names:
      raise AssertionError(unknown("name", value, names))

  return check


def _each(check: Callable[[Any], Any]) -> Callable[[Sequence[Any]], None]:
  return lambda values: [check(value) for value in values] and None


@functools.cache
def _datasets() -> set[str]:
  """Returns the sources' datasets, and those that the pages make."""
  found = {"demo"}
  for source in sources.SOURCES.values():
    of = [source.of(category) for category in source.categories]
    found |= {one.dataset for one in of or [source] if one.dataset}
  for page in pages.PAGES:
    found |= set(re.findall(r"--dataset (\w+)", page.read_text()))
  return found | {
    f"{name}_{variant}"
    for name in found
    for variant in filter(None, variants.VARIANTS)
  }


@functools.cache
def _tasks() -> set[str]:
  """Returns all mixtures and tasks that there can be."""
  found = {itdr.EVERYTHING, *(pair.task for pair in pairs.PAIRS.values())}
  found |= {"_".join(filter(None, ("itdr", group))) for group in pairs.groups()}
  for dataset in _datasets():
    mixture = f"instructrec_{dataset}"
    found |= {
      "_".join(filter(None, (mixture, name))) for name in registration.MIXTURES
    }
    found |= {
      editions.task_name(mixture, name, family)
      for name, edition in editions.EDITIONS.items()
      for family in filter(lambda f, e=edition: e.has(FAMILIES[f]), FAMILIES)
    }
  return found


def _binding(binding: str) -> None:
  name, _, value = binding.partition("=")
  value = gin.config.parse_value(value)
  if "." in name:
    # Raises if no configurable of ours is called so.
    _in(configurables.__all__)(name.rpartition(".")[0].rpartition(".")[2])
    gin.parse_config([binding])
    gin.clear_config()
  else:
    _in(_MACROS)(name)
  if name == "MIXTURE_OR_TASK_NAME":
    _in(_tasks())(value)
  if name == "VOCABULARY":
    _in({"t5", *_datasets()})(value)


def _gin_file(file: str) -> None:
  assert (_GIN / file.removeprefix("gin/")).is_file(), f"no gin file {file}"


def _tables(given: str) -> None:
  _each(_in(_datasets()))(given.split("=")[1:])
  assert "=" in given


_PAIRS = {*pairs.groups(), *pairs.PAIRS} - {""}
# What the value of an option must be, whichever command has it; None passes.
_VALUES: Mapping[str, Callable[[Any], None]] = {
  "dataset": lambda name: _in(_datasets())(name),
  "mixture_or_task_name": lambda name: _in(_tasks())(name),
  "source": sources.find,
  "name": sources.find,
  "gin_file": _each(_gin_file),
  "gin_bindings": _each(_binding),
  "pairs": _each(_in(_PAIRS)),
  "tables": _each(_tables),
  "split": _in({"train", "validation", "test", "test_2k"}),
  "rank": _in(RANKED),
  "procedure": _in(PROCEDURES),
  "teacher": _in(TEACHERS),
  "variant": _in(variants.VARIANTS),
  "candidates": _in(kinds.KINDS),
  "to": _in(formats.FORMATS),
  "optimizer": _in({"reset", "carry"}),
  "metrics": _each(metrics.parse),
  "topology": lambda shape: _in(chips.CHIPS)(shape.partition(":")[0]),
}
_VALUES_OF: Mapping[tuple[str, str], Callable[[Any], None]] = {
  ("baseline", "baseline"): _in(BASELINES),
  ("baseline llm", "ranker"): _in(RANKERS),
  ("export", "form"): _in(write.FORMS),
  ("report", "form"): _in(report.FORMS),
}
# The gin file that a command reads before those that it is given.
_READS = {"cache": ["runs/native_cache.gin"], "train": [], "plan": []}


def _check_ours(words: list[str]) -> None:
  if "…" in words:
    _check_flags_of(words)
    return
  today, hint = old_spellings.today(words)
  assert not hint, hint
  name, options = program.parse(today, _KNOWN)
  for option, value in options.items():
    check = _VALUES_OF.get((name, option), _VALUES.get(option))
    if check and value not in (None, [], False):
      check(value)
  if name in _READS:
    gin_files.parse(
      [*_READS[name], *options["gin_file"]],
      [*options.get("gin_bindings", [])],
      options["gin_search_paths"],
    )
    gin.clear_config()


def _check_flags_of(words: list[str]) -> None:
  """Checks a command of which something is left out."""
  _in(_KNOWN)(words[0])
  for word in words[1:]:
    flag, _, value = word.partition("=")
    if flag.startswith("--gin."):
      _binding(f"{flag.removeprefix('--gin.')}={value}")
    elif flag.startswith("--"):
      _in(_flags())(flag)


@functools.cache
def _flags() -> set[str]:
  """Returns the flags of all commands, launchers and benchmarks."""
  texts = [
    path.read_text()
    for pattern in (
      "instructrec_jax/cli/**/*.py", "benchmarks/*.py", "launch/*.sh",
      "instructrec_jax/data/sources/*.py", "tests/teacher/kill_and_resume.py",
    )
    for path in pages.ROOT.glob(pattern)
  ]  # fmt: skip
  roles = {r.strip("?") for s in sources.SOURCES.values() for r in s.files}
  options = {o for s in sources.SOURCES.values() for o in s.options}
  return {
    "--help",
    *re.findall(r"--[\w-]+", "\n".join(texts)),
    *(f"--{role}_file" for role in roles),
    *(f"--{option}" for option in options),
  }


def _check_t5x(module: str, words: list[str]) -> None:
  package, _, program_name = module.partition(".")
  assert package == "t5x"
  _in(_T5X)(program_name)
  files = [w.partition("=")[2] for w in words if w.startswith("--gin_file=")]
  assert files or "…" in words
  _each(_gin_file)([file.removeprefix("./") for file in files])
  bound = _bound_in(files)
  for word in words:
    flag, _, value = word.removeprefix("--").partition("=")
    if word == "…":
      continue
    if flag.startswith("gin."):
      name = flag.removeprefix("gin.")
      _binding(f"{name}={value}")
      assert "." in name or name in bound, f"{name} is bound in none of {files}"
    else:
      _in(_T5X_FLAGS)(flag)


def _bound_in(files: Sequence[str]) -> set[str]:
  """Returns the macros of gin files, and of what they include."""
  found = set()
  for file in files:
    text = (_GIN / file.removeprefix("gin/")).read_text()
    found |= set(re.findall(r"^([A-Z_]+) =", text, re.MULTILINE))
    found |= _bound_in(re.findall(r'^include "(.+)"', text, re.MULTILINE))
  return found


def _check_python(words: list[str]) -> None:
  if words[0] == "-m":
    _check_t5x(words[1], words[2:])
    return
  script = pages.ROOT / words[0]
  assert script.is_file(), f"no script {words[0]}"
  text = script.read_text()
  # Flags that scripts of a folder share stand in a module beside them.
  for module in re.findall(r"^import (\w+)", text, re.MULTILINE):
    beside = script.with_name(f"{module}.py")
    text += beside.read_text() if beside.exists() else ""
  for word in words[1:]:
    if word.startswith("--"):
      flag = word.partition("=")[0]
      assert f'"{flag}"' in text, f"{words[0]} has no {flag}"


def _check_launcher(script: str, words: list[str]) -> None:
  shown = subprocess.run(
    ["bash", pages.ROOT / script, "--help"],
    capture_output=True, text=True, check=True,
  ).stdout  # fmt: skip
  own, job = words, []
  if "--" in words:
    own, job = words[: words.index("--")], words[words.index("--") + 1 :]
  for word in own:
    if word.startswith("--"):
      assert re.search(rf"^  {word}\b", shown, re.MULTILINE), f"no {word}"
  if own and not own[0].startswith("-"):
    assert f"  {script} {own[0]} " in shown, f"{script} has no {own[0]}"
  if job:
    check(job)


def _check_make(words: list[str]) -> None:
  makefile = (pages.ROOT / "Makefile").read_text()
  for word in words:
    if "=" in word:
      variable = word.partition("=")[0]
      assert re.search(rf"\b{variable}\b", makefile), f"no variable {variable}"
    else:
      assert re.search(rf"^{word}:", makefile, re.MULTILINE), f"no {word}"


def _check_pip(words: list[str]) -> None:
  assert words[0] == "install"
  declared = "".join(
    (pages.ROOT / name).read_text() for name in ("setup.py", "pyproject.toml")
  )
  for word in words[1:]:
    extras = re.fullmatch(r"\.\[(.+)\]", word)
    for extra in extras[1].split(",") if extras else ():
      assert re.search(rf'^\s*"?{extra}"?\s*[:=] \[', declared, re.MULTILINE)


def check(words: list[str]) -> None:
  """Raises if a command is none that works today."""
  program_name, *rest = words
  if program_name.startswith("--gin."):
    for word in words:
      _binding(word.removeprefix("--gin."))
    return
  if program_name.startswith("launch/"):
    _check_launcher(program_name, rest)
    return
  checks = {
    "instructrec": _check_ours,
    "python": _check_python,
    "make": _check_make,
    "pip": _check_pip,
    ".": lambda words: _in({".venv/bin/activate"})(words[0]),
  }
  _in(checks)(program_name)
  checks[program_name](rest)


def _shown() -> list[Any]:
  """Returns each command that is shown, with where, as pytest's parameters."""
  found = []
  for page in pages.PAGES:
    for block in pages.blocks(page, "sh"):
      found += [(page, words) for words in pages.commands(block)]
  for file in sorted(_GIN.rglob("*.gin")):
    found += [(file, words) for words in pages.header_commands(file)]
  for name, command in _KNOWN.items():
    file = _COMMANDS / f"{name.replace('-', '_')}.py"
    lines = command.examples.strip("\n").partition("\n\n")[0]
    found += [(file, words) for words in pages.commands(lines)]
  return [
    pytest.param(words, id=f"{page.name}: {' '.join(words)[:60]}")
    for page, words in found
  ]


@pytest.mark.parametrize("words", _shown())
def test_a_command_that_is_shown_works_today(words):
  check(words)


@pytest.mark.parametrize(
  ("line", "said"),
  [
    ("instructrec train --gin_file=runs/native_finetun.gin", "no gin file"),
    ("instructrec evaluate --predictions x --system=y", "instructrec measure"),
    ("instructrec build shopp", "unknown name 'shopp'"),
    (
      "instructrec cache --gin_file=gin/experiments/demo.gin "
      "--gin.TRAIN_STEP=3",
      "unknown name 'TRAIN_STEP'",
    ),
    ("instructrec itdr top_kk", "unknown name 'top_kk'"),
    (
      "instructrec evaluate --model_dir=x "
      "--mixture_or_task_name=instructrec_games_p1_i0_t4",
      "unknown name .*_t4'",
    ),
    (
      "python -m t5x.eval --gin_file=./runs/evaluate.gin --gin.TRAIN_STEPS=1",
      "TRAIN_STEPS is bound in none",
    ),
    ("python benchmarks/metrics.py --round 3", "has no --round"),
    ("launch/slurm_gpu.sh --node 2 -- instructrec sources", "no --node"),
    ("make tests", "no tests"),
    ("conda install x", "unknown name 'conda'"),
  ],
)
def test_a_command_that_does_not_work_is_found(line, said):
  [words] = pages.commands(line)
  with pytest.raises(AssertionError, match=said):
    check(words)


def test_an_unknown_flag_or_command_is_found(capsys):
  for line in ("instructrec build x --no_flag=1", "instructrec biuld x"):
    [words] = pages.commands(line)
    with pytest.raises(SystemExit):
      check(words)
    assert "error" in capsys.readouterr().err
