"""What a hall.toml may say, and how it is read: typed frozen settings, and every mistake with its line.

Never here: what is true in the hall, which is for hall/ and journal/; nor any device or clock.
"""
