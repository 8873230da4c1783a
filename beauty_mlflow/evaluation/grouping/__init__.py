"""Groups of classes, found from what a model confuses on its validation pictures."""
