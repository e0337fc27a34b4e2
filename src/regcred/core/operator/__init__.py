"""PullCredentials and what the operator decides: who is selected, what is done, what is told."""
