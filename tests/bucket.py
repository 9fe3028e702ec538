"""gs://… in a local folder, for tests: what an object store can do, no more.

Libraries reach buckets by one of three ways: epath, TensorStore as Orbax asks
for it, and TensorFlow's files. The first two are led into a folder here; what
takes the third is for a test to replace.
"""

import os
from pathlib import Path
from typing import Any

from etils.epath import backend, gpath
from orbax.checkpoint._src.path import gcs_utils


class Buckets:
  """The operations of epath on gs://…, done in a folder."""

  def __init__(self, root: Path):
    self.root = root

  def __getattr__(self, name: str) -> Any:
    operation = getattr(backend.os_backend, name)

    def call(*args: Any, **options: Any) -> Any:
      return self._outside(operation(*map(self._inside, args), **options))

    return call

  def open(self, path: os.PathLike, mode: str) -> Any:
    """Opens an object; there are no folders to make, and no appending."""
    assert "a" not in mode, f"{path}: an object store cannot append"
    path = Path(self._inside(path))
    if "w" in mode:
      path.parent.mkdir(parents=True, exist_ok=True)
    return backend.os_backend.open(path, mode)

  def rename(self, *paths: os.PathLike) -> None:
    """Fails: an object store copies, which takes long and may be cut off."""
    raise AssertionError(f"renamed in an object store: {paths}")

  replace = rename

  def kvstore(self, path: str) -> dict[str, str]:
    """Returns TensorStore's spec of a path."""
    return {"driver": "file", "path": self._inside(path)}

  def _inside(self, path: Any) -> Any:
    if not isinstance(path, str | os.PathLike):
      return path
    return os.fspath(path).replace("gs://", f"{self.root}/", 1)

  def _outside(self, found: Any) -> Any:
    if isinstance(found, str | os.PathLike):
      return os.fspath(found).replace(f"{self.root}/", "gs://", 1)
    if isinstance(found, list | tuple):
      return type(found)(map(self._outside, found))
    # A walk; the rest is bytes, numbers and the like.
    return map(self._outside, found) if hasattr(found, "send") else found


def make(root: Path, monkeypatch: Any) -> None:
  """Leads gs://BUCKET/PATH to <root>/BUCKET/PATH, until the patch is undone."""
  buckets = Buckets(root)
  monkeypatch.setattr(backend, "tf_backend", buckets)
  monkeypatch.setattr(backend, "fsspec_backend", buckets)
  monkeypatch.setitem(gpath._PREFIX_TO_BACKEND, "gs", buckets)
  monkeypatch.setattr(gpath, "_GCS_BACKENDS", frozenset({buckets}))
  monkeypatch.setattr(gpath, "_is_zonal_gcs_bucket", lambda _: False)
  monkeypatch.setattr(gcs_utils, "get_kvstore_for_gcs", buckets.kvstore)
  monkeypatch.setattr(
    gcs_utils, "is_hierarchical_namespace_enabled", lambda _: False
  )
