"""Readers of the files in which sets of images are published: arrays of numpy, CIFAR's, idx, MATLAB's.

None of them executes what it reads: a pickle is rebuilt from arrays, texts and numbers, or refused.
"""
