"""A corpus on disk: parquet tables that are the truth, and tar shards of decoded frames that training reads."""
