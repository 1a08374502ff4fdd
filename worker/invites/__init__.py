"""The tables invite, delivery and attempt, and the states and their moves.

Files:

bounds: How long a caller's texts may be, in letters: as the table's own checks have it.
certainty: Whether what was found in Envoy must be of the attempt that is in doubt, or may be of one before.
custom_fields: The bounds of custom fields: the same where they come in and where they go out.
in_doubt: What stands for the fields of an invite in Envoy while it is not known what they are.
literals: The states of a delivery as statements name them: literals, not bound values.
model: The tables ``invite`` (the caller's), ``delivery`` and ``attempt`` (the worker's).
moves: What a person decides about an invite: each decision is one guarded UPDATE.
pending: What pending rows say together, found by hops over their index: one for each name, not one for each
    row.
personal: What of an invite is personal, and what stands in its place once its time is over.
restored: After a restore: the database comes from a backup, and does not know what was sent since.
signs: What signs the texts of a visit may hold: the same where they come in and where they go out.
states: The states of a delivery; the arrows are the usual moves.
store: Invites as the operator sees them: found by id or by name, listed, counted.
strays: Invites and deliveries that lack each other, since something was written while no trigger fired.
"""

from worker.invites.model import Attempt, Delivery, Invite
from worker.invites.states import Kind, Status, Verdict, Wanted

__all__ = ["Attempt", "Delivery", "Invite", "Kind", "Status", "Verdict", "Wanted"]
