"""How much a text tells of the pictures it is paired with, measured by an encoder of texts and pictures."""
