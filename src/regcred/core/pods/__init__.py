"""Pods as kubelet reports them: what they pull with, what fails, and the commands that mend it."""
