"""`python -m queuecore`: the command, see command/."""

from .command import main

if __name__ == "__main__":
    main(prog_name="queuecore")
