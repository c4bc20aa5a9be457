"""What an analog array for training is made of: configurations, parameters and devices."""
