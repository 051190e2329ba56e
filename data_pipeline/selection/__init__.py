"""Which candidates become pairs: decided on stored scores, without any model."""
