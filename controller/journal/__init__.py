"""What must survive a power cut: the sealed journal, its copies, and who may come in.

Never here: a rule of the hall, a thread, a child process, or a sentence that people read.
"""
