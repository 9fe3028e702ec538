import pytest

from tests.teacher import kill_and_resume
from tests.teacher.asked.chat_server import KEY


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
  """What has come of a disturbed run; its files are left."""
  folder = tmp_path_factory.mktemp("killed")
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("OPENAI_API_KEY", KEY)
    patch.setenv("NO_PROXY", "127.0.0.1")
    kill_and_resume.shop(folder, 25)
    # Late answers take time: the whole run has them, see kill_and_resume.py.
    counts = kill_and_resume.run(folder, share=0.1, slow=False)
  return counts | {"folder": folder}


def test_killed_and_run_again_nothing_is_paid_twice_and_none_lost(counts):
  assert counts["instances"] == 75
  assert counts["requests"] == 2 * 75
  assert 75 <= counts["answered_when_killed"] < 150
  assert sum(counts["faults"].values()) >= 5
  assert counts["on_their_way_when_killed"] <= kill_and_resume.CONCURRENCY
  assert counts["paid_twice"] == 0
  assert counts["lost"] == 0
  assert counts["other_texts_than_undisturbed"] == 0


def test_the_key_is_in_nothing_that_is_said_or_written(counts):
  assert "asked_again" in counts["said"]
  assert KEY not in counts["said"]
  files = [p for p in counts["folder"].rglob("*") if p.is_file()]
  assert {"manifest.json", "answers.sqlite3"} <= {p.name for p in files}
  for path in files:
    assert KEY.encode() not in path.read_bytes()
