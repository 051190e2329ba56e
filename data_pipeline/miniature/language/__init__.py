"""The words and sentences of the miniature world, in Chinese and in English."""
