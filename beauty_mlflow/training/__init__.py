"""Training: recipes, the loop, and the state from which an interrupted run goes on. It knows no tracker."""
