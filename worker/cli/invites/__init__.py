"""``envoy-worker invites``: hand them in, see them, and decide about them.

Files:

add: ``envoy-worker invites add``: one visit, by hand.
decide: ``envoy-worker invites retry``, ``withdraw`` and ``resolve``: a person decides.
import_file: ``envoy-worker invites import``: a file of visits, as CSV or JSON Lines.
import_streams: The files of an import: the one that is read, or a copy of it, and the one of rejected lines;
    and a bar.
list_and_show: ``envoy-worker invites list`` and ``show``.
template: ``envoy-worker invites template``: a file to begin with.
"""

from worker.cli.invites.decide import register

__all__ = ["register"]
