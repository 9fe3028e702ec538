"""A run is what it was made of."""

import json
import types

import pytest
from etils import epath

from instructrec_jax.errors import InputError
from instructrec_jax.runs import model_dir


def test_a_run_of_other_data_is_another(tmp_path):
  (tmp_path / "manifest.json").write_text(
    json.dumps({"made_of": {"mixture": "a", "seed": 0}})
  )
  folder = epath.Path(tmp_path)
  model_dir.check_same(folder, {"mixture": "a", "later": 3})
  with pytest.raises(InputError, match=r"mixture a, but .* b: choose another"):
    model_dir.check_same(folder, {"mixture": "b"})


def test_a_vocabulary_has_no_more_pieces_than_the_model_rows():
  model = types.SimpleNamespace(config=types.SimpleNamespace(vocab_size=320))
  model_dir.check_rows(model, {"file": "v.model", "pieces": 320})
  with pytest.raises(InputError, match="bind VOCAB_SIZE to 321 or more"):
    model_dir.check_rows(model, {"file": "v.model", "pieces": 321})
