"""How every ``python -m <stage>.<step>`` ends: quietly, or with one line that says what to mend."""

import sys
from collections.abc import Callable

from extract.errors import InputError


def run(main: Callable[[], None]) -> None:
    """Run a command and turn what the user can mend into one line on stderr and exit status 1.

    Args:
        main: Parses ``sys.argv`` and does the step's work.

    Raises:
        SystemExit: With status 1 after an ``InputError`` and 130 after Ctrl-C. Any other exception
            is a defect of ours and keeps its traceback.
    """
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("interrupted; finished videos and epochs are kept, run the same command to go on", file=sys.stderr)
        raise SystemExit(130) from None
