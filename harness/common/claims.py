"""Claims: of several processes, on this machine or on others that see the same folder, one at a time does a piece of
work.

A claim is a file that its holder renews every ten seconds (filelock's SoftFileLease). Where the holder died on this
machine, another process takes the claim at once; where its machine is gone, after a minute without a renewal. Each
machine measures that minute by its own clock alone, so wrong clocks change nothing. A process that was taken for dead
notices before it publishes anything (`check`): a lost claim costs work, never a result.
"""

from __future__ import annotations

from pathlib import Path

from filelock import SoftFileLease, Timeout

from harness.common.errors import ClaimLost

_SECONDS_WITHOUT_RENEWAL = 60.0
_SECONDS_BETWEEN_RENEWALS = 10.0
_SECONDS_BETWEEN_LOOKS = 0.2


class Claim:
    """The right to do a piece of work, which one process has at a time."""

    def __init__(self, path: Path) -> None:
        """path: of the claim's file; its folder must exist."""
        self._lease = SoftFileLease(
            path, lease_duration=_SECONDS_WITHOUT_RENEWAL, heartbeat_interval=_SECONDS_BETWEEN_RENEWALS
        )

    def take(self) -> bool:
        """Take it if nobody has it; returns whether this process has it now."""
        try:
            self._lease.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def wait(self) -> None:
        """Take it as soon as nobody has it."""
        self._lease.acquire(poll_interval=_SECONDS_BETWEEN_LOOKS)

    def check(self) -> None:
        """Raise ClaimLost where another process has taken it, or its folder was removed. Call this before publishing
        what was made under it."""
        if (loss := self._lease.compromise) is None:
            return
        folder = Path(loss.lock_file).parent
        if not folder.is_dir():
            raise ClaimLost(
                f"{folder} was removed while it was being worked on, so what was made there is gone. Run the same "
                "command again to make it anew."
            )
        raise ClaimLost(
            f"another process took over what this one was doing ({loss.reason} of {loss.lock_file}), because this "
            "one showed no sign of life for a minute. Nothing is lost: the other one goes on."
        )

    def release(self) -> None:
        """Give it back."""
        self._lease.release()
