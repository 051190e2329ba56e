"""From sources to a corpus: shards of measured rows, committed one by one."""
