"""The works that are measured, in the order of the table; each in a module of its own that has the function work()."""
