"""The HTTP service: search, videos, jobs and media of one library, and the page."""
