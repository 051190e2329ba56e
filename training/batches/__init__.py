"""From shards to batches: which samples, which frames, which text, decoded ahead of the step that needs them."""
