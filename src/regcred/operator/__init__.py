"""The controller: PullCredentials in, one merged pull Secret in every selected namespace."""
