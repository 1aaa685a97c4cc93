"""Reading a claim about a program, in index or in matrix notation."""
