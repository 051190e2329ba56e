"""Raw videos to text evidence, and to filtered video–text pairs."""
