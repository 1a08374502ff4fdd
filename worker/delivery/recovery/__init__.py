"""Before a push: rows that a crash, a restore or a caller has left without what belongs to them.

Files:

interrupted: Put right what time, crashes and clocks have left behind; cheap, and done before every push.
missing: Give invites the deliveries that they lack: they were written while no trigger fired.
restored: After a restore: what would be created is in doubt first, without a request, and is looked up.
run: What comes before each push: what time, crashes and clocks have left behind is put right, and told.
"""
