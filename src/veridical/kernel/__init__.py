"""The compiled inner loops: C, called through ctypes, which frees the interpreter lock while they run."""
