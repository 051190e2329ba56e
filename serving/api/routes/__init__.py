"""Routes, one file a subject; each makes its router from the service."""
