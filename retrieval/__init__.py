"""What a video is, how it is embedded, kept, found and scored."""
