"""One process at a time, and a word where nothing can keep a second one out."""

import errno
import fcntl
import os

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.files import locks


def test_a_second_one_is_refused_until_the_first_ends(tmp_path):
  with (
    locks.locked(tmp_path, "busy"),
    pytest.raises(InputError, match="busy"),
    locks.locked(tmp_path, "busy"),
  ):
    pytest.fail("two hold it")
  with locks.locked(tmp_path, "busy"):
    pass


def test_a_link_is_followed_or_refused(tmp_path):
  (tmp_path / "real").mkdir()
  link = tmp_path / "link"
  link.symlink_to("real")
  with (
    locks.locked(link, "busy"),
    pytest.raises(InputError, match="busy"),
    locks.locked(tmp_path / "real", "busy"),
  ):
    pytest.fail("two hold it")
  with (
    pytest.raises(InputError, match="link is a link: expected a folder"),
    locks.locked(link, "busy", follow_links=False),
  ):
    pytest.fail("followed")


def test_a_file_is_named(tmp_path):
  (tmp_path / "taken").write_text("")
  with (
    pytest.raises(InputError, match="taken is a file: expected a folder"),
    locks.locked(tmp_path / "taken", "busy"),
  ):
    pytest.fail("a file was locked")


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_of_once(
  tmp_path, monkeypatch, capsys, code
):
  def flock(*_):
    raise OSError(code, os.strerror(code))

  monkeypatch.setattr(fcntl, "flock", flock)
  monkeypatch.setattr(locks, "_said", set())
  for _ in range(2):
    with locks.locked(tmp_path, "busy"):
      pass
  [line] = capsys.readouterr().err.splitlines()
  assert line.startswith(f"{tmp_path}: this file system has no locks (")


def test_other_errors_are_not_hidden(tmp_path, monkeypatch):
  def flock(*_):
    raise OSError(errno.EIO, "broken")

  monkeypatch.setattr(fcntl, "flock", flock)
  with pytest.raises(OSError, match="broken"), locks.locked(tmp_path, "busy"):
    pytest.fail("locked")
