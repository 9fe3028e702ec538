"""`instructrec reproduce` makes the tables of InstructRec's paper."""
