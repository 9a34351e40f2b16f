"""``python -m robustill`` is the command line."""

import sys

from robustill.cli import main

if __name__ == "__main__":
    sys.exit(main())
