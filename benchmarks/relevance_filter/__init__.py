"""What the relevance filter keeps and lets through, and whether a filtered corpus teaches more than the raw one."""
