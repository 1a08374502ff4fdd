"""What follows from an attempt once its outcome is stored: events, holds, probes.

Files:

apply: What a connection feels of an attempt: its pace, holds, a new token, a word with Envoy's host.
in_turn: Threads for what may wait long for a customer's answer: of each customer one thing at a time, in
    turn.
probes: After a refusal that may not be Envoy's own: ask for what is surely there, and for the invite itself.
refused_alike: Refusals that are alike for everyone: no row's fault, so that the rows are due again, the host
    held.
teller: What follows a stored verdict: its event, and the consequences for its connection, in threads of their
    own.
"""
