"""Why a model thinks that a video answers a text: words against frames, as numbers and as a picture."""
