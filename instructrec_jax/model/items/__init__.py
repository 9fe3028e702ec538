"""Models whose vocabulary is a catalogue: SASRec, BERT4Rec and GRU4Rec."""
