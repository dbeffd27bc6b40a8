"""Train one run, or a sweep with -m: see `python train.py --help`."""

from pathlib import Path

from descentlab.cli import main

if __name__ == "__main__":
    main(Path(__file__).resolve().parent / "conf")
