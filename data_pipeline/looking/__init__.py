"""What is seen in a video: shots, keyframes and on-screen text, in one pass over its frames."""
