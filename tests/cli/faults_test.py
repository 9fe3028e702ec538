"""What libraries raise, and what is said of it."""

import errno
import gzip
import json
import lzma
import os
import sqlite3
import tarfile
import zipfile
import zlib
from unittest import mock

import httpx2
import jax
import polars as pl
import pyarrow as pa
import pytest
import tensorflow as tf

from instructrec_jax.cli import faults
from instructrec_jax.data.formats import jsonl

_RAISED = [
  (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "/a/b: the disk"),
  (OSError(errno.EROFS, "Read-only file system", "/a"), "choose another folde"),
  (PermissionError(errno.EACCES, "Permission denied", "/a"), "change its"),
  (OSError(errno.ENOLCK, "No locks available"), "has no locks: choose"),
  (OSError(errno.EMFILE, "Too many open files"), "`ulimit -n 4096`"),
  (OSError(errno.EDQUOT, "Disk quota exceeded"), "your quota of this disk"),
  (FileNotFoundError(errno.ENOENT, "No such file", "/x"), "/x: no such file"),
  (NotADirectoryError(errno.ENOTDIR, "x", b"/x\xff"), "a part of this path is"),
  (OSError(errno.EHOSTDOWN, "Host is down", "/x"), "/x: Host is down"),
  (OSError("odd"), "odd"),
  (MemoryError(), "there is not enough memory"),
  (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "does not answer"),
  (pl.exceptions.ComputeError("ends early"), "Polars cannot use the data"),
  (pl.exceptions.PanicException("assertion"), "Polars cannot use the data"),
  (pl.exceptions.ComputeError("No space left on device (os error 28)"),
   "the disk is full"),
  (OSError("File too large (os error 27)"), "see `ulimit -f`"),
  (pa.ArrowInvalid("bad magic"), "Arrow cannot use the data"),
  (tf.errors.DataLossError(None, None, "corrupted record"), "TensorFlow"),
  (ValueError('NOT_FOUND: x [tensorstore_spec=\'{"driver'), "another step"),
  (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory"),
   "a smaller BATCH_SIZE"),
  (httpx2.ConnectError("refused"), "the network, or the server"),
  (sqlite3.OperationalError("database is locked"), "SQLite cannot use it"),
  (json.JSONDecodeError("Expecting value", "x", 0), "it is not JSON"),
  (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
   "save it as UTF-8"),
  (zlib.error("Error -3"), "damaged or cut off: fetch it again"),
  (lzma.LZMAError("Corrupt"), "damaged or cut off"),
  (zipfile.BadZipFile("no zip"), "damaged or cut off"),
  (tarfile.ReadError("end of file"), "damaged or cut off"),
  (gzip.BadGzipFile("not a gzip"), "damaged or cut off"),
  (ModuleNotFoundError("No module named 'x'"), "install instructrec-jax again"),
]  # fmt: skip


@pytest.mark.parametrize(
  ("error", "says"), _RAISED, ids=lambda v: f"{v!r}"[:40]
)
def test_each_kind_is_said_in_a_line(error, says):
  said = faults.known(error)
  assert says in said
  assert "\n" not in said
  assert len(said) < 500


@pytest.mark.parametrize(
  "error",
  [KeyError("x"), TypeError("x"), ValueError("x"), AssertionError(),
   ZeroDivisionError(), RecursionError(), IndexError("x")],
)  # fmt: skip
def test_others_are_bugs(error):
  assert faults.known(error) is None


def test_a_file_is_found_where_it_was_read(tmp_path):
  path = tmp_path / "x.jsonl"
  path.write_text("{}\n")
  with (
    mock.patch.object(pl, "read_ndjson", side_effect=zlib.error("odd")),
    pytest.raises(zlib.error) as raised,
  ):
    list(jsonl.pieces(path, {"a": pl.String()}))
  assert faults.known(raised.value).startswith(f"{path}: the file is damaged")


def test_the_traceback_of_a_bug_is_kept(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
  try:
    json.loads({"a": 1})
  except TypeError as error:
    said = faults.bug(error, "instructrec build")
  (file,) = tmp_path.iterdir()
  assert said.startswith("this is a bug in InstructRec-JAX, TypeError: the")
  assert str(file) in said
  assert "--debug" in said
  assert "\n" not in said
  kept = file.read_text()
  assert "Traceback (most recent call last)" in kept
  assert kept.startswith("instructrec build, InstructRec-JAX ")
  assert not capsys.readouterr().err


def test_without_a_folder_for_it_the_traceback_is_printed(monkeypatch, capsys):
  def refuse(*_, **__):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))

  monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
  said = faults.bug(KeyError("x"), "instructrec build")
  assert "its traceback stands above" in said
  assert "KeyError: 'x'" in capsys.readouterr().err
