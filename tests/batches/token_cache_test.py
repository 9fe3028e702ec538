import json

import numpy as np
import pytest

from instructrec_jax import artifacts
from instructrec_jax.batches import token_cache
from instructrec_jax.errors import InputError
from tests import fuzz
from tests.batches import toy_tokens


def _written(tmp_path, *chunks, max_lengths=(4, 2), pieces=100):
  with token_cache.Writer(tmp_path, max_lengths, pieces) as writer:
    left_out = [
      writer.add(np.array(tokens), np.array(lengths_Ex2).reshape(-1, 2))
      for tokens, lengths_Ex2 in chunks
    ]
  return writer, left_out


def test_examples_lie_one_after_the_other(tmp_path):
  made = toy_tokens.make(tmp_path / "c", {"b": 3, "a": 4})
  assert made.starts[0] == 0
  np.testing.assert_array_equal(
    np.diff(made.starts), made.lengths_Ex2.sum(axis=1)
  )
  for example in range(7):
    begin, end = made.starts[example : example + 2]
    assert set(made.tokens[begin:end].tolist()) == {example + 2}
  assert [(part.first, part.examples) for part in made.parts()] == [
    (0, 4),  # Of "a", which comes before "b".
    (4, 3),
  ]


def test_the_arrays_are_mapped_and_not_read(tmp_path):
  made = toy_tokens.make(tmp_path / "c", {"a": 5})
  for array in (made.tokens, made.starts, made.lengths_Ex2):
    assert isinstance(array.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
      array[0] = 0


@pytest.mark.parametrize(("pieces", "size"), [(2**16, 2), (2**16 + 1, 4)])
def test_tokens_take_as_few_bytes_as_the_vocabulary_allows(
  tmp_path, pieces, size
):
  last = pieces - 1
  writer, _ = _written(tmp_path, ([last, 5, 6], [[2, 1]]), pieces=pieces)
  assert (tmp_path / "tokens").stat().st_size == size * writer.tokens
  kind = "<u2" if size == 2 else "<i4"
  assert np.fromfile(tmp_path / "tokens", kind).tolist() == [last, 5, 6]


def test_what_is_too_long_is_left_out_whole_and_counted(tmp_path):
  writer, left_out = _written(
    tmp_path,
    (range(1, 12), [[4, 2], [4, 1]]),
    ([], []),
    (range(20, 28), [[5, 1], [1, 1]]),
    (range(30, 34), [[1, 3]]),
  )
  assert left_out == [0, 0, 1, 1]
  assert (writer.examples, writer.tokens) == (3, 13)
  tokens = np.fromfile(tmp_path / "tokens", "<u2").tolist()
  assert tokens == [*range(1, 12), 26, 27]
  assert np.fromfile(tmp_path / "starts", "<i8").tolist() == [0, 6, 11, 13]


@pytest.mark.parametrize(
  ("tokens", "lengths_Ex2", "message"),
  [
    ([5], [[1, 0]], "targets: expected tokens, got none"),
    ([5], [[0, 1]], "inputs: expected tokens, got none"),
    ([5, 100], [[1, 1]], "expected .* 0 to 99, got tokens from 5 to 100"),
    ([-1, 5], [[1, 1]], "got tokens from -1 to 5"),
  ],
)
def test_examples_that_cannot_be(tmp_path, tokens, lengths_Ex2, message):
  with pytest.raises(InputError, match=message):
    _written(tmp_path, (tokens, lengths_Ex2))


@pytest.mark.parametrize("name", ["tokens", "starts", "lengths"])
def test_a_damaged_cache(tmp_path, name):
  made = toy_tokens.make(tmp_path / "c", {"a": 5})
  file = made.folder / name
  size = file.stat().st_size
  file.write_bytes(file.read_bytes()[:-1])
  with pytest.raises(
    InputError,
    match=f"{name} is damaged or was changed: its size was {size} bytes and is",
  ):
    token_cache.TokenCache(made.folder)


def _changed(folder, **changes):
  path = folder / artifacts.MANIFEST
  manifest = json.loads(path.read_text()) | changes
  del manifest["outputs"]  # Earlier versions had none.
  path.write_text(json.dumps(manifest))


def test_a_damaged_manifest_is_read_or_refused(tmp_path):
  made = toy_tokens.make(tmp_path / "c", {"a": 5, "b": 3})
  path = made.folder / artifacts.MANIFEST

  def read(_):
    cache = token_cache.TokenCache(made.folder)
    assert cache.parts()
    assert cache.renderings

  fuzz.check("manifest of a cache", path.read_bytes(), read, path)


@pytest.mark.parametrize(
  ("part", "field", "value"),
  [
    ("counts", "examples", None),
    ("counts", "tokens", "5"),
    ("counts", "tokens", -1),
    ("counts", "tasks", {"a": 3}),
    ("counts", "tasks", {"other": {"examples": 5}}),
    ("options", "pieces", 0),
    ("options", "epochs", []),
    ("options", "rates", {"a": "1"}),
    ("options", "task_feature_lengths", {"inputs": 3}),
  ],
)
def test_a_field_of_the_manifest_is_named(tmp_path, part, field, value):
  made = toy_tokens.make(tmp_path / "c", {"a": 5})
  _changed(made.folder, **{part: {**made.manifest[part], field: value}})
  named = "counts.tasks" if field == "rates" else f"{part}.{field}"
  with pytest.raises(InputError, match=f"manifest.json: {named}: expected"):
    token_cache.TokenCache(made.folder)


@pytest.mark.parametrize("name", ["tokens", "starts", "lengths"])
def test_a_damaged_cache_of_an_earlier_version(tmp_path, name):
  made = toy_tokens.make(tmp_path / "c", {"a": 5})
  _changed(made.folder)
  file = made.folder / name
  whole = file.read_bytes()
  file.write_bytes(whole[:-1])
  message = (
    f"{name}: expected {len(whole)} bytes, .* got {len(whole) - 1} bytes"
  )
  with pytest.raises(InputError, match=message):
    token_cache.TokenCache(made.folder)
  file.unlink()
  with pytest.raises(InputError, match=f"{name}: expected .* got no file"):
    token_cache.TokenCache(made.folder)


def test_a_folder_that_is_no_cache(tmp_path):
  with pytest.raises(InputError, match="run `instructrec cache` first"):
    token_cache.TokenCache(tmp_path / "nowhere")
