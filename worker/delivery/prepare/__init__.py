"""Prepare: all that can fail or wait before an attempt.

Files:

due_page: Read due rows page by page; no page is larger than its bound of bytes, whatever callers have stored.
hosts: Say who is the host of a visit: the employee that a row means, if that one belongs to the location.
page: Prepare a lane's next page: finish the rows that need no call, and put the others among the ready work.
page_planner: Plan a page of due rows; one row's wrong name costs Envoy one look at most, and no other row
    anything.
preparer: The stage prepare: bring one lane after the other as far as it goes without being sent.
usability: Find out whether a connection may be used now, and have a token at hand; a refresh is not waited
    for.
"""
