"""``python -m kivuko``: the command line where its script is not on the path."""

from kivuko.cli.main import run

if __name__ == "__main__":
    run()
