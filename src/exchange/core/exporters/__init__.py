"""Our cards, turned into documents of other worlds."""
