"""Requests that one process sends and another does not."""

import os
import socket
import sqlite3

import pytest

from instructrec_jax.teacher.asked.cache import Cache


def _owners(path):
  with sqlite3.connect(path) as db:
    return db.execute("select count(*) from owners").fetchone()[0]


def test_a_request_belongs_to_one_process_until_it_gives_it_back(tmp_path):
  path = tmp_path / "a.db"
  with Cache(path).claiming() as one:
    assert one.take("a", 0)
    assert one.take("a", 0)
    with Cache(path).claiming() as two:
      assert not two.take("a", 0)
      assert two.take("a", 1)
      two.drop("a", 0)
      assert not two.take("a", 0)
      one.drop("a", 0)
      assert two.take("a", 0)
    assert one.take("a", 1)
  assert _owners(path) == 0


@pytest.mark.parametrize(
  ("host", "process", "age_s", "lapsed"),
  [
    ("other", 1, 5, False),
    ("other", 1, 100, True),
    ("", os.getpid(), 5, False),
    ("", os.getpid(), 100, True),
    # A process that was killed on this machine need not be waited for.
    ("", 2**22 + 7, 5, True),
    ("", "damaged", 5, True),
  ],
  # Not by the number of this process, which pytest's workers would not share.
  ids=range(6),
)
def test_claims_of_a_process_that_is_dead_lapse(
  host, process, age_s, lapsed, tmp_path
):
  path = tmp_path / "a.db"
  kept = Cache(path)
  with kept.claiming() as claims:
    with sqlite3.connect(path) as db:
      db.execute(
        "insert into owners select 'them', ?, ?, seen - ? from owners",
        (host or socket.gethostname(), process, age_s),
      )
      db.execute("insert into claims values ('a', 0, 'them')")
    assert claims.take("a", 0) == lapsed
  with kept.claiming():
    assert _owners(path) == (1 if lapsed else 2)
