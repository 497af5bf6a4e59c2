"""What holds for all tests, wherever they are started."""

import signal

# A job in the background of a shell has Ctrl-C ignored, and so has every command that it starts; the tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
