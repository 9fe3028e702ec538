"""Every flag of every command, with values that it cannot have."""

import argparse

import pytest

from instructrec_jax.cli import program
from instructrec_jax.cli.shared import values

_KNOWN = program.commands_by_name()
_PARSER = program.parser(_KNOWN)
_NUMBERS = {"nan", "-1", "1e3", "", "99999999999999999999", "1.5", "inf", "x"}
# Flags that are numbers, which may be any of these texts.
_MAY_BE = {
  "min_rating": {"-1", "1e3", "99999999999999999999", "1.5"},
}
_ABOVE_0 = {"1e3", "99999999999999999999", "1.5"}
# Flags whose value may have a fraction.
_FRACTIONS = {
  "requests_per_minute", "tokens_per_minute", "timeout_s", "price_input",
  "price_output", "max_shard_gb", "max_seconds",
}  # fmt: skip
# Words of the help of a flag that takes a number.
_WORDS = (
  "number of", "seed", "so many", "tokens of", "items that", "times to",
  "instances of", "newest items", "requests in a batch", "upper limit",
)  # fmt: skip


def _flags():
  """Yields each command's name with each of its flags."""
  (commands,) = (
    a for a in _PARSER._actions if isinstance(a, argparse._SubParsersAction)
  )
  for name, parser in commands.choices.items():
    for action in parser._actions:
      if action.option_strings and action.nargs != 0 and action.dest != "help":
        yield name, action


_FLAGS = [(name, action) for name, action in _flags() if action.type]


def _is_number(action):
  try:
    action.type("3")
    action.type("x")
  except argparse.ArgumentTypeError as error:
    return "number" in str(error)
  return False


_OF_NUMBERS = [(n, a) for n, a in _FLAGS if _is_number(a)]


def test_no_flag_takes_numbers_of_any_size():
  for name, action in _flags():
    assert action.type not in (int, float), f"{name} {action.option_strings}"
  assert len(_OF_NUMBERS) > 50


def test_flags_that_speak_of_numbers_take_numbers():
  numbers = {(name, action.dest) for name, action in _OF_NUMBERS}
  for name, action in _flags():
    if any(word in (action.help or "") for word in _WORDS):
      is_file = action.metavar == "FILE" or "names" in action.help
      assert is_file or (name, action.dest) in numbers, action.option_strings


@pytest.mark.parametrize("name", _KNOWN)
def test_nonsense_in_place_of_a_number_is_refused(name, capsys):
  for command, action in _OF_NUMBERS:
    if command != name:
      continue
    allowed = _MAY_BE.get(action.dest, set())
    if action.dest in _FRACTIONS:
      allowed = _ABOVE_0
    for text in sorted(_NUMBERS - allowed):
      flag = action.option_strings[0]
      with pytest.raises(SystemExit) as end:
        _PARSER.parse_args([name, f"{flag}={text}"])
      assert end.value.code == 2
      said = capsys.readouterr().err.split("\n")[0]
      start = f"instructrec {name}: error: argument {flag}: expected a "
      assert said.startswith(start)
      assert said.endswith(f"got {text!r}")
    for text in allowed:
      assert action.type(text) is not None


@pytest.mark.parametrize(
  ("kind", "text", "message"),
  [
    (values.SEED, "-1",
     "expected a whole number from 0 to 4294967295, got '-1'"),
    (values.COUNT, "0", "expected a whole number of at least 1, got '0'"),
    (values.COUNT, "9" * 20, "expected a whole number from 1 to "),
    (values.COUNT, "9" * 5000, "expected a whole number of at least 1"),
    (values.number(0), "-0.5", "expected a number of at least 0, got '-0.5'"),
    (values.number(above=0), "0", "expected a number above 0, got '0'"),
    (values.names, "a,,b", "expected names with commas between them, got"),
    (values.some, "", "expected a text, got ''"),
    (values.json_object, "[1]", "expected a JSON object such as"),
    (values.json_object, "[" * 5000, "expected a JSON object such as"),
    (values.variable, "sk-LEAKME", "name of an environment variable"),
    (values.url, "http://localhost:99999/v1", "from 1 to 65535"),
    (values.url, "http://localhost:0/v1", "from 1 to 65535"),
    (values.url, "http://localhost:x/v1", "from 1 to 65535"),
    (values.host_and_port, "1234", "expected HOST:PORT"),
    (values.host_and_port, "a:70000", "the port of 'a:70000': expected"),
    (values.pair, "ml_32m", "expected NAME=OTHER"),
    (values.path, "", "expected a path, got ''"),
    (values.path, "~nobody_of_this_name/x", "there is no user"),
  ],
)  # fmt: skip
def test_what_is_expected_is_said(kind, text, message):
  with pytest.raises(argparse.ArgumentTypeError) as error:
    kind(text)
  assert message in str(error.value)
  assert len(str(error.value)) < 300
  if kind in (values.variable, values.url):
    assert text not in str(error.value)


def test_values_are_taken():
  assert values.SEED("4294967295") == 2**32 - 1
  assert values.number(0)("0.15") == 0.15
  assert values.names("hr@1, mrr") == ["hr@1", "mrr"]
  assert values.variable("OPENAI_API_KEY") == "OPENAI_API_KEY"
  for url in ("http://localhost:8000/v1", "https://api.openai.com/v1"):
    assert values.url(url) == url
  assert values.host_and_port("[::1]:80") == "[::1]:80"
  assert values.pair("a=b") == "a=b"
  assert values.json_object('{"a": 1}') == '{"a": 1}'


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  assert values.path("~/x") == f"{tmp_path}/x"
  assert values.path("x/~") == "x/~"
  assert values.path("gs://b/~") == "gs://b/~"
  assert values.paths_with_commas("~,b") == [str(tmp_path), "b"]


# Every flag that is a file, a folder, or a name that may be one.
_PATHS = {
  "cache", "candidates_file", "data_dir", "experiment", "exported", "gin_file",
  "gin_search_paths", "model", "model_dir", "out", "planted", "raw",
  "read_answers", "vectors",
  "tfds_data_dir", "training_log", "trec_dir", "vocabulary", "write_requests",
  *(f"{role}_file" for role in (
    "interactions", "items", "users", "genres", "tagged", "tags", "valid",
    "test", "attributes", "user_ids", "item_ids", "dev_interactions",
    "dev_items")),
}  # fmt: skip


def test_every_flag_of_a_path_takes_the_home_folder(monkeypatch, tmp_path):
  monkeypatch.setenv("HOME", str(tmp_path))
  expand = set()
  for _, action in _FLAGS:
    try:
      found = action.type("~/x")
    except argparse.ArgumentTypeError:
      continue
    if found in (f"{tmp_path}/x", [f"{tmp_path}/x"]):
      expand.add(action.dest)
  assert expand == _PATHS


def test_outputs_are_checked_when_the_line_is_read(tmp_path, capsys):
  (tmp_path / "file").write_text("")
  under = tmp_path / "file" / "out"
  lines = (
    ("simulate", under),
    ("demo", f"--out={under}"),
    ("normalize", "table", "--raw=.", f"--data_dir={under}"),
    ("annotate", "x", f"--data_dir={under}"),
    ("build", "x", f"--data_dir={under}"),
    ("itdr", f"--data_dir={under}"),
    ("prepare", "x", "--raw=.", f"--data_dir={under}"),
    ("describe", "x", f"--out={under}.md"),
    ("audit", "x", f"--out={tmp_path}"),
    ("export", "x", f"--out={under}.jsonl"),
    ("cache", "--gin_file=x", f"--out={under}"),
    ("baseline", "popularity", "x", f"--out={under}"),
    ("evaluate", "--model_dir=x", f"--out={under}"),
    ("convert", "x", under, "--to=hf"),
    ("report", "x", f"--out={under}.html"),
    ("report", "x", f"--trec_dir={under}"),
    ("annotate", "x", f"--write_requests={under}"),
    ("measure", "x", "--mixture_or_task_name=x", "--system=x",
     f"--out={under}"),
  )  # fmt: skip
  for line in lines:
    with pytest.raises(SystemExit) as end:
      _PARSER.parse_args([*map(str, line)])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert f"{tmp_path}" in said, line
    assert "is a file" in said or "is a folder" in said, line
