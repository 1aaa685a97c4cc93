"""The command line: one module a command, with the options and the output they share."""
