"""Every way in: command line, and what composes the other packages for it."""
