"""The gin setting that names the run's SentencePiece vocabulary file.

A run on cached tokens reads this setting but no vocabulary. The module is apart
from run_vocabulary.py so that such a run needs no SeqIO and no TensorFlow.
"""

import gin

from instructrec_jax import paths
from instructrec_jax.errors import InputError

T5_VOCABULARY = "gs://t5-data/vocabs/cc_all.32000.100extra/sentencepiece.model"
FILE_NAME = "vocabulary.model"


@gin.configurable("vocabulary", module="instructrec_jax")
def setting(location: str = "t5") -> str:
  """Returns the run's setting `vocabulary.location`.

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
    InputError: if the file does not exist; the message names it.
  """
  location = setting()
  if location == "t5":
    return T5_VOCABULARY
  if is_path(location):
    found = paths.anywhere(location)
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
