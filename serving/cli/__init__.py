"""The `wenshi` command: one file a command group; heavy libraries are imported by the command that needs them."""
