import dataclasses
import importlib.util

import polars as pl
import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked.cache import Cache
from instructrec_jax.teacher.asked.local import Local
from instructrec_jax.teacher.asked.manner import TEACHING
from instructrec_jax.teacher.protocol import FAULT, INSTANCE, INTENTION

_REVIEWS = pl.DataFrame(
  {INSTANCE: [0, 1, 2], "review": ["for my son", "so so", "for my son"]}
).cast({INSTANCE: pl.UInt32})
_CHAT = "{% for m in messages %}{{ m['content'] }} {% endfor %}"


def test_what_is_not_installed_is_said(tmp_path, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  with pytest.raises(InputError, match=r"needs torch.*\[teacher\]"):
    Local(str(tmp_path), Cache(tmp_path / "a.db"))


def test_a_gguf_file_needs_its_reader(tmp_path, monkeypatch):
  for name in ("a.gguf", "b.gguf"):
    (tmp_path / name).write_bytes(b"GGUF")
  monkeypatch.setattr(
    importlib.util, "find_spec", lambda name: None if name == "gguf" else name
  )
  with pytest.raises(InputError, match=r"several GGUF files.*a\.gguf, b"):
    Local(str(tmp_path), Cache(tmp_path / "a.db"))
  with pytest.raises(InputError, match=r"a\.gguf needs gguf.*\[gguf\]"):
    Local(str(tmp_path / "a.gguf"), Cache(tmp_path / "a.db"))


def _model(folder, kind):
  """Writes a tiny random model of words."""
  pytest.importorskip("torch")
  transformers = pytest.importorskip("transformers")
  tokenizers = pytest.importorskip("tokenizers")
  words = ["<pad>", "</s>", "<unk>", "I", "want", "a", "gift", "for", "my"]
  tokenizer = tokenizers.Tokenizer(
    tokenizers.models.WordLevel(
      {word: i for i, word in enumerate(words)}, unk_token="<unk>"
    )
  )
  tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
  fast = transformers.PreTrainedTokenizerFast(
    tokenizer_object=tokenizer,
    pad_token="<pad>",
    eos_token="</s>",
    unk_token="<unk>",
  )
  if kind == "t5":
    config = transformers.T5Config(
      vocab_size=len(words), d_model=8, d_kv=4, d_ff=8, num_layers=1,
      num_heads=2, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    model = transformers.T5ForConditionalGeneration(config)
  else:
    fast.chat_template = _CHAT
    config = transformers.GPT2Config(
      vocab_size=len(words), n_embd=8, n_layer=1, n_head=2, n_positions=2048,
      pad_token_id=0, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config)
  fast.save_pretrained(folder)
  model.save_pretrained(folder)
  return str(folder)


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_a_model_of_either_kind_answers_every_request_once(
  kind, tmp_path, monkeypatch
):
  short = dataclasses.replace(TEACHING, sampling={"max_tokens": 5})
  model = _model(tmp_path / "model", kind)
  first = Local(model, Cache(tmp_path / "a.db"), batch_size=2, manner=short)
  frame = pl.concat(first.answer(INTENTION, [_REVIEWS]))
  assert frame[INSTANCE].to_list() == [0, 1, 2]
  # A text or a reason, never both and never neither.
  text = frame["vague_intention"].is_not_null()
  assert (text != frame[FAULT].is_not_null()).all()
  second = Local(model, Cache(tmp_path / "a.db"), batch_size=2, manner=short)
  monkeypatch.setattr(second, "_generate", None)
  assert pl.concat(second.answer(INTENTION, [_REVIEWS])).equals(frame)
  assert str(tmp_path) not in str(second.made_of([INTENTION]))


def test_a_folder_without_a_model_is_said(tmp_path, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
  with pytest.raises(InputError, match=r"has no config\.json"):
    Local(str(tmp_path), Cache(tmp_path / "a.db"))
