"""Ways out of a corpus: the forms in which others read it, and the way back for what must be taken out."""
