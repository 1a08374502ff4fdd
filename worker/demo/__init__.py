"""The sample data of ``make demo``: 25 visits of a made-up customer, three of them broken on purpose."""
