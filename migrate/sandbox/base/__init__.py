"""What every part of the sandbox uses: settings, errors, faults, the log, checks against the contract."""
