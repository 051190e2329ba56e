"""Work that takes longer than a request: a durable queue in the library's folder, and the one worker that empties it."""
