"""The control socket: how the console, the command line and the daemon talk."""
