"""`python -m monitor COMMAND` is `foldwatch COMMAND`."""

import sys

from monitor.cli import main

sys.exit(main())
