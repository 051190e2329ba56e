"""From what was measured of a video to the texts that may tell of its spans."""
