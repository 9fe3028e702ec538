import zipfile

import pytest

from instructrec_jax.data import normalize
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables

_CLICKS = """\
item_id,user_id,timestamp
i1,u9,1650000003
i2,u9,1650000001
i1,u7,1650000000
i3,u7,1650000002
i4,u7,1650000000000
"""
_VIDEOS = """\
item_id,view_number,comment_number,thumbup_number,share_number,coin_number,\
favorite_number,barrage_number,title,tag,description
i1,1,2,3,4,5,6,7,"【猫】, 你好😀",动画,"第一行
第二行, ""x"" y"
i2,1,2,3,4,5,6,7,Two,,
i3,1,2,3,4,5,6,7,,生活,-
i408373,1,2,3,4,5,6,7,Elsewhere,生活,-
"""


@pytest.fixture
def downloaded(tmp_path):
  """Two archives of a drive's folders; the files have one name."""
  for folder, text in (("Interaction", _CLICKS), ("Item Information", _VIDEOS)):
    archive = f"{folder}-20240101T000000Z-001.zip"
    with zipfile.ZipFile(tmp_path / archive, "w") as f:
      f.writestr(f"{folder}/Pixel200K.csv", text)
  return tmp_path


def test_pixelrec(downloaded, tmp_path):
  manifest = normalize.normalize(
    "pixelrec/200k", downloaded, tmp_path / "data", k_core=1
  )
  tables = read_tables(tmp_path / "data", "pixelrec_200k")
  assert tables["items"].drop("item").rows() == [
    ("i1", "【猫】, 你好😀", ["动画"], '第一行\n第二行, "x" y'),
    ("i2", "Two", [], None),
  ]
  assert tables["users"]["user_id"].to_list() == ["u9", "u7"]
  assert tables["interactions"].rows() == [
    (0, 1, 1650000001_000_000),
    (0, 0, 1650000003_000_000),
    (1, 0, 1650000000_000_000),
  ]
  assert manifest["counts"]["interactions"]["dropped"] == {
    "timestamp is not a time": 1,
    "item without a title": 1,
  }
  assert manifest["inputs"]["items"]["member"] == (
    "Item Information/Pixel200K.csv"
  )


def test_the_two_files_taken_for_each_other_are_told(tmp_path):
  (tmp_path / "Pixel50K.csv").write_text(_VIDEOS)
  (tmp_path / "item_info.csv").write_text(_CLICKS)
  with pytest.raises(InputError, match=r"Pixel50K\.csv 'user_id'"):
    normalize.normalize("pixelrec/50k", tmp_path, tmp_path / "data")
