"""What was: who came before whom and why, and what a day was like. Pure folds over a journal's rows.

Never here: what will be (forecast/), a clock, a file, or a sentence that people read.
"""
