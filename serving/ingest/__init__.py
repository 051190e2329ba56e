"""Videos into a library: find files, read them in worker processes, write one transaction a video."""
