"""Which SentencePiece file is the run's vocabulary: one gin setting.

It is apart from vocabulary.py, so that a run on cached tokens, which needs no
vocabulary but has this setting too, does without SeqIO and TensorFlow.
"""

import gin
from etils import epath

from instructrec_jax.errors import InputError

T5_VOCABULARY = "gs://t5-data/vocabs/cc_all.32000.100extra/sentencepiece.model"
FILE_NAME = "vocabulary.model"


@gin.configurable("vocabulary", module="instructrec_jax")
def setting(location: str = "t5") -> str:
  """Returns what the run's setting `vocabulary.location` is.

  Args:
    location: "t5", the name of a built dataset, or the path of a model file.
  """
  return location


def is_path(location: str) -> bool:
  """Returns whether a setting is the path of a model file."""
  return "/" in location or location.endswith(".model")


def path() -> str:
  """Returns the SentencePiece model file that the run's setting names.

  Raises:
    InputError: if there is no such file; the message says where it was looked
      for.
  """
  location = setting()
  if location == "t5":
    return T5_VOCABULARY
  if is_path(location):
    found = epath.Path(location)
  else:
    from instructrec_jax.data.records.catalogue import Catalogue

    found = Catalogue(location).folder / FILE_NAME
  if not found.exists():
    raise InputError(
      f"no vocabulary {location!r}: {found} does not exist. Expected 't5', the "
      "name of a dataset built with --vocabulary_size, or the path of a "
      "SentencePiece model file."
    )
  return str(found)
