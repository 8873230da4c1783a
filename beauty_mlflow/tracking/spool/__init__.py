"""What a run logs is written down first, then sent: a tracker that goes away loses nothing and stops nothing."""
