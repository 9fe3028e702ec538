"""A name is given to a whole folder in one step, and nothing stays behind."""

import os
import stat

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.files import folders


def _filled(path, text):
  path.mkdir(parents=True)
  (path / "a.txt").write_text(text)
  return path


def _is_whole(path):
  return (path / "a.txt").exists()


def _text(path):
  return (path / "a.txt").read_text()


def _names(path):
  return sorted(child.name for child in path.iterdir())


@pytest.fixture(params=["exchanged", "renamed"])
def way(request, monkeypatch):
  """With and without a kernel that exchanges names."""
  if request.param == "renamed":
    monkeypatch.setattr(folders, "exchange", lambda one, other: False)
  return request.param


@pytest.mark.parametrize("older", [False, True])
def test_a_new_folder_takes_the_name(tmp_path, way, older):
  folder = tmp_path / "shop"
  if older:
    _filled(folder, "old")
  with folders.staging(folder) as partial:
    (partial / "a.txt").write_text("new")
    folders.put_in_place(partial, folder)
  assert _text(folder) == "new"
  assert _names(tmp_path) == ["shop"]


def test_names_are_exchanged(tmp_path):
  one, other = _filled(tmp_path / "one", "1"), _filled(tmp_path / "other", "2")
  if not folders.exchange(one, other):
    pytest.skip("this file system cannot exchange names")
  assert (_text(one), _text(other)) == ("2", "1")
  with pytest.raises(FileNotFoundError):
    folders.exchange(one, tmp_path / "absent")


class _Killed(BaseException):
  pass


@pytest.mark.parametrize("event", range(6))
def test_a_kill_at_any_event_leaves_one_whole_folder(
  tmp_path, way, event, monkeypatch
):
  """Stops at each of the steps of a replacement, and starts again."""
  folder = _filled(tmp_path / "shop", "old")
  left = event

  def stop_before(do):
    def step(*arguments, **options):
      nonlocal left
      left -= 1
      if left < 0:
        raise _Killed
      return do(*arguments, **options)

    return step

  partial = _filled(tmp_path / ".shop.partial", "new")
  with monkeypatch.context() as patch:
    patch.setattr(folders, "exchange", stop_before(folders.exchange))
    patch.setattr(type(folder), "rename", stop_before(type(folder).rename))
    patch.setattr(folders.shutil, "rmtree", stop_before(folders.shutil.rmtree))
    try:
      folders.put_in_place(partial, folder)
    except _Killed:
      if way == "exchanged":  # Never, at any moment.
        assert folder.exists()
  folders.recover(folder, _is_whole)
  assert _text(folder) in ("old", "new")
  assert _names(tmp_path) == ["shop"]


def test_nothing_is_cleared_while_another_process_is_at_work(tmp_path):
  folder = _filled(tmp_path / "shop", "old")
  with folders.staging(folder) as partial:
    (partial / "a.txt").write_text("new")
    folders.recover(folder, _is_whole)
    assert _text(partial) == "new"
  _filled(tmp_path / ".shop.replaced", "older")
  folders.recover(folder, _is_whole)
  assert _names(tmp_path) == ["shop"]


def test_an_older_folder_that_is_not_whole_does_not_get_its_name(tmp_path):
  (tmp_path / ".shop.replaced").mkdir()
  folders.recover(tmp_path / "shop", _is_whole)
  assert not (tmp_path / "shop").exists()


def test_an_older_folder_stays_while_the_name_is_of_something_else(tmp_path):
  older = _filled(tmp_path / ".shop.replaced", "old")
  (tmp_path / "shop").mkdir()
  folders.recover(tmp_path / "shop", _is_whole)
  assert _text(older) == "old"


@pytest.mark.parametrize("target", ["victim", "absent"])
def test_a_link_where_the_work_is_done_is_refused(tmp_path, target):
  victim = _filled(tmp_path / "victim", "keep")
  (tmp_path / ".shop.partial").symlink_to(tmp_path / target)
  with (
    pytest.raises(InputError, match=r"\.shop\.partial is a link: expected"),
    folders.staging(tmp_path / "shop"),
  ):
    pytest.fail("followed")
  folders.recover(tmp_path / "shop", _is_whole)
  assert _text(victim) == "keep"
  assert not (tmp_path / "absent").exists()


def test_links_in_a_left_folder_are_removed_and_not_followed(tmp_path):
  victim = _filled(tmp_path / "victim", "keep")
  (tmp_path / ".shop.partial").mkdir()
  (tmp_path / ".shop.partial" / "link").symlink_to(victim)
  with folders.staging(tmp_path / "shop") as partial:
    assert _names(partial) == []
  assert _text(victim) == "keep"


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
  _filled(tmp_path / ".shop.partial", "theirs")
  monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
  with (
    pytest.raises(InputError, match="belongs to another user"),
    folders.staging(tmp_path / "shop"),
  ):
    pytest.fail("used")
  assert _text(tmp_path / ".shop.partial") == "theirs"


def test_all_files_and_folders_are_written_through(tmp_path, monkeypatch):
  _filled(tmp_path / "shop", "a")
  _filled(tmp_path / "shop" / "deep", "b")
  synced = []

  def fsync(handle):
    synced.append(os.fstat(handle).st_mode)

  monkeypatch.setattr(os, "fsync", fsync)
  assert list(folders.sealed(tmp_path / "shop")) == ["a.txt", "deep/a.txt"]
  assert sorted(map(stat.S_ISDIR, synced)) == [False, False, True, True]
