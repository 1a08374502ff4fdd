"""What only an SQLite file needs.

Files:

connecting: An SQLite file: how its connections are made, and whose turn it is to write.
files: The SQLite file: looked at before it is touched, and private from its first byte on.
mark: The mark beside an SQLite file that took the place of another: nothing is sent from it until it is
    known.
opened: The SQLite file that was opened first: the path must lead to it for as long as it is used.
opening: How an SQLite file is opened: for reading without a trace, for writing once it is known to be ours.
ownership: Whose a database file is: what one user makes beside it locks another one out.
space: Leave nothing of what was deleted in SQLite's files, and give their space back.
"""
