import collections
import zipfile

import pytest

from instructrec_jax import cli
from instructrec_jax.data import sources
from instructrec_jax.data.sources import listing
from instructrec_jax.errors import InputError


def test_every_source_is_listed_with_homepage_licence_and_files():
  text = " ".join("\n".join(listing.lines()).split())
  for name, source in sources.SOURCES.items():
    assert name in text
    assert source.homepage in text
    assert source.licence in text
    assert all(file in text for file in source.files.values())


@pytest.mark.parametrize("name", sources.SOURCES)
def test_one_source_in_detail(name):
  name = name.replace(f"/{sources.CATEGORY}", "")
  lines = list(listing.lines(name))
  assert lines[0].startswith(name)
  shown = [line[:14].strip() for line in lines]
  assert {"reader", "homepage", "licence", "interactions"} <= set(shown)


def test_a_member_of_a_family_in_detail():
  text = "\n".join(listing.lines("amazon_2018/Gift_Cards"))
  assert "meta_Gift_Cards.json*" in text
  with pytest.raises(InputError, match="Did you mean 'movielens/32m'"):
    list(listing.lines("movielens/32"))


def test_what_a_folder_has_and_what_is_missing(ml_csv, tmp_path, capsys):
  raw = tmp_path / "raw"
  raw.mkdir()
  with zipfile.ZipFile(raw / "ml-32m.zip", "w") as archive:
    for file in ("ratings.csv", "movies.csv"):
      archive.write(ml_csv / file, f"ml-32m/{file}")
  (raw / "BX-Users.csv").write_text("x")
  (raw / "Gift_Cards_5.json.gz").write_bytes(b"")
  (raw / "a.inter").write_text("x")
  (raw / "b.inter").write_text("x")
  (raw / "broken.zip").write_bytes(b"PK")
  assert cli.main(["sources", "--raw", str(raw)]) == 0
  text = capsys.readouterr().out
  by_name = collections.defaultdict(str)
  for line in text.partition("no files of")[0].splitlines():
    if not line.startswith(" "):
      name = line
    by_name[name] += f"{line}\n"
  assert set(by_name) == {
    "movielens/latest-small",
    "movielens/32m",
    "book_crossing",
    "amazon_2018/Gift_Cards",
    "recbole",
  }
  found = " ".join(by_name["movielens/32m"].split())
  assert f"interactions {raw}/ml-32m.zip (ml-32m/ratings.csv)" in found
  assert f"normalize movielens/32m --raw {raw}" in found
  found = " ".join(by_name["book_crossing"].split())
  assert f"users {raw}/BX-Users.csv" in found
  assert "interactions missing: BX-Book-Ratings.csv or Book reviews/" in found
  assert "instructrec normalize" not in found
  found = " ".join(by_name["amazon_2018/Gift_Cards"].split())
  assert "items missing: meta_Gift_Cards.json*" in found
  found = " ".join(by_name["recbole"].split())
  assert "several:" in found
  assert "Choose one with --interactions_file" in found
  assert "users absent, but optional: *.user" in found
  assert "no files of movielens/100k" in text
  assert "warning: " in text
  assert "broken.zip is cut off or damaged" in text


def test_one_source_in_a_folder(ml_1m):
  lines = list(listing.lines("movielens/1m", str(ml_1m)))
  assert lines[-1] == f"  instructrec normalize movielens/1m --raw {ml_1m}"
  with pytest.raises(InputError, match="is not a folder"):
    list(listing.lines("movielens/1m", str(ml_1m / "none")))
