"""What is heard in a video: voice, music and singing, and the words that are said."""
