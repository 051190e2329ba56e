"""What `wenshi demo` is made of: the model that knows the miniature world, and how well it finds unseen clips."""
