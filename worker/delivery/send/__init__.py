"""Send: one claim, one request, and the outcome handed over.

Files:

attempt: One attempt: what it is made with, and what it came to.
judge: What an attempt that failed came to, with what is stored about its row and its connection.
sender: The stage send: claim a row, make its one request, hand the outcome over; nothing else is waited for.
"""
