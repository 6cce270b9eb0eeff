"""What people read and hear: words, tickets, signs, boards, speech."""
