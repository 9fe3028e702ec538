import pytest

from tests.report.toy_results import evaluated


@pytest.fixture
def systems(tmp_path):
  return [
    evaluated(tmp_path / "random", "random", 0),
    evaluated(tmp_path / "optimum", "optimum", 4),
    evaluated(tmp_path / "ours", "ours", 2, step=500),
    evaluated(tmp_path / "popularity", "popularity", 1),
  ]
