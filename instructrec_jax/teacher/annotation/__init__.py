"""The stage `annotate`: its instances, its teacher, and the texts."""
