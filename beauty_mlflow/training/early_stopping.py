"""When to stop, and which epoch to keep."""

import math
from dataclasses import dataclass


@dataclass
class EarlyStopping:
    """Follows val_loss epoch by epoch; its state is a pure function of the losses seen so far.

    The rule of Keras' EarlyStopping: training stops after ``patience`` epochs in a row without a strictly
    lower loss (the thesis used 3); 0 acts as 1. Of equal losses the first epoch is kept.
    """

    patience: int
    best_epoch: int = 0
    best_loss: float = math.inf
    epoch: int = 0

    def update(self, loss: float) -> bool:
        """Take the next epoch's loss, and return whether it is the best so far."""
        self.epoch += 1
        improved = loss < self.best_loss
        if improved:
            self.best_epoch, self.best_loss = self.epoch, loss
        return improved

    @property
    def stop(self) -> bool:
        """Whether the patience is used up."""
        return self.epoch - self.best_epoch >= max(self.patience, 1)
