"""Commands, as the command line knows them."""

import pytest

from instructrec_jax.cli import program
from instructrec_jax.cli.shared import command


@pytest.mark.parametrize("name", program.commands_by_name())
def test_a_command_stands_under_a_heading_and_says_what_it_does(name):
  found = program.commands_by_name()[name]
  assert isinstance(found, command.Command)
  assert found.group in command.GROUPS
  assert found.help[0].islower()
  assert "\n" not in found.help
