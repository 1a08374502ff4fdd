"""Deliver invites: plan, claim, attempt, verdict.

Files:

clears: What an update empties, and an Envoy that does not empty it: the rest goes through, the clear is told.
consequences: What follows from an attempt once its outcome is stored: events, holds, probes.
content: What Envoy shall have: an invite in Envoy's own words, and the key by which two of them are equal.
custom_fields: The list of custom fields that Envoy gets: those of the row, and the defaults of its
    connection.
due: A due row as one value, and the connections that have due rows; `prepare.due_page` reads a page of them.
events: Tell what became of an invite: one event each, by ids, never by name.
fit: Hold what goes to Envoy to the rules of the files once more: what callers write by SQL met none of them.
lanes: Ready work between the stages prepare and send: one lane a connection, served in turn, bounded.
outcomes: What an attempt came to: Envoy's answers and failures, turned into one verdict each.
plan: Decide what is to be done about a due row; pure but for the host, and shared by push and dry run.
prepare: Prepare: all that can fail or wait before an attempt.
preview: Name each due row's fate from the database alone, and write nothing.
push: Push what is due: recover, then let the stages work, each in threads of its own.
reconcile: Find out what became of a create in doubt: look it up in Envoy, and decide.
recovery: Before a push: rows that a crash, a restore or a caller has left without what belongs to them.
refusals: Whether a refusal is Envoy's own: what is known of it since the row was refused first.
remarks: What is told of an update that went through, but not in every respect as it was wanted.
send: Send: one claim, one request, and the outcome handed over.
sent_content: What is stored of Envoy's content while not all of it is known, and what must be sent to change
    it.
store: Store: claims, verdicts and what else settles a row, as the database takes it.
"""
