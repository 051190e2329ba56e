"""Media of a library's videos: which file may be served, pictures and clips made of it in a sandboxed child."""
