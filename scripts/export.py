"""Write a run as one Python script that needs only torch: `python scripts/export.py RUN [--output PATH] [--pack]`.

RUN is the folder of a finished run, for example outputs/my_sweep/adam-54de3731c6.
"""

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(description="Write a run as one Python script that needs only torch.")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--output", type=Path, metavar="PATH", help="the script (default: train.py in the run's folder)")
    parser.add_argument("--pack", action="store_true", help="store the data next to the script, whatever their size")
    arguments = parser.parse_args()

    from descentlab.errors import UsageError
    from descentlab.export.script import export

    try:
        exported = export(arguments.run, arguments.output, arguments.pack)
    except (UsageError, OSError) as error:
        print(f"export.py: {error}", file=sys.stderr)
        return 2
    for path in filter(None, (exported.script, exported.data)):
        print(f"{path} ({path.stat().st_size / 1000:,.0f} kB)")
    for note in exported.notes:
        print(note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
