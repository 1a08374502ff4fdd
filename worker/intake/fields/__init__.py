"""Single fields of a visit: read, checked, and stored as they were said or refused.

Files:

cells: Read one field of a row: text, an e-mail address, a switch, one word of several.
custom_fields: Read custom fields: a JSON object of the labels of Envoy's sign-in fields and their values.
not_given: What stands for an argument that was not given, where None means empty.
storable: What a caller says is stored as it was said, or refused: the database may lack a letter.
times: Read times, and settle local ones with the zone of the visit's location.
"""
