"""Train a model from folders of pictures, sounds and videos in one command."""
