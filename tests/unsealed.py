"""Folders of stages that a test changes by hand."""

import json
import pathlib


def unseal(folder: pathlib.Path) -> pathlib.Path:
  """Takes the sizes of files out of a folder's manifest, and returns it.

  It is then as an earlier version wrote it, and nobody sees what is changed.
  """
  path = folder / "manifest.json"
  manifest = json.loads(path.read_text())
  manifest.pop("outputs", None)
  path.write_text(json.dumps(manifest, indent=2))
  return folder
