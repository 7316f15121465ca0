"""Which version of veridical is this?"""

VERSION = "0.1.0"
