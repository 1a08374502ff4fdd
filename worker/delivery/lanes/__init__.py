"""Ready work between the stages prepare and send: one lane a connection, served in turn, bounded.

Files:

at_work: Who is at work on this database: read off the ledger, to which every process writes before it sends.
bounds: How much a run may do, and how much of it lies ready: counted under the lock of the lanes.
discovery: When a run looks for connections that have become due: now and then, and soon when there is a
    reason to.
dispatch: Where the stages prepare and send meet: one lane a connection, served in turn, each at its own pace.
lane: One lane: the due rows of one connection as far as they were read, and what stands in their way.
opening: The lanes that a run has opened, by connection: when they begin, begin again, and rest; a lock is
    held.
queues: In which queue a lane stands, by what it needs, and who is woken for it; the lock of the lanes is
    held.
round_robin: The order in which lanes are served: round robin, and at a cost that does not grow with their
    number.
sharing: Which due rows are this process's to send, while several processes are at work on one database.
to_prepare: Whose page is prepared next: nobody who asks Envoy, or takes long, may keep all preparers.
waiting: Threads that wait for something to do: one of them by the time, the others for what is said to them.
"""
