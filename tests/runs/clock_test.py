import time

import pytest

from instructrec_jax.runs.clock import Clock


@pytest.fixture
def now(monkeypatch):
  """The time in seconds, which a test sets."""
  seconds = [100.0]
  monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
  return seconds


def test_a_stage_ends_where_the_next_begins(now, capsys):
  clock = Clock()
  clock.start("build")
  now[0] += 3
  clock.start("train")
  now[0] += 60.4
  clock.stop()
  now[0] += 1000
  assert str(clock) == "Time: build 3 s, train 60 s; 63 s in total"
  assert capsys.readouterr().err == "── build\n── train\n"


def test_an_interrupted_stage_goes_on_and_its_parts_add_up(now, capsys):
  clock = Clock()
  for _ in range(2):
    with clock.during("metrics"):
      now[0] += 1
      with clock.during("model"):
        now[0] += 7
      now[0] += 2
    now[0] += 50
  assert clock.seconds == {"metrics": 6, "model": 14}
  assert clock.share("model") == 0.7
  assert clock.share("loading") == 0
  assert Clock().share("model") == 0
  assert capsys.readouterr().err == ""


def test_a_stage_ends_with_an_error(now):
  clock = Clock()
  model = clock.during("model")(lambda: 1 / 0)
  with pytest.raises(ZeroDivisionError):
    model()
  now[0] += 5
  assert clock.seconds == {"model": 0}
  assert str(clock) == "Time: model 0 s; 0 s in total"
