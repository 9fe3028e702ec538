"""`instructrec reproduce`: the tables of InstructRec's paper, in one command."""
