"""Commands, as the command line knows them."""

import pytest

from instructrec_jax import cli
from instructrec_jax.cli.shared import command


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_command_stands_under_a_heading_and_says_what_it_does(name):
  found = cli.COMMANDS[name]
  assert isinstance(found, command.Command)
  assert found.group in command.GROUPS
  assert found.help[0].islower()
  assert "\n" not in found.help
