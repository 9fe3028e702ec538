"""Requests of all kinds in the files of a batch."""

import pathlib

from instructrec_jax.teacher.annotation import texts
from instructrec_jax.teacher.annotation.choosing import Choice
from instructrec_jax.teacher.protocol import (
  AUDIENCE,
  INTEREST,
)
from tests.teacher import itdr_requests


def test_requests_of_both_kinds_go_into_batch_files(tmp_path):
  asked = [
    (kind, texts.batches(kind, requests))
    for kind, requests in (
      (INTEREST, itdr_requests.interests()),
      (AUDIENCE, itdr_requests.audiences()),
    )
  ]
  options = {"model": "toy", "write_requests": tmp_path / "out"}
  done = Choice("api", tmp_path, options).instead(asked)
  assert done.counts["requests"] == 6
  [file] = done.counts["files"]
  assert "example.org" not in pathlib.Path(file).read_text()
