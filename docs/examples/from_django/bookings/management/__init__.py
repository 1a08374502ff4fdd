"""What can be typed after `manage.py`."""
