"""Obligations as SMT-LIB, the solvers behind them in child processes, and the record of their answers."""
