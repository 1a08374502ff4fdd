"""What must hold at every moment, and what the end of all trouble must come to."""

from itertools import chain

from tests.delivery_model import surroundings, workers
from tests.delivery_model.scope import Scope
from tests.delivery_model.state import Budget, EnvoyInvite, Row, State
from worker.invites import Status

NO_TROUBLE = Budget()
LONGEST_END = 200
# What goes on by itself once nothing goes wrong any more; the first that is possible is done.
CALM = (
    "store", "answer", "no answer", "record", "finish", "no claim", "too late", "give up", "person says",
    "claim", "write", "envoy", "see", "look",
)  # fmt: skip


def wrong(state: State) -> str:
    """Return what is wrong at this moment, or nothing."""
    if state.wrong:
        return state.wrong
    return next(filter(None, (_wrong(state, visit, row) for visit, row in enumerate(state.rows))), "")


def _wrong(state: State, visit: int, row: Row) -> str:
    envoy_invites = _of(state, visit)
    if sum(not invite.late for invite in envoy_invites) > 1:
        return f"visit {visit} is in Envoy twice, and no window excuses it"
    if len({invite.envoy_id for invite in envoy_invites} & {*row.known, row.envoy_id}) > 1 and not row.told:
        return f"visit {visit} has two ids, and nobody was told"
    if row.status in {Status.WITHDRAWN, Status.EXPIRED} and row.envoy_id is not None:
        return f"visit {visit} is {row.status} under an id"
    if row.status is Status.SENT and row.envoy_id is None:
        return f"visit {visit} is sent without an id"
    return ""


def _of(state: State, visit: int) -> list[EnvoyInvite]:
    return [invite for invite in state.envoy_invites if invite.visit == visit]


class End:
    """Whether everything comes to rest as it should, from any moment on; it remembers what does."""

    def __init__(self, scope: Scope) -> None:
        """Know nothing yet."""
        self._scope = scope
        self._good: set[State] = set()

    def wrong(self, state: State) -> str:
        """Return what is wrong once all trouble has ended, or nothing."""
        state = _calmed(state)
        path: list[State] = []
        while state not in self._good:
            path.append(state)
            following = self._next(state)
            if following is None:
                if reason := _unrest(state):
                    return reason
                break
            if len(path) > LONGEST_END or wrong(following):
                return wrong(following) or "it never ends"
            state = following
        self._good.update(path)
        return ""

    def _next(self, state: State) -> State | None:
        possible = dict(chain(surroundings.moves(state, self._scope), workers.moves(state, self._scope)))
        for kind in CALM:
            for label, following in possible.items():
                if label.startswith(kind):
                    return following
        return self._asked(state) or possible.get("plan 0") or possible.get("plan 1")

    def _asked(self, state: State) -> State | None:
        """Have a person settle what only a person can; a twin may wait for it."""
        for visit, row in enumerate(state.rows):
            if row.status is Status.UNKNOWN:
                return surroundings.see(state, visit)
        return None


def _calmed(state: State) -> State:
    """Let nothing more go wrong, and what is on its way be lost."""
    waiting = [one for one in state.workers if one.phase == "waiting"]
    answered = {answer[:2] for answer in state.answers}
    lost = sum((one.visit, one.token) not in answered for one in waiting)
    return state._replace(left=NO_TROUBLE._replace(losses=lost), requests=())


def _unrest(state: State) -> str:
    """Return how Envoy differs from the rows at rest; what a window let in is left out."""
    owned = {row.envoy_id for row in state.rows}
    left = {
        invite.visit for invite in state.envoy_invites if invite.envoy_id not in owned and not invite.late
    }
    for visit, row in enumerate(state.rows):
        # Of equal content, it makes no difference which was made for which; unless it came late for the
        # other one, and has what that one's caller said.
        mine = [invite for invite in state.envoy_invites if invite.envoy_id == row.envoy_id]
        texts = [row.text if invite.late and invite.visit != visit else invite.text for invite in mine]
        if row.status is not (Status.SENT if row.wanted else Status.WITHDRAWN):
            return f"visit {visit} ends as {row.status}"
        if row.wanted and texts != [row.text] and not row.told and row.envoy_id not in state.late_removed:
            return f"visit {visit} is lost: Envoy has {texts}"
        if visit in left and not row.told:
            return f"visit {visit} is there under an id that no row has"
    return ""
