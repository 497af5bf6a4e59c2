"""What an image is made of, as documents that other programs read: functions of values, which answer bytes."""
