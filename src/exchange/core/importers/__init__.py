"""Documents of other worlds, turned into ours."""
