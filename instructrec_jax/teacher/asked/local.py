"""The local teacher: a Hugging Face model in a folder.

A chat model gets the same messages as a server. A model without a chat
template, such as T5, gets plain text and is asked for one output at a time.
"""

import collections
import contextlib
import importlib
import importlib.util
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import cache, chat, trial
from instructrec_jax.teacher.asked.answer import Parsed
from instructrec_jax.teacher.asked.manner import TEACHING, Manner
from instructrec_jax.teacher.protocol import INSTANCE, Kind, answers

_WEIGHTS = ("*.safetensors", "*.bin")
_GGUF = ".gguf"


class Local:
  """Runs a seq2seq or causal model; see `protocol.Teacher`.

  Decoding is greedy, so the model and its input determine a text, and repeating
  a request with an unusable answer would not help.
  """

  def __init__(
    self,
    model: str,
    kept: cache.Cache,
    batch_size: int = 8,
    manner: Manner = TEACHING,
  ):
    """Loads a model, onto the GPU if PyTorch finds one.

    Args:
      model: a folder in Hugging Face's format, or a GGUF file or a folder with
        one.
      kept: the cache of answers.
      batch_size: number of requests at a time.
      manner: how requests are worded, and answers read.

    Raises:
      InputError: PyTorch or transformers is not installed, or there is no such
        model.
    """
    for needed in ("torch", "transformers"):
      if importlib.util.find_spec(needed) is None:
        raise InputError(
          f"a local model needs {needed}, which is not installed: "
          "pip install 'instructrec-jax[teacher]'"
        )
    if batch_size < 1:
      raise InputError(f"batch_size is {batch_size}: expected at least 1")
    folder, gguf = _found(Path(model))
    for needed in ("gguf", "accelerate") if gguf else ():
      if importlib.util.find_spec(needed) is None:
        raise InputError(
          f"{folder / gguf} needs {needed}, which is not installed: "
          "pip install 'instructrec-jax[gguf]'"
        )
    self._identity = _identity(folder, gguf)
    self._kept, self._batch_size = kept, batch_size
    self._manner = manner
    self._counts: collections.Counter = collections.Counter()
    self._trial = trial.Trial(str(folder / gguf))
    self._load(folder, {"gguf_file": gguf} if gguf else {})

  def _load(self, folder: Path, files: Mapping[str, str]) -> None:
    import torch
    import transformers

    try:
      config = transformers.AutoConfig.from_pretrained(
        folder, local_files_only=True, **files
      )
      self._seq2seq = config.is_encoder_decoder
      auto = (
        transformers.AutoModelForSeq2SeqLM
        if self._seq2seq
        else transformers.AutoModelForCausalLM
      )
      # A causal model continues its input on the right, so padding is left.
      self._tokenizer = transformers.AutoTokenizer.from_pretrained(
        folder, local_files_only=True, padding_side="left", **files
      )
      self._model = auto.from_pretrained(
        folder, local_files_only=True, dtype="auto", **files
      )
    except (OSError, ValueError, KeyError) as error:
      raise InputError(
        f"transformers cannot load the model in {folder}: {error}"
      ) from None
    if self._tokenizer.pad_token_id is None:
      self._tokenizer.pad_token = self._tokenizer.eos_token
    self._device = "cuda" if torch.cuda.is_available() else "cpu"
    self._model.to(self._device).eval()

  def made_of(self, kinds: Iterable[Kind]) -> Mapping[str, Any]:
    """See `protocol.Teacher`."""
    return {
      "teacher": "local",
      "model": self._identity,
      "prompts": self._manner.versions(kinds),
    }

  def counts(self) -> Mapping[str, Any]:
    """See `protocol.Teacher`."""
    return {"local": dict(self._counts)}

  def answer(
    self, kind: Kind, batches: Iterable[pl.DataFrame]
  ) -> Iterator[pl.DataFrame]:
    """See `protocol.Teacher`."""
    some = []
    for request in chat.rows(batches):
      some.append(request)
      if len(some) == self._batch_size:
        yield self._answers(kind, some)
        some = []
    if some:
      yield self._answers(kind, some)

  def _answers(self, kind: Kind, requests: list[dict]) -> pl.DataFrame:
    found = (
      self._chatted(kind, requests)
      if self._tokenizer.chat_template
      else self._in_plain_text(kind, requests)
    )
    texts, faults = zip(*found, strict=True)
    return answers(kind, (r[INSTANCE] for r in requests), texts, faults)

  def _chatted(self, kind: Kind, requests: list[dict]) -> list[tuple]:
    inputs = [
      self._tokenizer.apply_chat_template(
        self._manner.messages(kind, request),
        tokenize=False,
        add_generation_prompt=True,
      )
      for request in requests
    ]
    return [
      self._judged(self._manner.parse(kind, request, found), found)
      for request, found in zip(
        requests, self._generated(inputs, special_tokens=False), strict=True
      )
    ]

  def _judged(self, parsed: Parsed, found: cache.Answer) -> Parsed:
    self._trial.note(parsed[1], found.content)
    return parsed

  def _in_plain_text(self, kind: Kind, requests: list[dict]) -> list[tuple]:
    inputs = [
      self._manner.plain(kind, output, request)
      for request in requests
      for output in kind.outputs
    ]
    written = iter(self._generated(inputs, special_tokens=True))
    return [
      self._manner.parse_plain(
        kind, request, {name: next(written) for name in kind.outputs}
      )
      for request in requests
    ]

  def _generated(
    self, inputs: list[str], special_tokens: bool
  ) -> list[cache.Answer]:
    """Returns the model's answer to each input, from the cache or new."""
    names = [cache.key(model=self._identity, input=text) for text in inputs]
    kept = {name: self._kept.get(name, 0) for name in names}
    found = {name: it for name, it in kept.items() if it is not None}
    new = {
      name: text
      for name, text in zip(names, inputs, strict=True)
      if name not in found
    }
    self._counts["answers_kept_before"] += len(inputs) - len(new)
    self._counts["answers_written"] += len(new)
    if new:
      written = self._generate(list(new.values()), special_tokens)
      rows = dict(zip(new, written, strict=True))
      self._kept.put_all((name, 0, row) for name, row in rows.items())
      found |= rows
    return [found[name] for name in names]

  def _generate(
    self, inputs: list[str], special_tokens: bool
  ) -> list[cache.Answer]:
    import torch

    most_tokens = self._manner.sampling["max_tokens"]
    tokens = self._tokenizer(
      inputs,
      return_tensors="pt",
      padding=True,
      add_special_tokens=special_tokens,
    ).to(self._device)
    tokens.pop("token_type_ids", None)
    with torch.inference_mode():
      output = self._model.generate(
        **tokens,
        max_new_tokens=most_tokens,
        do_sample=False,
        pad_token_id=self._tokenizer.pad_token_id,
      )
    if not self._seq2seq:
      output = output[:, tokens["input_ids"].shape[1] :]
    # Whatever ended before the others of its batch is padded.
    cut = output[:, -1] != self._tokenizer.pad_token_id
    for end in _listed(self._model.generation_config.eos_token_id):
      cut &= output[:, -1] != end
    cut &= output.shape[1] >= most_tokens
    texts = self._tokenizer.batch_decode(output, skip_special_tokens=True)
    return [
      cache.Answer(text, finish="length" if ran_out else "")
      for text, ran_out in zip(texts, cut.tolist(), strict=True)
    ]


def before_tensorflow() -> None:
  """Loads what ends the process if TensorFlow has been loaded before it.

  Both bring an LLVM of their own. PyTorch loads Triton when it needs it.
  """
  with contextlib.suppress(ImportError):
    importlib.import_module("triton")


def _listed(value: int | list[int] | None) -> list[int]:
  if isinstance(value, list):
    return value
  return [] if value is None else [value]


def _found(model: Path) -> tuple[Path, str]:
  """Returns a model's folder, and the name of its GGUF file, or "".

  Raises:
    InputError: there is no model.
  """
  if model.suffix == _GGUF and model.is_file():
    return model.parent, model.name
  if (model / "config.json").is_file():
    return model, ""
  files = sorted(path.name for path in model.glob(f"*{_GGUF}"))
  if len(files) == 1:
    return model, files[0]
  if files:
    raise InputError(
      f"{model} has several GGUF files: expected the path of one of them: "
      f"{', '.join(files)}"
    )
  raise InputError(
    f"{model} has no config.json; expected the folder of a Hugging Face "
    "model, or a .gguf file"
  )


def _identity(folder: Path, gguf: str) -> str:
  """Returns a name that identifies the model wherever its folder is.

  It is a hash of the small files and of the large files' names and sizes, so
  gigabytes of weights need not be read.
  """
  if gguf:
    size = os.path.getsize(folder / gguf)
    return f"{gguf} {cache.key(weights=(gguf, size))[:16]}"
  weights = sorted(
    (p.name, os.path.getsize(p))
    for pattern in _WEIGHTS
    for p in folder.glob(pattern)
  )
  small = {p.name: p.read_text() for p in sorted(folder.glob("*config.json"))}
  digest = cache.key(weights=weights, files=small)
  return f"{folder.resolve().name} {digest[:16]}"
