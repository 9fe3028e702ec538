import re
import zipfile
from pathlib import Path

import polars as pl

from instructrec_jax.cli.shared import printing
from instructrec_jax.data import normalize, sources
from instructrec_jax.data.sources import listing

_DOC = Path(__file__).parents[2] / "docs/sources.md"


def _blocks(language):
  return re.findall(rf"```{language}\n(.*?)```", _DOC.read_text(), re.S)


def test_the_worked_example_of_a_source_works(tmp_path, monkeypatch, capsys):
  reader, row = _blocks("python")
  club = type("club", (), {})
  module = {}
  exec(compile(reader, "club.py", "exec"), module)
  club.read = staticmethod(module["read"])
  rows = eval(f"{{{row}}}", {"Source": sources.Source, "club": club})
  for name, source in rows.items():
    monkeypatch.setitem(sources.SOURCES, name, source)
  with zipfile.ZipFile(tmp_path / "club-2024.zip", "w") as archive:
    for name, text in zip(
      ("plays.csv", "games.csv"), _blocks("csv"), strict=True
    ):
      archive.writestr(f"club/{name}", text)

  text = "\n".join(listing.lines(None, str(tmp_path)))
  assert f"instructrec normalize club --raw {tmp_path}" in text
  manifest = normalize.normalize("club", tmp_path, tmp_path / "data", k_core=1)
  printing.print_manifest(manifest)
  printed = capsys.readouterr().out.splitlines()
  (expected,) = _blocks("text")
  lines = {" ".join(line.split()) for line in printed}
  assert {" ".join(line.split()) for line in expected.splitlines()} <= lines
  items = pl.read_parquet(tmp_path / "data/tables/club/items.parquet")
  assert items["title"].to_list() == ["Tiles, Dragons", 'The "Long" Game']


def test_the_table_of_quirks_names_sources_that_there_are():
  rows = re.findall(r"^\| (`.+?) \|", _DOC.read_text(), re.M)
  said = set()
  for row in rows:
    names = re.findall(r"`([^`]+)`", row)
    family = names[0].partition("/")[0]
    said |= {family + n if n.startswith("/") else n for n in names}
  for name in said:
    start = name.removesuffix("…")
    assert any(n == name or n.startswith(start) for n in sources.SOURCES), name
