"""What only PostgreSQL needs.

Files:

adapting: How the driver reads times that Python has not, and texts of a database whose encoding is not UTF-8.
connecting: PostgreSQL: how its connections are made, and how each transaction begins.
hanging_up: Hang up on a PostgreSQL that answers nobody, once the process is to end.
liveness: Give out no connection that a restart of PostgreSQL has left dead, without asking each time.
one_trip: Several statements as one PostgreSQL transaction, all of them sent before an answer is awaited.
texts: Texts in PostgreSQL databases whose encoding is another one than UTF-8.
"""
