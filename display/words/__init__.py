"""The catalogue: every sentence that people read or hear, by its code, in each language.

Never here: which sentence is due. A sentence stands in no other room.
"""
