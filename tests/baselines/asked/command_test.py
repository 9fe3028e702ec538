"""The ranker against a server on loopback that can behave badly."""

import json
import re

import numpy as np
import pytest

from instructrec_jax.baselines.asked import command, wordings
from instructrec_jax.data.records import read, sampling
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import results
from instructrec_jax.teacher.annotation.choosing import Instead
from tests.teacher.asked.chat_server import KEY, ChatServer, completion

_N = 12


@pytest.fixture(autouse=True)
def quick(monkeypatch):
  monkeypatch.setattr(
    "instructrec_jax.teacher.asked.client._FIRST_WAIT_S", 0.01
  )
  monkeypatch.setenv("OPENAI_API_KEY", KEY)
  monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def _shown(body):
  """Returns the candidates of a request, by their numbers from 1."""
  asked = body["messages"][-1]["content"]
  return re.findall(r"^\[\d+\] (.*)$", asked, re.MULTILINE)


def _by_title(n, body):
  """Ranks by title, so that the order of the candidates changes nothing."""
  titles = _shown(body)
  order = sorted(range(len(titles)), key=lambda at: titles[at])
  return completion(json.dumps({"ranking": [at + 1 for at in order]}))


def _rank(data, folder, server, **options):
  usual = {"num_requests": _N, "cache": str(folder / "a.db")}
  return command.rank(
    "small", data, out=folder / "out", model="toy", base_url=server.url,
    **(usual | options),
  )  # fmt: skip


def _further(folder):
  return {n: e.value for n, e in results.read_result(folder).further.items()}


def test_a_ranking_by_title_is_scored_as_by_hand(small_data, tmp_path):
  with ChatServer(_by_title) as server:
    folder = _rank(small_data, tmp_path, server)
    assert len(server.requests) == _N
    _rank(small_data, tmp_path, server)
    assert len(server.requests) == _N, "nothing is paid for twice"
  requests = Requests.load(small_data, "small", "test")
  titles = read.load_catalogue(small_data, "small")["title"].to_list()
  predictions = results.read_predictions(folder)
  expected = sampling.drawn(requests.instance, _N, 0)
  assert predictions.instances.tolist() == expected.tolist()
  for codes, scores in zip(
    predictions.candidates, predictions.scores, strict=True
  ):
    ranked = codes[np.argsort(-scores)]
    assert [titles[c] for c in ranked] == sorted(titles[c] for c in codes)
  assert _further(folder) == {
    "invalid_answers": 0, "partial_answers": 0, "asked_again": 0, "unranked": 0,
  }  # fmt: skip
  # Candidates are shown in the order of the records.
  shown = {tuple(_shown(body)) for body in server.requests}
  rows = np.flatnonzero(np.isin(requests.instance, expected))
  assert shown == {
    tuple(titles[c] for c in requests.candidates[row]) for row in rows
  }


def test_ranks_of_several_orders_are_summed(small_data, tmp_path):
  with ChatServer(_by_title) as server:
    folder = _rank(small_data, tmp_path, server, shuffles=3)
    assert len(server.requests) == 3 * _N
  figures = _further(folder)
  assert figures["rank_sd"] == figures["top_changes"] == 0
  assert figures["kendall_tau"] == pytest.approx(1)
  # The first that is shown is always best: the orders say nothing in common.
  first = {"ranking": [*range(1, 11)]}
  with ChatServer(lambda n, body: completion(json.dumps(first))) as server:
    folder = _rank(
      small_data, tmp_path, server, shuffles=3, cache=str(tmp_path / "b.db")
    )
  assert _further(folder)["top_changes"] > 0.5


def test_faults_are_tried_again_and_counted(small_data, tmp_path):
  faults = [
    (500, "oops", ()), (429, "slow down", [("Retry-After", "0.02")]), "drop",
    completion("I like games."), completion(""), completion("[3] > [1]"),
  ]  # fmt: skip

  def fault(n, body):
    # The first answer shows that a server is there.
    return faults[n - 1] if 0 < n <= len(faults) else _by_title(n, body)

  with ChatServer(fault) as server:
    folder = _rank(small_data, tmp_path, server, concurrency=1)
    assert len(server.requests) == _N + 5
  figures = _further(folder)
  assert figures["invalid_answers"] == pytest.approx(2 / (_N + 2))
  assert figures["asked_again"] == pytest.approx(1 / _N)
  assert figures["partial_answers"] == pytest.approx(1 / _N)
  assert figures["unranked"] == 0
  [partial] = [
    scores
    for scores in results.read_predictions(folder).scores
    if (scores == 0).sum() > 1
  ]
  # Those that are not ranked tie for last.
  assert sorted(partial) == [0] * (len(partial) - 2) + [
    len(partial) - 1, len(partial)
  ]  # fmt: skip


def test_a_server_without_schemas_is_asked_for_text(
  small_data, tmp_path, capsys
):
  def fault(n, body):
    if "response_format" in body:
      return 400, "response_format is not supported", ()
    return completion(" > ".join(f"[{n}]" for n in range(10, 0, -1)))

  with ChatServer(fault) as server:
    folder = _rank(small_data, tmp_path, server)
    said = capsys.readouterr().err
    assert said.count("Asking again without a JSON schema") == 1
    assert _further(folder)["invalid_answers"] == 0
    with pytest.raises(InputError, match="response_format"):
      _rank(small_data, tmp_path, server, response_format="json_schema")


def test_a_server_that_answers_prose_ends_the_run(small_data, tmp_path):
  with (
    ChatServer(lambda n, body: completion("What a lovely day.")) as server,
    pytest.raises(InputError, match=r"none of the first 20 answers can be"),
  ):
    _rank(small_data, tmp_path, server, num_requests=50, concurrency=2)
  assert len(server.requests) < 25


def test_a_run_that_ended_goes_on_and_pays_nothing_twice(small_data, tmp_path):
  def dies(n, body):
    return (401, "no", ()) if n >= 5 else _by_title(n, body)

  with ChatServer(dies) as server:
    with pytest.raises(InputError, match="refuses the key"):
      _rank(small_data, tmp_path, server, concurrency=1)
    assert not (tmp_path / "out").exists()
  with ChatServer(_by_title) as server:
    _rank(small_data, tmp_path, server)
    assert len(server.requests) == _N - 5


def test_an_estimate_sends_nothing(small_data, tmp_path):
  with ChatServer(_by_title) as server:
    done = _rank(
      small_data, tmp_path, server, shuffles=2, estimate=True,
      price_input=1.0, price_output=2.0,
    )  # fmt: skip
    assert not server.requests
  assert isinstance(done, Instead)
  assert done.counts["in_all"]["requests"] == 2 * _N
  assert done.counts["in_all"]["cost"] > 0


def test_the_words_are_those_of_the_domain():
  request = {"history": ["A"], "candidates": ["B", "C"], "ordered": True}
  for dataset, word in {
    "games": "video games", "games_hard": "video games", "ml_1m": "movies",
    "gift_cards_2018": "products", "shop": "items", "steam": "games",
  }.items():  # fmt: skip
    said = wordings.prompt(wordings.words(dataset), request)
    assert f" {word} " in said
    assert ("movie" in said) == (dataset == "ml_1m")
  unordered = wordings.prompt(
    wordings.words("shop"), request | {"ordered": False}
  )
  assert "oldest" not in unordered
  assert "next" not in unordered


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"ranker": "locl"}, "unknown ranker 'locl'"),
    ({"split": "train"}, "unknown split with candidates"),
    ({"ranker": "local", "base_url": "http://127.0.0.1"}, "--ranker=api"),
  ],
)
def test_wrong_options(small_data, tmp_path, options, message):
  with pytest.raises(InputError, match=message):
    command.rank("small", small_data, model="toy", **options)
