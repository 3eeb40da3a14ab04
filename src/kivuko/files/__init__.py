"""Files of any kind, read line by line whatever they are compressed with, and long writes that go on after a kill."""
