"""The tables invite, delivery and attempt, and the states and their moves."""

from worker.invites.model import Attempt, Delivery, Invite
from worker.invites.states import Kind, Status, Verdict, Wanted

__all__ = ["Attempt", "Delivery", "Invite", "Kind", "Status", "Verdict", "Wanted"]
