"""Whose page is prepared next: nobody who asks Envoy, or takes long, may keep all preparers."""

from collections import deque

from worker.delivery.lanes.lane import Lane, Need
from worker.delivery.lanes.round_robin import Turns


class ToPrepare:
    """The lanes that need a preparer, in their turns; the lock of the lanes is held."""

    def __init__(self, preparers: int) -> None:
        """Begin without a lane."""
        self._turns = {kind: Turns() for kind in Need}
        self._order = deque((Need.PAGE, Need.ASKING, Need.SLOW))  # who was served comes last
        self._most = {Need.ASKING: max(1, preparers - 1), Need.SLOW: max(1, preparers // 2)}
        self._given = {Need.ASKING: 0, Need.SLOW: 0}

    def put(self, lane: Lane, *, is_check: bool, at: float) -> None:
        """Let a lane come in its turn, from a moment on."""
        self._turns[Need.CHECK if is_check else _need(lane)].put(lane, at=at)

    def pick(self, now: float, *, checks_only: bool) -> Lane | None:
        """Take out the lane whose turn it is; None if it is nobody's now."""
        if (lane := self._turns[Need.CHECK].pick(now)) is not None or checks_only:
            return lane
        for kind in tuple(self._order):
            if not self._is_spent(kind) and (lane := self._turns[kind].pick(now)) is not None:
                self._order.remove(kind)
                self._order.append(kind)
                return lane
        return None

    def seconds_to_wait(self, now: float, *, checks_only: bool) -> float:
        """Return how long it takes until the first lane that waits may have its turn, if one waits."""
        kinds = (kind for kind in self._order if not checks_only and not self._is_spent(kind))
        return min(self._turns[kind].seconds_to_wait(now) for kind in (Need.CHECK, *kinds))

    def begin(self, lane: Lane) -> None:
        """Count a visit by what it may take."""
        if lane.slow:
            self._give(lane, Need.SLOW)
        if lane.asks or lane.slow:
            self._give(lane, Need.ASKING)

    def may_ask(self, lane: Lane) -> bool:
        """Return whether a visit may ask Envoy, and count it; else the lane comes again when it may."""
        if Need.ASKING in lane.permits:
            return True
        lane.asks = self._is_spent(Need.ASKING)
        if not lane.asks:
            self._give(lane, Need.ASKING)
        return not lane.asks

    def end(self, lane: Lane) -> None:
        """Count a visit no more."""
        if Need.ASKING in lane.permits:
            lane.asks = False
        for kind in lane.permits:
            self._given[kind] -= 1
        lane.permits.clear()

    def _give(self, lane: Lane, kind: Need) -> None:
        lane.permits.add(kind)
        self._given[kind] += 1

    def _is_spent(self, kind: Need) -> bool:
        counted = {Need.ASKING: (Need.ASKING,), Need.SLOW: (Need.ASKING, Need.SLOW)}.get(kind, ())
        return any(self._given[need] >= self._most[need] for need in counted)


def _need(lane: Lane) -> Need:
    if lane.slow:
        return Need.SLOW
    return Need.ASKING if lane.asks else Need.PAGE
