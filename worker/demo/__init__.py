"""The sample data of ``make demo``: 25 visits of a made-up customer, three of them broken on purpose.

Files:

acts: The acts of the demo: what an operator does, one after the other, by the worker's own parts.
browser: Do what the customer's browser does: open the consent page, press Allow, follow the redirect.
running: Play the demo from its first line to its last.
story: Tell the demo as a story: numbered steps, each line in a style of its own.
visits: The demo's sample file, with days that lie ahead whenever the demo runs.
workshop: What the demo works with: its own folder, settings, key, database and sandbox.
"""
