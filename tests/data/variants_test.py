"""Variants of a dataset's records, by name."""

import pytest

from instructrec_jax.data import variants
from instructrec_jax.errors import InputError


@pytest.mark.parametrize("variant", variants.VARIANTS)
def test_a_name_of_records_tells_its_dataset(variant):
  name = f"games{variants.suffix(variant)}"
  assert variants.dataset_of(name) == "games"
  assert variants.named(variant) is variants.VARIANTS[variant]


def test_an_unknown_variant_gets_near_names():
  with pytest.raises(InputError, match="Did you mean 'search'"):
    variants.named("serach")


@pytest.mark.parametrize("end", ["hard", "of_100", "search", "history"])
def test_a_new_dataset_is_not_taken_for_another_s_variant(end):
  with pytest.raises(InputError, match=f"does not end in '_{end}'"):
    variants.check_free(f"games_{end}")
  assert variants.check_free(end) == end


@pytest.mark.parametrize("end", ["p1_i0_t3", "p1p2_i1_t3", "p1_to_i1_item"])
def test_a_new_dataset_is_not_taken_for_another_s_task(end):
  with pytest.raises(InputError, match=f"does not end in '_{end}'"):
    variants.check_free(f"games_{end}")


def test_the_name_of_all_datasets_is_no_dataset_s():
  with pytest.raises(InputError, match="'instructrec_all' is that of all"):
    variants.check_free("all")
  assert variants.check_free("all_games") == "all_games"
