"""Files of visits: read line by line, and rejected lines written.

Files:

csv_records: Read CSV records (RFC 4180), so that one broken quote does not swallow the lines after it.
header: Check the header of a CSV file before anything of it is imported.
lines: Cut a stream of bytes into lines of text, one at a time, whatever the bytes are.
readers: Read the rows of a file, CSV or JSON Lines, one at a time and in constant memory.
rejects: Write a file's rejected lines with what is wrong, so that they can be corrected and imported again.
repeats: Know an external id that a file has twice, in 40 bytes for each line.
spreadsheets: Write CSV files of which a spreadsheet runs no cell, and read back what was written.
template: A file to begin with: every column, and two made-up visits of the coming days.
"""
