"""Remove what the sandbox of this installation keeps in the user's cache for the old endpoints, and say what it was.

    python scripts/remove_environments.py

What other installations use stays. A checkout that is moved or deleted without ``make clean`` leaves an environment
that the next sandbox of another one removes.
"""

import sys
from pathlib import Path

from migrate.sandbox.running.legacy_environment import remove_environments

for folder in remove_environments(Path(sys.prefix)):
    print(f"removed {folder}")
