"""Statements: built once, compiled once, and what they bring and take.

Files:

built_once: Statements that are built once: to build one costs more than to execute it.
compiled: Statements that are compiled once, and executed for a whole group of entries: what is done for each
    invite.
inserting: Insert what may be there already, as each database says it.
loaded: Rows that were read, as what their table's model is.
sizes: How long stored values are, told by the database before they are loaded.
"""
