"""`python -m instructrec_jax.cli`."""

import sys

from instructrec_jax.cli import main

sys.exit(main())
